#include "models/route_state.hpp"

#include <algorithm>

namespace sighter::models {

std::shared_ptr<RouteState> RouteStates::of(std::string_view route, std::size_t keys) {
  keys = std::max<std::size_t>(1, keys);
  const auto make = [keys] { return std::make_shared<RouteState>(keys); };
  const std::lock_guard lock(mutex_);
  std::shared_ptr<RouteState>& state =
      states_.at(route, make, [&](const std::string& name, const auto& held) {
        return held.use_count() == 1 && !kept_.contains(name);
      });
  if (state->keys.size() != keys) state = make();
  return state;
}

std::size_t RouteStates::size() const {
  const std::lock_guard lock(mutex_);
  return states_.size();
}

}  // namespace sighter::models
