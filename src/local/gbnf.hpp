#pragma once
// Checks a grammar in GBNF, llama.cpp's notation, so that a mistake is told with its place. (The
// library itself prints it to standard error, or takes a count such as {3,1} for a huge one.)
//
//   root ::= "yes" | "no" [.!]? | list     # rules end with the line, but for what is in
//   parentheses list ::= item ("," item){0,9}
//
// Pure; any thread.

#include <string_view>

#include "base/error.hpp"

namespace sighter::local {

// kInvalid, with line and column: bad notation, a rule that is used and not defined, no rule
// `root`, more repetitions or nesting than the library takes. Rules that begin with themselves, and
// names of special tokens, are left to the library to judge.
Status check_grammar(std::string_view grammar, std::string_view root);

}  // namespace sighter::local
