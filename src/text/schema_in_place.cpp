// What a schema applies to the same value: references, allOf, anyOf, oneOf, not, if, dependent
// schemas; and what is left over for unevaluatedProperties and unevaluatedItems.

#include <fmt/format.h>

#include <algorithm>

#include "text/schema_run.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kExplainedMax = 3;  // alternatives and violations of each

}  // namespace

// Without reporting; what was seen counts only when it is valid.
bool SchemaRun::quietly(const SchemaNode& node, const Json& value, const ValuePath& path,
                        Seen* seen) {
  std::vector<Violation>* out = std::exchange(out_, nullptr);
  bool right = false;
  if (seen) {
    Seen own;
    right = apply(node, value, path, &own);
    if (right) seen->add(own);
  } else {
    right = apply(node, value, path, nullptr);
  }
  out_ = out;
  return right;
}

// The outermost schema in scope that has the dynamic anchor (Core 2020-12, section 8.2.3.2).
const SchemaNode* SchemaRun::dynamic_target(const SchemaNode& node) const {
  if (node.dynamic_name.empty()) return node.dynamic_ref;
  for (const SchemaResource* resource : scope_) {
    const auto found = resource->dynamic_nodes.find(node.dynamic_name);
    if (found != resource->dynamic_nodes.end()) return found->second;
  }
  return node.dynamic_ref;
}

bool SchemaRun::check_references(const SchemaNode& node, const Json& value, const ValuePath& path,
                                 Seen* seen) {
  bool right = true;
  if (node.ref) {
    right = apply(*node.ref, value, path, seen);
    if (!right && !go_on()) return false;
  }
  if (node.dynamic_ref) right = apply(*dynamic_target(node), value, path, seen) && right;
  return right;
}

bool SchemaRun::check_in_place(const SchemaNode& node, const Json& value, const ValuePath& path,
                               Seen* seen) {
  const InPlaceRules& rules = *node.in_place;
  bool right = true;
  const auto step = [&](bool fine) {
    right = right && fine;
    return fine || go_on();
  };
  for (const SchemaNode* schema : rules.all_of) {
    if (!step(apply(*schema, value, path, seen))) return false;
  }
  if (!rules.any_of.empty() && !step(check_any_of(node, value, path, seen))) return false;
  if (!rules.one_of.empty() && !step(check_one_of(node, value, path, seen))) return false;
  if (rules.negation && quietly(*rules.negation, value, path, nullptr)) {
    if (!step(wrong(node, "not", path, "must not be as 'not' describes"))) return false;
  }
  if (rules.condition && !step(check_condition(node, value, path, seen))) return false;
  for (const auto& [name, schema] : rules.dependent) {
    if (!value.is_object() || !value.find(name)) continue;
    if (!step(apply(*schema, value, path, seen))) return false;
  }
  return right;
}

bool SchemaRun::check_any_of(const SchemaNode& node, const Json& value, const ValuePath& path,
                             Seen* seen) {
  bool right = false;
  for (const SchemaNode* schema : node.in_place->any_of) {
    right = quietly(*schema, value, path, seen) || right;
    if (right && !seen) return true;
  }
  if (!right && reporting())
    explain_alternatives(node, "anyOf", node.in_place->any_of, value, path);
  return right;
}

bool SchemaRun::check_one_of(const SchemaNode& node, const Json& value, const ValuePath& path,
                             Seen* seen) {
  const std::vector<const SchemaNode*>& alternatives = node.in_place->one_of;
  std::vector<std::size_t> matches;
  for (std::size_t i = 0; i < alternatives.size() && matches.size() < 2; ++i) {
    if (quietly(*alternatives[i], value, path, seen)) matches.push_back(i);
  }
  if (matches.size() == 1) return true;
  if (!reporting()) return false;
  if (matches.empty()) return explain_alternatives(node, "oneOf", alternatives, value, path), false;
  return wrong(
      node, "oneOf", path,
      fmt::format("must match exactly one of {} alternatives, but matches number {} and number {}",
                  alternatives.size(), matches[0] + 1, matches[1] + 1));
}

bool SchemaRun::check_condition(const SchemaNode& node, const Json& value, const ValuePath& path,
                                Seen* seen) {
  const InPlaceRules& rules = *node.in_place;
  if (!rules.then && !rules.otherwise && !seen) return true;
  const bool holds = quietly(*rules.condition, value, path, seen);
  const SchemaNode* next = holds ? rules.then : rules.otherwise;
  return next == nullptr || apply(*next, value, path, seen);
}

bool SchemaRun::check_unevaluated(const SchemaNode& node, const Json& value, const ValuePath& path,
                                  Seen& seen) {
  bool right = true;
  if (node.unevaluated_properties && value.is_object()) {
    std::size_t at = 0;
    for (const auto& [name, member] : value.as_object()) {
      const bool skip = seen.has_member(at++);
      if (skip) continue;
      const ValuePath inner = path.member(name);
      const SchemaNode& rest = *node.unevaluated_properties;
      const bool fine = rest.constant == false
                            ? forbidden_member(node, "unevaluatedProperties", name, inner)
                            : apply(rest, member, inner, nullptr);
      right = right && fine;
      if (!fine && !go_on()) return false;
    }
    seen.all_members = true;
  }
  if (node.unevaluated_items && value.is_array()) {
    const JsonArray& array = value.as_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (seen.has_item(i)) continue;
      const bool fine = apply(*node.unevaluated_items, array[i], path.item(i), nullptr);
      right = right && fine;
      if (!fine && !go_on()) return false;
    }
    seen.all_items = true;
  }
  return right;
}

// Says what is wrong in words that help: the types that would have done, or what is wrong with the
// one alternative that was meant (right type, right constant), or the first violation of each.
void SchemaRun::explain_alternatives(const SchemaNode& node, std::string_view keyword,
                                     const std::vector<const SchemaNode*>& alternatives,
                                     const Json& value, const ValuePath& path) {
  std::vector<Violation>* out = out_;
  const std::string here = pointer_of(path);
  std::vector<std::vector<Violation>> reasons(alternatives.size());
  std::vector<std::size_t> meant;
  std::uint8_t types = 0;
  bool all_types = true;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    out_ = &reasons[i];
    const std::size_t most = std::exchange(most_, kExplainedMax);
    apply(*alternatives[i], value, path, nullptr);
    most_ = most;
    const bool other_type = std::ranges::any_of(
        reasons[i], [&](const Violation& v) { return v.keyword == "type" && v.instance == here; });
    const bool other_kind = std::ranges::any_of(reasons[i], [&](const Violation& v) {
      return (v.keyword == "const" || v.keyword == "enum") && v.instance.size() > here.size() &&
             v.instance.find('/', here.size() + 1) == std::string::npos;
    });
    if (!other_type && !other_kind) meant.push_back(i);
    all_types = all_types && other_type && alternatives[i]->types != 0;
    types |= alternatives[i]->types;
  }
  out_ = out;
  if (stopped_) return;
  if (all_types) {
    wrong(node, keyword, path,
          fmt::format("must be {}, not {}", spoken_types(types), spoken_type(value)));
  } else if (meant.size() == 1) {
    for (Violation& violation : reasons[meant[0]]) {
      if (go_on()) out_->push_back(std::move(violation));
    }
  } else {
    std::string text = fmt::format("matches none of {} alternatives", alternatives.size());
    for (std::size_t i = 0; i < std::min(reasons.size(), kExplainedMax); ++i) {
      if (!reasons[i].empty())
        text += fmt::format("{} {}", i == 0 ? ":" : "; or", reasons[i][0].message);
    }
    wrong(node, keyword, path, text);
  }
}

}  // namespace sighter::text
