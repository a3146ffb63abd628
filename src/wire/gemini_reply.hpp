#pragma once
// Pieces of Gemini's replies that whole ones and streams share. Inside of the room.

#include <optional>
#include <string_view>
#include <vector>

#include "wire/gemini_content.hpp"

namespace sighter::wire::gemini {

// Members of other dialects' replies that carry no meaning of their own here.
inline constexpr std::string_view kReplyStructure[] = {
    "type", "object", "role", "status", "index", "thinking", "reasoning", "reasoning_content"};

void write_usage(std::string& out, const Usage& usage);
// Names what of it has no place here.
void note_usage(const Usage& usage, Losses& losses);
// The dialect's word; the provider's own where it came in this dialect.
std::string_view finish_word(const FinishReason& reason, Dialect dialect);

// The choice that stands for a prompt that was blocked (promptFeedback); nullopt where it was not.
std::optional<Choice> blocked_choice(const Json& feedback);

// Of "2026-03-05T22:50:23.630701Z"; nullopt when it is no such time.
std::optional<std::int64_t> seconds_of(std::string_view time);

// groundingMetadata as citations of the text blocks that its segments lie in.
struct Grounded {
  std::size_t block = 0;
  Citation citation{};
};
std::vector<Grounded> decode_grounding(const Json& metadata, const std::vector<Block>& content);
// A text and the number of its part.
struct PlacedText {
  std::size_t part = 0;
  const Text* text = nullptr;
};
// Citations of other dialects as groundingMetadata, for those that have a URL.
void write_grounding(ObjectWriter& candidate, const std::vector<PlacedText>& texts, Losses& losses);

// logprobsResult in the shape of Chat Completions, and its members back. The token's number is
// kept as "token_id"; what is not known of a token goes back where it came in this dialect (`own`).
Json decode_logprobs(const Json& result);
void write_logprobs(ObjectWriter& result, const Json& logprobs, bool own, Losses& losses);

}  // namespace sighter::wire::gemini
