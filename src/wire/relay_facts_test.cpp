#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/json.hpp"
#include "wire/codec.hpp"
#include "wire/relay.hpp"

namespace sighter::wire {
namespace {

constexpr std::string_view kWhole =
    R"({"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"say \"finish_reason\":\"length\""},)"
    R"("finish_reason":"tool_calls"}],"usage":{"prompt_tokens":7,"completion_tokens":3,)"
    R"("prompt_tokens_details":{"cached_tokens":5}}})";

std::optional<RelayedFacts> facts(std::string_view body) {
  return relayed_facts(Dialect::kOpenAiChat, body);
}

TEST(RelayedFacts, AreThoseOfTheOnlyChoice) {
  const std::optional<RelayedFacts> found = facts(kWhole);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->finish.kind, FinishReason::Kind::kToolCalls);
  EXPECT_EQ(found->usage.input, 7);
  EXPECT_EQ(found->usage.output, 3);
  EXPECT_EQ(found->usage.cache_read, 5);
  ASSERT_TRUE(found->text);
  EXPECT_EQ(kWhole.substr(found->text->at, found->text->size),
            R"("say \"finish_reason\":\"length\"")");
  const std::string_view kSilent =
      R"({"choices":[{"message":{"content":null},"finish_reason":"stop"}],"usage":{}})";
  EXPECT_EQ(facts(kSilent)->text->size, 0u);
}

TEST(RelayedFacts, AreLeftToTheDecoderWhereTheBytesDoNotTell) {
  for (
      const std::string_view body : {
          R"({"choices":[{"message":{},"finish_reason":"stop"}]})",
          R"({"choices":[{"message":{},"finish_reason":null}],"usage":{}})",
          R"({"choices":[{"message":{},"finish_reason":"stop"},{"message":{}}],"usage":{}})",
          R"({"choices":[],"usage":{}})",
          R"({"choices":{"message":{}},"usage":{}})",
          R"({"error":{"message":"no"},"choices":[{"message":{},"finish_reason":"stop"}],"usage":{}})",
          R"({"choices":[{"message":{},"finish_reason":"stop"}],"usage":{})",
          "<html>",
          "",
      }) {
    EXPECT_FALSE(facts(body)) << body;
  }
  EXPECT_FALSE(relayed_facts(Dialect::kAnthropic, kWhole));
}

TEST(RelayedFacts, AreThoseThatTheDecoderFindsInRecordedReplies) {
  std::ifstream file(SIGHTER_SOURCE_DIR "/../shared/data/recorded_replies/openai_chat.jsonl");
  if (!file) GTEST_SKIP() << "no recorded exchanges";
  int found = 0;
  for (std::string line; std::getline(file, line);) {
    const Result<Json> exchange = json_parse(line);
    ASSERT_TRUE(exchange);
    const Json* response = exchange->find("response");
    if (response == nullptr || !response->is_object()) continue;
    const std::string text = json_write(*response);
    const std::optional<RelayedFacts> read = facts(text);
    if (!read) continue;
    ++found;
    Result<Json> json = json_parse(text);
    ASSERT_TRUE(json);
    const Result<ChatReply> reply =
        codec_of(Dialect::kOpenAiChat)->decode_reply(std::move(*json), nullptr);
    ASSERT_TRUE(reply);
    EXPECT_EQ(read->finish.kind, reply->choices.front().settled_finish().kind);
    EXPECT_EQ(read->usage.input, reply->usage->input);
    EXPECT_EQ(read->usage.output, reply->usage->output);
    EXPECT_EQ(read->usage.cache_read, reply->usage->cache_read);
    EXPECT_EQ(read->usage.reasoning, reply->usage->reasoning);
  }
  EXPECT_GT(found, 50);
}

}  // namespace
}  // namespace sighter::wire
