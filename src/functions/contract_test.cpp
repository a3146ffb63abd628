#include "functions/contract.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "functions/contract_schema.hpp"
#include "functions/test_folder.hpp"

namespace sighter::functions {
namespace {

using ::testing::HasSubstr;

TEST(InputContract, a_bare_text_fills_the_only_text_field) {
  const InputContract contract =
      InputContract::of_fields({{"text", "string", true}, {"note", "number", false}});
  const Result<Json> admitted = contract.admit(Json("hello"));
  ASSERT_TRUE(admitted);
  EXPECT_EQ(*admitted, Json::object({{"text", "hello"}}));
}

TEST(InputContract, an_unknown_field_is_told_with_what_was_meant) {
  const InputContract contract = InputContract::of_fields({{"text", "string", true}});
  const Result<Json> admitted = contract.admit(Json::object({{"txet", "hello"}}));
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().kind, Kind::kInvalid);
  EXPECT_THAT(admitted.error().hint, HasSubstr("did you mean 'text'"));
}

TEST(InputContract, a_wrong_type_is_refused) {
  const InputContract contract = InputContract::of_fields({{"count", "integer", true}});
  EXPECT_FALSE(contract.admit(Json::object({{"count", "three"}})));
  EXPECT_TRUE(contract.admit(Json::object({{"count", 3}})));
}

TEST(InputContract, a_bare_text_becomes_a_conversation) {
  const Result<Json> admitted = InputContract::of_messages().admit(Json("hi"));
  ASSERT_TRUE(admitted);
  EXPECT_EQ(*admitted->pointer("/messages/0/role"), Json("user"));
}

struct Reading {
  const char* text;
  const char* label;  // nullptr: not one of the labels
};

class ReadLabel : public ::testing::TestWithParam<Reading> {};

TEST_P(ReadLabel, is_forgiving_about_form_only) {
  const OutputContract contract = OutputContract::of_labels({"billing", "bug", "feature_request"});
  const Result<Json> read = contract.read(GetParam().text);
  if (GetParam().label == nullptr) {
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().hint, HasSubstr("billing, bug, feature_request"));
  } else {
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, Json(GetParam().label));
  }
}

INSTANTIATE_TEST_SUITE_P(texts, ReadLabel,
                         ::testing::Values(Reading{"billing", "billing"},
                                           Reading{" Billing.\n", "billing"},
                                           Reading{"\"bug\"", "bug"}, Reading{"**bug**", "bug"},
                                           Reading{"Label: feature_request", "feature_request"},
                                           Reading{"label: BUG.\nBecause it crashes.", "bug"},
                                           Reading{"bugs", nullptr}, Reading{"", nullptr},
                                           Reading{"billing or bug", nullptr}));

OutputContract number_contract() {
  const Json schema =
      Json::object({{"type", "object"},
                    {"required", Json::array({"n"})},
                    {"properties", Json::object({{"n", Json::object({{"type", "integer"}})}})}});
  return OutputContract::of_schema(*text::Schema::compile(schema, "output.schema.json"));
}

TEST(OutputContract, finds_the_value_in_a_fence_or_between_sentences) {
  const OutputContract contract = number_contract();
  for (const char* text : {"{\"n\": 3}", "```json\n{\"n\": 3}\n```",
                           "Here it is:\n```\n{\"n\": 3}\n```\nDone.", "Sure! {\"n\": 3} is it."}) {
    const Result<Json> read = contract.read(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, Json::object({{"n", 3}})) << text;
  }
}

TEST(OutputContract, says_what_does_not_fit_the_schema) {
  const Result<Json> read = number_contract().read("{\"n\": \"three\"}");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().what, HasSubstr("/n"));
}

TEST(OutputContract, text_that_holds_no_json_is_refused) {
  EXPECT_FALSE(number_contract().read("I cannot do that."));
}

struct BrokenSchema {
  const char* text;
  const char* where;
  const char* what;
};

class UsersSchema : public ::testing::TestWithParam<BrokenSchema> {};

TEST_P(UsersSchema, MistakesAreToldWithTheirPlaceAndWhatToDo) {
  const TestFolder folder;
  const Result<text::Schema> schema = read_schema(folder.write("s.json", GetParam().text));
  ASSERT_FALSE(schema);
  EXPECT_THAT(schema.error().what, HasSubstr(std::string("s.json") + GetParam().where));
  EXPECT_THAT(schema.error().what, HasSubstr(GetParam().what));
  EXPECT_FALSE(schema.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(
    texts, UsersSchema,
    ::testing::Values(BrokenSchema{"\n", ":1:1", "empty"},
                      BrokenSchema{"{\"propertis\": {}}", ":1:2", "'properties'"},
                      BrokenSchema{"{\"items\":\n{\"maxLenght\": 1}}", ":2:2", "'maxLength'"},
                      BrokenSchema{"{\"nullable\": true}", ":1:2", "OpenAPI"},
                      BrokenSchema{"{\"else\": {}}", ":1:2", "without 'if'"},
                      BrokenSchema{"{\"title\": \"\xff\"}", ":1:12", "UTF-8"}));

TEST(UsersSchema, WhatTheSchemaRefersToIsReadWithTheSameEyes) {
  const TestFolder folder;
  folder.write("other.json", "{\"typ\": \"string\"}");
  const Result<text::Schema> schema =
      read_schema(folder.write("s.json", "{\"$ref\": \"other.json\"}"));
  ASSERT_FALSE(schema);
  EXPECT_THAT(schema.error().what, HasSubstr("other.json:1:2"));
}

TEST(UsersSchema, AnnotationsAndNamesOfOnesOwnAreAllowed) {
  const TestFolder folder;
  const Result<text::Schema> schema = read_schema(folder.write(
      "s.json", R"({"title": "t", "$comment": "c", "deprecated": true, "x-mine": 1, "example": 1,
                    "discriminator": {"propertyName": "k"}, "propertyOrdering": ["a"]})"));
  EXPECT_TRUE(schema) << schema.error().message();
}

}  // namespace
}  // namespace sighter::functions
