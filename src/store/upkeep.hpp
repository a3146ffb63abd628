#pragma once
// Removing rows: by tag, by age, by size. On the writer's connection, between groups. For this room
// only.

#include <string_view>

#include "base/clock.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace sighter::store {

Result<Erased> erase_tagged(Connection& connection, std::string_view tag, std::string_view value);
Result<Erased> prune_rows(Connection& connection, const PruneRequest& request, SystemTime now);

}  // namespace sighter::store
