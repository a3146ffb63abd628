#pragma once
// The compiled form of a schema: a graph of nodes, one a subschema, made by schema_compile.cpp, run
// by schema_validate.cpp and read by the grammar. Private to this room.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.hpp"
#include "text/regex.hpp"
#include "text/schema.hpp"
#include "text/schema_format.hpp"
#include "text/schema_number.hpp"

namespace sighter::text {

struct SchemaNode;

// Hash tables with std::string keys that are asked with string_view.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
template <class T>
using TextMap = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;
using TextSet = std::unordered_set<std::string, TextHash, std::equal_to<>>;

// Which keywords a document's meta-schema turns on.
struct Vocabularies {
  bool applicator = true;
  bool unevaluated = true;
  bool validation = true;
  bool format_assertion = false;
};

// A document, or a part of one with an $id of its own.
struct SchemaResource {
  std::string uri;  // absolute where known, without fragment
  const Json* root = nullptr;
  Draft draft = Draft::k2020;
  Vocabularies vocabularies;
  std::string place;  // what Violation::schema begins with: "#" for the schema itself, else "uri#"
  std::unordered_map<std::string, const Json*> anchors;
  std::unordered_map<std::string, const Json*> dynamic_anchors;
  std::unordered_map<std::string, const SchemaNode*> dynamic_nodes;
};

// Bits of SchemaNode::types.
enum TypeBit : std::uint8_t {
  kNullBit = 1,
  kBoolBit = 2,
  kNumberBit = 4,
  kStringBit = 8,
  kArrayBit = 16,
  kObjectBit = 32,
  kIntegerBit = 64,  // a number without fraction
  kAnyType = 63,
};

struct NumberRules {
  std::optional<ExactNumber> minimum, maximum, above, below, multiple_of;
};

struct StringRules {
  std::optional<std::size_t> least, most;  // characters
  std::optional<Regex> pattern;
  FormatCheck format = nullptr;  // only when asserted
  std::string format_name;       // also when not
};

struct ArrayRules {
  std::vector<const SchemaNode*> prefix;
  const SchemaNode* items = nullptr;  // behind the prefix
  std::string_view prefix_keyword, items_keyword;
  const SchemaNode* contains = nullptr;
  std::size_t contains_least = 1;
  std::optional<std::size_t> contains_most;
  std::optional<std::size_t> least, most;
  bool unique = false;
};

struct ObjectRules {
  TextMap<const SchemaNode*> properties;
  std::vector<std::string> order;  // of the properties, as declared
  std::vector<std::pair<Regex, const SchemaNode*>> patterns;
  const SchemaNode* additional = nullptr;
  const SchemaNode* names = nullptr;
  std::vector<std::string> required;
  std::optional<std::size_t> least, most;
  std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
  std::string_view dependent_required_keyword;
};

// Applied to the same value.
struct InPlaceRules {
  std::vector<const SchemaNode*> all_of, any_of, one_of;
  const SchemaNode* negation = nullptr;
  const SchemaNode* condition = nullptr;
  const SchemaNode* then = nullptr;
  const SchemaNode* otherwise = nullptr;
  std::vector<std::pair<std::string, const SchemaNode*>> dependent;
  std::string_view dependent_keyword;
};

struct EnumRules {
  const Json* values = nullptr;    // the array of "enum"
  const Json* constant = nullptr;  // the value of "const"
  TextSet canonical;               // of the values, when there are many
};

struct SchemaNode {
  const SchemaResource* resource = nullptr;
  const Json* json = nullptr;
  std::string pointer;  // from the resource's root: "/properties/a"
  std::size_t id = 0;
  std::optional<bool> constant;  // a boolean schema
  std::uint8_t types = 0;        // 0: every type
  const SchemaNode* ref = nullptr;
  const SchemaNode* dynamic_ref = nullptr;  // where it leads when nothing in scope says otherwise
  std::string dynamic_name;                 // looked up in the dynamic scope, when not empty
  std::unique_ptr<NumberRules> number;
  std::unique_ptr<StringRules> string;
  std::unique_ptr<ArrayRules> array;
  std::unique_ptr<ObjectRules> object;
  std::unique_ptr<InPlaceRules> in_place;
  std::unique_ptr<EnumRules> choice;
  const SchemaNode* unevaluated_items = nullptr;
  const SchemaNode* unevaluated_properties = nullptr;

  // "#/properties/a" + "/" + keyword
  std::string place(std::string_view keyword = {}) const;
  bool needs_annotations() const { return unevaluated_items || unevaluated_properties; }
};

struct CompiledSchema {
  std::string origin;
  SchemaOptions options;
  std::deque<Json> documents;  // the first is the schema itself; addresses never change
  std::deque<SchemaResource> resources;
  std::deque<SchemaNode> nodes;
  const SchemaNode* root = nullptr;
  bool has_dynamic_refs = false;
};

// schema_compile.cpp
Result<std::shared_ptr<const CompiledSchema>> compile_schema(const Json& schema,
                                                             std::string_view origin,
                                                             SchemaOptions options);
// schema_validate.cpp. Against one node, as if it were the root.
std::vector<Violation> validate_schema(const CompiledSchema& compiled, const SchemaNode& node,
                                       const Json& value, std::size_t most);
bool schema_accepts(const CompiledSchema& compiled, const SchemaNode& node, const Json& value);

// A reference token of a JSON Pointer: "~" and "/" escaped.
std::string pointer_token(std::string_view name);

}  // namespace sighter::text
