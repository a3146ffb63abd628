// What is Bedrock's own: blocks by number, marks as elements, thoughts in pieces, exceptions.

#include "wire/bedrock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Codec& me() {
  return *codec_of(Dialect::kBedrock);
}

std::string event(std::string_view name, std::string_view data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, data);
}
std::string delta(int number, std::string_view what) {
  return event("contentBlockDelta",
               fmt::format(R"({{"contentBlockIndex":{},"delta":{},"p":"abc"}})", number, what));
}
std::string stop(int number) {
  return event("contentBlockStop", fmt::format(R"({{"contentBlockIndex":{}}})", number));
}
const std::string kStart = event("messageStart", R"({"role":"assistant","p":"ab"})");
const std::string kEnd = event("messageStop", R"({"stopReason":"end_turn","p":"a"})");
const std::string kMetadata = event(
    "metadata",
    R"({"usage":{"inputTokens":3,"outputTokens":2,"totalTokens":5},"metrics":{"latencyMs":9},"p":"a"})");

const std::vector<Block>& content(const Streamed& s) {
  return s.builder.reply().choices.at(0).message.content;
}

Encoded asked(std::string_view body, std::string_view model, Dialect from = Dialect::kOpenAiChat) {
  ChatRequest request = codec_of(from)->decode_request(json_parse(body).value()).value();
  return me().encode_request(request, {.model = model}).value();
}

TEST(BedrockStream, TextsThoughtsAndCallsInOrder) {
  const Streamed s = read_stream(
      me(),
      kStart + delta(0, R"({"reasoningContent":{"text":"h"}})") +
          delta(0, R"({"reasoningContent":{"text":"m"}})") +
          delta(0, R"({"reasoningContent":{"signature":"S"}})") + stop(0) +
          delta(1, R"({"text":"a"})") + delta(1, R"({"text":"b"})") + stop(1) +
          event("contentBlockStart",
                R"({"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t","name":"f"}}})") +
          delta(2, R"({"toolUse":{"input":"{\"x\":"}})") +
          delta(2, R"({"toolUse":{"input":"1}"}})") + stop(2) +
          event("contentBlockStart",
                R"({"contentBlockIndex":3,"start":{"toolUse":{"toolUseId":"u","name":"g"}}})") +
          stop(3) + event("messageStop", R"({"stopReason":"tool_use"})") + kMetadata);
  ASSERT_EQ(s.builder.state(), ReplyBuilder::State::kComplete) << s.error;
  ASSERT_EQ(content(s).size(), 4u);
  EXPECT_EQ(content(s)[0].as<Thinking>()->text, "hm");
  EXPECT_EQ(content(s)[0].signature, "S");
  EXPECT_EQ(content(s)[1].as<Text>()->text, "ab");
  EXPECT_EQ(content(s)[2].as<ToolCall>()->arguments, R"({"x":1})");
  EXPECT_EQ(content(s)[3].as<ToolCall>()->arguments, "{}") << "a call without arguments";
  EXPECT_EQ(s.builder.reply().choices[0].finish.kind, FinishReason::Kind::kToolCalls);
  EXPECT_EQ(s.builder.reply().usage->input, 3);
}

TEST(BedrockStream, EncryptedThoughtsInPiecesAreOneBlob) {
  // "ab" and "cde", each in base64 of its own.
  const Streamed s =
      read_stream(me(), kStart + delta(0, R"({"reasoningContent":{"redactedContent":"YWI="}})") +
                            delta(0, R"({"reasoningContent":{"redactedContent":"Y2Rl"}})") +
                            stop(0) + delta(1, R"({"text":"x"})") + stop(1) + kEnd + kMetadata);
  ASSERT_EQ(content(s).size(), 2u);
  EXPECT_EQ(content(s)[0].as<Thinking>()->kind, Thinking::Kind::kRedacted);
  EXPECT_EQ(content(s)[0].as<Thinking>()->data, "YWJjZGU=");
  const std::string claude =
      codec_of(Dialect::kAnthropic)->encode_reply(s.builder.reply(), {}).body;
  EXPECT_THAT(claude, HasSubstr(R"({"type":"redacted_thinking","data":"abcde"})"));
}

TEST(BedrockStream, WhatItsOwnToolsGaveIsKept) {
  const Streamed s = read_stream(
      me(),
      kStart +
          event(
              "contentBlockStart",
              R"({"contentBlockIndex":0,"start":{"toolResult":{"toolUseId":"t","type":"nova_x","status":"success"}}})") +
          delta(0, R"({"toolResult":[{"json":{"a":1}}]})") +
          delta(0, R"({"toolResult":[{"text":"t"}]})") + stop(0) + kEnd + kMetadata);
  ASSERT_EQ(content(s).size(), 1u);
  const Raw* raw = content(s)[0].as<Raw>();
  ASSERT_NE(raw, nullptr);
  EXPECT_EQ(raw->type, "nova_x");
  EXPECT_EQ(json_write(*raw->json.pointer("/toolResult/content")),
            R"([{"json":{"a":1}},{"text":"t"}])");
}

TEST(BedrockStream, CitationsComeWithTheirText) {
  const std::string source =
      R"({"title":"T","sourceContent":[{"text":"q"}],"location":{"web":{"url":"https://h/"}}})";
  const Streamed s = read_stream(me(), kStart + delta(0, R"({"text":"x"})") +
                                           delta(0, R"({"citation":)" + source + "}") + stop(0) +
                                           kEnd + kMetadata);
  const Citation& one = content(s).at(0).as<Text>()->citations.at(0);
  EXPECT_EQ(one.url, "https://h/");
  EXPECT_EQ(one.cited_text, "q");
  const Json body = json_parse(me().encode_reply(s.builder.reply(), {}).body).value();
  EXPECT_EQ(json_write(*body.pointer("/output/message/content/0/citationsContent/citations/0")),
            source);
}

TEST(BedrockStream, IsCompleteAfterMessageStopAndBrokenBefore) {
  const std::string text = kStart + delta(0, R"({"text":"a"})") + stop(0);
  EXPECT_EQ(read_stream(me(), text + kEnd).builder.state(), ReplyBuilder::State::kComplete);
  const Streamed cut = read_stream(me(), text);
  EXPECT_EQ(cut.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(cut.error, HasSubstr("without messageStop"));
  const Streamed odd = read_stream(me(), text + kEnd + event("metadata", "[1]"));
  EXPECT_EQ(odd.builder.state(), ReplyBuilder::State::kBroken);
}

TEST(BedrockStream, ExceptionsEndItInTheProvidersWords) {
  struct Case {
    const char* name;
    Kind kind;
  };
  for (const Case& one : {Case{"throttlingException", Kind::kRateLimited},
                          Case{"serviceUnavailableException", Kind::kUnavailable},
                          Case{"modelStreamErrorException", Kind::kUpstream},
                          Case{"validationException", Kind::kInvalid},
                          Case{"modelTimeoutException", Kind::kTimeout}}) {
    const Streamed s = read_stream(
        me(), kStart + delta(0, R"({"text":"a"})") + event(one.name, R"({"message":"slow down"})"));
    EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
    EXPECT_EQ(s.builder.error().kind, one.kind) << one.name;
    EXPECT_EQ(s.builder.error().message, "slow down");
  }
}

TEST(BedrockErrors, EachShapeOfThem) {
  WireError error = me().decode_error(403, R"({"Message":"no access"})");
  EXPECT_EQ(error.message, "no access");
  EXPECT_EQ(error.kind, Kind::kForbidden);
  error = me().decode_error(400, R"({"__type":"ThrottlingException","message":"later"})");
  EXPECT_EQ(error.kind, Kind::kRateLimited);
  EXPECT_EQ(me().encode_error(WireError{.message = "m"}), R"({"message":"m"})");
}

TEST(BedrockUsage, CountsWhatTheCacheGaveAndTook) {
  const Usage usage = bedrock::decode_usage(
      json_parse(
          R"({"inputTokens":22,"outputTokens":13,"totalTokens":2527,"cacheReadInputTokens":0,"cacheReadInputTokenCount":0,"cacheWriteInputTokens":2492,"cacheDetails":[{"inputTokens":1000,"ttl":"1h"},{"inputTokens":1492,"ttl":"5m"}]})")
          .value());
  EXPECT_EQ(usage.input, 2514);
  EXPECT_EQ(usage.total(), 2527);
  EXPECT_EQ(usage.cache_write, 2492);
  EXPECT_EQ(usage.cache_write_1h, 1000);
}

TEST(BedrockRequest, EachFamilyIsAskedToThinkInItsOwnWords) {
  const auto fields = [](std::string_view model) {
    const Encoded encoded = asked(
        R"({"model":"m","reasoning_effort":"high","messages":[{"role":"user","content":"q"}]})",
        model);
    const Json body = json_parse(encoded.body).value();
    return json_write(*body.find("additionalModelRequestFields"));
  };
  EXPECT_EQ(fields("us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
            R"({"thinking":{"type":"enabled","budget_tokens":16384}})");
  EXPECT_EQ(fields("us.anthropic.claude-opus-4-6-v1"),
            R"({"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}})");
  EXPECT_EQ(fields("openai.gpt-oss-120b-1:0"), R"({"reasoning_effort":"high"})");
  EXPECT_EQ(fields("qwen.qwen3-32b-v1:0"), R"({"reasoning_config":"high"})");
  EXPECT_EQ(fields("us.amazon.nova-2-lite-v1:0"),
            R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}})");
}

TEST(BedrockRequest, MarksAreElementsAndOnlyWhereTheyAreUnderstood) {
  const std::string_view body =
      R"({"model":"m","max_tokens":5,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"q"}]})";
  const Encoded claude = asked(body, "anthropic.claude-3-haiku-20240307-v1:0", Dialect::kAnthropic);
  EXPECT_EQ(json_write(*json_parse(claude.body).value().find("system")),
            R"([{"text":"s"},{"cachePoint":{"type":"default","ttl":"1h"}}])");
  EXPECT_TRUE(claude.approximated.empty());
  const Encoded llama =
      asked(body, "us.meta.llama4-maverick-17b-instruct-v1:0", Dialect::kAnthropic);
  EXPECT_THAT(llama.body, Not(HasSubstr("cachePoint")));
  EXPECT_THAT(llama.approximated, ElementsAre("cache_control"));
}

TEST(BedrockRequest, ThoughtsThatAnthropicSignedGoBothWays) {
  const std::string_view body =
      R"({"model":"m","max_tokens":5,"messages":[{"role":"user","content":"q"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"S"},{"type":"redacted_thinking","data":"abc"},{"type":"text","text":"a"}]},{"role":"user","content":"r"}]})";
  const Encoded there = asked(body, "anthropic.claude-x", Dialect::kAnthropic);
  const Json json = json_parse(there.body).value();
  EXPECT_EQ(json_write(*json.pointer("/messages/1/content/0")),
            R"({"reasoningContent":{"reasoningText":{"text":"hm","signature":"S"}}})");
  EXPECT_EQ(json_write(*json.pointer("/messages/1/content/1")),
            R"({"reasoningContent":{"redactedContent":"YWJj"}})");
  const ChatRequest back = me().decode_request(json).value();
  const Json again =
      json_parse(codec_of(Dialect::kAnthropic)->encode_request(back, {}).value().body).value();
  EXPECT_EQ(json_write(*again.pointer("/messages/1/content")),
            json_write(*json_parse(body).value().pointer("/messages/1/content")));
}

TEST(BedrockRequest, DocumentsHaveDifferentNamesOfPlainCharacters) {
  const Encoded encoded = asked(
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a_b.pdf","file_data":"data:application/pdf;base64,AAAA"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}]}]})",
      "anthropic.x");
  const Json json = json_parse(encoded.body).value();
  EXPECT_EQ(*json.pointer("/messages/0/content/0/document/name"), Json("a b pdf"));
  EXPECT_EQ(*json.pointer("/messages/0/content/1/document/name"), Json("document 2"));
  EXPECT_THAT(encoded.approximated, ElementsAre("messages.content.document.name"));
}

}  // namespace
}  // namespace sighter::wire
