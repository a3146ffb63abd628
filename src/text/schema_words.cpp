#include "text/schema_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/utf8.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kShownBytesMax = 60;
constexpr std::size_t kPlaceBytesMax = 200;

std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  text.resize(complete_utf8_prefix(std::string_view(text).substr(0, most)));
  return text + "...";
}

}  // namespace

std::string pointer_of(const ValuePath& path) {
  std::vector<const ValuePath*> steps;
  for (const ValuePath* step = &path; step != nullptr; step = step->up) steps.push_back(step);
  std::string out;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    if ((*step)->step == ValuePath::Step::kMember) out += "/" + pointer_token((*step)->name);
    if ((*step)->step == ValuePath::Step::kItem) out += fmt::format("/{}", (*step)->index);
  }
  return out;
}

std::string spoken_place(const ValuePath& path) {
  const std::string pointer = shortened(pointer_of(path), kPlaceBytesMax);
  const std::string place = pointer.empty() ? "the value" : pointer;
  for (const ValuePath* step = &path; step != nullptr; step = step->up) {
    if (step->step != ValuePath::Step::kNameOf) continue;
    return fmt::format("the name '{}' in {}", shortened(std::string(step->name), kShownBytesMax),
                       place);
  }
  return place;
}

std::string_view spoken_type(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return "null";
    case Json::Type::kBool:
      return "a boolean";
    case Json::Type::kNumber:
      return "a number";
    case Json::Type::kString:
      return "a string";
    case Json::Type::kArray:
      return "an array";
    case Json::Type::kObject:
      return "an object";
  }
  return "a value";
}

std::string spoken_value(const Json& value) {
  if (value.is_object() || value.is_array()) {
    const bool empty = value.is_object() ? value.as_object().empty() : value.as_array().empty();
    if (empty) return value.is_object() ? "{}" : "[]";
    return std::string(spoken_type(value));
  }
  if (value.is_string()) {
    const std::string& text = value.as_string();
    return json_quote(text.size() <= kShownBytesMax ? text : shortened(text, kShownBytesMax));
  }
  return shortened(json_write(value), kShownBytesMax);
}

std::string spoken_types(std::uint8_t types) {
  if (types & kNumberBit) types = static_cast<std::uint8_t>(types & ~kIntegerBit);
  std::vector<std::string_view> names;
  const auto add = [&](std::uint8_t bit, std::string_view name) {
    if (types & bit) names.push_back(name);
  };
  add(kStringBit, "a string");
  add(kNumberBit, "a number");
  add(kIntegerBit, "an integer");
  add(kBoolBit, "a boolean");
  add(kArrayBit, "an array");
  add(kObjectBit, "an object");
  add(kNullBit, "null");
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  return out;
}

std::string spoken_count(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace sighter::text
