#pragma once
// JSON Schema, drafts 7 and 2020-12: compiled once, then values are checked against it.
//
// Every keyword of the two drafts' vocabularies is applied as they say. `format` is an annotation
// unless SchemaOptions::assert_formats or the schema's own $vocabulary asks for it; contentEncoding,
// contentMediaType and contentSchema are annotations. Unknown keywords are annotations, as the
// standard demands: schema_lint() finds those that look like mistakes. Other drafts ($schema) and
// $recursiveRef / $recursiveAnchor are refused by name. Numbers are compared exactly, as decimals.
// Not an ECMA regular expression in "pattern": refused when compiled.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"

namespace sighter::text {

enum class Draft { k7, k2020 };

struct SchemaOptions {
  Draft draft = Draft::k2020;   // of a schema without "$schema"
  bool assert_formats = false;  // a value that is not of its "format" is a violation
  // The URI of the schema itself, against which relative references are resolved, when it has no
  // absolute $id: for a file, "file:///project/input.schema.json".
  std::string base_uri = {};
  // Fetches another document that a $ref or $schema names: an absolute URI without fragment. Called
  // only inside compile(). Without it such a reference is an error that names the URI.
  std::function<Result<Json>(const std::string& uri)> load = {};
};

// One thing that is wrong with a value.
struct Violation {
  std::string instance;  // JSON Pointer of the value, "" for the whole
  std::string keyword;   // "type", "required" ...; "limit" when a limit stopped the check
  std::string schema;    // where that keyword stands: "#/properties/qty/type", "https://...#/..."
  std::string message;   // "/items/0/qty must be an integer, not a string"
};

struct CompiledSchema;  // schema_node.hpp

// Const and safe to use from any thread; cheap to copy.
class Schema {
 public:
  // `origin` names the schema in errors ("input.schema.json"). Errors say origin#pointer and what to
  // do. All references are resolved here; a reference that leads back to itself without going deeper
  // into the value is refused, since it would never end.
  static Result<Schema> compile(const Json& schema, std::string_view origin,
                                SchemaOptions options = {});

  bool valid(const Json& value) const;
  // Empty when the value is valid; at most `most` violations (the first ones met; at least 1).
  // A check that would take more than limits::kSchemaStepsMax steps or kSchemaDepthMax nested
  // schemas is stopped and reported as a violation of keyword "limit".
  std::vector<Violation> validate(const Json& value, std::size_t most = 10) const;

  const Json& json() const;  // the schema as it was given
  Draft draft() const;
  const CompiledSchema& compiled() const { return *compiled_; }

 private:
  explicit Schema(std::shared_ptr<const CompiledSchema> compiled);
  std::shared_ptr<const CompiledSchema> compiled_;
};

// The messages of the violations, "; " between them, for one line of a report.
std::string describe(const std::vector<Violation>& violations);

// One thing in a schema that is allowed but does not do what it seems to.
struct LintWarning {
  std::string pointer;  // of the schema that holds the keyword
  std::string keyword;
  std::string message;  // "#/properties/a: unknown keyword 'requred', did you mean 'required'?"
};
// Keywords that this draft does not know (typing errors, another draft's, OpenAPI's), and `required`
// names that `properties` lacks while additionalProperties is false. Empty: nothing found. Keywords
// that begin with "x-" are never warned of.
std::vector<LintWarning> schema_lint(const Json& schema, Draft otherwise = Draft::k2020);

}  // namespace sighter::text
