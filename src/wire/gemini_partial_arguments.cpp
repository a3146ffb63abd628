#include "wire/gemini_partial_arguments.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace sighter::wire::gemini {
namespace {

constexpr int kStepsMax = 64;

// One step of a path: the member of an object, or the element of a list.
struct Step {
  std::string name{};
  std::optional<std::size_t> index{};
};

// Takes "['name']", "["name"]" or "[3]" from the front of `path`.
std::optional<Step> take_bracket(std::string_view& path) {
  path.remove_prefix(1);
  Step step;
  if (path.starts_with('\'') || path.starts_with('"')) {
    const char quote = path[0];
    std::size_t at = 1;
    for (; at < path.size() && path[at] != quote; ++at) {
      if (path[at] == '\\' && at + 1 < path.size()) ++at;
      step.name += path[at];
    }
    if (at >= path.size()) return std::nullopt;
    path.remove_prefix(at + 1);
  } else {
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
    if (error != std::errc()) return std::nullopt;
    step.index = index;
    path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  }
  if (!path.starts_with(']')) return std::nullopt;
  path.remove_prefix(1);
  return step;
}

// Takes the next step from the front of `path`; nullopt where there is none that can be read.
std::optional<Step> take_step(std::string_view& path) {
  if (path.starts_with('[')) return take_bracket(path);
  if (!path.starts_with('.')) return std::nullopt;
  path.remove_prefix(1);
  const std::string_view name = path.substr(0, path.find_first_of(".["));
  if (name.empty()) return std::nullopt;
  path.remove_prefix(name.size());
  return Step{.name = std::string(name)};
}

// The place that the step leads to, made where it is the next one; nullptr: it cannot be.
Json* follow(Json& from, const Step& step) {
  if (from.is_null()) from = step.index ? Json::array() : Json::object();
  if (!step.index) {
    if (!from.is_object()) return nullptr;
    Json* member = from.find(step.name);
    return member != nullptr ? member : &from.as_object().append(step.name, Json());
  }
  if (!from.is_array()) return nullptr;
  JsonArray& items = from.as_array();
  if (*step.index > items.size()) return nullptr;
  if (*step.index == items.size()) items.emplace_back();
  return &items[*step.index];
}

Json* value_of(Json& partial) {
  for (const std::string_view name : {"stringValue", "numberValue", "boolValue", "nullValue"}) {
    if (Json* value = partial.find(name)) return value;
  }
  return nullptr;
}

}  // namespace

Status PartialArguments::add_one(Json& partial) {
  const std::string* said = partial.find_string("jsonPath");
  Json* value = value_of(partial);
  if (value == nullptr) return {};
  std::string_view path = said != nullptr ? std::string_view(*said) : std::string_view();
  Json* place = path.starts_with('$') ? &whole_ : nullptr;
  if (place != nullptr) path.remove_prefix(1);
  for (int steps = 0; place != nullptr && (!path.empty() || steps == 0); ++steps) {
    const std::optional<Step> step = steps < kStepsMax ? take_step(path) : std::nullopt;
    place = step ? follow(*place, *step) : nullptr;
  }
  if (place == nullptr)
    return fail(Kind::kUpstream,
                fmt::format("the stream holds a piece of arguments for a place that cannot be: {}",
                            said != nullptr ? json_quote(said->substr(0, 200)) : "none"));
  if (partial.find("nullValue") == value) {
    *place = Json();
  } else if (place->is_string() && value->is_string()) {
    place->as_string() += value->as_string();
  } else {
    *place = std::move(*value);
  }
  return {};
}

Status PartialArguments::add(Json& partials) {
  if (!partials.is_array()) return {};
  for (Json& one : partials.as_array()) {
    if (Status status = add_one(one); !status) return status;
  }
  return {};
}

}  // namespace sighter::wire::gemini
