#include "models/balance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

#include "models/load.hpp"
#include "testing/fake_clock.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

TEST(Balance, OrderedIsAsWritten) {
  Random random(1);
  const std::vector<Candidate> three{{.name = "a", .cost = 9}, {.name = "b"}, {.name = "c"}};
  EXPECT_THAT(order_of(Balance::kOrdered, three, random), ElementsAre(0, 1, 2));
}

TEST(Balance, WeightedIsFirstAsOftenAsItsWeight) {
  Random random(2);
  const std::vector<Candidate> three{
      {.name = "a", .weight = 1}, {.name = "b", .weight = 2}, {.name = "c", .weight = 7}};
  std::array<int, 3> first{};
  for (int i = 0; i < 10'000; ++i) {
    const std::vector<std::size_t> order = order_of(Balance::kWeighted, three, random);
    ASSERT_THAT(order, UnorderedElementsAre(0, 1, 2));
    ++first[order[0]];
  }
  // Four standard deviations of a binomial of 10,000.
  EXPECT_NEAR(first[0], 1000, 120);
  EXPECT_NEAR(first[1], 2000, 160);
  EXPECT_NEAR(first[2], 7000, 184);
}

TEST(Balance, OfTwoTheOneWithLessToDo) {
  Random random(3);
  const std::vector<Candidate> two{{.name = "a", .cost = 10}, {.name = "b", .cost = 5}};
  for (int i = 0; i < 50; ++i)
    EXPECT_THAT(order_of(Balance::kLeastLoaded, two, random), ElementsAre(1, 0));
}

TEST(Balance, AmongManyTheMostLoadedIsNeverFirstAndTheOthersShare) {
  Random random(4);
  const std::vector<Candidate> four{{.name = "a", .cost = 1},
                                    {.name = "b", .cost = 2},
                                    {.name = "c", .cost = 3},
                                    {.name = "d", .cost = 4}};
  std::array<int, 4> first{};
  for (int i = 0; i < 6'000; ++i) {
    const std::vector<std::size_t> order = order_of(Balance::kLeastLoaded, four, random);
    ASSERT_THAT(order, UnorderedElementsAre(0, 1, 2, 3));
    ++first[order[0]];
  }
  // Of the 6 pairs a wins 3, b 2, c 1, d none.
  EXPECT_NEAR(first[0], 3000, 160);
  EXPECT_NEAR(first[1], 2000, 150);
  EXPECT_NEAR(first[2], 1000, 120);
  EXPECT_EQ(first[3], 0);
}

// The names are literals: a candidate only looks at them.
std::vector<Candidate> routes(const std::vector<std::string_view>& names) {
  std::vector<Candidate> out;
  for (const std::string_view name : names) out.push_back({.name = name});
  return out;
}

std::size_t sticks_to(std::uint64_t conversation, const std::vector<Candidate>& candidates) {
  Random random(5);
  std::vector<std::size_t> order = order_of(Balance::kOrdered, candidates, random);
  stick(conversation, candidates, order);
  EXPECT_EQ(order.size(), candidates.size());
  return order.front();
}

TEST(Stick, AConversationStaysAndAllRoutesGetSome) {
  const std::vector<std::string_view> names{"one/m", "two/m", "three/m"};
  const std::vector<Candidate> three = routes(names);
  std::array<int, 3> got{};
  for (std::uint64_t conversation = 0; conversation < 3'000; ++conversation) {
    const std::size_t place = sticks_to(conversation, three);
    EXPECT_EQ(place, sticks_to(conversation, three));
    ++got[place];
  }
  for (const int count : got) EXPECT_NEAR(count, 1000, 104);
}

TEST(Stick, WeightsCount) {
  const std::vector<Candidate> two{{.name = "a", .weight = 1}, {.name = "b", .weight = 3}};
  int first = 0;
  for (std::uint64_t conversation = 0; conversation < 4'000; ++conversation)
    first += sticks_to(conversation, two) == 0 ? 1 : 0;
  EXPECT_NEAR(first, 1000, 110);
}

TEST(Stick, WhenARouteGoesOnlyItsConversationsMove) {
  const std::vector<std::string_view> all{"one/m", "two/m", "three/m"};
  const std::vector<Candidate> three = routes(all);
  const std::vector<Candidate> two = {three[0], three[2]};
  for (std::uint64_t conversation = 0; conversation < 500; ++conversation) {
    const std::size_t before = sticks_to(conversation, three);
    if (before == 1) continue;
    EXPECT_EQ(sticks_to(conversation, two), before == 0 ? 0u : 1u);
  }
}

TEST(Stick, ItYieldsToLoad) {
  std::vector<Candidate> two = routes({"one/m", "two/m"});
  std::uint64_t conversation = 0;
  while (sticks_to(conversation, two) != 0) ++conversation;
  two[0].under_way = 3;
  EXPECT_EQ(sticks_to(conversation, two), 0u) << "3 more are no more than twice the average";
  two[0].weight = two[1].weight = 1;
  std::vector<Candidate> four = routes({"one/m", "two/m", "three/m", "four/m"});
  while (sticks_to(conversation, four) != 0) ++conversation;
  four[0].under_way = 40;
  EXPECT_NE(sticks_to(conversation, four), 0u);
}

class LoadTest : public ::testing::Test {
 protected:
  SteadyTime now() const { return clock.steady_now(); }
  testing::FakeClock clock;
  Load load;
};

TEST_F(LoadTest, ASlowerAnswerCountsAtOnceAFasterOneByAndBy) {
  load.observe(10ms, now());
  load.observe(100ms, now());
  EXPECT_EQ(load.latency(now()), 100ms);
  load.observe(10ms, now());
  EXPECT_GT(load.latency(now()), 90ms);
  EXPECT_LT(load.latency(now()), 100ms);
  for (int i = 0; i < 60; ++i) {
    clock.advance(1s);
    load.observe(10ms, now());
  }
  EXPECT_NEAR(static_cast<double>(load.latency(now()).count()), 10'000, 600);
}

TEST_F(LoadTest, WhatIsOldWeighsLess) {
  load.observe(100ms, now());
  clock.advance(10s);
  EXPECT_NEAR(static_cast<double>(load.latency(now()).count()), 36'788, 10);
}

TEST_F(LoadTest, CostIsTimeTimesWhatIsUnderWay) {
  load.observe(10ms, now());
  EXPECT_DOUBLE_EQ(load.cost(now()), 10'000);
  load.started();
  load.started();
  EXPECT_DOUBLE_EQ(load.cost(now()), 30'000);
  load.ended();
  EXPECT_DOUBLE_EQ(load.cost(now()), 20'000);
}

TEST_F(LoadTest, FailingFastIsNotBeingFast) {
  load.failed(1ms, now());
  EXPECT_EQ(load.latency(now()), 5s);
}

}  // namespace
}  // namespace sighter::models
