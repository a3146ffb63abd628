#include "wire/relay.hpp"

#include <gtest/gtest.h>

namespace sighter::wire {
namespace {

bool chat_relayable(const std::string& body, std::string_view provider) {
  return relayable(Dialect::kOpenAiChat, body, *Envelope::scan(body), quirks_of(provider));
}

TEST(Relay, ChangesNothingWhereTheServerUnderstandsAll) {
  EXPECT_TRUE(chat_relayable(R"({"messages":[],"new":1,"seed":1,"logit_bias":{}})", "openai"));
  EXPECT_TRUE(chat_relayable(R"({"messages":[],"temperature":1})", "mistral"));
}

TEST(Relay, TranslatesWhatTheServerHasOtherWordsFor) {
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"seed":1})", "mistral"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"stream_options":{}})", "mistral"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"max_completion_tokens":1})", "together"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"response_format":{}})", "deepseek"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[{"role":"developer"}]})", "xai"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"reasoning_effort":"low"})", "openrouter"));
  EXPECT_FALSE(chat_relayable(R"({"messages":[],"logit_bias":{}})", "groq"));
  const std::string named = R"({"messages":[],"tool_choice":{"type":"function"}})";
  const std::string required = R"({"messages":[],"tool_choice":"required"})";
  EXPECT_TRUE(chat_relayable(named, "together"));
  EXPECT_FALSE(chat_relayable(named, "llama-server"));
  EXPECT_TRUE(chat_relayable(required, "llama-server"));
  EXPECT_FALSE(chat_relayable(required, "ollama"));
  EXPECT_TRUE(chat_relayable(R"({"messages":[],"tool_choice":"auto"})", "ollama"));
}

TEST(Relay, AsksStreamsForUsageOnce) {
  const auto asked = [](const std::string& body, bool stream) {
    return *relayed_request(Dialect::kOpenAiChat, body, *Envelope::scan(body), "m", stream,
                            quirks_of("openai"));
  };
  EXPECT_EQ(asked(R"({"model":"x"})", false).body, R"({"model":"m"})");
  const RelayedRequest more = asked(R"({"model":"x","stream_options":{"a":1}})", true);
  EXPECT_EQ(more.body, R"({"model":"m","stream_options":{"a":1,"include_usage":true}})");
  EXPECT_TRUE(more.hide_usage);
  const std::string own = R"({"model":"m","stream_options":{"include_usage":true}})";
  EXPECT_EQ(asked(own, true).body, own);
  EXPECT_FALSE(asked(own, true).hide_usage);
  const std::string wrong = R"({"model":"m","stream_options":1})";
  EXPECT_FALSE(relayed_request(Dialect::kOpenAiChat, wrong, *Envelope::scan(wrong), "m", true,
                               quirks_of("openai")));
}

TEST(Relay, KnowsWhichEventsAreContentAlone) {
  const auto chat = [](std::string_view data) {
    return holds_more_than_content(Dialect::kOpenAiChat, "", data);
  };
  EXPECT_FALSE(chat(R"({"choices":[{"delta":{"content":"a"},"finish_reason":null}]})"));
  EXPECT_FALSE(
      chat(R"({"choices":[{"delta":{"content":"\"error\""},"finish_reason":null}],"usage":null})"));
  EXPECT_TRUE(chat(R"({"choices":[{"delta":{},"finish_reason":"stop"}]})"));
  EXPECT_TRUE(chat(R"({"choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":{}})"));
  EXPECT_TRUE(chat(R"({"choices":[{"delta":{"content":"a"}}]})"));
  EXPECT_TRUE(chat(R"({"error":{"message":"x"}})"));
  EXPECT_TRUE(chat(R"({"error" : {"message":"x"},"choices":[{"finish_reason":null}]})"));
  EXPECT_TRUE(chat(R"({"object":"error","choices":[{"finish_reason":null}]})"));
  EXPECT_TRUE(chat(R"({"choices":[{"finish_reason":null},{"finish_reason":"stop"}]})"));
  EXPECT_TRUE(chat(R"({"usage":{"prompt_tokens":1},"choices":[{"finish_reason":null}]})"));
  EXPECT_FALSE(chat(R"({"choices":[{"delta":{"content":"\"usage\":{"},"finish_reason":null}]})"));
  EXPECT_TRUE(chat("[DONE]"));
  const auto messages = [](std::string_view name) {
    return holds_more_than_content(Dialect::kAnthropic, name, "{}");
  };
  EXPECT_FALSE(messages("content_block_delta"));
  EXPECT_FALSE(messages("ping"));
  for (const char* name : {"message_start", "message_delta", "message_stop", "error"})
    EXPECT_TRUE(messages(name)) << name;
  const auto responses = [](std::string_view name) {
    return holds_more_than_content(Dialect::kOpenAiResponses, name, "{}");
  };
  EXPECT_FALSE(responses("response.output_text.delta"));
  for (const char* name : {"response.created", "response.completed", "response.failed", "error"})
    EXPECT_TRUE(responses(name)) << name;
}

TEST(Relay, KnowsTheChunkThatHasNothingButUsage) {
  EXPECT_TRUE(is_usage_chunk(R"({"choices":[],"usage":{"total_tokens":1}})"));
  EXPECT_FALSE(is_usage_chunk(R"({"choices":[{"delta":{}}],"usage":{"total_tokens":1}})"));
  EXPECT_FALSE(is_usage_chunk(R"({"choices":[],"usage":null})"));
  EXPECT_FALSE(is_usage_chunk(R"({"choices":[{"delta":{"content":"usage"}}]})"));
}

TEST(Relay, KnowsWhichEventsMayOnlyBeginSomething) {
  const auto chat = [](std::string_view data) {
    return may_hold_nothing(Dialect::kOpenAiChat, "", data);
  };
  EXPECT_TRUE(chat(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"));
  EXPECT_TRUE(chat(R"({"choices":[{"delta":{"content":""}}]})"));
  EXPECT_FALSE(chat(R"({"choices":[{"delta":{"content":"a"}}]})"));
  const auto anthropic = [](std::string_view event, std::string_view data) {
    return may_hold_nothing(Dialect::kAnthropic, event, data);
  };
  EXPECT_TRUE(anthropic("ping", R"({"type":"ping"})"));
  EXPECT_TRUE(anthropic("", R"({"type":"content_block_start","index":0})"));
  EXPECT_FALSE(anthropic("content_block_delta", "{}"));
  EXPECT_FALSE(anthropic("", R"({"type":"content_block_delta","index":0})"));
  const auto responses = [](std::string_view event, std::string_view data) {
    return may_hold_nothing(Dialect::kOpenAiResponses, event, data);
  };
  EXPECT_TRUE(responses("response.output_item.added", "{}"));
  EXPECT_FALSE(responses("response.output_text.delta", "{}"));
  EXPECT_FALSE(responses("", R"({"type":"response.output_text.delta"})"));
}

}  // namespace
}  // namespace sighter::wire
