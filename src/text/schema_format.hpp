#pragma once
// The formats of JSON Schema: validation vocabulary of 2020-12, section 7.3, and draft 7's same
// list.

#include <span>
#include <string>
#include <string_view>

namespace sighter::text {

// Tells whether a text is of a format.
using FormatCheck = bool (*)(std::string_view text);

// nullptr for a name that is not of the standard, or that cannot be checked here ("idn-hostname").
FormatCheck format_check(std::string_view name);
// All names of the standard, those included that cannot be checked.
std::span<const std::string> format_names();

}  // namespace sighter::text
