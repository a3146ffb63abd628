// The room's only file with Boost.Math in it, whose headers take long to compile.

#include "learn/bounds.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>

#include "base/check.hpp"
#include "learn/threshold.hpp"

namespace sighter::learn {

double clopper_pearson_upper(std::int64_t wrong, std::int64_t n, double delta) {
  CHECK(wrong >= 0 && wrong <= n && delta > 0 && delta < 1);
  if (wrong == n) return 1;
  return boost::math::ibetac_inv(static_cast<double>(wrong + 1), static_cast<double>(n - wrong),
                                 delta);
}

double student_t_two_sided(double confidence, int freedom) {
  CHECK(confidence > 0 && confidence < 1 && freedom >= 1);
  const boost::math::students_t distribution(freedom);
  return boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2));
}

}  // namespace sighter::learn
