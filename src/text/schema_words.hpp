#pragma once
// How a value and its place are named in a violation's message. Private to this room.

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {

// A value's place while it is checked: a chain on the stack.
struct ValuePath {
  enum class Step { kRoot, kMember, kItem, kNameOf };
  const ValuePath* up = nullptr;
  Step step = Step::kRoot;
  std::string_view name;
  std::size_t index = 0;

  ValuePath member(std::string_view n) const { return {this, Step::kMember, n, 0}; }
  ValuePath item(std::size_t i) const { return {this, Step::kItem, {}, i}; }
  ValuePath name_of(std::string_view n) const { return {this, Step::kNameOf, n, 0}; }
};

std::string pointer_of(const ValuePath& path);  // the name of a member has the object's pointer
// "/items/0/qty", "the value", "the name 'x' in /items"
std::string spoken_place(const ValuePath& path);
// At most about 60 characters: "abc", 12, an object
std::string spoken_value(const Json& value);
// "a string", "an integer", "null"
std::string_view spoken_type(const Json& value);
// "a string or null" for the bits of SchemaNode::types
std::string spoken_types(std::uint8_t types);
std::string spoken_count(std::size_t count, std::string_view one, std::string_view many);

}  // namespace sighter::text
