// What is special to Responses: items, the order of events, proofs of other providers, its state.

#include "wire/openai_responses.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "wire/openai_responses_state.hpp"
#include "wire/proof.hpp"
#include "wire/reply_builder.hpp"
#include "wire/test_events.hpp"

namespace sighter::wire {
namespace {

const Codec& responses() {
  return *codec_of(Dialect::kOpenAiResponses);
}

Json parse(std::string_view text) {
  Result<Json> json = json_parse(text);
  EXPECT_TRUE(json) << json.error().what << text;
  return json ? std::move(*json) : Json();
}

struct Written {
  std::vector<Event> events;
  std::string raw;
  std::vector<std::string> dropped;
  std::string types() const {
    std::string out;
    for (const Event& event : events)
      out +=
          (out.empty() ? "" : " ") + event.name.substr(event.name.starts_with("response.") ? 9 : 0);
    return out;
  }
  Json last() const { return parse(events.back().data); }
};

Written write(const std::vector<Delta>& deltas, const ChatRequest& request = {}) {
  Written out;
  const auto encoder = responses().stream_encoder(request, {.now_s = 7});
  for (const Delta& delta : deltas) encoder->write(delta, out.raw);
  out.events = split_events(out.raw);
  out.dropped = lost_by(*encoder);
  for (std::size_t i = 0; i < out.events.size(); ++i) {
    EXPECT_EQ(parse(out.events[i].data).find("sequence_number")->to_int(),
              static_cast<std::int64_t>(i));
  }
  return out;
}

StreamStart start() {
  return {.dialect = Dialect::kAnthropic, .id = "msg_1", .model = "claude"};
}
Block foreign(Block block) {
  block.extra.dialect = Dialect::kAnthropic;
  return block;
}
Finish finish(FinishReason::Kind kind) {
  return {.choice = 0, .reason = {.kind = kind}};
}

// Who relays must not say [DONE] before it is known that nothing follows.
TEST(ResponsesStream, DoneBeforeItsEndIsABreak) {
  const auto decoder = responses().stream_decoder(nullptr);
  std::vector<Delta> deltas;
  const std::string_view created =
      R"({"type":"response.created","response":{"id":"resp_1","status":"in_progress"}})";
  ASSERT_TRUE(decoder->feed("response.created", created, deltas));
  const Status done = decoder->feed("", "[DONE]", deltas);
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("without response.completed"), std::string::npos);
  const std::string_view completed =
      R"({"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[]}})";
  ASSERT_TRUE(decoder->feed("response.completed", completed, deltas));
  EXPECT_TRUE(decoder->feed("", "[DONE]", deltas));
}

TEST(ResponsesStream, ThinkingTextAndToolInOrder) {
  const Written out =
      write({start(), BlockStart{0, 0, foreign(Thinking{})}, ThinkingDelta{0, 0, "hm"},
             SignatureDelta{0, 0, "sig"}, BlockStop{0, 0}, BlockStart{0, 1, foreign(Text{})},
             TextDelta{0, 1, "a"}, TextDelta{0, 1, "b"}, BlockStop{0, 1},
             BlockStart{0, 2, foreign(ToolCall{.id = "t", .name = "f"})},
             ArgumentsDelta{0, 2, "{\"x\":"}, ArgumentsDelta{0, 2, "1}"}, BlockStop{0, 2},
             finish(FinishReason::Kind::kToolCalls), UsageDelta{{.input = 3, .output = 4}}, End{}});
  EXPECT_EQ(out.types(),
            "created in_progress "
            "output_item.added content_part.added reasoning_text.delta reasoning_text.done "
            "content_part.done output_item.done "
            "output_item.added content_part.added output_text.delta output_text.delta "
            "output_text.done content_part.done output_item.done "
            "output_item.added function_call_arguments.delta function_call_arguments.delta "
            "function_call_arguments.done output_item.done "
            "completed");
  const Json last = out.last();
  EXPECT_EQ(last.pointer("/response/output/1/content/0/text")->as_string(), "ab");
  EXPECT_EQ(last.pointer("/response/output/2/arguments")->as_string(), "{\"x\":1}");
  EXPECT_EQ(last.pointer("/response/output/2/call_id")->as_string(), "t");
  EXPECT_EQ(last.pointer("/response/usage/total_tokens")->to_int(), 7);
  EXPECT_EQ(last.pointer("/response/created_at")->to_int(), 7);
}

TEST(ResponsesStream, ParallelCallsThatInterleave) {
  const Written out =
      write({start(), BlockStart{0, 0, foreign(ToolCall{.id = "a", .name = "f"})},
             ArgumentsDelta{0, 0, "{"}, BlockStart{0, 1, foreign(ToolCall{.id = "b", .name = "g"})},
             ArgumentsDelta{0, 1, "[]"}, ArgumentsDelta{0, 0, "}"}, BlockStop{0, 0},
             BlockStop{0, 1}, finish(FinishReason::Kind::kToolCalls), End{}});
  const Json last = out.last();
  EXPECT_EQ(last.pointer("/response/output/0/arguments")->as_string(), "{}");
  EXPECT_EQ(last.pointer("/response/output/1/arguments")->as_string(), "[]");
  const Streamed back = read_stream(responses(), out.raw);
  EXPECT_EQ(back.builder.reply().choices.at(0).message.content.size(), 2u);
}

TEST(ResponsesStream, EmptyArgumentsAreAnObject) {
  const Written out = write({start(), BlockStart{0, 0, foreign(ToolCall{.id = "a", .name = "f"})},
                             BlockStop{0, 0}, finish(FinishReason::Kind::kToolCalls), End{}});
  EXPECT_EQ(out.last().pointer("/response/output/0/arguments")->as_string(), "{}");
}

TEST(ResponsesStream, SeveralTextsAreOneMessageOfSeveralParts) {
  const Written out = write({start(), BlockStart{0, 0, foreign(Text{.text = "a"})}, BlockStop{0, 0},
                             BlockStart{0, 1, foreign(Text{.text = "b"})}, BlockStop{0, 1},
                             finish(FinishReason::Kind::kStop), End{}});
  const Json last = out.last();
  EXPECT_EQ(last.pointer("/response/output")->as_array().size(), 1u);
  EXPECT_EQ(last.pointer("/response/output/0/content/1/text")->as_string(), "b");
}

// Azure's first chunk has no id, and says of the whole reply what its filters found.
TEST(ResponsesStream, WhatComesBeforeTheStartWaitsForItsId) {
  Extra filters{.dialect = Dialect::kOpenAiChat};
  filters.members.set("prompt_filter_results", Json::array());
  const Written out =
      write({ReplyExtra{filters}, UsageDelta{{.input = 3}}, Ping{},
             RawEvent{.dialect = Dialect::kAnthropic, .name = "new", .json = Json::object()},
             start(), BlockStart{0, 0, foreign(Text{.text = "a"})}, BlockStop{0, 0},
             finish(FinishReason::Kind::kStop), End{}});
  const Json first = parse(out.events.at(0).data);
  EXPECT_EQ(first.pointer("/response/id")->as_string(), "resp_msg_1");
  EXPECT_EQ(first.pointer("/response/model")->as_string(), "claude");
  EXPECT_EQ(out.last().pointer("/response/usage/input_tokens")->to_int(), 3);
}

TEST(ResponsesStream, OwnEventsBeforeTheStartFollowIt) {
  const Written out = write(
      {RawEvent{
           .dialect = Dialect::kOpenAiResponses, .name = "response.new", .json = Json::object()},
       StreamStart{.dialect = Dialect::kOpenAiResponses, .id = "resp_1"}, End{}});
  EXPECT_EQ(out.types(), "created in_progress new completed");
}

TEST(ResponsesStream, BytesOfTokensAreAlwaysAList) {
  const Json token = parse(
      R"({"token":"\u00e9","logprob":-1,"bytes":null,"top_logprobs":[{"token":"a","logprob":-2,"bytes":null}]})");
  Json logprobs = Json::object();
  logprobs.as_object().set("content", Json::array({token}));
  const Written out = write({start(), BlockStart{0, 0, foreign(Text{})}, LogprobsDelta{0, logprobs},
                             TextDelta{0, 0, "\xc3\xa9"}, BlockStop{0, 0},
                             finish(FinishReason::Kind::kStop), End{}});
  const Json last = out.last();
  const Json& one = *last.pointer("/response/output/0/content/0/logprobs/0");
  EXPECT_EQ(json_write(*one.find("bytes")), "[195,169]");
  EXPECT_EQ(json_write(*one.pointer("/top_logprobs/0/bytes")), "[97]");
}

TEST(ResponsesStream, RefusalsAndCitations) {
  Citation citation{.url = "u", .title = "t"};
  const Written out =
      write({start(), BlockStart{0, 0, foreign(Text{})}, TextDelta{0, 0, "\u00e9a"},
             CitationDelta{0, 0, citation}, BlockStop{0, 0}, BlockStart{0, 1, foreign(Refusal{})},
             RefusalDelta{0, 1, "no"}, BlockStop{0, 1}, finish(FinishReason::Kind::kStop), End{}});
  EXPECT_EQ(out.types(),
            "created in_progress output_item.added content_part.added output_text.delta "
            "output_text.annotation.added output_text.done content_part.done content_part.added "
            "refusal.delta refusal.done content_part.done output_item.done completed");
  const Json last = out.last();
  EXPECT_EQ(last.pointer("/response/output/0/content/0/annotations/0/end_index")->to_int(), 2);
  EXPECT_EQ(last.pointer("/response/output/0/content/1/refusal")->as_string(), "no");
}

TEST(ResponsesStream, CutOffIsIncomplete) {
  const Written out = write({start(), BlockStart{0, 0, foreign(Text{.text = "a"})}, BlockStop{0, 0},
                             finish(FinishReason::Kind::kLength), End{}});
  EXPECT_EQ(out.events.back().name, "response.incomplete");
  EXPECT_EQ(out.last().pointer("/response/incomplete_details/reason")->as_string(),
            "max_output_tokens");
  EXPECT_EQ(out.last().pointer("/response/output/0/status")->as_string(), "incomplete");
}

TEST(ResponsesStream, BrokenIsSaidAndNeverCompleted) {
  const Written out =
      write({start(), BlockStart{0, 0, foreign(Text{.text = "a"})},
             StreamError{{.kind = Kind::kUpstream, .message = "it was cut"}}, End{}});
  EXPECT_EQ(out.types(),
            "created in_progress output_item.added content_part.added "
            "output_text.delta error failed");
  EXPECT_EQ(parse(out.events[5].data).find("message")->as_string(), "it was cut");
  EXPECT_EQ(out.last().pointer("/response/output/0/content/0/text")->as_string(), "a");
  const Streamed back = read_stream(responses(), out.raw);
  EXPECT_EQ(back.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_EQ(back.builder.error().message, "it was cut");
}

TEST(ResponsesStream, WithoutItsLastEventItIsBroken) {
  const Streamed streamed =
      read_stream(responses(),
                  "data: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n"
                  "data: {\"type\":\"response.output_text.delta\",\"delta\":\"x\"}\n\n");
  EXPECT_EQ(streamed.builder.state(), ReplyBuilder::State::kBroken);
  EXPECT_EQ(streamed.builder.reply().text(), "x");
}

TEST(ResponsesStream, SaysAgainWhatWasAsked) {
  const ChatRequest request =
      responses()
          .decode_request(parse(
              R"({"model":"m","input":"q","instructions":"be brief","temperature":0.50,"previous_response_id":"resp_0","tools":[{"type":"function","name":"f","parameters":{},"strict":true}]})"))
          .value();
  const Written out = write({start(), finish(FinishReason::Kind::kStop), End{}}, request);
  const Json last = out.last();
  EXPECT_EQ(last.pointer("/response/instructions")->as_string(), "be brief");
  EXPECT_EQ(last.pointer("/response/temperature")->number_text(), "0.50");
  EXPECT_EQ(last.pointer("/response/tools/0/name")->as_string(), "f");
  EXPECT_EQ(last.pointer("/response/previous_response_id")->as_string(), "resp_0");
}

// The reply that a stream is put together to, and the one in its last event, are the same.
TEST(ResponsesStream, LastEventHoldsWhatTheStreamSaid) {
  std::ifstream file(std::string(SIGHTER_SOURCE_DIR) +
                     "/../shared/data/recorded_replies/openai_responses.jsonl");
  if (!file) GTEST_SKIP() << "no recorded exchanges";
  int count = 0;
  for (std::string line; std::getline(file, line);) {
    const Json json = parse(line);
    const std::string* raw = json.find_string("raw");
    if (raw == nullptr) continue;
    const Streamed streamed = read_stream(responses(), *raw);
    std::optional<Json> last;
    for (const Event& event : split_events(*raw)) {
      if (auto found = openai_responses::final_response(event.name, event.data))
        last = std::move(found);
    }
    ASSERT_TRUE(last.has_value());
    Json whole =
        parse(responses().encode_reply(responses().decode_reply(*last, nullptr).value(), {}).body);
    Json built = parse(responses().encode_reply(streamed.builder.reply(), {}).body);
    // The provider encrypts thoughts anew for its last event, and rounds log-probabilities.
    for (Json* one : {&whole, &built}) {
      for (Json& item : one->find("output")->as_array()) {
        if (item.find_string("encrypted_content") != nullptr)
          item.as_object().set("encrypted_content", "x");
        Json* content = item.find("content");
        if (content == nullptr || !content->is_array()) continue;
        for (Json& part : content->as_array()) {
          Json* logprobs = part.find("logprobs");
          if (logprobs != nullptr) *logprobs = Json(logprobs->as_array().size());
        }
      }
    }
    EXPECT_TRUE(*whole.find("output") == *built.find("output")) << json_canonical(whole) << "\n"
                                                                << json_canonical(built);
    EXPECT_TRUE(*whole.find("usage") == *built.find("usage"));
    EXPECT_EQ(*whole.find_string("status"), *built.find_string("status"));
    ++count;
  }
  EXPECT_GT(count, 10);
}

// A reply of Anthropic goes through a Responses client, or the store, and back to Anthropic.
TEST(ResponsesProofs, SignaturesOfOtherProvidersComeBack) {
  const Codec& anthropic = *codec_of(Dialect::kAnthropic);
  const Json reply = parse(
      R"({"id":"m","type":"message","role":"assistant","model":"c","content":[{"type":"thinking","thinking":"h","signature":"s:1"},{"type":"redacted_thinking","data":"d"},{"type":"tool_use","id":"t","name":"f","input":{"a":1}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}})");
  const Json said =
      parse(responses().encode_reply(anthropic.decode_reply(reply, nullptr).value(), {}).body);
  Json body = Json::object({{"model", "c"}, {"input", *said.find("output")}});
  EXPECT_TRUE(holds_marked_proof(json_write(body)));
  const ChatRequest request = responses().decode_request(std::move(body)).value();
  const Json back = parse(anthropic.encode_request(request, {}).value().body);
  EXPECT_TRUE(*back.pointer("/messages/0/content") == *reply.find("content")) << json_write(back);
  // Its own provider would refuse them.
  const Encoded own = responses().encode_request(request, {}).value();
  EXPECT_EQ(own.body.find("sighter:"), std::string::npos);
  EXPECT_EQ(own.approximated, std::vector<std::string>{"messages.content.thinking"});
}

TEST(ResponsesProofs, ASignatureOfACallStaysWithTheCall) {
  ChatReply reply{.dialect = Dialect::kGemini, .id = "g"};
  Choice choice;
  Block call(ToolCall{.id = "t", .name = "f", .arguments = "{}"});
  call.signature = "proof";
  call.extra.dialect = Dialect::kGemini;
  choice.message.content.push_back(std::move(call));
  reply.choices.push_back(std::move(choice));
  const auto check = [&](const Json& output) {
    const ChatRequest request =
        responses().decode_request(Json::object({{"model", "m"}, {"input", output}})).value();
    ASSERT_EQ(request.messages.size(), 1u);
    ASSERT_EQ(request.messages[0].content.size(), 1u);
    EXPECT_EQ(request.messages[0].content[0].signature, "proof");
  };
  check(*parse(responses().encode_reply(reply, {}).body).find("output"));
  check(*write(deltas_of(reply)).last().pointer("/response/output"));
}

TEST(ResponsesProofs, AnthropicClientsHandBackWhatOpenAiEncrypted) {
  const Json reply = parse(
      R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"h"}],"encrypted_content":"gAAAAx"}]})");
  const Codec& anthropic = *codec_of(Dialect::kAnthropic);
  const Json said =
      parse(anthropic.encode_reply(responses().decode_reply(reply, nullptr).value(), {}).body);
  const Json ask = Json::object(
      {{"model", "m"},
       {"max_tokens", 5},
       {"messages",
        Json::array({Json::object({{"role", "assistant"}, {"content", *said.find("content")}})})}});
  const Json back =
      parse(responses().encode_request(anthropic.decode_request(ask).value(), {}).value().body);
  EXPECT_EQ(back.pointer("/input/0/encrypted_content")->as_string(), "gAAAAx");
}

TEST(ResponsesReply, FailedIsAnError) {
  const Result<ChatReply> reply = responses().decode_reply(
      parse(R"({"status":"failed","output":[],"error":{"code":"server_error","message":"oh"}})"),
      nullptr);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().what, "the response failed: oh");
}

// ---- state ------------------------------------------------------------------------------------

TEST(ResponsesState, GoesOnFromWhatWasStored) {
  const Json first = parse(R"({"model":"m","input":"one","instructions":"x"})");
  const Json reply = parse(
      R"({"id":"resp_1","output":[{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[]}]})");
  const std::string items = openai_responses::items_of_exchange(first, reply);
  Result<Json> second = openai_responses::continued(
      parse(
          R"({"model":"m","previous_response_id":"resp_1","input":[{"role":"user","content":"two"}]})"),
      items);
  ASSERT_TRUE(second);
  EXPECT_TRUE(
      *second ==
      parse(
          R"({"model":"m","input":[{"type":"message","role":"user","content":"one"},{"type":"message","role":"assistant","id":"msg_1","status":"completed","content":[]},{"role":"user","content":"two"}]})"))
      << json_write(*second);
  // And on from there: everything is in one row.
  const std::string later = openai_responses::items_of_exchange(*second, reply);
  EXPECT_EQ(parse(later).find("input")->as_array().size(), 3u);
  EXPECT_FALSE(openai_responses::continued(first, "{}"));
  EXPECT_FALSE(openai_responses::continued(parse(R"({"input":5})"), items));
}

TEST(ResponsesState, WhatTheDoorDoesItselfIsNoUpstreams) {
  const std::string_view text =
      R"({"model":"m","input":"q","truncation":"auto","previous_response_id":"resp_1"})";
  ChatRequest request = responses().decode_request(parse(text)).value();
  openai_responses::take_over(request, "resp_1");
  EXPECT_TRUE(codec_of(Dialect::kOpenAiChat)->encode_request(request, {}));
  EXPECT_TRUE(parse(responses().encode_request(request, {}).value().body) ==
              parse(R"({"model":"m","input":"q","truncation":"auto"})"));
  const Written out = write({start(), finish(FinishReason::Kind::kStop), End{}}, request);
  EXPECT_EQ(out.last().pointer("/response/previous_response_id")->as_string(), "resp_1");
  EXPECT_EQ(out.last().pointer("/response/truncation")->as_string(), "auto");
}

TEST(ResponsesState, ARelayedStreamThatWasCutGoesOnCounting) {
  const std::string_view events =
      "data: {\"sequence_number\":3}\n\ndata: {\"sequence_number\": 4}\n\n";
  EXPECT_EQ(openai_responses::number_after(events), 5);
  EXPECT_EQ(openai_responses::number_after("data: {}\n\n"), std::nullopt);
  const std::string event =
      openai_responses::error_event({.kind = Kind::kUpstream, .message = "cut"}, 5);
  const Streamed streamed = read_stream(responses(), event);
  EXPECT_EQ(streamed.builder.error().message, "cut");
  EXPECT_EQ(parse(split_events(event).at(0).data).find("sequence_number")->to_int(), 5);
}

TEST(ResponsesState, InputItemsInPages) {
  const std::string items =
      R"({"input":[{"role":"user","content":"a"},{"type":"message","role":"user","content":"b","id":"msg_b"},{"type":"function_call_output","call_id":"c","output":"d"}],"output":[]})";
  const Json page = parse(openai_responses::input_items("resp_9", items, {.limit = 2}).value());
  EXPECT_EQ(page.pointer("/data/0/type")->as_string(), "function_call_output");
  EXPECT_EQ(page.find("last_id")->as_string(), "msg_b");
  EXPECT_TRUE(page.find("has_more")->as_bool());
  const Json rest =
      parse(openai_responses::input_items("resp_9", items, {.limit = 2, .after = "msg_b"}).value());
  EXPECT_EQ(rest.pointer("/data/0/content/0/text")->as_string(), "a");
  EXPECT_FALSE(rest.find("has_more")->as_bool());
  EXPECT_FALSE(openai_responses::input_items("resp_9", items, {.limit = 0}));
  EXPECT_FALSE(openai_responses::input_items("resp_9", items, {.after = "x"}));
}

TEST(ResponsesState, TruncatesWholeTurns) {
  Json body = parse(
      R"({"input":[{"role":"developer","content":"r"},{"role":"user","content":"1"},{"type":"function_call","call_id":"a"},{"type":"function_call_output","call_id":"a","output":""},{"role":"user","content":"2"}]})");
  EXPECT_TRUE(openai_responses::truncate_turns(body));
  EXPECT_TRUE(
      body ==
      parse(R"({"input":[{"role":"developer","content":"r"},{"role":"user","content":"2"}]})"))
      << json_write(body);
  EXPECT_FALSE(openai_responses::truncate_turns(body));
}

}  // namespace
}  // namespace sighter::wire
