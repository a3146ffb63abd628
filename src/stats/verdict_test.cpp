#include "stats/verdict.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "stats/certificate.hpp"

namespace sighter::stats {
namespace {

using Range = RangeCertificate::Range;

// `right` ones among n, in random order.
std::vector<double> shuffled(std::int64_t n, std::int64_t right, Random& random) {
  std::vector<double> scores(static_cast<std::size_t>(n), 0.0);
  std::fill_n(scores.begin(), right, 1.0);
  random.shuffle(scores);
  return scores;
}

double four_sigma(int runs, double rate) {
  return runs * rate + 4 * std::sqrt(runs * rate * (1 - rate));
}

// Runs until decided; how many cases it took.
std::int64_t run_to_verdict(VerdictRun& run, const std::vector<double>& scores) {
  std::int64_t at = 0;
  while (!run.decided()) {
    run.add(at, scores[static_cast<std::size_t>(at)]);
    ++at;
  }
  return at;
}

TEST(VerdictRanges, ThoseOfTheProduct) {
  EXPECT_EQ(verdict_ranges(1319, 0.80, 0.95).ready_min, 1084);
  EXPECT_EQ(verdict_ranges(1319, 0.90, 0.95).not_ready_max, 1164);
}

TEST(VerdictRanges, AreThoseOfTheInterval) {
  for (const std::int64_t n : {1, 7, 30, 200}) {
    for (const double bar : {0.0, 0.1, 0.5, 0.9, 0.99, 1.0}) {
      const VerdictRanges ranges = verdict_ranges(n, bar, 0.95);
      for (std::int64_t k = 0; k <= n; ++k) {
        const Interval interval = clopper_pearson(k, n, 0.95);
        EXPECT_EQ(k >= ranges.ready_min, interval.low >= bar) << k << " of " << n << " at " << bar;
        EXPECT_EQ(k <= ranges.not_ready_max, interval.high < bar) << k << " of " << n;
      }
    }
  }
}

TEST(VerdictRanges, TwentyEightOfThirtyAreNotEnoughForNineTenths) {
  EXPECT_EQ(full_verdict(28, 30, 0.9, 0.95), Verdict::kUndecided);
}

TEST(CasesToDecide, IsWhereTheExpectedRunDecides) {
  for (const double p : {0.85, 28.0 / 30, 0.96, 0.99}) {
    const auto n = cases_to_decide(p, 0.9, 0.95);
    ASSERT_TRUE(n);
    const VerdictRanges ranges = verdict_ranges(*n, 0.9, 0.95);
    const double decided = p > 0.9 ? binomial_at_least(ranges.ready_min, *n, p)
                                   : binomial_at_most(ranges.not_ready_max, *n, p);
    EXPECT_GE(decided, 0.5);
    EXPECT_LT(decided, 0.7);
  }
}

TEST(CasesToDecide, MorePowerNeedsMoreCases) {
  EXPECT_GT(*cases_to_decide(0.95, 0.9, 0.95, 0.9), *cases_to_decide(0.95, 0.9, 0.95, 0.5));
}

TEST(CasesToDecide, NeverAtTheBar) {
  EXPECT_FALSE(cases_to_decide(0.9, 0.9, 0.95, 0.5, 100'000));
}

TEST(PassingSum, IsNotMovedByRounding) {
  EXPECT_EQ(passing_sum(10, 0.7, true), 7);
  EXPECT_EQ(passing_sum(1319, 0.7, true), 924);
  EXPECT_EQ(passing_sum(100, 0.29, true), 29);
  EXPECT_EQ(passing_sum(3, 0.0, true), 0);
}

TEST(SumTest, ArithmeticSettlesWithoutABet) {
  SumTest test(10, 2, 1e-9);
  test.add(1);
  test.add(1);
  EXPECT_FALSE(test.rejected());
  test.add(1);
  EXPECT_TRUE(test.rejected());
}

TEST(SumTest, IsNeverRejectedWhereItMustHold) {
  SumTest test(10, 10, 0.5);
  for (int i = 0; i < 10; ++i) test.add(1);
  EXPECT_FALSE(test.rejected());
}

TEST(SumTest, RejectsATrueSumNoMoreOftenThanStated) {
  // Exactly at the border, looked at after each case, in many random orders.
  constexpr int kRuns = 3000;
  for (const auto& [n, m] : {std::pair{100, 50}, {200, 180}, {60, 3}}) {
    Random random(5);
    int wrong = 0;
    for (int run = 0; run < kRuns; ++run) {
      SumTest test(n, m, 0.1);
      for (const double score : shuffled(n, m, random)) test.add(score);
      wrong += test.rejected() ? 1 : 0;
    }
    EXPECT_LE(wrong, four_sigma(kRuns, 0.1)) << m << " of " << n;
  }
}

TEST(SumTest, RejectsATrueSumOfFractionsNoMoreOftenThanStated) {
  constexpr int kRuns = 2000;
  Random random(6);
  std::vector<double> scores;
  double sum = 0.0;
  for (int i = 0; i < 80; ++i) {
    scores.push_back(std::pow(random.uniform(), 0.3));
    sum += scores.back();
  }
  int wrong = 0;
  for (int run = 0; run < kRuns; ++run) {
    random.shuffle(scores);
    SumTest test(80, sum, 0.1);
    for (const double score : scores) test.add(score);
    wrong += test.rejected() ? 1 : 0;
  }
  EXPECT_LE(wrong, four_sigma(kRuns, 0.1));
}

TEST(RangeCertificate, AfterTheLastScoreItIsWhatTheSumIs) {
  Random random(1);
  for (const auto& [right, range] : {std::pair{5, Range::kLow},
                                     {6, Range::kBetween},
                                     {14, Range::kBetween},
                                     {15, Range::kHigh}}) {
    RangeCertificate certificate(20, 5, 15, 1e-6, true);
    for (const double score : shuffled(20, right, random)) certificate.add(score);
    EXPECT_EQ(certificate.range(), range) << right;
    EXPECT_EQ(certificate.bounds().low, right);
    EXPECT_EQ(certificate.bounds().high, right);
  }
}

TEST(RangeCertificate, BoundsHoldTheSumAndTheRange) {
  Random random(2);
  int outside = 0;
  for (int run = 0; run < 60; ++run) {
    RangeCertificate certificate(150, 110, 130, 0.05, true);
    for (const double score : shuffled(150, 120, random)) {
      const Range range = certificate.add(score);
      if (certificate.count() % 10 != 0) continue;
      const SumBounds bounds = certificate.bounds();
      EXPECT_LE(bounds.low, bounds.high);
      if (range == Range::kHigh) {
        EXPECT_GE(bounds.low, 130);
      }
      if (range == Range::kLow) {
        EXPECT_LE(bounds.high, 110);
      }
      if (bounds.low > 120 || bounds.high < 120) {
        ++outside;
        break;
      }
    }
  }
  EXPECT_LE(outside, four_sigma(60, 0.1));
}

TEST(VerdictRun, ARunThatStopsEarlySaysWhatTheFullRunSays) {
  Random random(4);
  struct Case {
    std::int64_t right;
    double bar;
    Verdict verdict;
    double calls_at_most;  // as a share of the full run, on average
  };
  // 1,319 cases, the sizes of real models' results.
  for (const Case& c :
       {Case{1172, 0.80, Verdict::kReady, 0.25}, Case{839, 0.80, Verdict::kNotReady, 0.10},
        Case{1172, 0.89, Verdict::kUndecided, 0.95}}) {
    std::int64_t calls = 0;
    int other = 0;
    for (int run = 0; run < 40; ++run) {
      VerdictRun::Options options;
      options.cases = 1319;
      options.bar = c.bar;
      VerdictRun verdict(options);
      calls += run_to_verdict(verdict, shuffled(1319, c.right, random));
      other += verdict.verdict() == c.verdict ? 0 : 1;
    }
    EXPECT_LE(other, four_sigma(40, 0.05));
    EXPECT_LE(static_cast<double>(calls) / 40 / 1319, c.calls_at_most) << c.right;
  }
}

TEST(VerdictRun, PassAndFailStopEarly) {
  Random random(8);
  std::int64_t calls = 0;
  for (int run = 0; run < 40; ++run) {
    VerdictRun::Options options;
    options.cases = 1319;
    options.bar = 0.70;
    options.claim = Claim::kCases;
    VerdictRun verdict(options);
    calls += run_to_verdict(verdict, shuffled(1319, 1172, random));
    EXPECT_EQ(verdict.verdict(), Verdict::kPass);
    EXPECT_GE(verdict.bounds().low, 0.70);
  }
  EXPECT_LE(static_cast<double>(calls) / 40, 0.05 * 1319);
}

TEST(VerdictRun, PassAndFailAtTheBorderAreExactInAFullRun) {
  Random random(9);
  for (const auto& [right, verdict] : {std::pair{7, Verdict::kPass}, {6, Verdict::kFail}}) {
    VerdictRun::Options options;
    options.cases = 10;
    options.bar = 0.7;
    options.claim = Claim::kCases;
    options.full = true;
    VerdictRun run(options);
    EXPECT_EQ(run_to_verdict(run, shuffled(10, right, random)), 10);
    EXPECT_EQ(run.verdict(), verdict);
  }
}

TEST(VerdictRun, ResultsOutOfOrderGiveWhatResultsInOrderGive) {
  Random random(10);
  const std::vector<double> scores = shuffled(200, 190, random);
  VerdictRun::Options options;
  options.cases = 200;
  options.bar = 0.8;
  options.full = false;
  VerdictRun in_order(options);
  VerdictRun mixed(options);
  for (std::int64_t i = 0; i < 100; ++i) in_order.add(i, scores[static_cast<std::size_t>(i)]);
  for (std::int64_t i = 99; i >= 0; --i) {
    EXPECT_FALSE(mixed.decided());
    mixed.add(i, scores[static_cast<std::size_t>(i)]);
  }
  EXPECT_EQ(mixed.decided(), in_order.decided());
  EXPECT_EQ(mixed.verdict(), in_order.verdict());
  EXPECT_EQ(mixed.bounds().low, in_order.bounds().low);
}

TEST(VerdictRun, OneCaseDecidesNothing) {
  VerdictRun::Options options;
  options.cases = 1;
  VerdictRun run(options);
  run.add(0, 1.0);
  EXPECT_TRUE(run.decided());
  EXPECT_EQ(run.verdict(), Verdict::kUndecided);
}

struct Promise {
  double truth;
  double bar;
  std::int64_t cases;
  bool whole;
};
class StatedError : public ::testing::TestWithParam<Promise> {};

// The promise to users: whatever the truth about future traffic, peeking after every case and
// stopping as soon as allowed, a wrong READY or NOT READY comes no more often than 1 - confidence.
TEST_P(StatedError, OfReadyAndNotReadyHolds) {
  const auto [truth, bar, cases, whole] = GetParam();
  constexpr int kRuns = 1200;
  constexpr double kConfidence = 0.9;
  Random random(23);
  int wrong = 0;
  int outside = 0;
  for (int i = 0; i < kRuns; ++i) {
    VerdictRun::Options options;
    options.cases = cases;
    options.bar = bar;
    options.confidence = kConfidence;
    options.whole_scores = whole;
    VerdictRun run(options);
    for (std::int64_t at = 0; !run.decided(); ++at) {
      const double hit = random.uniform() < truth ? 1 : 0;
      // Fractions with the same mean: 0.5 away from the ends, where there is room.
      run.add(at, whole ? hit : 0.5 * hit + 0.5 * truth);
    }
    const bool ready = run.verdict() == Verdict::kReady;
    const bool not_ready = run.verdict() == Verdict::kNotReady;
    wrong += (ready && truth < bar) || (not_ready && truth >= bar) ? 1 : 0;
    if (i % 8 != 0) continue;
    const Interval bounds = run.bounds();
    outside += bounds.low > truth || bounds.high < truth ? 1 : 0;
  }
  EXPECT_LE(wrong, four_sigma(kRuns, 1 - kConfidence));
  // The bounds that are reported hold the truth as often as stated, too.
  EXPECT_LE(outside, four_sigma(kRuns / 8, 1 - kConfidence));
}

INSTANTIATE_TEST_SUITE_P(
    Truths, StatedError,
    ::testing::Values(Promise{0.8999, 0.9, 200, true}, Promise{0.9, 0.9, 200, true},
                      Promise{0.499, 0.5, 80, true}, Promise{0.5, 0.5, 80, true},
                      Promise{0.94, 0.95, 300, true}, Promise{0.6, 0.6, 30, true},
                      Promise{0.699, 0.7, 150, false}, Promise{0.7, 0.7, 150, false}));

TEST(StatedErrorOfCases, PassAndFailAtTheBorder) {
  constexpr int kRuns = 2000;
  Random random(29);
  for (const std::int64_t right : {69, 70}) {  // just fails, just passes
    int wrong = 0;
    for (int i = 0; i < kRuns; ++i) {
      VerdictRun::Options options;
      options.cases = 100;
      options.bar = 0.7;
      options.confidence = 0.9;
      options.claim = Claim::kCases;
      VerdictRun run(options);
      run_to_verdict(run, shuffled(100, right, random));
      wrong += run.verdict() == (right == 70 ? Verdict::kPass : Verdict::kFail) ? 0 : 1;
    }
    EXPECT_LE(wrong, four_sigma(kRuns, 0.1)) << right;
  }
}

TEST(VerdictRun, CasesLeftFallToNone) {
  VerdictRun::Options options;
  options.cases = 1000;
  options.bar = 0.7;
  options.claim = Claim::kCases;
  VerdictRun run(options);
  EXPECT_EQ(run.cases_left(), 1000);
  double earlier = 0;
  std::int64_t at = 0;
  for (; !run.decided(); ++at) {
    if (at == 20) earlier = run.cases_left();
    run.add(at, at % 10 == 9 ? 0 : 1);
  }
  EXPECT_GT(at, 20);
  EXPECT_GT(earlier, 0);
  EXPECT_LT(earlier, 5 * static_cast<double>(at));
  EXPECT_EQ(run.cases_left(), 0);
}

TEST(CasesToDecide, of_scores_between_are_as_many_as_a_run_of_them_needs) {
  const auto verdict = [](std::int64_t n, double score) {
    VerdictRun::Options options;
    options.cases = n;
    options.bar = 0.9;
    options.whole_scores = false;
    VerdictRun run(options);
    for (std::int64_t i = 0; i < n; ++i) run.add(i, score);
    return run.verdict();
  };
  const std::vector<double> right(30, 1.0), poor(30, 0.5), near(30, 0.9);
  const auto n = cases_to_decide(right, 0.9, 0.95);
  ASSERT_TRUE(n);
  EXPECT_GT(*n, 60);  // each right case turns 1 into at most 1 + 0.1/1.8, and 1 has to become 40
  EXPECT_EQ(verdict(*n, 1.0), Verdict::kReady);
  EXPECT_EQ(verdict(*n - 1, 1.0), Verdict::kUndecided);
  const auto m = cases_to_decide(poor, 0.9, 0.95);
  ASSERT_TRUE(m);
  EXPECT_LT(*m, *n);
  EXPECT_EQ(verdict(*m, 0.5), Verdict::kNotReady);
  EXPECT_FALSE(cases_to_decide(near, 0.9, 0.95, 2000));
}

}  // namespace
}  // namespace sighter::stats
