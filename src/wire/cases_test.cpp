// The cases of tests/cases/wire: adding one takes no code.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "wire/codec.hpp"

namespace sighter::wire {
namespace {

std::string slurp(const std::string& name) {
  std::ifstream file(std::string(SIGHTER_SOURCE_DIR) + "/tests/cases/wire/" + name);
  EXPECT_TRUE(file) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> split(std::string text, std::string_view by) {
  std::vector<std::string> out;
  for (std::size_t at; (at = text.find(by)) != text.npos; text.erase(0, at + by.size())) {
    out.push_back(text.substr(0, at));
  }
  out.push_back(std::move(text));
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

void check_request(const std::string& text) {
  std::vector<std::string> lines = split(text, "\n");
  SCOPED_TRACE(lines.at(0));
  const std::vector<std::string> words = split(lines.at(1), " ");
  const Codec& from = *codec_of(dialect_from(words.at(0)).value());
  const Codec& to = *codec_of(dialect_from(words.at(2)).value());
  std::vector<std::string> allow;
  std::string model;
  EncodeOptions options;
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (words[i].starts_with("allow=")) allow.push_back(words[i].substr(6));
    if (words[i].starts_with("quirks=")) options.quirks = &quirks_of(words[i].substr(7));
    if (words[i].starts_with("model=")) model = words[i].substr(6);
    if (words[i] == "stream") options.stream = true;
    if (words[i] == "whole") options.stream = false;
  }
  options.allow_drop = allow;
  options.model = model;
  ASSERT_EQ(lines.at(3), "=>");
  Result<Json> body = json_parse(lines.at(2));
  ASSERT_TRUE(body) << body.error().what;
  Result<ChatRequest> request = from.decode_request(std::move(*body));
  ASSERT_TRUE(request) << request.error().what;
  Result<Encoded> encoded = to.encode_request(*request, options);
  if (lines.at(4).starts_with("refused: ")) {
    ASSERT_FALSE(encoded) << encoded->body;
    EXPECT_EQ(encoded.error().kind, Kind::kInvalid);
    const std::string wanted = "cannot express " + lines[4].substr(9);
    EXPECT_NE(encoded.error().what.find(wanted), std::string::npos) << encoded.error().what;
    for (const std::string& name : split(lines[4].substr(9), ", "))
      EXPECT_NE(encoded.error().hint.find("\"" + name + "\""), std::string::npos)
          << encoded.error().hint;
    return;
  }
  if (lines.at(4).starts_with("wrong: ")) {
    ASSERT_FALSE(encoded) << encoded->body;
    EXPECT_EQ(encoded.error().kind, Kind::kInvalid);
    EXPECT_EQ(encoded.error().what, lines[4].substr(7));
    EXPECT_EQ(encoded.error().hint, "");
    return;
  }
  ASSERT_TRUE(encoded) << encoded.error().what;
  Result<Json> expected = json_parse(lines.at(4));
  Result<Json> got = json_parse(encoded->body);
  ASSERT_TRUE(expected) << expected.error().what;
  ASSERT_TRUE(got) << got.error().what << encoded->body;
  EXPECT_TRUE(*got == *expected) << "got      " << json_canonical(*got) << "\nexpected "
                                 << json_canonical(*expected);
  std::string dropped;
  std::string approximated;
  for (std::size_t i = 5; i < lines.size(); ++i) {
    if (lines[i].starts_with("dropped: ")) dropped = lines[i].substr(9);
    if (lines[i].starts_with("approximated: ")) approximated = lines[i].substr(14);
  }
  EXPECT_EQ(joined(encoded->dropped), dropped);
  EXPECT_EQ(joined(encoded->approximated), approximated);
}

TEST(Cases, RequestsInOtherDialects) {
  std::vector<std::string> cases = split(slurp("requests.txt"), "\n## ");
  ASSERT_GT(cases.size(), 20u);
  for (std::size_t i = 1; i < cases.size(); ++i) check_request(cases[i]);
}

TEST(Cases, WrongRequestsAreNamed) {
  int count = 0;
  for (const std::string& line : split(slurp("bad_requests.txt"), "\n")) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::vector<std::string> parts = split(line, " | ");
    ASSERT_EQ(parts.size(), 3u) << line;
    const Codec& codec = *codec_of(dialect_from(parts[0]).value());
    Result<Json> body = json_parse(parts[1]);
    ASSERT_TRUE(body) << line;
    const Result<ChatRequest> request = codec.decode_request(std::move(*body));
    ASSERT_FALSE(request) << line;
    EXPECT_EQ(request.error().kind, Kind::kInvalid);
    EXPECT_EQ(request.error().what, parts[2]);
    ++count;
  }
  EXPECT_GT(count, 10);
}

}  // namespace
}  // namespace sighter::wire
