#pragma once
// What a whole reply says, for the row of a reply that is passed on unread.

#include <optional>
#include <string>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire {

// The text of the only choice as json_write() writes it, quotes included; "" in quotes where it has
// none. nullopt where the reply has to be decoded to know: whatever stands beside the text (a
// refusal, thoughts, sources, tool calls), content in parts, several choices, another role than the
// assistant's, names with escapes, no JSON, another dialect than Chat Completions.
std::optional<std::string> reply_text(Dialect dialect, std::string_view body);

}  // namespace sighter::wire
