#pragma once
// Ids of tool calls where a provider gives none, or one that another dialect does not take. Inside
// of the room.

#include <string>
#include <string_view>

namespace sighter::wire {

// The reply's id and the call's number make it, so that reading the same reply again gives the same
// one. At most 40 letters, digits and '_'.
std::string made_call_id(std::string_view reply_id, std::size_t number);

// The same id where it has up to 64 letters, digits, '_' and '-' only, as Anthropic and Bedrock
// want it; else another one, the same for the same id and different for different ones.
std::string plain_call_id(std::string_view id);

// The same of exactly `length` letters and digits, as Mistral wants it.
std::string short_call_id(std::string_view id, std::size_t length);

}  // namespace sighter::wire
