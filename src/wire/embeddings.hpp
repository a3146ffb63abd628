#pragma once
// OpenAI Embeddings, both directions; compatible servers all speak it. And Gemini's, as a client.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "wire/codec.hpp"

namespace sighter::wire {

using Tokens = std::vector<std::int64_t>;

struct EmbeddingRequest {
  std::string model{};
  std::vector<std::variant<std::string, Tokens>> inputs{};
  std::string encoding_format{};  // "float", "base64"; empty: not said (float)
  std::optional<std::int64_t> dimensions{};
  std::optional<std::string> user{};
  Extra extra{};
};

struct Embedding {
  std::int64_t index = 0;
  std::vector<double> values{};  // those that came as base64 are 32-bit floats
  bool base64 = false;           // how it came
  Extra extra{};
};

struct EmbeddingReply {
  std::string model{};
  std::vector<Embedding> data{};
  std::optional<Usage> usage{};
  Extra extra{};
};

namespace openai_embeddings {

Result<EmbeddingRequest> decode_request(Json body);
Encoded encode_request(const EmbeddingRequest& request, const EncodeOptions& options = {});
Result<EmbeddingReply> decode_reply(Json body);
// `base64`: how the client wants them; nullopt: each as it came.
std::string encode_reply(const EmbeddingReply& reply, const EncodeOptions& options = {},
                         std::optional<bool> base64 = {});

}  // namespace openai_embeddings

// batchEmbedContents, whatever the number of inputs. No usage comes back.
namespace gemini_embeddings {

// kInvalid for tokens instead of texts, and for what it has no word for and allow_drop does not
// list. `options.model` names the model inside the body too.
Result<Encoded> encode_request(const EmbeddingRequest& request, const EncodeOptions& options);
// kUpstream where `body` is no reply of this kind. The model is that which was asked.
Result<EmbeddingReply> decode_reply(Json body, std::string_view model);

}  // namespace gemini_embeddings
}  // namespace sighter::wire
