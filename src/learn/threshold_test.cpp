#include "learn/threshold.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/random.hpp"
#include "learn/bounds.hpp"

namespace sighter::learn {
namespace {

TEST(ClopperPearsonUpper, HasTheClosedFormForNoneWrong) {
  for (const int n : {1, 10, 149, 3000}) {
    EXPECT_NEAR(clopper_pearson_upper(0, n, 0.05), 1 - std::pow(0.05, 1.0 / n), 1e-12) << n;
  }
}

TEST(ClopperPearsonUpper, SolvesTheBinomialTail) {
  // P[Bin(20, u) <= 3] = 0.05 at the bound.
  const double u = clopper_pearson_upper(3, 20, 0.05);
  double tail = 0, ways = 1;
  for (int i = 0; i <= 3; ++i) {
    tail += ways * std::pow(u, i) * std::pow(1 - u, 20 - i);
    ways = ways * (20 - i) / (i + 1);
  }
  EXPECT_NEAR(tail, 0.05, 1e-9);
}

TEST(ClopperPearsonUpper, IsOneWhenAllAreWrong) {
  EXPECT_EQ(clopper_pearson_upper(5, 5, 0.05), 1);
  EXPECT_EQ(clopper_pearson_upper(0, 0, 0.05), 1);
}

TEST(StudentT, HasThePublishedValues) {
  EXPECT_NEAR(student_t_two_sided(0.95, 4), 2.7764, 1e-4);
  EXPECT_NEAR(student_t_two_sided(0.99, 1), 63.657, 1e-3);
}

TEST(ChooseThreshold, AcceptsAllWhenNothingIsWrong) {
  const std::vector<double> confidence(149, 0.9);
  const std::vector<std::uint8_t> correct(149, 1);
  const auto threshold = choose_threshold(confidence, correct, 0.02);
  EXPECT_EQ(threshold->accept_from, 0.9);
  EXPECT_EQ(threshold->coverage, 1);
  EXPECT_LE(threshold->bound, 0.02);
  EXPECT_EQ(threshold->examples_min, 149);
}

TEST(ChooseThreshold, AcceptsNothingWithTooFewExamples) {
  const std::vector<double> confidence(148, 0.9);
  const std::vector<std::uint8_t> correct(148, 1);
  const auto threshold = choose_threshold(confidence, correct, 0.02);
  EXPECT_EQ(threshold->accepted, 0);
  EXPECT_GT(threshold->accept_from, 1);
  EXPECT_EQ(threshold->examples_min, 149);
}

TEST(ChooseThreshold, StopsBeforeTheErrorsBecomeTooMany) {
  // 1,000 examples, all right from 0.5 upwards, all wrong below.
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  for (int i = 0; i < 1000; ++i) {
    confidence.push_back(i / 1000.0);
    correct.push_back(i >= 500);
  }
  const auto threshold = choose_threshold(confidence, correct, 0.05);
  EXPECT_EQ(threshold->wrong, 500 - std::lround(threshold->accept_from * 1000));
  EXPECT_LE(clopper_pearson_upper(threshold->wrong, 1000, 0.05), 0.05);
  EXPECT_GT(clopper_pearson_upper(threshold->wrong + 1, 1000, 0.05), 0.05);
}

TEST(ChooseThreshold, AcceptsEqualConfidencesTogetherOrNotAtAll) {
  std::vector<double> confidence(300, 0.9);
  std::vector<std::uint8_t> correct(300, 1);
  confidence.insert(confidence.end(), 100, 0.8);
  for (int i = 0; i < 100; ++i) correct.push_back(i < 50);  // right ones first
  EXPECT_EQ(choose_threshold(confidence, correct, 0.02)->accept_from, 0.9);
}

TEST(ChooseThreshold, KeepsItsPromiseInSimulation) {
  // Confidence u, right with probability u: P(accepted and wrong) from t upwards is (1 - t)^2 / 2.
  Random random(11);
  int broken = 0;
  for (int run = 0; run < 1000; ++run) {
    std::vector<double> confidence;
    std::vector<std::uint8_t> correct;
    for (int i = 0; i < 400; ++i) {
      confidence.push_back(random.uniform());
      correct.push_back(random.uniform() < confidence.back());
    }
    const double t = choose_threshold(confidence, correct, 0.05, 0.1)->accept_from;
    broken += t <= 1 && (1 - t) * (1 - t) / 2 > 0.05;
  }
  EXPECT_LE(broken, 130);  // 100 expected at most, sd 9.5
  EXPECT_GE(broken, 30);   // and it is not idle
}

TEST(ChooseThreshold, RefusesWhatItCannotUse) {
  const std::vector<double> one = {0.5}, nan = {std::numeric_limits<double>::quiet_NaN()};
  const std::vector<std::uint8_t> right = {1}, two = {1, 1};
  EXPECT_FALSE(choose_threshold({}, {}, 0.1));
  EXPECT_FALSE(choose_threshold(one, two, 0.1));
  EXPECT_FALSE(choose_threshold(nan, right, 0.1));
  EXPECT_FALSE(choose_threshold(one, right, 0));
  EXPECT_FALSE(choose_threshold(one, right, 0.1, 1));
}

}  // namespace
}  // namespace sighter::learn
