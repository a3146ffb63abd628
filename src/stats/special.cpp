#include "stats/special.hpp"

#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>

namespace sighter::stats {
namespace {

namespace bm = boost::math;
// Arguments are checked by the callers; nothing is thrown. Plain doubles: the results are good to
// about 1e-13, which no verdict can see.
using Policy = bm::policies::policy<bm::policies::domain_error<bm::policies::ignore_error>,
                                    bm::policies::overflow_error<bm::policies::ignore_error>,
                                    bm::policies::evaluation_error<bm::policies::ignore_error>,
                                    bm::policies::promote_double<false>>;

}  // namespace

double normal_quantile(double p) {
  return -std::sqrt(2.0) * bm::erfc_inv(2 * p, Policy());
}

double beta_quantile(double a, double b, double p) {
  return bm::ibeta_inv(a, b, p, Policy());
}

double beta_below(double a, double b, double x) {
  return bm::ibeta(a, b, x, Policy());
}

double beta_tail(double a, double b, double x) {
  return bm::ibetac(a, b, x, Policy());
}

double student_quantile(double degrees, double two_sided) {
  // T^2 is of an F distribution: degrees / (degrees + T^2) is of Beta(degrees / 2, 1 / 2).
  const double x = bm::ibeta_inv(degrees / 2, 0.5, two_sided, Policy());
  return std::sqrt(degrees * (1 / x - 1));
}

}  // namespace sighter::stats
