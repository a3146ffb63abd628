#include "io/time.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "base/random.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;

TEST(Timers, SleepEndsAtItsTimeAndNotBefore) {
  testing::Loop loop;
  auto slept = loop.start(loop.core().timers().sleep_for(10s));
  loop.advance(10s - 1ns);
  EXPECT_FALSE(slept.done());
  loop.advance(1ns);
  ASSERT_TRUE(slept.done());
  EXPECT_TRUE(slept.value().has_value());
}

TEST(Timers, CancellingWakesASleeperAtOnce) {
  testing::Loop loop;
  CancelSource source;
  auto slept = loop.start(loop.core().timers().sleep_for(10s, source.token()));
  source.cancel("enough");
  loop.settle();
  ASSERT_TRUE(slept.done());
  ASSERT_FALSE(slept.value().has_value());
  EXPECT_EQ(slept.value().error().kind, Kind::kCancelled);
  EXPECT_EQ(slept.value().error().what, "enough");
}

TEST(Timers, ASleepWithACancelledTokenDoesNotSleep) {
  testing::Loop loop;
  CancelSource source;
  source.cancel("before");
  auto slept = loop.start(loop.core().timers().sleep_for(10s, source.token()));
  ASSERT_TRUE(slept.done());
  EXPECT_FALSE(slept.value().has_value());
}

TEST(Timers, ManySleepersWakeInTheOrderOfTheirTimes) {
  testing::Loop loop;
  Random random(7);
  std::vector<int> fired;
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<int> order;
  for (int i = 0; i < 500; ++i) {
    const int at = static_cast<int>(random.below(100'000)) + 1;
    order.push_back(at);
    alarms.push_back(
        std::make_unique<Alarm>(loop.core().timers(), [&fired, at] { fired.push_back(at); }));
    alarms.back()->set_after(std::chrono::milliseconds(at));
  }
  loop.advance(200s);
  std::ranges::sort(order);
  EXPECT_EQ(fired, order);
}

TEST(Alarm, MovedLaterFiresOnceAtTheLaterTime) {
  testing::Loop loop;
  int fired = 0;
  Alarm alarm(loop.core().timers(), [&fired] { ++fired; });
  alarm.set_after(1s);
  alarm.set_after(5s);
  loop.advance(4s);
  EXPECT_EQ(fired, 0);
  loop.advance(10s);
  EXPECT_EQ(fired, 1);
}

TEST(Alarm, MovedEarlierFiresAtTheEarlierTime) {
  testing::Loop loop;
  int fired = 0;
  Alarm alarm(loop.core().timers(), [&fired] { ++fired; });
  alarm.set_after(5s);
  alarm.set_after(1s);
  loop.advance(1s);
  EXPECT_EQ(fired, 1);
  loop.advance(10s);
  EXPECT_EQ(fired, 1);
}

TEST(Alarm, ClearedOrDestroyedNeverFires) {
  testing::Loop loop;
  int fired = 0;
  Alarm cleared(loop.core().timers(), [&fired] { ++fired; });
  cleared.set_after(1s);
  {
    Alarm destroyed(loop.core().timers(), [&fired] { ++fired; });
    destroyed.set_after(1s);
    cleared.clear();
  }
  EXPECT_EQ(loop.core().timers().next(), std::nullopt);
  loop.advance(10s);
  EXPECT_EQ(fired, 0);
}

TEST(Alarm, RandomSetsAndClearsAgreeWithAPlainModel) {
  testing::Loop loop;
  Random random(11);
  constexpr std::size_t kCount = 40;
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<std::optional<SteadyTime>> model(kCount);
  std::vector<int> fired(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    alarms.push_back(std::make_unique<Alarm>(loop.core().timers(), [&fired, i] { ++fired[i]; }));
  }
  for (int turn = 0; turn < 5000; ++turn) {
    const std::size_t i = random.below(kCount);
    if (random.below(4) == 0) {
      alarms[i]->clear();
      model[i].reset();
    } else {
      const auto after = std::chrono::milliseconds(random.below(1000) + 1);
      alarms[i]->set_after(after);
      model[i] = loop.clock().steady_now() + after;
    }
    if (random.below(3) > 0) continue;
    std::ranges::fill(fired, 0);
    loop.clock().advance(std::chrono::milliseconds(random.below(50)));
    loop.core().timers().fire_due();
    for (std::size_t j = 0; j < kCount; ++j) {
      const bool due = model[j] && *model[j] <= loop.clock().steady_now();
      ASSERT_EQ(fired[j], due ? 1 : 0) << "alarm " << j << " in turn " << turn;
      if (due) model[j].reset();
    }
  }
}

}  // namespace
}  // namespace sighter::io
