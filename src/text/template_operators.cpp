// Operators on values, with Python's meaning.

#include <cmath>
#include <limits>

#include "text/template_format.hpp"
#include "text/template_javascript.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"
#include "text/template_text.hpp"

namespace sighter::text::jinja {

namespace {

constexpr int kCompareDepthMax = 300;

std::string_view symbol(Arithmetic op) {
  switch (op) {
    case Arithmetic::kAdd:
      return "+";
    case Arithmetic::kSubtract:
      return "-";
    case Arithmetic::kMultiply:
      return "*";
    case Arithmetic::kDivide:
      return "/";
    case Arithmetic::kFloor:
      return "//";
    case Arithmetic::kModulo:
      return "%";
    case Arithmetic::kPower:
      return "**";
  }
  return "";
}

bool is_list(const Value& value) {
  return value.type() == Type::kJsonArray ||
         (value.is_object(Object::Kind::kList) &&
          value.as<ListObject>().form == ListObject::Form::kList);
}

bool is_tuple(const Value& value) {
  return value.is_object(Object::Kind::kList) && value.as<ListObject>().is_tuple();
}

double as_double(const Value& value) {
  return value.is_float() ? value.as_float() : static_cast<double>(value.as_int());
}

}  // namespace

bool Renderer::truth(const Value& value) {
  if (input_.dialect.javascript_values) return javascript::truth(value);
  switch (value.type()) {
    case Type::kUndefined:
      check_defined(value);
      return false;
    case Type::kNone:
      return false;
    case Type::kBool:
      return value.as_bool();
    case Type::kInt:
      return value.as_int() != 0;
    case Type::kFloat:
      return value.as_float() != 0.0;
    case Type::kBigInt:
      return true;
    case Type::kString:
      return !value.text().empty();
    case Type::kJsonArray:
      return !value.json().as_array().empty();
    case Type::kJsonObject:
      return !value.json().as_object().empty();
    case Type::kFunction:
      return true;
    case Type::kObject:
      break;
  }
  switch (value.owner()->kind) {
    case Object::Kind::kList: {
      const auto& list = value.as<ListObject>();
      // A Python generator is true even when nothing will come out of it.
      return list.form == ListObject::Form::kGenerator || !list.items.empty();
    }
    case Object::Kind::kDict:
      return !value.as<DictObject>().pairs.empty();
    case Object::Kind::kRange:
      return value.as<RangeObject>().size != 0;
    default:
      return true;
  }
}

bool Renderer::equal(const Value& a, const Value& b, int depth) {
  if (input_.dialect.javascript_values) return javascript::compare(*this, Comparison::kSame, a, b);
  if (depth > kCompareDepthMax) {
    fail("the values are nested too deeply to be compared");
    return false;
  }
  if (a.is_undefined() || b.is_undefined()) {
    if (!check_defined(a.is_undefined() ? a : b)) return false;
    return a.is_undefined() && b.is_undefined();
  }
  if (is_number(a) && is_number(b)) {
    const Order order = compare_numbers(a, b);
    return order.ordered && order.sign == 0;
  }
  if (a.is_string() && b.is_string()) {
    return a.text().size() == b.text().size() && spend(a.text().size() / 1024) &&
           a.text() == b.text();
  }
  if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b))) {
    const std::size_t size = sequence_size(a);
    if (size != sequence_size(b) || !spend(1 + size / 8)) return false;
    for (std::size_t i = 0; i < size; ++i) {
      if (!equal(sequence_at(a, i), sequence_at(b, i), depth + 1)) return false;
    }
    return true;
  }
  if (a.is_mapping() && b.is_mapping()) {
    const std::size_t size = mapping_size(a);
    if (size != mapping_size(b) || !spend(1 + size / 8)) return false;
    for (std::size_t i = 0; i < size; ++i) {
      const auto [key, value] = mapping_at(a, i);
      bool found = false;
      const Value other = mapping_get(b, key, found);
      if (!found || !equal(value, other, depth + 1)) return false;
    }
    return true;
  }
  if (a.is_object(Object::Kind::kRange) && b.is_object(Object::Kind::kRange)) {
    const auto& x = a.as<RangeObject>();
    const auto& y = b.as<RangeObject>();
    return x.size == y.size &&
           (x.size == 0 || (x.start == y.start && (x.size == 1 || x.step == y.step)));
  }
  return same_key(a, b);
}

bool Renderer::less(const Value& a, const Value& b, int depth) {
  if (input_.dialect.javascript_values) return javascript::compare(*this, Comparison::kLt, a, b);
  if (depth > kCompareDepthMax) {
    fail("the values are nested too deeply to be compared");
    return false;
  }
  if (a.is_undefined() || b.is_undefined()) {
    check_defined(a.is_undefined() ? a : b, true);
    return false;
  }
  if (is_number(a) && is_number(b)) {
    const Order order = compare_numbers(a, b);
    return order.ordered && order.sign < 0;
  }
  if (a.is_string() && b.is_string()) {  // in UTF-8, bytes have the order of code points
    return spend(std::min(a.text().size(), b.text().size()) / 1024) && a.text() < b.text();
  }
  if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b))) {
    const std::size_t size = std::min(sequence_size(a), sequence_size(b));
    if (!spend(1 + size / 8)) return false;
    for (std::size_t i = 0; i < size; ++i) {
      const Value x = sequence_at(a, i), y = sequence_at(b, i);
      if (!equal(x, y, depth + 1)) return !failed() && less(x, y, depth + 1);
    }
    return sequence_size(a) < sequence_size(b);
  }
  if (a.type() == Type::kBigInt || b.type() == Type::kBigInt) {
    fail("an integer beyond 64 bits cannot be compared by size");
  } else {
    fail(std::string(type_phrase(a)) + " and " + std::string(type_phrase(b)) +
         " cannot be compared by size");
  }
  return false;
}

bool Renderer::compare(Comparison op, const Value& a, const Value& b) {
  if (input_.dialect.javascript_values) return javascript::compare(*this, op, a, b);
  // Not a < b is not b <= a where a NaN is.
  const bool nan =
      (a.is_float() && std::isnan(a.as_float())) || (b.is_float() && std::isnan(b.as_float()));
  switch (op) {
    case Comparison::kEq:
      return equal(a, b);
    case Comparison::kNe:
      return !equal(a, b);
    case Comparison::kLt:
      return less(a, b);
    case Comparison::kGt:
      return less(b, a);
    case Comparison::kLe:
      return !less(b, a) && !nan && !failed();
    case Comparison::kGe:
      return !less(a, b) && !nan && !failed();
    case Comparison::kIn:
      return contains(b, a);
    case Comparison::kNotIn:
      return !contains(b, a);
    case Comparison::kSame:
    case Comparison::kNotSame:
      break;  // JavaScript's only
  }
  return false;
}

bool Renderer::contains(const Value& container, const Value& item) {
  if (container.is_undefined()) {
    check_defined(container);
    return false;
  }
  if (container.is_string()) {
    if (!item.is_string()) {
      if (item.is_undefined() && !check_defined(item)) return false;
      fail("'in' looks for a string in a string, not for " + std::string(type_phrase(item)));
      return false;
    }
    return spend(1 + container.text().size() / 1024) &&
           find_part(container.text(), item.text()) != std::string_view::npos;
  }
  if (container.is_mapping()) {
    if (!check_defined(item)) return false;
    bool found = false;
    mapping_get(container, item, found);
    return found;
  }
  if (container.is_object(Object::Kind::kRange) && item.is_int()) {
    const auto& range = container.as<RangeObject>();
    __extension__ using Wide = __int128;
    const Wide offset = static_cast<Wide>(item.as_int()) - range.start;
    return range.size > 0 && offset % range.step == 0 && offset / range.step >= 0 &&
           offset / range.step < range.size;
  }
  if (!is_iterable(container)) {
    fail("'in' needs a list, a mapping or a string, not " + std::string(type_phrase(container)));
    return false;
  }
  Items all = items(container);
  Value candidate;
  while (!failed() && all.next(candidate)) {
    if (equal(item, candidate)) return true;
  }
  return false;
}

Value Renderer::negative(const Value& value) {
  if (input_.dialect.javascript_values)
    return javascript::of_number(-javascript::to_number(*this, value));
  if (value.is_float()) return Value::number(-value.as_float());
  if (value.is_int() || value.is_bool()) {
    std::int64_t out = 0;
    if (!subtract(0, value.as_int(), out)) return fail("the result does not fit into 64 bits");
    return Value::integer(out);
  }
  if (!check_defined(value, true)) return {};
  return fail("'-' needs a number, not " + std::string(type_phrase(value)));
}

namespace {

Value integer_arithmetic(Renderer& r, Arithmetic op, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool fits = true;
  switch (op) {
    case Arithmetic::kAdd:
      fits = add(a, b, out);
      break;
    case Arithmetic::kSubtract:
      fits = subtract(a, b, out);
      break;
    case Arithmetic::kMultiply:
      fits = multiply(a, b, out);
      break;
    case Arithmetic::kDivide:
      if (b == 0) return r.fail("division by zero");
      return Value::number(static_cast<double>(static_cast<long double>(a) / b));
    case Arithmetic::kFloor:
      if (b == 0) return r.fail("division by zero");
      fits = !(b == -1 && a == std::numeric_limits<std::int64_t>::min());
      if (fits) out = floor_divide(a, b);
      break;
    case Arithmetic::kModulo:
      if (b == 0) return r.fail("division by zero");
      out = modulo(a, b);
      break;
    case Arithmetic::kPower:
      if (b < 0) {
        if (a == 0) return r.fail("division by zero: 0 to a negative power");
        return Value::number(std::pow(static_cast<double>(a), static_cast<double>(b)));
      }
      fits = power(a, b, out);
      break;
  }
  if (!fits) {
    return r.fail("the result does not fit into 64 bits",
                  "make one side a float: 2.0 instead of 2");
  }
  return Value::integer(out);
}

Value float_arithmetic(Renderer& r, Arithmetic op, double a, double b) {
  const bool divides =
      op == Arithmetic::kDivide || op == Arithmetic::kFloor || op == Arithmetic::kModulo;
  if (divides && b == 0.0) return r.fail("division by zero");
  switch (op) {
    case Arithmetic::kAdd:
      return Value::number(a + b);
    case Arithmetic::kSubtract:
      return Value::number(a - b);
    case Arithmetic::kMultiply:
      return Value::number(a * b);
    case Arithmetic::kDivide:
      return Value::number(a / b);
    case Arithmetic::kFloor:
      return Value::number(floor_divide(a, b));
    case Arithmetic::kModulo:
      return Value::number(modulo(a, b));
    case Arithmetic::kPower:
      break;
  }
  if (a == 0.0 && b < 0) return r.fail("division by zero: 0 to a negative power");
  if (a < 0 && b != std::floor(b) && std::isfinite(b)) {
    return r.fail("a negative number to a broken power is not a real number");
  }
  const double out = std::pow(a, b);
  if (std::isinf(out) && std::isfinite(a) && std::isfinite(b))
    return r.fail("the result is too large");
  return Value::number(out);
}

// "ab" * 3, [1] * 3
Value repeated(Renderer& r, const Value& what, std::int64_t times) {
  const auto count = static_cast<std::size_t>(times < 0 ? 0 : times);
  if (what.is_string()) {
    const std::size_t size = what.text().size();
    if (size != 0 && count > r.input().limits.bytes_max / size) {
      r.may_make(std::numeric_limits<std::size_t>::max());
      return {};
    }
    std::string out;
    out.reserve(size * count);
    for (std::size_t i = 0; i < count && size != 0; ++i) out += what.text();
    return r.text(std::move(out), what.is_markup());
  }
  const std::size_t size = Renderer::sequence_size(what);
  if (size != 0 && count > limits::kTemplateStepsMax / size) {
    r.spend(limits::kTemplateStepsMax + 1);
    return {};
  }
  if (!r.spend(size * count)) return {};
  auto out = r.new_list(is_tuple(what) ? ListObject::Form::kTuple : ListObject::Form::kList);
  for (std::size_t i = 0; i < count && size != 0; ++i) {
    for (std::size_t j = 0; j < size; ++j) out->append(Renderer::sequence_at(what, j));
  }
  return Renderer::value_of(out);
}

Value joined_lists(Renderer& r, const Value& a, const Value& b) {
  const std::size_t left = Renderer::sequence_size(a), right = Renderer::sequence_size(b);
  if (!r.spend(1 + (left + right) / 8)) return {};
  auto out = r.new_list(is_tuple(a) ? ListObject::Form::kTuple : ListObject::Form::kList);
  out->items.reserve(left + right);
  for (std::size_t i = 0; i < left; ++i) out->append(Renderer::sequence_at(a, i));
  for (std::size_t i = 0; i < right; ++i) out->append(Renderer::sequence_at(b, i));
  return Renderer::value_of(out);
}

Value joined_strings(Renderer& r, const Value& a, const Value& b) {
  if (!r.may_make(a.text().size() + b.text().size())) return {};
  const bool markup = a.is_markup() || b.is_markup();
  std::string out;
  out.reserve(a.text().size() + b.text().size());
  for (const Value* part : {&a, &b}) {
    markup && !part->is_markup() ? r.escape(out, part->text()) : void(out += part->text());
  }
  return r.text(std::move(out), markup);
}

}  // namespace

Value Renderer::arithmetic(Arithmetic op, const Value& a, const Value& b) {
  if (input_.dialect.javascript_values) return javascript::arithmetic(*this, op, a, b);
  if (is_number(a) && is_number(b)) {
    if (a.is_float() || b.is_float())
      return float_arithmetic(*this, op, as_double(a), as_double(b));
    return integer_arithmetic(*this, op, a.as_int(), b.as_int());
  }
  if (op == Arithmetic::kModulo && a.is_string()) return format_printf(*this, a, b);
  if (!check_defined(a, true) || !check_defined(b, true)) return {};
  if (op == Arithmetic::kAdd) {
    if (a.is_string() && b.is_string()) return joined_strings(*this, a, b);
    if ((is_list(a) && is_list(b)) || (is_tuple(a) && is_tuple(b)))
      return joined_lists(*this, a, b);
  }
  if (op == Arithmetic::kMultiply) {
    const auto repeats = [](const Value& v) { return v.is_string() || is_list(v) || is_tuple(v); };
    if (repeats(a) && (b.is_int() || b.is_bool())) return repeated(*this, a, b.as_int());
    if (repeats(b) && (a.is_int() || a.is_bool())) return repeated(*this, b, a.as_int());
  }
  if (a.type() == Type::kBigInt || b.type() == Type::kBigInt) {
    return fail("an integer beyond 64 bits cannot be reckoned with", "use |float, or a string");
  }
  const bool text_and_other = op == Arithmetic::kAdd && a.is_string() != b.is_string();
  return fail("'" + std::string(symbol(op)) + "' does not work on " + std::string(type_phrase(a)) +
                  " and " + std::string(type_phrase(b)),
              text_and_other ? "'~' joins anything as text" : "");
}

Value Renderer::concat(std::span<const Value> parts) {
  bool markup = false;
  for (const Value& part : parts) markup |= part.is_markup();
  markup &= autoescape_;
  std::string out, storage;
  for (const Value& part : parts) {
    if (markup && !part.is_markup()) {
      escape(out, view(part, storage));
    } else if (input_.dialect.javascript_values) {
      out += javascript::text_of(*this, part);
    } else {
      print(out, part);
    }
    if (!may_make(out.size())) return {};
  }
  return text(std::move(out), markup);
}

}  // namespace sighter::text::jinja
