#pragma once
// `sighter fire --dry-run`: what it would ask and cost, before anything is asked.

#include <string>

#include "functions/function.hpp"

namespace sighter::cli {

class Arguments;
class Session;
class Terminal;

// Of a plain prompt.
Result<int> forecast_prompt(const Arguments& arguments, Terminal& terminal, Session& session,
                            const std::string& text);
// Of the rows of --in; kInvalid without it. The variant may be null: all of them.
Result<int> forecast_rows(const Arguments& arguments, Terminal& terminal, Session& session,
                          const functions::Function& function, const functions::Variant* variant);

}  // namespace sighter::cli
