// Values: types, numbers, strings, arrays, objects. What is applied to the same value (references,
// allOf ...) is in schema_in_place.cpp.

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "base/similar.hpp"
#include "base/utf8.hpp"
#include "text/schema_run.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kFewItems = 8;      // compared with each other as they are
constexpr std::size_t kFewLookups = 512;  // names x members without an index
constexpr std::size_t kShownChoices = 12;

bool is_whole(const Json& value) {
  const std::string& text = value.number_text();
  if (text.find_first_of(".eE") == text.npos) return true;
  return ExactNumber(text).is_integer();
}

std::uint8_t type_bits(const Json& value) {
  switch (value.type()) {
    case Json::Type::kNull:
      return kNullBit;
    case Json::Type::kBool:
      return kBoolBit;
    case Json::Type::kNumber:
      return kNumberBit;
    case Json::Type::kString:
      return kStringBit;
    case Json::Type::kArray:
      return kArrayBit;
    case Json::Type::kObject:
      return kObjectBit;
  }
  return 0;
}

// The names of an object, with an index only where many are asked for.
class Names {
 public:
  Names(const JsonObject& object, std::size_t lookups) : object_(object) {
    if (object.size() * lookups <= kFewLookups) return;
    for (const auto& [name, _] : object) index_.insert(name);
  }
  bool has(const std::string& name) const {
    return index_.empty() ? object_.contains(name) : index_.contains(name);
  }

 private:
  const JsonObject& object_;
  std::unordered_set<std::string_view> index_;
};

}  // namespace

void Seen::add(const Seen& other) {
  all_members |= other.all_members;
  all_items |= other.all_items;
  first_items = std::max(first_items, other.first_items);
  for (std::size_t i = 0; i < other.members.size(); ++i) {
    if (other.members[i]) add_member(i);
  }
  for (std::size_t i = 0; i < other.items.size(); ++i) {
    if (other.items[i]) add_item(i);
  }
}

void Seen::add_member(std::size_t at) {
  if (members.size() <= at) members.resize(at + 1);
  members[at] = true;
}

void Seen::add_item(std::size_t at) {
  if (items.size() <= at) items.resize(at + 1);
  items[at] = true;
}

std::vector<Violation> SchemaRun::violations(const SchemaNode& node, const Json& value) {
  std::vector<Violation> found;
  out_ = &found;
  const bool right = apply(node, value, {}, nullptr);
  out_ = nullptr;
  if (stopped_) return {limit_violation(node)};
  if (!right && found.empty()) found.push_back({"", "", node.place(), "the value is not valid"});
  return found;
}

Violation SchemaRun::limit_violation(const SchemaNode& node) const {
  return {"", "limit", node.place(),
          fmt::format("the check was given up: {}; make the schema or the value smaller", stopped_)};
}

bool SchemaRun::accepts(const SchemaNode& node, const Json& value) {
  out_ = nullptr;
  return apply(node, value, {}, nullptr) && !stopped_;
}

bool SchemaRun::wrong(const SchemaNode& node, std::string_view keyword, const ValuePath& path,
                      std::string_view what) {
  if (go_on()) {
    out_->push_back({pointer_of(path), std::string(keyword), node.place(keyword),
                     fmt::format("{} {}", spoken_place(path), what)});
  }
  return false;
}

bool SchemaRun::apply(const SchemaNode& node, const Json& value, const ValuePath& path,
                      Seen* seen) {
  if (stopped_) return false;
  if (++steps_ > limits::kSchemaStepsMax) stopped_ = "it takes too many steps";
  if (depth_ >= limits::kSchemaDepthMax) stopped_ = "schemas are nested too deeply";
  if (stopped_) return false;
  if (node.constant) return *node.constant || wrong(node, "", path, "is not allowed");
  const bool enters =
      compiled_.has_dynamic_refs && (scope_.empty() || scope_.back() != node.resource);
  if (enters) scope_.push_back(node.resource);
  ++depth_;
  const bool right = apply_keywords(node, value, path, seen);
  --depth_;
  if (enters) scope_.pop_back();
  return right;
}

bool SchemaRun::apply_keywords(const SchemaNode& node, const Json& value, const ValuePath& path,
                               Seen* seen) {
  bool right = true;
  const auto step = [&](bool fine) {
    right = right && fine;
    return fine || go_on();
  };
  if (node.types != 0 && !step(check_type(node, value, path))) return false;
  if (node.choice && !step(check_choice(node, value, path))) return false;
  if (node.needs_annotations()) {
    Seen own;
    if (!step(check_references(node, value, path, &own))) return false;
    if (node.in_place && !step(check_in_place(node, value, path, &own))) return false;
    if (node.array && value.is_array() && !step(check_array(node, value.as_array(), path, &own)))
      return false;
    if (node.object && value.is_object() &&
        !step(check_object(node, value.as_object(), path, &own)))
      return false;
    if (!step(check_unevaluated(node, value, path, own))) return false;
    if (seen) seen->add(own);
  } else {
    if (!step(check_references(node, value, path, seen))) return false;
    if (node.in_place && !step(check_in_place(node, value, path, seen))) return false;
    if (node.array && value.is_array() && !step(check_array(node, value.as_array(), path, seen)))
      return false;
    if (node.object && value.is_object() &&
        !step(check_object(node, value.as_object(), path, seen)))
      return false;
  }
  if (node.number && value.is_number() && !step(check_number(node, value, path))) return false;
  if (node.string && value.is_string() && !step(check_string(node, value.as_string(), path)))
    return false;
  return right;
}

bool SchemaRun::check_type(const SchemaNode& node, const Json& value, const ValuePath& path) {
  if (node.types & type_bits(value)) return true;
  if ((node.types & kIntegerBit) && value.is_number() && is_whole(value)) return true;
  if (!reporting()) return false;
  const bool shows = value.is_number() && (node.types & kIntegerBit);
  return wrong(node, "type", path,
               fmt::format("must be {}, not {}", spoken_types(node.types),
                           shows ? spoken_value(value) : std::string(spoken_type(value))));
}

bool SchemaRun::check_choice(const SchemaNode& node, const Json& value, const ValuePath& path) {
  const EnumRules& rules = *node.choice;
  bool right = true;
  if (rules.constant && !(*rules.constant == value)) {
    right = false;
    if (reporting())
      wrong(node, "const", path,
            fmt::format("must be {}, not {}", spoken_value(*rules.constant), spoken_value(value)));
  }
  if (rules.values == nullptr) return right;
  const JsonArray& values = rules.values->as_array();
  const bool found = rules.canonical.empty() ? std::ranges::find(values, value) != values.end()
                                             : rules.canonical.contains(json_canonical(value));
  if (found) return right;
  if (!reporting()) return false;
  std::string shown;
  std::vector<std::string> words;
  for (const Json& one : values) {
    if (one.is_string()) words.push_back(one.as_string());
    if (words.size() > kShownChoices * 10) break;
  }
  for (std::size_t i = 0; i < std::min(values.size(), kShownChoices); ++i)
    shown += (i ? ", " : "") + spoken_value(values[i]);
  if (values.size() > kShownChoices) shown += fmt::format(" ... ({} values)", values.size());
  std::string near;
  if (value.is_string()) near = closest(value.as_string(), words);
  if (!near.empty()) near = fmt::format("; did you mean {}?", json_quote(near));
  return wrong(node, "enum", path,
               fmt::format("must be {}{}, not {}{}", values.size() == 1 ? "" : "one of ", shown,
                           spoken_value(value), near));
}

bool SchemaRun::check_number(const SchemaNode& node, const Json& value, const ValuePath& path) {
  const NumberRules& rules = *node.number;
  const ExactNumber number(value.number_text());
  bool right = true;
  const auto check = [&](bool fine, std::string_view keyword, std::string_view words) {
    if (fine) return;
    right = false;
    if (reporting())
      wrong(node, keyword, path,
            fmt::format("must be {} {}, not {}", words, spoken_value(*node.json->find(keyword)),
                        spoken_value(value)));
  };
  if (rules.minimum) check(number >= *rules.minimum, "minimum", "at least");
  if (rules.above) check(number > *rules.above, "exclusiveMinimum", "more than");
  if (rules.maximum) check(number <= *rules.maximum, "maximum", "at most");
  if (rules.below) check(number < *rules.below, "exclusiveMaximum", "less than");
  if (!rules.multiple_of) return right;
  const std::optional<bool> multiple = number.is_multiple_of(*rules.multiple_of);
  if (!multiple) return wrong(node, "multipleOf", path, "has too many digits to be divided");
  check(*multiple, "multipleOf", "a multiple of");
  return right;
}

bool SchemaRun::check_string(const SchemaNode& node, const std::string& text,
                             const ValuePath& path) {
  const StringRules& rules = *node.string;
  bool right = true;
  if (rules.least || rules.most) {
    const std::size_t length = utf8_length(text);
    const auto check = [&](bool fine, std::string_view keyword, std::string_view words,
                           std::size_t limit) {
      if (fine) return;
      right = false;
      if (reporting())
        wrong(node, keyword, path,
              fmt::format("must have at {} {}, not {}", words,
                          spoken_count(limit, "character", "characters"), length));
    };
    if (rules.least) check(length >= *rules.least, "minLength", "least", *rules.least);
    if (rules.most) check(length <= *rules.most, "maxLength", "most", *rules.most);
  }
  if (rules.pattern && (right || go_on())) {
    const Result<bool> found = rules.pattern->search(text);
    if (!found)
      return wrong(node, "pattern", path,
                   fmt::format("could not be checked: {}", found.error().what));
    if (!*found) {
      right = false;
      if (reporting())
        wrong(node, "pattern", path,
              fmt::format("must match the pattern {}, {} does not", rules.pattern->pattern(),
                          spoken_value(Json(text))));
    }
  }
  if (rules.format && (right || go_on()) && !rules.format(text)) {
    right = false;
    if (reporting())
      wrong(node, "format", path,
            fmt::format("must be of format '{}', {} is not", rules.format_name,
                        spoken_value(Json(text))));
  }
  return right;
}

bool SchemaRun::check_array(const SchemaNode& node, const JsonArray& array, const ValuePath& path,
                            Seen* seen) {
  const ArrayRules& rules = *node.array;
  bool right = true;
  if (rules.least && array.size() < *rules.least) {
    right = wrong(node, "minItems", path,
                  fmt::format("must have at least {}, not {}",
                              spoken_count(*rules.least, "item", "items"), array.size()));
  }
  if (rules.most && array.size() > *rules.most) {
    right = wrong(node, "maxItems", path,
                  fmt::format("must have at most {}, not {}",
                              spoken_count(*rules.most, "item", "items"), array.size()));
  }
  if (!right && !go_on()) return false;
  const std::size_t last = rules.items ? array.size() : std::min(array.size(), rules.prefix.size());
  for (std::size_t i = 0; i < last; ++i) {
    const SchemaNode* schema = i < rules.prefix.size() ? rules.prefix[i] : rules.items;
    if (apply(*schema, array[i], path.item(i), nullptr)) continue;
    right = false;
    if (!go_on()) return false;
  }
  if (seen) {
    if (rules.items)
      seen->all_items = true;
    else
      seen->first_items = std::max(seen->first_items, rules.prefix.size());
  }
  if (rules.contains) right = check_contains(node, array, path, seen) && right;
  if (rules.unique && (right || go_on())) right = check_unique(node, array, path) && right;
  return right;
}

bool SchemaRun::check_contains(const SchemaNode& node, const JsonArray& array,
                               const ValuePath& path, Seen* seen) {
  const ArrayRules& rules = *node.array;
  std::size_t count = 0;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (!quietly(*rules.contains, array[i], path.item(i), nullptr)) continue;
    ++count;
    if (seen) seen->add_item(i);
    if (!seen && !rules.contains_most && count >= rules.contains_least) return true;
  }
  if (count < rules.contains_least) {
    const bool own = node.json->find("minContains") != nullptr;
    return wrong(node, own ? "minContains" : "contains", path,
                 fmt::format("must have at least {} as 'contains' describes, not {}",
                             spoken_count(rules.contains_least, "item", "items"), count));
  }
  if (rules.contains_most && count > *rules.contains_most) {
    return wrong(node, "maxContains", path,
                 fmt::format("must have at most {} as 'contains' describes, not {}",
                             spoken_count(*rules.contains_most, "item", "items"), count));
  }
  return true;
}

bool SchemaRun::check_unique(const SchemaNode& node, const JsonArray& array,
                             const ValuePath& path) {
  const auto equal = [&](std::size_t a, std::size_t b) {
    return wrong(node, "uniqueItems", path,
                 fmt::format("must not have equal items, but {} and {} are", a, b));
  };
  if (array.size() <= kFewItems) {
    for (std::size_t i = 1; i < array.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (array[i] == array[k]) return equal(k, i);
      }
    }
    return true;
  }
  std::unordered_map<std::string, std::size_t> known;
  known.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    const auto [old, fresh] = known.emplace(json_canonical(array[i]), i);
    if (!fresh) return equal(old->second, i);
  }
  return true;
}

bool SchemaRun::check_object(const SchemaNode& node, const JsonObject& object,
                             const ValuePath& path, Seen* seen) {
  const bool present = check_presence(node, object, path);
  if (!present && !go_on()) return false;
  return check_members(node, object, path, seen) && present;
}

bool SchemaRun::check_presence(const SchemaNode& node, const JsonObject& object,
                               const ValuePath& path) {
  const ObjectRules& rules = *node.object;
  bool right = true;
  if (rules.least && object.size() < *rules.least) {
    right = wrong(node, "minProperties", path,
                  fmt::format("must have at least {}, not {}",
                              spoken_count(*rules.least, "property", "properties"), object.size()));
  }
  if (rules.most && object.size() > *rules.most) {
    right = wrong(node, "maxProperties", path,
                  fmt::format("must have at most {}, not {}",
                              spoken_count(*rules.most, "property", "properties"), object.size()));
  }
  if (rules.required.empty() && rules.dependent_required.empty()) return right;
  const Names names(object, rules.required.size() + rules.dependent_required.size());
  for (const std::string& name : rules.required) {
    if (names.has(name)) continue;
    if (!reporting()) return false;
    right = wrong(node, "required", path, fmt::format("must have the property '{}'", name));
  }
  for (const auto& [name, needed] : rules.dependent_required) {
    if (!names.has(name)) continue;
    for (const std::string& other : needed) {
      if (names.has(other)) continue;
      if (!reporting()) return false;
      right = wrong(node, rules.dependent_required_keyword, path,
                    fmt::format("must have the property '{}', because it has '{}'", other, name));
    }
  }
  return right;
}

bool SchemaRun::check_members(const SchemaNode& node, const JsonObject& object,
                              const ValuePath& path, Seen* seen) {
  const ObjectRules& rules = *node.object;
  if (rules.properties.empty() && rules.patterns.empty() && !rules.additional && !rules.names)
    return true;
  bool right = true;
  std::size_t at = 0;
  for (const JsonObject::Member& member : object) {
    bool looked_at = false;
    if (!check_member(node, member, path, looked_at)) {
      right = false;
      if (!go_on()) return false;
    }
    if (looked_at && seen) seen->add_member(at);
    ++at;
  }
  return right;
}

bool SchemaRun::check_member(const SchemaNode& node, const JsonObject::Member& member,
                             const ValuePath& path, bool& looked_at) {
  const ObjectRules& rules = *node.object;
  const auto& [name, value] = member;
  const ValuePath inner = path.member(name);
  bool right = true;
  if (rules.names) {
    right = apply(*rules.names, Json(name), path.name_of(name), nullptr);
    if (!right && !go_on()) return false;
  }
  if (const auto known = rules.properties.find(name); known != rules.properties.end()) {
    looked_at = true;
    if (known->second->constant == false)
      right = forbidden_member(*known->second, "", name, inner);
    else
      right = apply(*known->second, value, inner, nullptr) && right;
    if (!right && !go_on()) return false;
  }
  for (const auto& [pattern, schema] : rules.patterns) {
    const Result<bool> found = pattern.search(name);
    if (!found)
      return wrong(node, "patternProperties", inner,
                   fmt::format("could not be checked: {}", found.error().what));
    if (!*found) continue;
    looked_at = true;
    right = apply(*schema, value, inner, nullptr) && right;
    if (!right && !go_on()) return false;
  }
  if (looked_at || rules.additional == nullptr) return right;
  looked_at = true;
  if (rules.additional->constant == false)
    return forbidden_member(node, "additionalProperties", name, inner);
  return apply(*rules.additional, value, inner, nullptr) && right;
}

bool SchemaRun::forbidden_member(const SchemaNode& node, std::string_view keyword,
                                 std::string_view name, const ValuePath& path) {
  if (!reporting()) return false;
  std::string near;
  if (node.object) near = closest(name, node.object->order);
  if (!near.empty()) near = fmt::format("; did you mean '{}'?", near);
  return wrong(node, keyword, path, fmt::format("is a property that is not allowed here{}", near));
}

}  // namespace sighter::text
