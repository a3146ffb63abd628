#include "models/recent.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/route_state.hpp"

namespace sighter::models {
namespace {

const auto kAll = [](const std::string&, const auto&) { return true; };

TEST(Recent, ForgetsWhatWasAskedForLongestAgo) {
  Recent<int> recent(8);
  int made = 0;
  const auto ask = [&](int name) {
    return recent.at(
        fmt::format("{}", name), [&] { return made++; }, kAll);
  };
  for (int i = 0; i < 8; ++i) ask(i);
  EXPECT_EQ(ask(0), 0);  // is the latest now
  for (int i = 8; i < 10'000; ++i) {
    ask(i);
    EXPECT_LE(recent.size(), 8u);
    EXPECT_EQ(ask(0), 0) << "what is asked for all the time is kept";
  }
}

TEST(Recent, KeepsWhatMayNotGo) {
  Recent<int> recent(4);
  const auto even = [](const std::string&, const int& value) { return value % 2 == 0; };
  for (int i = 0; i < 100; ++i)
    recent.at(
        fmt::format("{}", i), [&] { return i; }, even);
  for (int i = 1; i < 100; i += 2) EXPECT_TRUE(recent.contains(fmt::format("{}", i)));
  EXPECT_LE(recent.size(), 54u);
}

TEST(RouteStates, NamesThatClientsThinkOfDoNotAddUp) {
  RouteStates states;
  states.keep("up/configured");
  const std::weak_ptr<RouteState> configured = states.of("up/configured", 1);
  const std::shared_ptr<RouteState> running = states.of("up/running", 1);
  const std::weak_ptr<RouteState> forgotten = states.of("up/other", 1);
  for (std::size_t i = 0; i < 3 * RouteStates::kMost; ++i) states.of(fmt::format("up/{}", i), 1);
  EXPECT_LE(states.size(), RouteStates::kMost);
  EXPECT_FALSE(configured.expired());
  EXPECT_EQ(states.of("up/running", 1), running);
  EXPECT_TRUE(forgotten.expired());
}

}  // namespace
}  // namespace sighter::models
