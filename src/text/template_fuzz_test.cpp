// Mutated templates: whatever comes, parsing and rendering end, within limits, with a result or an
// error that names its place. Deterministic; the sanitizers watch.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"
#include "text/template.hpp"

namespace sighter::text {
namespace {

std::vector<std::string> seeds() {
  std::vector<std::string> out;
  const std::filesystem::path folder =
      std::filesystem::path(SIGHTER_SOURCE_DIR) / "tests/cases/text/templates";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("@@ template|")) out.push_back(line.substr(12));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

// What is put into a template: one piece a word.
std::vector<std::string> pieces() {
  std::istringstream words(
      "{{ }} {% %} {# #} - + ( ) [ ] { } | . , : ' \" \\ * ** // ~ == < = loop x xs m s us 1 0 -1 "
      "9223372036854775807 1e308 none range(9) |list |sort |map(' |join |batch( |tojson |pprint "
      "|format( %s %(a)s |wordwrap(1) |urlize |striptags &#x [::-1] namespace() .append( .split( "
      "{%endfor%} {%endset%} {%raw%} {%endif%} {%else%} {%endmacro%} \xC3\xA9 \xF0\x9F\x98\x80 "
      "\xFF");
  std::vector<std::string> out = {" in ",        " is ",
                                  " not ",       " if ",
                                  " else ",      "{% for x in xs %}",
                                  "{% set x %}", "{% macro m(a) %}",
                                  "\n",          std::string(1, '\0')};
  for (std::string word; words >> word;) out.push_back(word);
  return out;
}

std::string mutated(const std::vector<std::string>& seeds, const std::vector<std::string>& parts,
                    Random& random) {
  std::string text = seeds[random.below(seeds.size())];
  for (std::uint64_t n = 1 + random.below(4); n > 0; --n) {
    const std::size_t at = random.below(text.size() + 1);
    switch (random.below(5)) {
      case 0:
        text.insert(at, parts[random.below(parts.size())]);
        break;
      case 1:
        text.erase(at, random.below(8));
        break;
      case 2: {
        const std::string& other = seeds[random.below(seeds.size())];
        const std::size_t from = random.below(other.size() + 1);
        text.insert(at, other.substr(from, random.below(30)));
        break;
      }
      case 3:
        text = text.substr(0, at) + parts[random.below(parts.size())] + text.substr(at);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random.below(256));
    }
  }
  return text;
}

// ":12:7: " somewhere; by hand, since the text may hold NUL.
bool names_a_place(const std::string& what) {
  for (std::size_t at = what.find(':'); at != std::string::npos; at = what.find(':', at + 1)) {
    const std::size_t line = what.find_first_not_of("0123456789", at + 1);
    if (line == std::string::npos || line == at + 1 || what[line] != ':') continue;
    const std::size_t column = what.find_first_not_of("0123456789", line + 1);
    if (column != std::string::npos && column != line + 1 && what[column] == ':') return true;
  }
  return false;
}

TEST(TemplateFuzz, MutatedTemplatesEndWithAResultOrAnError) {
  const auto started = std::chrono::steady_clock::now();
  const auto all = seeds();
  const auto parts = pieces();
  Random random(20'240'601);
  const Json row =
      *json_parse(R"({"x": "<a> {{ b }}", "xs": [1, "b", null, 2.5, [3], {"k": 1}], "n": 3,
      "m": {"a": 1, "b": [2]}, "s": "héllo wörld", "us": [{"n": "b", "on": true}, {"n": "A"}]})");
  RenderOptions limits_of;
  limits_of.steps_max = 20'000;
  limits_of.bytes_max = 100'000;
  std::size_t rendered = 0;
  const FuzzRounds fuzz(40'000);
  for (int i = 0; fuzz.has(i); ++i) {
    if (i >= 2000 && i % 100 == 0 &&
        std::chrono::steady_clock::now() - started > fuzz_time(std::chrono::milliseconds(1500)))
      break;
    const std::string source = mutated(all, parts, random);
    TemplateOptions options = i % 2 == 0 ? TemplateOptions() : TemplateOptions::chat();
    if (i % 5 == 0) options = TemplateOptions::nunjucks();
    options.autoescape = i % 3 == 0;
    options.load = [&](std::string_view name) -> Result<std::string> {
      if (name.size() > 8) return fail(Kind::kNotFound, "none");
      return source;
    };
    const auto parsed = Template::parse(source, "t", options);
    const auto result = parsed ? parsed->render(row, limits_of) : std::unexpected(parsed.error());
    if (result) {
      ++rendered;
      ASSERT_LE(result->size(), limits_of.bytes_max) << source;
    } else {
      ASSERT_TRUE(names_a_place(result.error().what)) << result.error().what << "\n" << source;
    }
  }
  EXPECT_GT(rendered, 100u);
}

}  // namespace
}  // namespace sighter::text
