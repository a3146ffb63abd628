#pragma once
// OpenAI's legacy Completions over upstreams that hold conversations: a prompt is what a user says,
// the completion is what the model says to it. (An upstream that has Completions itself is given
// the request as it is; this is for all others.)
//
// What a conversation cannot do is refused by name: prompts of token ids, "suffix", "best_of" above
// 1. "echo" is done here. Several prompts are several conversations; their choices are numbered
// through, the n choices of the first prompt first.

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"

namespace sighter::wire::openai_completions {

struct CompletionRequest {
  std::vector<std::string> prompts{};  // at least one
  // Of the first prompt; the dialect's default of 16 tokens is written where no limit is asked.
  ChatRequest chat{};
  bool echo = false;
  std::int64_t n = 1;                  // choices of each prompt
  std::vector<std::string> dropped{};  // what allow_drop let go
};

// At most this many prompts; more are kTooLarge.
inline constexpr std::size_t kPromptsMax = 128;

// kInvalid, naming the member, and all that a conversation cannot express and that allow_drop does
// not list.
Result<CompletionRequest> decode_request(Json body, std::span<const std::string> allow_drop = {});
// The conversation of one of the prompts.
ChatRequest conversation(const CompletionRequest& request, std::size_t prompt);

// `replies` are those of the prompts, in order.
Encoded encode_reply(const CompletionRequest& request, const std::vector<ChatReply>& replies,
                     const EncodeOptions& options = {});

// Writes the events of all prompts, one prompt after the other: `prompt` says whose the deltas are.
// The end of the last prompt's stream is the end of all. `request` outlives it.
class StreamEncoder : public LostNames {
 public:
  virtual ~StreamEncoder() = default;
  virtual void write(std::size_t prompt, const Delta& delta, std::string& out) = 0;
};
std::unique_ptr<StreamEncoder> stream_encoder(const CompletionRequest& request,
                                              const EncodeOptions& options = {});

}  // namespace sighter::wire::openai_completions
