#include "wire/object_reader.hpp"

#include <algorithm>

namespace sighter::wire {

std::string Place::text() const {
  std::string out = parent != nullptr && (parent->parent != nullptr || !parent->name.empty())
                        ? parent->text()
                        : std::string();
  if (!name.empty()) {
    if (!out.empty()) out += '.';
    out += name;
  }
  if (index >= 0) out += fmt::format("[{}]", index);
  return out.empty() ? "the body" : out;
}

bool ObjectReader::taken(std::size_t index) const {
  if (index < 64) return (taken_ >> index & 1) != 0;
  return std::find(taken_more_.begin(), taken_more_.end(), index) != taken_more_.end();
}

Json* ObjectReader::peek(std::string_view name) {
  std::size_t index = 0;
  for (auto& [key, value] : object_) {
    if (key == name) return value.is_null() || taken(index) ? nullptr : &value;
    ++index;
  }
  return nullptr;
}

void ObjectReader::take(const Json* member) {
  std::size_t index = 0;
  for (auto& [key, value] : object_) {
    if (&value == member) {
      if (index < 64) {
        taken_ |= std::uint64_t{1} << index;
      } else {
        taken_more_.push_back(index);
      }
      return;
    }
    ++index;
  }
}

void ObjectReader::fail(std::string_view name, std::string_view must) {
  if (error_.has_value()) return;
  const Place place{.parent = &place_, .name = name};
  error_ = Error{Kind::kInvalid, fmt::format("{} {}", place.text(), must), {}};
}

void ObjectReader::wrong(std::string_view name, const Json& value, std::string_view wanted) {
  if (mode_ == Mode::kLenient) return;
  const std::string_view type = value.type_name();
  const std::string_view article = type == "array" || type == "object" ? "an" : "a";
  fail(name, fmt::format("must be {}, not {} {}", wanted, article, type));
}

bool ObjectReader::string(std::string_view name, std::string& out) {
  Json* member = peek(name);
  if (member == nullptr) return false;
  if (!member->is_string()) {
    wrong(name, *member, "a string");
    return false;
  }
  if (member->as_string().empty()) return false;
  out = std::move(member->as_string());
  take(member);
  return true;
}

bool ObjectReader::string(std::string_view name, std::optional<std::string>& out) {
  std::string text;
  if (!string(name, text)) return false;
  out = std::move(text);
  return true;
}

bool ObjectReader::boolean(std::string_view name, std::optional<bool>& out) {
  Json* member = peek(name);
  if (member == nullptr) return false;
  if (!member->is_bool()) {
    wrong(name, *member, "true or false");
    return false;
  }
  out = member->as_bool();
  take(member);
  return true;
}

bool ObjectReader::integer(std::string_view name, std::optional<std::int64_t>& out) {
  Json* member = peek(name);
  if (member == nullptr) return false;
  const std::optional<std::int64_t> value = member->to_int();
  if (!value.has_value()) {
    if (member->is_number() && mode_ == Mode::kStrict) {
      fail(name, "must be a whole number that fits 64 bits");
    } else {
      wrong(name, *member, "a whole number");
    }
    return false;
  }
  out = value;
  take(member);
  return true;
}

bool ObjectReader::number(std::string_view name, std::optional<Number>& out) {
  Json* member = peek(name);
  if (member == nullptr) return false;
  if (!member->is_number()) {
    wrong(name, *member, "a number");
    return false;
  }
  out = Number(JsonNumber{member->number_text()});
  take(member);
  return true;
}

bool ObjectReader::any(std::string_view name, std::optional<Json>& out) {
  Json* member = peek(name);
  if (member == nullptr) return false;
  out = std::move(*member);
  take(member);
  return true;
}

JsonArray* ObjectReader::array(std::string_view name) {
  Json* member = peek(name);
  if (member == nullptr) return nullptr;
  if (member->is_array()) return &member->as_array();
  wrong(name, *member, "an array");
  return nullptr;
}

JsonObject* ObjectReader::object(std::string_view name) {
  Json* member = peek(name);
  if (member == nullptr) return nullptr;
  if (member->is_object()) return &member->as_object();
  wrong(name, *member, "an object");
  return nullptr;
}

bool ObjectReader::constant(std::string_view name, std::string_view value) {
  Json* member = peek(name);
  if (member == nullptr || !member->is_string() || member->as_string() != value) return false;
  take(member);
  return true;
}

Extra ObjectReader::rest(Dialect dialect, std::uint32_t forms) {
  Extra extra{.dialect = dialect, .forms = forms};
  std::size_t index = 0;
  for (auto& [key, value] : object_) {
    if (!taken(index++)) extra.members.append(std::move(key), std::move(value));
  }
  return extra;
}

void copy_others(const Json* object, std::initializer_list<std::string_view> known,
                 JsonObject& into) {
  if (object == nullptr || !object->is_object()) return;
  for (const auto& [name, value] : object->as_object()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) into.set(name, value);
  }
}

void keep_inner(Extra& outer, std::string_view name, Extra inner) {
  if (!inner.members.empty())
    outer.members.append(std::string(name), Json(std::move(inner.members)));
}

}  // namespace sighter::wire
