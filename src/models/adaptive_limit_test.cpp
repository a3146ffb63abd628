#include "models/adaptive_limit.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "testing/loop.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;

class AdaptiveLimitTest : public ::testing::Test {
 protected:
  // One round: as many successes as the limit allows, all of them under way together.
  void round(AdaptiveLimit& limit) {
    std::vector<io::Permit> permits;
    while (std::optional<io::Permit> permit = limit.gate().try_acquire())
      permits.push_back(std::move(*permit));
    const std::size_t count = permits.size();
    for (std::size_t i = 0; i < count; ++i) {
      limit.succeeded();
      permits.pop_back();
      while (std::optional<io::Permit> permit = limit.gate().try_acquire())
        permits.insert(permits.begin(), std::move(*permit));
    }
  }
  sighter::testing::Loop loop;
  const SteadyTime start = loop.clock().steady_now();
};

TEST_F(AdaptiveLimitTest, DoublesARoundUntilItIsRefused) {
  AdaptiveLimit limit(loop.core(), 1000);
  EXPECT_EQ(limit.size(), 16u);
  round(limit);
  EXPECT_EQ(limit.size(), 32u);
}

TEST_F(AdaptiveLimitTest, GrowsByOneARoundAfterARefusal) {
  AdaptiveLimit limit(loop.core(), 1000);
  limit.refused(start, start + 1s);
  EXPECT_EQ(limit.size(), 8u);
  round(limit);
  EXPECT_EQ(limit.size(), 9u);
}

TEST_F(AdaptiveLimitTest, HalvesOnceARoundTrip) {
  AdaptiveLimit limit(loop.core(), 1000);
  for (int i = 0; i < 16; ++i) limit.refused(start, start + 1s);
  EXPECT_EQ(limit.size(), 8u);
  limit.refused(start + 2s, start + 3s);
  EXPECT_EQ(limit.size(), 4u);
}

TEST_F(AdaptiveLimitTest, NeverBelowOneNorAboveTheMost) {
  AdaptiveLimit limit(loop.core(), 20);
  for (int i = 0; i < 3; ++i) round(limit);
  EXPECT_EQ(limit.size(), 20u);
  for (int i = 0; i < 10; ++i) limit.refused(start + i * 2s + 1s, start + i * 2s + 2s);
  EXPECT_EQ(limit.size(), 1u);
}

TEST_F(AdaptiveLimitTest, ADoorIsOpenUntilTheFirstRefusal) {
  AdaptiveLimit limit(loop.core(), 100);
  limit.open_wide(5000);
  EXPECT_EQ(limit.size(), 5000u);
  std::vector<io::Permit> held;
  for (int i = 0; i < 300; ++i) held.push_back(*limit.gate().try_acquire());
  limit.refused(start, start + 1s);
  EXPECT_EQ(limit.size(), 150u);
  limit.open_wide(5000);
  EXPECT_EQ(limit.size(), 150u);
  limit.refused(start + 2s, start + 3s);
  EXPECT_EQ(limit.size(), 75u);
}

TEST_F(AdaptiveLimitTest, ADoorDoesNotOpenWhatWasRefused) {
  AdaptiveLimit limit(loop.core(), 100);
  limit.refused(start, start + 1s);
  limit.open_wide(5000);
  EXPECT_EQ(limit.size(), 8u);
}

TEST_F(AdaptiveLimitTest, SuccessesBelowTheLimitSayNothing) {
  AdaptiveLimit limit(loop.core(), 1000);
  const std::optional<io::Permit> permit = limit.gate().try_acquire();
  for (int i = 0; i < 100; ++i) limit.succeeded();
  EXPECT_EQ(limit.size(), 16u);
}

}  // namespace
}  // namespace sighter::models
