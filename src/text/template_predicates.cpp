// Tests: {{ x is defined }}.

#include "text/template_filters.hpp"
#include "text/template_number.hpp"
#include "text/template_render.hpp"
#include "text/template_unicode.hpp"

namespace sighter::text::jinja {

namespace {

Value yes(bool holds) {
  return Value::boolean(holds);
}

Value defined(Renderer&, Call& call) {
  return yes(!call.self().is_undefined());
}
Value undefined(Renderer&, Call& call) {
  return yes(call.self().is_undefined());
}
Value none(Renderer&, Call& call) {
  return yes(call.self().is_none());
}
Value boolean(Renderer&, Call& call) {
  return yes(call.self().is_bool());
}
Value is_true(Renderer&, Call& call) {
  return yes(call.self().is_bool() && call.self().as_bool());
}
Value is_false(Renderer&, Call& call) {
  return yes(call.self().is_bool() && !call.self().as_bool());
}
Value integer(Renderer&, Call& call) {
  return yes(call.self().is_int() || call.self().type() == Type::kBigInt);
}
Value is_float(Renderer&, Call& call) {
  return yes(call.self().is_float());
}
Value number(Renderer&, Call& call) {
  return yes(is_number(call.self()) || call.self().type() == Type::kBigInt);
}
Value string(Renderer&, Call& call) {
  return yes(call.self().is_string());
}
Value mapping(Renderer&, Call& call) {
  return yes(call.self().is_mapping());
}

Value sequence(Renderer& r, Call& call) {
  const Value& value = call.self();
  if (value.is_undefined()) return yes(!r.is_strict(value));
  if (value.is_string() || value.is_mapping() || value.type() == Type::kJsonArray ||
      value.is_object(Object::Kind::kRange)) {
    return yes(true);
  }
  if (!value.is_object(Object::Kind::kList)) return yes(false);
  const auto& list = value.as<ListObject>();
  return yes(list.form == ListObject::Form::kList || list.is_tuple());
}

Value iterable(Renderer& r, Call& call) {
  return yes(r.is_iterable(call.self()) || call.self().is_object(Object::Kind::kLoop));
}

Value callable(Renderer&, Call& call) {
  const Value& value = call.self();
  return yes(value.type() == Type::kFunction || value.is_undefined() ||
             value.is_object(Object::Kind::kMacro) || value.is_object(Object::Kind::kJoiner) ||
             value.is_object(Object::Kind::kLoop));
}

Value escaped(Renderer&, Call& call) {
  return yes(call.self().is_markup());
}

Value lower(Renderer& r, Call& call) {
  std::string storage;
  return yes(is_all_lower(r.view(call.self(), storage)));
}
Value upper(Renderer& r, Call& call) {
  std::string storage;
  return yes(is_all_upper(r.view(call.self(), storage)));
}

// value % divisor == rest, for whole numbers and floats.
Value rest_is(Renderer& r, const Value& value, const Value& divisor, std::int64_t rest) {
  if (!is_number(value) && value.is_string()) {
    return r.fail("the test needs a number, not a string", "add |int in front");
  }
  const Value found = r.arithmetic(Arithmetic::kModulo, value, divisor);
  return r.failed() ? Value() : yes(r.equal(found, Value::integer(rest)));
}
Value even(Renderer& r, Call& call) {
  return rest_is(r, call.self(), Value::integer(2), 0);
}
Value odd(Renderer& r, Call& call) {
  return rest_is(r, call.self(), Value::integer(2), 1);
}
Value divisible(Renderer& r, Call& call) {
  return rest_is(r, call.self(), call[1], 0);
}

// Python's "is": the same object. Equal small values are taken for the same.
Value same_as(Renderer&, Call& call) {
  const Value &a = call.self(), &b = call[1];
  if (a.type() != b.type()) return yes(false);
  switch (a.type()) {
    case Type::kNone:
      return yes(true);
    case Type::kBool:
    case Type::kInt:
      return yes(a.as_int() == b.as_int());
    case Type::kFloat:
      return yes(a.as_float() == b.as_float());
    case Type::kString:
    case Type::kBigInt:
      return yes(a.text() == b.text());
    case Type::kUndefined:
      return yes(a.owner() == b.owner());
    case Type::kJsonArray:
    case Type::kJsonObject:
      return yes(&a.json() == &b.json());
    case Type::kFunction:
      return yes(&a.builtin() == &b.builtin());
    case Type::kObject:
      return yes(a.owner() == b.owner());
  }
  return yes(false);
}

Value in(Renderer& r, Call& call) {
  return yes(r.contains(call[1], call.self()));
}

Value is_filter(Renderer& r, Call& call) {
  return yes(call.self().is_string() && r.input().dialect.filter(call.self().text()) != nullptr);
}
Value is_test(Renderer& r, Call& call) {
  return yes(call.self().is_string() && r.input().dialect.test(call.self().text()) != nullptr);
}

template <Comparison op>
Value compare(Renderer& r, Call& call) {
  return yes(r.compare(op, call.self(), call[1]));
}

constexpr Builtin kTests[] = {
    {"!=", "a, b", compare<Comparison::kNe>},
    {"<", "a, b", compare<Comparison::kLt>},
    {"<=", "a, b", compare<Comparison::kLe>},
    {"==", "a, b", compare<Comparison::kEq>},
    {">", "a, b", compare<Comparison::kGt>},
    {">=", "a, b", compare<Comparison::kGe>},
    {"boolean", "value", boolean, true},
    {"callable", "obj", callable, true},
    {"defined", "value", defined, true},
    {"divisibleby", "value, num", divisible},
    {"eq", "a, b", compare<Comparison::kEq>},
    {"equalto", "a, b", compare<Comparison::kEq>},
    {"escaped", "value", escaped, true},
    {"even", "value", even},
    {"false", "value", is_false, true},
    {"filter", "value", is_filter},
    {"float", "value", is_float, true},
    {"ge", "a, b", compare<Comparison::kGe>},
    {"greaterthan", "a, b", compare<Comparison::kGt>},
    {"gt", "a, b", compare<Comparison::kGt>},
    {"in", "value, seq", in},
    {"integer", "value", integer, true},
    {"iterable", "value", iterable},
    {"le", "a, b", compare<Comparison::kLe>},
    {"lessthan", "a, b", compare<Comparison::kLt>},
    {"lower", "value", lower},
    {"lt", "a, b", compare<Comparison::kLt>},
    {"mapping", "value", mapping, true},
    {"ne", "a, b", compare<Comparison::kNe>},
    {"none", "value", none, true},
    {"number", "value", number, true},
    {"odd", "value", odd},
    {"sameas", "value, other", same_as, true},
    {"sequence", "value", sequence, true},
    {"string", "value", string, true},
    {"test", "value", is_test},
    {"true", "value", is_true, true},
    {"undefined", "value", undefined, true},
    {"upper", "value", upper},
};

}  // namespace

std::span<const Builtin> all_tests() {
  return kTests;
}

}  // namespace sighter::text::jinja
