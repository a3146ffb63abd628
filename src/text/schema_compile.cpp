// From documents to nodes: every keyword's value is checked and put into the form that the
// validator runs. Nodes are made from a work list, so that neither recursion nor depth of
// references matters.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/limits.hpp"
#include "base/similar.hpp"
#include "text/schema_documents.hpp"
#include "text/schema_node.hpp"

namespace sighter::text {
namespace {

constexpr std::size_t kSmallEnum = 16;

struct TypeName {
  std::string_view name;
  TypeBit bit;
};
constexpr auto kTypeNames = std::to_array<TypeName>({{"null", kNullBit},
                                                     {"boolean", kBoolBit},
                                                     {"number", kNumberBit},
                                                     {"integer", kIntegerBit},
                                                     {"string", kStringBit},
                                                     {"array", kArrayBit},
                                                     {"object", kObjectBit}});

class Compiler {
 public:
  explicit Compiler(CompiledSchema& out) : out_(out), documents_(out) {}

  Status run(const Json& schema) {
    const Result<const Json*> root = documents_.add_root(schema);
    if (!root) return std::unexpected(root.error());
    out_.root = node(*root);
    while (done_ < out_.nodes.size() && !error_) compile(out_.nodes[done_++]);
    if (!error_) link_dynamic_anchors();
    if (!error_) refuse_endless();
    if (error_) return std::unexpected(std::move(*error_));
    return {};
  }

 private:
  // ---- errors
  void refuse(const SchemaNode& at, std::string_view keyword, std::string_view what,
              std::string hint = {}) {
    if (error_) return;
    error_ =
        Error{Kind::kInvalid,
              fmt::format("{}: '{}' {}", documents_.name(documents_.place(at.json)), keyword, what),
              std::move(hint)};
  }
  void expect(const SchemaNode& at, std::string_view keyword, std::string_view what,
              std::string hint = {}) {
    const Json* value = at.json->find(keyword);
    refuse(at, keyword,
           fmt::format("must be {}, not {}", what,
                       value->is_number() ? value->number_text() : std::string(value->type_name())),
           std::move(hint));
  }

  // ---- nodes
  SchemaNode* node(const Json* json) {
    if (const auto known = by_json_.find(json); known != by_json_.end()) return known->second;
    SchemaNode& made = out_.nodes.emplace_back();
    const SchemaPlace& place = documents_.place(json);
    made.json = json;
    made.resource = place.resource;
    made.pointer = place.pointer;
    made.id = out_.nodes.size() - 1;
    by_json_.emplace(json, &made);
    if (out_.nodes.size() > limits::kSchemaNodesMax && !error_) {
      error_ = Error{Kind::kTooLarge,
                     fmt::format("{}: more than {} schemas", out_.origin, limits::kSchemaNodesMax),
                     "split it"};
    }
    return &made;
  }
  const SchemaNode* child(const SchemaNode& at, std::string_view keyword) {
    const Json* value = at.json->find(keyword);
    return value == nullptr ? nullptr : node(value);
  }
  std::vector<const SchemaNode*> children(const SchemaNode& at, std::string_view keyword) {
    std::vector<const SchemaNode*> out;
    const Json* value = at.json->find(keyword);
    if (value == nullptr) return out;
    for (const Json& item : value->as_array()) out.push_back(node(&item));
    if (out.empty() && keyword != "prefixItems" && keyword != "items")
      refuse(at, keyword, "must not be empty");
    return out;
  }
  template <class T>
  static T& made(std::unique_ptr<T>& rules) {
    if (!rules) rules = std::make_unique<T>();
    return *rules;
  }

  // ---- values of keywords
  std::optional<std::size_t> count(const SchemaNode& at, std::string_view keyword) {
    const Json* value = at.json->find(keyword);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) {
      const ExactNumber number(value->number_text());
      if (number.is_integer() && !number.is_negative()) {
        const auto small = number.to_int();
        return small ? static_cast<std::size_t>(*small) : std::numeric_limits<std::size_t>::max();
      }
    }
    expect(at, keyword, "a whole number, 0 or more");
    return std::nullopt;
  }
  std::optional<ExactNumber> number(const SchemaNode& at, std::string_view keyword) {
    const Json* value = at.json->find(keyword);
    if (value == nullptr) return std::nullopt;
    if (value->is_number()) return ExactNumber(value->number_text());
    const bool old = value->is_bool() && keyword.starts_with("exclusive");
    expect(at, keyword, "a number",
           old ? "since draft 6 it holds the bound itself: \"exclusiveMinimum\": 0" : "");
    return std::nullopt;
  }
  std::vector<std::string> strings(const SchemaNode& at, std::string_view keyword,
                                   const Json& value, std::string hint = {}) {
    std::vector<std::string> out;
    const bool fine = value.is_array() && std::ranges::all_of(value.as_array(), &Json::is_string);
    if (!fine)
      refuse(at, keyword, "must be an array of strings", std::move(hint));
    else
      for (const Json& item : value.as_array()) out.push_back(item.as_string());
    return out;
  }

  // ---- keywords
  void compile(SchemaNode& at) {
    if (at.json->is_bool()) {
      at.constant = at.json->as_bool();
      return;
    }
    references(at);
    if (error_) return;
    if (at.resource->draft == Draft::k7 && at.ref != nullptr) return;  // its siblings do not count
    const Vocabularies& on = at.resource->vocabularies;
    if (on.validation) {
      types(at);
      choices(at);
      number_rules(at);
      sizes(at);
    }
    format(at);
    if (on.applicator) {
      array_rules(at);
      object_rules(at);
      in_place(at);
    }
    dependencies(at);
    if (on.unevaluated && at.resource->draft == Draft::k2020) {
      at.unevaluated_items = child(at, "unevaluatedItems");
      at.unevaluated_properties = child(at, "unevaluatedProperties");
    }
  }

  const SchemaNode* target(const SchemaNode& at, std::string_view keyword) {
    const Json* value = at.json->find(keyword);
    if (value == nullptr) return nullptr;
    if (!value->is_string()) return expect(at, keyword, "a string"), nullptr;
    Result<const Json*> json = documents_.resolve(*at.resource, value->as_string());
    if (json) return node(*json);
    if (!error_)
      error_ = json.error().in(
          fmt::format("{}: '{}'", documents_.name(documents_.place(at.json)), keyword));
    return nullptr;
  }

  void references(SchemaNode& at) {
    at.ref = target(at, "$ref");
    if (at.resource->draft == Draft::k7) return;
    at.dynamic_ref = target(at, "$dynamicRef");
    if (at.dynamic_ref == nullptr) return;
    const std::string& text = at.json->find("$dynamicRef")->as_string();
    const std::size_t hash = text.find('#');
    if (hash == text.npos) return;
    const std::string name = text.substr(hash + 1);
    const std::string* anchor = at.dynamic_ref->json->find_string("$dynamicAnchor");
    if (anchor == nullptr || *anchor != name) return;
    at.dynamic_name = name;
    out_.has_dynamic_refs = true;
  }

  void types(SchemaNode& at) {
    const Json* value = at.json->find("type");
    if (value == nullptr) return;
    const auto add = [&](const Json& word) {
      const auto row = word.is_string()
                           ? std::ranges::find(kTypeNames, word.as_string(), &TypeName::name)
                           : kTypeNames.end();
      if (row != kTypeNames.end()) return static_cast<void>(at.types |= row->bit);
      std::vector<std::string> known;
      for (const TypeName& name : kTypeNames) known.emplace_back(name.name);
      if (!word.is_string())
        expect(at, "type", "a type's name or an array of them");
      else
        refuse(at, "type", fmt::format("names an unknown type '{}'", word.as_string()),
               did_you_mean(word.as_string(), known));
    };
    if (!value->is_array()) return add(*value);
    for (const Json& word : value->as_array()) add(word);
    if (value->as_array().empty()) refuse(at, "type", "must not be empty");
  }

  void choices(SchemaNode& at) {
    const Json* values = at.json->find("enum");
    const Json* constant = at.json->find("const");
    if (values == nullptr && constant == nullptr) return;
    EnumRules& rules = made(at.choice);
    rules.constant = constant;
    if (values == nullptr) return;
    if (!values->is_array()) return expect(at, "enum", "an array of values");
    rules.values = values;
    if (values->as_array().size() <= kSmallEnum) return;
    for (const Json& value : values->as_array()) rules.canonical.insert(json_canonical(value));
  }

  void number_rules(SchemaNode& at) {
    NumberRules rules{number(at, "minimum"), number(at, "maximum"), number(at, "exclusiveMinimum"),
                      number(at, "exclusiveMaximum"), number(at, "multipleOf")};
    if (rules.multiple_of && (rules.multiple_of->is_zero() || rules.multiple_of->is_negative()))
      expect(at, "multipleOf", "more than 0");
    if (rules.minimum || rules.maximum || rules.above || rules.below || rules.multiple_of)
      made(at.number) = std::move(rules);
  }

  void sizes(SchemaNode& at) {
    const auto least_length = count(at, "minLength");
    const auto most_length = count(at, "maxLength");
    const Json* pattern = at.json->find("pattern");
    if (least_length || most_length || pattern) {
      StringRules& rules = made(at.string);
      rules.least = least_length;
      rules.most = most_length;
      if (pattern) rules.pattern = regex(at, "pattern", *pattern);
    }
    const auto least_items = count(at, "minItems");
    const auto most_items = count(at, "maxItems");
    const Json* unique = at.json->find("uniqueItems");
    if (unique && !unique->is_bool()) expect(at, "uniqueItems", "true or false");
    if (least_items || most_items || (unique && unique->is_bool() && unique->as_bool())) {
      ArrayRules& rules = made(at.array);
      rules.least = least_items;
      rules.most = most_items;
      rules.unique = unique && unique->as_bool();
    }
    const auto least_members = count(at, "minProperties");
    const auto most_members = count(at, "maxProperties");
    const Json* required = at.json->find("required");
    if (least_members || most_members || required) {
      ObjectRules& rules = made(at.object);
      rules.least = least_members;
      rules.most = most_members;
      if (required)
        rules.required =
            strings(at, "required", *required,
                    required->is_bool()
                        ? "since draft 4 the object lists the names: \"required\": [\"a\", \"b\"]"
                        : "");
    }
  }

  std::optional<Regex> regex(const SchemaNode& at, std::string_view keyword, const Json& pattern) {
    if (!pattern.is_string()) return expect(at, keyword, "a string"), std::nullopt;
    Result<Regex> compiled = Regex::compile(pattern.as_string());
    if (compiled) return std::move(*compiled);
    refuse(at, keyword, compiled.error().what, compiled.error().hint);
    return std::nullopt;
  }

  void format(SchemaNode& at) {
    const Json* value = at.json->find("format");
    if (value == nullptr) return;
    if (!value->is_string()) return expect(at, "format", "a string");
    StringRules& rules = made(at.string);
    rules.format_name = value->as_string();
    if (!out_.options.assert_formats && !at.resource->vocabularies.format_assertion) return;
    rules.format = format_check(rules.format_name);
    const bool known = std::ranges::find(format_names(), rules.format_name) != format_names().end();
    if (rules.format == nullptr && known)
      refuse(at, "format", fmt::format("'{}' cannot be checked", rules.format_name),
             "leave it out, or do not ask for formats to be asserted");
  }

  void array_rules(SchemaNode& at) {
    const Json* items = at.json->find("items");
    const Json* contains = at.json->find("contains");
    const bool old = at.resource->draft == Draft::k7;
    if (items == nullptr && contains == nullptr && !at.json->find("prefixItems")) return;
    ArrayRules& rules = made(at.array);
    if (old && items && items->is_array()) {
      rules.prefix = children(at, "items");
      rules.items = child(at, "additionalItems");
      rules.prefix_keyword = "items";
      rules.items_keyword = "additionalItems";
    } else {
      rules.items = child(at, "items");
      rules.items_keyword = "items";
      if (!old) rules.prefix = children(at, "prefixItems");
      rules.prefix_keyword = "prefixItems";
    }
    rules.contains = child(at, "contains");
    if (old || !at.resource->vocabularies.validation) return;
    rules.contains_least = count(at, "minContains").value_or(1);
    rules.contains_most = count(at, "maxContains");
  }

  void object_rules(SchemaNode& at) {
    const Json* properties = at.json->find("properties");
    const Json* patterns = at.json->find("patternProperties");
    const SchemaNode* additional = child(at, "additionalProperties");
    const SchemaNode* names = child(at, "propertyNames");
    if (!properties && !patterns && !additional && !names) return;
    ObjectRules& rules = made(at.object);
    rules.additional = additional;
    rules.names = names;
    if (properties) {
      for (const auto& [name, schema] : properties->as_object()) {
        rules.properties.emplace(name, node(&schema));
        rules.order.push_back(name);
      }
    }
    if (!patterns) return;
    for (const auto& [pattern, schema] : patterns->as_object()) {
      std::optional<Regex> compiled = regex(at, "patternProperties", Json(pattern));
      if (compiled) rules.patterns.emplace_back(std::move(*compiled), node(&schema));
    }
  }

  void in_place(SchemaNode& at) {
    InPlaceRules rules;
    rules.all_of = children(at, "allOf");
    rules.any_of = children(at, "anyOf");
    rules.one_of = children(at, "oneOf");
    rules.negation = child(at, "not");
    if (at.json->find("then") || at.json->find("else")) {
      rules.condition = child(at, "if");
      rules.then = child(at, "then");
      rules.otherwise = child(at, "else");
    } else {
      rules.condition = child(at, "if");  // its annotations count
    }
    const bool any = !rules.all_of.empty() || !rules.any_of.empty() || !rules.one_of.empty() ||
                     rules.negation || rules.condition;
    if (any) at.in_place = std::make_unique<InPlaceRules>(std::move(rules));
  }

  // "dependencies" holds both kinds; 2020-12 has a keyword for each.
  void dependencies(SchemaNode& at) {
    const Vocabularies& on = at.resource->vocabularies;
    const auto names = [&](std::string_view keyword, const std::string& name, const Json& value) {
      ObjectRules& rules = made(at.object);
      rules.dependent_required_keyword = keyword;
      rules.dependent_required.emplace_back(name, strings(at, keyword, value));
    };
    const auto schema = [&](std::string_view keyword, const std::string& name, const Json& value) {
      InPlaceRules& rules = made(at.in_place);
      rules.dependent_keyword = keyword;
      rules.dependent.emplace_back(name, node(&value));
    };
    const Json* both = on.applicator ? at.json->find("dependencies") : nullptr;
    if (both) {
      for (const auto& [name, value] : both->as_object()) {
        if (value.is_array())
          names("dependencies", name, value);
        else
          schema("dependencies", name, value);
      }
    }
    if (at.resource->draft == Draft::k7) return;
    if (const Json* value = at.json->find("dependentSchemas"); value && on.applicator) {
      for (const auto& [name, one] : value->as_object()) schema("dependentSchemas", name, one);
    }
    if (const Json* value = at.json->find("dependentRequired"); value && on.validation) {
      if (!value->is_object())
        return expect(at, "dependentRequired", "an object of arrays of names");
      for (const auto& [name, one] : value->as_object()) names("dependentRequired", name, one);
    }
  }

  void link_dynamic_anchors() {
    if (!out_.has_dynamic_refs) return;
    for (SchemaResource& resource : out_.resources) {
      for (const auto& [name, json] : resource.dynamic_anchors)
        resource.dynamic_nodes[name] = node(json);
    }
    while (done_ < out_.nodes.size() && !error_) compile(out_.nodes[done_++]);
    // Compiling those may have opened further resources.
    for (SchemaResource& resource : out_.resources) {
      if (resource.dynamic_nodes.size() != resource.dynamic_anchors.size() && !error_)
        return link_dynamic_anchors();
    }
  }

  // ---- references that lead back without going deeper into the value
  static std::vector<const SchemaNode*> same_value(const SchemaNode& at) {
    std::vector<const SchemaNode*> out;
    const auto add = [&](const SchemaNode* next) {
      if (next) out.push_back(next);
    };
    add(at.ref);
    add(at.dynamic_ref);
    if (!at.in_place) return out;
    const InPlaceRules& rules = *at.in_place;
    for (const auto* list : {&rules.all_of, &rules.any_of, &rules.one_of})
      out.insert(out.end(), list->begin(), list->end());
    for (const SchemaNode* next : {rules.negation, rules.condition, rules.then, rules.otherwise})
      add(next);
    for (const auto& [_, next] : rules.dependent) add(next);
    return out;
  }

  void refuse_endless() {
    enum : char { kNew, kOpen, kClosed };
    std::vector<char> state(out_.nodes.size(), kNew);
    struct Frame {
      const SchemaNode* node;
      std::vector<const SchemaNode*> next;
    };
    for (const SchemaNode& start : out_.nodes) {
      if (state[start.id] != kNew) continue;
      std::vector<Frame> stack;
      state[start.id] = kOpen;
      stack.push_back({&start, same_value(start)});
      while (!stack.empty()) {
        Frame& top = stack.back();
        if (top.next.empty()) {
          state[top.node->id] = kClosed;
          stack.pop_back();
          continue;
        }
        const SchemaNode* next = top.next.back();
        top.next.pop_back();
        if (state[next->id] == kOpen) {
          return refuse(
              *top.node, next == top.node->dynamic_ref ? "$dynamicRef" : "$ref",
              fmt::format(
                  "leads back to {} without going deeper into the value: it would never end",
                  documents_.name(documents_.place(next->json))),
              "a recursive schema refers to itself from inside \"properties\" or \"items\"");
        }
        if (state[next->id] == kClosed) continue;
        state[next->id] = kOpen;
        stack.push_back({next, same_value(*next)});
      }
    }
  }

  CompiledSchema& out_;
  SchemaDocuments documents_;
  std::unordered_map<const Json*, SchemaNode*> by_json_;
  std::size_t done_ = 0;
  std::optional<Error> error_;
};

}  // namespace

std::string SchemaNode::place(std::string_view keyword) const {
  std::string out = resource->place + pointer;
  if (!keyword.empty()) out.append("/").append(keyword);
  return out;
}

Result<std::shared_ptr<const CompiledSchema>> compile_schema(const Json& schema,
                                                             std::string_view origin,
                                                             SchemaOptions options) {
  auto compiled = std::make_shared<CompiledSchema>();
  compiled->origin = origin;
  compiled->options = std::move(options);
  if (Status status = Compiler(*compiled).run(schema); !status)
    return std::unexpected(status.error());
  compiled->options.load = nullptr;
  return compiled;
}

}  // namespace sighter::text
