#include "stats/sequence.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"

namespace sighter::stats {
namespace {

HedgedSequence of(const std::vector<double>& scores, const HedgedSequence::Options& options = {}) {
  HedgedSequence sequence(options);
  for (const double score : scores) sequence.add(score);
  return sequence;
}

std::vector<double> zeros_and_ones() {
  std::vector<double> scores;
  for (int t = 1; t <= 100; ++t) scores.push_back(37 * t % 100 < 70 ? 1 : 0);
  return scores;
}

// The reference implementation tries means in steps of 0.001.
constexpr double kStep = 0.0012;

TEST(HedgedSequence, ReferenceValuesOfZerosAndOnes) {
  const Interval interval = of(zeros_and_ones()).interval();
  EXPECT_NEAR(interval.low, 0.542, kStep);
  EXPECT_NEAR(interval.high, 0.823, kStep);
}

TEST(HedgedSequence, ReferenceValuesOfFractions) {
  std::vector<double> scores;
  for (int t = 1; t <= 100; ++t) scores.push_back(37 * t % 100 / 100.0);
  const Interval interval = of(scores).interval();
  EXPECT_NEAR(interval.low, 0.417, kStep);
  EXPECT_NEAR(interval.high, 0.582, kStep);
}

TEST(HedgedSequence, ReferenceValuesWithoutReplacement) {
  HedgedSequence::Options options;
  options.population = 200;
  const Interval interval = of(zeros_and_ones(), options).interval();
  EXPECT_NEAR(interval.low, 0.574, kStep);
  EXPECT_NEAR(interval.high, 0.798, kStep);
}

TEST(HedgedSequence, NoScoresSayNothing) {
  const Interval interval = HedgedSequence({}).interval();
  EXPECT_NEAR(interval.low, 0, 1e-9);
  EXPECT_NEAR(interval.high, 1, 1e-9);
}

TEST(HedgedSequence, AWholePopulationIsKnown) {
  HedgedSequence::Options options;
  options.population = 100;
  const Interval interval = of(zeros_and_ones(), options).interval();
  EXPECT_NEAR(interval.low, 0.7, 1e-9);
  EXPECT_NEAR(interval.high, 0.7, 1e-9);
}

TEST(HedgedSequence, TheWatchedMeanIsRuledOutWhenTheIntervalSaysSo) {
  HedgedSequence::Options options;
  for (const double watched : {0.3, 0.54, 0.55, 0.7, 0.82, 0.83}) {
    options.watched = watched;
    HedgedSequence sequence(options);
    for (const double score : zeros_and_ones()) {
      sequence.add(score);
      const Interval interval = sequence.interval();
      EXPECT_EQ(sequence.certainly_above(watched), interval.low > watched + 1e-9);
      EXPECT_EQ(sequence.certainly_below(watched), interval.high < watched - 1e-9);
    }
  }
}

TEST(HedgedSequence, ScoresThatHardlyVaryAreKnownWell) {
  // At 200 scores of standard deviation 0.01, half of Hoeffding's width or less.
  Random random(3);
  HedgedSequence::Options options;
  options.tuned_to = 200;
  HedgedSequence sequence(options);
  for (int i = 0; i < 200; ++i) sequence.add(0.8 + 0.017 * (2 * random.uniform() - 1));
  const Interval interval = sequence.interval();
  EXPECT_LT(interval.high - interval.low, std::sqrt(std::log(2 / 0.05) / (2 * 200.0)));
}

struct Truth {
  double mean;
  double spread;  // scores are mean +- spread; 1: zeros and ones
  bool tuned;
};
class SequenceCoverage : public ::testing::TestWithParam<Truth> {};

TEST_P(SequenceCoverage, IsWrongAtAnyTimeNoMoreOftenThanStated) {
  const auto [mean, spread, tuned] = GetParam();
  constexpr int kRuns = 1000;
  constexpr double kAlpha = 0.1;
  Random random(17);
  int wrong = 0;
  for (int run = 0; run < kRuns; ++run) {
    HedgedSequence::Options options;
    options.alpha = kAlpha;
    options.watched = mean;
    if (tuned) options.tuned_to = 300;
    HedgedSequence sequence(options);
    for (int i = 0; i < 300; ++i) {
      const double u = random.uniform();
      if (spread == 1) {
        sequence.add(u < mean ? 1 : 0);
      } else {
        sequence.add(u < 0.5 ? mean - spread : mean + spread);
      }
    }
    // Ruled out once is ruled out for good: this is "at any of the 300 looks".
    wrong += sequence.certainly_above(mean) || sequence.certainly_below(mean) ? 1 : 0;
  }
  EXPECT_LE(wrong, kRuns * kAlpha + 4 * std::sqrt(kRuns * kAlpha * (1 - kAlpha)));
}

INSTANTIATE_TEST_SUITE_P(Truths, SequenceCoverage,
                         ::testing::Values(Truth{0.5, 1, false}, Truth{0.9, 1, true},
                                           Truth{0.98, 1, true}, Truth{0.5, 0.3, true},
                                           Truth{0.1, 0.1, false}));

}  // namespace
}  // namespace sighter::stats
