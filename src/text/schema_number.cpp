#include "text/schema_number.hpp"

#include <algorithm>
#include <charconv>

#include "base/limits.hpp"

namespace sighter::text {
namespace {

__extension__ using Wide = unsigned __int128;
constexpr std::size_t kSmallDigits = 18;  // fit into 64 bits

std::uint64_t small(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::uint64_t multiply(std::uint64_t a, std::uint64_t b, std::uint64_t modulus) {
  return static_cast<std::uint64_t>(static_cast<Wide>(a) * b % modulus);
}

bool divides_small(std::uint64_t step, std::string_view digits, std::int64_t zeros) {
  std::uint64_t rest = 0;
  for (char c : digits) {
    rest = static_cast<std::uint64_t>(
        (static_cast<Wide>(rest) * 10 + static_cast<unsigned>(c - '0')) % step);
  }
  std::uint64_t power = 10 % step;
  for (; zeros > 0; zeros >>= 1) {
    if (zeros & 1) rest = multiply(rest, power, step);
    power = multiply(power, power, step);
  }
  return rest == 0;
}

// Long division by a step of any length; the remainder is kept as decimal digits.
bool divides_long(const std::string& step, std::string_view digits, std::int64_t zeros) {
  std::string rest(step.size() + 1, '0');  // rest < step
  const std::string wide = "0" + step;
  const auto push = [&](char digit) {
    rest.erase(0, 1);
    rest += digit;
    while (rest >= wide) {
      int borrow = 0;
      for (std::size_t i = rest.size(); i-- > 0;) {
        int d = rest[i] - wide[i] - borrow;
        borrow = d < 0;
        if (borrow) d += 10;
        rest[i] = static_cast<char>('0' + d);
      }
    }
  };
  for (char c : digits) push(c);
  for (; zeros > 0; --zeros) push('0');
  return rest.find_first_not_of('0') == rest.npos;
}

}  // namespace

ExactNumber::ExactNumber(std::string_view text) {
  if (text.starts_with('-')) {
    negative_ = true;
    text.remove_prefix(1);
  }
  if (const std::size_t e = text.find_first_of("eE"); e != text.npos) {
    std::string_view exponent = text.substr(e + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const bool fits =
        std::from_chars(exponent.data(), exponent.data() + exponent.size(), exponent_).ec ==
        std::errc();
    constexpr std::int64_t kMost = std::int64_t{1} << 60;
    if (!fits) exponent_ = exponent.starts_with('-') ? -kMost : kMost;
    exponent_ = std::clamp(exponent_, -kMost, kMost);
    text = text.substr(0, e);
  }
  const std::size_t point = text.find('.');
  digits_ = text.substr(0, point);
  if (point != text.npos) {
    digits_ += text.substr(point + 1);
    exponent_ -= static_cast<std::int64_t>(text.size() - point - 1);
  }
  digits_.erase(0, std::min(digits_.find_first_not_of('0'), digits_.size()));
  const std::size_t last = digits_.find_last_not_of('0');
  const std::size_t keep = last == digits_.npos ? 0 : last + 1;
  exponent_ += static_cast<std::int64_t>(digits_.size() - keep);
  digits_.resize(keep);
  if (digits_.empty()) {
    negative_ = false;
    exponent_ = 0;
  }
}

std::strong_ordering operator<=>(const ExactNumber& a, const ExactNumber& b) {
  if (a.negative_ != b.negative_)
    return a.negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  if (a.negative_) {
    ExactNumber x = b;
    ExactNumber y = a;
    x.negative_ = y.negative_ = false;
    return x <=> y;
  }
  if (a.is_zero() || b.is_zero()) return !a.is_zero() <=> !b.is_zero();
  const std::int64_t size_a = a.exponent_ + static_cast<std::int64_t>(a.digits_.size());
  const std::int64_t size_b = b.exponent_ + static_cast<std::int64_t>(b.digits_.size());
  if (size_a != size_b) return size_a <=> size_b;
  return a.digits_.compare(b.digits_) <=> 0;
}

std::optional<bool> ExactNumber::is_multiple_of(const ExactNumber& step) const {
  if (is_zero()) return true;
  // Our last digit is not 0, so a step with more zeros at its end cannot divide us.
  if (exponent_ < step.exponent_) return false;
  const std::int64_t zeros = exponent_ - step.exponent_;
  if (step.digits_.size() <= kSmallDigits)
    return divides_small(small(step.digits_), digits_, zeros);
  const auto most = static_cast<std::int64_t>(limits::kNumberExponentMax);
  if (zeros > most || step.digits_.size() * (digits_.size() + static_cast<std::size_t>(zeros)) >
                          1'000 * limits::kNumberExponentMax) {
    return std::nullopt;
  }
  return divides_long(step.digits_, digits_, zeros);
}

std::optional<std::int64_t> ExactNumber::to_int() const {
  if (exponent_ < 0 || exponent_ + static_cast<std::int64_t>(digits_.size()) > 19)
    return std::nullopt;
  std::string text =
      (negative_ ? "-" : "") + digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
  if (is_zero()) text = "0";
  std::int64_t value = 0;
  const bool fits =
      std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc();
  return fits ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> ExactNumber::floor() const {
  if (exponent_ >= 0) return to_int();
  const std::int64_t whole = static_cast<std::int64_t>(digits_.size()) + exponent_;
  if (whole > 18) return std::nullopt;
  const auto value = whole <= 0 ? 0
                                : static_cast<std::int64_t>(small(std::string_view(digits_).substr(
                                      0, static_cast<std::size_t>(whole))));
  return negative_ ? -value - 1 : value;
}

std::optional<std::int64_t> ExactNumber::power_of_ten() const {
  return digits_ == "1" && !negative_ ? std::optional(exponent_) : std::nullopt;
}

}  // namespace sighter::text
