#pragma once
// A JSON value that loses nothing: members keep their order, numbers keep the text they were written
// with (1e400, 0.10 and 123456789012345678901 survive), and what was read can be written back.
//
// Reading (json_parse): UTF-8 only, escapes of half a surrogate pair are U+FFFD, duplicate names
// are refused, depth at most kJsonDepthMax, errors have line and column. Plain data: any thread.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace sighter {

class Json;
using JsonArray = std::vector<Json>;

// Members in the order they came. Look-ups are linear up to 16 members, then the caller who needs
// many of them builds an index of its own.
class JsonObject {
 public:
  using Member = std::pair<std::string, Json>;
  JsonObject();
  JsonObject(const JsonObject&);
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(const JsonObject&);
  JsonObject& operator=(JsonObject&&) noexcept;
  ~JsonObject();

  Json* find(std::string_view name);
  const Json* find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  // Replaces the member of that name at its place, or appends it.
  Json& set(std::string_view name, Json value);
  // Appends without looking for a member of that name (the caller knows that there is none).
  Json& append(std::string name, Json value);
  bool erase(std::string_view name);
  size_t size() const;
  bool empty() const { return size() == 0; }

  std::vector<Member>::iterator begin();
  std::vector<Member>::iterator end();
  std::vector<Member>::const_iterator begin() const;
  std::vector<Member>::const_iterator end() const;

 private:
  std::vector<Member> members_;
};

// The text of a JSON number as it was written.
struct JsonNumber {
  std::string text;
};

class Json {
 public:
  enum class Type { kNull, kBool, kNumber, kString, kArray, kObject };

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value);
  Json(long value);
  Json(long long value);
  Json(unsigned value);
  Json(unsigned long value);
  Json(unsigned long long value);
  Json(double value);  // shortest text that reads back the same; CHECKs that it is finite
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(JsonNumber value) : value_(std::move(value)) {}
  Json(JsonArray value) : value_(std::move(value)) {}
  Json(JsonObject value) : value_(std::move(value)) {}

  // Json::object({{"a", 1}, {"b", "x"}}), Json::array({1, 2})
  static Json object(std::initializer_list<std::pair<std::string_view, Json>> members = {});
  static Json array(std::initializer_list<Json> items = {});

  Type type() const { return static_cast<Type>(value_.index()); }
  bool is_null() const { return type() == Type::kNull; }
  bool is_bool() const { return type() == Type::kBool; }
  bool is_number() const { return type() == Type::kNumber; }
  bool is_string() const { return type() == Type::kString; }
  bool is_array() const { return type() == Type::kArray; }
  bool is_object() const { return type() == Type::kObject; }
  // "null", "boolean", "number", "string", "array", "object"
  std::string_view type_name() const;

  // These CHECK the type: use them only after is_...()
  bool as_bool() const;
  const std::string& as_string() const;
  std::string& as_string();
  const JsonArray& as_array() const;
  JsonArray& as_array();
  const JsonObject& as_object() const;
  JsonObject& as_object();
  const std::string& number_text() const;

  // nullopt when it is not a number or does not fit.
  std::optional<double> to_double() const;        // correctly rounded; nullopt when it overflows
  std::optional<std::int64_t> to_int() const;     // also for 3.0 and 1e2

  // The member of an object, the element of an array; nullptr when absent or of another type.
  const Json* find(std::string_view name) const;
  Json* find(std::string_view name);
  const Json* at(size_t index) const;
  // A string member, or nullptr.
  const std::string* find_string(std::string_view name) const;
  // RFC 6901 pointer such as "/choices/0/message"; nullptr when absent.
  const Json* pointer(std::string_view pointer) const;

  // Deep and exact: members in any order; numbers by value (1.0 == 1, compared as decimals).
  friend bool operator==(const Json& a, const Json& b);

 private:
  std::variant<std::nullptr_t, bool, JsonNumber, std::string, JsonArray, JsonObject> value_;
};

// The whole text is one value. `origin` names the source in errors ("cases.jsonl"); `first_line` is
// the number of the text's first line there. The error says origin:line:column.
Result<Json> json_parse(std::string_view text, std::string_view origin = "JSON",
                        std::int64_t first_line = 1);

// Compact, no white space; strings escaped minimally (valid UTF-8 stays as it is; U+2028 too).
std::string json_write(const Json& value);
void json_write_to(std::string& out, const Json& value);
// Indented by two spaces, for people.
std::string json_pretty(const Json& value);
// Members sorted by name (bytes), numbers in one normal form: equal values, equal text. For hashes.
std::string json_canonical(const Json& value);
// "text" with quotes and escapes.
std::string json_quote(std::string_view text);
// The same, appended. Ill-formed UTF-8 must have been refused before.
void json_quote_to(std::string& out, std::string_view text);

// True where two JSON number texts denote the same value, exactly.
bool json_numbers_equal(std::string_view a, std::string_view b);

}  // namespace sighter
