#include "io/http_client.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "io/blocking_pool.hpp"
#include "io/sse.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;
using testing::Loop;
using testing::Script;
using testing::SeenRequest;
namespace step = testing::step;

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() : upstream(loop.core()), dns("dns", 1, 16) { use({}); }

  void use(HttpClientOptions options) {
    client.reset();
    if (!options.lookup) {
      options.lookup = [](const std::string&) {
        std::vector<std::string> here{"127.0.0.1"};
        return Result<std::vector<std::string>>(here);
      };
    }
    client = std::make_unique<HttpClient>(loop.core(), dns, std::move(options));
  }

  HttpRequest get(std::string_view path = "/") { return {.url = upstream.url(path)}; }
  HttpRequest post(std::string body) {
    return {.method = "POST", .url = upstream.url("/v1"), .body = std::move(body)};
  }
  Loop::Running<Result<HttpReply>> start(HttpRequest request, Deadlines deadlines = {},
                                         CancelToken token = {}) {
    return loop.start(client->fetch(std::move(request), deadlines, std::move(token), &trace));
  }
  Result<HttpReply> fetch(HttpRequest request, Deadlines deadlines = {}) {
    auto running = start(std::move(request), deadlines);
    EXPECT_TRUE(running.done()) << "nothing here needs time to pass";
    return running.done() ? running.value() : Result<HttpReply>(fail(Kind::kInternal, "not done"));
  }
  std::string here() const { return "127.0.0.1:" + std::to_string(upstream.port()); }

  Loop loop;
  testing::ScriptedUpstream upstream;
  BlockingPool dns;
  std::unique_ptr<HttpClient> client;
  HttpTrace trace;
};

TEST_F(HttpClientTest, SendsARequestAndReadsTheReply) {
  upstream.add({step::Reply{201, "{}", "application/json", {{"X-Id", "7"}, {"x-id", "8"}}}});
  HttpRequest request = post("hello");
  request.headers.add("Authorization", "Bearer k");
  const Result<HttpReply> reply = fetch(request);
  ASSERT_TRUE(reply.has_value()) << reply.error().what;
  EXPECT_EQ(reply->status, 201);
  EXPECT_EQ(reply->reason, "Created");
  EXPECT_EQ(reply->body, "{}");
  EXPECT_EQ(reply->headers.all("x-id").size(), 2u);
  const SeenRequest& seen = upstream.requests().front();
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/v1");
  EXPECT_EQ(seen.body, "hello");
  EXPECT_EQ(seen.headers.get("host"), here());
  EXPECT_EQ(seen.headers.get("authorization"), "Bearer k");
  EXPECT_EQ(seen.headers.get("content-length"), "5");
  EXPECT_TRUE(seen.headers.get("user-agent")->starts_with("sighter/"));
}

TEST_F(HttpClientTest, SendsALargeBodyWhole) {
  upstream.add(testing::reply_json("{}"));
  std::string body(5'000'000, 'x');
  body.back() = 'y';
  auto running = start(post(body));
  ASSERT_TRUE(running.done());
  ASSERT_TRUE(running.value().has_value());
  EXPECT_EQ(upstream.requests().front().body, body);
}

TEST_F(HttpClientTest, AnErrorStatusIsAReply) {
  upstream.add(testing::reply_rate_limited("3"));
  const Result<HttpReply> reply = fetch(get());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->headers.get("retry-after"), "3");
}

TEST_F(HttpClientTest, ARedirectIsNotFollowed) {
  upstream.add({step::Reply{302, "", "text/html", {{"Location", upstream.url("/elsewhere")}}}});
  const Result<HttpReply> reply = fetch(get());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 302);
  EXPECT_EQ(upstream.requests().size(), 1u);
}

TEST_F(HttpClientTest, InterimRepliesAreSkipped) {
  upstream.add(
      {step::Raw{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}});
  const Result<HttpReply> reply = fetch(get());
  ASSERT_TRUE(reply.has_value()) << reply.error().what;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "ok");
  EXPECT_FALSE(reply->headers.has("A"));
}

TEST_F(HttpClientTest, AReplyToHeadHasNoBody) {
  upstream.add({step::Raw{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}});
  HttpRequest request = get();
  request.method = "HEAD";
  const Result<HttpReply> reply = fetch(request);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->body, "");
}

TEST_F(HttpClientTest, AReplyUntilCloseIsWhole) {
  upstream.add({step::Raw{"HTTP/1.1 200 OK\r\n\r\nhello"}, step::Close{}});
  const Result<HttpReply> reply = fetch(get());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->body, "hello");
  EXPECT_EQ(client->idle_connections(), 0u);
}

TEST_F(HttpClientTest, KeepsTheConnectionForTheNextRequest) {
  for (int i = 0; i < 3; ++i) {
    upstream.add(testing::reply_json("{}"));
    ASSERT_TRUE(fetch(get()).has_value());
    EXPECT_EQ(trace.reused, i > 0);
    EXPECT_EQ(client->idle_connections(), 1u);
  }
  EXPECT_EQ(upstream.connections(), 1);
}

TEST_F(HttpClientTest, KeepsTheConnectionAfterAStreamReadToItsEnd) {
  upstream.add(testing::reply_stream({"data: 1\n\n", "data: 2\n\n"}));
  const Result<HttpReply> reply = fetch(get());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->body, "data: 1\n\ndata: 2\n\n");
  EXPECT_EQ(client->idle_connections(), 1u);
}

TEST_F(HttpClientTest, DoesNotKeepAConnectionThatMustNotBe) {
  upstream.add({step::Reply{200, "{}", "application/json", {{"Connection", "close"}}}});
  ASSERT_TRUE(fetch(get()).has_value());
  EXPECT_EQ(client->idle_connections(), 0u);
  upstream.add({step::Raw{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 extra"}});
  ASSERT_TRUE(fetch(get()).has_value());
  EXPECT_EQ(client->idle_connections(), 0u) << "bytes beyond the reply";
}

TEST_F(HttpClientTest, ParallelRequestsTakeAConnectionEach) {
  upstream.add({step::Wait{1s}, step::Reply{}});
  upstream.add({step::Wait{1s}, step::Reply{}});
  auto first = start(get());
  auto second = start(get());
  loop.advance(1s);
  EXPECT_TRUE(first.done() && second.done());
  EXPECT_EQ(upstream.connections(), 2);
  EXPECT_EQ(client->idle_connections(), 2u);
}

TEST_F(HttpClientTest, KeptConnectionsEndAfterTheIdleTime) {
  upstream.add(testing::reply_json("{}"));
  ASSERT_TRUE(fetch(get()).has_value());
  loop.advance(limits::kIdleConnectionMax - 1ms);
  EXPECT_EQ(client->idle_connections(), 1u);
  loop.advance(1ms);
  EXPECT_EQ(client->idle_connections(), 0u);
  EXPECT_EQ(upstream.open_connections(), 0);
}

TEST_F(HttpClientTest, AKeptConnectionThatIsClosedLeavesThePoolAtOnce) {
  upstream.add({step::Reply{}, step::Close{}});
  ASSERT_TRUE(fetch(get()).has_value());
  loop.settle();
  EXPECT_EQ(client->idle_connections(), 0u);
}

TEST_F(HttpClientTest, NoMoreConnectionsAreKeptThanAllowed) {
  HttpClientOptions options;
  options.idle_per_origin_max = 1;
  use(options);
  upstream.otherwise([](const SeenRequest&) { return Script{step::Wait{1s}, step::Reply{}}; });
  auto first = start(get());
  auto second = start(get());
  loop.advance(1s);
  EXPECT_EQ(client->idle_connections(), 1u);
}

TEST_F(HttpClientTest, WhatMayLeaveOnlyOnceTakesAConnectionOfItsOwn) {
  upstream.otherwise([](const SeenRequest&) { return testing::reply_json("{}"); });
  HttpRequest once;
  once.url = upstream.url("/");
  once.may_resend = false;
  ASSERT_TRUE(fetch(once));
  ASSERT_TRUE(fetch(once));
  EXPECT_EQ(upstream.connections(), 2);
}

TEST_F(HttpClientTest, ADeadKeptConnectionIsReplacedOnce) {
  upstream.add(testing::reply_json("{}"));
  upstream.add({step::Close{}});  // the second request, on the kept connection
  upstream.add(testing::reply_json("again"));
  ASSERT_TRUE(fetch(get()).has_value());
  const Result<HttpReply> reply = fetch(post("x"));
  ASSERT_TRUE(reply.has_value()) << reply.error().what;
  EXPECT_EQ(reply->body, "again");
  EXPECT_EQ(trace.attempts, 2);
  EXPECT_FALSE(trace.reused);
  EXPECT_EQ(upstream.requests().size(), 3u);
}

TEST_F(HttpClientTest, AKeptConnectionThatDiesLaterHadSeenTheRequest) {
  upstream.add(testing::reply_json("{}"));
  upstream.add({step::Wait{2s}, step::Close{}});
  ASSERT_TRUE(fetch(get()).has_value());
  auto running = start(get(), {});
  loop.advance(2s);
  ASSERT_TRUE(running.done());
  ASSERT_FALSE(running.value().has_value());
  EXPECT_EQ(running.value().error().kind, Kind::kUnavailable);
  EXPECT_EQ(trace.attempts, 1);
  EXPECT_EQ(upstream.requests().size(), 2u);
}

TEST_F(HttpClientTest, ANewConnectionThatDiesIsNotRetried) {
  upstream.add({step::Close{}});
  upstream.add(testing::reply_json("{}"));
  const Result<HttpReply> reply = fetch(get());
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, Kind::kUnavailable);
  EXPECT_EQ(reply.error().what, here() + " did not answer: it closed the connection");
  EXPECT_EQ(upstream.requests().size(), 1u);
  EXPECT_TRUE(trace.request_sent);
}

TEST_F(HttpClientTest, AKeptConnectionThatDiesAfterAByteIsNotRetried) {
  upstream.add(testing::reply_json("{}"));
  upstream.add({step::Raw{"H"}, step::Close{}});
  ASSERT_TRUE(fetch(get()).has_value());
  const Result<HttpReply> reply = fetch(get());
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().what, here() + ": the connection was closed in the middle of the header");
  EXPECT_EQ(upstream.requests().size(), 2u);
}

TEST_F(HttpClientTest, ARefusedConnectionIsUnavailable) {
  const std::uint16_t port = testing::ScriptedUpstream(loop.core()).port();
  const Result<HttpReply> reply =
      fetch({.url = "http://127.0.0.1:" + std::to_string(port) + "/secret?key=1"});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, Kind::kUnavailable);
  EXPECT_EQ(reply.error().what,
            "127.0.0.1:" + std::to_string(port) + " cannot be reached: Connection refused");
  EXPECT_FALSE(trace.request_sent);
}

TEST_F(HttpClientTest, ACutReplyIsUpstreamsFault) {
  upstream.add(testing::reply_short(100, "ten bytes."));
  const Result<HttpReply> shorter = fetch(get());
  ASSERT_FALSE(shorter.has_value());
  EXPECT_EQ(shorter.error().kind, Kind::kUpstream);
  EXPECT_EQ(shorter.error().what,
            here() + " broke off its answer: the connection was closed after 10 of 100 bytes");

  upstream.add({step::Start{}, step::Chunk{"data: 1\n\n"}, step::Close{}});
  const Result<HttpReply> unfinished = fetch(get());
  ASSERT_FALSE(unfinished.has_value());
  EXPECT_EQ(unfinished.error().what,
            here() + " broke off its answer: the connection was closed before the last chunk");

  upstream.add({step::Start{}, step::Chunk{"data: 1\n\n"}, step::Raw{"7\r\nda"}, step::Reset{}});
  const Result<HttpReply> reset = fetch(get());
  ASSERT_FALSE(reset.has_value());
  EXPECT_EQ(reset.error().kind, Kind::kUpstream);
  EXPECT_EQ(reset.error().what, here() + " broke off its answer: Connection reset by peer");
}

TEST_F(HttpClientTest, WhatIsNoHttpIsUpstreamsFault) {
  upstream.add({step::Raw{"<html><body>Welcome</body></html>\r\n\r\n"}, step::Close{}});
  const Result<HttpReply> html = fetch(get());
  ASSERT_FALSE(html.has_value());
  EXPECT_EQ(html.error().kind, Kind::kUpstream);
  EXPECT_TRUE(html.error().what.starts_with(here() + " answered: malformed HTTP"))
      << html.error().what;

  upstream.add({step::EndlessHeader{}});
  const Result<HttpReply> endless = fetch(get());
  ASSERT_FALSE(endless.has_value());
  EXPECT_EQ(endless.error().kind, Kind::kUpstream);
  EXPECT_EQ(endless.error().what, here() + " answered: an HTTP header of more than 65536 bytes");
  loop.settle();
  EXPECT_EQ(upstream.open_connections(), 0);
}

TEST_F(HttpClientTest, AnEndlessBodyMeetsTheLimit) {
  upstream.add({step::Start{}, step::EndlessBody{std::string(10'000, 'x')}});
  auto running = loop.start(client->fetch(get(), {}, {}, nullptr, 1'000'000));
  ASSERT_TRUE(running.done());
  ASSERT_FALSE(running.value().has_value());
  EXPECT_EQ(running.value().error().kind, Kind::kTooLarge);
  EXPECT_EQ(running.value().error().what, here() + " answered with more than 1000000 bytes");
  loop.settle();
  EXPECT_EQ(upstream.open_connections(), 0);
}

TEST_F(HttpClientTest, AnEarlyRefusalOfALargeBodyIsHeard) {
  // It answers after the header and never reads the body: what a 413 looks like.
  upstream.add({step::Reply{413, "too large"}});
  HttpRequest request = post(std::string(200, 'x'));
  const Result<HttpReply> reply = fetch(request);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->status, 413);
}

TEST_F(HttpClientTest, BadRequestsAreRefusedBeforeAnythingIsSent) {
  HttpRequest injected = get();
  injected.headers.add("X-A", "a\r\nX-B: b");
  EXPECT_EQ(fetch(injected).error().kind, Kind::kInvalid);
  HttpRequest own = get();
  own.headers.add("content-length", "7");
  EXPECT_EQ(fetch(own).error().what, "the header Content-Length cannot be set");
  HttpRequest method = get();
  method.method = "GET / HTTP/1.1\r\n";
  EXPECT_EQ(fetch(method).error().kind, Kind::kInvalid);
  EXPECT_EQ(fetch({.url = "ftp://x"}).error().kind, Kind::kInvalid);
  EXPECT_EQ(upstream.connections(), 0);
}

// Deadlines, each with words of its own, by the fake clock.

TEST_F(HttpClientTest, TheFirstByteHasADeadline) {
  upstream.add({step::Stall{}});
  Deadlines deadlines;
  deadlines.first_byte = 5s;
  auto running = start(get(), deadlines);
  loop.advance(5s - 1ms);
  EXPECT_FALSE(running.done());
  loop.advance(1ms);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kTimeout);
  EXPECT_EQ(running.value().error().what, here() + " gave no answer within 5 s");
  EXPECT_EQ(upstream.open_connections(), 0);
  EXPECT_TRUE(upstream.requests().front().peer_closed);
}

TEST_F(HttpClientTest, AHeaderThatTricklesMeetsTheSameDeadline) {
  Script script{step::Raw{"HTTP/1.1 200 OK\r\n"}};
  for (int i = 0; i < 20; ++i) {
    script.push_back(step::Wait{1s});
    script.push_back(step::Raw{"X: y\r\n"});
  }
  upstream.add(script);
  Deadlines deadlines;
  deadlines.first_byte = 5s;
  auto running = start(get(), deadlines);
  loop.advance(6s);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().what, here() + " gave no answer within 5 s");
}

TEST_F(HttpClientTest, AGapInTheBodyHasADeadline) {
  upstream.add({step::Start{}, step::Chunk{"a"}, step::Wait{2s}, step::Chunk{"b"}, step::Stall{}});
  Deadlines deadlines;
  deadlines.gap = 3s;
  auto running = start(get(), deadlines);
  loop.advance(5s - 1ms);
  EXPECT_FALSE(running.done());
  loop.advance(1ms);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kTimeout);
  EXPECT_EQ(running.value().error().what,
            here() + " fell silent for 3 s in the middle of its answer");
}

TEST_F(HttpClientTest, TheTimeThatItsReaderTakesIsNoSilenceOfTheUpstream) {
  upstream.add({step::Start{}, step::Chunk{"a"}, step::Wait{1s}, step::Chunk{"b"}, step::Stall{}});
  Deadlines deadlines;
  deadlines.first_byte = deadlines.gap = 3s;
  auto opened = loop.start(client->open(get(), deadlines));
  ASSERT_TRUE(opened.done() && opened.value().has_value());
  HttpStream& stream = **opened.value();
  loop.advance(10s);
  for (const std::string_view expected : {"a", "b"}) {
    auto piece = loop.start(stream.read());
    loop.settle();
    ASSERT_TRUE(piece.done());
    ASSERT_TRUE(piece.value().has_value()) << piece.value().error().what;
    EXPECT_EQ(*piece.value(), expected);
    loop.advance(10s);
  }
  auto silent = loop.start(stream.read());
  loop.advance(3s);
  ASSERT_TRUE(silent.done());
  EXPECT_EQ(silent.value().error().kind, Kind::kTimeout);
}

TEST_F(HttpClientTest, AHeaderIsNotTheFirstByteOfAnAnswer) {
  upstream.add({step::Start{}, step::Stall{}});
  upstream.add({step::Start{}, step::Wait{4s}, step::Chunk{"late"}, step::Stall{}});
  Deadlines deadlines;
  deadlines.first_byte = 5s;
  deadlines.gap = 2s;
  auto silent = start(get(), deadlines);
  loop.advance(5s);
  ASSERT_TRUE(silent.done());
  EXPECT_EQ(silent.value().error().what, here() + " gave no answer within 5 s");
  auto late = start(get(), deadlines);
  loop.advance(6s - 1ms);
  EXPECT_FALSE(late.done());
  loop.advance(1ms);
  ASSERT_TRUE(late.done());
  EXPECT_EQ(late.value().error().what, here() + " fell silent for 2 s in the middle of its answer");
}

TEST_F(HttpClientTest, TheWholeHasADeadlineHoweverBusyTheStream) {
  upstream.otherwise([](const SeenRequest&) {
    Script script{step::Start{}};
    for (int i = 0; i < 100; ++i) {
      script.push_back(step::Chunk{"x"});
      script.push_back(step::Wait{500ms});
    }
    return script;
  });
  Deadlines deadlines;
  deadlines.gap = 1s;
  deadlines.total = 10s;
  auto running = start(get(), deadlines);
  loop.advance(10s);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().what,
            here() + " did not finish its answer within 10 s in total");
}

TEST_F(HttpClientTest, ConnectingHasADeadline) {
  HttpClientOptions options;
  std::promise<void> answer;
  options.lookup = [held = answer.get_future().share()](const std::string&) {
    held.wait();
    return Result<std::vector<std::string>>(fail(Kind::kUnavailable, "late"));
  };
  use(options);
  Deadlines deadlines;
  deadlines.connect = 2s;
  auto running = start({.url = "http://slow.example/"}, deadlines);
  loop.advance(2s);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kTimeout);
  EXPECT_EQ(
      running.value().error().what,
      "slow.example:80 accepted no connection within 2 s: the address of slow.example was not "
      "found in time");
  answer.set_value();
}

// Cancelling.

TEST_F(HttpClientTest, CancellingBeforeTheHeaderClosesTheSocketAtOnce) {
  upstream.add({step::Stall{}});
  CancelSource source;
  auto running = start(get(), {}, source.token());
  EXPECT_FALSE(running.done());
  EXPECT_EQ(upstream.open_connections(), 1);
  source.cancel("the client went away");
  loop.settle();
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kCancelled);
  EXPECT_EQ(running.value().error().what, "the client went away");
  EXPECT_EQ(upstream.open_connections(), 0);
  EXPECT_TRUE(upstream.requests().front().peer_closed);
}

TEST_F(HttpClientTest, CancellingInMidStreamClosesTheSocketAtOnce) {
  upstream.add({step::Start{}, step::Chunk{"data: 1\n\n"}, step::Stall{}});
  CancelSource source;
  auto opened = loop.start(client->open(get(), {}, source.token()));
  ASSERT_TRUE(opened.done() && opened.value().has_value());
  HttpStream& stream = **opened.value();
  auto first = loop.start(stream.read());
  ASSERT_TRUE(first.done());
  EXPECT_EQ(first.value().value(), "data: 1\n\n");
  auto second = loop.start(stream.read());
  EXPECT_FALSE(second.done());
  source.cancel("stop");
  loop.settle();
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.value().error().kind, Kind::kCancelled);
  EXPECT_EQ(upstream.open_connections(), 0);
}

TEST_F(HttpClientTest, DroppingAStreamClosesTheSocketAtOnce) {
  upstream.add({step::Start{}, step::Chunk{"data: 1\n\n"}, step::Stall{}});
  auto opened = loop.start(client->open(get()));
  ASSERT_TRUE(opened.done() && opened.value().has_value());
  opened.value()->reset();
  loop.settle();
  EXPECT_EQ(upstream.open_connections(), 0);
}

TEST_F(HttpClientTest, CancellingWhileANameIsLookedUpDoesNotWaitForIt) {
  HttpClientOptions options;
  std::promise<void> answer;
  options.lookup = [held = answer.get_future().share()](const std::string&) {
    held.wait();
    return Result<std::vector<std::string>>(fail(Kind::kUnavailable, "late"));
  };
  use(options);
  CancelSource source;
  auto running = start({.url = "http://slow.example/"}, {}, source.token());
  source.cancel("stop");
  loop.settle();
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kCancelled);
  answer.set_value();
}

TEST_F(HttpClientTest, AStreamGivesItsBytesAsTheyCome) {
  upstream.add({step::Start{}, step::Chunk{"a"}, step::Wait{1s}, step::Chunk{"b"}, step::End{}});
  auto opened = loop.start(client->open(get()));
  ASSERT_TRUE(opened.done() && opened.value().has_value());
  HttpStream& stream = **opened.value();
  EXPECT_EQ(stream.status(), 200);
  EXPECT_EQ(stream.headers().get("content-type"), "text/event-stream");
  auto first = loop.start(stream.read());
  ASSERT_TRUE(first.done());
  EXPECT_EQ(first.value().value(), "a");
  auto second = loop.start(stream.read());
  EXPECT_FALSE(second.done());
  loop.advance(1s);
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.value().value(), "b");
  auto end = loop.start(stream.read());
  ASSERT_TRUE(end.done());
  EXPECT_EQ(end.value().value(), "");
}

TEST_F(HttpClientTest, ASlowReaderSlowsTheUpstream) {
  upstream.add({step::Start{}, step::EndlessBody{std::string(10'000, 'x')}});
  auto opened = loop.start(client->open(get()));
  ASSERT_TRUE(opened.done() && opened.value().has_value());
  loop.settle();  // comes to rest: the upstream waits for its reader
  opened.value()->reset();
  loop.settle();
  EXPECT_EQ(upstream.open_connections(), 0);
}

// Names.

TEST_F(HttpClientTest, ANameIsLookedUpOnceAndKeptForAWhile) {
  HttpClientOptions options;
  auto asked = std::make_shared<std::atomic<int>>(0);
  options.lookup = [asked](const std::string&) {
    ++*asked;
    std::vector<std::string> here{"127.0.0.1"};
    return Result<std::vector<std::string>>(here);
  };
  options.dns_ttl = 30s;
  use(options);
  upstream.otherwise([](const SeenRequest&) {
    return Script{step::Reply{200, "", "text/plain", {{"Connection", "close"}}}};
  });
  const std::string url = "http://api.example:" + std::to_string(upstream.port()) + "/";
  const auto fetch_by_name = [&] {
    auto running = start({.url = url});
    EXPECT_TRUE(loop.wait_until([&] { return running.done(); }));
    return running.value();
  };
  auto together = start({.url = url});
  ASSERT_TRUE(fetch_by_name().has_value());
  ASSERT_TRUE(loop.wait_until([&] { return together.done(); }));
  ASSERT_TRUE(fetch_by_name().has_value());
  EXPECT_EQ(*asked, 1);
  EXPECT_EQ(upstream.requests().back().headers.get("host"),
            "api.example:" + std::to_string(upstream.port()));
  loop.advance(30s);
  ASSERT_TRUE(fetch_by_name().has_value());
  EXPECT_EQ(*asked, 2);
}

TEST_F(HttpClientTest, AnUnknownNameIsUnavailableAndSaysSo) {
  HttpClientOptions options;
  options.lookup = [](const std::string& host) {
    return Result<std::vector<std::string>>(
        fail(Kind::kUnavailable, "cannot find the address of " + host + ": Name not known"));
  };
  use(options);
  auto running = start({.url = "https://user:secret@nowhere.example/x?key=secret"});
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  const Error& error = running.value().error();
  EXPECT_EQ(error.kind, Kind::kUnavailable);
  EXPECT_EQ(error.what, "cannot find the address of nowhere.example: Name not known");
  EXPECT_EQ(error.message().find("secret"), std::string::npos);
}

TEST_F(HttpClientTest, TheNextAddressIsTriedWhenOneFails) {
  HttpClientOptions options;
  options.lookup = [](const std::string&) {
    std::vector<std::string> both{"127.0.0.2", "127.0.0.1"};
    return Result<std::vector<std::string>>(both);
  };
  use(options);
  upstream.add(testing::reply_json("{}"));
  auto running = start({.url = "http://two.example:" + std::to_string(upstream.port()) + "/"});
  ASSERT_TRUE(loop.wait_until([&] { return running.done(); }));
  EXPECT_TRUE(running.value().has_value()) << running.value().error().what;
}

// Proxies.

TEST_F(HttpClientTest, APlainRequestGoesThroughTheProxyWithItsWholeUrl) {
  HttpClientOptions options;
  options.proxies.http = "http://me:pass@127.0.0.1:" + std::to_string(upstream.port());
  use(options);
  upstream.add(testing::reply_json("by proxy"));
  const Result<HttpReply> reply = fetch({.url = "http://api.example:8080/v1?x=1"});
  ASSERT_TRUE(reply.has_value()) << reply.error().what;
  const SeenRequest& seen = upstream.requests().front();
  EXPECT_EQ(seen.target, "http://api.example:8080/v1?x=1");
  EXPECT_EQ(seen.headers.get("host"), "api.example:8080");
  EXPECT_EQ(seen.headers.get("proxy-authorization"), "Basic bWU6cGFzcw==");
}

TEST_F(HttpClientTest, AProxyThatRefusesToConnectIsNamed) {
  HttpClientOptions options;
  options.proxies.https = "127.0.0.1:" + std::to_string(upstream.port());
  use(options);
  upstream.add({step::Reply{407, "no"}});
  const Result<HttpReply> reply = fetch({.url = "https://api.example/v1"});
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, Kind::kUnavailable);
  EXPECT_EQ(reply.error().what,
            "the proxy " + here() + " refused to connect to api.example:443: 407 ");
  EXPECT_EQ(upstream.requests().front().method, "CONNECT");
  EXPECT_EQ(upstream.requests().front().target, "api.example:443");
  EXPECT_FALSE(trace.request_sent);
}

TEST_F(HttpClientTest, AProxyThatCannotBeUsedIsRefusedInWords) {
  HttpClientOptions options;
  options.proxies.http = "socks5://127.0.0.1:1080";
  use(options);
  EXPECT_EQ(fetch({.url = "http://api.example/"}).error().what,
            "the proxy for api.example is not an http:// URL");
}

// The same with threads and real time: the other side sees its socket close.
struct PeerSawItClose {
  static Task<void> request(HttpClient& client, std::string url, CancelToken token, Kind& kind) {
    HttpRequest asked{.url = std::move(url)};
    const Deadlines deadlines;
    const Result<HttpReply> reply = co_await client.fetch(std::move(asked), deadlines, token);
    kind = reply ? Kind::kInternal : reply.error().kind;
  }
  // How long after cancel() the upstream knew.
  static std::chrono::milliseconds after_cancel(Script script) {
    const RealClock clock;
    Core upstream_core("upstream", clock);
    Core client_core("client", clock);
    testing::ScriptedUpstream upstream(upstream_core);
    upstream_core.call([&] { upstream.add(std::move(script)); });
    BlockingPool dns("dns", 1, 4);
    HttpClient client(client_core, dns);
    Scope scope(client_core);
    CancelSource source;
    Kind kind = Kind::kInternal;
    spawn(scope, "request", request(client, upstream.url(), source.token(), kind));
    const auto ask = [&](auto what) {
      int got = 0;
      upstream_core.call([&] { got = what(); });
      return got;
    };
    while (ask([&] { return static_cast<int>(upstream.requests().size()); }) == 0) {
    }
    const auto before = clock.steady_now();
    source.cancel("gone");
    while (ask([&] { return upstream.open_connections(); }) > 0) {
    }
    const auto took = clock.steady_now() - before;
    run_blocking(client_core, scope.join());
    EXPECT_EQ(kind, Kind::kCancelled);
    return std::chrono::duration_cast<std::chrono::milliseconds>(took);
  }
};

TEST(HttpClientThreads, APeerSeesACancelledRequestWithin100Ms) {
  EXPECT_LE(PeerSawItClose::after_cancel({step::Stall{}}), 100ms);
  EXPECT_LE(
      PeerSawItClose::after_cancel({step::Start{}, step::Chunk{"data: 1\n\n"}, step::Stall{}}),
      100ms);
}

// A fault at every step: whatever the upstream sends before it closes, nothing hangs or leaks.
TEST_F(HttpClientTest, AReplyCutAtEveryByteIsNeverTakenForAWholeOne) {
  const std::string reply =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "9\r\ndata: 1\n\n\r\n0\r\n\r\n";
  for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
    upstream.add({step::Raw{reply.substr(0, cut)}, step::Close{}});
    const Result<HttpReply> got = fetch(get());
    ASSERT_EQ(got.has_value(), cut == reply.size()) << cut;
    if (!got) {
      ASSERT_EQ(got.error().kind, cut == 0 ? Kind::kUnavailable : Kind::kUpstream) << cut;
    }
    loop.settle();
    ASSERT_EQ(upstream.open_connections(), 0);
    ASSERT_EQ(client->idle_connections(), 0u);
  }
}

}  // namespace
}  // namespace sighter::io
