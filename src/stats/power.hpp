#pragma once
// How many cases a question needs. Normal approximations, for planning: nothing is decided by them.

#include <cstdint>

namespace sighter::stats {

// Cases for a two-sided test of one mean to see that p is not p0, at `confidence`, with probability
// `power` (0/1 scores): ((z_a sqrt(p0 q0) + z_b sqrt(p q)) / (p - p0))^2, rounded up.
std::int64_t cases_for_mean(double p, double p0, double confidence, double power);

// Shared cases for a paired test to see a difference of means of `difference`, when the scores'
// difference has this variance over cases: (z_a + z_b)^2 variance / difference^2, rounded up. For
// 0/1 scores of which a share q differs, the variance is q - difference^2.
std::int64_t cases_for_difference(double difference, double variance, double confidence,
                                  double power);

// The smallest difference of means that `n` shared cases show with this power.
double detectable_difference(std::int64_t n, double variance, double confidence, double power);

}  // namespace sighter::stats
