// From the graph of a compiled schema to rules. What has to hold at one place of the value is a set
// of nodes ("all of them"): a schema together with what it refers to and what allOf adds. anyOf and
// oneOf split a set into alternatives.

#include "text/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/limits.hpp"
#include "text/grammar_rules.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kSplitsMax = 3;       // anyOf and oneOf of one set that are multiplied out
constexpr std::size_t kDepthMax = 200;      // sets within sets before a rule repeats
constexpr std::size_t kMultiplesMax = 200;  // written out one by one
constexpr std::size_t kAlternativesMax =
    64;  // of which it is asked whether they exclude each other
constexpr std::uint8_t kEveryType = kAnyType | kIntegerBit;

using Nodes = std::vector<const SchemaNode*>;

struct Place {
  Nodes nodes;                 // all of them
  std::set<const void*> done;  // alternatives already chosen
};

std::uint8_t types_of(const SchemaNode& node) {
  if (node.types == 0) return kEveryType;
  return static_cast<std::uint8_t>(node.types & kNumberBit ? node.types | kIntegerBit : node.types);
}

class Builder {
 public:
  explicit Builder(const CompiledSchema& compiled) : compiled_(compiled) {}

  Result<Grammar> run() {
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

 private:
  void unchecked(const SchemaNode& node, std::string_view keyword) {
    unchecked_.insert(node.place(keyword));
  }

  // ---- sets of nodes
  // References and allOf followed; in order, each node once.
  static Nodes flatten(const Nodes& start) {
    Nodes out;
    std::set<const SchemaNode*> known;
    Nodes todo(start.rbegin(), start.rend());
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

  static std::string key_of(const Place& place, const Nodes& all) {
    std::vector<std::size_t> ids;
    for (const SchemaNode* node : all) ids.push_back(node->id);
    std::ranges::sort(ids);
    return fmt::format(
        "{}|{}", fmt::join(ids, ","),
        fmt::join(std::vector<const void*>(place.done.begin(), place.done.end()), ","));
  }

  // The name of the rule for a value, or nullopt when there can be none.
  std::optional<std::string> value(const Place& place, std::string_view hint) {
    const Nodes all = flatten(place.nodes);
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

  std::optional<std::string> body_of(const Place& place, const Nodes& all, std::string_view hint) {
    if (std::ranges::any_of(all, [](const SchemaNode* n) { return n->constant == false; }))
      return std::nullopt;
    for (const SchemaNode* node : all) {
      if (node->choice) return choices(place.nodes, *node->choice);
    }
    note_what_is_not_said(all);
    for (const SchemaNode* node : all) {
      if (!node->in_place) continue;
      for (const Nodes* list : {&node->in_place->any_of, &node->in_place->one_of}) {
        if (list->empty() || place.done.contains(list)) continue;
        const bool one = list == &node->in_place->one_of;
        if (place.done.size() < kSplitsMax) return split(place, *node, *list, one, hint);
        unchecked(*node, one ? "oneOf" : "anyOf");
      }
    }
    return by_type(all);
  }

  void note_what_is_not_said(const Nodes& all) {
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

  // Constants: exactly those values that all nodes accept.
  std::optional<std::string> choices(const Nodes& nodes, const EnumRules& rules) {
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

  std::optional<std::string> split(const Place& place, const SchemaNode& node, const Nodes& list,
                                   bool one_of, std::string_view hint) {
    std::vector<std::string> out;
    for (const SchemaNode* alternative : list) {
      Place next = place;
      next.nodes.push_back(alternative);
      next.done.insert(&list);
      if (const auto rule = value(next, hint)) out.push_back(*rule);
    }
    if (one_of && out.size() > 1 && !exclusive(list)) unchecked(node, "oneOf");
    if (out.empty()) return std::nullopt;
    return fmt::format("{}", fmt::join(out, " | "));
  }

  // Certainly no value matches two of them: their types differ, or a member that all require has a
  // different constant in each.
  static bool exclusive(const Nodes& list) {
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

  // Required members that must be one constant: their values as text.
  static std::map<std::string, std::string> tags(const SchemaNode& node) {
    std::map<std::string, std::string> out;
    const Nodes all = flatten({&node});
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

  std::optional<std::string> by_type(const Nodes& all) {
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

  // ---- numbers
  std::optional<std::string> number(const Nodes& all, bool whole) {
    Range range;
    for (const SchemaNode* node : all) {
      if (!node->number) continue;
      const NumberRules& rules = *node->number;
      if (rules.minimum) bound(*node, "minimum", *rules.minimum, false, false, whole, range);
      if (rules.above) bound(*node, "exclusiveMinimum", *rules.above, false, true, whole, range);
      if (rules.maximum) bound(*node, "maximum", *rules.maximum, true, false, whole, range);
      if (rules.below) bound(*node, "exclusiveMaximum", *rules.below, true, true, whole, range);
      if (rules.multiple_of && rules.multiple_of->power_of_ten() == 0) whole = true;
    }
    // A bound that was met while fractions were allowed also bounds whole numbers.
    if (whole && range.above && range.least) ++*range.least;
    if (whole && range.below && range.most) --*range.most;
    if (range.least && range.most &&
        (*range.least > *range.most ||
         (!whole && *range.least == *range.most && (range.above || range.below))))
      return std::nullopt;
    int digits = 16;
    for (const SchemaNode* node : all) {
      if (!node->number || !node->number->multiple_of) continue;
      const ExactNumber& step = *node->number->multiple_of;
      if (auto written = multiples(range, step, whole)) return written;
      const auto power = step.power_of_ten();
      if (power && *power <= 0 && *power >= -16)
        digits = whole ? digits : std::min<int>(digits, static_cast<int>(-*power));
      else
        unchecked(*node, "multipleOf");
    }
    if (whole) return integer_expression({range.least, range.most});
    if (!range.least && !range.most && digits == 16) return rules_.any_number();
    return number_expression(rules_, {range.least, range.most, range.above, range.below}, digits);
  }

  struct Range {
    std::optional<long long> least, most;
    bool above = false;
    bool below = false;
  };

  // Narrows the range by one bound. One that is not an integer is widened to the next that is, and
  // checked afterwards; for whole numbers it is exact.
  void bound(const SchemaNode& node, std::string_view keyword, const ExactNumber& limit, bool upper,
             bool open, bool whole, Range& range) {
    const auto floor = limit.floor();
    constexpr long long kMost = 999'999'999'999'999'999;
    if (!floor || *floor > kMost - 1 || *floor < -kMost + 1) return unchecked(node, keyword);
    long long edge = *floor;
    if (limit.is_integer()) {
      if (whole && open) edge += upper ? -1 : 1, open = false;
    } else {
      open = false;
      if (upper != whole) ++edge;  // whole: the next one inside; else: the next one outside
      if (!whole) unchecked(node, keyword);
    }
    std::optional<long long>& side = upper ? range.most : range.least;
    bool& flag = upper ? range.below : range.above;
    if (side && (upper ? edge > *side : edge < *side)) return;
    flag = side == edge ? flag || open : open;
    side = edge;
  }

  static std::optional<std::string> multiples(const Range& range, const ExactNumber& step,
                                              bool whole) {
    const auto size = step.to_int();
    if (!whole || !size || *size < 2 || !range.least || !range.most) return std::nullopt;
    if ((*range.most - *range.least) / *size > static_cast<long long>(kMultiplesMax))
      return std::nullopt;
    std::vector<std::string> out;
    long long first = *range.least / *size * *size;
    if (first < *range.least) first += *size;
    for (long long n = first; n <= *range.most; n += *size) out.push_back(fmt::format("\"{}\"", n));
    return out.empty() ? gbnf_never() : fmt::format("{}", fmt::join(out, " | "));
  }

  // ---- strings: what is between the quotes
  std::string text(const Nodes& all) {
    std::optional<PatternExpression> said;
    for (const SchemaNode* node : all) {
      if (!node->string || !node->string->pattern) continue;
      auto mine =
          said ? std::nullopt : pattern_expression(rules_, node->string->pattern->pattern());
      if (mine)
        said = std::move(mine);
      else
        unchecked(*node, "pattern");
    }
    for (const SchemaNode* node : all) {
      if (!node->string || node->string->format_name.empty()) continue;
      auto mine = said ? std::nullopt : format_expression(rules_, node->string->format_name);
      if (mine)
        said = PatternExpression{std::move(*mine), 0, std::nullopt};
      else if (node->string->format)
        unchecked(*node, "format");
    }
    std::size_t least = 0;
    std::optional<std::size_t> most;
    for (const SchemaNode* node : all) {
      if (!node->string) continue;
      const StringRules& rules = *node->string;
      const bool long_enough = !rules.least || (said && said->least >= *rules.least);
      const bool short_enough = !rules.most || (said && said->most && *said->most <= *rules.most);
      if (!long_enough && (said || *rules.least > limits::kGrammarRepeatMax))
        unchecked(*node, "minLength");
      else if (rules.least)
        least = std::max(least, *rules.least);
      if (!short_enough && (said || *rules.most > limits::kGrammarRepeatMax))
        unchecked(*node, "maxLength");
      else if (rules.most)
        most = std::min(most.value_or(*rules.most), *rules.most);
    }
    if (said) return said->expression;
    if (most && least > *most) return gbnf_never();
    if (most == 0u) return "\"\"";
    return gbnf_repeat(rules_.any_char(), least, most);
  }

  // ---- arrays
  std::optional<std::string> array(const Nodes& all) {
    std::size_t least = 0;
    std::optional<std::size_t> most;
    std::size_t prefix = 0;
    bool rest_said = false;
    bool none_left = false;
    for (const SchemaNode* node : all) {
      const bool own =
          node == all[0] && node->unevaluated_items && node->unevaluated_items->constant == false;
      if (node->unevaluated_items && !own) unchecked(*node, "unevaluatedItems");
      none_left = none_left || own;
      if (!node->array) continue;
      const ArrayRules& rules = *node->array;
      prefix = std::max(prefix, rules.prefix.size());
      rest_said = rest_said || rules.items;
      if (rules.contains) unchecked(*node, "contains");
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
    if (first.empty())
      return "\"[\" " + (rest ? rules_.list(*rest, least, most) : "\"\"") + " \"]\"";
    return "\"[\" " + tuple(first, rest, least, most) + " \"]\"";
  }

  void size_bound(const SchemaNode& node, std::string_view least_keyword,
                  std::optional<std::size_t> mine_least, std::string_view most_keyword,
                  std::optional<std::size_t> mine_most, std::size_t& least,
                  std::optional<std::size_t>& most) {
    if (mine_least && *mine_least > limits::kGrammarRepeatMax)
      unchecked(node, least_keyword);
    else if (mine_least)
      least = std::max(least, *mine_least);
    if (mine_most && *mine_most > limits::kGrammarRepeatMax)
      unchecked(node, most_keyword);
    else if (mine_most)
      most = std::min(most.value_or(*mine_most), *mine_most);
  }

  std::optional<std::string> item(const Nodes& all, std::size_t at) {
    Place place;
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

  // The first items each by its own rule, those behind `least` optional from the right.
  std::string tuple(const std::vector<std::string>& first, const std::optional<std::string>& rest,
                    std::size_t least, std::optional<std::size_t> most) {
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

  // ---- objects
  struct Member {
    std::string name;
    std::string rule;  // name, colon and value
    bool required = false;
  };

  std::optional<std::string> object(const Nodes& all) {
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
           rules_.add(name + "-kv", fmt::format("{} {} {}", gbnf_literal(json_quote(name)),
                                                rules_.colon(), *rule)),
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

  // minProperties, maxProperties, dependentRequired: said where they are simple, else checked
  // later.
  void count_bounds(const SchemaNode& node, const std::set<std::string>& required,
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

  std::optional<std::string> member_value(const Nodes& all, const std::string& name) {
    Place place;
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
      if (node != all[0])
        unchecked(*node, "unevaluatedProperties");
      else if (!covered)
        place.nodes.push_back(node->unevaluated_properties);
    }
    if (place.nodes.empty()) return rules_.any_value();
    return value(place, name);
  }

  // The rule of a member that is not declared; nullopt when there is none.
  std::optional<std::string> other_member(const Nodes& all,
                                          const std::vector<std::string>& declared) {
    Place place;
    const SchemaNode* pattern_node = nullptr;
    const SchemaNode* names = nullptr;
    bool closed = false;
    bool said = false;
    std::size_t patterns = 0;
    for (const SchemaNode* node : all) {
      if (node->unevaluated_properties) {
        closed = closed || node->unevaluated_properties->constant == false;
        place.nodes.push_back(node->unevaluated_properties);
        if (node != all[0]) unchecked(*node, "unevaluatedProperties");
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

  std::optional<std::string> pattern_member(const SchemaNode& node) {
    const auto& [pattern, schema] = node.object->patterns[0];
    const auto name = pattern_expression(rules_, pattern.pattern());
    const auto rule = value({{schema}, {}}, "other-value");
    if (!name || !rule) return std::nullopt;
    return rules_.add("other-kv", fmt::format("\"\\\"\" ({}) \"\\\"\" {} {}", name->expression,
                                              rules_.colon(), *rule));
  }

  std::optional<std::string> other_name(const std::vector<std::string>& declared,
                                        const SchemaNode* names) {
    if (!names) return declared.empty() ? rules_.any_char() + "*" : other_names(rules_, declared);
    const Nodes all = flatten({names->object->names});
    const bool simple = std::ranges::all_of(all, [](const SchemaNode* n) {
      return n->string && !n->choice && !n->in_place && !n->constant;
    });
    if (declared.empty() && simple) return "(" + text(all) + ")";
    unchecked(*names, "propertyNames");
    return declared.empty() ? rules_.any_char() + "*" : other_names(rules_, declared);
  }

  // Members in order. Behind the first that is there, each one brings its own comma; before a
  // required one, each optional one brings the comma that follows it.
  std::string sequence(const std::vector<Member>& members,
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

  const CompiledSchema& compiled_;
  GrammarRules rules_;
  std::map<std::string, std::optional<std::string>> by_key_;
  std::set<std::string> unchecked_;
  std::size_t depth_ = 0;
  std::string limit_;
};

}  // namespace

Result<Grammar> schema_grammar(const Schema& schema) {
  return Builder(schema.compiled()).run();
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
