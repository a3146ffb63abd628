#pragma once
// In which order the routes of a model are asked.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.hpp"

namespace sighter::models {

enum class Balance {
  kOrdered,      // as they are written: later ones are fall-backs
  kWeighted,     // each is first as often as its weight says
  kLeastLoaded,  // of two by chance the one with less to do
};

struct Candidate {
  std::string_view name;  // of the route: what a conversation sticks to
  double weight = 1;      // above 0
  double cost = 0;        // Load::cost()
  int under_way = 0;      // Load::under_way()
};

// The indexes of all candidates, the first to ask first.
//
// kWeighted draws without replacement: a candidate's key is u^(1/weight), highest first (Efraimidis
// and Spirakis, "Weighted random sampling with a reservoir", 2006).
std::vector<std::size_t> order_of(Balance balance, std::span<const Candidate> candidates,
                                  Random& random);

// Moves the route that the conversation with this hash belongs to to the front of `order`, unless
// it has much more to do than the others: more than `slack` times the average of all, counting this
// request ("Consistent Hashing with Bounded Loads", Mirrokni, Thorup and Zadimoghaddam, 2018); then
// the next one in the conversation's own order, and so on. Which one that is is decided by weighted
// rendezvous hashing (Thaler and Ravishankar, 1998): when a route comes or goes, only the
// conversations of that route move.
inline constexpr double kStickySlack = 2.0;
void stick(std::uint64_t conversation, std::span<const Candidate> candidates,
           std::vector<std::size_t>& order, double slack = kStickySlack);

}  // namespace sighter::models
