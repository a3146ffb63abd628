#include "text/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "text/grammar_build.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kSplitsMax = 3;       // anyOf and oneOf of one set that are multiplied out
constexpr std::size_t kDepthMax = 200;      // sets within sets before a rule repeats
constexpr std::size_t kMultiplesMax = 200;  // written out one by one
constexpr std::size_t kAlternativesMax =
    64;  // of which it is asked whether they exclude each other
constexpr std::uint8_t kEveryType = kAnyType | kIntegerBit;

std::uint8_t types_of(const SchemaNode& node) {
  if (node.types == 0) return kEveryType;
  return static_cast<std::uint8_t>(node.types & kNumberBit ? node.types | kIntegerBit : node.types);
}

}  // namespace

Result<Grammar> GrammarBuilder::run() {
  const std::optional<std::string> root = value({{compiled_.root}, {}}, "value");
  if (!limit_.empty()) {
    return fail(Kind::kTooLarge,
                fmt::format("{}: as a grammar it would have {}", compiled_.origin, limit_),
                "make the schema smaller, or let the model write without a grammar");
  }
  if (!root)
    return fail(Kind::kUnsupported, fmt::format("{}: no value can be valid", compiled_.origin),
                "look for keywords that contradict each other");
  return Grammar{rules_.text(*root), {unchecked_.begin(), unchecked_.end()}};
}

void GrammarBuilder::unchecked(const SchemaNode& node, std::string_view keyword) {
  unchecked_.insert(node.place(keyword));
}

GrammarNodes GrammarBuilder::flatten(const GrammarNodes& start) {
  GrammarNodes out;
  std::set<const SchemaNode*> known;
  GrammarNodes todo(start.rbegin(), start.rend());
  while (!todo.empty()) {
    const SchemaNode* node = todo.back();
    todo.pop_back();
    if (!known.insert(node).second) continue;
    out.push_back(node);
    if (node->in_place)
      todo.insert(todo.end(), node->in_place->all_of.rbegin(), node->in_place->all_of.rend());
    if (node->dynamic_ref) todo.push_back(node->dynamic_ref);
    if (node->ref) todo.push_back(node->ref);
  }
  return out;
}

bool GrammarBuilder::sees_all(const SchemaNode& node, const GrammarNodes& all) {
  std::set<const SchemaNode*> own;
  GrammarNodes todo = {&node};
  while (!todo.empty()) {
    const SchemaNode* part = todo.back();
    todo.pop_back();
    if (part == nullptr || !own.insert(part).second) continue;
    todo.push_back(part->ref);
    todo.push_back(part->dynamic_ref);
    if (!part->in_place) continue;
    const InPlaceRules& rules = *part->in_place;
    for (const GrammarNodes* list : {&rules.all_of, &rules.any_of, &rules.one_of}) {
      todo.insert(todo.end(), list->begin(), list->end());
    }
  }
  return std::ranges::all_of(all, [&](const SchemaNode* n) { return own.contains(n); });
}

std::string GrammarBuilder::key_of(const GrammarPlace& place, const GrammarNodes& all) {
  std::vector<std::size_t> ids;
  for (const SchemaNode* node : all) ids.push_back(node->id);
  std::ranges::sort(ids);
  return fmt::format(
      "{}|{}", fmt::join(ids, ","),
      fmt::join(std::vector<const void*>(place.done.begin(), place.done.end()), ","));
}

std::optional<std::string> GrammarBuilder::value(const GrammarPlace& place, std::string_view hint) {
  const GrammarNodes all = flatten(place.nodes);
  const std::string key = key_of(place, all);
  if (const auto known = by_key_.find(key); known != by_key_.end()) return known->second;
  if (rules_.size() > limits::kGrammarRulesMax)
    limit_ = fmt::format("more than {} rules", limits::kGrammarRulesMax);
  if (depth_ > kDepthMax) limit_ = fmt::format("more than {} rules within rules", kDepthMax);
  if (!limit_.empty()) return std::nullopt;
  const bool plain = std::ranges::all_of(all, [](const SchemaNode* n) {
    return n->constant == true || (n->json->is_object() && n->json->as_object().empty());
  });
  if (plain) return by_key_[key] = rules_.any_value();
  const std::string name = rules_.reserve(hint);
  by_key_[key] = name;
  ++depth_;
  const std::optional<std::string> body = body_of(place, all, hint);
  --depth_;
  rules_.define(name, body.value_or(gbnf_never()));
  if (!body) return by_key_[key] = std::nullopt;
  return name;
}

std::optional<std::string> GrammarBuilder::body_of(const GrammarPlace& place,
                                                   const GrammarNodes& all, std::string_view hint) {
  if (std::ranges::any_of(all, [](const SchemaNode* n) { return n->constant == false; }))
    return std::nullopt;
  for (const SchemaNode* node : all) {
    if (node->choice) return choices(place.nodes, *node->choice);
  }
  note_what_is_not_said(all);
  for (const SchemaNode* node : all) {
    if (!node->in_place) continue;
    for (const GrammarNodes* list : {&node->in_place->any_of, &node->in_place->one_of}) {
      if (list->empty() || place.done.contains(list)) continue;
      const bool one = list == &node->in_place->one_of;
      if (place.done.size() < kSplitsMax) return split(place, *node, *list, one, hint);
      unchecked(*node, one ? "oneOf" : "anyOf");
    }
  }
  return by_type(all);
}

void GrammarBuilder::note_what_is_not_said(const GrammarNodes& all) {
  for (const SchemaNode* node : all) {
    if (!node->dynamic_name.empty()) unchecked(*node, "$dynamicRef");
    if (!node->in_place) continue;
    const InPlaceRules& rules = *node->in_place;
    if (rules.negation) unchecked(*node, "not");
    if (rules.then) unchecked(*node, "then");
    if (rules.otherwise) unchecked(*node, "else");
    if (!rules.dependent.empty()) unchecked(*node, rules.dependent_keyword);
  }
}

std::optional<std::string> GrammarBuilder::choices(const GrammarNodes& nodes,
                                                   const EnumRules& rules) {
  JsonArray values;
  if (rules.constant)
    values.push_back(*rules.constant);
  else
    values = rules.values->as_array();
  std::vector<std::string> out;
  for (const Json& one : values) {
    const bool fine = std::ranges::all_of(
        nodes, [&](const SchemaNode* n) { return schema_accepts(compiled_, *n, one); });
    if (fine) out.push_back(gbnf_literal(json_write(one)));
  }
  if (out.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(out, " | "));
}

std::optional<std::string> GrammarBuilder::split(const GrammarPlace& place, const SchemaNode& node,
                                                 const GrammarNodes& list, bool one_of,
                                                 std::string_view hint) {
  std::vector<std::string> out;
  for (const SchemaNode* alternative : list) {
    GrammarPlace next = place;
    next.nodes.push_back(alternative);
    next.done.insert(&list);
    if (const auto rule = value(next, hint)) out.push_back(*rule);
  }
  if (one_of && out.size() > 1 && !exclusive(list)) unchecked(node, "oneOf");
  if (out.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(out, " | "));
}

bool GrammarBuilder::exclusive(const GrammarNodes& list) {
  if (list.size() > kAlternativesMax) return false;
  std::uint8_t seen = 0;
  bool by_types = true;
  for (const SchemaNode* node : list) {
    std::uint8_t types = kEveryType;
    for (const SchemaNode* part : flatten({node})) types &= types_of(*part);
    by_types = by_types && (seen & types) == 0;
    seen |= types;
  }
  if (by_types) return true;
  for (const auto& [name, constant] : tags(*list[0])) {
    std::set<std::string> values;
    for (const SchemaNode* node : list) {
      const auto all = tags(*node);
      const auto mine = all.find(name);
      if (mine == all.end() || !values.insert(mine->second).second) break;
    }
    if (values.size() == list.size()) return true;
  }
  return false;
}

std::map<std::string, std::string> GrammarBuilder::tags(const SchemaNode& node) {
  std::map<std::string, std::string> out;
  const GrammarNodes all = flatten({&node});
  const bool object =
      std::ranges::any_of(all, [](const SchemaNode* n) { return n->types == kObjectBit; });
  for (const SchemaNode* part : all) {
    if (!part->object || !object) continue;
    for (const std::string& name : part->object->required) {
      const auto property = part->object->properties.find(name);
      if (property == part->object->properties.end() || !property->second->choice) continue;
      const EnumRules& rules = *property->second->choice;
      if (rules.constant)
        out[name] = json_canonical(*rules.constant);
      else if (rules.values->as_array().size() == 1)
        out[name] = json_canonical(rules.values->as_array()[0]);
    }
  }
  return out;
}

std::optional<std::string> GrammarBuilder::by_type(const GrammarNodes& all) {
  std::uint8_t types = kEveryType;
  bool said = false;
  std::uint8_t meant = 0;
  for (const SchemaNode* node : all) {
    types &= types_of(*node);
    said = said || node->types != 0;
    const bool object = node->object || node->unevaluated_properties;
    const bool array = node->array || node->unevaluated_items;
    meant |= static_cast<std::uint8_t>((object ? kObjectBit : 0) | (array ? kArrayBit : 0) |
                                       (node->string ? kStringBit : 0) |
                                       (node->number ? kNumberBit | kIntegerBit : 0));
  }
  if (!said && meant != 0) types &= meant;
  std::vector<std::string> out;
  const auto add = [&](std::optional<std::string> text) {
    if (text) out.push_back(std::move(*text));
  };
  if (types & kObjectBit) add(object(all));
  if (types & kArrayBit) add(array(all));
  if (types & kStringBit) add("\"\\\"\" (" + text(all) + ") \"\\\"\"");
  if (types & (kNumberBit | kIntegerBit)) add(number(all, !(types & kNumberBit)));
  if (types & kBoolBit) add("\"true\" | \"false\"");
  if (types & kNullBit) add("\"null\"");
  if (out.empty()) return std::nullopt;
  return fmt::format("{}", fmt::join(out, " | "));
}

Result<Grammar> schema_grammar(const Schema& schema) {
  return GrammarBuilder(schema.compiled()).run();
}

Result<Grammar> labels_grammar(std::span<const std::string> labels) {
  if (labels.empty()) return fail(Kind::kInvalid, "a grammar of labels needs at least one label");
  std::vector<std::string> out;
  for (const std::string& label : labels) {
    if (label.empty())
      return fail(Kind::kInvalid, "an empty label cannot be generated", "give it a name");
    out.push_back(gbnf_literal(label));
  }
  return Grammar{fmt::format("root ::= {}\n", fmt::join(out, " | ")), {}};
}

}  // namespace sighter::text
