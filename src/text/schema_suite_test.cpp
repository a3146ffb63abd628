// The official test suite of JSON Schema (json-schema-org/JSON-Schema-Test-Suite), when its files
// are beside the project.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "text/schema.hpp"

namespace sighter::text {
namespace {

namespace fs = std::filesystem;

const fs::path kSuite = fs::path(SIGHTER_SOURCE_DIR) / "../shared/specs/json_schema_suite";

struct Tally {
  int tests = 0;
  std::set<std::string> failed;
};

Result<Json> load_json(const fs::path& path) {
  Result<std::string> text = read_file(path, 16 << 20);
  if (!text) return std::unexpected(text.error());
  return json_parse(*text, path.string());
}

Result<Json> load_remote(const std::string& uri) {
  constexpr std::string_view kHost = "http://localhost:1234/";
  if (!uri.starts_with(kHost))
    return fail(Kind::kNotFound, "not one of the suite's remotes: " + uri);
  return load_json(kSuite / "remotes" / uri.substr(kHost.size()));
}

void run_group(const Json& group, const std::string& file, SchemaOptions options, Tally& tally) {
  const std::string name = fmt::format("{}: {}", file, *group.find_string("description"));
  const Result<Schema> schema = Schema::compile(*group.find("schema"), file, options);
  for (const Json& test : group.find("tests")->as_array()) {
    ++tally.tests;
    const std::string line = fmt::format("{}: {}", name, *test.find_string("description"));
    const Json& data = *test.find("data");
    const bool expected = test.find("valid")->as_bool();
    if (!schema) {
      tally.failed.insert(line);
      if (!file.contains("optional")) ADD_FAILURE() << line << "\n" << schema.error().message();
      continue;
    }
    const std::vector<Violation> violations = schema->validate(data);
    if (violations.empty() != expected) tally.failed.insert(line);
    // The quick answer and the explained one agree, and each violation has words.
    EXPECT_EQ(schema->valid(data), violations.empty()) << line;
    for (const Violation& violation : violations) EXPECT_FALSE(violation.message.empty()) << line;
  }
}

Tally run_folder(const std::string& draft, bool optional) {
  Tally tally;
  SchemaOptions options;
  options.draft = draft == "draft7" ? Draft::k7 : Draft::k2020;
  options.load = load_remote;
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kSuite / "tests" / draft)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    const std::string name = file.lexically_relative(kSuite / "tests").string();
    if (name.contains("/optional/") != optional) continue;
    options.assert_formats = name.contains("/format/");
    const Result<Json> groups = load_json(file);
    EXPECT_TRUE(groups.has_value()) << name;
    if (!groups) continue;
    for (const Json& group : groups->as_array()) run_group(group, name, options, tally);
  }
  return tally;
}

class SchemaSuite : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!fs::exists(kSuite)) GTEST_SKIP() << "the JSON Schema test suite is not at " << kSuite;
  }
};

TEST_P(SchemaSuite, EveryMandatoryTestPasses) {
  const Tally tally = run_folder(GetParam(), false);
  EXPECT_GT(tally.tests, 500);
  for (const std::string& line : tally.failed) ADD_FAILURE() << line;
}

TEST_P(SchemaSuite, OptionalTestsThatFailAreTheListedOnes) {
  const Tally tally = run_folder(GetParam(), true);
  EXPECT_GT(tally.tests, 100);
  const Result<std::string> text =
      read_file(fs::path(SIGHTER_SOURCE_DIR) / "tests/cases/text/schema_optional.txt", 1 << 20);
  ASSERT_TRUE(text.has_value()) << text.error().message();
  std::set<std::string> listed;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    const std::string line = text->substr(at, end - at);
    if (line.starts_with(GetParam() + "/")) listed.insert(line);
    at = end + 1;
  }
  for (const std::string& line : tally.failed) {
    if (!listed.contains(line)) ADD_FAILURE() << "fails, not listed: " << line;
  }
  for (const std::string& line : listed) {
    if (!tally.failed.contains(line)) ADD_FAILURE() << "listed, but passes: " << line;
  }
}

INSTANTIATE_TEST_SUITE_P(Drafts, SchemaSuite, ::testing::Values("draft7", "draft2020-12"),
                         [](const auto& drafts) {
                           return drafts.param == "draft7" ? "Draft7" : "Draft2020";
                         });

}  // namespace
}  // namespace sighter::text
