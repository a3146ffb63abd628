#pragma once
// Pieces of replies that whole ones and streams share. Inside of the room.

#include <span>
#include <string>
#include <string_view>

#include "wire/json_members.hpp"
#include "wire/message.hpp"

namespace sighter::wire::openai_chat {

void write_usage(std::string& out, const Usage& usage);
// As decode_usage() does, of the members inside a usage that scan_members() found in `text`, those
// of its details included; `raw` stays null.
Usage usage_of(std::string_view text, std::span<const JsonMember> usage);
// The dialect's word; the provider's own where it came in this dialect.
std::string_view finish_word(const FinishReason& reason, Dialect dialect);

}  // namespace sighter::wire::openai_chat
