#include "stats/paired.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "stats/sequence.hpp"

namespace sighter::stats {

Discordant discordant(std::span<const double> first, std::span<const double> second) {
  CHECK(first.size() == second.size());
  Discordant cases{0, 0, static_cast<std::int64_t>(first.size())};
  for (std::size_t i = 0; i < first.size(); ++i) {
    cases.only_first += first[i] > second[i] ? 1 : 0;
    cases.only_second += first[i] < second[i] ? 1 : 0;
  }
  return cases;
}

double mcnemar(const Discordant& cases) {
  const std::int64_t differ = cases.only_first + cases.only_second;
  const std::int64_t fewer = std::min(cases.only_first, cases.only_second);
  return std::min(1.0, 2 * binomial_at_most(fewer, differ, 0.5));
}

Interval paired_difference_binary(const Discordant& cases, double confidence) {
  const std::int64_t differ = cases.only_first + cases.only_second;
  const double alpha = 1 - confidence;
  const Interval rate = clopper_pearson(differ, cases.n, 1 - alpha / 5);
  const Interval won = clopper_pearson(cases.only_first, differ, 1 - alpha * 4 / 5);
  const double worst = 2 * won.low - 1;
  const double best = 2 * won.high - 1;
  // The product's range lies at corners: a negative factor is worst with the greatest rate.
  return {worst * (worst < 0 ? rate.high : rate.low), best * (best < 0 ? rate.low : rate.high)};
}

Interval paired_difference(std::span<const double> first, std::span<const double> second,
                           double confidence) {
  CHECK(first.size() == second.size());
  HedgedSequence::Options options;
  options.alpha = 1 - confidence;
  options.tuned_to = std::max<std::int64_t>(static_cast<std::int64_t>(first.size()), 1);
  HedgedSequence sequence(options);
  for (std::size_t i = 0; i < first.size(); ++i) sequence.add((first[i] - second[i] + 1) / 2);
  const Interval halved = sequence.interval();
  return {2 * halved.low - 1, 2 * halved.high - 1};
}

}  // namespace sighter::stats
