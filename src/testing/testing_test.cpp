#include <gtest/gtest.h>

#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "testing/loop.hpp"
#include "testing/scripted_upstream.hpp"

namespace sighter::testing {
namespace {

using namespace std::chrono_literals;

TEST(FakeClock, StandsUntilItIsMoved) {
  FakeClock clock;
  const auto steady = clock.steady_now();
  EXPECT_EQ(iso8601(clock.system_now()), "2026-01-01T00:00:00.000Z");
  clock.advance(1500ms);
  EXPECT_EQ(clock.steady_now() - steady, 1500ms);
  EXPECT_EQ(iso8601(clock.system_now()), "2026-01-01T00:00:01.500Z");
}

io::Task<int> sleep_twice(io::Core& core) {
  const Status first = co_await core.timers().sleep_for(1s);
  const Status second = co_await core.timers().sleep_for(2s);
  co_return first&& second ? 3 : 0;
}

TEST(Loop, AdvanceStopsAtEveryDeadlineOnTheWay) {
  Loop loop;
  auto running = loop.start(sleep_twice(loop.core()));
  loop.advance(3s - 1ns);
  EXPECT_FALSE(running.done());
  loop.advance(1ns);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value(), 3);
}

TEST(Loop, AdvanceUntilTakesNoMoreTimeThanNeededAndGivesUpWhenNothingIsLeft) {
  Loop loop;
  const auto began = loop.clock().steady_now();
  auto running = loop.start(sleep_twice(loop.core()));
  EXPECT_TRUE(loop.advance_until([&] { return running.done(); }));
  EXPECT_EQ(loop.clock().steady_now() - began, 3s);
  EXPECT_FALSE(loop.advance_until([] { return false; }));
}

class UpstreamTest : public ::testing::Test {
 protected:
  Result<io::HttpReply> fetch(std::string_view path) {
    io::HttpRequest request{.url = upstream.url(path)};
    auto running = loop.start(client.fetch(std::move(request)));
    EXPECT_TRUE(running.done());
    return running.value();
  }
  Loop loop;
  ScriptedUpstream upstream{loop.core()};
  io::BlockingPool dns{"dns", 1, 4};
  io::HttpClient client{loop.core(), dns};
};

TEST_F(UpstreamTest, PlaysItsScriptsInOrderAndThenTheFallBack) {
  upstream.add(reply_json("1"));
  upstream.add(reply_html(503, "<h1>busy</h1>"));
  EXPECT_EQ(fetch("/a")->body, "1");
  EXPECT_EQ(fetch("/b")->headers.get("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(fetch("/c")->status, 500);
  upstream.otherwise([](const SeenRequest& request) { return reply_json(request.target); });
  EXPECT_EQ(fetch("/d")->body, "/d");
  ASSERT_EQ(upstream.requests().size(), 4u);
  EXPECT_TRUE(upstream.requests()[3].answered);
  EXPECT_FALSE(upstream.requests()[3].peer_closed);
}

TEST_F(UpstreamTest, SaysWhichConnectionARequestCameOn) {
  upstream.otherwise([](const SeenRequest&) { return reply_json("{}"); });
  ASSERT_TRUE(fetch("/")->status);
  ASSERT_TRUE(fetch("/")->status);
  EXPECT_EQ(upstream.requests()[1].connection, 1);
  EXPECT_EQ(upstream.connections(), 1);
  EXPECT_EQ(upstream.open_connections(), 1);
}

TEST_F(UpstreamTest, ALieAboutTheLengthIsFoundOut) {
  upstream.add(reply_short(50, "short"));
  EXPECT_EQ(fetch("/").error().kind, Kind::kUpstream);
}

}  // namespace
}  // namespace sighter::testing
