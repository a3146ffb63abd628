#pragma once
// Characters as Python's str sees them (Unicode 14). Internal to the template engine.

#include <cstddef>
#include <string>
#include <string_view>

namespace sighter::text::jinja {

bool is_space(char32_t c);
// A letter, digit or underscore of any script.
bool is_word(char32_t c);
bool is_letter(char32_t c);
// False for what repr() escapes: control, format, unassigned, separators other than the blank.
bool is_printable(char32_t c);
// Whether all that is beyond ASCII in a text is printable: one look for the usual case.
bool is_printable_beyond_ascii(std::string_view text);
// True where nothing but blanks to ~ occurs.
bool is_ascii(std::string_view text);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
// First character in upper case, the others in lower case.
std::string to_capitalized(std::string_view text);
// str.title(): every run of letters begins in upper case.
std::string to_title(std::string_view text);
// At least one cased character, and none of the other case.
bool is_all_upper(std::string_view text);
bool is_all_lower(std::string_view text);

std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);

// Byte offset of the n-th code point, or text.size() when there are fewer.
std::size_t byte_offset(std::string_view text, std::size_t code_points);
// Code points; fast for ASCII.
std::size_t length(std::string_view text);

}  // namespace sighter::text::jinja
