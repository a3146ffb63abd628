#include "models/key_ring.hpp"

#include <gtest/gtest.h>

#include <set>

#include "testing/fake_clock.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;

class KeyRingTest : public ::testing::Test {
 protected:
  SteadyTime now() const { return clock.steady_now(); }
  testing::FakeClock clock;
};

TEST_F(KeyRingTest, KeysAreUsedInTurn) {
  KeyRing ring(3);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(ring.pick(now()), 0u);
    EXPECT_EQ(ring.pick(now()), 1u);
    EXPECT_EQ(ring.pick(now()), 2u);
  }
}

TEST_F(KeyRingTest, ARefusedKeyRestsAsLongAsItIsTold) {
  KeyRing ring(2);
  ring.rest(0, now(), 7s);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(ring.pick(now()), 1u);
  EXPECT_EQ(ring.resting_until(now()), std::nullopt);
  ring.rest(1, now(), 9s);
  EXPECT_EQ(ring.pick(now()), std::nullopt);
  EXPECT_EQ(ring.resting_until(now()), now() + 7s);
  clock.advance(7s);
  EXPECT_EQ(ring.pick(now()), 0u);
  EXPECT_EQ(ring.resting_until(now()), std::nullopt);
}

TEST_F(KeyRingTest, NobodyIsObeyedForMoreThanAMinute) {
  KeyRing ring(1);
  ring.rest(0, now(), 1h);
  EXPECT_EQ(ring.resting_until(now()), now() + 60s);
}

TEST_F(KeyRingTest, WithoutAWordTheRestDoublesUntilItWorksAgain) {
  KeyRing ring(1);
  for (const auto time : {500ms, 1000ms, 2000ms}) {
    ring.rest(0, now(), std::nullopt);
    EXPECT_EQ(ring.resting_until(now()), now() + time);
    clock.advance(time);
  }
  ring.succeeded(0);
  ring.rest(0, now(), std::nullopt);
  EXPECT_EQ(ring.resting_until(now()), now() + 500ms);
}

TEST_F(KeyRingTest, AShorterRestDoesNotEndALongerOne) {
  KeyRing ring(1);
  ring.rest(0, now(), 30s);
  ring.rest(0, now(), 1s);
  EXPECT_EQ(ring.resting_until(now()), now() + 30s);
}

TEST_F(KeyRingTest, AWrongKeyIsLookedAtAgainLater) {
  KeyRing ring(2);
  ring.wrong(0, now());
  EXPECT_EQ(ring.pick(now()), 1u);
  EXPECT_EQ(ring.pick(now()), 1u);
  clock.advance(10s);
  EXPECT_EQ(ring.pick(now()), 0u);
}

TEST_F(KeyRingTest, TheLastKeyIsUsedThoughItIsWrong) {
  KeyRing ring(2);
  ring.wrong(0, now());
  ring.wrong(1, now());
  EXPECT_EQ(ring.pick(now()), 1u);
  KeyRing alone(1);
  alone.wrong(0, now());
  EXPECT_EQ(alone.pick(now()), 0u);
}

TEST_F(KeyRingTest, AConversationKeepsItsKey) {
  KeyRing ring(3);
  std::set<std::size_t> used;
  for (std::uint64_t conversation = 1; conversation < 30; ++conversation) {
    const std::optional<std::size_t> key = ring.pick(now(), conversation);
    EXPECT_EQ(key, ring.pick(now(), conversation));
    used.insert(*key);
  }
  EXPECT_EQ(used.size(), 3u);
  ring.rest(1, now(), 5s);
  EXPECT_EQ(ring.pick(now(), 1), 2u) << "it yields to a rest";
}

}  // namespace
}  // namespace sighter::models
