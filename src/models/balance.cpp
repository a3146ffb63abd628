#include "models/balance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/hash.hpp"

namespace sighter::models {
namespace {

// In (0, 1), so that its logarithm is finite and below 0.
double unit(std::uint64_t bits) {
  return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53;
}

// Highest key first.
std::vector<std::size_t> by_key(const std::vector<double>& keys) {
  std::vector<std::size_t> order(keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return keys[a] > keys[b]; });
  return order;
}

// Of a conversation and a route. Well mixed (the finaliser of splitmix64): weights are kept only
// by keys of different routes that know nothing of each other.
std::uint64_t key_of(std::uint64_t conversation, std::string_view name) {
  std::uint64_t bits = conversation ^ hash64(name);
  bits += 0x9e3779b97f4a7c15u;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

double weight_of(const Candidate& candidate) {
  return candidate.weight > 0 ? candidate.weight : std::numeric_limits<double>::min();
}

}  // namespace

std::vector<std::size_t> order_of(Balance balance, std::span<const Candidate> candidates,
                                  Random& random) {
  std::vector<std::size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (balance == Balance::kOrdered || candidates.size() < 2) return order;
  if (balance == Balance::kWeighted) {
    std::vector<double> keys;
    keys.reserve(candidates.size());
    // The logarithm of u^(1/weight), which orders the same and does not underflow.
    for (const Candidate& one : candidates)
      keys.push_back(std::log(unit(random.next())) / weight_of(one));
    return by_key(keys);
  }
  // Two by chance, the better of them next; the other one stays in the hat.
  for (std::size_t from = 0; from + 1 < order.size(); ++from) {
    const std::size_t left = order.size() - from;
    const std::size_t a = from + random.below(left);
    std::size_t b = from + random.below(left - 1);
    if (b >= a) ++b;
    const bool first = candidates[order[a]].cost <= candidates[order[b]].cost;
    std::swap(order[from], order[first ? a : b]);
  }
  return order;
}

void stick(std::uint64_t conversation, std::span<const Candidate> candidates,
           std::vector<std::size_t>& order, double slack) {
  if (order.size() < 2) return;
  double under_way = 1;  // this one
  double weights = 0;
  for (const std::size_t index : order) {
    under_way += candidates[index].under_way;
    weights += weight_of(candidates[index]);
  }
  std::vector<double> keys;
  keys.reserve(order.size());
  for (const std::size_t index : order) {
    const Candidate& one = candidates[index];
    keys.push_back(-weight_of(one) / std::log(unit(key_of(conversation, one.name))));
  }
  for (const std::size_t place : by_key(keys)) {
    const Candidate& one = candidates[order[place]];
    const double most = std::ceil(slack * under_way * weight_of(one) / weights);
    if (one.under_way + 1 > most) continue;
    std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(place),
                order.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    return;
  }
}

}  // namespace sighter::models
