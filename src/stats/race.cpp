#include "stats/race.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/check.hpp"
#include "stats/certificate.hpp"

namespace sighter::stats {

struct Race::State {
  // first < second; both directions see the cases that both have, in the run's order.
  struct Pair {
    int first;
    int second;
    std::int64_t next = 0;
    SumTest first_wins;
    SumTest second_wins;
    bool settled() const { return first_wins.rejected() || second_wins.rejected(); }
  };
  struct Variant {
    std::vector<double> scores;  // NaN where not yet given
    double sum = 0.0;
    std::int64_t given = 0;
  };
  std::int64_t total;
  std::vector<Variant> variants;
  std::vector<Pair> pairs;

  void advance(Pair& pair) {
    const std::vector<double>& a = variants[static_cast<std::size_t>(pair.first)].scores;
    const std::vector<double>& b = variants[static_cast<std::size_t>(pair.second)].scores;
    while (!pair.settled()) {
      const auto at = static_cast<std::size_t>(pair.next);
      if (at >= a.size() || at >= b.size() || std::isnan(a[at]) || std::isnan(b[at])) return;
      pair.first_wins.add((a[at] - b[at] + 1) / 2);
      pair.second_wins.add((b[at] - a[at] + 1) / 2);
      ++pair.next;
    }
  }
};

Race::Race(std::int64_t total_cases, int variants, double alpha)
    : state_(std::make_unique<State>()) {
  CHECK(total_cases >= 1 && variants >= 1);
  state_->total = total_cases;
  state_->variants.resize(static_cast<std::size_t>(variants));
  const double pairs = std::max(0.5 * variants * (variants - 1), 1.0);
  const double even = static_cast<double>(total_cases) / 2;
  for (int i = 0; i < variants; ++i) {
    for (int j = i + 1; j < variants; ++j) {
      state_->pairs.push_back({i, j, 0, SumTest(total_cases, even, alpha / pairs),
                               SumTest(total_cases, even, alpha / pairs)});
    }
  }
}

Race::~Race() = default;
Race::Race(Race&&) noexcept = default;
Race& Race::operator=(Race&&) noexcept = default;

void Race::add(int variant, std::int64_t position, double score) {
  State& s = *state_;
  CHECK(variant >= 0 && static_cast<std::size_t>(variant) < s.variants.size());
  CHECK(position >= 0 && position < s.total && score >= 0 && score <= 1);
  State::Variant& own = s.variants[static_cast<std::size_t>(variant)];
  const auto at = static_cast<std::size_t>(position);
  if (own.scores.size() <= at) {
    own.scores.resize(at + 1, std::numeric_limits<double>::quiet_NaN());
  }
  CHECK(std::isnan(own.scores[at]));
  own.scores[at] = score;
  own.sum += score;
  ++own.given;
  for (State::Pair& pair : s.pairs) {
    if (pair.first == variant || pair.second == variant) s.advance(pair);
  }
}

double Race::cases_left(int winner, int loser) const {
  for (const State::Pair& pair : state_->pairs) {
    const bool first = pair.first == winner && pair.second == loser;
    if (!first && (pair.second != winner || pair.first != loser)) continue;
    const SumTest& wins = first ? pair.first_wins : pair.second_wins;
    const SumTest& loses = first ? pair.second_wins : pair.first_wins;
    return loses.rejected() ? static_cast<double>(state_->total - pair.next) : wins.cases_left();
  }
  return static_cast<double>(state_->total);
}

std::optional<int> Race::beaten_by(int variant) const {
  std::optional<int> best;
  double best_mean = -1.0;
  for (const State::Pair& pair : state_->pairs) {
    int winner = -1;
    if (pair.second == variant && pair.first_wins.rejected()) winner = pair.first;
    if (pair.first == variant && pair.second_wins.rejected()) winner = pair.second;
    if (winner < 0) continue;
    const State::Variant& other = state_->variants[static_cast<std::size_t>(winner)];
    const double mean = other.sum / static_cast<double>(other.given);
    if (mean > best_mean) {
      best_mean = mean;
      best = winner;
    }
  }
  return best;
}

}  // namespace sighter::stats
