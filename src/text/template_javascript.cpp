// Values as JavaScript sees them, for templates of Nunjucks: printing, truth, comparison,
// arithmetic.

#include "text/template_javascript.hpp"

#include <cmath>
#include <limits>

#include "base/utf8.hpp"
#include "text/template_number.hpp"

namespace sighter::text::jinja::javascript {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kExact = 9007199254740992.0;  // 2^53: integers up to here are exact
constexpr int kDepthMax = 300;

bool is_primitive(const Value& value) {
  return value.is_string() || value.is_bool() || is_number(value) || value.type() == Type::kBigInt;
}

void print_at(Renderer& r, std::string& out, const Value& value, int depth, bool inside) {
  if (depth > kDepthMax || !r.spend(1)) {
    if (!r.failed()) r.fail("the value is nested too deeply to be printed");
    return;
  }
  switch (value.type()) {
    case Type::kUndefined:
    case Type::kNone:
      return;
    case Type::kBool:
      out += value.as_bool() ? "true" : "false";
      return;
    case Type::kInt:
      out += std::to_string(value.as_int());
      return;
    case Type::kFloat:
      out += number_text(value.as_float());
      return;
    case Type::kBigInt:
    case Type::kString:
      if (r.may_make(out.size() + value.text().size())) out += value.text();
      return;
    default:
      break;
  }
  if (value.is_object(Object::Kind::kRange)) {
    Items items = r.items(value);
    Value item;
    for (bool first = true; !r.failed() && items.next(item); first = false) {
      if (!first) out += ',';
      print_at(r, out, item, depth + 1, true);
      if (!r.may_make(out.size())) return;
    }
    return;
  }
  if (Renderer::is_sequence(value)) {
    const std::size_t size = Renderer::sequence_size(value);
    for (std::size_t i = 0; i < size && !r.failed(); ++i) {
      if (i != 0) out += ',';
      print_at(r, out, Renderer::sequence_at(value, i), depth + 1, true);
      if (!r.may_make(out.size())) return;
    }
    return;
  }
  if (value.is_mapping() || value.is_object(Object::Kind::kLoop) || inside) {
    out += "[object Object]";
    return;
  }
  r.fail(std::string(type_phrase(value)) + " cannot be printed");
}

double number_in(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n\v\f");
  if (begin == text.npos) return 0;
  text = text.substr(begin, text.find_last_not_of(" \t\r\n\v\f") - begin + 1);
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    const ParsedInt parsed = parse_int(text.substr(2), 16);
    return parsed.valid && !parsed.overflow ? static_cast<double>(parsed.value) : kNaN;
  }
  if (text == "Infinity" || text == "+Infinity") return HUGE_VAL;
  if (text == "-Infinity") return -HUGE_VAL;
  if (text.find_first_not_of("0123456789+-.eE") != text.npos) return kNaN;
  return parse_float(text).value_or(kNaN);
}

bool same_place(const Value& a, const Value& b) {
  if (a.type() != b.type()) return false;
  if (a.type() == Type::kJsonArray || a.type() == Type::kJsonObject) return &a.json() == &b.json();
  return a.owner() != nullptr && a.owner() == b.owner();
}

bool strictly_equal(Renderer& r, const Value& a, const Value& b) {
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_string() && b.is_string())
    return r.spend(1 + a.text().size() / 1024) && a.text() == b.text();
  if (a.is_bool() && b.is_bool()) return a.as_bool() == b.as_bool();
  const auto numeric = [](const Value& v) { return v.is_int() || v.is_float(); };
  if (numeric(a) && numeric(b)) return to_number(r, a) == to_number(r, b);
  if (a.type() == Type::kBigInt && b.type() == Type::kBigInt) return a.text() == b.text();
  return same_place(a, b);
}

bool loosely_equal(Renderer& r, const Value& a, const Value& b) {
  const auto nothing = [](const Value& v) { return v.is_undefined() || v.is_none(); };
  if (nothing(a) || nothing(b)) return nothing(a) && nothing(b);
  if (!is_primitive(a) && !is_primitive(b)) return same_place(a, b);
  if (a.is_string() && b.is_string()) return strictly_equal(r, a, b);
  if (!is_primitive(a) && b.is_string()) return text_of(r, a) == b.text();
  if (!is_primitive(b) && a.is_string()) return text_of(r, b) == a.text();
  return to_number(r, a) == to_number(r, b);
}

}  // namespace

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  if (value == 0) return "0";
  const std::string shortest = float_repr(value);  // "1.0", "1.5e-07", "1e+22"
  const std::string_view sign = value < 0 ? "-" : "";
  std::string digits;
  int point = 0;  // where the point stands, in digits from the left
  int exponent = 0;
  bool seen = false;
  for (std::size_t i = sign.size(); i < shortest.size(); ++i) {
    const char c = shortest[i];
    if (c == 'e') {
      exponent = std::stoi(shortest.substr(i + 1));
      break;
    }
    if (c == '.') {
      seen = true;
    } else {
      digits += c;
      if (!seen) ++point;
    }
  }
  point += exponent;
  while (digits.size() > 1 && digits.front() == '0') {
    digits.erase(0, 1);
    --point;
  }
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  const int count = static_cast<int>(digits.size());
  std::string out(sign);
  if (count <= point && point <= 21)
    return out + digits + std::string(static_cast<std::size_t>(point - count), '0');
  if (0 < point && point <= 21) return out + digits.insert(static_cast<std::size_t>(point), ".");
  if (-6 < point && point <= 0)
    return out + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  if (count > 1) digits.insert(1, ".");
  return out + digits + (point > 0 ? "e+" : "e-") + std::to_string(std::abs(point - 1));
}

void print(Renderer& r, std::string& out, const Value& value) {
  print_at(r, out, value, 0, false);
}

std::string text_of(Renderer& r, const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is_none()) return "null";
  std::string out;
  print(r, out, value);
  return out;
}

double to_number(Renderer& r, const Value& value) {
  switch (value.type()) {
    case Type::kUndefined:
      return kNaN;
    case Type::kNone:
      return 0;
    case Type::kBool:
    case Type::kInt:
      return static_cast<double>(value.as_int());
    case Type::kFloat:
      return value.as_float();
    case Type::kBigInt:
    case Type::kString:
      return number_in(value.text());
    default:
      return Renderer::is_sequence(value) ? number_in(text_of(r, value)) : kNaN;
  }
}

Value of_number(double value) {
  if (value == std::trunc(value) && std::abs(value) < kExact)
    return Value::integer(static_cast<std::int64_t>(value));
  return Value::number(value);
}

bool truth(const Value& value) {
  switch (value.type()) {
    case Type::kUndefined:
    case Type::kNone:
      return false;
    case Type::kBool:
    case Type::kInt:
      return value.as_int() != 0;
    case Type::kFloat:
      return value.as_float() != 0.0 && !std::isnan(value.as_float());
    case Type::kString:
      return !value.text().empty();
    default:
      return true;
  }
}

bool compare(Renderer& r, Comparison op, const Value& a, const Value& b) {
  switch (op) {
    case Comparison::kSame:
      return strictly_equal(r, a, b);
    case Comparison::kNotSame:
      return !strictly_equal(r, a, b);
    case Comparison::kEq:
      return loosely_equal(r, a, b);
    case Comparison::kNe:
      return !loosely_equal(r, a, b);
    case Comparison::kIn:
      return r.contains(b, a);
    case Comparison::kNotIn:
      return !r.contains(b, a) && !r.failed();
    default:
      break;
  }
  if (a.is_string() && b.is_string()) {
    if (!r.spend(1 + std::min(a.text().size(), b.text().size()) / 1024)) return false;
    const int order = a.text().compare(b.text());
    return op == Comparison::kLt   ? order < 0
           : op == Comparison::kLe ? order <= 0
           : op == Comparison::kGt ? order > 0
                                   : order >= 0;
  }
  const double x = to_number(r, a);
  const double y = to_number(r, b);
  return op == Comparison::kLt   ? x < y
         : op == Comparison::kLe ? x <= y
         : op == Comparison::kGt ? x > y
                                 : x >= y;
}

Value arithmetic(Renderer& r, Arithmetic op, const Value& a, const Value& b) {
  const auto joins = [](const Value& v) {
    return v.is_string() || !(is_primitive(v) || v.is_undefined() || v.is_none());
  };
  if (op == Arithmetic::kAdd && (joins(a) || joins(b))) {
    std::string out = text_of(r, a) + text_of(r, b);
    return r.failed() ? Value() : r.text(std::move(out));
  }
  const double x = to_number(r, a);
  const double y = to_number(r, b);
  switch (op) {
    case Arithmetic::kAdd:
      return of_number(x + y);
    case Arithmetic::kSubtract:
      return of_number(x - y);
    case Arithmetic::kMultiply:
      return of_number(x * y);
    case Arithmetic::kDivide:
      return of_number(x / y);
    case Arithmetic::kFloor:
      return of_number(std::floor(x / y));
    case Arithmetic::kModulo:
      return of_number(std::fmod(x, y));
    case Arithmetic::kPower:
      return of_number(std::isnan(y) ? kNaN : std::pow(x, y));
  }
  return {};
}

std::size_t length(std::string_view text) {
  std::size_t units = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

}  // namespace sighter::text::jinja::javascript
