#include "text/grammar.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "text/grammar_test_matcher.hpp"

namespace sighter::text {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Block {
  int line = 0;
  std::string schema;
  std::vector<std::string> accepted, refused, unchecked;
};

std::vector<std::string> lines_of(const fs::path& path) {
  const Result<std::string> text = read_file(path, 8 << 20);
  EXPECT_TRUE(text.has_value()) << (text ? "" : text.error().message());
  std::vector<std::string> out;
  for (std::size_t at = 0; text && at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    out.push_back(text->substr(at, end - at));
    at = end + 1;
  }
  return out;
}

std::vector<Block> blocks() {
  std::vector<Block> out;
  int number = 0;
  for (const std::string& line :
       lines_of(fs::path(SIGHTER_SOURCE_DIR) / "tests/cases/text/grammar.txt")) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    const std::string rest = line.size() > 2 ? line.substr(2) : "";
    if (line.starts_with("+ "))
      out.back().accepted.push_back(rest);
    else if (line.starts_with("- "))
      out.back().refused.push_back(rest);
    else if (line.starts_with("? "))
      out.back().unchecked.push_back(rest);
    else
      out.push_back({number, line, {}, {}, {}});
  }
  return out;
}

Result<Schema> compile(std::string_view text) {
  Result<Json> json = json_parse(text);
  if (!json) return std::unexpected(json.error());
  return Schema::compile(*json, "test");
}

// What the grammar lets through is valid, but for what it says is unchecked.
void check_generated(const Schema& schema, const Grammar& grammar, const GrammarMatcher& matcher,
                     Random& random, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    const std::string text = matcher.generate(random);
    EXPECT_TRUE(matcher.accepts(text)) << text;
    const Result<Json> value = json_parse(text);
    if (!value) {  // names of additional members may repeat
      EXPECT_THAT(value.error().what, HasSubstr("twice")) << text << "\n" << grammar.gbnf;
      continue;
    }
    for (const Violation& violation : schema.validate(*value)) {
      // What such a keyword leads to may stand anywhere in the schema.
      const auto leads_away = [](const std::string& place) {
        return place.ends_with("/$dynamicRef") || place.ends_with("/then") ||
               place.ends_with("/else") || place.ends_with("/dependentSchemas");
      };
      const bool told = std::ranges::any_of(grammar.unchecked, [&](const std::string& place) {
        return violation.schema.starts_with(place) || place.starts_with(violation.schema) ||
               leads_away(place);
      });
      EXPECT_TRUE(told) << violation.schema << ": " << violation.message << "\n"
                        << text << "\n"
                        << json_write(schema.json()) << "\n"
                        << ::testing::PrintToString(grammar.unchecked) << grammar.gbnf;
    }
  }
}

TEST(GrammarCases, AcceptAndRefuseWhatTheFileSays) {
  const std::vector<Block> all = blocks();
  EXPECT_GT(all.size(), 50u);
  for (const Block& block : all) {
    SCOPED_TRACE(fmt::format("grammar.txt:{}: {}", block.line, block.schema));
    const Result<Schema> schema = compile(block.schema);
    ASSERT_TRUE(schema.has_value()) << schema.error().message();
    const Result<Grammar> grammar = schema_grammar(*schema);
    ASSERT_TRUE(grammar.has_value()) << grammar.error().message();
    const Result<GrammarMatcher> matcher = GrammarMatcher::read(grammar->gbnf);
    ASSERT_TRUE(matcher.has_value()) << matcher.error().message() << "\n" << grammar->gbnf;
    for (const std::string& text : block.accepted) {
      EXPECT_TRUE(matcher->accepts(text)) << text << "\n" << grammar->gbnf;
    }
    for (const std::string& text : block.refused) {
      EXPECT_FALSE(matcher->accepts(text)) << text << "\n" << grammar->gbnf;
    }
    EXPECT_EQ(grammar->unchecked, block.unchecked);
  }
}

TEST(GrammarCases, WhatIsGeneratedIsValid) {
  Random random(3);
  for (const Block& block : blocks()) {
    SCOPED_TRACE(block.schema);
    const Result<Schema> schema = compile(block.schema);
    const Result<Grammar> grammar =
        schema ? schema_grammar(*schema) : std::unexpected(schema.error());
    ASSERT_TRUE(grammar.has_value());
    const Result<GrammarMatcher> matcher = GrammarMatcher::read(grammar->gbnf);
    ASSERT_TRUE(matcher.has_value() && matcher->is_finite()) << grammar->gbnf;
    check_generated(*schema, *grammar, *matcher, random, 40);
  }
}

TEST(GrammarIntegers, EveryRangeIsExact) {
  Random random(5);
  for (int round = 0; round < 120; ++round) {
    const auto any = [&] {
      return static_cast<long long>(random.below(round % 3 == 0 ? 30 : 2'500)) -
             (round % 2 ? 1'200 : 15);
    };
    const long long a = any(), b = any();
    const long long low = std::min(a, b), high = std::max(a, b);
    const Result<Schema> schema =
        compile(fmt::format(R"({{"type":"integer","minimum":{},"maximum":{}}})", low, high));
    const Result<Grammar> grammar = schema_grammar(*schema);
    ASSERT_TRUE(grammar.has_value());
    const Result<GrammarMatcher> matcher = GrammarMatcher::read(grammar->gbnf);
    ASSERT_TRUE(matcher.has_value());
    for (long long n : {low - 1, low, low + 1, (low + high) / 2, high - 1, high, high + 1, 0ll, 9ll,
                        10ll, 99ll, 100ll, 999ll, 1000ll, -1ll, -10ll, -100ll}) {
      EXPECT_EQ(matcher->accepts(std::to_string(n)), low <= n && n <= high)
          << n << " in " << low << ".." << high << "\n"
          << grammar->gbnf;
    }
  }
}

TEST(GrammarLabels, ExactlyOneOfThem) {
  const std::vector<std::string> labels = {"billing", "bug \"x\"", "Zürich"};
  const Result<Grammar> grammar = labels_grammar(labels);
  ASSERT_TRUE(grammar.has_value());
  const Result<GrammarMatcher> matcher = GrammarMatcher::read(grammar->gbnf);
  ASSERT_TRUE(matcher.has_value()) << grammar->gbnf;
  for (const std::string& label : labels) EXPECT_TRUE(matcher->accepts(label));
  EXPECT_FALSE(matcher->accepts("bill"));
  EXPECT_FALSE(matcher->accepts("\"billing\""));
  EXPECT_FALSE(labels_grammar({}).has_value());
  EXPECT_FALSE(labels_grammar(std::vector<std::string>{"a", ""}).has_value());
}

std::string refusal(std::string_view text) {
  const Result<Schema> schema = compile(text);
  EXPECT_TRUE(schema.has_value()) << text;
  const Result<Grammar> grammar = schema_grammar(*schema);
  return grammar ? "" : grammar.error().message();
}

TEST(Grammar, SaysWhenNothingCanBeValid) {
  EXPECT_THAT(refusal("false"), HasSubstr("no value can be valid"));
  EXPECT_THAT(refusal(R"({"type":"string","allOf":[{"type":"null"}]})"), HasSubstr("no value"));
  EXPECT_THAT(refusal(R"({"type":"object","properties":{"a":false},"required":["a"]})"),
              HasSubstr("no value"));
  EXPECT_THAT(refusal(R"({"enum":["a"],"minLength":2})"), HasSubstr("no value"));
  EXPECT_THAT(refusal(R"({"type":"integer","minimum":3,"maximum":2})"), HasSubstr("no value"));
}

TEST(Grammar, StaysSmall) {
  std::string wide = R"({"type":"object","properties":{)";
  for (int i = 0; i < 300; ++i)
    wide += fmt::format(R"({}"p{}":{{"type":"string","maxLength":20}})", i ? "," : "", i);
  const Result<Grammar> grammar = schema_grammar(*compile(wide + "}}"));
  ASSERT_TRUE(grammar.has_value());
  EXPECT_LT(grammar->gbnf.size(), 60'000u);
  std::string split = R"({"allOf":[)";
  for (int i = 0; i < 12; ++i)
    split += fmt::format(
        R"({}{{"anyOf":[{{"required":["a{}"]}},{{"required":["b{}"]}},{{"required":["c{}"]}}]}})",
        i ? "," : "", i, i, i);
  const Result<Grammar> product = schema_grammar(*compile(split + "]}"));
  ASSERT_TRUE(product.has_value());
  EXPECT_LT(product->gbnf.size(), 60'000u);
  EXPECT_EQ(product->unchecked.size(), 9u);
}

TEST(Grammar, TooManyRulesAreRefused) {
  std::string text = R"({"type":"array","prefixItems":[)";
  for (int i = 0; i < 6'000; ++i)
    text += fmt::format(
        R"({}{{"type":"object","properties":{{"p{}":{{"type":"null"}}}},"required":["p{}"]}})",
        i ? "," : "", i, i);
  EXPECT_THAT(refusal(text + "]}"), HasSubstr("more than 5000 rules"));
}

// The official suite: a grammar that leaves nothing unchecked accepts nothing that is invalid.
TEST(GrammarSuite, AcceptsNothingInvalid) {
  const fs::path suite = fs::path(SIGHTER_SOURCE_DIR) / "../shared/specs/json_schema_suite/tests";
  if (!fs::exists(suite)) GTEST_SKIP() << "the JSON Schema test suite is not at " << suite;
  Random random(9);
  int exact = 0, refused = 0;
  for (const auto& entry : fs::recursive_directory_iterator(suite)) {
    if (entry.path().extension() != ".json" || entry.path().string().contains("optional")) continue;
    const Result<std::string> text = read_file(entry.path(), 16 << 20);
    const Result<Json> groups = text ? json_parse(*text) : std::unexpected(text.error());
    ASSERT_TRUE(groups.has_value());
    for (const Json& group : groups->as_array()) {
      SchemaOptions options;
      if (entry.path().string().contains("draft7")) options.draft = Draft::k7;
      const Result<Schema> schema = Schema::compile(*group.find("schema"), "suite", options);
      if (!schema) continue;  // needs a remote document
      const Result<Grammar> grammar = schema_grammar(*schema);
      if (!grammar) continue;
      const Result<GrammarMatcher> matcher = GrammarMatcher::read(grammar->gbnf);
      ASSERT_TRUE(matcher.has_value()) << matcher.error().what << "\n" << grammar->gbnf;
      if (matcher->is_finite()) check_generated(*schema, *grammar, *matcher, random, 4);
      if (!grammar->unchecked.empty()) continue;
      ++exact;
      for (const Json& test : group.find("tests")->as_array()) {
        if (test.find("valid")->as_bool()) continue;
        ++refused;
        EXPECT_FALSE(matcher->accepts(json_write(*test.find("data"))))
            << entry.path() << " " << json_write(group) << "\n"
            << grammar->gbnf;
      }
    }
  }
  EXPECT_GT(exact, 200);
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace sighter::text
