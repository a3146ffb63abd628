#pragma once
// What POST /v1/functions/{name} asks for, read and checked, and what it answers as JSON. Private
// to the room.

#include <string>
#include <vector>

#include "functions/engine.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {

struct FunctionRequest {
  const functions::Function* function = nullptr;
  const functions::Variant* variant = nullptr;
  functions::ApplyOptions options;
  std::vector<Json> inputs;  // at least one, unless `rows`
  bool rows = false;         // "inputs" was given, not "input"
  bool stream = false;
  bool dry_run = false;
};

// Names what is wrong: kInvalid, kNotFound. The variant is chosen where the request names none; the
// trace is the parent's where it names a parent alone.
io::Task<Result<FunctionRequest>> read_function_request(Exchange& exchange);

Json result_json(const FunctionRequest& request, const functions::Applied& applied);
Json failure_json(const functions::ApplyFailure& failure);
Json preview_json(const functions::Preview& preview);

}  // namespace sighter::serve
