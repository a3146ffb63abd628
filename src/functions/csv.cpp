#include "functions/csv.hpp"

#include <algorithm>
#include <array>

namespace sighter::functions {

char guess_separator(std::string_view header) {
  constexpr std::string_view kSeparators = ",;\t|";
  std::array<int, 4> counts{};
  bool quoted = false;
  for (char c : header) {
    if (c == '"') quoted = !quoted;
    const std::size_t which = kSeparators.find(c);
    if (!quoted && which != kSeparators.npos) ++counts[which];
  }
  return kSeparators[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) -
                                              counts.begin())];
}

Result<std::vector<std::string>> split_record(std::string_view record, char separator,
                                              std::string_view where, std::int64_t line) {
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (true) {
    std::string field;
    if (at < record.size() && record[at] == '"') {
      ++at;
      while (true) {
        const std::size_t quote = record.find('"', at);
        if (quote == record.npos) {
          return fail(Kind::kInvalid,
                      fmt::format("{}:{}: a quoted field has no closing quote", where, line),
                      "double the quotes inside a quoted field: \"\"");
        }
        field.append(record, at, quote - at);
        at = quote + 1;
        if (at >= record.size() || record[at] != '"') break;
        field += '"';
        ++at;
      }
      if (at < record.size() && record[at] != separator) {
        return fail(Kind::kInvalid,
                    fmt::format("{}:{}: more text behind a closing quote in field {}", where, line,
                                fields.size() + 1),
                    "double the quotes inside a quoted field: \"\"");
      }
    } else {
      const std::size_t end = std::min(record.find(separator, at), record.size());
      field.assign(record, at, end - at);
      at = end;
    }
    fields.push_back(std::move(field));
    if (at >= record.size()) return fields;
    ++at;
  }
}

std::size_t record_length(std::string_view text) {
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (text[at] == '\n' && !quoted) return at;
  }
  return quoted ? std::string_view::npos : text.size();
}

std::string csv_field(std::string_view field, char separator) {
  if (field.find_first_of("\"\r\n") == field.npos && field.find(separator) == field.npos)
    return std::string(field);
  std::string out = "\"";
  for (char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

}  // namespace sighter::functions
