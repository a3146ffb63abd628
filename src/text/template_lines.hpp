#pragma once
// Lines and words of a text. Internal to the template engine.

#include <string>
#include <string_view>
#include <vector>

namespace sighter::text::jinja {

// str.splitlines(): at every line boundary that Python knows; with their ends where `keep_ends`.
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);

// At least about how many lines there are: what to allow for before splitting.
std::size_t count_breaks(std::string_view text);

// textwrap.wrap() without expanding tabs or replacing white space; width > 0.
std::vector<std::string> wrap_words(std::string_view line, std::size_t width, bool break_long_words,
                                    bool break_on_hyphens);

}  // namespace sighter::text::jinja
