#pragma once
// Numbers as Python reads and writes them. Internal to the template engine.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sighter::text::jinja {

// repr(float): the shortest digits that read back the same; "1.0", "1e+16", "inf", "nan".
std::string float_repr(double value);
// '%.{precision}f', '%.{precision}e' or '%.{precision}g' of C, correctly rounded.
std::string float_fixed(double value, int precision, char letter);

// int(text, base) and float(text): surrounding blanks, a sign, underscores between digits.
struct ParsedInt {
  bool valid = false;     // false: not an integer at all
  bool overflow = false;  // an integer beyond 64 bits
  std::int64_t value = 0;
};
ParsedInt parse_int(std::string_view text, int base);
std::optional<double> parse_float(std::string_view text);

// round(value, digits), half to even on the exact binary value; digits may be negative.
double round_float(double value, int digits);

// False when the result does not fit into 64 bits.
bool add(std::int64_t a, std::int64_t b, std::int64_t& out);
bool subtract(std::int64_t a, std::int64_t b, std::int64_t& out);
bool multiply(std::int64_t a, std::int64_t b, std::int64_t& out);
bool power(std::int64_t base, std::int64_t exponent, std::int64_t& out);  // exponent >= 0

// Python's // and %: towards minus infinity. The divisor is not zero; floor_divide of the least
// integer by -1 does not fit and is for the caller to refuse.
std::int64_t floor_divide(std::int64_t a, std::int64_t b);
std::int64_t modulo(std::int64_t a, std::int64_t b);
double floor_divide(double a, double b);
double modulo(double a, double b);

}  // namespace sighter::text::jinja
