// Ranges of numbers as digits.

#include <fmt/format.h>

#include <algorithm>

#include "text/grammar_rules.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kDigitsMax = 18;  // of an integer without bound; all of them fit into 64 bits

std::string digit_class(char low, char high) {
  return low == high ? fmt::format("\"{}\"", low) : fmt::format("[{}-{}]", low, high);
}

std::string digits(std::size_t least, std::size_t most) {
  if (most == 0) return "";
  return " " + gbnf_repeat("[0-9]", least, most);
}

// Numbers of the same length from low to high, as alternatives in parentheses where there are many.
std::string same_length(std::string_view low, std::string_view high) {
  if (low.empty()) return "";
  const std::size_t rest = low.size() - 1;
  const bool low_open = low.substr(1).find_first_not_of('0') == low.npos;
  const bool high_open = high.substr(1).find_first_not_of('9') == high.npos;
  if (low_open && high_open) return digit_class(low[0], high[0]) + digits(rest, rest);
  const auto joined = [](char digit, const std::string& tail) {
    return fmt::format("\"{}\" {}", digit, tail);
  };
  if (low[0] == high[0]) return joined(low[0], same_length(low.substr(1), high.substr(1)));
  std::string out;
  char first = low[0];
  char last = high[0];
  if (!low_open) out += joined(first++, same_length(low.substr(1), std::string(rest, '9')));
  if (!high_open) --last;
  if (first <= last)
    out += (out.empty() ? "" : " | ") + digit_class(first, last) + digits(rest, rest);
  if (!high_open)
    out += " | " + joined(high[0], same_length(std::string(rest, '0'), high.substr(1)));
  return "(" + out + ")";
}

// Natural numbers from low to high (nullopt: all that have at most kDigitsMax digits).
std::string natural(unsigned long long low, std::optional<unsigned long long> high) {
  std::vector<std::string> out;
  std::string first = fmt::format("{}", low);
  const std::string last = high ? fmt::format("{}", *high) : std::string(kDigitsMax, '9');
  while (first.size() < last.size()) {
    const bool rest_is_whole = first.find_first_not_of('0', 1) == first.npos && first[0] == '1';
    if (rest_is_whole && !high) {
      out.push_back("[1-9]" + digits(first.size() - 1, kDigitsMax - 1));
      return fmt::format("{}", fmt::join(out, " | "));
    }
    out.push_back(same_length(first, std::string(first.size(), '9')));
    first = "1" + std::string(first.size(), '0');
  }
  out.push_back(same_length(first, last));
  return fmt::format("{}", fmt::join(out, " | "));
}

unsigned long long negated(long long value) {
  return 0ull - static_cast<unsigned long long>(value);
}

// The natural numbers n such that n (negative: -n) is within; nullopt when there is none.
std::optional<std::string> side(IntegerBounds bounds, bool negative) {
  const std::optional<long long> near = negative ? bounds.most : bounds.least;
  const std::optional<long long> far = negative ? bounds.least : bounds.most;
  const auto size = [&](long long v) {
    return negative ? negated(v) : static_cast<unsigned long long>(v);
  };
  unsigned long long low = negative ? 1 : 0;
  if (near && (negative ? *near < 0 : *near > 0)) low = size(*near);
  if (!far) return natural(low, std::nullopt);
  if (negative ? *far >= 0 : *far < 0) return std::nullopt;
  if (size(*far) < low) return std::nullopt;
  return natural(low, size(*far));
}

// Values n.f of one sign. A fraction may follow n when all of n .. n+1 is within, so n + 1 <= high;
// a bound that itself is left out lets n have only fractions that are not zero.
std::string number_side(NumberBounds bounds, bool negative, const std::string& fraction,
                        const std::string& not_zero) {
  std::optional<long long> low = negative ? bounds.most : bounds.least;
  std::optional<long long> high = negative ? bounds.least : bounds.most;
  bool above = negative ? bounds.below : bounds.above;
  const bool below = negative ? bounds.above : bounds.below;
  if (negative && low) *low = -*low;
  if (negative && high) *high = -*high;
  if (high && (*high < 0 || (*high == 0 && (below || negative)))) return "";
  if (!low || *low < 0) low = 0, above = false;
  std::vector<std::string> out;
  const auto range = [](long long a, std::optional<long long> b) {
    return natural(static_cast<unsigned long long>(a),
                   b ? std::optional(static_cast<unsigned long long>(*b)) : std::nullopt);
  };
  const long long first = *low + (above ? 1 : 0);
  std::optional<long long> last_fraction = high;
  if (last_fraction) --*last_fraction;
  if (!last_fraction || first <= *last_fraction)
    out.push_back(fmt::format("({}) {}", range(first, last_fraction), fraction));
  if (above && (!high || *low < *high)) out.push_back(fmt::format("\"{}\" {}", *low, not_zero));
  if (high && !below && first <= *high)
    out.push_back(fmt::format("\"{}\" (\".\" \"0\"{{1,4}})?", *high));
  return fmt::format("{}", fmt::join(out, " | "));
}

}  // namespace

std::string integer_expression(IntegerBounds bounds) {
  const auto positive = side(bounds, false);
  const auto negative = side(bounds, true);
  std::string out;
  if (negative) out += fmt::format("\"-\" ({})", *negative);
  if (positive) out += (out.empty() ? "" : " | ") + *positive;
  return out.empty() ? gbnf_never() : out;
}

std::string number_expression(GrammarRules& rules, NumberBounds bounds, int fraction_digits) {
  const std::string fraction =
      rules.add("fraction", fmt::format("(\".\" [0-9]{{1,{}}})?", fraction_digits));
  const std::string not_zero = rules.add(
      "fraction-not-zero",
      fmt::format("\".\" {} [1-9]",
                  gbnf_repeat("[0-9]", 0, static_cast<std::size_t>(fraction_digits - 1))));
  const std::string positive = number_side(bounds, false, fraction, not_zero);
  const std::string negative = number_side(bounds, true, fraction, not_zero);
  std::string out;
  if (!negative.empty()) out += fmt::format("\"-\" ({})", negative);
  if (!positive.empty()) out += (out.empty() ? "" : " | ") + positive;
  return out.empty() ? gbnf_never() : out;
}

}  // namespace sighter::text
