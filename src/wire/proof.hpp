#pragma once
// Proofs (signatures of thoughts, thought signatures, encrypted thoughts) of one provider in the
// hands of a client that speaks another dialect: "sighter:DIALECT:WORD:PROOF", in the member that
// the client's dialect has for proofs of its own. Clients give it back unchanged; then the proof
// returns to its block, and from there to the provider's dialect alone. Inside of the room.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/message.hpp"

namespace sighter::wire {

namespace proof_words {
inline constexpr std::string_view kThinking = "thinking";  // a signature of full thoughts
inline constexpr std::string_view kSummary = "summary";    // a signature of a summary
inline constexpr std::string_view kRedacted = "redacted";  // encrypted thoughts
// Of a block that is no thought, which lies before it ("previous-1": one before that), or after
// it; or of an empty text that is written nowhere else.
inline constexpr std::string_view kPrevious = "previous";
inline constexpr std::string_view kNext = "next";
inline constexpr std::string_view kPart = "part";
}  // namespace proof_words

// In the place of a proof that citations have: this one was made of another dialect's.
inline constexpr std::string_view kCitationMark = "sighter:citation";

// The mark of a thought's proof. One that has no proof is marked too, with an empty one: what comes
// back is known to be none of the provider's own.
std::string marked_thought(const Block& block);
// That of another block's; `word` says where the block lies, `back` is the number of "previous-N".
std::string marked_proof(const Block& block, std::string_view word, std::size_t back = 0);

// Turns the marks in the messages of a request that came in `dialect` back into what they mark.
void restore_proofs(std::vector<Message>& messages, Dialect dialect);

// Whether a thought is proven by Anthropic's models, whose proofs are the same on each platform:
// Anthropic's own, Bedrock's, and what a server of Chat Completions says it is.
bool signed_by_claude(const Block& block);
// Encrypted thoughts as Anthropic gives them: Bedrock's member is a blob, base64 around the same
// text. Of all others the data as it is.
std::string claude_data(const Block& block);

// True where a body may hold such a mark: it is not to reach a provider as it is.
bool holds_marked_proof(std::string_view body);

}  // namespace sighter::wire
