#pragma once
// Between inputs and outputs of functions and the middle form of requests. Private to the room.

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "functions/body.hpp"
#include "wire/message.hpp"

namespace sighter::functions {

// {"messages": [{"role", "content"}, ...]}, as an input of form `messages` has it.
Json request_as_input(const wire::ChatRequest& request);
// The messages of such an input. kUnsupported names a part that is neither text nor image.
Result<std::vector<wire::Message>> messages_of(const Json& input);
// A data: or https: URL as an image.
wire::Media image_of(const std::string& url);
// Temperature, max_tokens and the like, as function.toml has them.
void apply_parameters(wire::ChatRequest& request, const Json& parameters);
// Of all messages and tools, images aside: what tokens are estimated by.
std::size_t text_bytes(const wire::ChatRequest& request);
// Of everything that reaches the model.
Digest request_digest(const wire::ChatRequest& request);
// Adds what a variant sends beside that; nothing where it sends nothing.
void add_extras(Sha256& digest, const models::Extras& extras);
// Adds what the requests of an answer cost, took and met to the outcome; its error too.
void take_answer(const models::CompletionResult& answer, Outcome& outcome);

}  // namespace sighter::functions
