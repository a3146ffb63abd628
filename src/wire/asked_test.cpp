// What a request asks in one dialect, asked in another: never the opposite, and nothing in silence.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/codec.hpp"

namespace sighter::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kNewClaude = "us.anthropic.claude-opus-4-7";
constexpr std::string_view kOldClaude = "us.anthropic.claude-sonnet-4-5";

Result<Encoded> asked(Dialect from, std::string_view body, Dialect to,
                      std::string_view model = "m") {
  const Json json = json_parse(body).value();
  return codec_of(to)->encode_request(codec_of(from)->decode_request(json).value(),
                                      {.model = model});
}

TEST(Asked, ThoughtsThatAreNotToBeShownAreNot) {
  constexpr std::string_view kHidden =
      R"({"model":"m","max_tokens":9000,"messages":[{"role":"user","content":"q"}],"thinking":{"type":"adaptive","display":"omitted"}})";
  EXPECT_THAT(asked(Dialect::kAnthropic, kHidden, Dialect::kOpenAiResponses)->body,
              Not(HasSubstr("summary")));
  EXPECT_THAT(asked(Dialect::kAnthropic, kHidden, Dialect::kBedrock, kNewClaude)->body,
              HasSubstr(R"("display":"omitted")"));
  EXPECT_THAT(asked(Dialect::kAnthropic, kHidden, Dialect::kBedrock, kOldClaude)->approximated,
              ElementsAre("reasoning.summary"));
}

TEST(Asked, AnEmptySystemPromptIsNone) {
  constexpr std::string_view kEmpty =
      R"({"model":"m","messages":[{"role":"system","content":""},{"role":"user","content":"x"}]})";
  for (const Dialect to : {Dialect::kAnthropic, Dialect::kGemini, Dialect::kBedrock}) {
    const Encoded there = asked(Dialect::kOpenAiChat, kEmpty, to).value();
    EXPECT_THAT(there.body, Not(HasSubstr("ystem"))) << to_string(to);
    EXPECT_THAT(there.approximated, IsEmpty());
  }
}

TEST(Asked, TextBehindCallsIsMovedAloud) {
  const auto sent = [](std::string_view text) {
    return asked(
        Dialect::kAnthropic,
        fmt::format(
            R"({{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"q"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"a","name":"f","input":{{}}}},{{"type":"text","text":"{}"}},{{"type":"tool_use","id":"b","name":"f","input":{{}}}}]}}]}})",
            text),
        Dialect::kOpenAiChat);
  };
  EXPECT_THAT(sent("between")->approximated, ElementsAre("messages.content.order"));
  EXPECT_THAT(sent(" ")->approximated, IsEmpty());
}

TEST(Asked, WhatIsToBeIncludedIsKnownOrRefused) {
  const auto with = [](std::string_view include) {
    return asked(Dialect::kOpenAiResponses,
                 fmt::format(R"({{"model":"m","input":"x","include":["{}"]}})", include),
                 Dialect::kAnthropic);
  };
  EXPECT_TRUE(with("reasoning.encrypted_content"));
  for (const std::string_view other : {"zzz", "file_search_call.results"}) {
    const Result<Encoded> refused = with(other);
    ASSERT_FALSE(refused) << other;
    EXPECT_THAT(refused.error().what, HasSubstr("include"));
  }
}

TEST(Asked, ThePhaseOfAMessageIsLeftOutAloud) {
  constexpr std::string_view kPhase =
      R"({"model":"m","input":[{"role":"user","content":"q"},{"type":"message","id":"m","role":"assistant","status":"completed","phase":"final_answer","content":[{"type":"output_text","text":"a","annotations":[]}]},{"role":"user","content":"r"}]})";
  for (const Dialect to :
       {Dialect::kAnthropic, Dialect::kGemini, Dialect::kOpenAiChat, Dialect::kBedrock}) {
    EXPECT_THAT(asked(Dialect::kOpenAiResponses, kPhase, to)->approximated,
                ElementsAre("messages.phase"))
        << to_string(to);
  }
}

}  // namespace
}  // namespace sighter::wire
