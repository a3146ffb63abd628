#include "local/logits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sighter::local {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(LogSumExp, AgreesWithDoublePrecision) {
  Random random(1);
  for (const std::size_t n : {1u, 2u, 15u, 16u, 17u, 1023u, 1025u, 49152u}) {
    std::vector<float> logits(n);
    double sum = 0;
    for (float& x : logits) {
      x = static_cast<float>(random.uniform() * 60 - 30);
      sum += std::exp(static_cast<double>(x));
    }
    EXPECT_NEAR(log_sum_exp(logits), std::log(sum), 1e-5) << n;
  }
}

TEST(LogSumExp, MinusInfinityCountsAsNothing) {
  EXPECT_NEAR(log_sum_exp(std::vector{-kInfinity, 0.0f, -kInfinity, 0.0f}), std::log(2.0), 1e-6);
}

TEST(LogSumExp, WithoutAnyNumberIsNotFinite) {
  EXPECT_FALSE(std::isfinite(log_sum_exp(std::vector{-kInfinity, kNan})));
  EXPECT_FALSE(std::isfinite(log_sum_exp({})));
}

TEST(LogSumExp, LargeNumbersDoNotOverflow) {
  EXPECT_NEAR(log_sum_exp(std::vector{1000.0f, 1000.0f}), 1000 + std::log(2.0), 1e-4);
}

TEST(Largest, BestFirstAndTiesInOrder) {
  const auto best = largest(std::vector{1.0f, 3.0f, kNan, 2.0f, 3.0f}, 3);
  EXPECT_THAT(best,
              ::testing::ElementsAre(std::pair{1, 3.0f}, std::pair{4, 3.0f}, std::pair{3, 2.0f}));
}

TEST(Largest, NoMoreThanThereAre) {
  EXPECT_EQ(largest(std::vector{1.0f, 2.0f}, 5).size(), 2u);
}

// How often each of the entries is drawn in 20,000 draws.
std::vector<double> shares(const SamplerOptions& options, const std::vector<float>& logits) {
  Sampler sampler(options, 42);
  std::vector<double> out(logits.size());
  for (int i = 0; i < 20'000; ++i)
    out[static_cast<std::size_t>(*sampler.pick(logits))] += 1.0 / 20'000;
  return out;
}

const std::vector<float> kLogits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                    std::log(0.05f), -kInfinity};

TEST(Sampler, DrawsByTheProbabilities) {
  const auto got = shares({}, kLogits);
  EXPECT_NEAR(got[0], 0.5, 0.015);
  EXPECT_NEAR(got[1], 0.3, 0.015);
  EXPECT_NEAR(got[2], 0.15, 0.015);
  EXPECT_NEAR(got[3], 0.05, 0.01);
  EXPECT_EQ(got[4], 0);
}

TEST(Sampler, TemperatureZeroTakesTheLikeliest) {
  EXPECT_NEAR(shares({.temperature = 0}, {1, 5, 5, 2})[1], 1.0, 1e-9);
}

TEST(Sampler, ALowerTemperatureSharpens) {
  const auto got = shares({.temperature = 0.5}, kLogits);  // squares: 25 9 2.25 0.25 of 36.5
  EXPECT_NEAR(got[0], 25 / 36.5, 0.015);
  EXPECT_NEAR(got[1], 9 / 36.5, 0.015);
}

TEST(Sampler, TopKKeepsTheKLikeliest) {
  const auto got = shares({.top_k = 2}, kLogits);
  EXPECT_NEAR(got[0], 0.5 / 0.8, 0.015);
  EXPECT_NEAR(got[1], 0.3 / 0.8, 0.015);
}

TEST(Sampler, TopPKeepsTheLeastSetThatHoldsIt) {
  const auto got = shares({.top_p = 0.75}, kLogits);
  EXPECT_NEAR(got[0] + got[1], 1.0, 1e-9);
  EXPECT_GT(got[1], 0.3);
}

TEST(Sampler, TopPOfZeroKeepsOne) {
  EXPECT_NEAR(shares({.top_p = 0}, kLogits)[0], 1.0, 1e-9);
}

TEST(Sampler, MinPIsRelativeToTheLikeliest) {
  const auto got = shares({.min_p = 0.25}, kLogits);
  EXPECT_GT(got[2], 0);
  EXPECT_EQ(got[3], 0);
}

TEST(Sampler, ASeedRepeatsTheDraws) {
  Sampler a({}, 3), b({}, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.pick(kLogits), b.pick(kLogits));
}

TEST(Sampler, WithoutAnyNumberPicksNothing) {
  EXPECT_EQ(Sampler({}, 1).pick(std::vector{kNan, -kInfinity}), std::nullopt);
}

}  // namespace
}  // namespace sighter::local
