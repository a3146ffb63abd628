#include "models/route_state.hpp"

#include <algorithm>

namespace sighter::models {

std::shared_ptr<RouteState> RouteStates::of(std::string_view route, std::size_t keys) {
  keys = std::max<std::size_t>(1, keys);
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(route);
  if (found != states_.end() && found->second->keys.size() == keys) return found->second;
  auto state = std::make_shared<RouteState>(keys);
  states_.insert_or_assign(std::string(route), state);
  return state;
}

}  // namespace sighter::models
