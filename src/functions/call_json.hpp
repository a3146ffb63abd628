#pragma once
// Stored calls as JSON: the public shape of `sighter log --json` and of GET /v1/calls.

#include "base/json.hpp"
#include "store/store.hpp"
#include "wire/message.hpp"

namespace sighter::functions {

// In dollars, as the nearest double of the decimal number; null where the cost is not known.
Json usd_json(const std::optional<NanoUsd>& cost);
// A text of a row that holds JSON; what is none stays a string, "" is null.
Json stored_json(const std::string& text);
// null where nobody counted
Json usage_json(const std::optional<store::Tokens>& tokens);
Json usage_json(const std::optional<wire::Usage>& usage);
Json call_json(const store::CallRow& call);
// With scores, attempts and the calls that it made, down to the last.
Json tree_json(const store::CallTree& tree);

}  // namespace sighter::functions
