#pragma once
// What providers say when something went wrong, in any of the shapes they use. Inside of the room;
// each dialect's decode_error is read_error with its own dialect.

#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire {

// Any body: {"error": {...}}, {"error": "words"}, {"type": "error", "error": {...}}, {"message"},
// {"detail"}, a list of these, plain text, HTML. Status 0: an error event inside a stream.
WireError read_error(Dialect dialect, int status, std::string_view body);
WireError read_error(Dialect dialect, int status, Json body);

// The house's kind for a provider's status, type and code; the words win over the status.
Kind kind_of_error(int status, std::string_view type, std::string_view code,
                   std::string_view message);

}  // namespace sighter::wire
