#include "stats/sequence.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"

namespace sighter::stats {
namespace {
constexpr double kCut = 0.5;   // a bet risks at most this share of the capital
constexpr int kHalvings = 40;  // the ends of an interval to 1e-12
}  // namespace

HedgedSequence::HedgedSequence(const Options& options) : options_(options) {
  CHECK(options.alpha > 0 && options.alpha < 1);
  CHECK(!options.tuned_to || *options.tuned_to > 0);
}

void HedgedSequence::add(double score) {
  CHECK(score >= 0 && score <= 1);
  CHECK(!options_.population || count() < *options_.population);
  const auto t = static_cast<double>(scores_.size() + 1);
  const double variance = squares_ / t;  // from the scores before this one
  const double horizon =
      options_.tuned_to ? static_cast<double>(*options_.tuned_to) : t * std::log1p(t);
  const double bet = std::sqrt(2 * std::log(2 / options_.alpha) / (horizon * variance));
  scores_.push_back(score);
  bets_.push_back(bet);
  sum_ += score;
  const double center = (0.5 + sum_) / (t + 1);
  squares_ += (score - center) * (score - center);
  if (!options_.watched) return;
  play(above_, *options_.watched, score, bet);
  play(below_, *options_.watched, score, bet);
}

void HedgedSequence::play(Gambler& gambler, double mean, double score, double bet) const {
  if (gambler.out) return;
  double expected = mean;  // of this score, if the mean is the truth
  bool possible = true;
  if (options_.population) {
    const auto total = static_cast<double>(*options_.population);
    const double left = total - static_cast<double>(gambler.count);
    expected = (total * mean - gambler.sum) / left;
    possible = expected >= 0 && expected <= 1;
    // Past its reach on one side: the truth is on the other.
    constexpr double kRounding = 1e-12;
    if (gambler.from_below && expected < -kRounding) gambler.out = true;
    if (!gambler.from_below && expected > 1 + kRounding) gambler.out = true;
  }
  gambler.sum += score;
  ++gambler.count;
  if (!possible || gambler.out) return;
  if (gambler.from_below) {
    gambler.capital *= 1 + std::min(bet, kCut / expected) * (score - expected);
  } else {
    gambler.capital *= 1 - std::min(bet, kCut / (1 - expected)) * (score - expected);
  }
  gambler.out = gambler.capital >= 2 / options_.alpha;
}

bool HedgedSequence::ruled_out(double mean, bool from_below) const {
  if (options_.watched == mean) return from_below ? above_.out : below_.out;
  Gambler gambler{from_below};
  for (std::size_t i = 0; i < scores_.size() && !gambler.out; ++i) {
    play(gambler, mean, scores_[i], bets_[i]);
  }
  return gambler.out;
}

bool HedgedSequence::certainly_above(double mean) const {
  return ruled_out(mean, true);
}
bool HedgedSequence::certainly_below(double mean) const {
  return ruled_out(mean, false);
}

Interval HedgedSequence::interval() const {
  Interval interval;
  if (options_.population) {
    // What arithmetic leaves possible.
    const auto total = static_cast<double>(*options_.population);
    interval.low = sum_ / total;
    interval.high = 1 - (static_cast<double>(count()) - sum_) / total;
  }
  // Capital falls (rises) with the mean that is bet against, so each end is found by halving.
  double in = interval.high;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (interval.low + in) / 2;
    (ruled_out(middle, true) ? interval.low : in) = middle;
  }
  in = interval.low;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (interval.high + in) / 2;
    (ruled_out(middle, false) ? interval.high : in) = middle;
  }
  return interval;
}

}  // namespace sighter::stats
