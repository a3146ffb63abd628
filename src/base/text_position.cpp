#include "base/text_position.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"

namespace sighter {

TextPosition position_at(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t newline = before.rfind('\n');
  const std::string_view line = newline == before.npos ? before : before.substr(newline + 1);
  return {1 + std::count(before.begin(), before.end(), '\n'),
          1 + static_cast<std::int64_t>(utf8_length(line))};
}

std::string at(std::string_view origin, TextPosition position) {
  return fmt::format("{}:{}:{}", origin, position.line, position.column);
}

}  // namespace sighter
