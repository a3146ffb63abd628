#include "text/schema_strict.hpp"

#include <gtest/gtest.h>

namespace sighter::text {
namespace {

Json json(std::string_view text) {
  return *json_parse(text);
}

TEST(StrictSchema, KeepsAClosedObjectWithAllRequired) {
  const Json schema = json(
      R"({"$schema":"x","type":"object","properties":{"a":{"type":"string","default":"x"}},"required":["a"],"additionalProperties":false})");
  EXPECT_EQ(
      *openai_strict(schema),
      json(
          R"({"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false})"));
}

TEST(StrictSchema, NamesWhatHinders) {
  EXPECT_EQ(
      openai_strict(
          json(
              R"({"type":"object","properties":{"a":{"oneOf":[]}},"required":["a"],"additionalProperties":false})"))
          .error()
          .what,
      "#/properties/a/oneOf: strict structured output does not take the keyword 'oneOf'");
  EXPECT_NE(openai_strict(json(R"({"type":"object","properties":{}})"))
                .error()
                .what.find("additionalProperties: false"),
            std::string::npos);
  EXPECT_NE(openai_strict(json(R"({"type":"array"})")).error().what.find("an object at the root"),
            std::string::npos);
}

TEST(StrictSchema, OptionalBecomesNullAndBack) {
  const Json schema = json(
      R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":["string","null"]}}})");
  const Result<Json> strict =
      openai_strict(schema, {.close_objects = true, .optional_as_null = true});
  ASSERT_TRUE(strict);
  EXPECT_EQ(*strict->pointer("/properties/a/type"), json(R"(["string","null"])"));
  EXPECT_EQ(strict_remove_nulls(schema, json(R"({"a":null,"b":null})")), json(R"({"b":null})"));
}

}  // namespace
}  // namespace sighter::text
