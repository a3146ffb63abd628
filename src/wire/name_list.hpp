#pragma once
// Lists of the names of what was lost. Inside of the room.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sighter::wire {

// Names come from clients and providers, and go into a header and an error: more than this are
// not listed but stand as "*", as `allow_drop` would say it, and longer ones are cut.
inline constexpr std::size_t kNamesMax = 64;
inline constexpr std::size_t kNameBytesMax = 120;

// Adds a name that is not there yet.
void add_name(std::vector<std::string>& names, std::string_view name);

}  // namespace sighter::wire
