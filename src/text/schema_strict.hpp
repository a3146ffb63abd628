#pragma once
// Can a schema be sent as OpenAI's strict structured output, and in what form?
//
// Strict mode (OpenAI API guide "Structured Outputs", section "Supported schemas", 2026) wants: the
// root is an object and not anyOf; every object has additionalProperties: false and lists all of
// its properties as required; no allOf, not, dependentRequired, dependentSchemas, if/then/else,
// oneOf, patternProperties ...; at most 5,000 properties, 10 levels, 120,000 characters of names
// and enum values, 1,000 enum values.

#include "base/error.hpp"
#include "base/json.hpp"

namespace sighter::text {

struct StrictOptions {
  // Objects that do not say additionalProperties get "false": fewer values are allowed than before.
  bool close_objects = false;
  // A property that is not required becomes required and may be null: the caller has to remove the
  // nulls from what comes back (strict_remove_nulls).
  bool optional_as_null = false;
};

// The schema in the form that strict mode takes: the same values are valid, but for what the
// options allow. Annotations that strict mode refuses ($schema, default, examples ...) are left
// out. Or an error (kUnsupported) that names the keyword and its JSON Pointer.
Result<Json> openai_strict(const Json& schema, StrictOptions options = {});

// Undoes optional_as_null: removes members that are null, where the original schema does not
// require them and does not accept null.
Json strict_remove_nulls(const Json& schema, Json value);

}  // namespace sighter::text
