#pragma once
// Where in a text: lines and columns count from 1; a column is a code point.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sighter {

struct TextPosition {
  std::int64_t line = 1;
  std::int64_t column = 1;
};

TextPosition position_at(std::string_view text, std::size_t offset);
// "file:12:7"
std::string at(std::string_view origin, TextPosition position);

}  // namespace sighter
