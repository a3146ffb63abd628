#pragma once
// Comma-, semicolon- or tab-separated values as spreadsheets write them (RFC 4180 and its usual
// dialects): quoted fields may hold separators, doubled quotes and line ends.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sighter::functions {

// The separator that the header line uses most, outside quotes: ',' ';' '\t' or '|'; ',' when none.
char guess_separator(std::string_view header);

// Splits one record (without its line end). `where` and `line` (of its first line) name the place
// in errors, which say file:line:column. `begins`, when given, gets the offset of each field.
Result<std::vector<std::string>> split_record(std::string_view record, char separator,
                                              std::string_view where, std::int64_t line,
                                              std::vector<std::size_t>* begins = nullptr);
// "where:line:column" of an offset in a record whose first line is `line`.
std::string record_place(std::string_view record, std::size_t offset, std::string_view where,
                         std::int64_t line);

// Length of the record that begins at `text`, without its line end: up to the first LF outside
// quotes; npos when the quotes do not close before the text ends. Quotes count where a field begins
// with them, as split_record() has it; a separator of 0 stands for any of ',' ';' '\t' '|'.
std::size_t record_length(std::string_view text, char separator = 0);

// One field, quoted where it must be.
std::string csv_field(std::string_view field, char separator);

}  // namespace sighter::functions
