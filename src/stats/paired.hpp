#pragma once
// Two variants on the same cases. Pure functions.

#include <cstdint>
#include <span>

#include "stats/interval.hpp"

namespace sighter::stats {

// Cases that only the one, and only the other got right, of n in all.
struct Discordant {
  std::int64_t only_first = 0;
  std::int64_t only_second = 0;
  std::int64_t n = 0;
};
// Of two lists of scores that are all 0 or 1, of the same length.
Discordant discordant(std::span<const double> first, std::span<const double> second);

// Two-sided p-value of "both are equally good" (exact McNemar: the binomial test of the discordant
// cases at 1/2, the smaller tail doubled, at most 1).
double mcnemar(const Discordant& cases);

// Interval for (first's mean - second's mean) on future cases, scores 0 or 1. Guaranteed: with q
// the rate of discordant cases and w the share of them that the first wins, the difference is q (2w
// - 1); w gets 4/5 of the error and q 1/5, each by Clopper-Pearson (w given the number of
// discordant cases), and the interval is the range of the product.
Interval paired_difference_binary(const Discordant& cases, double confidence);

// The same for scores in [0, 1], by betting on (first - second + 1) / 2 (HedgedSequence, tuned to
// this n), in the order given, which must not depend on the scores. Guaranteed.
Interval paired_difference(std::span<const double> first, std::span<const double> second,
                           double confidence);

}  // namespace sighter::stats
