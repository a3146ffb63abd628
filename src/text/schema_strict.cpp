#include "text/schema_strict.hpp"

#include <algorithm>
#include <array>

#include "text/schema.hpp"

namespace sighter::text {
namespace {

constexpr int kDepthMax = 10;
constexpr std::size_t kPropertiesMax = 5000;

constexpr std::array<std::string_view, 13> kRefused{"allOf",
                                                    "not",
                                                    "dependentRequired",
                                                    "dependentSchemas",
                                                    "if",
                                                    "then",
                                                    "else",
                                                    "oneOf",
                                                    "patternProperties",
                                                    "unevaluatedProperties",
                                                    "unevaluatedItems",
                                                    "propertyNames",
                                                    "contains"};
// Annotations that strict mode does not know and that change no value's validity.
constexpr std::array<std::string_view, 9> kLeftOut{"$schema",  "$id",       "$comment",
                                                   "default",  "examples",  "deprecated",
                                                   "readOnly", "writeOnly", "title"};

bool one_of(std::string_view word, const auto& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Transformer {
 public:
  explicit Transformer(StrictOptions options) : options_(options) {}

  Result<Json> schema(const Json& in, const std::string& at, int depth) {
    if (!in.is_object()) return refuse(at, "a schema that is only true or false");
    if (depth > kDepthMax) return refuse(at, "nesting deeper than 10 levels");
    JsonObject out;
    for (const auto& [keyword, value] : in.as_object()) {
      if (one_of(keyword, kRefused))
        return refuse(at + "/" + keyword, "the keyword '" + keyword + "'");
      if (one_of(keyword, kLeftOut) || keyword == "properties" || keyword == "required" ||
          keyword == "additionalProperties")
        continue;
      Result<Json> member = child(keyword, value, at + "/" + keyword, depth);
      if (!member) return member;
      out.append(keyword, std::move(*member));
    }
    if (is_object_schema(in)) {
      if (Status closed = object(in, out, at, depth); !closed)
        return std::unexpected(closed.error());
    }
    return Json(std::move(out));
  }

 private:
  static std::unexpected<Error> refuse(const std::string& at, const std::string& what) {
    return fail(Kind::kUnsupported,
                fmt::format("{}: strict structured output does not take {}", at, what));
  }
  static bool is_object_schema(const Json& in) {
    const Json* type = in.find("type");
    return in.find("properties") != nullptr ||
           (type != nullptr && type->is_string() && type->as_string() == "object");
  }
  Result<Json> child(const std::string& keyword, const Json& value, const std::string& at,
                     int depth) {
    if (keyword == "items") return schema(value, at, depth + 1);
    if (keyword == "anyOf" && value.is_array()) {
      JsonArray list;
      for (std::size_t i = 0; i < value.as_array().size(); ++i) {
        Result<Json> item = schema(value.as_array()[i], fmt::format("{}/{}", at, i), depth);
        if (!item) return item;
        list.push_back(std::move(*item));
      }
      return Json(std::move(list));
    }
    if ((keyword == "$defs" || keyword == "definitions") && value.is_object()) {
      JsonObject definitions;
      for (const auto& [name, definition] : value.as_object()) {
        Result<Json> item = schema(definition, at + "/" + name, depth);
        if (!item) return item;
        definitions.append(name, std::move(*item));
      }
      return Json(std::move(definitions));
    }
    return value;
  }
  // {"anyOf": [schema, null]}, or null added to the type.
  static Json or_null(Json schema) {
    Json* type = schema.find("type");
    if (type != nullptr && type->is_string() && schema.find("enum") == nullptr &&
        schema.find("const") == nullptr) {
      *type = Json::array({*type, "null"});
      return schema;
    }
    return Json::object(
        {{"anyOf", Json::array({std::move(schema), Json::object({{"type", "null"}})})}});
  }
  Status object(const Json& in, JsonObject& out, const std::string& at, int depth) {
    const Json* additional = in.find("additionalProperties");
    const bool closed = additional != nullptr && additional->is_bool() && !additional->as_bool();
    if (!closed && (additional != nullptr || !options_.close_objects))
      return refuse(at, "an object without additionalProperties: false");
    const Json* required = in.find("required");
    const auto is_required = [&](const std::string& name) {
      return required != nullptr && required->is_array() &&
             std::find(required->as_array().begin(), required->as_array().end(), Json(name)) !=
                 required->as_array().end();
    };
    JsonObject properties;
    JsonArray names;
    if (const Json* given = in.find("properties"); given != nullptr && given->is_object()) {
      for (const auto& [name, property] : given->as_object()) {
        if (++properties_ > kPropertiesMax) return refuse(at, "more than 5,000 properties");
        const bool needed = is_required(name);
        if (!needed && !options_.optional_as_null)
          return refuse(at + "/properties/" + name, "a property that is not required");
        Result<Json> member = schema(property, at + "/properties/" + name, depth + 1);
        if (!member) return std::unexpected(member.error());
        properties.append(name, needed ? std::move(*member) : or_null(std::move(*member)));
        names.push_back(name);
      }
    }
    out.append("properties", Json(std::move(properties)));
    out.append("required", Json(std::move(names)));
    out.append("additionalProperties", false);
    return {};
  }

  StrictOptions options_;
  std::size_t properties_ = 0;
};

bool accepts_null(const Json& schema) {
  const Result<Schema> compiled = Schema::compile(schema, "property");
  return !compiled || compiled->valid(Json());
}

}  // namespace

Result<Json> openai_strict(const Json& schema, StrictOptions options) {
  const std::string* type = schema.find_string("type");
  if (schema.find("anyOf") != nullptr || type == nullptr || *type != "object") {
    return fail(Kind::kUnsupported, "#: strict structured output needs an object at the root");
  }
  return Transformer(options).schema(schema, "#", 1);
}

Json strict_remove_nulls(const Json& schema, Json value) {
  if (value.is_array()) {
    const Json* items = schema.find("items");
    for (Json& item : value.as_array()) {
      if (items != nullptr) item = strict_remove_nulls(*items, std::move(item));
    }
    return value;
  }
  const Json* properties = schema.find("properties");
  if (!value.is_object() || properties == nullptr || !properties->is_object()) return value;
  const Json* required = schema.find("required");
  JsonObject kept;
  for (auto& [name, member] : value.as_object()) {
    const Json* property = properties->find(name);
    const bool needed = required != nullptr && required->is_array() &&
                        std::find(required->as_array().begin(), required->as_array().end(),
                                  Json(name)) != required->as_array().end();
    if (member.is_null() && property != nullptr && !needed && !accepts_null(*property)) continue;
    kept.append(name, property != nullptr ? strict_remove_nulls(*property, std::move(member))
                                          : std::move(member));
  }
  return Json(std::move(kept));
}

}  // namespace sighter::text
