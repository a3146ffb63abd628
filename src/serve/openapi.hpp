#pragma once
// What the port serves, as OpenAPI 3.1. Private to the room.

#include "base/json.hpp"

namespace sighter::serve {

// Made from the table of routes and the schemas of the program's own routes. Pure.
Json openapi_document();

}  // namespace sighter::serve
