#include "text/template_number.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer - 1, value, std::chars_format::scientific);
  *end.ptr = '\0';
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const std::size_t e = text.find('e');
  int exponent = std::atoi(buffer + e + 1);
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  std::string out(value < 0 || std::signbit(value) ? "-" : "");
  // Python writes 1e-05 and 1e+16, and anything between in full.
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (digits.size() > 1) out += '.' + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    exponent = std::abs(exponent);
    if (exponent < 10) out += '0';
    return out + std::to_string(exponent);
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + '.' + digits.substr(whole);
}

std::string float_fixed(double value, int precision, char letter) {
  const char format[] = {'%', '.', '*', letter, '\0'};
  const int size = std::snprintf(nullptr, 0, format, precision, value);
  std::string out(static_cast<std::size_t>(size) + 1, '\0');
  std::snprintf(out.data(), out.size(), format, precision, value);
  out.pop_back();
  return out;
}

namespace {

std::string_view trimmed(std::string_view text) {
  return strip_left(strip_right(text));
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

int prefix_base(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return 0;
  switch (text[1] | 0x20) {
    case 'x':
      return 16;
    case 'o':
      return 8;
    case 'b':
      return 2;
    default:
      return 0;
  }
}

}  // namespace

ParsedInt parse_int(std::string_view text, int base) {
  text = trimmed(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (base == 0 || base == prefix_base(text)) {
    const int prefix = prefix_base(text);
    if (prefix != 0) {
      text.remove_prefix(2);
      if (!text.empty() && text[0] == '_') text.remove_prefix(1);
    } else if (text.size() > 1 && text[0] == '0' &&
               text.find_first_not_of("0_") != std::string_view::npos) {
      return {};
    }
    base = prefix != 0 ? prefix : 10;
  }
  ParsedInt out;
  bool was_digit = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && was_digit && i + 1 < text.size()) {
      was_digit = false;
      continue;
    }
    const int digit = digit_value(text[i]);
    if (digit >= base) return {};
    out.overflow |= !multiply(out.value, base, out.value);
    out.overflow |=
        !(negative ? subtract(out.value, digit, out.value) : add(out.value, digit, out.value));
    was_digit = true;
  }
  out.valid = was_digit;
  return out;
}

std::optional<double> parse_float(std::string_view text) {
  text = trimmed(text);
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && digit_value(text[i - 1]) < 10 &&
                         digit_value(text[i + 1]) < 10;
    if (!between) return std::nullopt;
  }
  // strtod also reads hexadecimal and "nan(...)", which Python does not.
  if (plain.empty() || plain.find_first_of("xXpP(") != std::string::npos) return std::nullopt;
  if (plain.find('\0') != std::string::npos || is_space(static_cast<unsigned char>(plain[0]))) {
    return std::nullopt;
  }
  char* end = nullptr;
  const double value = std::strtod(plain.c_str(), &end);
  if (end != plain.c_str() + plain.size()) return std::nullopt;
  return value;
}

double round_float(double value, int digits) {
  if (!std::isfinite(value)) return value;
  if (digits > 323) return value;
  if (digits < -308) return std::copysign(0.0, value);
  if (digits >= 0) return std::strtod(float_fixed(value, digits, 'f').c_str(), nullptr);
  // Half to even on the quotient, as Python does for digits left of the point.
  const double power_of_ten = std::pow(10.0, -digits);
  const double scaled = value / power_of_ten;
  double rounded = std::round(scaled);
  if (std::fabs(scaled - rounded) == 0.5) rounded = 2.0 * std::round(scaled / 2.0);
  return rounded * power_of_ten;
}

bool add(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return !__builtin_add_overflow(a, b, &out);
}
bool subtract(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return !__builtin_sub_overflow(a, b, &out);
}
bool multiply(std::int64_t a, std::int64_t b, std::int64_t& out) {
  return !__builtin_mul_overflow(a, b, &out);
}

bool power(std::int64_t base, std::int64_t exponent, std::int64_t& out) {
  out = 1;
  if (base == 0 || base == 1) {
    out = exponent == 0 ? 1 : base;
    return true;
  }
  if (base == -1) {
    out = exponent % 2 == 0 ? 1 : -1;
    return true;
  }
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (!multiply(out, base, out)) return false;  // after at most 63 turns
  }
  return true;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t modulo(std::int64_t a, std::int64_t b) {
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

double modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0.0) {
    if ((rest < 0) != (b < 0)) rest += b;
  } else {
    rest = std::copysign(0.0, b);
  }
  return rest;
}

double floor_divide(double a, double b) {
  const double rest = std::fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0.0 && (rest < 0) != (b < 0)) quotient -= 1.0;
  if (quotient == 0.0) return std::copysign(0.0, a / b);
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1.0;
  return floored;
}

}  // namespace sighter::text::jinja
