#include "models/breaker.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "testing/fake_clock.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using Outcome = Breaker::Result;
using State = Breaker::State;

class BreakerTest : public ::testing::Test {
 protected:
  BreakerTest() { clock.advance(1h); }
  SteadyTime now() const { return clock.steady_now(); }
  // Sends one request if that is allowed.
  bool send(Outcome result) {
    const std::optional<Breaker::Pass> pass = breaker.admit(now(), options);
    if (pass) breaker.record(*pass, result, now(), options);
    return pass.has_value();
  }
  void trip() {
    for (int i = 0; i < options.consecutive; ++i) send(Outcome::kBad);
    ASSERT_EQ(breaker.state(now()), State::kOpen);
  }

  testing::FakeClock clock;
  BreakerOptions options;
  Breaker breaker;
};

TEST_F(BreakerTest, OpensByFailuresInARow) {
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(Outcome::kBad));
  EXPECT_TRUE(send(Outcome::kGood));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(Outcome::kBad));
  EXPECT_EQ(breaker.state(now()), State::kClosed) << "a success starts the row anew";
  EXPECT_TRUE(send(Outcome::kBad));
  EXPECT_EQ(breaker.state(now()), State::kOpen);
  EXPECT_FALSE(send(Outcome::kGood));
  EXPECT_EQ(breaker.closed_until(now()), now() + 5s);
}

TEST_F(BreakerTest, OpensByTheShareOfTheWindow) {
  for (int i = 0; i < 9; ++i) {
    send(Outcome::kGood);
    send(Outcome::kBad);
  }
  EXPECT_EQ(breaker.state(now()), State::kClosed) << "18 requests are too few";
  send(Outcome::kGood);
  send(Outcome::kBad);
  EXPECT_EQ(breaker.state(now()), State::kOpen);
}

TEST_F(BreakerTest, FailuresBeforeTheWindowAreForgotten) {
  for (int i = 0; i < 9; ++i) {
    send(Outcome::kGood);
    send(Outcome::kBad);
  }
  clock.advance(30s);
  send(Outcome::kGood);
  send(Outcome::kBad);
  EXPECT_EQ(breaker.state(now()), State::kClosed);
}

TEST_F(BreakerTest, FewFailuresAmongManyDoNotOpenIt) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(send(i % 5 < 2 ? Outcome::kBad : Outcome::kGood));
    clock.advance(100ms);
  }
}

TEST_F(BreakerTest, OneProbeAtATimeCloses) {
  trip();
  clock.advance(5s);
  EXPECT_EQ(breaker.state(now()), State::kHalfOpen);
  const std::optional<Breaker::Pass> probe = breaker.admit(now(), options);
  ASSERT_TRUE(probe);
  EXPECT_TRUE(probe->probe);
  EXPECT_FALSE(breaker.admit(now(), options));
  breaker.record(*probe, Outcome::kGood, now(), options);
  EXPECT_EQ(breaker.state(now()), State::kClosed);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(Outcome::kBad)) << "it counts from the start again";
}

TEST_F(BreakerTest, EachFailedProbeDoublesTheTimeUpToTheMost) {
  options.open_max = 15s;
  trip();
  clock.advance(5s);
  EXPECT_TRUE(send(Outcome::kBad));
  EXPECT_EQ(breaker.closed_until(now()), now() + 10s);
  clock.advance(10s);
  EXPECT_TRUE(send(Outcome::kBad));
  EXPECT_EQ(breaker.closed_until(now()), now() + 15s);
  clock.advance(15s);
  EXPECT_TRUE(send(Outcome::kGood));
  trip();
  EXPECT_EQ(breaker.closed_until(now()), now() + 5s) << "a success takes the doubling back";
}

TEST_F(BreakerTest, AProbeThatSaysNothingLetsTheNextOneTry) {
  trip();
  clock.advance(5s);
  EXPECT_TRUE(send(Outcome::kUnknown));
  EXPECT_EQ(breaker.state(now()), State::kHalfOpen);
  EXPECT_TRUE(send(Outcome::kGood));
  EXPECT_EQ(breaker.state(now()), State::kClosed);
}

TEST_F(BreakerTest, AProbeThatNeverReportsIsForgotten) {
  trip();
  clock.advance(5s);
  ASSERT_TRUE(breaker.admit(now(), options));
  clock.advance(59s);
  EXPECT_FALSE(breaker.admit(now(), options));
  clock.advance(1s);
  EXPECT_TRUE(breaker.admit(now(), options));
}

TEST_F(BreakerTest, WhatWasSentBeforeItOpenedChangesNothing) {
  const std::optional<Breaker::Pass> early = breaker.admit(now(), options);
  ASSERT_TRUE(early);
  trip();
  breaker.record(*early, Outcome::kGood, now(), options);
  EXPECT_EQ(breaker.state(now()), State::kOpen);
}

TEST_F(BreakerTest, DisabledItLetsEverythingThrough) {
  options.enabled = false;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(send(Outcome::kBad));
}

TEST_F(BreakerTest, ManyThreadsGetOneProbe) {
  trip();
  clock.advance(5s);
  std::atomic<int> probes = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) {
          if (breaker.admit(now(), options)) ++probes;
        }
      });
    }
  }
  EXPECT_EQ(probes, 1);
}

}  // namespace
}  // namespace sighter::models
