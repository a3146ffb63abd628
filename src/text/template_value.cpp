#include "text/template_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "base/check.hpp"

namespace sighter::text::jinja {

Object::Object(Heap& owner, Kind kind_of) : heap(owner), kind(kind_of) {
  after = heap.objects_;
  if (after != nullptr) after->before = this;
  heap.objects_ = this;
}

Object::~Object() {
  if (before != nullptr) {
    before->after = after;
  } else {
    heap.objects_ = after;
  }
  if (after != nullptr) after->before = before;
}

// Deep structures are common among hostile ones: what dies while another dies waits its turn.
void release(Object* object) {
  if (--object->count != 0) return;
  Heap& heap = object->heap;
  if (heap.draining_) {
    heap.dying_.push_back(object);
    return;
  }
  heap.draining_ = true;
  delete object;
  while (!heap.dying_.empty()) {
    Object* next = heap.dying_.back();
    heap.dying_.pop_back();
    delete next;
  }
  heap.draining_ = false;
}

// What is still there refers to itself in a circle (a macro and the scope it stands in).
Heap::~Heap() {
  for (Object* o = objects_; o != nullptr; o = o->after) ++o->count;
  for (Object* o = objects_; o != nullptr; o = o->after) o->clear();
  while (objects_ != nullptr) delete objects_;
}

Value Value::undefined(std::string_view name) {
  Value v(Type::kUndefined);
  v.data_.text = name.data();
  v.size_ = static_cast<std::uint32_t>(name.size());
  return v;
}

Value Value::boolean(bool value) {
  Value v(Type::kBool);
  v.data_.integer = value ? 1 : 0;
  return v;
}

Value Value::integer(std::int64_t value) {
  Value v(Type::kInt);
  v.data_.integer = value;
  return v;
}

Value Value::number(double value) {
  Value v(Type::kFloat);
  v.data_.number = value;
  return v;
}

Value Value::big(std::string_view digits, Object* owner) {
  Value v = string(digits, owner);
  v.type_ = Type::kBigInt;
  return v;
}

Value Value::string(std::string_view text, Object* owner, bool markup) {
  CHECK(text.size() <= std::numeric_limits<std::uint32_t>::max());
  Value v(Type::kString);
  v.data_.text = text.data();
  v.size_ = static_cast<std::uint32_t>(text.size());
  v.markup_ = markup;
  v.owner_ = owner;
  retain(owner);
  return v;
}

Value Value::function(const Builtin& builtin) {
  Value v(Type::kFunction);
  v.data_.builtin = &builtin;
  return v;
}

Value Value::object(Object* object) {
  Value v(Type::kObject);
  v.owner_ = object;
  retain(object);
  return v;
}

Value Value::missing(Object* object) {
  Value v(Type::kUndefined);
  v.owner_ = object;
  retain(object);
  return v;
}

namespace {
Value number_of(const Json& json) {
  const std::string& text = json.number_text();
  if (text.find_first_of(".eE") == std::string::npos) {
    std::int64_t i = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), i);
    if (error == std::errc()) return Value::integer(i);
    return Value::big(text);
  }
  if (const auto d = json.to_double()) return Value::number(*d);
  const double infinite = std::numeric_limits<double>::infinity();
  return Value::number(text.front() == '-' ? -infinite : infinite);
}
}  // namespace

Value Value::of(const Json& json) {
  switch (json.type()) {
    case Json::Type::kNull:
      return none();
    case Json::Type::kBool:
      return boolean(json.as_bool());
    case Json::Type::kNumber:
      return number_of(json);
    case Json::Type::kString:
      return string(json.as_string());
    case Json::Type::kArray:
    case Json::Type::kObject:
      break;
  }
  Value v(json.is_array() ? Type::kJsonArray : Type::kJsonObject);
  v.data_.json = &json;
  return v;
}

Value Value::with_markup(bool markup) const {
  Value v = *this;
  v.markup_ = markup;
  return v;
}

Value Value::part(std::size_t from, std::size_t size) const {
  return string(text().substr(from, size), owner_, markup_);
}

TextObject::TextObject(Heap& owner, std::string content)
    : Object(owner, Kind::kText), text(std::move(content)) {
  heap.charge(sizeof(TextObject) + text.capacity());
}
TextObject::~TextObject() {
  heap.discharge(sizeof(TextObject) + text.capacity());
}

namespace {
std::uint16_t depth_above(const Value& item, std::uint16_t depth) {
  if (item.type() != Type::kObject) return std::max<std::uint16_t>(depth, 1);
  return std::max<std::uint16_t>(depth, static_cast<std::uint16_t>(item.owner()->depth + 1));
}
}  // namespace

void ListObject::append(Value item) {
  heap.charge(sizeof(Value));
  depth = depth_above(item, depth);
  items.push_back(std::move(item));
}
ListObject::~ListObject() {
  clear();
}
void ListObject::clear() {
  heap.discharge(items.size() * sizeof(Value));
  std::vector<Value>().swap(items);
}

struct DictObject::Index {
  std::unordered_map<std::string_view, std::size_t> places;
};

namespace {
constexpr std::size_t kIndexFrom = 16;
}

DictObject::DictObject(Heap& owner) : Object(owner, Kind::kDict) {}
DictObject::~DictObject() {
  clear();
}

void DictObject::clear() {
  heap.discharge(pairs.size() * 2 * sizeof(Value));
  index_.reset();
  std::vector<std::pair<Value, Value>>().swap(pairs);
}

const Value* DictObject::find(std::string_view key) const {
  if (index_ != nullptr) {
    const auto it = index_->places.find(key);
    return it == index_->places.end() ? nullptr : &pairs[it->second].second;
  }
  for (const auto& [name, value] : pairs) {
    if (name.is_string() && name.text() == key) return &value;
  }
  return nullptr;
}

const Value* DictObject::find(const Value& key) const {
  if (key.is_string()) return find(key.text());
  for (const auto& [name, value] : pairs) {
    if (same_key(name, key)) return &value;
  }
  return nullptr;
}

void DictObject::set(Value key, Value value) {
  depth = depth_above(value, depth_above(key, depth));
  if (const Value* there = find(key)) {
    const_cast<Value&>(*there) = std::move(value);
    return;
  }
  heap.charge(2 * sizeof(Value));
  pairs.emplace_back(std::move(key), std::move(value));
  if (index_ == nullptr && pairs.size() > kIndexFrom) {
    index_ = std::make_unique<Index>();
    for (std::size_t i = 0; i + 1 < pairs.size(); ++i) {
      if (pairs[i].first.is_string()) index_->places.emplace(pairs[i].first.text(), i);
    }
  }
  if (index_ != nullptr && pairs.back().first.is_string()) {
    index_->places.emplace(pairs.back().first.text(), pairs.size() - 1);
  }
}

RangeObject::RangeObject(Heap& owner, std::int64_t from, std::int64_t to, std::int64_t by)
    : Object(owner, Kind::kRange), start(from), stop(to), step(by), size(0) {
  const auto distance = static_cast<std::uint64_t>(by > 0 ? to : from) -
                        static_cast<std::uint64_t>(by > 0 ? from : to);
  const std::uint64_t stride =
      by > 0 ? static_cast<std::uint64_t>(by) : ~static_cast<std::uint64_t>(by) + 1;
  if (by > 0 ? from < to : from > to) {
    size = static_cast<std::int64_t>((distance - 1) / stride) + 1;
    if (size < 0) size = std::numeric_limits<std::int64_t>::max();
  }
}

std::string_view type_phrase(const Value& value) {
  switch (value.type()) {
    case Type::kUndefined:
      return "an undefined value";
    case Type::kNone:
      return "None";
    case Type::kBool:
      return "a boolean";
    case Type::kInt:
    case Type::kBigInt:
      return "an integer";
    case Type::kFloat:
      return "a float";
    case Type::kString:
      return "a string";
    case Type::kJsonArray:
      return "a list";
    case Type::kJsonObject:
      return "a mapping";
    case Type::kFunction:
      return "a function";
    case Type::kObject:
      break;
  }
  switch (value.owner()->kind) {
    case Object::Kind::kList: {
      const auto& list = value.as<ListObject>();
      if (list.is_tuple()) return "a tuple";
      return list.form == ListObject::Form::kList ? "a list" : "a generated sequence";
    }
    case Object::Kind::kDict:
      return "a mapping";
    case Object::Kind::kRange:
      return "a range";
    case Object::Kind::kNamespace:
      return "a namespace";
    case Object::Kind::kCycler:
      return "a cycler";
    case Object::Kind::kJoiner:
      return "a joiner";
    case Object::Kind::kLoop:
      return "the loop";
    case Object::Kind::kMacro:
      return "a macro";
    case Object::Kind::kText:
    case Object::Kind::kMissing:
    case Object::Kind::kScope:
      break;
  }
  return "a value";
}

bool is_hashable(const Value& value) {
  if (value.type() == Type::kJsonArray || value.is_mapping()) return false;
  if (!value.is_object(Object::Kind::kList)) return true;
  const auto& list = value.as<ListObject>();
  if (!list.is_tuple()) return list.form == ListObject::Form::kGenerator;
  for (const Value& item : list.items) {
    if (!is_hashable(item)) return false;
  }
  return true;
}

Order compare_numbers(const Value& a, const Value& b) {
  if (!a.is_float() && !b.is_float()) {
    return {a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int() ? 1 : 0, true};
  }
  // A long double holds every 64-bit integer and every double exactly (64 bits of significand).
  static_assert(std::numeric_limits<long double>::digits >= 64);
  const long double x = a.is_float() ? a.as_float() : static_cast<long double>(a.as_int());
  const long double y = b.is_float() ? b.as_float() : static_cast<long double>(b.as_int());
  if (std::isnan(x) || std::isnan(y)) return {0, false};
  return {x < y ? -1 : x > y ? 1 : 0, true};
}

bool same_key(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) {
    const Order order = compare_numbers(a, b);
    return order.ordered && order.sign == 0;
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::kNone:
      return true;
    case Type::kString:
      return a.text() == b.text();
    case Type::kBigInt:
      return json_numbers_equal(a.text(), b.text());
    case Type::kUndefined:
      return true;
    case Type::kFunction:
      return &a.builtin() == &b.builtin();
    case Type::kObject:
      break;
    default:
      return false;
  }
  if (a.owner() == b.owner()) return true;
  if (!a.is_object(Object::Kind::kList) || !b.is_object(Object::Kind::kList)) return false;
  const auto& left = a.as<ListObject>();
  const auto& right = b.as<ListObject>();
  if (!left.is_tuple() || !right.is_tuple() || left.items.size() != right.items.size()) {
    return false;
  }
  for (std::size_t i = 0; i < left.items.size(); ++i) {
    if (!same_key(left.items[i], right.items[i])) return false;
  }
  return true;
}

}  // namespace sighter::text::jinja
