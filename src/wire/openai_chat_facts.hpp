#pragma once
// What the text of a reply, or of a chunk of a stream, says of it as a whole, without a tree of its
// content. Inside of the room.

#include <optional>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire::openai_chat {

struct ChatFacts {
  bool choice = false;                     // there is one; else there is none
  std::optional<std::string_view> finish;  // its word for why it ended, in the text
  std::optional<Usage> usage;              // its `raw` is null
  bool content = false;                    // its message or delta holds more than a role
  // What its message or delta says, as it is written, quotes included; nullopt where that is more
  // than a text: a refusal, thoughts, tool calls, parts, another role than the assistant's.
  std::optional<std::string_view> text;
};

// Of a text with at most one choice, whose number is 0, and without an error. nullopt: it has to be
// decoded to be known.
std::optional<ChatFacts> facts_of(std::string_view text);

}  // namespace sighter::wire::openai_chat
