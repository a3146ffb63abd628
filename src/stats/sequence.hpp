#pragma once
// A confidence sequence for a mean of scores in [0, 1]: an interval after each score, all of them
// right at once with probability 1 - alpha, however often anyone looks and whenever anyone stops.
//
// Hedged betting after Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
// betting" (JRSS B 2024): for each candidate mean m a gambler bets that scores lie above it and
// another that they lie below; m is out once either has turned 1 into 2/alpha. Bets lambda_t =
// sqrt(2 ln(2/alpha) / (V sigma2_{t-1})), V = t ln(1 + t), or n when tuned to n scores, cut to
// 1/(2m) and 1/(2(1-m)). Without replacement, m is replaced by what the rest of the N cases would
// have to average.

#include <cstdint>
#include <optional>
#include <vector>

#include "stats/interval.hpp"

namespace sighter::stats {

class HedgedSequence {
 public:
  struct Options {
    double alpha = 0.05;
    std::optional<std::int64_t> tuned_to;    // scores expected; any number may come
    std::optional<std::int64_t> population;  // N: the scores are drawn without replacement from N
    std::optional<double> watched;           // a mean that is asked about after each score
  };
  explicit HedgedSequence(const Options& options);

  void add(double score);  // in [0, 1]; at most N with a population
  std::int64_t count() const { return static_cast<std::int64_t>(scores_.size()); }
  double sum() const { return sum_; }
  // Of the mean (of the population, where there is one). O(count).
  Interval interval() const;
  // Has `mean` been ruled out because the truth is above it, or below it? O(count), O(1) for the
  // watched one.
  bool certainly_above(double mean) const;
  bool certainly_below(double mean) const;

 private:
  // A gambler against one mean, from one side.
  struct Gambler {
    bool from_below;
    double capital = 1.0;
    double sum = 0.0;
    std::int64_t count = 0;
    bool out = false;  // the mean is ruled out
  };
  void play(Gambler& gambler, double mean, double score, double bet) const;
  bool ruled_out(double mean, bool from_below) const;

  Options options_;
  std::vector<double> scores_;
  std::vector<double> bets_;
  double sum_ = 0.0;
  double squares_ = 0.25;  // 1/4 + sum of squared deviations from the running mean
  Gambler above_{true};
  Gambler below_{false};
};

}  // namespace sighter::stats
