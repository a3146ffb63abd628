#include "models/selection.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "testing/fake_clock.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Trouble trouble(Kind kind) {
  const bool again = is_transient(kind) || kind == Kind::kUpstream;
  const bool other = again || kind == Kind::kUnauthorized;
  return {.error = {kind, "it failed", {}},
          .retry = again,
          .next_route = other,
          .sent = true,
          .may_have_worked = true};
}
Trouble limited(std::chrono::milliseconds wait) {
  Trouble out = trouble(Kind::kRateLimited);
  out.retry_after = wait;
  return out;
}

class SelectionTest : public ::testing::Test {
 protected:
  SelectionTest() {
    clock.advance(1h);
    provider.retries = 2;
    for (int i = 0; i < 3; ++i) routes.push_back({.provider = "p", .upstream = names[i]});
  }
  SteadyTime now() const { return clock.steady_now(); }
  Selection select(std::size_t count, std::size_t keys = 1, bool patient = true,
                   std::uint64_t conversation = 0) {
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < count; ++i)
      choices.push_back({&routes[i], &provider, states.of(routes[i].name(), keys)});
    return {std::move(choices), routing, conversation, patient, random, now()};
  }
  // The upstream that may be asked now, "wait" or "end".
  std::string next(Selection& selection) {
    const Selection::Next decided = selection.next(now());
    last = decided.send;
    wait = decided.wait;
    if (decided.send) return selection.choice(*decided.send).route->upstream;
    return decided.wait ? "wait" : "end";
  }
  void fail(Selection& selection, const Trouble& why) { selection.failed(*last, why, now()); }
  void trip(std::size_t route) {
    Breaker& breaker = states.of(routes[route].name(), 1)->breaker;
    for (int i = 0; i < provider.breaker.consecutive; ++i)
      breaker.record({}, Breaker::Result::kBad, now(), provider.breaker);
  }

  const char* const names[3] = {"a", "b", "c"};
  testing::FakeClock clock;
  Provider provider;
  Routing routing;
  std::vector<Route> routes;
  RouteStates states;
  Random random{11};
  std::optional<Target> last;
  std::optional<SteadyTime> wait;
};

TEST_F(SelectionTest, OrderedRoutesAreAskedAgainBeforeTheNextOne) {
  Selection selection = select(2);
  EXPECT_EQ(next(selection), "a");
  for (const auto most : {500ms, 1000ms}) {
    fail(selection, trouble(Kind::kUnavailable));
    ASSERT_EQ(next(selection), "wait");
    EXPECT_LE(*wait, now() + most);
    clock.advance(most);
    EXPECT_EQ(next(selection), "a");
  }
  fail(selection, trouble(Kind::kUnavailable));
  EXPECT_EQ(next(selection), "b");
  selection.succeeded(*last, now());
}

TEST_F(SelectionTest, ARouteOfItsOwnRetries) {
  routes[0].retries = 0;
  Selection selection = select(2);
  EXPECT_EQ(next(selection), "a");
  fail(selection, trouble(Kind::kTimeout));
  EXPECT_EQ(next(selection), "b");
}

TEST_F(SelectionTest, WhereItAsksToSlowDownTheNextRouteIsAskedMeanwhile) {
  Selection selection = select(2);
  EXPECT_EQ(next(selection), "a");
  fail(selection, limited(7s));
  EXPECT_EQ(next(selection), "b");
  fail(selection, limited(9s));
  ASSERT_EQ(next(selection), "wait");
  EXPECT_EQ(*wait, now() + 7s);
  clock.advance(7s);
  EXPECT_EQ(next(selection), "a");
}

TEST_F(SelectionTest, EqualRoutesAreAskedInTurn) {
  routing.balance = Balance::kWeighted;
  Selection selection = select(3);
  std::set<std::string> asked;
  for (int i = 0; i < 3; ++i) {
    asked.insert(next(selection));
    fail(selection, trouble(Kind::kUpstream));
  }
  EXPECT_EQ(asked, (std::set<std::string>{"a", "b", "c"}));
  EXPECT_EQ(next(selection), "wait");
}

TEST_F(SelectionTest, WhatNobodyMendsIsNotTriedAgain) {
  Selection selection = select(1);
  EXPECT_EQ(next(selection), "a");
  fail(selection, trouble(Kind::kInvalid));
  EXPECT_EQ(next(selection), "end");
}

TEST_F(SelectionTest, AnotherKeyIsUsedAtOnce) {
  provider.retries = 0;
  Selection selection = select(1, 3);
  EXPECT_EQ(next(selection), "a");
  EXPECT_EQ(last->key, 0u);
  fail(selection, limited(30s));
  EXPECT_EQ(next(selection), "a");
  EXPECT_EQ(last->key, 1u);
  fail(selection, trouble(Kind::kUnauthorized));
  EXPECT_EQ(next(selection), "a");
  EXPECT_EQ(last->key, 2u);
  fail(selection, limited(30s));
  EXPECT_EQ(next(selection), "end") << "each key had its turn";
  Selection later = select(1, 3);
  EXPECT_EQ(next(later), "end") << "who never retries never waits";
  EXPECT_EQ(later.blocked(now()).error.kind, Kind::kRateLimited);
  clock.advance(10s);
  Selection mended = select(1, 3);
  EXPECT_EQ(next(mended), "a");
  EXPECT_EQ(last->key, 1u);
}

TEST_F(SelectionTest, ARouteThatIsShutIsPassedOver) {
  trip(0);
  Selection selection = select(2);
  EXPECT_EQ(next(selection), "b");
}

TEST_F(SelectionTest, ThePatientWaitForTheProbeTheOthersDoNot) {
  trip(0);
  Selection patient = select(1);
  EXPECT_EQ(next(patient), "wait");
  EXPECT_EQ(*wait, now() + 5s);
  Selection other = select(1, 1, false);
  EXPECT_EQ(next(other), "end");
  const Trouble why = other.blocked(now());
  EXPECT_EQ(why.error.kind, Kind::kUnavailable);
  EXPECT_THAT(why.error.what, HasSubstr("p/a failed too often; it is tried again in 5.0 s"));
  EXPECT_EQ(why.retry_after, 5s);
  clock.advance(5s);
  EXPECT_EQ(next(patient), "a");
  const Target probe = *last;
  EXPECT_TRUE(probe.pass.probe);
  Selection third = select(1);
  EXPECT_EQ(next(third), "wait");
  EXPECT_EQ(*wait, now() + 250ms) << "the probe may be back any moment";
  patient.succeeded(probe, now());
  EXPECT_EQ(next(third), "a");
}

TEST_F(SelectionTest, EvenThePatientDoNotWaitLongForARouteThatIsDown) {
  trip(0);
  for (int opened = 0; opened < 2; ++opened) {
    Selection probe = select(1);
    EXPECT_EQ(next(probe), "wait");
    clock.advance(*wait - now());
    EXPECT_EQ(next(probe), "a");
    fail(probe, trouble(Kind::kUnavailable));
  }
  Selection late = select(1);
  EXPECT_EQ(next(late), "end") << "it opens again in 20 s";
}

TEST_F(SelectionTest, ARouteThatIsShutBetweenTwoAttemptsGivesWay) {
  Selection selection = select(2, 1, false);
  EXPECT_EQ(next(selection), "a");
  fail(selection, trouble(Kind::kUnavailable));
  trip(0);
  clock.advance(1s);
  EXPECT_EQ(next(selection), "b");
}

TEST_F(SelectionTest, RetriesAreAShareOfTheRequests) {
  provider.breaker.enabled = false;
  provider.retries = 20;
  int sent = 0;
  for (int request = 0; request < 100; ++request) {
    Selection selection = select(1);
    for (;;) {
      const std::string what = next(selection);
      if (what == "end") break;
      if (what == "wait") {
        clock.advance(*wait - now());
        continue;
      }
      ++sent;
      fail(selection, trouble(Kind::kUnavailable));
    }
  }
  EXPECT_EQ(sent, 100 + 10 + 50) << "one each, those of the start, and half as many again";
}

TEST_F(SelectionTest, ASecondRouteIsAnotherOneWhereThereIsOne) {
  Selection two = select(2);
  EXPECT_EQ(next(two), "a");
  const Target first = *last;
  const std::optional<Target> second = two.second(first, now());
  ASSERT_TRUE(second);
  EXPECT_EQ(two.choice(*second).route->upstream, "b");
  Selection alone = select(1, 2);
  EXPECT_EQ(next(alone), "a");
  const std::optional<Target> again = alone.second(*last, now());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->place, 0u);
  EXPECT_NE(again->key, last->key);
}

TEST_F(SelectionTest, AConversationStaysUntilItsRouteIsShut) {
  routing.balance = Balance::kLeastLoaded;
  routing.sticky = true;
  std::string home;
  for (int i = 0; i < 20; ++i) {
    Selection selection = select(3, 1, true, 77);
    const std::string to = next(selection);
    if (home.empty()) home = to;
    EXPECT_EQ(to, home);
    selection.succeeded(*last, now());
  }
  trip(static_cast<std::size_t>(home[0] - 'a'));
  Selection selection = select(3, 1, true, 77);
  EXPECT_NE(next(selection), home);
}

TEST_F(SelectionTest, FallBackOnChosenErrorsOnly) {
  EXPECT_TRUE(leads_on(routing, trouble(Kind::kUnavailable)));
  EXPECT_FALSE(leads_on(routing, trouble(Kind::kTooLarge)));
  routing.fallback_on.emplace({Kind::kTooLarge});
  EXPECT_FALSE(leads_on(routing, trouble(Kind::kUnavailable)));
  EXPECT_TRUE(leads_on(routing, trouble(Kind::kTooLarge)));
  routing.fallback_on->insert(Kind::kBudget);
  EXPECT_FALSE(leads_on(routing, trouble(Kind::kBudget))) << "no other route mends it";
}

TEST_F(SelectionTest, AWaitHasAnEnd) {
  provider.retries = 20;
  Selection selection = select(1);
  int waits = 0;
  while (next(selection) != "end") {
    if (last) {
      fail(selection, limited(1h));
      continue;
    }
    ASSERT_LE(*wait - now(), 60s);
    clock.advance(*wait - now());
    ASSERT_LE(++waits, 10);
  }
  EXPECT_EQ(waits, 4);
}

}  // namespace
}  // namespace sighter::models
