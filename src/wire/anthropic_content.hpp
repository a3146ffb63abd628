#pragma once
// The content blocks of Anthropic Messages, as requests, replies and streams have them. Inside of
// the room.

#include <string>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/object_reader.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::anthropic {

// Bits of Extra::forms.
namespace forms {
inline constexpr std::uint32_t kContentText = 1;  // of a message or tool result: a bare string
inline constexpr std::uint32_t kNoInput = 2;      // of a tool call: "input" was absent
inline constexpr std::uint32_t kTyped = 4;        // of a tool: "type": "custom" was said
inline constexpr std::uint32_t kNoType = 1;       // of a reply: "type": "message" was absent
inline constexpr std::uint32_t kNoRole = 8;       // of a reply: "role": "assistant" was absent
}  // namespace forms

// Unknown types are kept raw.
Result<Block> decode_block(Json& json, const Place& place, ObjectReader::Mode mode);
// The "content" of a message or tool result: a string or a list of blocks; a string sets the form.
Status decode_content(ObjectReader& reader, std::vector<Block>& content, std::uint32_t& forms);
Citation decode_citation(Json json);

enum class Side { kRequest, kReply };

// Writes one block and true, or writes nothing and false where there is nothing to say here: an
// empty text, or what `losses` took note of.
bool write_block(std::string& out, const Block& block, Losses& losses, Side side);
// What `signature` says for a thought of a reply: of another provider, marked (proof.hpp).
std::string proof_of(const Block& block);
// The block of a reply that carries another provider's proof of what is no thought.
void write_proof(std::string& out, std::string_view mark);
// False, and nothing written, for a source that has no URL.
bool write_citation(std::string& out, const Citation& citation, Losses& losses);
// A JSON object whatever the model wrote; a text that is none goes under "INVALID_JSON".
void write_arguments(std::string& out, const ToolCall& call, Losses& losses);
void write_usage(std::string& out, const Usage& usage, Losses& losses);
std::string_view stop_word(const FinishReason& reason, Dialect dialect);

// How another dialect's wish to think (`request.reasoning`, which is there) is put to a model of
// Anthropic's: off, adaptive with an effort, or a budget that max_tokens leaves room for.
Reasoning thinking_of(const ChatRequest& request, std::string_view model, Losses& losses);
// Notes the parameters that Anthropic's models take nowhere: n, seed, penalties, log-probabilities.
void refuse_parameters(const ChatRequest& request, Losses& losses);

}  // namespace sighter::wire::anthropic
