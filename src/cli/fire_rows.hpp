#pragma once
// `sighter fire FUNCTION --in rows.jsonl --out answers.jsonl`: many rows, answers in the same
// order.

#include "base/error.hpp"
#include "functions/engine.hpp"

namespace sighter::cli {

class Session;
class Terminal;

struct RowsRequest {
  const functions::Function* function = nullptr;
  const functions::Variant* variant = nullptr;
  std::string in;   // a file, or "-" for standard input (JSON Lines)
  std::string out;  // a file that is continued, or empty for standard output
  int parallel = 64;
  Json tags;
};

// One line a row: {"id"?, "output", "call"} or {"id"?, "error"}. The exit code: 0, or 1 when a row
// failed.
Result<int> fire_rows(Session& session, Terminal& terminal, const RowsRequest& request);

}  // namespace sighter::cli
