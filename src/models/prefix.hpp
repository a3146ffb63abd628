#pragma once
// Which conversation a request belongs to, by its beginning: the system prompt and all up to the
// first message of the user. A later turn of the same conversation begins the same, and so does
// another conversation with the same beginning: both find the provider's prompt cache warm where
// the earlier request went. Plain functions, any thread.

#include <cstdint>
#include <string_view>

#include "wire/envelope.hpp"
#include "wire/message.hpp"

namespace sighter::models {

// Of a request as it came, in any dialect: of "system", "instructions" or "systemInstruction", and
// of "messages", "input" or "contents". Reads only as far as it must. 0: it has no such member.
// `body` is what `envelope` was scanned from.
std::uint64_t conversation_of(std::string_view body, const wire::Envelope& envelope);
// Of a request that was made here.
std::uint64_t conversation_of(const wire::ChatRequest& request);

}  // namespace sighter::models
