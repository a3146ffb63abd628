#pragma once
// A schema that a user wrote into a file of its own.

#include <filesystem>

#include "text/schema.hpp"

namespace sighter::functions {

// Reads, lints and compiles it, with the files beside it that it refers to. What the standard
// ignores in silence (an unknown keyword, one of another draft, `then` without `if`) is an error
// here, since its writer meant something by it. Errors say file:line:column and what to do.
//
// Allowed all the same: names that begin with "x-", and what annotates without restricting and
// comes out of the usual generators of schemas: `discriminator`, `xml`, `externalDocs` and
// `example` of OpenAPI, `markdownDescription`, `enumNames`, `enumDescriptions` and `errorMessage`
// of editors and forms, `propertyOrdering` of Gemini.
Result<text::Schema> read_schema(const std::filesystem::path& path);

}  // namespace sighter::functions
