#pragma once
// Several variants on the same cases in the same random order: which of them is certainly not the
// best of the full run. One betting test without replacement for each ordered pair (SumTest on
// (first - second + 1) / 2), at alpha over the number of pairs: the probability that any variant is
// called beaten by one that the full run would show to be worse is at most alpha, at any time.

#include <cstdint>
#include <memory>
#include <optional>

namespace sighter::stats {

class Race {
 public:
  Race(std::int64_t total_cases, int variants, double alpha);
  ~Race();
  Race(Race&&) noexcept;
  Race& operator=(Race&&) noexcept;

  // The score in [0, 1] of one variant on the case at `position` of the order; each once, in any
  // order. A variant that is stopped simply gets no more scores.
  void add(int variant, std::int64_t position, double score);
  // Who beats this variant, once that is certain: of several, the one with the best mean so far.
  std::optional<int> beaten_by(int variant) const;
  // How many more cases that both are run on until `winner` certainly beats `loser`, if they are
  // like those so far; the number of all that are left when it does not look like that. An estimate
  // for choosing what to run: no claim rests on it.
  double cases_left(int winner, int loser) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sighter::stats
