#pragma once
// The keywords of the two drafts, and where subschemas stand in them. Private to this room.

#include <span>
#include <string>
#include <string_view>

#include "text/schema.hpp"

namespace sighter::text {

enum class Holds {
  kValue,         // no schema
  kSchema,        // one
  kSchemaList,    // an array of them
  kSchemaMap,     // an object of them
  kSchemaOrList,  // one or an array ("items" of draft 7)
  kDependencies,  // an object of schemas or of arrays of names
};

// How `keyword` is read in that draft; nullptr when the draft does not know it.
const Holds* keyword_of(Draft draft, std::string_view keyword);
std::span<const std::string> keywords_of(Draft draft);
std::string_view name_of(Draft draft);  // "draft 7", "2020-12"

}  // namespace sighter::text
