#include "text/schema.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/random.hpp"
#include "base/test_fuzz.hpp"

namespace sighter::text {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Json json(std::string_view text) {
  Result<Json> value = json_parse(text);
  EXPECT_TRUE(value.has_value()) << text << ": " << (value ? "" : value.error().message());
  return value ? *value : Json();
}

Schema schema(std::string_view text, SchemaOptions options = {}) {
  Result<Schema> compiled = Schema::compile(json(text), "test", options);
  EXPECT_TRUE(compiled.has_value()) << (compiled ? "" : compiled.error().message());
  if (!compiled) return *Schema::compile(Json(true), "true");
  return *compiled;
}

std::vector<std::string> messages(std::string_view schema_text, std::string_view value,
                                  SchemaOptions options = {}) {
  std::vector<std::string> out;
  for (const Violation& violation : schema(schema_text, options).validate(json(value)))
    out.push_back(violation.message);
  return out;
}

std::string mistake(std::string_view text, SchemaOptions options = {}) {
  const Result<Schema> compiled = Schema::compile(json(text), "in.json", options);
  return compiled ? "" : compiled.error().message();
}

// ---- words

TEST(SchemaMessages, NamePlaceExpectedAndGiven) {
  EXPECT_THAT(
      messages(R"({"properties":{"items":{"items":{"properties":{"qty":{"type":"integer"}}}}}})",
               R"({"items":[{"qty":"3"}]})"),
      ElementsAre("/items/0/qty must be an integer, not a string"));
  EXPECT_THAT(messages(R"({"type":["string","null"]})", "1"),
              ElementsAre("the value must be a string or null, not a number"));
  EXPECT_THAT(messages(R"({"type":"integer"})", "1.5"),
              ElementsAre("the value must be an integer, not 1.5"));
  EXPECT_THAT(messages(R"({"enum":["billing","bug"]})", R"("biling")"),
              ElementsAre("the value must be one of \"billing\", \"bug\", not \"biling\"; did you "
                          "mean \"billing\"?"));
  EXPECT_THAT(messages(R"({"const":1})", "2"), ElementsAre("the value must be 1, not 2"));
  EXPECT_THAT(messages(R"({"minimum":0})", "-3"),
              ElementsAre("the value must be at least 0, not -3"));
  EXPECT_THAT(messages(R"({"multipleOf":0.01})", "0.015"),
              ElementsAre("the value must be a multiple of 0.01, not 0.015"));
  EXPECT_THAT(messages(R"({"maxLength":1})", R"("ab")"),
              ElementsAre("the value must have at most 1 character, not 2"));
  EXPECT_THAT(messages(R"({"pattern":"^a$"})", R"("b")"),
              ElementsAre("the value must match the pattern ^a$, \"b\" does not"));
  EXPECT_THAT(messages(R"({"minItems":2,"uniqueItems":true})", "[1]"),
              ElementsAre("the value must have at least 2 items, not 1"));
  EXPECT_THAT(messages(R"({"uniqueItems":true})", "[1,2,1.0]"),
              ElementsAre("the value must not have equal items, but 0 and 2 are"));
  EXPECT_THAT(messages(R"({"contains":{"type":"null"}})", "[1]"),
              ElementsAre(HasSubstr("at least 1 item as 'contains' describes")));
  EXPECT_THAT(messages(R"({"not":{"type":"null"}})", "null"),
              ElementsAre("the value must not be as 'not' describes"));
  EXPECT_THAT(messages(R"({"propertyNames":{"maxLength":2}})", R"({"abc":1})"),
              ElementsAre("the name 'abc' in the value must have at most 2 characters, not 3"));
  EXPECT_THAT(messages(R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})"),
              ElementsAre("the value must have the property 'b', because it has 'a'"));
}

TEST(SchemaMessages, AllViolationsOfAnObjectAreTold) {
  EXPECT_THAT(
      messages(
          R"({"type":"object","required":["a","b"],"properties":{"colour":{"type":"string"}},"additionalProperties":false})",
          R"({"color":"x","zzz":1})"),
      ElementsAre("the value must have the property 'a'", "the value must have the property 'b'",
                  "/color is a property that is not allowed here; did you mean 'colour'?",
                  "/zzz is a property that is not allowed here"));
}

TEST(SchemaMessages, ViolationsSayWhereInValueAndSchema) {
  const auto violations =
      schema(R"({"$defs":{"n":{"minimum":1}},"properties":{"a/b":{"$ref":"#/$defs/n"}}})")
          .validate(json(R"({"a/b":0})"));
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].instance, "/a~1b");
  EXPECT_EQ(violations[0].keyword, "minimum");
  EXPECT_EQ(violations[0].schema, "#/$defs/n/minimum");
}

TEST(SchemaMessages, NoMoreThanAskedFor) {
  const Schema s = schema(R"({"items":{"type":"string"}})");
  EXPECT_THAT(s.validate(json("[1,2,3,4,5]"), 2), SizeIs(2));
  EXPECT_THAT(s.validate(json("[1,2,3,4,5]"), 0), SizeIs(1));
}

TEST(SchemaMessages, AlternativesAreExplainedByTheOneThatWasMeant) {
  EXPECT_THAT(messages(R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "1"),
              ElementsAre("the value must be a string or null, not a number"));
  EXPECT_THAT(messages(R"({"anyOf":[{"type":"null"},{"type":"object","required":["x"]}]})", "{}"),
              ElementsAre("the value must have the property 'x'"));
  constexpr auto kShapes = R"({"oneOf":[
    {"properties":{"kind":{"const":"circle"},"r":{"type":"number"}},"required":["kind","r"]},
    {"properties":{"kind":{"const":"square"},"a":{"type":"number"}},"required":["kind","a"]}]})";
  EXPECT_THAT(messages(kShapes, R"({"kind":"square"})"),
              ElementsAre("the value must have the property 'a'"));
  EXPECT_THAT(messages(R"({"oneOf":[{"minimum":0},{"maximum":5}]})", "3"),
              ElementsAre(HasSubstr("matches number 1 and number 2")));
  EXPECT_THAT(
      messages(R"({"anyOf":[{"minimum":5},{"const":1}]})", "2"),
      ElementsAre(AllOf(HasSubstr("none of 2"), HasSubstr("at least 5"), HasSubstr("must be 1"))));
}

TEST(SchemaMessages, LongValuesAreShortened) {
  const std::string value = json_quote(std::string(100'000, 'x'));
  const auto found = messages(R"({"const":"a"})", value);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_LT(found[0].size(), 200u);
}

// ---- numbers

struct NumberCase {
  const char* schema;
  const char* value;
  bool valid;
};
class SchemaNumbers : public ::testing::TestWithParam<NumberCase> {};

TEST_P(SchemaNumbers, AreExact) {
  EXPECT_EQ(schema(GetParam().schema).valid(json(GetParam().value)), GetParam().valid)
      << GetParam().schema << " " << GetParam().value;
}

INSTANTIATE_TEST_SUITE_P(
    Exact, SchemaNumbers,
    ::testing::Values(
        NumberCase{R"({"multipleOf":0.1})", "0.3", true},
        NumberCase{R"({"multipleOf":0.1})", "1e400", true},
        NumberCase{R"({"multipleOf":0.01})", "4.015", false},
        NumberCase{R"({"multipleOf":1e-8})", "0.00000001", true},
        NumberCase{R"({"multipleOf":3})", "1e400", false},
        NumberCase{R"({"multipleOf":7})", "7e999999999", true},
        NumberCase{R"({"multipleOf":123456789012345678901})", "246913578024691357802", true},
        NumberCase{R"({"multipleOf":123456789012345678901})", "246913578024691357803", false},
        NumberCase{R"({"multipleOf":123456789012345678901234567890})",
                   "123456789012345678901234567890000e5", true},
        NumberCase{R"({"multipleOf":10})", "5", false},
        NumberCase{R"({"multipleOf":2.5})", "-7.5", true},
        NumberCase{R"({"multipleOf":2})", "0", true},
        NumberCase{R"({"maximum":1e400})", "1e399", true},
        NumberCase{R"({"maximum":1e400})", "1.0000000000000000000000001e400", false},
        NumberCase{R"({"maximum":9007199254740993})", "9007199254740994", false},
        NumberCase{R"({"minimum":-0.0})", "0", true},
        NumberCase{R"({"exclusiveMinimum":0})", "-0", false},
        NumberCase{R"({"exclusiveMinimum":0})", "1e-999999999", true},
        NumberCase{R"({"minimum":-1e-5})", "-0.00001", true},
        NumberCase{R"({"type":"integer"})", "1e400", true},
        NumberCase{R"({"type":"integer"})", "100e-2", true},
        NumberCase{R"({"type":"integer"})", "1.10", false},
        NumberCase{R"({"const":1})", "1.0", true}, NumberCase{R"({"enum":[100]})", "1e2", true},
        NumberCase{R"({"const":9007199254740993})", "9007199254740992", false}));

// ---- mistakes in schemas

TEST(SchemaCompile, MistakesNamePlaceAndRemedy) {
  EXPECT_THAT(mistake(R"({"properties":{"a":{"type":"strng"}}})"),
              AllOf(HasSubstr("in.json#/properties/a"), HasSubstr("unknown type 'strng'"),
                    HasSubstr("did you mean 'string'")));
  EXPECT_THAT(mistake(R"({"minLength":-1})"),
              HasSubstr("in.json#: 'minLength' must be a whole number, 0 or more, not -1"));
  EXPECT_THAT(mistake(R"({"minLength":"1"})"), HasSubstr("not string"));
  EXPECT_THAT(mistake(R"({"multipleOf":0})"), HasSubstr("more than 0"));
  EXPECT_THAT(mistake(R"({"pattern":"("})"), HasSubstr("a group is not closed"));
  EXPECT_THAT(mistake(R"({"required":true})"), HasSubstr("lists the names"));
  EXPECT_THAT(mistake(R"({"exclusiveMinimum":true})"), HasSubstr("holds the bound itself"));
  EXPECT_THAT(mistake(R"({"items":[{}]})"), HasSubstr("prefixItems"));
  EXPECT_THAT(mistake(R"({"properties":[]})"), HasSubstr("object of schemas"));
  EXPECT_THAT(mistake(R"({"anyOf":[]})"), HasSubstr("must not be empty"));
  EXPECT_THAT(mistake(R"({"not":3})"),
              HasSubstr("in.json#/not: a schema must be an object, true or false, not number"));
  EXPECT_THAT(mistake(R"("x")"), HasSubstr("a schema must be"));
  EXPECT_THAT(mistake(R"({"$ref":"#/$defs/x"})"), HasSubstr("there is no '$defs' in in.json#"));
  EXPECT_THAT(mistake(R"({"$ref":"#x"})"), HasSubstr("no $anchor 'x'"));
  EXPECT_THAT(mistake(R"({"$ref":"other.json"})"),
              AllOf(HasSubstr("no schema 'other.json'"), HasSubstr("$defs")));
}

TEST(SchemaCompile, WhatIsNotSupportedIsRefusedByName) {
  EXPECT_THAT(mistake(R"({"$schema":"http://json-schema.org/draft-04/schema#"})"),
              HasSubstr("draft-04"));
  EXPECT_THAT(mistake(R"({"$schema":"https://json-schema.org/draft/2019-09/schema"})"),
              HasSubstr("2019-09"));
  EXPECT_THAT(mistake(R"({"properties":{"a":{"$recursiveRef":"#"}}})"), HasSubstr("$recursiveRef"));
  EXPECT_THAT(mistake(R"({"$schema":"https://example.com/my-meta"})"),
              HasSubstr("example.com/my-meta"));
  EXPECT_THAT(mistake(R"({"format":"idn-hostname"})", {.assert_formats = true}),
              HasSubstr("idn-hostname"));
}

TEST(SchemaCompile, ReferencesAreRelativeToTheFile) {
  SchemaOptions options;
  options.base_uri = "file:///project/in.json";
  std::vector<std::string> asked;
  options.load = [&](const std::string& uri) -> Result<Json> {
    asked.push_back(uri);
    return json(R"({"$defs":{"n":{"type":"null"}}})");
  };
  const Schema s = schema(
      R"({"items":{"$ref":"parts/n.json#/$defs/n"},"contains":{"$ref":"parts/n.json"}})", options);
  EXPECT_THAT(asked, ElementsAre("file:///project/parts/n.json"));
  const auto violations = s.validate(json("[1]"));
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].schema, "file:///project/parts/n.json#/$defs/n/type");
}

TEST(SchemaCompile, ALoaderThatFailsIsQuoted) {
  SchemaOptions options;
  options.load = [](const std::string&) -> Result<Json> {
    return fail(Kind::kNotFound, "no such file");
  };
  EXPECT_THAT(mistake(R"({"properties":{"a":{"$ref":"x.json"}}})", options),
              AllOf(HasSubstr("in.json#/properties/a: '$ref'"), HasSubstr("x.json"),
                    HasSubstr("no such file")));
}

// ---- hostile schemas and values

TEST(SchemaHostile, ReferencesThatNeverEndAreRefused) {
  EXPECT_THAT(mistake(R"({"$ref":"#"})"), HasSubstr("would never end"));
  EXPECT_THAT(
      mistake(
          R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})"),
      HasSubstr("would never end"));
  EXPECT_THAT(mistake(R"({"anyOf":[{"type":"string"},{"not":{"$ref":"#"}}]})"),
              HasSubstr("would never end"));
  EXPECT_EQ(mistake(R"({"properties":{"a":{"$ref":"#"}}})"), "");
}

TEST(SchemaHostile, ExponentialSchemasAreGivenUp) {
  std::string text = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 60; ++i)
    text += fmt::format(R"("a{}":{{"allOf":[{{"$ref":"#/$defs/a{}"}},{{"$ref":"#/$defs/a{}"}}]}},)",
                        i, i + 1, i + 1);
  text += R"("a60":{}}})";
  const auto violations = schema(text).validate(Json(1));
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].keyword, "limit");
}

TEST(SchemaHostile, LongChainsOfReferencesAreGivenUp) {
  std::string text = R"({"$ref":"#/$defs/a0","$defs":{)";
  for (int i = 0; i < 5'000; ++i)
    text += fmt::format(R"("a{}":{{"$ref":"#/$defs/a{}"}},)", i, i + 1);
  text += R"("a5000":{}}})";
  const Schema s = schema(text);
  EXPECT_FALSE(s.valid(Json(1)));
  EXPECT_THAT(describe(s.validate(Json(1))), HasSubstr("nested too deeply"));
}

TEST(SchemaHostile, ALimitInsideNotIsNotAPass) {
  std::string text = R"({"not":{"$ref":"#/$defs/a0"},"$defs":{)";
  for (int i = 0; i < 3'000; ++i)
    text += fmt::format(R"("a{}":{{"$ref":"#/$defs/a{}"}},)", i, i + 1);
  text += R"("a3000":{}}})";
  EXPECT_FALSE(schema(text).valid(Json(1)));
}

TEST(SchemaHostile, TheDeepestValueThatCanBeReadIsChecked) {
  const Schema tree = schema(
      R"({"$defs":{"t":{"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#/$defs/t"}}]}},"$ref":"#/$defs/t"})");
  EXPECT_TRUE(tree.valid(json(std::string(250, '[') + std::string(250, ']'))));
  const Schema meta = schema(R"({"$ref":"https://json-schema.org/draft/2020-12/schema"})");
  std::string deep = "true";
  for (int i = 0; i < 120; ++i) deep = R"({"not":)" + deep + "}";
  EXPECT_TRUE(meta.valid(json(deep)));
}

TEST(SchemaHostile, ManyEqualItemsAndNamesStayQuick) {
  std::string text = "[";
  for (int i = 0; i < 50'000; ++i) text += fmt::format("{}{{\"a\":{}}}", i ? "," : "", i);
  EXPECT_TRUE(schema(R"({"uniqueItems":true})").valid(json(text + "]")));
  Json wide = Json::object();
  JsonArray names;
  for (int i = 0; i < 20'000; ++i) {
    wide.as_object().append(fmt::format("k{}", i), i);
    names.push_back(fmt::format("k{}", i));
  }
  const Result<Schema> required = Schema::compile(Json::object({{"required", names}}), "wide");
  ASSERT_TRUE(required.has_value());
  EXPECT_TRUE(required->valid(wide));
}

TEST(Schema, IsCheckedFromManyThreadsAtOnce) {
  const Schema s = schema(
      R"({"type":"object","properties":{"a":{"type":"string","pattern":"(?=b)b+"}},"required":["a"],"unevaluatedProperties":false})");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        if (!s.valid(*json_parse(R"({"a":"bb"})")) || s.valid(*json_parse(R"({"a":"c"})")) ||
            s.valid(*json_parse(R"({"a":"b","z":1})")))
          ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

// ---- meta-schemas: what they say of schemas agrees with what compile() refuses

TEST(SchemaMeta, MetaSchemasAcceptThemselves) {
  for (const char* uri :
       {"https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema"}) {
    const Schema meta = schema(fmt::format(R"({{"$ref":"{}"}})", uri));
    EXPECT_TRUE(meta.valid(json(R"({"type":"object","properties":{"a":{"enum":[1]}}})"))) << uri;
    EXPECT_FALSE(meta.valid(json(R"({"properties":{"a":{"type":"strng"}}})"))) << uri;
    EXPECT_FALSE(meta.valid(json(R"({"minLength":-1})"))) << uri;
  }
}

// ---- lint

std::vector<std::string> lint(std::string_view text) {
  std::vector<std::string> out;
  for (const LintWarning& warning : schema_lint(json(text))) out.push_back(warning.message);
  return out;
}

TEST(SchemaLint, FindsWhatLooksLikeAMistake) {
  EXPECT_THAT(lint(R"({"properties":{"a":{"requred":["x"]}}})"),
              ElementsAre("#/properties/a: unknown keyword 'requred', did you mean 'required'?"));
  EXPECT_THAT(lint(R"({"nullable":true})"), ElementsAre(HasSubstr("OpenAPI 3.0")));
  EXPECT_THAT(lint(R"({"additionalItems":false})"), ElementsAre(HasSubstr("keyword of draft 7")));
  EXPECT_THAT(lint(R"({"$schema":"http://json-schema.org/draft-07/schema#","prefixItems":[]})"),
              ElementsAre(HasSubstr("keyword of 2020-12")));
  EXPECT_THAT(
      lint(
          R"({"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","minimum":1})"),
      ElementsAre(HasSubstr("beside '$ref'")));
  EXPECT_THAT(
      lint(R"({"required":["nmae"],"properties":{"name":{}},"additionalProperties":false})"),
      ElementsAre(HasSubstr("did you mean 'name'")));
  EXPECT_THAT(lint(R"({"then":{}})"), ElementsAre(HasSubstr("nothing without 'if'")));
  EXPECT_THAT(lint(R"({"format":"datetime"})"), ElementsAre(HasSubstr("'date-time'")));
}

TEST(SchemaLint, IsSilentOnGoodSchemasAndExtensions) {
  EXPECT_THAT(
      lint(
          R"({"$schema":"https://json-schema.org/draft/2020-12/schema","title":"t","x-order":1,"properties":{"requred":{"type":"string"}},"default":{"foo":1},"enum":[{"typ":1}]})"),
      IsEmpty());
}

// ---- fuzz: random schemas from keywords and random values; never a crash, always two equal
// answers

Json random_value(Random& random, int depth) {
  switch (random.below(depth > 3 ? 5 : 7)) {
    case 0:
      return nullptr;
    case 1:
      return random.below(2) == 0;
    case 2:
      return JsonNumber{std::vector<std::string>{"0", "-1", "1.5", "1e400", "2",
                                                 "12345678901234567890"}[random.below(6)]};
    case 3:
      return std::vector<std::string>{"", "a", "abc", "\u00e9", "2024-02-30"}[random.below(5)];
    case 4:
      return static_cast<int>(random.below(4));
    case 5: {
      JsonArray array;
      for (auto n = random.below(4); n > 0; --n) array.push_back(random_value(random, depth + 1));
      return array;
    }
    default: {
      Json object = Json::object();
      for (auto n = random.below(4); n > 0; --n)
        object.as_object().set(std::string(1, static_cast<char>('a' + random.below(3))),
                               random_value(random, depth + 1));
      return object;
    }
  }
}

Json random_schema(Random& random, int depth) {
  static const std::vector<std::string> kKeywords = {"type",
                                                     "enum",
                                                     "const",
                                                     "minimum",
                                                     "multipleOf",
                                                     "minLength",
                                                     "pattern",
                                                     "items",
                                                     "prefixItems",
                                                     "contains",
                                                     "uniqueItems",
                                                     "properties",
                                                     "patternProperties",
                                                     "additionalProperties",
                                                     "required",
                                                     "allOf",
                                                     "anyOf",
                                                     "oneOf",
                                                     "not",
                                                     "if",
                                                     "then",
                                                     "else",
                                                     "$ref",
                                                     "$dynamicRef",
                                                     "$anchor",
                                                     "$dynamicAnchor",
                                                     "$id",
                                                     "dependentSchemas",
                                                     "unevaluatedProperties",
                                                     "unevaluatedItems",
                                                     "format",
                                                     "minContains",
                                                     "dependencies",
                                                     "propertyNames",
                                                     "$defs"};
  static const std::vector<std::string> kTexts = {
      "#",       "#a", "#/$defs/a", "#/properties/b", "a",       "http://x/y", "object", "string",
      "integer", "^a", "(",         "date",           "urn:x:y", "//",         "%zz#%41"};
  if (depth > 4 || random.below(8) == 0)
    return random.below(6) == 0 ? random_value(random, 2) : Json(random.below(3) != 0);
  Json out = Json::object();
  for (auto n = random.below(4); n > 0; --n) {
    const std::string& keyword = kKeywords[random.below(kKeywords.size())];
    Json value;
    switch (random.below(6)) {
      case 0:
        value = random_schema(random, depth + 1);
        break;
      case 1:
        value = Json::array({random_schema(random, depth + 1), random_schema(random, depth + 1)});
        break;
      case 2:
        value = Json::object(
            {{"a", random_schema(random, depth + 1)}, {"b", random_schema(random, depth + 1)}});
        break;
      case 3:
        value = kTexts[random.below(kTexts.size())];
        break;
      case 4:
        value = static_cast<int>(random.below(3));
        break;
      default:
        value = random_value(random, 2);
    }
    out.as_object().set(keyword, std::move(value));
  }
  return out;
}

TEST(SchemaFuzz, RandomSchemasNeverBreak) {
  Random random(11);
  int compiled_count = 0;
  const FuzzRounds fuzz(15'000);
  for (int round = 0; fuzz.has(round); ++round) {
    const Json text = random_schema(random, 0);
    const Result<Schema> compiled = Schema::compile(
        text, "fuzz",
        {.draft = round % 2 ? Draft::k7 : Draft::k2020, .assert_formats = round % 3 == 0});
    schema_lint(text);
    if (!compiled) {
      EXPECT_THAT(compiled.error().what, HasSubstr("fuzz")) << json_write(text);
      continue;
    }
    ++compiled_count;
    for (int i = 0; i < 3; ++i) {
      const Json value = random_value(random, 0);
      EXPECT_EQ(compiled->valid(value), compiled->validate(value).empty())
          << json_write(text) << " " << json_write(value);
    }
  }
  EXPECT_GT(compiled_count, 3'000);
}

}  // namespace
}  // namespace sighter::text
