#include "models/client_request.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "wire/object_writer.hpp"

namespace sighter::models {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

// Whether a block that begins holds something already.
bool holds_something(const wire::Block& block) {
  if (!block.signature.empty()) return true;
  if (const auto* text = block.as<wire::Text>())
    return !text->text.empty() || !text->citations.empty();
  if (const auto* thought = block.as<wire::Thinking>())
    return !thought->text.empty() || !thought->data.empty();
  if (const auto* refusal = block.as<wire::Refusal>()) return !refusal->text.empty();
  return true;
}

bool says_something(const wire::Extra& extra) {
  return std::ranges::any_of(extra.members,
                             [](const auto& member) { return !wire::says_nothing(member.second); });
}

// A conversation in parts takes some hundred bytes for each of them.
Status check_size(const wire::Envelope& envelope) {
  if (envelope.values() <= limits::kConversationValuesMax) return {};
  return fail(Kind::kTooLarge,
              fmt::format("request: holds {} JSON values, and one that is translated {} at most",
                          envelope.values(), limits::kConversationValuesMax),
              "send fewer and longer messages");
}

}  // namespace

bool ReplySink::shows(const wire::Delta& delta) const {
  return std::visit(
      Overloaded{
          [](const wire::StreamStart&) { return false; },
          [](const wire::UsageDelta&) { return false; },
          [](const wire::Ping&) { return false; },
          [](const wire::StreamError&) { return false; },
          [](const wire::ReplyExtra&) { return false; },
          [](const wire::BlockStart& start) { return holds_something(start.block); },
          [](const wire::TextDelta& piece) { return !piece.text.empty(); },
          [](const wire::ThinkingDelta& piece) { return !piece.text.empty(); },
          [](const wire::RefusalDelta& piece) { return !piece.text.empty(); },
          [](const wire::LogprobsDelta& list) { return !wire::says_nothing(list.logprobs); },
          [](const wire::MessageExtra& more) { return says_something(more.extra); },
          [](const wire::ChoiceExtra&) { return false; },  // beside a reason to end, or content
          [](const wire::BlockExtra& more) { return says_something(more.extra); },
          [](const auto&) { return true; },
      },
      delta);
}

Status ClientRequest::decode_chat() {
  if (chat) return {};
  if (Status good = check_size(envelope); !good) return good;
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
