// Arrays and objects.

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.hpp"
#include "text/grammar_build.hpp"

namespace sighter::text {

std::optional<std::string> GrammarBuilder::array(const GrammarNodes& all) {
  std::size_t least = 0;
  std::optional<std::size_t> most;
  std::size_t prefix = 0;
  bool rest_said = false;
  bool none_left = false;
  for (const SchemaNode* node : all) {
    const bool own = node->unevaluated_items && node->unevaluated_items->constant == false &&
                     sees_all(*node, all);
    if (node->unevaluated_items && !own) unchecked(*node, "unevaluatedItems");
    none_left = none_left || own;
    if (!node->array) continue;
    const ArrayRules& rules = *node->array;
    prefix = std::max(prefix, rules.prefix.size());
    rest_said = rest_said || rules.items;
    for (std::string_view keyword : {"contains", "minContains", "maxContains"}) {
      if (rules.contains && node->json->find(keyword)) unchecked(*node, keyword);
    }
    size_bound(*node, "minItems", rules.least, "maxItems", rules.most, least, most);
    if (rules.unique && most.value_or(2) > 1) unchecked(*node, "uniqueItems");
  }
  const bool closed = !rest_said && (none_left || (prefix > 0 && least <= prefix));
  std::vector<std::string> first;
  for (std::size_t i = 0; i < prefix && (!most || i < *most); ++i) {
    const auto rule = item(all, i);
    if (!rule) break;
    first.push_back(*rule);
  }
  const bool cut = first.size() < prefix;
  const auto rest = cut || closed ? std::nullopt : item(all, prefix);
  if (!rest) most = std::min(most.value_or(first.size()), first.size());
  if (most && least > *most) return std::nullopt;
  if (first.empty()) return "\"[\" " + (rest ? rules_.list(*rest, least, most) : "\"\"") + " \"]\"";
  return "\"[\" " + tuple(first, rest, least, most) + " \"]\"";
}

void GrammarBuilder::size_bound(const SchemaNode& node, std::string_view least_keyword,
                                std::optional<std::size_t> mine_least,
                                std::string_view most_keyword, std::optional<std::size_t> mine_most,
                                std::size_t& least, std::optional<std::size_t>& most) {
  if (mine_least && *mine_least > limits::kGrammarRepeatMax)
    unchecked(node, least_keyword);
  else if (mine_least)
    least = std::max(least, *mine_least);
  if (mine_most && *mine_most > limits::kGrammarRepeatMax)
    unchecked(node, most_keyword);
  else if (mine_most)
    most = std::min(most.value_or(*mine_most), *mine_most);
}

std::optional<std::string> GrammarBuilder::item(const GrammarNodes& all, std::size_t at) {
  GrammarPlace place;
  for (const SchemaNode* node : all) {
    if (!node->array) continue;
    if (at < node->array->prefix.size())
      place.nodes.push_back(node->array->prefix[at]);
    else if (node->array->items)
      place.nodes.push_back(node->array->items);
  }
  if (place.nodes.empty()) return rules_.any_value();
  return value(place, "item");
}

std::string GrammarBuilder::tuple(const std::vector<std::string>& first,
                                  const std::optional<std::string>& rest, std::size_t least,
                                  std::optional<std::size_t> most) {
  std::string tail;
  if (rest && (!most || *most > first.size())) {
    const std::string next = rules_.add("next", fmt::format("{} {}", rules_.comma(), *rest));
    std::optional<std::size_t> left = most;
    if (left) *left -= first.size();
    tail = " " + gbnf_repeat(next, least > first.size() ? least - first.size() : 0, left);
  }
  for (std::size_t i = first.size(); i-- > 0;) {
    std::string one = (i > 0 ? rules_.comma() + " " : "") + first[i] + tail;
    tail = i < least ? " " + one : " (" + one + ")?";
    if (i > 0 && i % 8 == 0) tail = " " + rules_.add("tail", tail.substr(1));
  }
  return tail.substr(1);
}

std::optional<std::string> GrammarBuilder::object(const GrammarNodes& all) {
  std::vector<std::string> order;
  std::set<std::string> known;
  std::set<std::string> required;
  for (const SchemaNode* node : all) {
    if (!node->object) continue;
    for (const std::string& name : node->object->order) {
      if (known.insert(name).second) order.push_back(name);
    }
    required.insert(node->object->required.begin(), node->object->required.end());
  }
  for (const SchemaNode* node : all) {
    if (!node->object) continue;
    for (const std::string& name : node->object->required) {
      if (known.insert(name).second) order.push_back(name);
    }
  }
  std::vector<Member> members;
  for (const std::string& name : order) {
    const auto rule = member_value(all, name);
    if (!rule && required.contains(name)) return std::nullopt;
    if (!rule) continue;
    members.push_back(
        {name,
         rules_.add(name + "-kv",
                    fmt::format("{} {} {}", gbnf_literal(json_quote(name)), rules_.colon(), *rule)),
         required.contains(name)});
  }
  const std::optional<std::string> extra = other_member(all, order);
  std::size_t least = 0;
  std::optional<std::size_t> most;
  for (const SchemaNode* node : all)
    count_bounds(*node, required, members.size(), extra.has_value(), least, most);
  if (members.empty() && !extra)
    return least > 0 ? std::nullopt : std::optional<std::string>("\"{\" \"}\"");
  if (members.empty()) {
    if (most && least > *most) return std::nullopt;
    return "\"{\" " + rules_.list(*extra, least, most) + " \"}\"";
  }
  return "\"{\" " + sequence(members, extra) + " \"}\"";
}

void GrammarBuilder::count_bounds(const SchemaNode& node, const std::set<std::string>& required,
                                  std::size_t members, bool open, std::size_t& least,
                                  std::optional<std::size_t>& most) {
  if (!node.object) return;
  const ObjectRules& rules = *node.object;
  if (members == 0) {
    size_bound(node, "minProperties", rules.least, "maxProperties", rules.most, least, most);
  } else {
    if (rules.least && *rules.least > required.size()) unchecked(node, "minProperties");
    if (rules.most && (open || *rules.most < members)) unchecked(node, "maxProperties");
  }
  for (const auto& [name, needed] : rules.dependent_required) {
    const bool always =
        std::ranges::all_of(needed, [&](const std::string& n) { return required.contains(n); });
    if (!always) unchecked(node, rules.dependent_required_keyword);
  }
}

std::optional<std::string> GrammarBuilder::member_value(const GrammarNodes& all,
                                                        const std::string& name) {
  GrammarPlace place;
  bool covered = false;
  for (const SchemaNode* node : all) {
    if (!node->object) continue;
    const ObjectRules& rules = *node->object;
    if (rules.names && !schema_accepts(compiled_, *rules.names, Json(name))) return std::nullopt;
    bool mine = false;
    if (const auto property = rules.properties.find(name); property != rules.properties.end()) {
      place.nodes.push_back(property->second);
      mine = true;
    }
    for (const auto& [pattern, schema] : rules.patterns) {
      if (!pattern.search(name).value_or(true)) continue;
      place.nodes.push_back(schema);
      mine = true;
    }
    if (!mine && rules.additional) place.nodes.push_back(rules.additional);
    covered = covered || mine || rules.additional;
  }
  for (const SchemaNode* node : all) {
    if (!node->unevaluated_properties || node->unevaluated_properties->constant == true) continue;
    if (!sees_all(*node, all))
      unchecked(*node, "unevaluatedProperties");
    else if (!covered)
      place.nodes.push_back(node->unevaluated_properties);
  }
  if (place.nodes.empty()) return rules_.any_value();
  return value(place, name);
}

std::optional<std::string> GrammarBuilder::other_member(const GrammarNodes& all,
                                                        const std::vector<std::string>& declared) {
  GrammarPlace place;
  const SchemaNode* pattern_node = nullptr;
  const SchemaNode* names = nullptr;
  bool closed = false;
  bool said = false;
  std::size_t patterns = 0;
  for (const SchemaNode* node : all) {
    if (node->unevaluated_properties) {
      closed = closed || node->unevaluated_properties->constant == false;
      place.nodes.push_back(node->unevaluated_properties);
      if (!sees_all(*node, all)) unchecked(*node, "unevaluatedProperties");
    }
    if (!node->object) continue;
    const ObjectRules& rules = *node->object;
    patterns += rules.patterns.size();
    if (!rules.patterns.empty()) pattern_node = node;
    if (rules.names) names = names ? names : node;
    if (rules.names && names != node) unchecked(*node, "propertyNames");
    if (!rules.additional) continue;
    said = true;
    closed = closed || rules.additional->constant == false;
    place.nodes.push_back(rules.additional);
  }
  if (patterns == 1 && declared.empty() && (closed || !said) && !names)
    return pattern_member(*pattern_node);
  if (closed || (!said && !declared.empty())) return std::nullopt;
  if (pattern_node) unchecked(*pattern_node, "patternProperties");
  const std::optional<std::string> rule =
      place.nodes.empty() ? rules_.any_value() : value(place, "other-value");
  const std::optional<std::string> name = other_name(declared, names);
  if (!rule || !name) return std::nullopt;
  return rules_.add("other-kv",
                    fmt::format("\"\\\"\" {} \"\\\"\" {} {}", *name, rules_.colon(), *rule));
}

std::optional<std::string> GrammarBuilder::pattern_member(const SchemaNode& node) {
  const auto& [pattern, schema] = node.object->patterns[0];
  const auto name = pattern_expression(rules_, pattern.pattern());
  const auto rule = value({{schema}, {}}, "other-value");
  if (!name || !rule) return std::nullopt;
  return rules_.add("other-kv", fmt::format("\"\\\"\" ({}) \"\\\"\" {} {}", name->expression,
                                            rules_.colon(), *rule));
}

std::optional<std::string> GrammarBuilder::other_name(const std::vector<std::string>& declared,
                                                      const SchemaNode* names) {
  if (!names) return declared.empty() ? rules_.any_char() + "*" : other_names(rules_, declared);
  const GrammarNodes all = flatten({names->object->names});
  const bool simple = std::ranges::all_of(all, [](const SchemaNode* n) {
    return n->string && !n->choice && !n->in_place && !n->constant;
  });
  if (declared.empty() && simple) return "(" + text(all) + ")";
  unchecked(*names, "propertyNames");
  return declared.empty() ? rules_.any_char() + "*" : other_names(rules_, declared);
}

std::string GrammarBuilder::sequence(const std::vector<Member>& members,
                                     const std::optional<std::string>& extra) {
  const std::string comma = rules_.comma();
  const std::string extras =
      extra ? rules_.add("others", fmt::format("({} {})*", comma, *extra)) : "";
  const auto required = std::ranges::find(members, true, &Member::required);
  std::string out;
  if (required != members.end()) {
    for (auto m = members.begin(); m != members.end(); ++m) {
      if (m < required)
        out += fmt::format("({} {})? ", m->rule, comma);
      else if (m == required)
        out += m->rule + " ";
      else if (m->required)
        out += fmt::format("{} {} ", comma, m->rule);
      else
        out += fmt::format("({} {})? ", comma, m->rule);
    }
    out += extras;
    if (out.ends_with(' ')) out.pop_back();
    return out;
  }
  // None is required: alternatives by which one is first, and for each i a rule for what follows.
  std::string tail = extras;
  std::vector<std::string> starts;
  if (extra) starts.push_back(fmt::format("{} {}", *extra, extras));
  for (auto m = members.rbegin(); m != members.rend(); ++m) {
    starts.push_back(tail.empty() ? m->rule : m->rule + " " + tail);
    const std::string body =
        fmt::format("({} {})?", comma, m->rule) + (tail.empty() ? "" : " " + tail);
    if (m + 1 != members.rend()) tail = rules_.add("rest", body);
  }
  std::ranges::reverse(starts);
  return fmt::format("({})?", fmt::join(starts, " | "));
}

}  // namespace sighter::text
