// Filters on numbers.

#include <cmath>
#include <limits>

#include "text/template_filters.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"

namespace sighter::text::jinja {

namespace {

Value no_number(Renderer& r, const Value& value, std::string_view filter) {
  if (!r.check_defined(value, true)) return {};
  return r.fail("the filter '" + std::string(filter) + "' needs a number, not " +
                std::string(type_phrase(value)));
}

// int(float): towards zero; nothing for infinities, NaN and what does not fit.
std::optional<std::int64_t> truncated(double value) {
  if (!(std::fabs(value) < 9223372036854775808.0)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Value abs(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (value.is_float()) return Value::number(std::fabs(value.as_float()));
  if (!is_number(value)) return no_number(r, value, "abs");
  return value.as_int() < 0 ? r.negative(value) : Value::integer(value.as_int());
}

Value to_int(Renderer& r, Call& call) {
  const Value& value = call.self();
  const Value otherwise = call.has(1) ? call[1] : Value::integer(0);
  const std::int64_t base = r.integer_argument(call, 2, 10);
  if (!r.check_defined(value, true)) return {};
  if (value.is_int() || value.is_bool()) return Value::integer(value.as_int());
  if (value.type() == Type::kBigInt) return value;
  std::optional<double> number;
  if (value.is_string()) {
    if (base != 0 && (base < 2 || base > 36)) return r.fail("a base is 0 or lies in 2 to 36");
    const ParsedInt parsed = parse_int(value.text(), static_cast<int>(base));
    if (parsed.valid && parsed.overflow) return r.fail("the integer does not fit into 64 bits");
    if (parsed.valid) return Value::integer(parsed.value);
    number = parse_float(value.text());
  } else if (value.is_float()) {
    number = value.as_float();
  }
  if (!number || !std::isfinite(*number)) return otherwise;
  const auto whole = truncated(*number);
  return whole ? Value::integer(*whole) : r.fail("the number does not fit into 64 bits");
}

Value to_float(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (!r.check_defined(value, true)) return {};
  if (value.is_float()) return value;
  if (value.is_int() || value.is_bool()) return Value::number(static_cast<double>(value.as_int()));
  if (value.is_string() || value.type() == Type::kBigInt) {
    if (const auto number = parse_float(value.text())) return Value::number(*number);
  }
  return call.has(1) ? call[1] : Value::number(0.0);
}

Value round_integer(Renderer& r, std::int64_t value, std::int64_t digits) {
  if (digits >= 0) return Value::integer(value);
  if (digits < -18) return Value::integer(0);
  std::int64_t unit = 1;
  for (std::int64_t i = 0; i < -digits; ++i) unit *= 10;
  const std::int64_t rest = modulo(value, unit);
  std::int64_t low = 0, out = 0;
  if (!subtract(value, rest, low)) return r.fail("the result does not fit into 64 bits");
  const bool half = rest == unit - rest;
  const bool up = rest > unit - rest || (half && (low / unit) % 2 != 0);
  if (up ? !add(low, unit, out) : false) return r.fail("the result does not fit into 64 bits");
  return Value::integer(up ? out : low);
}

Value round(Renderer& r, Call& call) {
  const Value& value = call.self();
  const std::int64_t digits = r.integer_argument(call, 1, 0);
  const std::string method = call.has(2) ? r.str(call[2]) : "common";
  if (r.failed()) return {};
  if (method != "common" && method != "ceil" && method != "floor") {
    return r.fail("the method of 'round' is 'common', 'ceil' or 'floor'");
  }
  if (!is_number(value)) return no_number(r, value, "round");
  if (digits > 1000 || digits < -1000) return r.fail("the precision of 'round' is too large");
  if (method == "common") {
    if (!value.is_float()) return round_integer(r, value.as_int(), digits);
    return Value::number(round_float(value.as_float(), static_cast<int>(digits)));
  }
  const double number = value.is_float() ? value.as_float() : static_cast<double>(value.as_int());
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = number * scale;
  if (!std::isfinite(scaled)) return r.fail("the number is too large to be rounded so");
  // Python's floor gives an integer, so there is no -0.
  return Value::number((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale + 0.0);
}

Value filesizeformat(Renderer& r, Call& call) {
  const Value& value = call.self();
  const bool binary = r.flag_argument(call, 1);
  std::optional<double> bytes;
  if (value.is_float()) bytes = value.as_float();
  if (value.is_int() || value.is_bool()) bytes = static_cast<double>(value.as_int());
  if (value.is_string() || value.type() == Type::kBigInt) bytes = parse_float(value.text());
  if (!bytes) return no_number(r, value, "filesizeformat");
  const double base = binary ? 1024 : 1000;
  if (*bytes == 1) return Value::string("1 Byte");
  if (*bytes < base) {
    const auto whole = truncated(*bytes);
    return whole ? r.text(std::to_string(*whole) + " Bytes")
                 : no_number(r, value, "filesizeformat");
  }
  static constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  for (std::size_t i = 0;; ++i) {
    unit *= base;
    if (*bytes >= unit && i + 1 < kPrefixes.size()) continue;
    std::string prefix(1, binary && i == 0 ? 'K' : kPrefixes[i]);
    return r.text(float_fixed(base * *bytes / unit, 1, 'f') + " " + prefix + (binary ? "iB" : "B"));
  }
}

constexpr Builtin kFilters[] = {
    {"abs", "x", abs},
    {"filesizeformat", "value, binary=", filesizeformat},
    {"float", "value, default=", to_float},
    {"int", "value, default=, base=", to_int},
    {"round", "value, precision=, method=", round},
};

}  // namespace

std::span<const Builtin> number_filters() {
  return kFilters;
}

}  // namespace sighter::text::jinja
