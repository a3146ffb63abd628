// The route loop on upstreams that fail as a script says, with a clock that stands.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include "base/log.hpp"
#include "base/toml.hpp"
#include "models/hub_impl.hpp"
#include "models/router.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using sighter::testing::Loop;
using sighter::testing::Script;
using sighter::testing::ScriptedUpstream;
using sighter::testing::SeenRequest;
using ::testing::HasSubstr;
namespace step = sighter::testing::step;

std::string reply_body(std::string_view text) {
  return fmt::format(
      R"({{"id":"r1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12}}}})",
      text);
}
Script good(std::string_view text) {
  return sighter::testing::reply_json(reply_body(text));
}
Script bad(int status) {
  return {step::Reply{status, R"({"error":{"message":"it is broken"}})"}};
}
std::string piece(std::string_view text) {
  return fmt::format(
      "data: {{\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{}\"}},\"finish_reason\":null}}]}}\n\n",
      text);
}
const std::string kEnd =
    "data: {\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
Script streamed(std::string_view text) {
  return sighter::testing::reply_stream({piece(text), kEnd});
}

// Keeps what is told with the first piece.
class Told final : public ReplySink {
 public:
  io::Task<Status> begin(const ReplyBegin& begin) override {
    what = begin;
    co_return Status{};
  }
  io::Task<Status> bytes(std::string_view events) override {
    raw += events;
    co_return Status{};
  }
  io::Task<Status> deltas(std::vector<wire::Delta>&) override { co_return Status{}; }
  ReplyBegin what;
  std::string raw;
};

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() : one(loop.core()), two(loop.core()), log(Level::kOff) {
    ::setenv("SIGHTER_TEST_KEY_A", "key-aaaa", 1);
    ::setenv("SIGHTER_TEST_KEY_B", "key-bbbb", 1);
    ::unsetenv("SIGHTER_TEST_KEY_C");
  }

  void config(const std::string& models, const std::string& of_one = "retries = 0") {
    const std::string text = fmt::format(
        "[providers.one]\nbase_url = \"{}\"\n{}\n[providers.two]\nbase_url = \"{}\"\nretries = "
        "0\n{}",
        one.url("/v1"), of_one, two.url("/v1"), models);
    auto document = toml_parse(text, "sighter.toml");
    ASSERT_TRUE(document) << document.error().message();
    ModelsConfig read;
    read.read((*document)->root(), "/");
    const Status status = (*document)->finish();
    ASSERT_TRUE(status) << status.error().message();
    hub = std::make_unique<Hub>(std::move(read), loop.clock(), log, 1);
    router = std::make_unique<Router>(loop.core(), *hub);
  }
  Loop::Running<CompletionResult> start(const std::string& model, const std::string& text = "hello",
                                        bool stream = false) {
    wire::ChatRequest ask;
    ask.messages.push_back(wire::Message::text(wire::Role::kUser, text));
    CompletionOptions options;
    if (stream) options.on_text = [this](std::string_view piece) { shown += piece; };
    return loop.start(router->complete(std::move(ask), model, std::move(options)));
  }
  CompletionResult ask(const std::string& model, const std::string& text = "hello",
                       bool stream = false) {
    auto running = start(model, text, stream);
    loop.advance_until([&] { return running.done(); });
    return std::move(running.value());
  }
  // As a client at the door: nobody waits for a route that is shut.
  ClientResult at_the_door(const std::string& model, const std::string& more = "") {
    ClientRequest request;
    request.dialect = wire::Dialect::kOpenAiChat;
    request.body = R"({"model":"x","messages":[{"role":"user","content":"hello"}])" + more + "}";
    request.envelope = *wire::Envelope::scan(request.body);
    auto running = loop.start(router->answer(request, model, ClientOptions{}));
    loop.advance_until([&] { return running.done(); });
    return std::move(running.value());
  }
  RouteState& state(const std::string& route, std::size_t keys = 1) {
    return *hub->impl().routes.of(route, keys);
  }

  Loop loop;
  ScriptedUpstream one;
  ScriptedUpstream two;
  Log log;
  std::unique_ptr<Hub> hub;
  std::unique_ptr<Router> router;
  std::string shown;
};

// What another route cannot express is no fault of the request while one rests that can.
TEST_F(RoutesTest, WhoWaitsForTheRouteThatCouldTakeItIsToldHowLong) {
  config(
      "[providers.ant]\ndialect = \"anthropic\"\nbase_url = \"http://127.0.0.1:1\"\n"
      "authentication = \"none\"\n[models.m]\nroutes = [\"one/m\", \"ant/m\"]\n");
  one.add({step::Reply{
      429, R"({"error":{"message":"slow down"}})", "application/json", {{"Retry-After", "120"}}}});
  const ClientResult told = at_the_door("m", R"(,"seed":1)");
  ASSERT_TRUE(told.error);
  EXPECT_EQ(told.error->kind, Kind::kRateLimited);
  const ClientResult again = at_the_door("m", R"(,"seed":1)");
  ASSERT_TRUE(again.error);
  EXPECT_EQ(again.error->kind, Kind::kRateLimited) << again.error->message();
  EXPECT_TRUE(again.retry_after);
  EXPECT_EQ(one.requests().size(), 1u);
  one.otherwise([](const SeenRequest&) { return good("one"); });
  loop.advance(120s);
  EXPECT_FALSE(at_the_door("m", R"(,"seed":1)").error);
}

TEST_F(RoutesTest, AFlappingUpstreamIsShutOutAndComesBackByAProbe) {
  config("[models.m]\nroutes = [\"one/m\", \"two/m\"]\n");
  bool works = false;
  one.otherwise([&](const SeenRequest&) { return works ? good("one") : bad(500); });
  two.otherwise([](const SeenRequest&) { return good("two"); });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("m")->route, "two/m");
  EXPECT_EQ(one.requests().size(), 5u);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("m")->attempts.size(), 1u);
  EXPECT_EQ(one.requests().size(), 5u) << "it is left alone";
  loop.advance(5s);
  EXPECT_EQ(ask("m")->attempts.size(), 2u) << "a probe, that failed";
  EXPECT_EQ(one.requests().size(), 6u);
  loop.advance(5s);
  EXPECT_EQ(ask("m")->route, "two/m") << "now it is shut for longer";
  works = true;
  loop.advance(5s);
  EXPECT_EQ(ask("m")->route, "one/m");
  EXPECT_EQ(ask("m")->route, "one/m");
}

TEST_F(RoutesTest, AStatusThatBlamesTheRequestIsNoFailureOfTheRoute) {
  config("[models.m]\nroutes = [\"one/m\", \"two/m\"]\nfallback_on = [\"upstream\"]\n",
         "retries = 2\nbreaker = { failures = 2 }");
  for (const int status : {400, 409, 413, 422}) {
    const std::size_t before = one.requests().size();
    one.add({step::Reply{status, R"({"error":{"message":"no","type":"server_error"}})"}});
    const CompletionResult reply = ask("m");
    ASSERT_FALSE(reply);
    EXPECT_EQ(one.requests().size(), before + 1) << status;
  }
  EXPECT_TRUE(two.requests().empty());
  EXPECT_EQ(state("one/m").breaker.state(loop.clock().steady_now()), Breaker::State::kClosed);
}

TEST_F(RoutesTest, AtTheDoorNobodyWaitsForARouteThatIsShut) {
  config("[models.m]\nroutes = [\"one/m\"]\n", "retries = 3\nbreaker = { failures = 1 }");
  one.add(bad(500));
  const ClientResult failed = at_the_door("m");
  ASSERT_TRUE(failed.error);
  EXPECT_THAT(failed.error->what, HasSubstr("it is broken")) << "what the provider said";
  const ClientResult shut = at_the_door("m");
  ASSERT_TRUE(shut.error);
  EXPECT_EQ(shut.error->kind, Kind::kUnavailable);
  EXPECT_THAT(shut.error->what, HasSubstr("one/m failed too often"));
  EXPECT_TRUE(shut.retry_after);
  EXPECT_TRUE(shut.attempts.empty());
  EXPECT_EQ(one.requests().size(), 1u);
  one.otherwise([](const SeenRequest&) { return good("one"); });
  EXPECT_TRUE(ask("m")) << "the program's own requests wait for the probe";
}

TEST_F(RoutesTest, AKeyThatIsToldToWaitRestsAndAnotherOneIsUsed) {
  config("", "retries = 0\nkey = [\"env:SIGHTER_TEST_KEY_A\", \"env:SIGHTER_TEST_KEY_B\"]");
  std::map<std::string, int> seen;
  one.otherwise([&](const SeenRequest& request) {
    const std::string key(request.headers.get("authorization").value_or(""));
    ++seen[key];
    const bool first = key == "Bearer key-aaaa" && seen[key] == 1;
    return first ? sighter::testing::reply_rate_limited("30") : good(key);
  });
  const CompletionResult reply = ask("one/m");
  ASSERT_TRUE(reply) << reply.error().error.message();
  ASSERT_EQ(reply->attempts.size(), 2u);
  EXPECT_EQ(reply->attempts[0].error->kind, Kind::kRateLimited);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ask("one/m")->attempts.size(), 1u);
  EXPECT_EQ(seen["Bearer key-aaaa"], 1);
  EXPECT_EQ(seen["Bearer key-bbbb"], 5);
  loop.advance(30s);
  for (int i = 0; i < 4; ++i) ask("one/m");
  EXPECT_EQ(seen["Bearer key-aaaa"], 3) << "they take turns again";
}

TEST_F(RoutesTest, AtTheDoorNobodyWaitsAnHourForARoute) {
  config("[models.m]\nroutes = [\"one/m\"]\n", "retries = 2\nbreaker = false");
  for (const int status : {429, 503}) {
    const SteadyTime before = loop.clock().steady_now();
    step::Reply busy{status, R"({"error":{"message":"later"}})"};
    busy.headers.add("retry-after", "3600");
    one.add({busy});
    const ClientResult told = at_the_door("m");
    ASSERT_TRUE(told.error);
    EXPECT_EQ(told.retry_after, 3600s);
    EXPECT_THAT(told.error->what, HasSubstr("later"));
    EXPECT_LT(loop.clock().steady_now() - before, 1s) << status;
    if (status != 429) continue;
    const ClientResult next = at_the_door("m");
    ASSERT_TRUE(next.error);
    EXPECT_EQ(next.error->kind, Kind::kRateLimited);
    EXPECT_LT(loop.clock().steady_now() - before, 1s) << "nor does the next one";
    loop.advance(60s);  // then it is tried again
  }
  EXPECT_EQ(one.requests().size(), 2u);
}

TEST_F(RoutesTest, AKeyThatIsMissingOrWrongIsPassedOver) {
  config("", "retries = 0\nkey = [\"env:SIGHTER_TEST_KEY_C\", \"env:SIGHTER_TEST_KEY_A\"]");
  one.otherwise([](const SeenRequest&) { return good("ok"); });
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(ask("one/m"));
}

TEST_F(RoutesTest, WhereNothingRemainsTheNextRequestGoesElsewhere) {
  config("[models.m]\nroutes = [\"one/m\", \"two/m\"]\n");
  step::Reply last{200, reply_body("one")};
  last.headers.add("x-ratelimit-remaining-requests", "0");
  last.headers.add("x-ratelimit-reset-requests", "20s");
  one.add({last});
  one.otherwise([](const SeenRequest&) { return good("one"); });
  two.otherwise([](const SeenRequest&) { return good("two"); });
  EXPECT_EQ(ask("m")->route, "one/m");
  EXPECT_EQ(ask("m")->route, "two/m");
  loop.advance(20s);
  EXPECT_EQ(ask("m")->route, "one/m");
}

TEST_F(RoutesTest, AnotherModelAnswersOnTheChosenErrors) {
  config(
      "[models.m]\nroutes = [\"one/m\"]\nfallback = [\"big\"]\nfallback_on = [\"too_large\"]\n"
      "[models.big]\nroutes = [\"two/big\"]\n");
  one.add({step::Reply{
      400,
      R"({"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}})"}});
  one.add(bad(500));
  two.otherwise([](const SeenRequest&) { return good("big"); });
  const CompletionResult reply = ask("m");
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->route, "two/big");
  EXPECT_EQ(reply->attempts.size(), 2u);
  EXPECT_THAT(two.requests().front().body, HasSubstr(R"("model":"big")"));
  const CompletionResult other = ask("m");
  ASSERT_FALSE(other) << "500 is not in the list";
  EXPECT_THAT(other.error().error.what, HasSubstr("it is broken"));
  EXPECT_EQ(two.requests().size(), 1u);
}

TEST_F(RoutesTest, WhatMayNotBeRepeatedIsNot) {
  config(
      "[models.m]\nroutes = [{ route = \"one/m\", may_repeat = false }, { route = \"two/m\" }]\n",
      "retries = 3");
  two.otherwise([](const SeenRequest&) { return good("two"); });
  one.add({step::Close{}});
  EXPECT_FALSE(ask("m")) << "it was sent, and what became of it is not known";
  one.add(bad(500));
  EXPECT_FALSE(ask("m"));
  EXPECT_TRUE(two.requests().empty());
  one.add(sighter::testing::reply_rate_limited("30"));
  EXPECT_EQ(ask("m")->route, "two/m") << "it was turned down: nothing was done";
}

TEST_F(RoutesTest, ConversationsStayWithTheirRoute) {
  config(
      "[models.m]\nroutes = [\"one/m\", \"two/m\"]\nbalance = \"least_loaded\"\nsticky = true\n");
  one.otherwise([](const SeenRequest&) { return good("one"); });
  two.otherwise([](const SeenRequest&) { return good("two"); });
  std::set<std::string> used;
  for (int conversation = 0; conversation < 12; ++conversation) {
    const std::string text = fmt::format("conversation {}", conversation);
    const std::string route = ask("m", text)->route;
    for (int turn = 0; turn < 3; ++turn) EXPECT_EQ(ask("m", text)->route, route);
    used.insert(route);
  }
  EXPECT_EQ(used.size(), 2u);
}

class HedgeTest : public RoutesTest {
 protected:
  // Teaches the route that its first token comes after 100 ms, and saves a second request.
  void learn(const std::string& models) {
    config(models);
    for (int i = 0; i < 20; ++i) state("one/m").first_token.add(100ms);
    for (int i = 0; i < 20; ++i) state("one/m").whole_answer.add(100ms);
    state("one/m").hedges.earn(1, 10);
  }
  const std::string kBoth = "[models.m]\nroutes = [\"one/m\", \"two/m\"]\nhedge = true\n";
};

TEST_F(HedgeTest, TheSecondOneWinsAndTheFirstOnesSocketIsClosed) {
  learn(kBoth);
  one.add({step::Start{}, step::Stall{}});
  two.add(streamed("fast"));
  auto running = start("m", "hello", true);
  loop.advance(90ms);
  EXPECT_TRUE(two.requests().empty()) << "it is not late yet";
  loop.advance(30ms);
  ASSERT_TRUE(running.done());
  const CompletionResult& reply = running.value();
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->reply.text(), "fast");
  EXPECT_EQ(shown, "fast");
  EXPECT_EQ(reply->route, "two/m");
  ASSERT_EQ(reply->attempts.size(), 2u);
  EXPECT_EQ(reply->attempts[0].route, "one/m");
  EXPECT_EQ(reply->attempts[0].error->kind, Kind::kCancelled);
  EXPECT_THAT(reply->attempts[0].error->what, HasSubstr("another answer was faster"));
  EXPECT_FALSE(reply->attempts[1].error);
  loop.settle();
  EXPECT_TRUE(one.requests().front().peer_closed);
}

TEST_F(HedgeTest, TheFirstOneMayStillWin) {
  learn(kBoth);
  one.add({step::Start{}, step::Wait{150ms}, step::Chunk{piece("first")}, step::Chunk{kEnd},
           step::End{}});
  two.add({step::Start{}, step::Stall{}});
  const CompletionResult reply = ask("m", "hello", true);
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->route, "one/m");
  EXPECT_EQ(shown, "first");
  ASSERT_EQ(reply->attempts.size(), 2u);
  EXPECT_EQ(reply->attempts[1].error->kind, Kind::kCancelled);
  loop.settle();
  EXPECT_TRUE(two.requests().front().peer_closed);
}

// What is told with the first piece names the one that was given up.
TEST_F(HedgeTest, TheLoserIsToldWithTheFirstPiece) {
  learn(kBoth);
  one.add({step::Start{}, step::Stall{}});
  two.add(streamed("second"));
  ClientRequest request;
  request.dialect = wire::Dialect::kOpenAiChat;
  request.body = R"({"model":"x","messages":[{"role":"user","content":"a"}],"stream":true})";
  request.envelope = *wire::Envelope::scan(request.body);
  request.stream = true;
  Told sink;
  ClientOptions options;
  options.sink = &sink;
  auto running = loop.start(router->answer(request, "m", std::move(options)));
  loop.advance_until([&] { return running.done(); });
  ASSERT_FALSE(running.value().error);
  EXPECT_EQ(sink.what.route, "two/m");
  EXPECT_EQ(sink.what.attempts, 2);
  EXPECT_EQ(sink.what.tried, "one/m cancelled");
}

// What comes before the first content wins nothing, wherever the second request goes.
TEST_F(HedgeTest, AnEmptyBeginningIsNoFirstToken) {
  const std::string role =
      "data: {\"id\":\"r1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
      "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
      "\"finish_reason\":null}]}\n\n";
  for (const bool alone : {false, true}) {
    learn(alone ? "[models.m]\nroutes = [\"one/m\"]\nhedge = true\n" : kBoth);
    ScriptedUpstream& other = alone ? one : two;
    one.add({step::Start{}, step::Chunk{role}, step::Stall{}});
    other.add(sighter::testing::reply_stream({role, piece("second"), kEnd}));
    ClientRequest request;
    request.dialect = wire::Dialect::kOpenAiChat;
    request.body = R"({"model":"x","messages":[{"role":"user","content":"a"}],"stream":true})";
    request.envelope = *wire::Envelope::scan(request.body);
    request.stream = true;
    Told sink;
    ClientOptions options;
    options.sink = &sink;
    auto running = loop.start(router->answer(request, "m", std::move(options)));
    loop.advance_until([&] { return running.done(); });
    ASSERT_FALSE(running.value().error);
    EXPECT_EQ(sink.what.attempts, 2) << alone;
    EXPECT_EQ(sink.raw, role + piece("second") + kEnd) << alone;
  }
}

TEST_F(HedgeTest, WholeAnswersTooAndAnErrorWinsNothing) {
  learn(kBoth);
  one.add({step::Wait{200ms}, step::Reply{200, reply_body("slow but right")}});
  two.add(bad(500));
  const CompletionResult reply = ask("m");
  ASSERT_TRUE(reply) << reply.error().error.message();
  EXPECT_EQ(reply->reply.text(), "slow but right");
  ASSERT_EQ(reply->attempts.size(), 2u);
}

TEST_F(HedgeTest, WithoutSavingsThereIsNoSecondRequest) {
  config(kBoth);
  for (int i = 0; i < 20; ++i) state("one/m").whole_answer.add(100ms);
  one.add({step::Wait{5s}, step::Reply{200, reply_body("slow")}});
  EXPECT_EQ(ask("m")->reply.text(), "slow");
  EXPECT_TRUE(two.requests().empty());
}

TEST_F(HedgeTest, AFailureBeforeItIsLateIsRetriedAsUsual) {
  learn(kBoth);
  one.add(bad(500));
  two.add(good("two"));
  const CompletionResult reply = ask("m");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->route, "two/m");
  EXPECT_EQ(reply->attempts.size(), 2u);
}

TEST_F(HedgeTest, AClientThatGoesAwayStopsBoth) {
  learn(kBoth);
  one.add({step::Stall{}});
  two.add({step::Stall{}});
  io::CancelSource stop;
  wire::ChatRequest request;
  request.messages.push_back(wire::Message::text(wire::Role::kUser, "hello"));
  CompletionOptions options;
  options.cancel = stop.token();
  auto running = loop.start(router->complete(std::move(request), "m", std::move(options)));
  loop.advance(200ms);
  ASSERT_EQ(two.requests().size(), 1u);
  stop.cancel("the client went away");
  loop.settle();
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().error.kind, Kind::kCancelled);
  EXPECT_TRUE(one.requests().front().peer_closed);
  EXPECT_TRUE(two.requests().front().peer_closed);
}

}  // namespace
}  // namespace sighter::models
