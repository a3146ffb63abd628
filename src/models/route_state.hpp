#pragma once
// What is known of a route from the requests that it had, by all cores, kept by the route's name:
// it outlives a configuration that is read anew.
//
// RouteStates takes a lock to find a state; whoever asks often keeps the pointer. What is inside a
// state may be used from any thread, without a lock.

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "models/breaker.hpp"
#include "models/key_ring.hpp"
#include "models/load.hpp"
#include "models/quantile.hpp"
#include "models/recent.hpp"
#include "models/share_budget.hpp"

namespace sighter::models {

struct RouteState {
  // A route that has done nothing yet may retry this often, and not hedge.
  static constexpr double kRetriesAtFirst = 10;

  explicit RouteState(std::size_t keys_count) : keys(keys_count) {}
  Breaker breaker;
  Load load;
  DurationQuantile first_token;   // of streamed answers
  DurationQuantile whole_answer;  // of the others
  ShareBudget hedges{0};
  ShareBudget retries{kRetriesAtFirst};
  KeyRing keys;
};

class RouteStates {
 public:
  // States of routes that clients named themselves ("provider/anything"); those that are asked for
  // longest ago are forgotten first, never one that somebody holds.
  static constexpr std::size_t kMost = 4096;

  // These are never forgotten: the configuration names them. Before the first of().
  void keep(std::string route) { kept_.insert(std::move(route)); }
  // The state of the route of this name with this many keys, made on first use. With another number
  // of keys than before it starts anew.
  std::shared_ptr<RouteState> of(std::string_view route, std::size_t keys);
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string, std::less<>> kept_;
  Recent<std::shared_ptr<RouteState>> states_{kMost};
};

}  // namespace sighter::models
