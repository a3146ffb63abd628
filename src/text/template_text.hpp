#pragma once
// What filters on strings and Python's methods share. Internal to the template engine.

#include <cstdint>
#include <string>
#include <string_view>

#include "text/template_value.hpp"

namespace sighter::text::jinja {

// std::string_view::find() that stays linear for any text and part.
std::size_t find_part(std::string_view text, std::string_view part, std::size_t from = 0);
// How often `part` (not empty) occurs, without overlaps.
std::size_t count_parts(std::string_view text, std::string_view part);
// str.replace(); most < 0: all.
std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     std::int64_t most);
// str.strip(characters), lstrip, rstrip.
std::string_view stripped(std::string_view text, std::string_view characters, bool left,
                          bool right);
// The same for values; null or None: white space.
Value strip(Renderer& r, const Value& text, const Value* characters, bool left, bool right);

}  // namespace sighter::text::jinja
