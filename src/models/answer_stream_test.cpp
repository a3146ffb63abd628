// Streams towards clients: relayed, translated, broken, held, of legacy Completions.

#include "models/answer_test.hpp"

namespace sighter::models {
namespace {

// A suite of its own: a fixture of one name in two files is two fixtures.
class AnswerStreamTest : public AnswerTest {};

TEST_F(AnswerStreamTest, StreamsAreRelayedAndTheUsageThatNobodyAskedForIsKept) {
  ask(kAskStream);
  first.add(reply_stream({piece("a"), piece("b") + kStop, kUsage + kDone}));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("a") + piece("b") + kStop + kDone);
  EXPECT_EQ(result.usage->output, 2);
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_TRUE(seen.begun->relayed);
  EXPECT_THAT(first.requests()[0].body, HasSubstr(R"("stream_options":{"include_usage":true})"));
}

TEST_F(AnswerStreamTest, UsageThatWasAskedForIsShown) {
  ask(R"({"model":"x","messages":[],"stream":true,"stream_options":{"include_usage":true}})");
  first.add(reply_stream({piece("a") + kStop + kUsage + kDone}));
  want_reply = true;
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("a") + kStop + kUsage + kDone);
  EXPECT_EQ(result.reply->text(), "a");
}

TEST_F(AnswerStreamTest, EveryCutOfARelayedStreamGivesTheSameBytes) {
  const std::string whole = ": hello\r\n\r\n" + piece("a\\u2028\xe2\x80\xa8") + kStop + kDone;
  for (std::size_t n = 1; n < whole.size(); n += 7) {
    ask(kAskStream);
    seen.raw.clear();
    first.add(reply_stream({whole.substr(0, n), whole.substr(n)}));
    const ClientResult result = answer("one/m");
    ASSERT_FALSE(result.error) << n << result.error->message();
    ASSERT_EQ(seen.raw, whole) << n;
  }
}

TEST_F(AnswerStreamTest, AStreamThatIsCutIsBrokenAndNeverComplete) {
  ask(kAskStream);
  first.add({step::Start{}, step::Chunk{piece("a")}, step::Close{}});
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.error);
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(result.error->kind, Kind::kUpstream);
  EXPECT_EQ(seen.raw, piece("a"));
  EXPECT_TRUE(second.requests().empty());
  EXPECT_GT(result.cost->value, 0);
}

// The client is told at its beginning, as of any other attempt.
TEST_F(AnswerStreamTest, ARequestThatWasLostOnAKeptConnectionIsToldOfWithTheStream) {
  ask(R"({"model":"x","messages":[]})");
  first.add(reply_json(kReply));
  ASSERT_FALSE(answer("one/m").error);
  ask(kAskStream);
  first.add({step::Close{}});
  first.add(reply_stream({piece("a") + kStop + kDone}));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.begun->attempts, 2);
  EXPECT_EQ(seen.begun->tried, "one/m unavailable");
  ASSERT_EQ(result.attempts.size(), 2u);
  EXPECT_TRUE(result.attempts[0].error);
  EXPECT_FALSE(result.attempts[1].error);
}

// Cut anywhere, no client reads both an end and an error.
TEST_F(AnswerStreamTest, AnEventThatIsCutIsNotPassedOn) {
  const std::string stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  const std::string start =
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
      "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],"
      "\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n";
  for (std::size_t n = 0; n < stop.size() - 2; ++n) {
    seen = Seen();
    ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}],"stream":true})",
        wire::Dialect::kAnthropic);
    first.add(reply_stream({start + stop.substr(0, n)}));
    const ClientResult result = answer("claude/m");
    if (n + 2 == stop.size() || !result.error) {
      EXPECT_FALSE(result.error) << n;
      EXPECT_EQ(seen.raw, start + stop.substr(0, n) + "\n\n") << n;
    } else {
      EXPECT_EQ(seen.raw, start) << n;
      EXPECT_FALSE(result.error_relayed) << n;
    }
  }
}

TEST_F(AnswerStreamTest, WhatCameOfACutStreamIsCounted) {
  ask(kAskStream);
  const std::string words(300, 'w');
  first.add({step::Start{}, step::Chunk{piece(words)}, step::Close{}});
  want_reply = true;  // else each event counts as a token
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.broken);
  ASSERT_TRUE(result.usage);
  EXPECT_TRUE(result.usage->estimated);
  EXPECT_EQ(result.usage->output, 101);
  EXPECT_GT(result.usage->input, 10);
  EXPECT_LT(result.usage->input, 50);
}

TEST_F(AnswerStreamTest, WhatCameOfAWholeAnswerIsCountedWhenTheClientGoesAway) {
  ask(kAsk);
  first.add({step::Raw{"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                       "content-length: 1000\r\n\r\n" +
                       std::string(600, ' ')},
             step::Stall{}});
  auto running = start("both");
  ASSERT_TRUE(loop.wait_until([&] { return first.requests().size() == 1; }));
  loop.settle();
  gone.cancel("the client went away");
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  const ClientResult& result = running.value();
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 201);
  const double input = static_cast<double>(result.usage->input);
  EXPECT_NEAR(result.cost->usd(), (input * 1 + 201 * 10) * 1e-6, 1e-9);
}

TEST_F(AnswerStreamTest, CountsThatCannotBeArePaidByEstimate) {
  for (const std::string_view tokens : {"-5000000", "9223372036854775807"}) {
    ask(kAsk);
    first.add(reply_json(fmt::format(
        R"({{"id":"r1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"hi"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{0},"completion_tokens":{0},"total_tokens":12}}}})",
        tokens)));
    const ClientResult result = answer("both");
    ASSERT_FALSE(result.error);
    ASSERT_TRUE(result.usage) << tokens;
    EXPECT_TRUE(result.usage->estimated);
    EXPECT_GT(result.usage->input, 0);
    EXPECT_LT(result.usage->input, 100);
    EXPECT_GT(result.cost->value, 0);
    EXPECT_LT(result.cost->usd(), 0.01);
  }
}

TEST_F(AnswerStreamTest, AStreamWithoutItsEndMarkIsBroken) {
  ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}],"stream":true})",
      wire::Dialect::kAnthropic);
  first.add(reply_stream({piece("a"), piece("b")}));
  const ClientResult result = answer("one/m");
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(seen.words, "ab");
  EXPECT_FALSE(seen.ended);
}

TEST_F(AnswerStreamTest, AnErrorEventEndsAStreamAsItsProviderSaidIt) {
  const std::string error =
      "data: {\"error\":{\"message\":\"no power\",\"type\":\"server_error\"}}\n\n";
  ask(kAskStream);
  first.add(reply_stream({piece("a"), error + kDone}));
  const ClientResult result = answer("one/m");
  EXPECT_TRUE(result.broken);
  EXPECT_TRUE(result.error_relayed);
  EXPECT_THAT(result.error->what, HasSubstr("no power"));
  EXPECT_EQ(seen.raw, piece("a") + error);
}

TEST_F(AnswerStreamTest, AnErrorBeforeAnythingWasShownGoesToTheNextRoute) {
  ask(kAskStream);
  first.add(reply_stream({"data: {\"error\":{\"message\":\"no power\",\"code\":503}}\n\n"}));
  second.add(reply_stream({piece("b") + kStop + kDone}));
  const ClientResult result = answer("both");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, piece("b") + kStop + kDone);
  EXPECT_EQ(seen.begun->attempts, 2);
  EXPECT_EQ(seen.begun->route, "two/m");
}

const std::string kRole =
    "data: {\"id\":\"r0\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
    "\"finish_reason\":null}]}\n\n";
const std::string kNoPower = "data: {\"error\":{\"message\":\"no power\",\"code\":503}}\n\n";

// The frame of an answer is no answer: an error behind it is told to nobody who can be helped
// elsewhere.
TEST_F(AnswerStreamTest, AnErrorBehindAnEmptyBeginningGoesToTheNextRoute) {
  const std::string created =
      "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
      "\"response\":{\"id\":\"r\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}"
      "}\n\n"
      "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","
      "\"output_index\":0,\"item\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\","
      "\"status\":\"in_progress\",\"content\":[]}}\n\n";
  const std::string quota =
      "event: error\ndata: {\"type\":\"error\",\"code\":\"insufficient_quota\",\"message\":\"no\","
      "\"param\":null,\"sequence_number\":2}\n\n";
  const std::string start =
      "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\","
      "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],"
      "\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n"
      "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
      "event: ping\ndata: {\"type\":\"ping\"}\n\n";
  const std::string overloaded =
      "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
      "\"message\":\"no\"}}\n\n";
  const std::string said = R"("model":"x","max_tokens":5,"stream":true,)";
  const std::string messages = R"("messages":[{"role":"user","content":"a"}])";
  const std::string chat = "{" + said + messages + "}";
  struct Row {
    const char* model;
    wire::Dialect door;
    std::string body;
    std::string begins, ends;
  };
  using enum wire::Dialect;
  const Row kRows[] = {
      {"both", kOpenAiChat, chat, kRole, kNoPower},
      {"both", kAnthropic, chat, kRole, kNoPower},
      {"elsewhere_r", kOpenAiResponses, R"({"model":"x","input":"a","stream":true})", created,
       quota},
      {"elsewhere_a", kAnthropic, chat, start, overloaded},
      {"elsewhere_a", kOpenAiChat, chat, start, overloaded},
  };
  for (const Row& row : kRows) {
    for (const bool at_once : {true, false}) {
      ask(row.body, row.door);
      request.chat.reset();
      seen = Seen();
      first.add(at_once ? reply_stream({row.begins + row.ends})
                        : reply_stream({row.begins, row.ends}));
      second.add(reply_stream({piece("b") + kStop + kDone}));
      const ClientResult result = answer(row.model);
      ASSERT_FALSE(result.error) << row.model << result.error->message();
      EXPECT_EQ(seen.begun->route, "two/m") << row.model;
      EXPECT_EQ(seen.begun->attempts, 2);
      EXPECT_THAT(seen.raw, Not(HasSubstr("r0"))) << "what the first route began was shown";
    }
  }
}

TEST_F(AnswerStreamTest, AnEmptyBeginningComesWithTheFirstContentOrAtOnceWhereNobodyElseIsLeft) {
  for (const auto& [model, writes] : {std::pair("both", 1), {"one/m", 2}}) {
    ask(kAskStream);
    seen = Seen();
    first.add({step::Start{200, "text/event-stream"}, step::Chunk{kRole}, step::Wait{10ms},
               step::Chunk{piece("a")}, step::Wait{10ms}, step::Chunk{kStop + kDone}, step::End{}});
    const ClientResult result = answer(model);
    ASSERT_FALSE(result.error) << result.error->message();
    EXPECT_EQ(seen.raw, kRole + piece("a") + kStop + kDone);
    EXPECT_EQ(seen.writes, writes + 1) << model;
  }
}

// A provider that says its own answer failed has not answered, whole or streamed.
TEST_F(AnswerStreamTest, AnAnswerThatFailedGoesToTheNextRoute) {
  const std::string failed =
      R"({"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"no call","index":0}],"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}})";
  for (const bool streamed : {false, true}) {
    SCOPED_TRACE(streamed);
    ask(streamed ? kAskStream : kAsk.substr(0, kAsk.find(",\"new_thing")) + "}");
    first.add(streamed ? reply_stream({"data: " + failed + "\n\n"}) : reply_json(failed));
    second.add(streamed ? reply_stream({piece("b") + kStop + kDone}) : reply_json(kReply));
    const ClientResult result = answer("either");
    ASSERT_FALSE(result.error) << result.error->message();
    ASSERT_EQ(result.attempts.size(), 2u);
    EXPECT_EQ(result.attempts[0].usage->input, 10);
    EXPECT_THAT(result.attempts[0].error->what, HasSubstr("MALFORMED_FUNCTION_CALL"));
  }
}

TEST_F(AnswerStreamTest, AStreamWhoseAnswerFailedIsBroken) {
  ask(kAskStream);
  first.add(reply_stream(
      {R"(data: {"candidates":[{"content":{"parts":[{"text":"so"}]},"index":0}],"responseId":"r"})"
       "\n\n"
       R"(data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","index":0}],"responseId":"r"})"
       "\n\n"}));
  const ClientResult result = answer("google/m");
  EXPECT_TRUE(result.broken);
  EXPECT_THAT(result.error->what, HasSubstr("MALFORMED_FUNCTION_CALL"));
  EXPECT_EQ(seen.words, "so");
  EXPECT_FALSE(seen.ended);
}

TEST_F(AnswerStreamTest, LegacyCompletionsStreamAsTheyCome) {
  const std::string text =
      "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":null}]}\n\n";
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  first.add(reply_stream({text, text + kDone}));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, text + text + kDone);
  EXPECT_EQ(first.requests()[0].target, "/v1/completions");
}

// Whatever the provider speaks elsewhere.
TEST_F(AnswerStreamTest, LegacyCompletionsStreamAreTheSameAtEveryProvider) {
  const std::string text =
      "data: {\"id\":\"c\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"stop\"}],"
      "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}\n\n";
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  first.add(reply_stream({text + kDone}));
  const ClientResult result = answer("responses/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(seen.raw, text + kDone);
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 2);
}

TEST_F(AnswerStreamTest, LegacyCompletionsOfAServerThatDoesNotStreamAreOneEvent) {
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  want_reply = true;
  const std::string_view body =
      "{\"id\":\"c\",\r\n "
      "\"choices\":[{\"index\":0,\"text\":\"a\",\"finish_reason\":\"length\"}],\n"
      " \"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}";
  first.add(reply_json(std::string(body)));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  io::SseReader events;
  events.feed(seen.raw);
  auto event = events.next();
  ASSERT_TRUE(event && *event) << seen.raw;
  EXPECT_EQ(*json_parse((*event)->data), *json_parse(body));
  EXPECT_THAT(seen.raw, ::testing::EndsWith("\n\n" + kDone));
  EXPECT_EQ(result.finish_reason, "length");
  ASSERT_TRUE(result.usage);
  EXPECT_EQ(result.usage->output, 1);
  EXPECT_EQ(*json_parse(result.raw), *json_parse(body));  // for the row
}

TEST_F(AnswerStreamTest, WhatIsNoCompletionIsNoEvent) {
  ask(R"({"model":"x","prompt":"p","stream":true})");
  request.endpoint = Endpoint::kCompletions;
  first.add(reply_json(R"({"status":"fine"})"));
  const ClientResult result = answer("one/m");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, Kind::kUpstream);
  EXPECT_FALSE(seen.begun);
}

// Clients stop reading at [DONE]: it is not passed on before the end is known to be a good one.
TEST_F(AnswerStreamTest, DoneOfAResponseThatIsNotCompleteIsKept) {
  ask(R"({"model":"x","input":"a","stream":true})", wire::Dialect::kOpenAiResponses);
  const std::string created =
      "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":"
      "\"resp_1\",\"status\":\"in_progress\",\"output\":[]}}\n\n";
  const std::string delta =
      "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
      "\"item_id\":\"m\",\"output_index\":0,\"content_index\":0,\"delta\":\"hi\"}\n\n";
  first.add(reply_stream({created, delta, kDone}));
  const ClientResult result = answer("responses/m");
  EXPECT_TRUE(result.error);
  EXPECT_TRUE(result.broken);
  EXPECT_EQ(seen.raw, created + delta);
}

// A provider that repeats its key does so in errors.
TEST_F(AnswerStreamTest, AnErrorThatRepeatsTheKeyDoesNot) {
  const std::string said = std::string("bad key ") + kSecret;
  const std::string event = "data: {\"error\":{\"message\":\"" + said + "\"}}\n\n";
  for (const char* model : {"one/m", "claude/m"}) {
    ask(kAskStream);
    seen = Seen();
    first.add(reply_stream({model == std::string("one/m") ? piece("a") : std::string(), event}));
    const ClientResult result = answer(model);
    ASSERT_TRUE(result.error) << model;
    EXPECT_THAT(seen.raw, Not(HasSubstr(kSecret)));
    EXPECT_THAT(result.error->message(), Not(HasSubstr(kSecret)));
    if (result.said) {
      EXPECT_THAT(result.said->message, Not(HasSubstr(kSecret)));
    }
  }
}

}  // namespace
}  // namespace sighter::models
