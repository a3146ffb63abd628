#include "stats/power.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "stats/interval.hpp"
#include "stats/special.hpp"

namespace sighter::stats {
namespace {

std::int64_t rounded_up(double cases) {
  CHECK(std::isfinite(cases));
  return static_cast<std::int64_t>(std::ceil(std::min(cases, 9e15) - 1e-9));
}

}  // namespace

std::int64_t cases_for_mean(double p, double p0, double confidence, double power) {
  CHECK(p != p0);
  const double za = normal_quantile_two_sided(confidence);
  const double zb = normal_quantile(power);
  const double root = za * std::sqrt(p0 * (1 - p0)) + zb * std::sqrt(p * (1 - p));
  return rounded_up(root * root / ((p - p0) * (p - p0)));
}

std::int64_t cases_for_difference(double difference, double variance, double confidence,
                                  double power) {
  CHECK(difference != 0 && variance >= 0);
  const double z = normal_quantile_two_sided(confidence) + normal_quantile(power);
  return rounded_up(z * z * variance / (difference * difference));
}

double detectable_difference(std::int64_t n, double variance, double confidence, double power) {
  CHECK(n >= 1);
  const double z = normal_quantile_two_sided(confidence) + normal_quantile(power);
  return z * std::sqrt(variance / static_cast<double>(n));
}

}  // namespace sighter::stats
