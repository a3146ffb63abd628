#include "models/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.hpp"
#include "base/toml.hpp"
#include "io/event_stream.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using sighter::testing::Loop;
using sighter::testing::Script;
using sighter::testing::ScriptedUpstream;
using sighter::testing::SeenRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace step = sighter::testing::step;

constexpr const char* kSecret = "sk-very-secret-123456";

std::string reply_body(std::string_view text, int input = 1000, int output = 100) {
  return fmt::format(
      R"({{"id":"r1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}}}})",
      text, input, output, input + output);
}

std::string piece(std::string_view text) {
  return fmt::format(
      "data: "
      "{{\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}]}}\n\n",
      text);
}
const std::string kStop =
    "data: "
    "{\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":"
    "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string kUsage =
    "data: "
    "{\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":"
    "[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12}}\n\n";
const std::string kDone = "data: [DONE]\n\n";

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() : first(loop.core()), second(loop.core()), log(Level::kOff) {
    ::setenv("SIGHTER_TEST_KEY", kSecret, 1);
    ::unsetenv("SIGHTER_TEST_NO_KEY");
    config(fmt::format(R"(
[providers.one]
base_url = "{0}"
key = "env:SIGHTER_TEST_KEY"
[providers.two]
base_url = "{1}"
key = "env:SIGHTER_TEST_KEY"
[providers.claude]
dialect = "anthropic"
base_url = "{0}"
key = "env:SIGHTER_TEST_KEY"
[providers.aws]
dialect = "bedrock"
base_url = "{0}"
key = "env:SIGHTER_TEST_KEY"
[providers.keyless]
base_url = "{0}"
key = "env:SIGHTER_TEST_NO_KEY"
[providers.quick]
base_url = "{0}"
first_byte_timeout_s = 2
retries = 0
[models.both]
routes = ["one/m", "two/m"]
price = {{ input = 1, output = 10 }}
[models.alone]
routes = ["one/m"]
price = {{ input = 1, output = 10 }}
[models.after-keyless]
routes = ["keyless/m", "two/m"]
)",
                       first.url("/v1"), second.url("/v1")));
  }

  void config(const std::string& text) {
    router.reset();
    hub.reset();
    auto document = toml_parse(text, "sighter.toml");
    ASSERT_TRUE(document) << document.error().message();
    ModelsConfig models;
    models.read((*document)->root(), "/");
    const Status read = (*document)->finish();
    ASSERT_TRUE(read) << read.error().message();
    hub = std::make_unique<Hub>(std::move(models), loop.clock(), log, 1);
    router = std::make_unique<Router>(loop.core(), *hub);
  }

  static wire::ChatRequest request() {
    wire::ChatRequest ask;
    ask.messages.push_back(wire::Message::text(wire::Role::kUser, "hello"));
    ask.max_tokens = 100;
    return ask;
  }
  Loop::Running<CompletionResult> start(const std::string& model, CompletionOptions options = {}) {
    return loop.start(router->complete(request(), model, std::move(options)));
  }
  CompletionResult complete(const std::string& model, CompletionOptions options = {}) {
    auto running = start(model, std::move(options));
    loop.advance_until([&] { return running.done(); });
    return std::move(running.value());
  }
  CompletionOptions streaming() {
    CompletionOptions options;
    options.on_text = [this](std::string_view text) { shown += text; };
    return options;
  }

  Loop loop;
  ScriptedUpstream first;
  ScriptedUpstream second;
  Log log;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<Router> router;
  std::string shown;
};

TEST_F(RouterTest, AsksAndCounts) {
  first.add(sighter::testing::reply_json(reply_body("hi")));
  const CompletionResult reply = complete("alone");
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->reply.text(), "hi");
  EXPECT_EQ(reply->route, "one/m");
  ASSERT_EQ(reply->attempts.size(), 1u);
  EXPECT_EQ(reply->cost, NanoUsd{2'000'000});  // 1000 at $1 and 100 at $10 per million
  const SeenRequest& seen = first.requests().front();
  EXPECT_EQ(seen.target, "/v1/chat/completions");
  EXPECT_EQ(seen.headers.get("authorization"), std::string("Bearer ") + kSecret);
  EXPECT_THAT(seen.body, HasSubstr(R"("model":"m")"));
}

TEST_F(RouterTest, AnthropicHasItsOwnAddressAndHeaders) {
  first.add(sighter::testing::reply_json(
      R"({"id":"m1","type":"message","role":"assistant","model":"c","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}})"));
  const CompletionResult reply = complete("claude/c");
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->reply.text(), "hi");
  EXPECT_EQ(reply->cost, std::nullopt) << "no price is known";
  const SeenRequest& seen = first.requests().front();
  EXPECT_EQ(seen.target, "/v1/messages");
  EXPECT_EQ(seen.headers.get("x-api-key"), kSecret);
  EXPECT_EQ(seen.headers.get("anthropic-version"), "2023-06-01");
  EXPECT_FALSE(seen.headers.has("authorization"));
}

std::string frame(std::string_view kind, std::string_view name, std::string_view payload) {
  const io::EventHeader headers[] = {
      {.name = kind == "event" ? ":event-type" : ":exception-type", .value = name},
      {.name = ":message-type", .value = kind}};
  return io::event_message(headers, payload);
}

Script reply_frames(std::string bytes, std::size_t cut) {
  Script script{step::Start{.content_type = std::string(io::kEventStreamType)}};
  for (std::size_t at = 0; at < bytes.size(); at += cut)
    script.push_back(step::Chunk{bytes.substr(at, cut)});
  script.push_back(step::End{});
  return script;
}

TEST_F(RouterTest, BedrockNamesTheModelInTheAddressAndStreamsInFrames) {
  const std::string bytes =
      frame("event", "messageStart", R"({"role":"assistant"})") +
      frame("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})") +
      frame("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"lo"}})") +
      frame("event", "contentBlockStop", R"({"contentBlockIndex":0})") +
      frame("event", "messageStop", R"({"stopReason":"end_turn"})") +
      frame("event", "metadata", R"({"usage":{"inputTokens":10,"outputTokens":2}})");
  for (const std::size_t cut : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    shown.clear();
    first.add(reply_frames(bytes, cut));
    const CompletionResult reply = complete("aws/us.anthropic.c-v1:0", streaming());
    ASSERT_TRUE(reply) << reply.error().error.message();
    EXPECT_EQ(shown, "Hello");
    EXPECT_EQ(reply->reply.usage->input, 10);
  }
  const SeenRequest& seen = first.requests().front();
  EXPECT_EQ(seen.target, "/v1/model/us.anthropic.c-v1%3A0/converse-stream");
  EXPECT_EQ(seen.headers.get("accept"), io::kEventStreamType);
  EXPECT_EQ(seen.headers.get("authorization"), std::string("Bearer ") + kSecret);
}

TEST_F(RouterTest, BedrockStreamsThatBreakAreNeverComplete) {
  const std::string good =
      frame("event", "messageStart", R"({"role":"assistant"})") +
      frame("event", "contentBlockDelta", R"({"contentBlockIndex":0,"delta":{"text":"Hel"}})");
  std::string torn = good;
  torn[torn.size() - 6] ^= 1;  // the checksum is wrong
  const std::string cases[] = {
      good, torn,
      good + frame("event", "messageStop", R"({"stopReason":"end_turn"})").substr(0, 40),
      good + frame("exception", "modelStreamErrorException", R"({"message":"it broke"})")};
  for (const std::string& bytes : cases) {
    // Nothing is asked again once text was shown; where none was, until the retries are over.
    first.otherwise([&](const SeenRequest&) { return reply_frames(bytes, 16); });
    const CompletionResult reply = complete("aws/c", streaming());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().error.kind, Kind::kUpstream) << reply.error().error.message();
  }
}

TEST_F(RouterTest, StreamsTextAsItComes) {
  first.add(sighter::testing::reply_stream({piece("Hel"), piece("lo"), kStop, kUsage, kDone}));
  const CompletionResult reply = complete("alone", streaming());
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(shown, "Hello");
  EXPECT_EQ(reply->reply.text(), "Hello");
  EXPECT_TRUE(reply->attempts[0].first_token.has_value());
  EXPECT_EQ(reply->cost, NanoUsd{30'000});
}

TEST_F(RouterTest, AStreamWithoutUsageIsPaidByEstimate) {
  first.add(sighter::testing::reply_stream({piece("Hello"), kStop, kDone}));
  const CompletionResult reply = complete("alone", streaming());
  ASSERT_TRUE(reply);
  ASSERT_TRUE(reply->cost.has_value());
  EXPECT_GT(*reply->cost, NanoUsd{});
  EXPECT_EQ(reply->attempts[0].usage, std::nullopt);
}

TEST_F(RouterTest, ACutStreamIsNeverComplete) {
  first.add({step::Start{}, step::Chunk{piece("Hel")}, step::Close{}});
  const CompletionResult reply = complete("both", streaming());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kUpstream);
  EXPECT_THAT(reply.error().error.what, HasSubstr("the stream broke"));
  EXPECT_EQ(reply.error().attempts.size(), 1u) << "what was shown cannot be taken back";
  EXPECT_TRUE(second.requests().empty());
}

TEST_F(RouterTest, AStreamWithoutItsEndIsNeverComplete) {
  first.add(sighter::testing::reply_stream({piece("Hel")}));
  const CompletionResult reply = complete("alone", streaming());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kUpstream);
}

TEST_F(RouterTest, AStreamThatBreaksBeforeAnyTextIsTriedAgain) {
  first.add({step::Start{}, step::Close{}});
  first.add(sighter::testing::reply_stream({piece("ok"), kStop, kDone}));
  const CompletionResult reply = complete("alone", streaming());
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(shown, "ok");
  EXPECT_EQ(reply->attempts.size(), 2u);
}

TEST_F(RouterTest, ObeysRetryAfter) {
  first.add(sighter::testing::reply_rate_limited("7"));
  first.add(sighter::testing::reply_json(reply_body("hi")));
  auto running = start("alone");
  loop.advance(6900ms);
  EXPECT_EQ(first.requests().size(), 1u);
  loop.advance(200ms);
  ASSERT_TRUE(running.done());
  ASSERT_TRUE(running.value());
  ASSERT_EQ(running.value()->attempts.size(), 2u);
  EXPECT_EQ(running.value()->attempts[0].error->kind, Kind::kRateLimited);
}

TEST_F(RouterTest, ALongRetryAfterIsCutToAMinute) {
  first.add(sighter::testing::reply_rate_limited("3600"));
  first.add(sighter::testing::reply_json(reply_body("hi")));
  auto running = start("alone");
  loop.advance(61s);
  ASSERT_TRUE(running.done());
  EXPECT_TRUE(running.value());
}

TEST_F(RouterTest, GivesUpAfterTheRetriesAndFallsBack) {
  first.otherwise([](const SeenRequest&) {
    return Script{step::Reply{500, R"({"error":{"message":"oops"}})"}};
  });
  second.add(sighter::testing::reply_json(reply_body("from two")));
  const CompletionResult reply = complete("both");
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->route, "two/m");
  EXPECT_EQ(reply->attempts.size(), 5u);
  EXPECT_EQ(first.requests().size(), 4u);
}

TEST_F(RouterTest, AWrongRequestIsNotTriedAgain) {
  first.add({step::Reply{400, R"({"error":{"message":"bad temperature"}})"}});
  const CompletionResult reply = complete("both");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kInvalid);
  EXPECT_THAT(reply.error().error.what, HasSubstr("one answered 400"));
  EXPECT_THAT(reply.error().error.what, HasSubstr("bad temperature"));
  EXPECT_TRUE(second.requests().empty());
}

TEST_F(RouterTest, AWrongKeyFallsBackWithoutRetries) {
  first.add({step::Reply{401, R"({"error":{"message":"wrong key"}})"}});
  second.add(sighter::testing::reply_json(reply_body("ok")));
  const CompletionResult reply = complete("both");
  ASSERT_TRUE(reply);
  EXPECT_EQ(first.requests().size(), 1u);
}

TEST_F(RouterTest, AMissingKeyNamesTheVariable) {
  const CompletionResult reply = complete("keyless/m");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kUnauthorized);
  EXPECT_THAT(reply.error().error.what, HasSubstr("SIGHTER_TEST_NO_KEY"));
  EXPECT_TRUE(reply.error().attempts.empty());
  EXPECT_TRUE(router->unusable("keyless/m"));
  EXPECT_FALSE(router->unusable("after-keyless")) << "its second route works";
}

TEST_F(RouterTest, AKeyIsNeverRepeated) {
  first.add({step::Reply{
      401, fmt::format(R"({{"error":{{"message":"the key {} is wrong"}}}})", kSecret)}});
  const CompletionResult reply = complete("alone");
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().error.message(), Not(HasSubstr(kSecret)));
  EXPECT_THAT(reply.error().attempts[0].error->message(), Not(HasSubstr(kSecret)));
}

TEST_F(RouterTest, HtmlIsToldAsSuch) {
  first.add(sighter::testing::reply_html(200, "<html><body>Sign in</body></html>"));
  const CompletionResult reply = complete("alone");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kUpstream);
  EXPECT_THAT(reply.error().error.what, HasSubstr("one answered 200 with what is no JSON"));
  EXPECT_EQ(first.requests().size(), 1u);
}

TEST_F(RouterTest, AStalledServerIsATimeout) {
  first.add({step::Stall{}});
  const CompletionResult reply = complete("quick/m");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kTimeout);
  EXPECT_EQ(reply.error().attempts.size(), 1u);
  EXPECT_EQ(reply.error().attempts[0].latency, 2s);
}

TEST_F(RouterTest, ABudgetStopsBeforeSending) {
  Purse purse(NanoUsd{1000});
  CompletionOptions options;
  options.purse = &purse;
  const CompletionResult reply = complete("alone", options);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kBudget);
  EXPECT_TRUE(first.requests().empty());
  EXPECT_EQ(purse.held(), NanoUsd{});
}

TEST_F(RouterTest, ABudgetNeedsAPrice) {
  Purse purse(NanoUsd{1'000'000'000});
  CompletionOptions options;
  options.purse = &purse;
  const CompletionResult reply = complete("one/unheard-of", options);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kBudget);
  EXPECT_TRUE(first.requests().empty());
}

TEST_F(RouterTest, ThePurseIsChargedWhatItCost) {
  first.add(sighter::testing::reply_json(reply_body("hi")));
  Purse purse(NanoUsd{1'000'000'000});
  CompletionOptions options;
  options.purse = &purse;
  ASSERT_TRUE(complete("alone", options));
  EXPECT_EQ(purse.spent(), NanoUsd{2'000'000});
  EXPECT_EQ(purse.held(), NanoUsd{});
}

TEST_F(RouterTest, CancellingEndsAWaitBetweenAttempts) {
  first.add(sighter::testing::reply_rate_limited("30"));
  io::CancelSource stop;
  CompletionOptions options;
  options.cancel = stop.token();
  auto running = start("alone", options);
  ASSERT_FALSE(running.done());
  stop.cancel("stopped by the test");
  loop.settle();
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().error.kind, Kind::kCancelled);
}

TEST_F(RouterTest, SixteenRequestsAtATimeAtFirst) {
  first.otherwise([](const SeenRequest&) {
    return Script{step::Wait{1s}, step::Reply{200, reply_body("ok")}};
  });
  std::vector<Loop::Running<CompletionResult>> running;
  for (int i = 0; i < 60; ++i) running.push_back(start("alone"));
  EXPECT_EQ(first.requests().size(), 16u);
  loop.advance(1s);
  EXPECT_GT(first.requests().size(), 40u) << "a round of successes doubles it";
  loop.advance_until([&] { return running.back().done(); });
  loop.advance(2s);
  for (auto& one : running) EXPECT_TRUE(one.done());
}

TEST_F(RouterTest, EmbeddingsAreOrderedAndOfLengthOne) {
  first.add(sighter::testing::reply_json(
      R"({"object":"list","model":"e","data":[{"object":"embedding","index":1,"embedding":[0,2]},{"object":"embedding","index":0,"embedding":[3,4]}],"usage":{"prompt_tokens":5,"total_tokens":5}})"));
  std::vector<std::string> texts{"a", "b"};
  CompletionOptions options;
  auto running = loop.start(router->embed("alone", texts, options));
  loop.advance_until([&] { return running.done(); });
  ASSERT_TRUE(running.value()) << running.value().error().message();
  ASSERT_EQ(running.value()->vectors.size(), 2u);
  EXPECT_THAT(running.value()->vectors[0], ElementsAre(0.6f, 0.8f));
  EXPECT_THAT(running.value()->vectors[1], ElementsAre(0.0f, 1.0f));
  EXPECT_EQ(running.value()->cost, NanoUsd{5000});
  EXPECT_EQ(first.requests().front().target, "/v1/embeddings");
}

TEST_F(RouterTest, AnUnknownModelSaysWhatWasMeant) {
  const CompletionResult reply = complete("alon");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kNotFound);
  EXPECT_THAT(reply.error().error.message(), HasSubstr("'alone'"));
}

TEST_F(RouterTest, OllamaThatIsNotRunningSaysHowToStartIt) {
  std::uint16_t free_port = 0;
  {
    ScriptedUpstream gone(loop.core());
    free_port = gone.port();
  }
  loop.settle();
  config(fmt::format("[providers.ollama]\nbase_url = \"http://127.0.0.1:{}/v1\"\n", free_port));
  const CompletionResult reply = complete("ollama/tiny");
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error.kind, Kind::kUnavailable);
  EXPECT_THAT(reply.error().error.hint, HasSubstr("ollama serve"));
  EXPECT_EQ(reply.error().attempts.size(), 1u);
}

}  // namespace
}  // namespace sighter::models
