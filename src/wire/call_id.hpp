#pragma once
// Ids of tool calls where a provider gives none: other dialects need one. Inside of the room.

#include <string>
#include <string_view>

namespace sighter::wire {

// The reply's id and the call's number make it, so that reading the same reply again gives the same
// one. At most 40 letters, digits and '_'.
std::string made_call_id(std::string_view reply_id, std::size_t number);

}  // namespace sighter::wire
