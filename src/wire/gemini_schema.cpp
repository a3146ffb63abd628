#include <algorithm>

#include "wire/gemini_content.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr int kDepthMax = 64;

Json converted(const Json& schema, int depth) {
  if (depth > kDepthMax) return schema;
  if (schema.is_array()) {
    JsonArray out;
    for (const Json& one : schema.as_array()) out.push_back(converted(one, depth + 1));
    return out;
  }
  if (!schema.is_object()) return schema;
  const Json* nullable = schema.find("nullable");
  const bool null = nullable != nullptr && nullable->is_bool() && nullable->as_bool();
  JsonObject out;
  for (const auto& [name, value] : schema.as_object()) {
    if (name == "nullable" && value.is_bool()) continue;
    if (name == "type" && value.is_string()) {
      std::string word = value.as_string();
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
      out.append(name, null ? Json::array({Json(word), "null"}) : Json(word));
    } else if (name == "properties" && value.is_object()) {
      JsonObject properties;
      for (const auto& [key, inner] : value.as_object())
        properties.append(key, converted(inner, depth + 1));
      out.append(name, std::move(properties));
    } else if (name == "items" || name == "anyOf" || name == "prefixItems") {
      out.append(name, converted(value, depth + 1));
    } else if (value.is_string() && value.find_string("") == nullptr &&
               (name == "minItems" || name == "maxItems" || name == "minLength" ||
                name == "maxLength" || name == "minProperties" || name == "maxProperties")) {
      // Protocol buffers write their 64-bit numbers as strings.
      const Result<Json> number = json_parse(value.as_string());
      out.append(name, number && number->is_number() ? *number : value);
    } else if (name != "propertyOrdering") {
      out.append(name, value);
    }
  }
  return out;
}

}  // namespace

Json schema_of_open_api(const Json& schema) {
  return converted(schema, 0);
}

}  // namespace sighter::wire::gemini
