#include "stats/interval.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.hpp"
#include "stats/paired.hpp"
#include "stats/power.hpp"

namespace sighter::stats {
namespace {

// The confidence whose normal quantile is 1.96, as published values use it.
double confidence_of_196() {
  return std::erf(1.96 / std::sqrt(2.0));
}

void expect_interval(const Interval& got, double low, double high, double tolerance) {
  EXPECT_NEAR(got.low, low, tolerance);
  EXPECT_NEAR(got.high, high, tolerance);
}

TEST(Normal, QuantilesAreThePublishedOnes) {
  EXPECT_NEAR(normal_quantile_two_sided(0.95), 1.959963984540054, 1e-12);
  EXPECT_NEAR(normal_quantile_two_sided(0.99), 2.5758293035489004, 1e-12);
}

TEST(Wilson, PublishedValues) {
  const double c = confidence_of_196();
  expect_interval(wilson(22, 49, c), 0.31852624929636336, 0.5868513320032188, 1e-12);
  EXPECT_NEAR(wilson(10, 10, 0.95).low, 0.722467, 1e-6);
  EXPECT_EQ(wilson(10, 10, 0.95).high, 1.0);
  expect_interval(wilson(45, 50, 0.95), 0.786398, 0.956524, 1e-6);
}

TEST(Wilson, NoCasesSayNothing) {
  expect_interval(wilson(0, 0, 0.95), 0, 1, 0);
}

TEST(ClopperPearson, PublishedValues) {
  expect_interval(clopper_pearson(7, 50, 0.95), 0.0581917003, 0.2673960025, 1e-9);
  EXPECT_NEAR(clopper_pearson(10, 10, 0.95).low, 0.691503, 1e-6);
  expect_interval(clopper_pearson(45, 50, 0.95), 0.781865, 0.966725, 1e-6);
}

TEST(ClopperPearson, EndsAreClosed) {
  EXPECT_EQ(clopper_pearson(0, 10, 0.95).low, 0.0);
  EXPECT_EQ(clopper_pearson(10, 10, 0.95).high, 1.0);
  expect_interval(clopper_pearson(0, 0, 0.95), 0, 1, 0);
}

TEST(ClopperPearson, CoversEveryTruthAtTheStatedRate) {
  // Exactly: the probability of all k whose interval misses p, for a grid of p.
  constexpr std::int64_t kCases = 40;
  for (int i = 1; i < 100; ++i) {
    const double p = i / 100.0;
    double below = 0.0;
    double above = 0.0;
    for (std::int64_t k = 0; k <= kCases; ++k) {
      const double weight = binomial_at_most(k, kCases, p) - binomial_at_most(k - 1, kCases, p);
      const Interval interval = clopper_pearson(k, kCases, 0.9);
      if (interval.low > p) below += weight;
      if (interval.high < p) above += weight;
    }
    EXPECT_LE(below, 0.05 + 1e-12) << p;
    EXPECT_LE(above, 0.05 + 1e-12) << p;
  }
}

TEST(Student, MatchesTheTable) {
  // t with 4 degrees of freedom at 95 %: 2.776445.
  const std::vector<double> scores{0.4, 0.5, 0.6, 0.5, 0.5};
  const double half = 2.7764451052 * standard_error(scores);
  expect_interval(student(scores, 0.95), 0.5 - half, 0.5 + half, 1e-9);
}

TEST(StandardError, ClusteredValues) {
  const std::vector<double> scores{1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 1};
  const std::vector<std::int64_t> cluster{1, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 5};
  EXPECT_NEAR(standard_error(scores), 0.142134, 1e-6);
  EXPECT_NEAR(clustered_standard_error(scores, cluster, false), 0.161971, 1e-6);
  EXPECT_NEAR(clustered_standard_error(scores, cluster, true), 0.181089, 1e-6);
}

TEST(StandardError, OneScoreHasNone) {
  EXPECT_EQ(standard_error(std::vector<double>{0.5}), 0.0);
  EXPECT_EQ(clustered_standard_error({}, {}, true), 0.0);
}

TEST(Quantile, IsNearestRank) {
  std::vector<double> values;
  for (int i = 1; i <= 20; ++i) values.push_back(i);
  EXPECT_EQ(quantile(values, 0.95), 19);
  EXPECT_EQ(quantile(values, 0.5), 10);
  EXPECT_EQ(quantile(values, 1.0), 20);
  EXPECT_EQ(quantile(values, 0.001), 1);
  values = {7};
  EXPECT_EQ(quantile(values, 0.95), 7);
  values.clear();
  EXPECT_EQ(quantile(values, 0.95), 0);
}

TEST(PassAtK, PublishedValues) {
  EXPECT_NEAR(pass_at_k(10, 3, 5), 0.9166667, 1e-7);
  EXPECT_NEAR(pass_all_k(8, 6, 4), 0.2142857, 1e-7);
  EXPECT_EQ(pass_at_k(5, 5, 1), 1.0);
  EXPECT_EQ(pass_all_k(5, 2, 3), 0.0);
}

TEST(Binomial, TailsMeet) {
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    for (std::int64_t k = 0; k <= 12; ++k) {
      EXPECT_NEAR(binomial_at_most(k - 1, 12, p) + binomial_at_least(k, 12, p), 1.0, 1e-12);
    }
  }
  EXPECT_NEAR(binomial_at_most(2, 4, 0.5), 11.0 / 16, 1e-14);
}

TEST(McNemar, PublishedValues) {
  EXPECT_NEAR(mcnemar({10, 2, 100}), 0.0385742, 1e-7);
  EXPECT_NEAR(mcnemar({15, 5, 100}), 0.0413895, 1e-7);
  EXPECT_EQ(mcnemar({3, 3, 10}), 1.0);
  EXPECT_EQ(mcnemar({0, 0, 10}), 1.0);
}

TEST(Discordant, CountsBothWays) {
  const std::vector<double> a{1, 1, 0, 0, 1};
  const std::vector<double> b{1, 0, 1, 0, 0};
  const Discordant cases = discordant(a, b);
  EXPECT_EQ(cases.only_first, 2);
  EXPECT_EQ(cases.only_second, 1);
  EXPECT_EQ(cases.n, 5);
}

TEST(PairedDifference, OfEqualsIsAroundNothing) {
  const Interval none = paired_difference_binary({0, 0, 100}, 0.95);
  EXPECT_LT(none.low, 0);
  EXPECT_GT(none.high, 0);
  EXPECT_LT(none.high, 0.06);
  expect_interval(paired_difference_binary({0, 0, 0}, 0.95), -1, 1, 0);
}

TEST(PairedDifference, ChangesSignWithTheOrder) {
  const Interval one = paired_difference_binary({30, 10, 200}, 0.95);
  const Interval other = paired_difference_binary({10, 30, 200}, 0.95);
  EXPECT_NEAR(one.low, -other.high, 1e-12);
  EXPECT_NEAR(one.high, -other.low, 1e-12);
  EXPECT_GT(one.low, 0);
}

struct Pairs {
  double win;
  double lose;
};
class PairedCoverage : public ::testing::TestWithParam<Pairs> {};

TEST_P(PairedCoverage, MissesNoMoreOftenThanStated) {
  const auto [win, lose] = GetParam();
  Random random(11);
  constexpr int kRuns = 1500;
  constexpr int kCases = 120;
  int missed_binary = 0;
  int missed_betting = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> a(kCases, 0.5);
    std::vector<double> b(kCases, 0.5);
    Discordant cases{0, 0, kCases};
    for (std::size_t i = 0; i < kCases; ++i) {
      const double u = random.uniform();
      if (u < win) {
        ++cases.only_first;
        a[i] = 1, b[i] = 0;
      } else if (u < win + lose) {
        ++cases.only_second;
        a[i] = 0, b[i] = 1;
      }
    }
    const Interval binary = paired_difference_binary(cases, 0.9);
    if (binary.low > win - lose || binary.high < win - lose) ++missed_binary;
    if (run % 10 != 0) continue;  // slower
    const Interval betting = paired_difference(a, b, 0.9);
    if (betting.low > win - lose || betting.high < win - lose) ++missed_betting;
  }
  // 0.1 and four standard deviations of the simulation.
  EXPECT_LE(missed_binary, kRuns * 0.1 + 4 * std::sqrt(kRuns * 0.09));
  EXPECT_LE(missed_betting, kRuns / 10 * 0.1 + 4 * std::sqrt(kRuns / 10 * 0.09));
}

INSTANTIATE_TEST_SUITE_P(Truths, PairedCoverage,
                         ::testing::Values(Pairs{0.1, 0.1}, Pairs{0.2, 0.05}, Pairs{0.02, 0.0},
                                           Pairs{0.5, 0.4}, Pairs{0.0, 0.3}));

TEST(Power, AgreesWithTheTextbook) {
  // Fleiss, one proportion: p0 = 0.9, p = 0.95, two-sided 5 %, power 80 %: about 239 cases.
  EXPECT_EQ(cases_for_mean(0.95, 0.9, 0.95, 0.8), 239);
  // (1.959964 + 0.841621)^2 = 7.84888; a fifth of the cases differs, by 5 points.
  EXPECT_EQ(cases_for_difference(0.05, 0.2 - 0.0025, 0.95, 0.8), 621);
  EXPECT_NEAR(detectable_difference(621, 0.1975, 0.95, 0.8), 0.05, 1e-4);
}

TEST(Power, TheSampleSizeHasThePower) {
  // By simulation-free sums: the exact test of 0.9 at 0.95 with that many cases.
  const std::int64_t n = cases_for_mean(0.95, 0.9, 0.95, 0.8);
  std::int64_t k = 0;
  while (binomial_at_least(k, n, 0.9) > 0.025) ++k;
  EXPECT_NEAR(binomial_at_least(k, n, 0.95), 0.8, 0.06);
}

}  // namespace
}  // namespace sighter::stats
