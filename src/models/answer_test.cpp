// Requests of clients: relayed, translated, passed on, cancelled.

#include "models/answer_test.hpp"

namespace sighter::models {
namespace {

TEST(AddUsage, ASumIsEstimatedWhereAPartOfItIsAndHasNoCharge) {
  std::optional<wire::Usage> sum;
  add_usage(sum, std::nullopt);
  EXPECT_FALSE(sum);
  add_usage(sum, wire::Usage{.input = 3, .output = 1, .cost_usd = wire::Number(0.5)});
  EXPECT_TRUE(sum->cost_usd);
  add_usage(sum, wire::Usage{.input = 4, .output = 2, .estimated = true});
  EXPECT_EQ(sum->input, 7);
  EXPECT_EQ(sum->output, 3);
  EXPECT_TRUE(sum->estimated);
  EXPECT_FALSE(sum->cost_usd);
}

TEST_F(AnswerTest, RelaysBytesAndChangesTheModelAlone) {
  ask(kAsk);
  first.add(reply_json(kReply));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_TRUE(result.relayed);
  EXPECT_EQ(result.raw, kReply);
  EXPECT_FALSE(result.reply);
  EXPECT_EQ(result.usage->input, 10);
  EXPECT_EQ(result.finish_reason, "stop");
  EXPECT_EQ(
      first.requests()[0].body,
      R"({"model":"m", "messages":[{"role":"user","content":"\u00e9"}],"new_thing":{"b":1.0}})");
  EXPECT_EQ(first.requests()[0].headers.get("authorization"), std::string("Bearer ") + kSecret);
}

TEST_F(AnswerTest, TranslatesBetweenDialects) {
  ask(R"({"model":"x","max_tokens":5,"messages":[{"role":"user","content":"a"}]})",
      wire::Dialect::kAnthropic);
  request.headers.add("anthropic-beta", "b1");
  first.add(reply_json(kReply));
  const ClientResult result = answer("one/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_FALSE(result.relayed);
  ASSERT_TRUE(result.reply);
  EXPECT_EQ(result.reply->text(), "hi\u2028");
  EXPECT_THAT(result.dropped, ElementsAre("anthropic-beta"));
  EXPECT_FALSE(first.requests()[0].headers.has("anthropic-beta"));
}

// Asked in Anthropic's words, counted by whoever can.
TEST_F(AnswerTest, TokensAreCountedInEachDialectThatCounts) {
  struct Case {
    const char* model;
    const char* target;
    const char* body;
    const char* reply;
  };
  const Case cases[] = {
      {"responses/m", "/v1/responses/input_tokens", R"("input":)",
       R"({"object":"response.input_tokens","input_tokens":7})"},
      {"google/m", "/v1/models/m:countTokens", R"({"generateContentRequest":{"systemInstruction":)",
       R"({"totalTokens":7})"},
      {"aws/m:0", "/v1/model/m%3A0/count-tokens", R"({"input":{"converse":{)",
       R"({"inputTokens":7})"}};
  for (const Case& one : cases) {
    request = {};
    request.endpoint = Endpoint::kCountTokens;
    ask(R"({"model":"x","system":"S","messages":[{"role":"user","content":"a"}],"temperature":0.5})",
        wire::Dialect::kAnthropic);
    first.add(reply_json(one.reply));
    const ClientResult result = answer(one.model);
    ASSERT_FALSE(result.error) << one.model << ": " << result.error->message();
    EXPECT_EQ(result.raw, R"({"input_tokens":7})");
    const sighter::testing::SeenRequest& sent = first.requests().back();
    EXPECT_EQ(sent.target, one.target);
    EXPECT_THAT(sent.body, HasSubstr(one.body));
  }
  EXPECT_THAT(first.requests().front().body, Not(HasSubstr("temperature")));
  first.add(reply_json(R"({"other":1})"));
  const ClientResult odd = answer("google/m");
  ASSERT_TRUE(odd.error);
  EXPECT_EQ(odd.error->kind, Kind::kUpstream);
  const ClientResult none = answer("one/m");
  ASSERT_TRUE(none.error);
  EXPECT_THAT(none.error->what, HasSubstr("has no counting of tokens"));
}

TEST_F(AnswerTest, EmbeddingsOfGeminiAreABatchOfItsOwn) {
  request.endpoint = Endpoint::kEmbeddings;
  ask(R"({"model":"x","input":["a","b"],"dimensions":2})");
  first.add(reply_json(R"({"embeddings":[{"values":[1,0.5]},{"values":[0,2]}]})"));
  const ClientResult result = answer("google/m");
  ASSERT_FALSE(result.error) << result.error->message();
  ASSERT_TRUE(result.embedding);
  EXPECT_THAT(result.embedding->data.at(0).values, ElementsAre(1, 0.5));
  EXPECT_EQ(result.embedding->data.at(1).index, 1);
  EXPECT_EQ(first.requests()[0].target, "/v1/models/m:batchEmbedContents");
  EXPECT_EQ(
      first.requests()[0].body,
      R"({"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},{"model":"models/m","content":{"parts":[{"text":"b"}]},"outputDimensionality":2}]})");
  for (const char* body :
       {R"({"model":"x","input":[1,2]})", R"({"model":"x","input":"a","user":"u"})"}) {
    request = {};
    request.endpoint = Endpoint::kEmbeddings;
    ask(body);
    const ClientResult refused = answer("google/m");
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->kind, Kind::kInvalid);
  }
}

TEST_F(AnswerTest, NamesWhatARouteCannotExpressAndAsksNobody) {
  ask(R"({"model":"x","messages":[{"role":"user","content":"a"}],"logit_bias":{"1":2}})");
  const ClientResult result = answer("claude/m");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, Kind::kInvalid);
  EXPECT_THAT(result.error->what, HasSubstr("logit_bias"));
  EXPECT_TRUE(first.requests().empty());
}

TEST_F(AnswerTest, ConfiguredHeadersBodyAndAddressAreSent) {
  ask(kAsk);
  first.add(reply_json(kReply));
  const ClientResult result = answer("more/gpt 1");
  ASSERT_FALSE(result.error) << result.error->message();
  const auto& sent = first.requests()[0];
  EXPECT_THAT(sent.target, HasSubstr("api-version=2024-10-21"));
  EXPECT_EQ(sent.headers.get("api-key"), kSecret);
  EXPECT_FALSE(sent.headers.has("authorization"));
  EXPECT_EQ(sent.headers.get("x-team"), "red");
  EXPECT_THAT(sent.body, HasSubstr(R"("options":{"deep":1})"));
}

TEST_F(AnswerTest, TheConfiguredBodyIsThatOfConversationsAlone) {
  const std::pair<Endpoint, const char*> kOthers[] = {
      {Endpoint::kEmbeddings, R"({"model":"x","input":"a"})"},
      {Endpoint::kCompletions, R"({"model":"x","prompt":"a"})"},
      {Endpoint::kOther, R"({"model":"x","input":"a"})"}};
  for (const auto& [endpoint, body] : kOthers) {
    ask(body);
    request.endpoint = endpoint;
    request.path = "/moderations";
    first.add(reply_json(R"({"object":"list","data":[],"choices":[]})"));
    const ClientResult result = answer("more/m");
    ASSERT_FALSE(result.error) << result.error->message();
    EXPECT_THAT(first.requests().back().body, Not(HasSubstr("options"))) << body;
  }
}

// Both sorts of addresses that Azure has: a deployment with the interface's version, and /v1.
TEST_F(AnswerTest, AzureIsAskedAtItsOwnAddresses) {
  config(fmt::format(R"(
[providers.dated]
base_url = "{0}"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
api_version = "2024-10-21"
[providers.dated_responses]
dialect = "openai-responses"
base_url = "{0}"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
api_version = "2025-04-01-preview"
[providers.flat]
base_url = "{0}/v1"
authentication = "api-key"
key = "env:SIGHTER_TEST_KEY"
)",
                     first.url("/openai")));
  ask(kAsk);
  first.add(reply_json(kReply));
  ASSERT_FALSE(answer("dated/my gpt").error);
  ask(kAskStream);
  first.add(reply_stream({piece("a") + kStop + kUsage + kDone}));
  ASSERT_FALSE(answer("dated/my gpt").error);
  ask(kAsk);
  first.add(reply_json(kReply));
  ASSERT_FALSE(answer("flat/my-gpt").error);
  first.add(reply_json(
      R"({"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}})"));
  ask(R"({"model":"x","messages":[{"role":"user","content":"a"}]})");
  const ClientResult responses = answer("dated_responses/my-gpt");
  ASSERT_FALSE(responses.error) << responses.error->message();
  request.endpoint = Endpoint::kEmbeddings;
  for (const char* model : {"dated/emb", "flat/emb", "dated_responses/emb"}) {
    ask(R"({"model":"x","input":"a"})");
    first.add(reply_json(
        R"({"object":"list","model":"e","data":[{"object":"embedding","index":0,"embedding":[1]}]})"));
    ASSERT_FALSE(answer(model).error);
  }
  std::vector<std::string> targets;
  for (const auto& sent : first.requests()) {
    targets.push_back(sent.target);
    EXPECT_EQ(sent.headers.get("api-key"), kSecret) << sent.target;
    EXPECT_FALSE(sent.headers.has("authorization")) << sent.target;
  }
  EXPECT_THAT(
      targets,
      ElementsAre("/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                  "/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
                  "/openai/v1/chat/completions", "/openai/responses?api-version=2025-04-01-preview",
                  "/openai/deployments/emb/embeddings?api-version=2024-10-21",
                  "/openai/v1/embeddings",
                  "/openai/deployments/emb/embeddings?api-version=2025-04-01-preview"));
  EXPECT_THAT(first.requests()[2].body, HasSubstr(R"("model":"my-gpt")"));
}

TEST_F(AnswerTest, AReplyWithoutAModelIsThatOfTheModelAskedFor) {
  ask(kAsk.substr(0, kAsk.find(",\"new_thing")) + "}");
  first.add(reply_json(
      R"({"candidates":[{"content":{"parts":[{"text":"so"}]},"finishReason":"STOP","index":0}]})"));
  const ClientResult result = answer("google/m");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(result.reply->model, "m");
}

TEST_F(AnswerTest, AClientThatGoesAwayClosesTheUpstreamAtOnce) {
  const std::vector<sighter::testing::Script> scripts = {
      {step::Stall{}},                                           // before the header
      {step::Start{}, step::Stall{}},                            // before the first event
      {step::Start{}, step::Chunk{piece("a")}, step::Stall{}}};  // in the middle
  for (std::size_t i = 0; i < 2 * scripts.size(); ++i) {
    ask(i < scripts.size() ? kAskStream : kAsk);
    first.add(scripts[i % scripts.size()]);
    gone = io::CancelSource();
    auto running = start("one/m");
    ASSERT_TRUE(loop.wait_until([&] { return first.requests().size() == i + 1; }));
    loop.settle();
    EXPECT_FALSE(running.done());
    gone.cancel("the client went away");
    loop.settle();
    EXPECT_TRUE(loop.wait_until([&] { return first.requests()[i].peer_closed; })) << i;
    ASSERT_TRUE(running.done()) << i;
    EXPECT_EQ(running.value().error->kind, Kind::kCancelled);
    EXPECT_FALSE(running.value().broken);
  }
}

TEST_F(AnswerTest, AClientThatCannotBeWrittenToStopsTheUpstream) {
  ask(kAskStream);
  seen.fail = true;
  first.add({step::Start{}, step::Chunk{piece("a")}, step::EndlessBody{piece("b")}});
  const ClientResult result = answer("one/m");
  EXPECT_EQ(result.error->kind, Kind::kCancelled);
  EXPECT_TRUE(loop.wait_until([&] { return first.requests()[0].peer_closed; }));
}

TEST_F(AnswerTest, ASlowReaderSlowsTheUpstream) {
  io::Gate gate(loop.core(), 0);
  seen.gate = &gate;
  ask(kAskStream);
  first.add({step::Start{}, step::EndlessBody{piece(std::string(1000, 'x'))}});
  auto running = start("one/m");
  ASSERT_TRUE(loop.wait_until([&] { return seen.writes == 1; }));
  for (int i = 0; i < 100; ++i) loop.settle();
  EXPECT_EQ(seen.writes, 1);
  EXPECT_LT(seen.raw.size(), 1u << 20);
  gone.cancel("enough");
  gate.set_size(1);
  loop.settle();
  EXPECT_TRUE(loop.wait_until([&] { return running.done(); }));
}

TEST_F(AnswerTest, TheKeyIsNeverRepeated) {
  ask(kAsk);
  first.add({step::Reply{401, fmt::format(R"({{"error":{{"message":"bad key {}"}}}})", kSecret)}});
  const ClientResult result = answer("one/m");
  EXPECT_THAT(result.error->message(), Not(HasSubstr(kSecret)));
  EXPECT_THAT(result.said->message, Not(HasSubstr(kSecret)));
  EXPECT_THAT(json_write(result.said->raw), Not(HasSubstr(kSecret)));
}

TEST_F(AnswerTest, WhatIsNoModelReplyIsAnErrorOfTheUpstream) {
  for (const char* body : {"<html></html>", "[]", "{\"a\":", "", "{}"}) {
    ask(kAsk);
    first.add(reply_json(body));
    const ClientResult result = answer("one/m");
    ASSERT_TRUE(result.error) << body;
    EXPECT_EQ(result.error->kind, Kind::kUpstream) << body;
  }
}

TEST_F(AnswerTest, AzuresDeploymentsAreAskedForWhatIsTheirBusinessAlone) {
  config(fmt::format("[providers.dated]\nbase_url = \"{}\"\napi_version = \"v\"\n",
                     first.url("/openai")));
  request.endpoint = Endpoint::kOther;
  std::vector<std::string> targets;
  for (const char* path :
       {"/audio/speech", "/images/generations?a=b", "/files", "/responses/r/x"}) {
    ask(R"({"model":"x","input":"a"})");
    request.path = path;
    first.add(reply_json("{}"));
    ASSERT_FALSE(answer("dated/tts").error);
    targets.push_back(first.requests().back().target);
  }
  EXPECT_THAT(targets,
              ElementsAre("/openai/deployments/tts/audio/speech?api-version=v",
                          "/openai/deployments/tts/images/generations?a=b&api-version=v",
                          "/openai/files?api-version=v", "/openai/responses/r/x?api-version=v"));
}

TEST_F(AnswerTest, OtherPathsAreMeteredWhereTheirUsageIsSaidAndNeverByAGuess) {
  ask(R"({"model":"x","input":"a"})");
  request.endpoint = Endpoint::kOther;
  request.path = "/rerank";
  first.add(reply_json(R"({"results":[],"usage":{"total_tokens":77}})"));
  const ClientResult counted = answer("both");
  ASSERT_TRUE(counted.usage);
  EXPECT_EQ(counted.usage->input, 77);
  EXPECT_EQ(counted.cost, NanoUsd{77'000});
  for (const char* reply : {R"({"results":[]})", R"({"usage":{"type":"duration","seconds":9}})"}) {
    ask(R"({"model":"x","input":"a"})");
    first.add(reply_json(reply));
    const ClientResult unknown = answer("both");
    EXPECT_FALSE(unknown.usage) << reply;
    EXPECT_FALSE(unknown.cost) << reply;
  }
}

TEST_F(AnswerTest, WhatFailedHasTheRouteThatWasAskedLast) {
  ask(kAsk);
  first.add({step::Reply{500, R"({"error":{"message":"no"}})"}});
  second.add({step::Reply{500, R"({"error":{"message":"no"}})"}});
  const ClientResult result = answer("both");
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.route, "two/m");
}

TEST_F(AnswerTest, AnUpstreamsNumbersAreBelievedWithinReason) {
  ask(kAsk);
  std::string reply = kReply;
  reply.replace(reply.find("\"prompt_tokens\":10"), 18, "\"prompt_tokens\":9223372036854775807");
  first.add(reply_json(reply));
  const ClientResult result = answer("both");
  EXPECT_EQ(result.raw, reply);
  ASSERT_TRUE(result.usage);
  EXPECT_TRUE(result.usage->estimated);
  ASSERT_TRUE(result.cost);  // by what was sent and came
  EXPECT_GT(result.cost->value, 0);
  EXPECT_LT(result.cost->value, 1'000'000);
}

TEST_F(AnswerTest, OtherPathsGoThroughUnchanged) {
  ask(R"({"model":"x","input":"a"})");
  request.endpoint = Endpoint::kOther;
  request.path = "/moderations";
  first.add(reply_json(R"({"id":"m1","results":[]})"));
  const ClientResult result = answer("one/omni");
  ASSERT_FALSE(result.error) << result.error->message();
  EXPECT_EQ(result.raw, R"({"id":"m1","results":[]})");
  EXPECT_EQ(first.requests()[0].target, "/v1/moderations");
  EXPECT_EQ(first.requests()[0].body, R"({"model":"omni","input":"a"})");
}

// The status is good, and what was said is not.
TEST_F(AnswerTest, AnErrorBehindAGoodStatusIsOfTheKindThatItNames) {
  for (const auto& [body, status] :
       {std::pair(R"({"error":{"message":"slow","code":429}})", 429),
        {R"({"error":{"message":"slow","code":"rate_limit_exceeded"}})", 429},
        {R"({"error":{"message":"broken"}})", 502}}) {
    ask(kAsk);
    first.add(reply_json(body));
    const ClientResult result = answer("one/m");
    ASSERT_TRUE(result.said) << body;
    EXPECT_EQ(result.said->status, status) << body;
    loop.advance(60s);
  }
}

}  // namespace
}  // namespace sighter::models
