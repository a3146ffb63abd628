#include "stats/certificate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/check.hpp"

namespace sighter::stats {
namespace {

// Scores in [0, 1] that are not whole are summed with rounding.
double slack(std::int64_t total) {
  return 1e-9 * static_cast<double>(total);
}

}  // namespace

SumTest::SumTest(std::int64_t total_cases, double m, double alpha)
    : total_(static_cast<double>(total_cases)), m_(m), needed_(1 / alpha), rejected_(m < 0) {
  CHECK(total_cases >= 1 && alpha > 0 && alpha < 1);
  // From nearly all down to what N cases can still tell apart, evenly in the logarithm.
  const double least = std::min(0.5 / std::sqrt(total_), 0.25);
  constexpr double kMost = 0.98;
  for (std::size_t i = 0; i < kBets; ++i) {
    const double step = static_cast<double>(i) / static_cast<double>(kBets - 1);
    share_[i] = kMost * std::pow(least / kMost, step);
    capital_[i] = 1.0 / static_cast<double>(kBets);
  }
}

void SumTest::add(double score) {
  CHECK(score >= 0 && score <= 1 && seen_ < total_);
  const double expected = (m_ - sum_) / (total_ - seen_);
  sum_ += score;
  seen_ += 1;
  if (rejected_) return;
  if (sum_ > m_ + slack(static_cast<std::int64_t>(total_))) {
    rejected_ = true;  // no later score takes it back
    return;
  }
  // Nothing to bet on: the rest may be anything, or must be nothing.
  if (expected >= 1 || expected <= 0) return;
  const double gain = score / expected - 1;
  double capital = 0.0;
  for (std::size_t i = 0; i < kBets; ++i) {
    capital_[i] *= 1 + share_[i] * gain;
    if (capital_[i] < 1e-280) capital_[i] = 0.0;  // lost; and no slow tiny numbers
    capital += capital_[i];
  }
  best_ = std::max(best_, capital);
  rejected_ = capital >= needed_;
}

double SumTest::cases_left() const {
  if (rejected_) return 0;
  const double all = total_ - seen_;
  // What the best of the bets, known only now, has gained a case.
  const double best =
      *std::max_element(capital_.begin(), capital_.end()) * static_cast<double>(kBets);
  if (best <= 1 || seen_ == 0) return all;
  const double gain = std::log(best) / seen_;
  const double capital = std::accumulate(capital_.begin(), capital_.end(), 0.0);
  return std::clamp((std::log(needed_) - std::log(capital)) / gain, 0.0, all);
}

RangeCertificate::RangeCertificate(std::int64_t total_cases, double low_max, double high_min,
                                   double alpha_a_side, bool whole_scores)
    : total_(total_cases),
      alpha_(alpha_a_side),
      whole_(whole_scores),
      low_max_(low_max),
      high_min_(high_min),
      not_low_(total_cases, low_max, alpha_a_side),
      high_(total_cases, high_min - (whole_scores ? 1 : 0), alpha_a_side),
      low_(total_cases, static_cast<double>(total_cases) - low_max - (whole_scores ? 1 : 0),
           alpha_a_side),
      not_high_(total_cases, static_cast<double>(total_cases) - high_min, alpha_a_side) {
  CHECK(low_max <= high_min);
}

RangeCertificate::Range RangeCertificate::add(double score) {
  CHECK(count() < total_);
  scores_.push_back(score);
  sum_ += score;
  not_low_.add(score);
  high_.add(score);
  low_.add(1 - score);
  not_high_.add(1 - score);
  if (count() == total_) {
    if (sum_ >= high_min_ - slack(total_)) return range_ = Range::kHigh;
    return range_ = sum_ <= low_max_ + slack(total_) ? Range::kLow : Range::kBetween;
  }
  if (range_ != Range::kUnknown) return range_;
  if (high_.rejected()) {
    range_ = Range::kHigh;
  } else if (low_.rejected()) {
    range_ = Range::kLow;
  } else if (not_low_.rejected() && not_high_.rejected()) {
    range_ = Range::kBetween;
  }
  return range_;
}

double RangeCertificate::cases_left() const {
  if (range_ != Range::kUnknown) return 0;
  const double between = std::max(not_low_.cases_left(), not_high_.cases_left());
  return std::min({high_.cases_left(), low_.cases_left(), between});
}

SumBounds RangeCertificate::bounds() const {
  if (count() == total_) return {sum_, sum_};
  const auto total = static_cast<double>(total_);
  // The greatest m of which it is certain that the sum of `score` over all cases is more. Capital
  // falls with m, so that it is found by halving.
  const auto exceeded = [&](bool wrong) {
    const auto certain = [&](double m) {
      SumTest test(total_, m, alpha_);
      for (const double score : scores_) {
        test.add(wrong ? 1 - score : score);
        if (test.rejected()) return true;
      }
      return test.rejected();
    };
    double in = -1;
    double out = total;
    while (out - in > (whole_ ? 1.0 : 1e-6 * total)) {
      const double middle = whole_ ? std::floor((in + out) / 2) : (in + out) / 2;
      (certain(middle) ? in : out) = middle;
    }
    return in;
  };
  const double step = whole_ ? 1 : 0;
  return {std::max(exceeded(false) + step, 0.0), std::min(total - exceeded(true) - step, total)};
}

}  // namespace sighter::stats
