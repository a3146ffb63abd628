#include "models/quantile.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

TEST(DurationQuantile, SaysNothingBeforeItKnowsEnough) {
  DurationQuantile quantile;
  for (int i = 0; i < 19; ++i) quantile.add(10ms);
  EXPECT_EQ(quantile.at(0.95), std::nullopt);
  quantile.add(10ms);
  ASSERT_TRUE(quantile.at(0.95));
  EXPECT_GE(*quantile.at(0.95), 10ms);
  EXPECT_LE(*quantile.at(0.95), 11'500us);
}

TEST(DurationQuantile, IsAtMost15PercentAboveTheExactOne) {
  Random random(7);
  DurationQuantile quantile;
  std::vector<microseconds> all;
  for (int i = 0; i < 2000; ++i) {
    // Exponential around 300 ms.
    const microseconds one(static_cast<std::int64_t>(-std::log(1 - random.uniform()) * 300'000));
    all.push_back(one);
    quantile.add(one);
  }
  std::sort(all.begin(), all.end());
  for (const double share : {0.5, 0.9, 0.95, 0.99}) {
    const microseconds exact = all[static_cast<std::size_t>(std::ceil(share * 2000)) - 1];
    ASSERT_TRUE(quantile.at(share));
    EXPECT_GE(*quantile.at(share), exact) << share;
    EXPECT_LE(static_cast<double>(quantile.at(share)->count()),
              static_cast<double>(exact.count()) * 1.15 + 1)
        << share;
  }
}

TEST(DurationQuantile, FollowsWhatChanges) {
  DurationQuantile quantile;
  for (int i = 0; i < 5000; ++i) quantile.add(10ms);
  for (int i = 0; i < 10'000; ++i) quantile.add(2s);
  EXPECT_GE(*quantile.at(0.5), 2s);
  EXPECT_LT(quantile.count(), DurationQuantile::kHalveAt);
}

TEST(DurationQuantile, TheEndsOfTheScaleHoldWhatIsBeyond) {
  DurationQuantile quantile;
  for (int i = 0; i < 20; ++i) quantile.add(0us);
  EXPECT_EQ(*quantile.at(0.5), 1ms);
  DurationQuantile slow;
  for (int i = 0; i < 20; ++i) slow.add(2h);
  EXPECT_GT(*slow.at(0.5), 15min);
}

}  // namespace
}  // namespace sighter::models
