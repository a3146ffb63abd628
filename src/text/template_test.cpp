#include "text/template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "base/random.hpp"
#include "text/template_dialect.hpp"
#include "text/template_dialect.hpp"

namespace sighter::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Template parsed(std::string_view source, const TemplateOptions& options = {}) {
  auto result = Template::parse(source, "t.md", options);
  EXPECT_TRUE(result) << result.error().message();
  return *result;
}

std::string parse_error(std::string_view source, const TemplateOptions& options = {}) {
  const auto result = Template::parse(source, "t.md", options);
  return result ? "parsed" : result.error().message();
}

std::string render_error(std::string_view source, const RenderOptions& options = {}) {
  const auto result = parsed(source).render(Json::object(), options);
  return result ? "rendered" : result.error().message();
}

std::vector<std::string> paths(const Template& t) {
  std::vector<std::string> out;
  for (const TemplatePath& path : t.paths())
    out.push_back(path.text() + (path.optional ? "?" : ""));
  return out;
}

TEST(Template, ArgumentsAreGivenByNameWithoutCopies) {
  const Json row = *json_parse(R"({"text": "hi"})");
  const Json n(3);
  EXPECT_EQ(parsed("{{ input.text }} {{ n }}").render({{"input", &row}, {"n", &n}}), "hi 3");
}

TEST(Template, ArgumentsThatAreNoObjectAreRefused) {
  const auto result = parsed("a").render(Json(3));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().what, "t.md: the arguments of a template are an object, not number");
}

TEST(Template, LineBreaksOfTheSourceAreNormal) {
  EXPECT_EQ(parsed("a\r\nb\rc{{ '\r\n' }}\r\n").render(Json::object()), "a\nb\nc\n");
}

TEST(Template, AByteOrderMarkIsSkipped) {
  EXPECT_EQ(parsed("\xEF\xBB\xBFx").render(Json::object()), "x");
}

TEST(Template, NulIsText) {
  EXPECT_EQ(parsed(std::string_view("a\0b", 3)).render(Json::object()), std::string("a\0b", 3));
}

TEST(Template, InvalidUtf8IsRefusedWithItsPlace) {
  EXPECT_THAT(parse_error("ab\nc\xFF"), HasSubstr("t.md:2:2: the template is not UTF-8"));
}

TEST(Template, ATemplateBeyondTheLimitIsRefused) {
  EXPECT_THAT(parse_error(std::string(limits::kTemplateBytesMax + 1, 'x')),
              HasSubstr("larger than"));
}

TEST(Template, DeepNestingIsRefusedInsteadOfOverflowing) {
  const std::size_t n = 100'000;
  EXPECT_THAT(parse_error("{{ " + std::string(n, '(') + "1" + std::string(n, ')') + " }}"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(parse_error("{{ " + std::string(n, '[') + std::string(n, ']') + " }}"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(parse_error("{{ " + std::string(n, '-') + "1 }}"), HasSubstr("nested too deeply"));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Template, DeepStatementsAreRefused) {
  EXPECT_THAT(parse_error(repeated("{% if 1 %}", 100'000)), HasSubstr("nested too deeply"));
  EXPECT_THAT(parse_error("{{ " + repeated("not ", 100'000) + "1 }}"),
              HasSubstr("nested too deeply"));
  EXPECT_THAT(parse_error("{{ a" + repeated(".b", 100'000) + " }}"), HasSubstr("too long"));
  EXPECT_THAT(parse_error("{{ a" + repeated("|upper", 100'000) + " }}"), HasSubstr("too long"));
  EXPECT_THAT(parse_error("{{ 1" + repeated(" if 1", 100'000) + " }}"), HasSubstr("too deeply"));
}

TEST(Template, LongFlatExpressionsAreFine) {
  EXPECT_EQ(parsed("{{ 1" + repeated(" + 1", 10'000) + " }}").render(Json::object()), "10001");
  EXPECT_EQ(parsed("{{ 1" + repeated(" and 1", 10'000) + " }}").render(Json::object()), "1");
}

TEST(Template, StepsAreLimited) {
  RenderOptions options;
  options.steps_max = 100;
  EXPECT_THAT(
      render_error("{% for i in range(99) %}{% for j in range(99) %}{% endfor %}{% endfor %}",
                   options),
      HasSubstr("takes more than 100 steps"));
}

TEST(Template, OutputIsLimited) {
  RenderOptions options;
  options.bytes_max = 1000;
  EXPECT_THAT(render_error("{% for i in range(999) %}xxxxxxxxxx{% endfor %}", options),
              HasSubstr("larger than 1000 bytes"));
}

TEST(Template, ValuesThatAreKeptAreLimited) {
  RenderOptions options;
  options.bytes_max = 10'000;
  EXPECT_THAT(render_error("{% set ns = namespace(l=[]) %}{% for i in range(99) %}"
                           "{% set ns.l = ns.l + ['x' * 9000] %}{% endfor %}",
                           options),
              HasSubstr("holds more than 40000 bytes"));
}

TEST(Template, StringsAndListsThatDoubleAreLimited) {
  RenderOptions options;
  options.bytes_max = 100'000;
  options.steps_max = 100'000;
  EXPECT_THAT(render_error("{% set ns = namespace(x='x') %}{% for i in range(100) %}"
                           "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                           options),
              HasSubstr("larger than 100000 bytes"));
  EXPECT_THAT(render_error("{% set ns = namespace(x=[1]) %}{% for i in range(100) %}"
                           "{% set ns.x = ns.x + ns.x %}{% endfor %}",
                           options),
              HasSubstr("t.md:1:"));
}

TEST(Template, MacrosThatMultiplyAreLimited) {
  RenderOptions options;
  options.steps_max = 10'000;
  EXPECT_THAT(render_error("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% "
                           "endmacro %}{{ m(60) }}",
                           options),
              HasSubstr("takes more than 10000 steps"));
}

TEST(Template, ValuesInACircleAreFreed) {  // the address sanitizer says so
  TemplateOptions options = TemplateOptions::chat();
  EXPECT_EQ(
      parsed("{% set ns = namespace() %}{% set ns.me = ns %}{% set l = [] %}{% do l.append(l) %}ok",
             options)
          .render(Json::object()),
      "ok");
}

TEST(Template, AListInItselfIsNotPrintedForEver) {
  const auto result = parsed("{% set l = [] %}{% do l.append(l) %}{{ l }}", TemplateOptions::chat())
                          .render(Json::object());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("nested too deeply to be printed"));
}

TEST(Template, ListsInThemselvesAreNotComparedForEver) {
  const auto result =
      parsed("{% set l = [] %}{% do l.append(l) %}{% set m = [] %}{% do m.append(m) %}{{ l == m }}",
             TemplateOptions::chat())
          .render(Json::object());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().what, HasSubstr("nested too deeply to be compared"));
}

TEST(Template, ManyThreadsMayRenderAtOnce) {
  TemplateOptions options;
  options.load = [](std::string_view name) -> Result<std::string> {
    return "<" + std::string(name) + ">";
  };
  const Template t =
      parsed("{% for x in xs %}{% include 'f' ~ x %}{{ 'a' 'b' ~ x }}{% endfor %}", options);
  const Json row = *json_parse(R"({"xs": [1, 2, 3]})");
  std::vector<std::string> out(4);
  {
    std::vector<std::jthread> threads;
    for (std::string& result : out) {
      threads.emplace_back([&] {
        for (int i = 0; i < 200; ++i) result = *t.render(row);
      });
    }
  }
  EXPECT_THAT(out, ::testing::Each("<f1>ab1<f2>ab2<f3>ab3"));
}

TEST(Template, RandomDrawsFromTheGivenSource) {
  Random random(7);
  RenderOptions options;
  options.random = &random;
  const auto result = parsed("{{ [1, 2, 3]|random }}").render(Json::object(), options);
  EXPECT_THAT(*result, ::testing::AnyOf("1", "2", "3"));
}

TEST(Template, TheClockOfChatTemplatesIsGiven) {
  const Template t = parsed("{{ strftime_now('%Y-%m-%d') }}", TemplateOptions::chat());
  RenderOptions options;
  options.now = SystemTime(std::chrono::seconds(86'400));
  EXPECT_EQ(t.render(Json::object(), options), "1970-01-02");
  EXPECT_FALSE(t.render(Json::object()));
}

TEST(Template, IncludeWithoutALoaderIsRefused) {
  EXPECT_THAT(parse_error("{% include 'x' %}"),
              HasSubstr("t.md:1:4: 'include' is not available here"));
}

TEST(Template, ALoadersOwnErrorIsPassedOn) {
  TemplateOptions options;
  options.load = [](std::string_view) -> Result<std::string> {
    return fail(Kind::kIo, "disk on fire");
  };
  EXPECT_THAT(parse_error("{% include 'x' ignore missing %}", options), HasSubstr("disk on fire"));
}

TEST(Template, ChatFunctionsAreOnlyForChatTemplates) {
  EXPECT_THAT(render_error("{{ raise_exception('x') }}"),
              HasSubstr("'raise_exception' is undefined"));
}

TEST(Template, ErrorsDoNotHoldValues) {
  const Json row = *json_parse(R"({"key": "sk-secret"})");
  const auto result = parsed("{{ key + 1 }}").render(row);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message(), ::testing::Not(HasSubstr("secret")));
}

TEST(Template, LargeObjectsAreLookedUpByIndex) {
  Json row = Json::object();
  for (int i = 0; i < 300; ++i) row.as_object().set("k" + std::to_string(i), i);
  const Json outer = Json::object({{"m", row}});
  EXPECT_EQ(
      parsed("{% set ns = namespace(n=0) %}{% for k in m %}{% set ns.n = ns.n + m[k] %}{% endfor %}"
             "{{ ns.n }} {{ m.nope is defined }}")
          .render(outer),
      "44850 False");
}

TEST(TemplatePaths, AreFoundAsFarAsTheyAreWrittenOut) {
  EXPECT_THAT(paths(parsed("{{ input.user['name'] }} {{ input.list[0].x }} {{ input[key].y }}")),
              ElementsAre("input.user.name", "input.list", "input", "key"));
}

TEST(TemplatePaths, NamesOfTheTemplateItselfAreNone) {
  EXPECT_THAT(
      paths(parsed(
          "{% set a = x %}{{ a }}{% for i in ys %}{{ i }}{{ loop.index }}{% endfor %}"
          "{% macro m(p, q=z) %}{{ p }}{{ q }}{{ later }}{{ varargs }}{% endmacro %}{{ m(1) }}"
          "{% set later = 1 %}{% with w = v %}{{ w }}{% endwith %}{{ range(3) }}")),
      ElementsAre("x", "ys", "v", "z"));
}

TEST(TemplatePaths, NamesOfALoopAreOutsideAgainBehindIt) {
  EXPECT_THAT(paths(parsed("{% for i in [1] %}{% set s = 1 %}{{ s }}{% endfor %}{{ s }}{{ i }}")),
              ElementsAre("s", "i"));
}

TEST(TemplatePaths, WhatIsAskedForFirstIsOptional) {
  EXPECT_THAT(paths(parsed(
                  "{{ a is defined }}{{ b|default(1) }}{% if c is defined %}{{ c.x }}{% endif %}"
                  "{{ d.e if d.e is defined }}{% if f is not defined %}{% else %}{{ f }}{% endif %}"
                  "{{ g is defined and g }}{% if h is undefined or h.i %}{% endif %}")),
              ElementsAre("a?", "b?", "c?", "c.x?", "d.e?", "f?", "g?", "h?", "h.i?"));
}

TEST(TemplatePaths, OneThatIsRequiredAnywhereIsRequired) {
  const Template t = parsed("{{ a is defined }}\n {{ a }}");
  EXPECT_THAT(paths(t), ElementsAre("a"));
  EXPECT_EQ(t.paths()[0].where(), "t.md:2:5");
}

TEST(TemplatePaths, ConditionsMakeOptionalInLenientMode) {
  EXPECT_THAT(paths(parsed("{% if a %}{{ a }}{% endif %}{{ b }}", TemplateOptions::chat())),
              ElementsAre("a?", "b"));
}

TEST(TemplatePaths, IncludedTextsCount) {
  TemplateOptions options;
  options.load = [](std::string_view name) -> Result<std::string> {
    if (name == "a") return "{{ x }}{% include 'b' %}{% include 'a' ignore missing %}";
    return "\n{{ y.z }}";
  };
  const Template t = parsed("{% set x = 1 %}{% include 'a' %}", options);
  EXPECT_THAT(paths(t), ElementsAre("y.z"));
  EXPECT_EQ(t.paths()[0].where(), "b:2:4");
}

TEST(TemplatePaths, VariablesAreTheirFirstSteps) {
  EXPECT_THAT(parsed("{{ a.b }}{{ a.c }}{{ d }}").variables(), ElementsAre("a", "d"));
}

// docs/templates.md is the reference: whatever the engine knows stands there.
TEST(TemplateDocs, NameEveryFilterTestAndFunction) {
  std::ifstream in(std::string(SIGHTER_SOURCE_DIR) + "/docs/templates.md");
  std::string page{std::istreambuf_iterator<char>(in), {}};
  ASSERT_FALSE(page.empty());
  const jinja::DialectTable& table = jinja::dialect_table({});
  std::vector<std::string> names = table.filter_names();
  for (std::string& name : table.test_names()) names.push_back(std::move(name));
  for (const char* name : {"range", "dict", "namespace", "cycler", "joiner"}) {
    ASSERT_NE(table.function(name), nullptr) << name;
    names.emplace_back(name);
  }
  for (const std::string& name : names)
    EXPECT_NE(page.find("\n| `" + name + "` |"), std::string::npos) << name;
}

TEST(TemplateDocs, NameEveryDifferenceOfNunjucks) {
  std::ifstream in(std::string(SIGHTER_SOURCE_DIR) + "/docs/templates.md");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  const std::size_t section = page.find("## What Nunjucks does otherwise");
  ASSERT_NE(section, std::string::npos);
  const std::string_view part = std::string_view(page).substr(section);
  const jinja::DialectTable& jinja_table = jinja::dialect_table({});
  const jinja::DialectTable& nunjucks = jinja::dialect_table(TemplateOptions::nunjucks());
  for (const std::string& name : jinja_table.filter_names()) {
    if (nunjucks.filter(name) != nullptr) continue;
    EXPECT_NE(nunjucks.refused_filter(name), nullptr) << name;
    EXPECT_NE(part.find("`" + name + "`"), std::string_view::npos) << name;
  }
  for (const std::string& name : nunjucks.filter_names()) {
    if (jinja_table.filter(name) != nullptr) continue;
    EXPECT_NE(part.find("`" + name + "`"), std::string_view::npos) << name;
  }
}

}  // namespace
}  // namespace sighter::text
