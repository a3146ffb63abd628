#pragma once
// What is known of a route from the requests that it had, by all cores, kept by the route's name:
// it outlives a configuration that is read anew.
//
// RouteStates takes a lock to find a state; whoever asks often keeps the pointer. What is inside a
// state may be used from any thread, without a lock.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "models/breaker.hpp"
#include "models/key_ring.hpp"
#include "models/load.hpp"
#include "models/quantile.hpp"
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
  // The state of the route of this name with this many keys, made on first use. With another number
  // of keys than before it starts anew.
  std::shared_ptr<RouteState> of(std::string_view route, std::size_t keys);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RouteState>, std::less<>> states_;
};

}  // namespace sighter::models
