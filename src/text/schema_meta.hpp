#pragma once
// The meta-schemas of draft 7 and 2020-12, so that a schema can refer to them without a network.

#include <optional>
#include <string_view>

#include "base/json.hpp"

namespace sighter::text {

// The document of that URI (without fragment), or nullopt when it is not one of ours.
std::optional<Json> meta_schema(std::string_view uri);

}  // namespace sighter::text
