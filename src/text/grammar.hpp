#pragma once
// Grammars in GBNF, the notation in which llama.cpp takes them: what a local model may write.
//
// A grammar from a schema accepts only compact JSON (with at most one space behind ':' and ','),
// members in the order in which the schema declares them. All of it that parses is valid, but for
// the keywords named in `unchecked`: check those afterwards with Schema::validate.
//
// Narrower than the schema on purpose, because a model writes better so: an object that declares
// properties and does not say additionalProperties has no others; a schema without "type" that has
// keywords of one type means that type; integers have no fraction or exponent; a known "format" is
// obeyed.

#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "text/schema.hpp"

namespace sighter::text {

struct Grammar {
  std::string gbnf;  // the start rule is "root"
  std::vector<std::string>
      unchecked;  // "#/properties/a/multipleOf": where, as in Violation::schema
};

// kUnsupported when no value can be valid or when the grammar would have more than
// limits::kGrammarRulesMax rules.
Result<Grammar> schema_grammar(const Schema& schema);

// Exactly one of the labels, as plain text (not JSON). kInvalid when there is none or one is empty.
Result<Grammar> labels_grammar(std::span<const std::string> labels);

}  // namespace sighter::text
