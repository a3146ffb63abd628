#include "learn/calibrate.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.hpp"

namespace sighter::learn {
namespace {

struct Sample {
  std::vector<float> logits;
  std::vector<int> labels;
};

// Labels drawn from softmax(z), logits given as z * factor: the right temperature is `factor`.
Sample drawn(std::size_t count, std::size_t classes, double factor, std::uint64_t seed) {
  Random random(seed);
  Sample out;
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<double> z;
    double sum = 0;
    for (std::size_t k = 0; k < classes; ++k) {
      z.push_back(4 * random.uniform());
      sum += std::exp(z.back());
      out.logits.push_back(static_cast<float>(z.back() * factor));
    }
    double left = random.uniform() * sum;
    std::size_t label = 0;
    while (label + 1 < classes && (left -= std::exp(z[label])) > 0) ++label;
    out.labels.push_back(static_cast<int>(label));
  }
  return out;
}

TEST(FitTemperature, FindsTheFactorThatLogitsWereMultipliedWith) {
  for (const double factor : {0.3, 1.0, 3.0}) {
    const Sample sample = drawn(5000, 5, factor, 1);
    EXPECT_NEAR(fit_temperature({sample.logits, 5, sample.labels}) / factor, 1, 0.08) << factor;
  }
}

TEST(FitTemperature, LowersTheLoss) {
  const Sample sample = drawn(2000, 4, 5, 2);
  const Logits logits{sample.logits, 4, sample.labels};
  EXPECT_LT(negative_log_likelihood(logits, fit_temperature(logits)),
            negative_log_likelihood(logits, 1));
}

TEST(FitTemperature, StaysNearOneForAHandful) {
  const std::vector<float> logits = {2, 0, 0, 2};  // both right: likelihood alone says T = 0
  const std::vector<int> labels = {0, 1};
  const double t = fit_temperature({logits, 2, labels});
  EXPECT_GT(t, 0.3);
  EXPECT_LT(t, 1);
}

TEST(FitTemperature, IsOneWithoutUsableExamples) {
  EXPECT_EQ(fit_temperature({{}, 3, {}}), 1);
  const float unknown = -std::numeric_limits<float>::infinity();
  const std::vector<float> logits = {unknown, 1};
  const std::vector<int> labels = {0};
  EXPECT_EQ(fit_temperature({logits, 2, labels}), 1);
}

TEST(NegativeLogLikelihood, OfEqualLogitsIsLnOfTheirNumber) {
  const std::vector<float> logits = {7, 7, 7};
  const std::vector<int> labels = {2};
  EXPECT_NEAR(negative_log_likelihood({logits, 3, labels}, 0.5), std::log(3), 1e-6);
}

TEST(NegativeLogLikelihood, TakesHugeLogits) {
  const std::vector<float> logits = {1e30f, -1e30f};
  const std::vector<int> labels = {0};
  EXPECT_EQ(negative_log_likelihood({logits, 2, labels}, 1), 0);
}

TEST(CalibrationError, IsTheGapOfTheBinsWeightedByCount) {
  // Ten at 0.95, of which 8 right; ten at 0.55, of which 6 right.
  std::vector<double> confidence(10, 0.95);
  confidence.insert(confidence.end(), 10, 0.55);
  std::vector<std::uint8_t> correct(20, 0);
  for (const int i : {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15}) {
    correct[static_cast<std::size_t>(i)] = 1;
  }
  EXPECT_NEAR(calibration_error(confidence, correct, 10), (0.15 + 0.05) / 2, 1e-12);
}

TEST(CalibrationError, IsSmallWhenConfidenceIsTheTruth) {
  Random random(5);
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  for (int i = 0; i < 20'000; ++i) {
    confidence.push_back(random.uniform());
    correct.push_back(random.uniform() < confidence.back());
  }
  EXPECT_LT(calibration_error(confidence, correct), 0.02);
}

TEST(CalibrationError, OfNothingIsZero) {
  EXPECT_EQ(calibration_error({}, {}), 0);
}

TEST(Reliability, PutsOneInTheLastBin) {
  const std::vector<double> confidence = {1.0, 0.0};
  const std::vector<std::uint8_t> correct = {1, 0};
  const auto bins = reliability(confidence, correct, 4);
  EXPECT_EQ(bins[3].count, 1u);
  EXPECT_EQ(bins[0].count, 1u);
}

}  // namespace
}  // namespace sighter::learn
