#include "models/client_request.hpp"

namespace sighter::models {

bool ReplySink::shows(const wire::Delta& delta) const {
  return !std::holds_alternative<wire::StreamStart>(delta) &&
         !std::holds_alternative<wire::UsageDelta>(delta) &&
         !std::holds_alternative<wire::Ping>(delta) &&
         !std::holds_alternative<wire::StreamError>(delta);
}

Status ClientRequest::decode_chat() {
  if (chat) return {};
  const wire::Codec* codec = wire::codec_of(dialect);
  if (codec == nullptr)
    return fail(Kind::kUnsupported, "this request cannot be read as a conversation");
  Result<Json> json = json_parse(body, "request");
  if (!json) return std::unexpected(std::move(json.error()));
  Result<wire::ChatRequest> read = codec->decode_request(std::move(*json));
  if (!read) return std::unexpected(std::move(read.error()));
  chat = std::move(*read);
  return {};
}

Status ClientRequest::decode_embedding() {
  if (embedding) return {};
  Result<Json> json = json_parse(body, "request");
  if (!json) return std::unexpected(std::move(json.error()));
  Result<wire::EmbeddingRequest> read = wire::openai_embeddings::decode_request(std::move(*json));
  if (!read) return std::unexpected(std::move(read.error()));
  embedding = std::move(*read);
  return {};
}

}  // namespace sighter::models
