#include "text/schema_keywords.hpp"

#include <array>
#include <vector>

namespace sighter::text {
namespace {

struct Row {
  std::string_view name;
  Holds holds;
  bool in_7;
  bool in_2020;
};

constexpr auto kRows = std::to_array<Row>({
    {"$schema", Holds::kValue, true, true},
    {"$id", Holds::kValue, true, true},
    {"$ref", Holds::kValue, true, true},
    {"$comment", Holds::kValue, true, true},
    {"$anchor", Holds::kValue, false, true},
    {"$dynamicRef", Holds::kValue, false, true},
    {"$dynamicAnchor", Holds::kValue, false, true},
    {"$vocabulary", Holds::kValue, false, true},
    {"$defs", Holds::kSchemaMap, false, true},
    {"definitions", Holds::kSchemaMap, true, true},
    {"type", Holds::kValue, true, true},
    {"enum", Holds::kValue, true, true},
    {"const", Holds::kValue, true, true},
    {"multipleOf", Holds::kValue, true, true},
    {"maximum", Holds::kValue, true, true},
    {"exclusiveMaximum", Holds::kValue, true, true},
    {"minimum", Holds::kValue, true, true},
    {"exclusiveMinimum", Holds::kValue, true, true},
    {"maxLength", Holds::kValue, true, true},
    {"minLength", Holds::kValue, true, true},
    {"pattern", Holds::kValue, true, true},
    {"format", Holds::kValue, true, true},
    {"items", Holds::kSchemaOrList, true, false},
    {"items", Holds::kSchema, false, true},
    {"additionalItems", Holds::kSchema, true, false},
    {"prefixItems", Holds::kSchemaList, false, true},
    {"contains", Holds::kSchema, true, true},
    {"minContains", Holds::kValue, false, true},
    {"maxContains", Holds::kValue, false, true},
    {"maxItems", Holds::kValue, true, true},
    {"minItems", Holds::kValue, true, true},
    {"uniqueItems", Holds::kValue, true, true},
    {"unevaluatedItems", Holds::kSchema, false, true},
    {"properties", Holds::kSchemaMap, true, true},
    {"patternProperties", Holds::kSchemaMap, true, true},
    {"additionalProperties", Holds::kSchema, true, true},
    {"propertyNames", Holds::kSchema, true, true},
    {"required", Holds::kValue, true, true},
    {"maxProperties", Holds::kValue, true, true},
    {"minProperties", Holds::kValue, true, true},
    {"dependencies", Holds::kDependencies, true, true},
    {"dependentRequired", Holds::kValue, false, true},
    {"dependentSchemas", Holds::kSchemaMap, false, true},
    {"unevaluatedProperties", Holds::kSchema, false, true},
    {"allOf", Holds::kSchemaList, true, true},
    {"anyOf", Holds::kSchemaList, true, true},
    {"oneOf", Holds::kSchemaList, true, true},
    {"not", Holds::kSchema, true, true},
    {"if", Holds::kSchema, true, true},
    {"then", Holds::kSchema, true, true},
    {"else", Holds::kSchema, true, true},
    {"title", Holds::kValue, true, true},
    {"description", Holds::kValue, true, true},
    {"default", Holds::kValue, true, true},
    {"examples", Holds::kValue, true, true},
    {"readOnly", Holds::kValue, true, true},
    {"writeOnly", Holds::kValue, true, true},
    {"deprecated", Holds::kValue, false, true},
    {"contentEncoding", Holds::kValue, true, true},
    {"contentMediaType", Holds::kValue, true, true},
    {"contentSchema", Holds::kSchema, false, true},
});

bool is_in(const Row& row, Draft draft) {
  return draft == Draft::k7 ? row.in_7 : row.in_2020;
}

std::vector<std::string> names(Draft draft) {
  std::vector<std::string> out;
  for (const Row& row : kRows) {
    if (is_in(row, draft)) out.emplace_back(row.name);
  }
  return out;
}

}  // namespace

const Holds* keyword_of(Draft draft, std::string_view keyword) {
  for (const Row& row : kRows) {
    if (row.name == keyword && is_in(row, draft)) return &row.holds;
  }
  return nullptr;
}

std::span<const std::string> keywords_of(Draft draft) {
  static const std::vector<std::string> of_7 = names(Draft::k7);
  static const std::vector<std::string> of_2020 = names(Draft::k2020);
  return draft == Draft::k7 ? of_7 : of_2020;
}

std::string_view name_of(Draft draft) {
  return draft == Draft::k7 ? "draft 7" : "2020-12";
}

}  // namespace sighter::text
