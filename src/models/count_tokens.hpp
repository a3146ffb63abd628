#pragma once
// Counting of tokens without an answer, as each provider offers it: Anthropic's count_tokens,
// OpenAI's responses/input_tokens, Gemini's countTokens, Bedrock's count-tokens. Chat Completions
// has none.

#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "wire/codec.hpp"

namespace sighter::models {

bool counts_tokens(wire::Dialect dialect);
// The path behind the base URL. CHECKs counts_tokens().
std::string count_path(wire::Dialect dialect, std::string_view upstream);
// The body for that path; kInvalid as Codec::encode_request.
Result<wire::Encoded> encode_count(const wire::ChatRequest& request, wire::Dialect dialect,
                                   const wire::EncodeOptions& options);
// What it answered, in Anthropic's words: {"input_tokens": 12}. kUpstream where no count is in it.
Result<std::string> counted(wire::Dialect dialect, const Json& reply);

}  // namespace sighter::models
