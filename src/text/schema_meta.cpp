#include "text/schema_meta.hpp"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/check.hpp"

// What the meta-schemas say is given by the specification (json-schema.org/specification: "JSON
// Schema Core" and "JSON Schema Validation", drafts 7 and 2020-12); titles and comments are left
// out.

namespace sighter::text {
namespace {

constexpr std::string_view kBase = "https://json-schema.org/draft/2020-12/";

// Keyword groups of 2020-12: (name, members of "properties", "$defs").
struct Part {
  std::string_view name;
  std::string_view properties;
  std::string_view definitions;
};

constexpr std::array<Part, 8> kParts = {{
    {"core", R"("$id":{"type":"string","format":"uri-reference","pattern":"^[^#]*#?$"},
"$schema":{"type":"string","format":"uri"},
"$ref":{"type":"string","format":"uri-reference"},
"$anchor":{"$ref":"#/$defs/anchorString"},
"$dynamicRef":{"type":"string","format":"uri-reference"},
"$dynamicAnchor":{"$ref":"#/$defs/anchorString"},
"$vocabulary":{"type":"object","propertyNames":{"type":"string","format":"uri"},
 "additionalProperties":{"type":"boolean"}},
"$comment":{"type":"string"},
"$defs":{"type":"object","additionalProperties":{"$dynamicRef":"#meta"}})",
     R"("anchorString":{"type":"string","pattern":"^[A-Za-z_][-A-Za-z0-9._]*$"})"},
    {"applicator", R"("prefixItems":{"$ref":"#/$defs/schemaArray"},
"items":{"$dynamicRef":"#meta"},"contains":{"$dynamicRef":"#meta"},
"additionalProperties":{"$dynamicRef":"#meta"},
"properties":{"type":"object","additionalProperties":{"$dynamicRef":"#meta"},"default":{}},
"patternProperties":{"type":"object","additionalProperties":{"$dynamicRef":"#meta"},
 "propertyNames":{"format":"regex"},"default":{}},
"dependentSchemas":{"type":"object","additionalProperties":{"$dynamicRef":"#meta"},"default":{}},
"propertyNames":{"$dynamicRef":"#meta"},
"if":{"$dynamicRef":"#meta"},"then":{"$dynamicRef":"#meta"},"else":{"$dynamicRef":"#meta"},
"allOf":{"$ref":"#/$defs/schemaArray"},"anyOf":{"$ref":"#/$defs/schemaArray"},
"oneOf":{"$ref":"#/$defs/schemaArray"},"not":{"$dynamicRef":"#meta"})",
     R"("schemaArray":{"type":"array","minItems":1,"items":{"$dynamicRef":"#meta"}})"},
    {"unevaluated", R"("unevaluatedItems":{"$dynamicRef":"#meta"},
"unevaluatedProperties":{"$dynamicRef":"#meta"})",
     ""},
    {"validation", R"("type":{"anyOf":[{"$ref":"#/$defs/simpleTypes"},{"type":"array",
 "items":{"$ref":"#/$defs/simpleTypes"},"minItems":1,"uniqueItems":true}]},
"const":true,"enum":{"type":"array","items":true},
"multipleOf":{"type":"number","exclusiveMinimum":0},
"maximum":{"type":"number"},"exclusiveMaximum":{"type":"number"},
"minimum":{"type":"number"},"exclusiveMinimum":{"type":"number"},
"maxLength":{"$ref":"#/$defs/nonNegativeInteger"},"minLength":{"$ref":"#/$defs/nonNegativeIntegerDefault0"},
"pattern":{"type":"string","format":"regex"},
"maxItems":{"$ref":"#/$defs/nonNegativeInteger"},"minItems":{"$ref":"#/$defs/nonNegativeIntegerDefault0"},
"uniqueItems":{"type":"boolean","default":false},
"maxContains":{"$ref":"#/$defs/nonNegativeInteger"},"minContains":{"$ref":"#/$defs/nonNegativeInteger","default":1},
"maxProperties":{"$ref":"#/$defs/nonNegativeInteger"},"minProperties":{"$ref":"#/$defs/nonNegativeIntegerDefault0"},
"required":{"$ref":"#/$defs/stringArray"},
"dependentRequired":{"type":"object","additionalProperties":{"$ref":"#/$defs/stringArray"}})",
     R"("nonNegativeInteger":{"type":"integer","minimum":0},"nonNegativeIntegerDefault0":{"$ref":"#/$defs/nonNegativeInteger","default":0},
"simpleTypes":{"enum":["array","boolean","integer","null","number","object","string"]},
"stringArray":{"type":"array","items":{"type":"string"},"uniqueItems":true,"default":[]})"},
    {"meta-data", R"("title":{"type":"string"},"description":{"type":"string"},"default":true,
"deprecated":{"type":"boolean","default":false},"readOnly":{"type":"boolean","default":false},
"writeOnly":{"type":"boolean","default":false},"examples":{"type":"array","items":true})",
     ""},
    {"format-annotation", R"("format":{"type":"string"})", ""},
    {"format-assertion", R"("format":{"type":"string"})", ""},
    {"content", R"("contentEncoding":{"type":"string"},"contentMediaType":{"type":"string"},
"contentSchema":{"$dynamicRef":"#meta"})",
     ""},
}};

// The parts that 2020-12's own meta-schema joins.
constexpr std::array<std::string_view, 7> kJoined = {
    "core", "applicator", "unevaluated", "validation", "meta-data", "format-annotation", "content"};

// "definitions" and "dependencies" stay readable in 2020-12, as its meta-schema has it.
constexpr std::string_view kOld = R"("definitions":{"type":"object",
"additionalProperties":{"$dynamicRef":"#meta"},"deprecated":true,"default":{}},
"dependencies":{"type":"object","additionalProperties":{"anyOf":[{"$dynamicRef":"#meta"},
{"$ref":"meta/validation#/$defs/stringArray"}]},"deprecated":true,"default":{}})";

constexpr std::string_view kDraft7 = R"({"$schema":"http://json-schema.org/draft-07/schema#",
"$id":"http://json-schema.org/draft-07/schema#","type":["object","boolean"],"default":true,
"definitions":{"schemaArray":{"type":"array","minItems":1,"items":{"$ref":"#"}},
"nonNegativeInteger":{"type":"integer","minimum":0},
"nonNegativeIntegerDefault0":{"allOf":[{"$ref":"#/definitions/nonNegativeInteger"},{"default":0}]},
"simpleTypes":{"enum":["array","boolean","integer","null","number","object","string"]},
"stringArray":{"type":"array","items":{"type":"string"},"uniqueItems":true,"default":[]}},
"properties":{"$id":{"type":"string","format":"uri-reference"},
"$schema":{"type":"string","format":"uri"},"$ref":{"type":"string","format":"uri-reference"},
"$comment":{"type":"string"},"title":{"type":"string"},"description":{"type":"string"},
"default":true,"readOnly":{"type":"boolean","default":false},
"writeOnly":{"type":"boolean","default":false},"examples":{"type":"array","items":true},
"multipleOf":{"type":"number","exclusiveMinimum":0},
"maximum":{"type":"number"},"exclusiveMaximum":{"type":"number"},
"minimum":{"type":"number"},"exclusiveMinimum":{"type":"number"},
"maxLength":{"$ref":"#/definitions/nonNegativeInteger"},
"minLength":{"$ref":"#/definitions/nonNegativeIntegerDefault0"},
"pattern":{"type":"string","format":"regex"},"additionalItems":{"$ref":"#"},
"items":{"anyOf":[{"$ref":"#"},{"$ref":"#/definitions/schemaArray"}],"default":true},
"maxItems":{"$ref":"#/definitions/nonNegativeInteger"},
"minItems":{"$ref":"#/definitions/nonNegativeIntegerDefault0"},
"uniqueItems":{"type":"boolean","default":false},"contains":{"$ref":"#"},
"maxProperties":{"$ref":"#/definitions/nonNegativeInteger"},
"minProperties":{"$ref":"#/definitions/nonNegativeIntegerDefault0"},
"required":{"$ref":"#/definitions/stringArray"},"additionalProperties":{"$ref":"#"},
"definitions":{"type":"object","additionalProperties":{"$ref":"#"},"default":{}},
"properties":{"type":"object","additionalProperties":{"$ref":"#"},"default":{}},
"patternProperties":{"type":"object","additionalProperties":{"$ref":"#"},
 "propertyNames":{"format":"regex"},"default":{}},
"dependencies":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#"},
 {"$ref":"#/definitions/stringArray"}]}},
"propertyNames":{"$ref":"#"},"const":true,"enum":{"type":"array","items":true},
"type":{"anyOf":[{"$ref":"#/definitions/simpleTypes"},{"type":"array",
 "items":{"$ref":"#/definitions/simpleTypes"},"minItems":1,"uniqueItems":true}]},
"format":{"type":"string"},"contentMediaType":{"type":"string"},
"contentEncoding":{"type":"string"},"if":{"$ref":"#"},"then":{"$ref":"#"},"else":{"$ref":"#"},
"allOf":{"$ref":"#/definitions/schemaArray"},"anyOf":{"$ref":"#/definitions/schemaArray"},
"oneOf":{"$ref":"#/definitions/schemaArray"},"not":{"$ref":"#"}}})";

std::string head(std::string_view id, std::string_view vocabulary) {
  return fmt::format(
      R"({{"$schema":"{}schema","$id":"{}","$dynamicAnchor":"meta","$vocabulary":{{{}}},"type":["object","boolean"])",
      kBase, id, vocabulary);
}

std::string vocabulary(std::string_view name) {
  return fmt::format(R"("{}vocab/{}":true)", kBase, name);
}

std::string whole_2020() {
  std::string vocabularies;
  std::string refs;
  for (std::string_view name : kJoined) {
    if (!refs.empty()) vocabularies += ',', refs += ',';
    vocabularies += vocabulary(name);
    refs += fmt::format(R"({{"$ref":"meta/{}"}})", name);
  }
  return fmt::format(R"({},"allOf":[{}],"properties":{{{}}}}})",
                     head(fmt::format("{}schema", kBase), vocabularies), refs, kOld);
}

std::optional<std::string> text_of(std::string_view uri) {
  if (uri == "http://json-schema.org/draft-07/schema") return std::string(kDraft7);
  if (!uri.starts_with(kBase)) return std::nullopt;
  uri.remove_prefix(kBase.size());
  if (uri == "schema") return whole_2020();
  for (const Part& part : kParts) {
    if (!uri.starts_with("meta/") || uri.substr(5) != part.name) continue;
    std::string text = head(fmt::format("{}meta/{}", kBase, part.name), vocabulary(part.name));
    text += fmt::format(R"(,"properties":{{{}}})", part.properties);
    if (!part.definitions.empty()) text += fmt::format(R"(,"$defs":{{{}}})", part.definitions);
    return text + "}";
  }
  return std::nullopt;
}

}  // namespace

std::optional<Json> meta_schema(std::string_view uri) {
  const std::optional<std::string> text = text_of(uri);
  if (!text) return std::nullopt;
  Result<Json> json = json_parse(*text, uri);
  CHECK(json.has_value());
  return std::move(*json);
}

}  // namespace sighter::text
