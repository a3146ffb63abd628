#include "stats/interval.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/check.hpp"
#include "stats/special.hpp"

namespace sighter::stats {

double normal_quantile_two_sided(double confidence) {
  CHECK(confidence > 0 && confidence < 1);
  return normal_quantile(0.5 + confidence / 2);
}

Interval wilson(std::int64_t k, std::int64_t n, double confidence) {
  CHECK(k >= 0 && k <= n);
  if (n == 0) return {};
  const double z = normal_quantile_two_sided(confidence);
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(k) / count;
  const double z2 = z * z / count;
  const double middle = p + z2 / 2;
  const double half = z * std::sqrt(p * (1 - p) / count + z2 / (4 * count));
  return {k == 0 ? 0.0 : (middle - half) / (1 + z2), k == n ? 1.0 : (middle + half) / (1 + z2)};
}

Interval clopper_pearson(std::int64_t k, std::int64_t n, double confidence) {
  CHECK(k >= 0 && k <= n && confidence > 0 && confidence < 1);
  const double tail = (1 - confidence) / 2;
  const auto right = static_cast<double>(k);
  const auto wrong = static_cast<double>(n - k);
  Interval interval;
  if (k > 0) interval.low = beta_quantile(right, wrong + 1, tail);
  if (k < n) interval.high = beta_quantile(right + 1, wrong, 1 - tail);
  return interval;
}

double mean(std::span<const double> scores) {
  if (scores.empty()) return 0.0;
  return std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
}

double standard_error(std::span<const double> scores) {
  if (scores.size() < 2) return 0.0;
  const double center = mean(scores);
  double squares = 0.0;
  for (const double s : scores) squares += (s - center) * (s - center);
  const auto n = static_cast<double>(scores.size());
  return std::sqrt(squares / (n * (n - 1)));
}

Interval student(std::span<const double> scores, double confidence) {
  if (scores.size() < 2) return {};
  const double t = student_quantile(static_cast<double>(scores.size() - 1), 1 - confidence);
  const double center = mean(scores);
  const double half = t * standard_error(scores);
  return {std::max(center - half, 0.0), std::min(center + half, 1.0)};
}

double clustered_standard_error(std::span<const double> scores,
                                std::span<const std::int64_t> cluster, bool small_sample) {
  CHECK(scores.size() == cluster.size());
  if (scores.empty()) return 0.0;
  const double center = mean(scores);
  std::map<std::int64_t, double> sums;
  for (std::size_t i = 0; i < scores.size(); ++i) sums[cluster[i]] += scores[i] - center;
  double squares = 0.0;
  for (const auto& [name, sum] : sums) squares += sum * sum;
  const double error = std::sqrt(squares) / static_cast<double>(scores.size());
  const auto clusters = static_cast<double>(sums.size());
  return small_sample && clusters > 1 ? error * std::sqrt(clusters / (clusters - 1)) : error;
}

double quantile(std::vector<double>& values, double fraction) {
  CHECK(fraction > 0 && fraction <= 1);
  if (values.empty()) return 0.0;
  // A hair less, so that 0.95 * 20 is 19 and not a little more.
  const double rank = std::ceil(fraction * static_cast<double>(values.size()) - 1e-9);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
  std::ranges::nth_element(values, at);
  return *at;
}

double pass_at_k(std::int64_t n, std::int64_t c, std::int64_t k) {
  CHECK(0 <= c && c <= n && 1 <= k && k <= n);
  if (n - c < k) return 1.0;
  double none = 1.0;
  for (std::int64_t i = n - c + 1; i <= n; ++i) {
    none *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1.0 - none;
}

double pass_all_k(std::int64_t n, std::int64_t c, std::int64_t k) {
  CHECK(0 <= c && c <= n && 1 <= k && k <= n);
  if (c < k) return 0.0;
  double all = 1.0;
  for (std::int64_t i = 0; i < k; ++i) {
    all *= static_cast<double>(c - i) / static_cast<double>(n - i);
  }
  return all;
}

double binomial_at_most(std::int64_t k, std::int64_t n, double p) {
  CHECK(n >= 0 && p >= 0 && p <= 1);
  if (k < 0) return 0.0;
  if (k >= n) return 1.0;
  return beta_tail(static_cast<double>(k + 1), static_cast<double>(n - k), p);
}

double binomial_at_least(std::int64_t k, std::int64_t n, double p) {
  CHECK(n >= 0 && p >= 0 && p <= 1);
  if (k <= 0) return 1.0;
  if (k > n) return 0.0;
  return beta_below(static_cast<double>(k), static_cast<double>(n - k + 1), p);
}

}  // namespace sighter::stats
