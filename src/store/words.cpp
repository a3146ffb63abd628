// Spans of time and sizes as people write them in [store].

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "store/store.hpp"

namespace sighter::store {
namespace {

struct Unit {
  std::string_view word;
  double factor;
};

constexpr Unit kTimes[] = {{"s", 1},      {"m", 60},      {"min", 60},      {"h", 3600},
                           {"d", 86'400}, {"w", 604'800}, {"y", 31'557'600}};
constexpr Unit kSizes[] = {
    {"", 1},      {"b", 1},      {"kb", 1e3},      {"mb", 1e6},         {"gb", 1e9},
    {"tb", 1e12}, {"kib", 1024}, {"mib", 1048576}, {"gib", 1073741824}, {"tib", 1099511627776}};

// A decimal number and a unit's factor, multiplied; nullopt for anything else.
template <std::size_t N>
std::optional<double> measure(std::string_view text, const Unit (&units)[N]) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string number(text.substr(0, digits));
  if (number.empty() || number == "." || std::ranges::count(number, '.') > 1) return std::nullopt;
  std::string_view rest = text.substr(digits);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  std::string word(rest);
  for (char& c : word) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  for (const Unit& unit : units) {
    if (unit.word == word) return std::strtod(number.c_str(), nullptr) * unit.factor;
  }
  return std::nullopt;
}

}  // namespace

Result<std::chrono::seconds> parse_keep(std::string_view text) {
  const std::optional<double> seconds = measure(text, kTimes);
  if (seconds && *seconds >= 1 && *seconds < 1e11) {
    return std::chrono::seconds(std::llround(*seconds));
  }
  return fail(Kind::kInvalid, fmt::format("'{}' is not a span of time", text),
              "write a number and s, m, h, d, w or y, such as \"90d\"");
}

Result<std::int64_t> parse_bytes(std::string_view text) {
  const std::optional<double> bytes = measure(text, kSizes);
  if (bytes && *bytes >= 0 && *bytes < 9e18) return std::llround(*bytes);
  return fail(Kind::kInvalid, fmt::format("'{}' is not a size", text),
              "write a number and B, KB, MB, GB or GiB, such as \"500MB\"");
}

}  // namespace sighter::store
