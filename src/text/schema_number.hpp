#pragma once
// Numbers as JSON Schema compares them: exact decimals, of any size and precision.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sighter::text {

class ExactNumber {
 public:
  ExactNumber() = default;  // 0
  // The text of a JSON number. An exponent beyond 2^60 counts as 2^60.
  explicit ExactNumber(std::string_view text);

  bool is_integer() const { return exponent_ >= 0; }
  bool is_zero() const { return digits_.empty(); }
  bool is_negative() const { return negative_; }
  // Exactly a multiple of `step` (not zero). nullopt where the answer would take more than
  // limits::kNumberExponentMax digits of arithmetic.
  std::optional<bool> is_multiple_of(const ExactNumber& step) const;
  // The value when it is an integer that fits.
  std::optional<std::int64_t> to_int() const;
  // The largest integer that is not above it, when that fits.
  std::optional<std::int64_t> floor() const;
  // 10^n for this n, when it is a power of ten: 0.01 gives -2.
  std::optional<std::int64_t> power_of_ten() const;

  friend std::strong_ordering operator<=>(const ExactNumber& a, const ExactNumber& b);
  friend bool operator==(const ExactNumber& a, const ExactNumber& b) = default;

 private:
  // value = digits * 10^exponent; no leading or trailing zeros; zero has no digits.
  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
};

}  // namespace sighter::text
