#include "learn/threshold.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace sighter::learn {
namespace {

// More wrong answers than this of n are too many; -1 when none at all is already too many.
std::int64_t wrong_max(std::int64_t n, double risk_max, double delta) {
  std::int64_t low = -1, high = n;  // low is allowed, high is not (its bound is 1)
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (clopper_pearson_upper(middle, n, delta) <= risk_max ? low : high) = middle;
  }
  return low;
}

}  // namespace

Result<Threshold> choose_threshold(std::span<const double> confidence,
                                   std::span<const std::uint8_t> correct, double risk_max,
                                   double delta) {
  if (confidence.empty() || confidence.size() != correct.size()) {
    return fail(Kind::kInvalid,
                fmt::format("{} confidences and {} outcomes to choose a threshold from",
                            confidence.size(), correct.size()),
                "give one outcome for each confidence, and at least one");
  }
  if (!(risk_max > 0 && risk_max < 1) || !(delta > 0 && delta < 1)) {
    return fail(Kind::kInvalid,
                fmt::format("a share of {} wrong answers at error {} is not one to aim for",
                            risk_max, delta),
                "both lie between 0 and 1, for example 0.02 and 0.05");
  }
  std::vector<std::size_t> order(confidence.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (std::isnan(confidence[i])) {
      return fail(Kind::kInvalid, fmt::format("confidence {} is not a number", i));
    }
    order[i] = i;
  }
  std::sort(order.begin(), order.end(), [&](auto a, auto b) {
    return confidence[a] != confidence[b] ? confidence[a] > confidence[b] : a < b;
  });

  const auto n = static_cast<std::int64_t>(order.size());
  const std::int64_t allowed = wrong_max(n, risk_max, delta);
  Threshold best;
  best.examples = n;
  best.accept_from = std::numeric_limits<double>::infinity();
  // With nothing wrong of n the bound is 1 - delta^(1/n).
  best.examples_min =
      static_cast<std::int64_t>(std::ceil(std::log(delta) / std::log1p(-risk_max) - 1e-9));
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    wrong += correct[order[i]] == 0 ? 1 : 0;
    if (wrong > allowed) break;
    const bool last_of_value =
        i + 1 == order.size() || confidence[order[i + 1]] != confidence[order[i]];
    if (!last_of_value) continue;  // equal confidences are accepted together or not at all
    best.accept_from = confidence[order[i]];
    best.accepted = static_cast<std::int64_t>(i + 1);
    best.wrong = wrong;
  }
  best.coverage = static_cast<double>(best.accepted) / static_cast<double>(n);
  best.bound = best.accepted == 0 ? 0 : clopper_pearson_upper(best.wrong, n, delta);
  return best;
}

}  // namespace sighter::learn
