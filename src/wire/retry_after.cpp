#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "wire/codec.hpp"

namespace sighter::wire {
namespace {

using std::chrono::milliseconds;
using Now = std::chrono::sys_time<std::chrono::microseconds>;

bool same_name(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Takes a number off the front; at most 10 million, so that products fit.
std::optional<double> take_number(std::string_view& text) {
  double value = 0;
  const auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (code != std::errc() || !std::isfinite(value) || !(value >= 0)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return std::min(value, 1e7);
}

milliseconds rounded_up(double ms) {
  return milliseconds(static_cast<std::int64_t>(std::ceil(ms)));
}

std::optional<int> digits(std::string_view text) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<Now> time_of(int year, int month, int day, std::string_view clock) {
  if (clock.size() < 8 || clock[2] != ':' || clock[5] != ':') return std::nullopt;
  const std::optional<int> hour = digits(clock.substr(0, 2));
  const std::optional<int> minute = digits(clock.substr(3, 2));
  const std::optional<int> second = digits(clock.substr(6, 2));
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!hour || !minute || !second || !date.ok() || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  return Now(std::chrono::sys_days(date)) + std::chrono::hours(*hour) +
         std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7; the obsolete forms are not sent).
std::optional<Now> http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text[3] != ',' || !text.ends_with(" GMT")) return std::nullopt;
  const std::optional<int> day = digits(text.substr(5, 2));
  const std::optional<int> year = digits(text.substr(12, 4));
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (!day || !year || month == kMonths.end()) return std::nullopt;
  return time_of(*year, static_cast<int>(month - kMonths.begin()) + 1, *day, text.substr(17, 8));
}

// "2026-11-23T09:25:45Z" (RFC 3339, in UTC or with an offset).
std::optional<Now> rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' '))
    return std::nullopt;
  const std::optional<int> year = digits(text.substr(0, 4));
  const std::optional<int> month = digits(text.substr(5, 2));
  const std::optional<int> day = digits(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  std::optional<Now> time = time_of(*year, *month, *day, text.substr(11, 8));
  if (!time) return std::nullopt;
  std::string_view zone = text.substr(19);
  if (zone.starts_with('.'))
    zone.remove_prefix(std::min(zone.find_first_not_of("0123456789", 1), zone.size()));
  if (zone == "Z" || zone == "z") return time;
  if (zone.size() != 6 || (zone[0] != '+' && zone[0] != '-') || zone[3] != ':') return std::nullopt;
  const std::optional<int> hours = digits(zone.substr(1, 2));
  const std::optional<int> minutes = digits(zone.substr(4, 2));
  if (!hours || !minutes) return std::nullopt;
  const auto offset = std::chrono::minutes(*hours * 60 + *minutes);
  return zone[0] == '+' ? *time - offset : *time + offset;
}

milliseconds until(Now time, Now now) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(time - now));
}

// "6m0s", "1.5s", "120ms", "1h2m3s".
std::optional<milliseconds> duration(std::string_view text) {
  double total_ms = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::optional<double> value = take_number(text);
    if (!value) return std::nullopt;
    double unit_ms = 0;
    std::size_t length = 1;
    if (text.starts_with("ms")) {
      unit_ms = 1;
      length = 2;
    } else if (text.starts_with('s')) {
      unit_ms = 1000;
    } else if (text.starts_with('m')) {
      unit_ms = 60'000;
    } else if (text.starts_with('h')) {
      unit_ms = 3'600'000;
    } else if (text.starts_with('d')) {
      unit_ms = 86'400'000;
    } else {
      return std::nullopt;
    }
    total_ms += *value * unit_ms;
    text.remove_prefix(length);
  }
  return rounded_up(total_ms);
}

class Headers {
 public:
  explicit Headers(std::span<const HeaderView> headers) : headers_(headers) {}
  std::optional<std::string_view> find(std::string_view name) const {
    for (const HeaderView& header : headers_) {
      if (same_name(header.name, name)) return trimmed(header.value);
    }
    return std::nullopt;
  }
  bool used_up(const std::string& name) const {
    const std::optional<std::string_view> left = find(name);
    return left.has_value() && (*left == "0" || left->starts_with('-'));
  }

 private:
  std::span<const HeaderView> headers_;
};

}  // namespace

std::optional<milliseconds> retry_after(std::span<const HeaderView> list, Now now) {
  const Headers headers(list);
  if (std::optional<std::string_view> ms = headers.find("retry-after-ms")) {
    if (const std::optional<double> value = take_number(*ms); value && ms->empty())
      return rounded_up(*value);
  }
  if (std::optional<std::string_view> text = headers.find("retry-after")) {
    if (const std::optional<Now> date = http_date(*text)) return until(*date, now);
    std::string_view rest = *text;
    if (const std::optional<double> seconds = take_number(rest); seconds && rest.empty()) {
      return rounded_up(*seconds * 1000);
    }
    if (const std::optional<milliseconds> worded = duration(*text)) return worded;
  }
  std::optional<milliseconds> longest;
  const auto wait = [&](std::optional<milliseconds> value) {
    if (value.has_value()) longest = std::max(longest.value_or(milliseconds(0)), *value);
  };
  for (const std::string_view what : {"requests", "tokens"}) {
    if (!headers.used_up(fmt::format("x-ratelimit-remaining-{}", what))) continue;
    if (const auto reset = headers.find(fmt::format("x-ratelimit-reset-{}", what)))
      wait(duration(*reset));
  }
  for (const std::string_view what : {"requests", "tokens", "input-tokens", "output-tokens"}) {
    if (!headers.used_up(fmt::format("anthropic-ratelimit-{}-remaining", what))) continue;
    const auto reset = headers.find(fmt::format("anthropic-ratelimit-{}-reset", what));
    const std::optional<Now> time = reset ? rfc3339(*reset) : std::nullopt;
    if (time) wait(until(*time, now));
  }
  return longest;
}

}  // namespace sighter::wire
