// Runs the cases of tests/cases/text/templates; their README describes the format.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "text/template.hpp"

namespace sighter::text {
namespace {

struct Case {
  std::string file;
  std::map<std::string, std::string> sections;

  const std::string* find(const std::string& name) const {
    const auto it = sections.find(name);
    return it == sections.end() ? nullptr : &it->second;
  }
  friend void PrintTo(const Case& c, std::ostream* out) {
    *out << c.file << ": " << *c.find("case");
  }
};

bool is_marker(const std::string& line) {
  static const std::vector<std::string> kNames = {"case",   "options", "context", "template",
                                                  "output", "error",   "ours"};
  if (!line.starts_with("@@ ")) return false;
  const std::string name = line.substr(3, line.find('|') - 3);
  return name.starts_with("file ") || std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

void read_cases(const std::filesystem::path& path, std::vector<Case>& cases) {
  std::ifstream in(path, std::ios::binary);
  std::string line;
  std::string* open = nullptr;  // the section of several lines that this line belongs to
  bool first = false;
  while (std::getline(in, line)) {
    if (!is_marker(line)) {
      if (open == nullptr) continue;
      if (!first) *open += '\n';
      *open += line;
      first = false;
      continue;
    }
    const std::size_t bar = line.find('|');
    const std::string name = line.substr(3, bar - 3);
    if (name == "case") cases.push_back({path.filename().string(), {}});
    std::string& section = cases.back().sections[name];
    open = bar == std::string::npos ? &section : nullptr;
    first = true;
    if (open == nullptr) section = line.substr(bar + 1);
  }
}

std::vector<Case> all_cases() {
  std::vector<std::filesystem::path> files;
  const std::filesystem::path folder =
      std::filesystem::path(SIGHTER_SOURCE_DIR) / "tests/cases/text/templates";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Case> cases;
  for (const auto& file : files) read_cases(file, cases);
  return cases;
}

TemplateOptions options_of(const Case& c) {
  TemplateOptions options;
  const std::string* words = c.find("options");
  std::istringstream in(words == nullptr ? "" : *words);
  for (std::string word; in >> word;) {
    if (word == "chat") options = TemplateOptions::chat();
    if (word == "nunjucks") {
      options = TemplateOptions::nunjucks();
      options.autoescape = false;
    }
    if (word == "lenient") options.undefined = UndefinedMode::kLenient;
    if (word == "trim_blocks") options.trim_blocks = true;
    if (word == "lstrip_blocks") options.lstrip_blocks = true;
    if (word == "keep_trailing_newline") options.keep_trailing_newline = true;
    if (word == "autoescape") options.autoescape = true;
  }
  options.load = [&c](std::string_view name) -> Result<std::string> {
    const std::string* text = c.find("file " + std::string(name));
    if (text == nullptr) return fail(Kind::kNotFound, "no such file");
    return *text;
  };
  return options;
}

Result<std::string> render(const Case& c) {
  const std::string* context = c.find("context");
  const auto arguments = json_parse(context == nullptr ? "{}" : *context, "context");
  if (!arguments) return std::unexpected(arguments.error());
  const auto parsed = Template::parse(*c.find("template"), "t.md", options_of(c));
  if (!parsed) return std::unexpected(parsed.error());
  RenderOptions options;
  options.now = SystemTime(std::chrono::seconds(1'732'350'345));  // 2024-11-23 08:25:45
  return parsed->render(*arguments, options);
}

class TemplateCase : public ::testing::TestWithParam<Case> {};

TEST_P(TemplateCase, RendersAsWritten) {
  const Case& c = GetParam();
  const auto result = render(c);
  if (const std::string* error = c.find("error")) {
    ASSERT_FALSE(result) << "rendered: " << *result;
    EXPECT_THAT(result.error().message(), ::testing::HasSubstr(*error));
  } else {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(*result, *c.find("output"));
  }
}

INSTANTIATE_TEST_SUITE_P(Files, TemplateCase, ::testing::ValuesIn(all_cases()),
                         [](const ::testing::TestParamInfo<Case>& one) {
                           std::string name = one.param.file + "_" + *one.param.find("case");
                           for (char& c : name) {
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           }
                           return name + "_" + std::to_string(one.index);
                         });

}  // namespace
}  // namespace sighter::text
