#pragma once
// Messages that say nothing, for dialects that refuse them. Inside of the room.

#include <algorithm>

#include "wire/object_writer.hpp"

namespace sighter::wire {

// True where it is nothing but empty texts.
inline bool says_nothing(const Message& message) {
  return std::all_of(message.content.begin(), message.content.end(), [](const Block& block) {
    const Text* text = block.as<Text>();
    return text != nullptr && text->text.empty();
  });
}

// Notes that `message` is left out because nothing of it can be written. What a user is to have
// said is refused by name; an assistant's turn without a word is no loss of meaning, and reported.
// What had something to say is reported by what it was.
inline void note_left_out(const Message& message, Losses& losses) {
  if (!says_nothing(message)) return;
  if (message.role == Role::kAssistant) {
    losses.approximate("messages.content.empty");
  } else {
    losses.cannot("messages.content.empty", "a message without content is refused there");
  }
}

}  // namespace sighter::wire
