// What is Gemini's own: streams without an end mark, made ids, blocked prompts, signatures.

#include "wire/gemini.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const Codec& me() {
  return *codec_of(Dialect::kGemini);
}

std::string chunk(std::string_view parts, std::string_view more = "") {
  return fmt::format(
      "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{}],\"role\":\"model\"}}{}}}],"
      "\"usageMetadata\":{{\"promptTokenCount\":7,\"candidatesTokenCount\":2}},"
      "\"modelVersion\":\"g\",\"responseId\":\"r\"}}\r\n\r\n",
      parts, more);
}
const std::string kStop = ",\"finishReason\":\"STOP\"";

std::string in_dialect(Dialect dialect, const std::vector<Delta>& deltas,
                       std::vector<std::string>* dropped = nullptr) {
  ChatRequest request;
  request.include_usage = true;
  const std::unique_ptr<StreamEncoder> encoder =
      codec_of(dialect)->stream_encoder(request, {.now_s = 7});
  std::string out;
  for (const Delta& delta : deltas) encoder->write(delta, out);
  if (dropped != nullptr) *dropped = lost_by(*encoder);
  return out;
}

ChatReply reply_of(std::string_view text) {
  return me().decode_reply(json_parse(text).value(), nullptr).value();
}

TEST(GeminiStream, JoinsTextAndThoughtsApart) {
  const Streamed s = read_stream(
      me(), chunk(R"({"text":"hm","thought":true})") + chunk(R"({"text":"..","thought":true})") +
                chunk(R"({"text":"a"})") + chunk(R"({"text":"b"})", kStop));
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kComplete);
  const std::vector<Block>& content = s.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[0].as<Thinking>()->text, "hm..");
  EXPECT_EQ(content[1].as<Text>()->text, "ab");
  EXPECT_EQ(s.builder.reply().usage->input, 7);
}

TEST(GeminiStream, WithoutAFinishReasonItIsBroken) {
  const Streamed s = read_stream(me(), chunk(R"({"text":"a"})"));
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(s.error, HasSubstr("without a finish reason"));
  EXPECT_EQ(read_stream(me(), "").builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_THAT(in_dialect(Dialect::kOpenAiChat, s.deltas), Not(HasSubstr("[DONE]")));
}

TEST(GeminiStream, OneOfTwoCandidatesThatNeverEndsBreaksIt) {
  const std::string both =
      R"(data: {"candidates":[{"index":0,"finishReason":"STOP"},{"index":1,"content":{"parts":[{"text":"x"}]}}]})"
      "\r\n\r\n";
  EXPECT_EQ(read_stream(me(), both).builder.state(), ReplyBuilder::State::kBroken);
}

TEST(GeminiStream, AFinishReasonInEveryChunkEndsNothing) {
  const Streamed s =
      read_stream(me(), chunk(R"({"text":"a"})", kStop) + chunk(R"({"text":"b"})", kStop));
  EXPECT_EQ(s.builder.reply().text(), "ab");
  EXPECT_EQ(std::count_if(s.deltas.begin(), s.deltas.end(),
                          [](const Delta& d) { return std::holds_alternative<Finish>(d); }),
            1);
}

TEST(GeminiStream, CallsGetAnIdThatStaysOutOfTheirOwnDialect) {
  const Streamed s = read_stream(
      me(), chunk(R"({"functionCall":{"name":"f","args":{"x":1.50}},"thoughtSignature":"S"})") +
                chunk(R"({"functionCall":{"name":"f","args":{"x":2}}})", kStop));
  const Choice& choice = s.builder.reply().choices.at(0);
  EXPECT_EQ(choice.finish.kind, FinishReason::Kind::kToolCalls);
  EXPECT_EQ(choice.message.content.at(0).as<ToolCall>()->id, "call_r_0");
  EXPECT_EQ(choice.message.content.at(1).as<ToolCall>()->id, "call_r_1");
  EXPECT_EQ(choice.message.content.at(0).as<ToolCall>()->arguments, "{\"x\":1.50}");
  const std::string chat = in_dialect(Dialect::kOpenAiChat, s.deltas);
  EXPECT_THAT(chat, HasSubstr("\"thought_signature\":\"S\""));
  EXPECT_THAT(chat, HasSubstr("\"finish_reason\":\"tool_calls\""));
  const std::string own = in_dialect(Dialect::kGemini, s.deltas);
  EXPECT_THAT(own, HasSubstr("\"thoughtSignature\":\"S\""));
  EXPECT_THAT(own, Not(HasSubstr("call_r_0")));
  EXPECT_THAT(own, ::testing::EndsWith("}\r\n\r\n"));
}

// As Vertex streams them: a name, leaves by their paths, an empty call at the end.
TEST(GeminiStream, ArgumentsThatComeInPiecesArePutTogether) {
  const Streamed s = read_stream(
      me(),
      chunk(R"({"functionCall":{"name":"f","willContinue":true},"thoughtSignature":"S"})") +
          chunk(
              R"({"functionCall":{"partialArgs":[{"jsonPath":"$.place","stringValue":"New ","willContinue":true}],"willContinue":true}})") +
          chunk(
              R"({"functionCall":{"partialArgs":[{"jsonPath":"$.place","stringValue":"Delhi"},{"jsonPath":"$.n","numberValue":1.50}],"willContinue":true}})") +
          chunk(
              R"({"functionCall":{"partialArgs":[{"jsonPath":"$.l[0]['a b']","boolValue":true},{"jsonPath":"$.l[1]","nullValue":"NULL_VALUE"},{"jsonPath":"$.e"}],"willContinue":true}})") +
          chunk(R"({"functionCall":{}})") + chunk(R"({"functionCall":{}})", kStop));
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kComplete) << s.error;
  const Choice& choice = s.builder.reply().choices.at(0);
  EXPECT_EQ(choice.finish.kind, FinishReason::Kind::kToolCalls);
  ASSERT_EQ(choice.message.content.size(), 1u);
  const Block& block = choice.message.content[0];
  EXPECT_EQ(block.as<ToolCall>()->name, "f");
  EXPECT_EQ(block.as<ToolCall>()->arguments,
            R"({"place":"New Delhi","n":1.50,"l":[{"a b":true},null]})");
  EXPECT_EQ(block.signature, "S");
  EXPECT_TRUE(block.extra.members.empty());
  const std::string chat = in_dialect(Dialect::kOpenAiChat, s.deltas);
  EXPECT_THAT(chat, HasSubstr(R"(\"place\":\"New Delhi\")"));
  EXPECT_THAT(in_dialect(Dialect::kGemini, s.deltas),
              HasSubstr(R"("functionCall":{"name":"f","args":{"place":"New Delhi",)"));
}

// The last piece may be the end of it: another call, a text or the end of the stream follows.
TEST(GeminiStream, CallsInPiecesEndWhereSomethingElseBegins) {
  const std::string piece =
      R"({"functionCall":{"name":"NAME","partialArgs":[{"jsonPath":"$.x[0]","stringValue":"NAME"}]}})";
  const auto named = [&piece](char name) {
    std::string out = piece;
    for (std::size_t at; (at = out.find("NAME")) != out.npos;) out.replace(at, 4, 1, name);
    return out;
  };
  const Streamed s =
      read_stream(me(), chunk(named('a') + "," + named('b')) + chunk(R"({"text":"t"})") +
                            chunk(R"({"functionCall":{"name":"c","args":{"y":1}}})") +
                            chunk(named('d'), kStop));
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kComplete) << s.error;
  const std::vector<Block>& content = s.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(content.size(), 5u);
  EXPECT_EQ(content[0].as<ToolCall>()->arguments, R"({"x":["a"]})");
  EXPECT_EQ(content[1].as<ToolCall>()->arguments, R"({"x":["b"]})");
  EXPECT_EQ(content[2].as<Text>()->text, "t");
  EXPECT_EQ(content[3].as<ToolCall>()->arguments, R"({"y":1})");
  EXPECT_EQ(content[4].as<ToolCall>()->arguments, R"({"x":["d"]})");
  EXPECT_NE(content[0].as<ToolCall>()->id, content[1].as<ToolCall>()->id);
}

TEST(GeminiStream, APieceForAPlaceThatCannotBeBreaksTheStream) {
  for (const char* path : {"", "$", "x", "$.", "$.a[5]", "$.a[", "$.a['b", "$[0]", "$.s.deep"}) {
    const Streamed s = read_stream(
        me(),
        chunk(
            R"({"functionCall":{"name":"f","partialArgs":[{"jsonPath":"$.s","stringValue":"x"}],"willContinue":true}})") +
            chunk(
                fmt::format(
                    R"({{"functionCall":{{"partialArgs":[{{"jsonPath":"{}","stringValue":"x"}}]}}}})",
                    path),
                kStop));
    EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kBroken) << path;
    EXPECT_THAT(s.error, HasSubstr("for a place that cannot be")) << path;
  }
}

TEST(GeminiStream, ASignatureBehindTheTextIsAPartOfItsOwn) {
  const Streamed s = read_stream(
      me(), chunk(R"({"text":"a"})") + chunk(R"({"text":"","thoughtSignature":"S"})", kStop));
  const std::vector<Block>& content = s.builder.reply().choices.at(0).message.content;
  ASSERT_EQ(content.size(), 2u);
  EXPECT_EQ(content[0].signature, "");
  EXPECT_EQ(content[1].signature, "S");
  EXPECT_THAT(in_dialect(Dialect::kGemini, s.deltas), HasSubstr(R"("thoughtSignature":"S")"));
}

TEST(GeminiStream, ErrorsInBetween) {
  const Streamed s = read_stream(
      me(), chunk(R"({"text":"a"})") +
                R"(data: {"error":{"code":503,"message":"Overloaded","status":"UNAVAILABLE"}})"
                "\r\n\r\n");
  EXPECT_EQ(s.builder.error().kind, Kind::kUnavailable);
  EXPECT_EQ(s.builder.error().message, "Overloaded");
  EXPECT_THAT(in_dialect(Dialect::kGemini, s.deltas),
              ::testing::EndsWith("\"status\":\"UNAVAILABLE\"}}\r\n\r\n"));
}

TEST(GeminiStream, ABlockedPromptIsAnAnswer) {
  const Streamed s = read_stream(
      me(), "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"modelVersion\":\"g\"}\n\n");
  EXPECT_EQ(s.builder.state(), ReplyBuilder::State::kComplete) << s.error;
  EXPECT_EQ(s.builder.reply().choices.at(0).finish.kind, FinishReason::Kind::kContentFilter);
  EXPECT_THAT(in_dialect(Dialect::kGemini, s.deltas), Not(HasSubstr("candidates")));
}

TEST(GeminiStream, AnthropicsBlocksReachItInOrder) {
  std::vector<Delta> deltas{StreamStart{.dialect = Dialect::kAnthropic, .id = "m"}};
  Block thought(Thinking{});
  thought.extra.dialect = Dialect::kAnthropic;
  Block call(ToolCall{.id = "t", .name = "f"});
  call.extra.dialect = Dialect::kAnthropic;
  deltas.emplace_back(BlockStart{0, 0, thought});
  deltas.emplace_back(ThinkingDelta{0, 0, "hm"});
  deltas.emplace_back(SignatureDelta{0, 0, "SIG"});
  deltas.emplace_back(BlockStop{0, 0});
  deltas.emplace_back(BlockStart{0, 1, call});
  deltas.emplace_back(ArgumentsDelta{0, 1, "{\"a\":"});
  deltas.emplace_back(ArgumentsDelta{0, 1, "1}"});
  deltas.emplace_back(BlockStop{0, 1});
  deltas.emplace_back(Finish{.reason = {.kind = FinishReason::Kind::kToolCalls}});
  deltas.emplace_back(End{});
  const std::string out = in_dialect(Dialect::kGemini, deltas);
  EXPECT_THAT(out, HasSubstr(R"("parts":[{"text":"hm","thought":true}])"));
  EXPECT_THAT(out, HasSubstr(R"({"functionCall":{"id":"t","name":"f","args":{"a":1}}})"));
  EXPECT_THAT(out, Not(HasSubstr("SIG")));
}

TEST(GeminiReply, CountsAllTokens) {
  const ChatReply reply = reply_of(
      R"({"candidates":[],"usageMetadata":{"promptTokenCount":10,"toolUsePromptTokenCount":5,
          "candidatesTokenCount":3,"thoughtsTokenCount":4,"cachedContentTokenCount":6,
          "promptTokensDetails":[{"modality":"AUDIO","tokenCount":2},{"modality":"TEXT","tokenCount":8}]}})");
  EXPECT_EQ(reply.usage->input, 15);
  EXPECT_EQ(reply.usage->output, 7);
  EXPECT_EQ(reply.usage->reasoning, 4);
  EXPECT_EQ(reply.usage->cache_read, 6);
  EXPECT_EQ(reply.usage->audio_input, 2);
}

TEST(GeminiReply, ABlockedPromptSurvives) {
  const std::string text =
      R"({"promptFeedback":{"blockReason":"PROHIBITED_CONTENT"},"usageMetadata":{"promptTokenCount":1}})";
  const ChatReply reply = reply_of(text);
  EXPECT_EQ(reply.choices.at(0).finish.word, "PROHIBITED_CONTENT");
  EXPECT_EQ(json_parse(me().encode_reply(reply, {}).body).value(), json_parse(text).value());
  EXPECT_THAT(codec_of(Dialect::kOpenAiChat)->encode_reply(reply, {}).body,
              HasSubstr("\"finish_reason\":\"content_filter\""));
}

TEST(GeminiReply, GroundingIsCitationsElsewhere) {
  const ChatReply reply = reply_of(
      R"({"candidates":[{"content":{"parts":[{"text":"é is it."}],"role":"model"},"finishReason":"STOP",
          "groundingMetadata":{"groundingChunks":[{"web":{"uri":"http://u","title":"t"}}],
          "groundingSupports":[{"segment":{"startIndex":3,"endIndex":9,"text":"is it."},"groundingChunkIndices":[0]}]}}]})");
  const Text& text = *reply.choices.at(0).message.content.at(0).as<Text>();
  ASSERT_EQ(text.citations.size(), 1u);
  EXPECT_EQ(text.citations[0].start, 2);
  EXPECT_EQ(text.citations[0].end, 8);
  const Encoded chat = codec_of(Dialect::kOpenAiChat)->encode_reply(reply, {});
  EXPECT_THAT(chat.body,
              HasSubstr(R"("url":"http://u","title":"t","start_index":2,"end_index":8)"));
  const ChatReply back =
      codec_of(Dialect::kOpenAiChat)->decode_reply(json_parse(chat.body).value(), nullptr).value();
  EXPECT_THAT(me().encode_reply(back, {}).body,
              HasSubstr(R"("segment":{"startIndex":3,"endIndex":9,"text":"is it."})"));
}

TEST(GeminiReply, WhatFailedIsNotAPlainStopInSilence) {
  const ChatReply reply =
      reply_of(R"({"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]})");
  EXPECT_EQ(reply.choices.at(0).finish.kind, FinishReason::Kind::kError);
  EXPECT_THAT(codec_of(Dialect::kOpenAiChat)->encode_reply(reply, {}).body,
              HasSubstr(R"("finish_reason":"error")"));
  EXPECT_THAT(codec_of(Dialect::kAnthropic)->encode_reply(reply, {}).dropped,
              ElementsAre("choices.finish_reason"));
  EXPECT_THAT(failure_of(reply)->message, HasSubstr("MALFORMED_FUNCTION_CALL"));
}

TEST(GeminiReply, IdsAreNoLongerThanOthersTake) {
  const ChatReply reply = reply_of(
      R"({"responseId":"0123456789012345678901234567890123456789",
          "candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}}]}}]})");
  EXPECT_LE(reply.choices.at(0).message.content.at(0).as<ToolCall>()->id.size(), 40u);
}

TEST(GeminiError, SaysWhatTheHouseKnows) {
  const WireError error{.kind = Kind::kRateLimited,
                        .message = "slow down",
                        .retry_after = std::chrono::milliseconds(1500)};
  EXPECT_EQ(
      me().encode_error(error),
      R"({"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.5s"}]}})");
  const WireError back = me().decode_error(429, me().encode_error(error));
  EXPECT_EQ(back.kind, Kind::kRateLimited);
  EXPECT_EQ(back.retry_after, error.retry_after);
}

TEST(GeminiPath, ModelsAndResources) {
  EXPECT_EQ(gemini::path("gemini-2.5-flash", false), "/models/gemini-2.5-flash:generateContent");
  EXPECT_EQ(gemini::path("tunedModels/x", true), "/tunedModels/x:streamGenerateContent?alt=sse");
}

// Both spellings of a name mean the same.
TEST(GeminiRequest, NamesWithLinesSurvive) {
  const std::string text =
      R"({"contents":[{"parts":[{"inline_data":{"mime_type":"image/png","data":"A-_A"}}]}],
          "system_instruction":{"parts":[{"text":"s"}]},
          "generation_config":{"max_output_tokens":5,"thinking_config":{"thinking_budget":-1}},
          "tool_config":{"function_calling_config":{"mode":"ANY","allowed_function_names":["f"]}}})";
  const ChatRequest request = me().decode_request(json_parse(text).value()).value();
  EXPECT_EQ(request.messages.at(1).content.at(0).as<Media>()->data, "A+/A");
  EXPECT_EQ(request.max_tokens, 5);
  EXPECT_EQ(request.reasoning->mode, Reasoning::Mode::kAdaptive);
  EXPECT_EQ(json_parse(me().encode_request(request, {})->body).value(), json_parse(text).value());
}

}  // namespace
}  // namespace sighter::wire
