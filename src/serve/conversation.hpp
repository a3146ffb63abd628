#pragma once
// What the doors for conversations share: a request read, answered by the engine, and its answer
// written in the client's dialect, whole or as a stream.

#include "models/client_request.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {

// Reads `model` and `stream` from the outside, checks the types of the members that every request
// of the dialect has, and takes the headers that are passed on.
Result<models::ClientRequest> client_request(const Exchange& exchange, JsonBody body,
                                             wire::Dialect dialect,
                                             models::Endpoint endpoint = models::Endpoint::kChat);

// kInvalid for what no model can be called: nothing, more than kNameBytesMax, a control character.
// Names stay for long: on rows, in headers, with what is known of their routes.
Status check_model_name(std::string_view name);
// The model that a request names.
Result<std::string> model_of(const models::ClientRequest& request);

// Of a client's headers those that go on to a provider; never its credentials.
io::Headers passed_on(const io::Headers& headers);

// Asks `model` and writes whatever comes of it. `request` is the caller's, who keeps it until this
// ends: a stream stays open for long, and so would each copy in a coroutine's frame.
io::Task<void> converse(Exchange& exchange, models::ClientRequest&& request, std::string model);

}  // namespace sighter::serve
