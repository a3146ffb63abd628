// What a request for a model is to a function.

#include "functions/answer_function.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "functions/test_folder.hpp"

namespace sighter::functions {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FunctionModel : public ::testing::Test {
 protected:
  FunctionModel() {
    const std::string body =
        "\noutput = \"text\"\n[variants.p]\nkind = \"code\"\ncommand = [\"x\"]\n";
    folder.write("functions/one/function.toml", "input = { text = \"string\" }" + body);
    folder.write("functions/more/function.toml",
                 "input = { text = \"string\", times = \"integer?\" }" + body);
    folder.write("functions/talk/function.toml", "input = \"messages\"" + body);
    folder.write("sighter.toml", "");
    Result<Project> read = read_project(folder.path());
    CHECK(read.has_value());
    project = std::move(*read);
  }

  Result<Json> input(const std::string& function, const std::string& body,
                     wire::Dialect dialect = wire::Dialect::kOpenAiChat,
                     std::vector<std::string> allow_drop = {}) {
    models::ClientRequest request;
    request.dialect = dialect;
    request.body = body;
    request.envelope = *wire::Envelope::scan(request.body);
    request.allow_drop = std::move(allow_drop);
    const Status decoded = request.decode_chat();
    EXPECT_TRUE(decoded) << decoded.error().message();
    lost = Lost();
    return input_of_conversation(*project.find(function), request, lost);
  }
  std::string refused(const std::string& function, const std::string& body,
                      wire::Dialect dialect = wire::Dialect::kOpenAiChat) {
    const Result<Json> got = input(function, body, dialect);
    return got ? "taken" : got.error().what;
  }

  TestFolder folder;
  Project project;
  Lost lost;
};

const std::string kSaid = R"("messages":[{"role":"user","content":"x"}])";

// A text is the input's only text; an object that fits is the input itself.
TEST_F(FunctionModel, AnObjectThatFitsFillsTheFieldsBesidesTheText) {
  const auto said = [](std::string_view text) {
    return fmt::format(R"({{"model":"x","messages":[{{"role":"user","content":{}}}]}})",
                       json_quote(text));
  };
  EXPECT_EQ(json_write(*input("more", said(R"({"text":"a","times":3})"))),
            R"({"text":"a","times":3})");
  for (const std::string_view text : {"a", R"({"text":"a","times":"x"})", R"({"a":1})", "[1]"})
    EXPECT_EQ(json_write(*input("more", said(text))), json_write(Json::object({{"text", text}})));
  const std::string_view object = R"({"text":"a"})";
  EXPECT_EQ(json_write(*input("one", said(object))), json_write(Json::object({{"text", object}})));
}

TEST_F(FunctionModel, EachParameterThatItHasNoPlaceForIsNamed) {
  const std::pair<std::string, std::string> kGiven[] = {
      {R"("user":"u")", "user: "},
      {R"("metadata":{"a":"b"})", "metadata: "},
      {R"("service_tier":"flex")", "service_tier: "},
      {R"("store":true)", "store: "},
      {R"("safety_identifier":"s")", "safety_identifier: "},
      {R"("zzz":1)", "zzz: "},
      {R"("seed":1,"zzz":1)", "seed, zzz: "},
      {R"("top_logprobs":2)", "top_logprobs: "},
  };
  for (const std::string function : {"one", "talk"}) {
    for (const auto& [member, words] : kGiven)
      EXPECT_THAT(refused(function, "{" + member + "," + kSaid + "}"), StartsWith(words)) << member;
  }
}

TEST_F(FunctionModel, WhatAsksForNothingIsTaken) {
  const std::string members =
      R"({"user":"","metadata":{},"service_tier":"auto","store":false,"zzz":null,"n":1,)";
  EXPECT_TRUE(input("one", members + kSaid + "}"));
  EXPECT_THAT(lost.dropped, ElementsAre());
}

TEST_F(FunctionModel, WhatMayBeDroppedIsTold) {
  ASSERT_TRUE(input("one", R"({"zzz":1,"user":"u",)" + kSaid + "}", wire::Dialect::kOpenAiChat,
                    {"zzz", "user"}));
  EXPECT_THAT(lost.dropped, ElementsAre("user", "zzz"));
}

TEST_F(FunctionModel, OtherDialectsHaveTheirOwn) {
  EXPECT_THAT(refused("one",
                      R"({"max_tokens":5,"metadata":{"user_id":"u"},"service_tier":"priority",)" +
                          kSaid + "}",
                      wire::Dialect::kAnthropic),
              StartsWith("service_tier, user: "));
  EXPECT_THAT(
      refused("one", R"({"input":"x","truncation":"auto"})", wire::Dialect::kOpenAiResponses),
      StartsWith("truncation: "));
  ASSERT_TRUE(input("one",
                    R"({"max_tokens":5,"messages":[{"role":"user","content":[{"type":"text",)"
                    R"("text":"x","cache_control":{"type":"ephemeral"}}]}]})",
                    wire::Dialect::kAnthropic));
  EXPECT_THAT(lost.dropped, ElementsAre("max_tokens"));
  EXPECT_THAT(lost.approximated, ElementsAre("cache_control"));
}

TEST_F(FunctionModel, WhatAMessageSaysBesideItsTextIsNamedWhereItIsRead) {
  const std::string named =
      R"({"messages":[{"role":"user","content":"x","name":"Ann","odd":1},{"role":"user","content":"y"}]})";
  EXPECT_THAT(refused("talk", named), HasSubstr("messages.name, messages.odd"));
  ASSERT_TRUE(input("one", named));
  EXPECT_THAT(lost.dropped, ElementsAre("messages before the last user message"));
  // As SDKs hand an answer back.
  EXPECT_EQ(refused("talk", R"({"messages":[{"role":"user","content":"x"},{"role":"assistant",)"
                            R"("content":"y","refusal":null,"annotations":[]}]})"),
            "taken");
}

}  // namespace
}  // namespace sighter::functions
