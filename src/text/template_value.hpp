#pragma once
// Values while a template is rendered. Internal to the template engine.
//
// A Value is 24 bytes. What comes from outside (Json) is referred to, never copied; what a render
// makes is counted and belongs to that render's Heap. One thread a render, so counts are plain.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace sighter::text::jinja {

class Heap;
class Renderer;
struct Builtin;
struct Expr;

// What a render makes, counted; when the count reaches zero it goes, without recursion.
struct Object {
  enum class Kind : std::uint8_t {
    kText,     // bytes that string values point into
    kMissing,  // why something is undefined
    kList,     // also tuples and what filters yield: see ListObject::form
    kDict,
    kRange,
    kNamespace,
    kCycler,
    kJoiner,
    kLoop,
    kMacro,
    kScope,
  };

  Object(Heap& heap, Kind kind_of);
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object();
  // Gives up everything it refers to.
  virtual void clear() {}

  Heap& heap;
  Object* before = nullptr;  // the heap's list of all objects
  Object* after = nullptr;
  std::uint32_t count = 0;
  std::uint16_t depth = 0;  // of lists and dicts in it, as far as known when it was filled
  Kind kind;
};

void release(Object* object);
inline void retain(Object* object) {
  if (object != nullptr) ++object->count;
}

// Counts one reference.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) { retain(object_); }
  Ref(const Ref& other) : object_(other.object_) { retain(object_); }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) release(object_);
  }
  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

enum class Type : std::uint8_t {
  kUndefined,  // text: the variable's name; or an owner: MissingObject
  kNone,
  kBool,
  kInt,  // 64 bits
  kFloat,
  kBigInt,  // an integer from outside beyond 64 bits, as text: printed, compared, not reckoned with
  kString,  // UTF-8; text of the source, of the input, or of an owner
  kJsonArray,   // from outside
  kJsonObject,  // from outside
  kFunction,    // a global function such as range
  kObject,
};

class Value {
 public:
  Value() = default;  // undefined, of no name
  Value(const Value& other) : Value(other, 0) { retain(owner_); }
  Value(Value&& other) noexcept : Value(other, 0) { other.owner_ = nullptr; }
  Value& operator=(Value other) noexcept {
    std::swap(type_, other.type_);
    std::swap(markup_, other.markup_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~Value() {
    if (owner_ != nullptr) release(owner_);
  }

  static Value undefined(std::string_view name);
  static Value none() { return Value(Type::kNone); }
  static Value boolean(bool value);
  static Value integer(std::int64_t value);
  static Value number(double value);
  static Value big(std::string_view digits, Object* owner = nullptr);
  // A string whose bytes outlive the value, or belong to `owner`.
  static Value string(std::string_view text, Object* owner = nullptr, bool markup = false);
  static Value function(const Builtin& builtin);
  static Value object(Object* object);
  static Value missing(Object* object);
  // A value from outside; it must outlive the render.
  static Value of(const Json& json);

  Type type() const { return type_; }
  bool is_undefined() const { return type_ == Type::kUndefined; }
  bool is_none() const { return type_ == Type::kNone; }
  bool is_bool() const { return type_ == Type::kBool; }
  bool is_int() const { return type_ == Type::kInt; }
  bool is_float() const { return type_ == Type::kFloat; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_markup() const { return type_ == Type::kString && markup_; }
  bool is_object(Object::Kind kind) const { return type_ == Type::kObject && owner_->kind == kind; }
  bool is_mapping() const { return type_ == Type::kJsonObject || is_object(Object::Kind::kDict); }

  // Only for the type named.
  bool as_bool() const { return data_.integer != 0; }
  std::int64_t as_int() const { return data_.integer; }
  double as_float() const { return data_.number; }
  std::string_view text() const { return {data_.text, size_}; }
  const Json& json() const { return *data_.json; }
  const Builtin& builtin() const { return *data_.builtin; }
  Object* owner() const { return owner_; }
  // The object, where the value is one of that class; the caller has looked at its kind.
  template <class T>
  T& as() const {
    return static_cast<T&>(*owner_);
  }

  // The same string, marked as HTML or not.
  Value with_markup(bool markup) const;
  // A part of this string, sharing its bytes.
  Value part(std::size_t from, std::size_t size) const;

 private:
  explicit Value(Type type) : type_(type) {}
  Value(const Value& other, int) noexcept
      : type_(other.type_),
        markup_(other.markup_),
        size_(other.size_),
        data_(other.data_),
        owner_(other.owner_) {}

  Type type_ = Type::kUndefined;
  bool markup_ = false;
  std::uint32_t size_ = 0;
  union {
    std::int64_t integer;
    double number;
    const char* text;
    const Json* json;
    const Builtin* builtin;
  } data_{0};
  Object* owner_ = nullptr;
};

struct TextObject final : Object {
  TextObject(Heap& owner, std::string content);
  ~TextObject() override;
  const std::string text;
};

// Why a value is undefined, beyond "no variable of that name".
struct MissingObject final : Object {
  MissingObject(Heap& owner, std::string message)
      : Object(owner, Kind::kMissing), what(std::move(message)) {}
  MissingObject(Heap& owner, Value looked_in, std::string looked_for, const Expr* path)
      : Object(owner, Kind::kMissing),
        base(std::move(looked_in)),
        key(std::move(looked_for)),
        expr(path) {}
  void clear() override { base = Value(); }
  std::string what;  // said when it is used; when empty, it is `key` that `base` lacks
  Value base;
  std::string key;
  const Expr* expr = nullptr;  // where it was looked up, or null
  const void* unit = nullptr;  // the Unit of expr
  bool is_lenient = false;     // prints nothing even in strict mode
};

struct ListObject final : Object {
  enum class Form : std::uint8_t {
    kList,
    kTuple,
    kGroup,      // a tuple (grouper, list) with these two as attributes
    kGenerator,  // what a filter yields: to be looped over, joined or made a list
    kKeys,
    kValues,
    kItems,  // a dict's views
  };
  ListObject(Heap& owner, Form which) : Object(owner, Kind::kList), form(which) {}
  ~ListObject() override;
  void clear() override;
  void append(Value item);
  bool is_tuple() const { return form == Form::kTuple || form == Form::kGroup; }

  std::vector<Value> items;
  Form form;
};

// Pairs in the order they came. Keys: strings, numbers, booleans, None, tuples of such.
struct DictObject final : Object {
  explicit DictObject(Heap& owner);
  ~DictObject() override;
  void clear() override;
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);

  std::vector<std::pair<Value, Value>> pairs;

 private:
  struct Index;
  std::unique_ptr<Index> index_;  // of string keys, once there are many
};

struct RangeObject final : Object {
  RangeObject(Heap& owner, std::int64_t from, std::int64_t to, std::int64_t by);
  std::int64_t start, stop, step, size;
};

struct NamespaceObject final : Object {
  NamespaceObject(Heap& owner, DictObject* values)
      : Object(owner, Kind::kNamespace), attributes(values) {}
  void clear() override { attributes = {}; }
  Ref<DictObject> attributes;
};

struct CyclerObject final : Object {
  explicit CyclerObject(Heap& owner) : Object(owner, Kind::kCycler) {}
  void clear() override {
    items.clear();
    last = Value();
  }
  std::vector<Value> items;
  std::size_t position = 0;
  Value last;  // what next() gave last
};

struct JoinerObject final : Object {
  explicit JoinerObject(Heap& owner) : Object(owner, Kind::kJoiner) {}
  void clear() override { separator = Value(); }
  Value separator;
  bool used = false;
};

// All that one render made.
class Heap {
 public:
  explicit Heap(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  ~Heap();

  void charge(std::size_t bytes) { bytes_ += bytes; }
  void discharge(std::size_t bytes) { bytes_ -= bytes; }
  bool is_full() const { return bytes_ > bytes_max_; }

 private:
  friend struct Object;
  friend void release(Object* object);
  std::size_t bytes_ = 0;
  std::size_t bytes_max_;
  Object* objects_ = nullptr;
  std::vector<Object*> dying_;
  bool draining_ = false;
};

// For errors: "a string", "an integer", "a mapping", ...
std::string_view type_phrase(const Value& value);
// Whether two dict keys are the same: 1, 1.0 and True are.
bool same_key(const Value& a, const Value& b);
bool is_hashable(const Value& value);
// Three-way, exact also between integers and floats; `ordered` false where one is NaN.
struct Order {
  int sign = 0;
  bool ordered = true;
};
Order compare_numbers(const Value& a, const Value& b);
// Integers, floats and booleans (which count as 0 and 1).
inline bool is_number(const Value& value) {
  return value.is_int() || value.is_float() || value.is_bool();
}

}  // namespace sighter::text::jinja
