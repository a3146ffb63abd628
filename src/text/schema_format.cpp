#include "text/schema_format.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/utf8.hpp"
#include "text/regex.hpp"
#include "text/schema_uri.hpp"

namespace sighter::text {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Exactly `count` digits at the front, taken off.
std::optional<int> take_number(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (char c : text.substr(0, count)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// RFC 3339, section 5.6: full-date.
bool is_date(std::string_view text) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return false;
  const auto month = take_number(text, 2);
  if (!month || *month < 1 || *month > 12 || !take(text, '-')) return false;
  const auto day = take_number(text, 2);
  if (!day || !text.empty()) return false;
  const bool leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
  return *day >= 1 &&
         *day <= kDays[static_cast<std::size_t>(*month - 1)] + (*month == 2 && leap ? 1 : 0);
}

// RFC 3339, section 5.6: full-time. Second 60 only where UTC is 23:59:60.
bool is_time(std::string_view text) {
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return false;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ':')) return false;
  const auto second = take_number(text, 2);
  if (!second || *second > 60) return false;
  if (take(text, '.')) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    if (end == 0) return false;
    text.remove_prefix(end);
  }
  int offset = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    const bool minus = text.starts_with('-');
    if (!minus && !text.starts_with('+')) return false;
    text.remove_prefix(1);
    const auto hours = take_number(text, 2);
    if (!hours || *hours > 23 || !take(text, ':')) return false;
    const auto minutes = take_number(text, 2);
    if (!minutes || *minutes > 59) return false;
    offset = (*hours * 60 + *minutes) * (minus ? -1 : 1);
  }
  if (!text.empty()) return false;
  constexpr int kDay = 24 * 60;
  return *second < 60 || (*hour * 60 + *minute - offset + 2 * kDay) % kDay == kDay - 1;
}

bool is_date_time(std::string_view text) {
  if (text.size() < 11 || (text[10] != 'T' && text[10] != 't')) return false;
  return is_date(text.substr(0, 10)) && is_time(text.substr(11));
}

// RFC 3339, appendix A: units in order, none left out between two others.
bool is_duration(std::string_view text) {
  if (!take(text, 'P') || text.empty()) return false;
  const auto units = [&text](std::string_view order) {
    std::size_t last = order.npos;
    while (!text.empty() && text[0] != 'T') {
      const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
      if (end == 0 || end == text.size()) return false;
      const std::size_t unit = order.find(text[end]);
      if (unit == order.npos || (last != order.npos && unit != last + 1)) return false;
      last = unit;
      text.remove_prefix(end + 1);
    }
    return true;
  };
  if (text.ends_with('W')) {
    text.remove_suffix(1);
    return !text.empty() && std::ranges::all_of(text, is_digit);
  }
  if (!units("YMD")) return false;
  if (!take(text, 'T')) return text.empty();
  return !text.empty() && units("HMS") && text.empty();
}

// RFC 1123, section 2.1, and RFC 952; no label with hyphens third and fourth but "xn--".
bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    const std::string_view label = text.substr(at, end - at);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-')
      return false;
    if (!std::ranges::all_of(label, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; }))
      return false;
    const bool tagged = label.size() >= 4 && label.substr(2, 2) == "--";
    if (tagged && !((label[0] | 0x20) == 'x' && (label[1] | 0x20) == 'n' && label.size() > 4))
      return false;
    at = end + 1;
  }
  return true;
}

// RFC 5321, section 4.1.2: Mailbox; with `international` RFC 6531.
bool is_mailbox(std::string_view text, bool international) {
  const std::size_t at = text.rfind('@');
  if (at == text.npos || at == 0 || at > 64) return false;
  const std::string_view local = text.substr(0, at);
  const std::string_view domain = text.substr(at + 1);
  const auto beyond = [&](char c) {
    return international && static_cast<unsigned char>(c) >= 0x80;
  };
  if (local.front() == '"') {
    if (local.size() < 2 || local.back() != '"') return false;
    for (std::size_t i = 1; i + 1 < local.size(); ++i) {
      if (local[i] == '"') return false;
      if (local[i] == '\\' && ++i + 1 >= local.size()) return false;
      if ((local[i] < 0x20 || local[i] == 0x7F) && !beyond(local[i])) return false;
    }
  } else {
    if (local.front() == '.' || local.back() == '.' || local.contains("..")) return false;
    const auto atom = [&](char c) {
      return is_alpha(c) || is_digit(c) || beyond(c) ||
             std::string_view(".!#$%&'*+-/=?^_`{|}~").contains(c);
    };
    if (!std::ranges::all_of(local, atom)) return false;
  }
  if (domain.starts_with('[')) {
    if (!domain.ends_with(']')) return false;
    const std::string_view inside = domain.substr(1, domain.size() - 2);
    return inside.starts_with("IPv6:") ? is_ipv6(inside.substr(5)) : is_ipv4(inside);
  }
  if (international && std::ranges::any_of(domain, beyond)) return !domain.contains(' ');
  return is_hostname(domain);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

// RFC 6901.
bool is_json_pointer(std::string_view text) {
  if (!text.empty() && text[0] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '~' && (i + 1 >= text.size() || (text[i + 1] != '0' && text[i + 1] != '1')))
      return false;
  }
  return true;
}

bool is_relative_json_pointer(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  if (end == 0 || (end > 1 && text[0] == '0')) return false;
  text.remove_prefix(end);
  return text == "#" || is_json_pointer(text);
}

using Row = std::pair<std::string_view, FormatCheck>;
constexpr auto kFormats = std::to_array<Row>({
    {"date", is_date},
    {"time", is_time},
    {"date-time", is_date_time},
    {"duration", is_duration},
    {"email", [](std::string_view t) { return is_mailbox(t, false); }},
    {"idn-email", [](std::string_view t) { return is_mailbox(t, true); }},
    {"hostname", is_hostname},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"uri", [](std::string_view t) { return is_uri(t, false); }},
    {"uri-reference", [](std::string_view t) { return is_uri_reference(t, false); }},
    {"iri", [](std::string_view t) { return is_uri(t, true); }},
    {"iri-reference", [](std::string_view t) { return is_uri_reference(t, true); }},
    {"uri-template", is_uri_template},
    {"uuid", is_uuid},
    {"json-pointer", is_json_pointer},
    {"relative-json-pointer", is_relative_json_pointer},
    {"regex", [](std::string_view t) { return Regex::check(t).has_value(); }},
});

const std::vector<std::string> kNames = [] {
  std::vector<std::string> names;
  for (const Row& row : kFormats) names.emplace_back(row.first);
  names.emplace_back("idn-hostname");
  return names;
}();

}  // namespace

FormatCheck format_check(std::string_view name) {
  const auto row = std::ranges::find(kFormats, name, &Row::first);
  return row == kFormats.end() ? nullptr : row->second;
}

std::span<const std::string> format_names() {
  return kNames;
}

}  // namespace sighter::text
