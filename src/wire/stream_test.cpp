// Streams as they come and as they must not break us.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/anthropic.hpp"
#include "wire/openai_chat.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Codec& chat() {
  return *codec_of(Dialect::kOpenAiChat);
}
const Codec& messages() {
  return *codec_of(Dialect::kAnthropic);
}

std::string chunk(std::string_view delta, std::string_view more = "") {
  return fmt::format(
      "data: {{\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{}{}}}]}}\n\n",
      delta, more);
}
const std::string kStop = chunk("{}", ",\"finish_reason\":\"stop\"");
const std::string kDone = "data: [DONE]\n\n";

std::string in_dialect(const Codec& codec, const std::vector<Delta>& deltas, bool usage = true) {
  ChatRequest request;
  request.include_usage = usage;
  const std::unique_ptr<StreamEncoder> encoder = codec.stream_encoder(request, {.now_s = 7});
  std::string out;
  for (const Delta& delta : deltas) encoder->write(delta, out);
  return out;
}

TEST(ChatStream, JoinsText) {
  const Streamed s = read_stream(chat(), chunk("{\"role\":\"assistant\",\"content\":\"\"}") +
                                             chunk("{\"content\":\"a\"}") +
                                             chunk("{\"content\":\"b\"}") + kStop + kDone);
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kComplete);
  EXPECT_EQ(s.builder.reply().text(), "ab");
  EXPECT_EQ(s.builder.reply().choices[0].finish.kind, FinishReason::Kind::kStop);
  EXPECT_EQ(s.builder.reply().id, "i");
}

TEST(ChatStream, InterleavedParallelCallsKeepTheirArguments) {
  const std::string raw =
      chunk(
          R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})") +
      chunk(
          R"({"tool_calls":[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":""}}]})") +
      chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"x\""}}]})") +
      chunk(R"({"tool_calls":[{"index":1,"function":{"arguments":"{\"y\""}}]})") +
      chunk(
          R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":":2}"}}]})") +
      chunk("{}", ",\"finish_reason\":\"tool_calls\"") + kDone;
  const Streamed s = read_stream(chat(), raw);
  const std::vector<Block>& blocks = s.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].as<ToolCall>()->arguments, "{\"x\":1}");
  EXPECT_EQ(blocks[1].as<ToolCall>()->arguments, "{\"y\":2}");
  EXPECT_EQ(blocks[1].as<ToolCall>()->id, "b");

  // Anthropic's blocks come one after the other.
  const std::string other = in_dialect(messages(), s.deltas);
  EXPECT_LT(other.find("content_block_stop"), other.find("\"index\":1"));
  const Streamed back = read_stream(messages(), other);
  EXPECT_EQ(back.builder.reply().choices.at(0).message.content.at(1).as<ToolCall>()->arguments,
            "{\"y\":2}");
  EXPECT_EQ(back.builder.reply().choices.at(0).message.content.at(0).as<ToolCall>()->arguments,
            "{\"x\":1}");
}

TEST(ChatStream, ServersThatNumberEveryCallZero) {
  const std::string raw =
      chunk(R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]})") +
      chunk(R"({"tool_calls":[{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}]})") +
      kStop + kDone;
  EXPECT_EQ(read_stream(chat(), raw).builder.reply().choices.at(0).message.content.size(), 2u);
}

TEST(ChatStream, ServersThatDoNotNumberCalls) {
  const std::string raw =
      chunk(R"({"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]})") +
      chunk(R"({"tool_calls":[{"function":{"arguments":"1}"}}]})") + kStop + kDone;
  const Streamed s = read_stream(chat(), raw);
  ASSERT_EQ(s.builder.reply().choices.at(0).message.content.size(), 1u);
  EXPECT_EQ(s.builder.reply().choices[0].message.content[0].as<ToolCall>()->arguments, "{\"x\":1}");
}

TEST(ChatStream, EmptyArgumentsBecomeAnObjectForTheOtherDialect) {
  const Streamed s = read_stream(
      chat(),
      chunk(
          R"({"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]})") +
          chunk("{}", ",\"finish_reason\":\"tool_calls\"") + kDone);
  EXPECT_EQ(s.builder.reply().choices.at(0).message.content.at(0).as<ToolCall>()->arguments, "");
  const Streamed back = read_stream(messages(), in_dialect(messages(), s.deltas));
  EXPECT_EQ(back.builder.reply().choices.at(0).message.content.at(0).as<ToolCall>()->arguments,
            "{}");
}

TEST(ChatStream, UsageInAChunkWithoutChoices) {
  const Streamed s =
      read_stream(chat(), chunk("{\"content\":\"a\"}") + kStop +
                              "data: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
                              "\"completion_tokens\":4}}\n\n" +
                              kDone);
  ASSERT_TRUE(s.builder.reply().usage);
  EXPECT_EQ(s.builder.reply().usage->input, 3);
}

TEST(ChatStream, UsageInAChunkThatAlsoHasChoices) {
  const Streamed s = read_stream(chat(),
                                 "data: "
                                 "{\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                                 "\"a\"},\"finish_reason\":\"stop\"}],"
                                 "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n" +
                                     kDone);
  EXPECT_EQ(s.builder.reply().text(), "a");
  EXPECT_EQ(s.builder.reply().usage.value().output, 4);
}

TEST(ChatStream, WithoutTheMarkItIsBroken) {
  const Streamed s = read_stream(chat(), chunk("{\"content\":\"a\"}") + kStop);
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(s.error, HasSubstr("without [DONE]"));
}

TEST(ChatStream, SomeServersHaveNoMark) {
  Quirks quirks = quirks_of("");
  quirks.done_marker = false;
  EXPECT_EQ(read_stream(chat(), chunk("{\"content\":\"a\"}") + kStop, &quirks).builder.state(),
            ReplyBuilder::State::kComplete);
  EXPECT_EQ(read_stream(chat(), chunk("{\"content\":\"a\"}"), &quirks).builder.state(),
            ReplyBuilder::State::kBroken);
}

TEST(ChatStream, ErrorAfterStatus200) {
  const Streamed s =
      read_stream(chat(), chunk("{\"content\":\"a\"}") +
                              "data: {\"error\":{\"message\":\"boom\",\"code\":503}}\n\n");
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_EQ(s.builder.error().message, "boom");
  EXPECT_EQ(s.builder.error().kind, Kind::kUnavailable);
  EXPECT_EQ(s.builder.reply().text(), "a");
  const std::string other = in_dialect(messages(), s.deltas);
  EXPECT_THAT(
      other,
      HasSubstr(
          "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""));
  EXPECT_THAT(other, Not(HasSubstr("message_stop")));
}

TEST(ChatStream, TextThinkingTextTool) {
  const std::string raw =
      chunk("{\"content\":\"a\"}") + chunk("{\"reasoning_content\":\"h\"}") +
      chunk("{\"content\":\"b\"}") +
      chunk(R"({"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]})") +
      chunk("{}", ",\"finish_reason\":\"tool_calls\"") + kDone;
  const Streamed s = read_stream(chat(), raw);
  const std::vector<Block>& blocks = s.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(blocks.size(), 4u);
  EXPECT_TRUE(blocks[0].as<Text>() && blocks[1].as<Thinking>() && blocks[2].as<Text>() &&
              blocks[3].as<ToolCall>());
  const Streamed back = read_stream(messages(), in_dialect(messages(), s.deltas));
  EXPECT_EQ(back.builder.reply().choices.at(0).message.content.size(), 4u);
}

TEST(ChatStream, AzureSaysItsFiltersFirst) {
  const Streamed s = read_stream(
      chat(),
      "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[1]}\n\n" +
          chunk("{\"content\":\"a\"}") + kStop + kDone);
  EXPECT_EQ(s.builder.reply().id, "i");
  EXPECT_TRUE(s.builder.reply().extra.members.contains("prompt_filter_results"));
}

TEST(ChatStream, LogprobsAreAppended) {
  const std::string raw =
      chunk("{\"content\":\"a\"}", R"(,"logprobs":{"content":[{"token":"a"}]})") +
      chunk("{\"content\":\"b\"}", R"(,"logprobs":{"content":[{"token":"b"}]})") + kStop + kDone;
  const Streamed s = read_stream(chat(), raw);
  EXPECT_EQ(json_write(s.builder.reply().choices.at(0).logprobs.value()),
            R"({"content":[{"token":"a"},{"token":"b"}]})");
  EXPECT_EQ(json_write(read_stream(chat(), in_dialect(chat(), s.deltas))
                           .builder.reply()
                           .choices.at(0)
                           .logprobs.value()),
            R"({"content":[{"token":"a"},{"token":"b"}]})");
}

TEST(ChatStream, SeveralChoices) {
  const std::string raw =
      "data: "
      "{\"id\":\"i\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}},{\"index\":0,"
      "\"delta\":{\"content\":\"a\"}}]}\n\n"
      "data: "
      "{\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"},{\"index\":"
      "1,\"delta\":{},\"finish_reason\":\"length\"}]}\n\n" +
      kDone;
  const Streamed s = read_stream(chat(), raw);
  ASSERT_EQ(s.builder.reply().choices.size(), 2u);
  EXPECT_EQ(s.builder.reply().choices[0].message.all_text(), "a");
  EXPECT_EQ(s.builder.reply().choices[1].finish.kind, FinishReason::Kind::kLength);
}

TEST(ChatStream, LineSeparatorsInTextSurvive) {
  const Streamed s = read_stream(
      chat(), chunk("{\"content\":\"a\xE2\x80\xA8\xE2\x80\xA9\xC2\x85z\"}") + kStop + kDone);
  EXPECT_EQ(s.builder.reply().text(), "a\xE2\x80\xA8\xE2\x80\xA9\xC2\x85z");
  EXPECT_EQ(read_stream(messages(), in_dialect(messages(), s.deltas)).builder.reply().text(),
            s.builder.reply().text());
}

TEST(ChatStream, NotJsonIsBroken) {
  const Streamed s = read_stream(chat(), chunk("{\"content\":\"a\"}") + "data: {\"id\n\n");
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(s.error, HasSubstr("not JSON"));
}

TEST(ChatStream, UsageOnlyForThoseWhoAsked) {
  const Streamed s = read_stream(
      chat(), chunk("{\"content\":\"a\"}") + kStop +
                  "data: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n" +
                  kDone);
  EXPECT_THAT(in_dialect(chat(), s.deltas, false), Not(HasSubstr("usage")));
  EXPECT_THAT(in_dialect(chat(), s.deltas, true), HasSubstr("\"usage\":{\"prompt_tokens\":3}"));
}

std::string event(std::string_view type, std::string_view rest = "") {
  return fmt::format("event: {}\ndata: {{\"type\":\"{}\"{}}}\n\n", type, type, rest);
}
const std::string kStart = event(
    "message_start",
    R"(,"message":{"id":"m","model":"c","usage":{"input_tokens":9,"cache_read_input_tokens":2,"output_tokens":1}})");
const std::string kEnd =
    event("message_delta", R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5})") +
    event("message_stop");

TEST(AnthropicStream, UsageCountsOnFromTheStart) {
  const Streamed s = read_stream(messages(), kStart + kEnd);
  const Usage& usage = s.builder.reply().usage.value();
  EXPECT_EQ(usage.input, 11);
  EXPECT_EQ(usage.cache_read, 2);
  EXPECT_EQ(usage.output, 5);
}

TEST(AnthropicStream, WithoutTheMarkItIsBroken) {
  const Streamed s = read_stream(
      messages(), kStart + event("content_block_start",
                                 R"(,"index":0,"content_block":{"type":"text","text":""})"));
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(s.error, HasSubstr("without message_stop"));
  EXPECT_THAT(in_dialect(chat(), s.deltas), Not(HasSubstr("[DONE]")));
}

TEST(AnthropicStream, ErrorsInBetween) {
  const Streamed s = read_stream(
      messages(),
      kStart + event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})"));
  EXPECT_EQ(s.builder.error().kind, Kind::kUnavailable);
  EXPECT_EQ(s.builder.error().message, "Overloaded");
}

TEST(AnthropicStream, SignaturesReachAChatClientAndComeBack) {
  const std::string raw =
      kStart +
      event("content_block_start",
            R"(,"index":0,"content_block":{"type":"thinking","thinking":"","signature":""})") +
      event("content_block_delta",
            R"(,"index":0,"delta":{"type":"thinking_delta","thinking":"hm"})") +
      event("content_block_delta",
            R"(,"index":0,"delta":{"type":"signature_delta","signature":"SIG"})") +
      event("content_block_stop", R"(,"index":0)") + kEnd;
  const Streamed s = read_stream(messages(), raw);
  const Streamed back = read_stream(chat(), in_dialect(chat(), s.deltas));
  const Block& block = back.builder.reply().choices.at(0).message.content.at(0);
  EXPECT_EQ(block.as<Thinking>()->text, "hm");
  EXPECT_EQ(block.signature, "SIG");
  ChatRequest request{.dialect = Dialect::kOpenAiChat, .model = "c", .max_tokens = 5};
  request.messages.push_back(back.builder.reply().choices[0].message);
  const Result<Encoded> again = anthropic::encode_request(request);
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_THAT(again->body, HasSubstr(R"({"type":"thinking","thinking":"hm","signature":"SIG"})"));
}

TEST(AnthropicStream, ToolWithoutArgumentsGetsAnObject) {
  const std::string raw =
      kStart +
      event("content_block_start",
            R"(,"index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}})") +
      event("content_block_delta",
            R"(,"index":0,"delta":{"type":"input_json_delta","partial_json":""})") +
      event("content_block_stop", R"(,"index":0)") + kEnd;
  EXPECT_EQ(read_stream(messages(), raw)
                .builder.reply()
                .choices.at(0)
                .message.content.at(0)
                .as<ToolCall>()
                ->arguments,
            "{}");
}

TEST(AnthropicStream, ProviderToolsAreReportedToAChatClient) {
  const std::string raw =
      kStart +
      event(
          "content_block_start",
          R"(,"index":0,"content_block":{"type":"server_tool_use","id":"t","name":"f","input":{}})") +
      event("content_block_delta",
            R"(,"index":0,"delta":{"type":"input_json_delta","partial_json":"{}"})") +
      event("content_block_stop", R"(,"index":0)") + kEnd;
  const Streamed s = read_stream(messages(), raw);
  const std::unique_ptr<StreamEncoder> encoder = chat().stream_encoder({}, {});
  std::string out;
  for (const Delta& delta : s.deltas) encoder->write(delta, out);
  EXPECT_THAT(encoder->dropped(), ::testing::ElementsAre("messages.content.server_tool_use"));
  EXPECT_THAT(out, Not(HasSubstr("tool_calls")));
}

TEST(AnthropicStream, ARefusalInWordsIsToldToBeAnApproximation) {
  const std::unique_ptr<StreamEncoder> encoder = messages().stream_encoder({}, {});
  std::string out;
  const std::vector<Delta> deltas{StreamStart{.dialect = Dialect::kOpenAiChat},
                                  BlockStart{0, 0, Block(Refusal{})},
                                  RefusalDelta{0, 0, "no"},
                                  BlockStop{0, 0},
                                  Finish{0, {.kind = FinishReason::Kind::kRefusal}, {}},
                                  End{}};
  for (const Delta& delta : deltas) encoder->write(delta, out);
  EXPECT_THAT(out, HasSubstr("\"no\""));
  EXPECT_THAT(encoder->approximated(), ::testing::ElementsAre("messages.refusal"));
  EXPECT_THAT(encoder->dropped(), ::testing::IsEmpty());
}

TEST(Builder, NothingIsBrokenByDeltasForBlocksThatWereNeverOpened) {
  ReplyBuilder builder;
  builder.add(TextDelta{3, 2'000'000'000, "x"});
  builder.add(ArgumentsDelta{0, -1, "{}"});
  builder.add(End{});
  builder.add(TextDelta{0, 0, "late"});
  EXPECT_EQ(builder.state(), ReplyBuilder::State::kComplete);
  EXPECT_EQ(builder.reply().choices.size(), 2u);
  EXPECT_EQ(builder.reply().choices[0].message.content.size(), 1u);
}

}  // namespace
}  // namespace sighter::wire
