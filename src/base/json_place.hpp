#pragma once
// Pointers into JSON, and where in its text a value stands: for mistakes that are found after
// json_parse() accepted it.

#include <string>
#include <string_view>

#include "base/text_position.hpp"

namespace sighter {

// What one token of an RFC 6901 pointer names: "a/b~c" for "a~1b~0c". A '~' before anything else
// stays.
std::string pointer_step(std::string_view token);

enum class JsonPart { kName, kValue };

// The member or item at an RFC 6901 pointer: its value, or the name before it (of an item: its
// value too). Where there is none, the innermost value on the way to it. The text must be one that
// json_parse() accepts; like there, a byte order mark counts for nothing.
TextPosition json_position(std::string_view text, std::string_view pointer, JsonPart part);

}  // namespace sighter
