#pragma once
// When to trust the cheap body: the confidence from which a cascade accepts its answer.

#include <cstdint>
#include <span>

#include "base/error.hpp"

namespace sighter::learn {

// Upper end of the exact one-sided interval for a probability, `wrong` of `n` seen (Clopper and
// Pearson, Biometrika 1934): below it lies the truth with probability at least 1 - delta.
// n = 0 gives 1. 0 <= wrong <= n, delta in (0, 1).
double clopper_pearson_upper(std::int64_t wrong, std::int64_t n, double delta);

struct Threshold {
  double accept_from = 0;  // confidence; above 1 when nothing may be accepted
  double coverage = 0;     // share of the calibration examples accepted
  std::int64_t accepted = 0;
  std::int64_t wrong = 0;  // of those accepted
  std::int64_t examples = 0;
  double bound = 0;               // upper end for the share of all calls accepted and wrong
  std::int64_t examples_min = 0;  // fewest examples with which anything at all may be accepted
};

// The lowest threshold for which P(accepted and wrong), over all calls, is at most `risk_max` with
// confidence 1 - delta: risk-controlling prediction sets (Bates et al., JACM 2021) with the exact
// binomial bound. That loss falls as the threshold rises, so no correction for trying many.
// Holds for calls exchangeable with the examples, which must be of no use in training or scaling.
// `confidence` and `correct` (1 = the answer agrees with the expected one) are of one length.
// kInvalid: lengths differ, no examples, a confidence that is NaN, risk_max or delta outside (0,
// 1).
Result<Threshold> choose_threshold(std::span<const double> confidence,
                                   std::span<const std::uint8_t> correct, double risk_max,
                                   double delta = 0.05);

}  // namespace sighter::learn
