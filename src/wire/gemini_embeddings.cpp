#include "wire/embeddings.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire::gemini_embeddings {

Result<Encoded> encode_request(const EmbeddingRequest& request, const EncodeOptions& options) {
  Losses losses(Dialect::kGemini, options.allow_drop);
  const std::string model = fmt::format("models/{}", options.model);
  std::string out;
  ObjectWriter writer(out);
  writer.key("requests") += '[';
  Commas commas;
  for (const std::variant<std::string, Tokens>& input : request.inputs) {
    const std::string* text = std::get_if<std::string>(&input);
    if (text == nullptr)
      return fail(Kind::kInvalid, "input: Gemini takes texts, no numbers of tokens");
    commas.next(out);
    ObjectWriter one(out);
    one.string("model", model);
    ObjectWriter content(one.key("content"));
    ObjectWriter part(content.key("parts") += '[');
    part.string("text", *text);
    part.end();
    out += ']';
    content.end();
    one.optional("outputDimensionality", request.dimensions);
    one.end();
  }
  out += ']';
  writer.end();
  if (request.user) losses.cannot("user");
  const std::string& format = request.encoding_format;
  if (!format.empty() && format != "float" && format != "base64")
    losses.cannot("encoding_format", fmt::format("'{}' is neither float nor base64", format));
  losses.foreign(request.extra, "");
  if (Status status = losses.refused(); !status) return std::unexpected(status.error());
  return Encoded{std::move(out), losses.take_dropped(), {}};
}

Result<EmbeddingReply> decode_reply(Json body, std::string_view model) {
  const auto wrong = [](std::string_view what) {
    return fail(Kind::kUpstream,
                fmt::format("the reply is not one of Gemini's embeddings: {}", what));
  };
  const Json* list = body.find("embeddings");
  if (list == nullptr || !list->is_array()) return wrong("embeddings is missing");
  EmbeddingReply reply{.model = std::string(model)};
  for (const Json& one : list->as_array()) {
    const Json* values = one.find("values");
    if (values == nullptr || !values->is_array()) return wrong("values is missing");
    Embedding embedding{.index = static_cast<std::int64_t>(reply.data.size())};
    for (const Json& value : values->as_array()) {
      if (!value.is_number()) return wrong("values must be numbers");
      embedding.values.push_back(Number(JsonNumber{value.number_text()}).value());
    }
    reply.data.push_back(std::move(embedding));
  }
  const Json* usage = body.find("usageMetadata");
  const Json* tokens = usage == nullptr ? nullptr : usage->find("promptTokenCount");
  if (tokens != nullptr && tokens->to_int())
    reply.usage = Usage{.input = *tokens->to_int(), .dialect = Dialect::kGemini};
  return reply;
}

}  // namespace sighter::wire::gemini_embeddings
