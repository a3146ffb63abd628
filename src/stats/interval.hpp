#pragma once
// Intervals for a mean, from scores that are all there (a fixed number of cases). Scores lie in
// [0, 1]. `confidence` is two-sided, in (0, 1): 0.95 leaves 0.025 on either side. Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace sighter::stats {

struct Interval {
  double low = 0.0;
  double high = 1.0;
};

// z with P(|Z| <= z) = confidence for a standard normal Z.
double normal_quantile_two_sided(double confidence);

// Wilson's score interval for k of n right (Wilson 1927). Good on average over p, not guaranteed.
Interval wilson(std::int64_t k, std::int64_t n, double confidence);
// Clopper and Pearson's exact interval (1934): misses p on either side with probability at most
// (1 - confidence) / 2, whatever p is. n = 0 gives [0, 1].
Interval clopper_pearson(std::int64_t k, std::int64_t n, double confidence);
// Mean +- t * standard error, Student's t with n - 1 degrees of freedom, cut to [0, 1]. For
// display; it is not guaranteed for small n. n < 2 gives [0, 1].
Interval student(std::span<const double> scores, double confidence);

double mean(std::span<const double> scores);
// sqrt(sum (s - mean)^2 / (n (n - 1))); 0 for n < 2.
double standard_error(std::span<const double> scores);
// Scores of one cluster are not independent (several questions about one document): cluster[i]
// names the cluster of scores[i]. sqrt(sum_c (sum_{i in c} (s_i - mean))^2) / n (Miller, arXiv
// 2411.00640); with `small_sample`, times sqrt(C / (C - 1)) for C clusters.
double clustered_standard_error(std::span<const double> scores,
                                std::span<const std::int64_t> cluster, bool small_sample);

// The smallest value that at least `fraction` of all are not above (nearest rank; fraction in (0,
// 1], 0.95 for p95). 0 for no values. Reorders them.
double quantile(std::vector<double>& values, double fraction);

// P(at least one of k draws is right) estimated from c right of n samples: 1 - C(n-c,k)/C(n,k); and
// that all are: C(c,k)/C(n,k). 1 <= k <= n.
double pass_at_k(std::int64_t n, std::int64_t c, std::int64_t k);
double pass_all_k(std::int64_t n, std::int64_t c, std::int64_t k);

// P(X <= k) and P(X >= k) for X of Binomial(n, p).
double binomial_at_most(std::int64_t k, std::int64_t n, double p);
double binomial_at_least(std::int64_t k, std::int64_t n, double p);

}  // namespace sighter::stats
