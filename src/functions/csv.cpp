#include "functions/csv.hpp"

#include <algorithm>
#include <array>

#include "base/text_position.hpp"

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

std::string record_place(std::string_view record, std::size_t offset, std::string_view where,
                         std::int64_t line) {
  TextPosition position = position_at(record, offset);
  position.line += line - 1;
  return at(where, position);
}

Result<std::vector<std::string>> split_record(std::string_view record, char separator,
                                              std::string_view where, std::int64_t line,
                                              std::vector<std::size_t>* begins) {
  constexpr std::string_view kHint = "double the quotes inside a quoted field: \"\"";
  std::vector<std::string> fields;
  std::size_t at = 0;
  while (true) {
    std::string field;
    const std::size_t begin = at;
    if (begins != nullptr) begins->push_back(begin);
    if (at < record.size() && record[at] == '"') {
      ++at;
      while (true) {
        const std::size_t quote = record.find('"', at);
        if (quote == record.npos) {
          return fail(Kind::kInvalid,
                      fmt::format("{}: a quoted field begins here and has no closing quote",
                                  record_place(record, begin, where, line)),
                      std::string(kHint));
        }
        field.append(record, at, quote - at);
        at = quote + 1;
        if (at >= record.size() || record[at] != '"') break;
        field += '"';
        ++at;
      }
      if (at < record.size() && record[at] != separator) {
        return fail(
            Kind::kInvalid,
            fmt::format("{}: more text behind the closing quote of field {}, which begins at {}",
                        record_place(record, at, where, line), fields.size() + 1,
                        record_place(record, begin, where, line)),
            std::string(kHint));
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

std::size_t record_length(std::string_view text, char separator) {
  const auto separates = [&](char c) {
    return separator != 0 ? c == separator : c == ',' || c == ';' || c == '\t' || c == '|';
  };
  bool quoted = false;
  bool begins = true;  // a field begins here
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') continue;
      if (at + 1 < text.size() && text[at + 1] == '"')
        ++at;
      else
        quoted = false;
    } else if (c == '\n') {
      return at;
    } else {
      quoted = c == '"' && begins;
      begins = separates(c);
    }
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
