#pragma once
// UTF-8 as the outside sends it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sighter {

// Offset of the first byte that is not well-formed UTF-8 (RFC 3629: no surrogates, no overlong
// forms, nothing above U+10FFFF); nullopt when all of it is.
std::optional<std::size_t> find_invalid_utf8(std::string_view text);
// Each ill-formed sequence becomes U+FFFD.
std::string repair_utf8(std::string_view text);
// Length of the longest prefix that does not end inside a sequence (for bytes that come in pieces).
std::size_t complete_utf8_prefix(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);
// Decodes the code point at `at` and moves `at` behind it; U+FFFD for an ill-formed byte.
char32_t next_code_point(std::string_view text, std::size_t& at);
// Number of code points.
std::size_t utf8_length(std::string_view text);
// Columns that a terminal uses (East Asian wide and emoji count two, combining marks none).
std::size_t display_width(std::string_view text);

}  // namespace sighter
