#include <algorithm>

#include "wire/bedrock_content.hpp"
#include "wire/errors.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
constexpr std::string_view kStructure[] = {
    "type", "object", "role", "status", "index", "reasoning", "reasoning_content"};
using Mode = ObjectReader::Mode;

struct Word {
  std::string_view word;
  FinishReason::Kind kind;
};
// The first row of a kind is what is written.
constexpr Word kWords[] = {
    {"end_turn", FinishReason::Kind::kStop},
    {"tool_use", FinishReason::Kind::kToolCalls},
    {"max_tokens", FinishReason::Kind::kLength},
    {"stop_sequence", FinishReason::Kind::kStopSequence},
    {"content_filtered", FinishReason::Kind::kContentFilter},
    {"guardrail_intervened", FinishReason::Kind::kContentFilter},
    {"content_filtered", FinishReason::Kind::kRefusal},
    {"model_context_window_exceeded", FinishReason::Kind::kContext},
    {"malformed_model_output", FinishReason::Kind::kError},
    {"malformed_tool_use", FinishReason::Kind::kError},
};

// One count has two names; recorded replies have both, and they agree.
const Json* either(const Json& json, std::string_view name, std::string_view other) {
  const Json* member = json.find(name);
  return member != nullptr ? member : json.find(other);
}

// {"type": "flex"} alone.
void decode_tier(ObjectReader& reader, std::string& tier) {
  JsonObject* object = reader.object("serviceTier");
  if (object == nullptr || object->size() != 1) return;
  ObjectReader inner(*object, reader.place(), Mode::kLenient);
  if (inner.string("type", tier)) reader.take(reader.peek("serviceTier"));
}

}  // namespace

FinishReason finish_reason(std::string_view word) {
  FinishReason reason{.kind = FinishReason::Kind::kOther, .word = std::string(word)};
  for (const Word& row : kWords) {
    if (row.word == word && reason.kind == FinishReason::Kind::kOther) reason.kind = row.kind;
  }
  return reason;
}

std::string_view stop_word(const FinishReason& reason, Dialect dialect) {
  if (dialect == kMe && !reason.word.empty()) return reason.word;
  for (const Word& row : kWords) {
    if (row.kind == reason.kind) return row.word;
  }
  return "end_turn";
}

Usage decode_usage(Json json) {
  Usage usage{.dialect = kMe};
  usage.cache_read = usage.count(either(json, "cacheReadInputTokens", "cacheReadInputTokenCount"));
  usage.cache_write =
      usage.count(either(json, "cacheWriteInputTokens", "cacheWriteInputTokenCount"));
  usage.input = usage.count(json.find("inputTokens")) + usage.cache_read + usage.cache_write;
  usage.output = usage.count(json.find("outputTokens"));
  const Json* details = json.find("cacheDetails");
  for (std::size_t i = 0; details != nullptr && details->at(i) != nullptr; ++i) {
    const std::string* ttl = details->at(i)->find_string("ttl");
    if (ttl != nullptr && *ttl == "1h")
      usage.cache_write_1h += usage.count(details->at(i)->find("inputTokens"));
  }
  usage.raw = std::move(json);
  return usage;
}

Result<ChatReply> decode_reply(Json body, const Quirks*) {
  Json* output = body.find("output");
  Json* message = output == nullptr ? nullptr : output->find("message");
  if (message == nullptr || !message->is_object()) {
    return fail(Kind::kUpstream,
                "the reply is not one of Bedrock Converse: output.message is missing");
  }
  const Place root{};
  ChatReply reply{.dialect = kMe};
  Choice choice;
  {
    ObjectReader reader(message->as_object(), root, Mode::kLenient);
    std::uint32_t forms = 0;
    if (JsonArray* content = reader.array("content")) {
      if (Status status =
              decode_blocks(*content, root, "content", Mode::kLenient, choice.message.content);
          !status)
        return std::unexpected(status.error());
      reader.take(reader.peek("content"));
    } else {
      forms |= forms::kNoContent;
    }
    if (!reader.constant("role", "assistant")) forms |= forms::kNoRole;
    choice.message.extra = reader.rest(kMe, forms);
  }
  ObjectReader outer(output->as_object(), root, Mode::kLenient);
  outer.take(message);
  Extra output_rest = outer.rest(kMe);
  ObjectReader reader(body.as_object(), root, Mode::kLenient);
  reader.take(output);
  choice.extra.dialect = kMe;
  std::string word;
  if (reader.string("stopReason", word)) choice.finish = finish_reason(word);
  if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
    reply.usage = decode_usage(std::move(*usage));
    reader.take(usage);
  }
  decode_tier(reader, reply.service_tier);
  reply.choices.push_back(std::move(choice));
  reply.extra = reader.rest(kMe);
  keep_inner(reply.extra, "output", std::move(output_rest));
  return reply;
}

Encoded encode_reply(const ChatReply& reply, const EncodeOptions&) {
  const bool own = reply.dialect == kMe;
  Losses losses = Losses::of_reply(kMe);
  Writing writing{.losses = losses, .side = Side::kReply};
  std::string out;
  out.reserve(1024);
  static const Choice kNone;
  const Choice& choice = reply.choices.empty() ? kNone : reply.choices.front();
  if (reply.choices.size() > 1) losses.cannot("choices");
  ObjectWriter writer(out);
  ObjectWriter output(writer.key("output"));
  ObjectWriter message(output.key("message"));
  if (!losses.form(choice.message.extra, forms::kNoRole)) message.string("role", "assistant");
  if (!losses.form(choice.message.extra, forms::kNoContent)) {
    message.key("content") += '[';
    Commas commas;
    write_blocks(out, choice.message.content, commas, writing);
    out += ']';
  }
  losses.rest(message, choice.message.extra, "choices.message", kStructure);
  message.end();
  output.inner_rest(reply.extra, "output", kMe);
  output.end();
  if (!own || choice.finish.kind != FinishReason::Kind::kNone) {
    const FinishReason finish = choice.settled_finish();
    const std::string_view stop = stop_word(finish, reply.dialect);
    writer.string("stopReason", stop);
    losses.finish(choice.finish, finish_reason(stop).kind, reply.dialect);
  }
  if (!choice.stop_sequence.empty()) losses.approximate("choices.stop_sequence");
  if (choice.logprobs.has_value()) losses.cannot("choices.logprobs");
  losses.foreign(choice.extra, "choices", kStructure);
  if (reply.usage.has_value()) {
    write_usage(writer.key("usage"), *reply.usage, losses);
  } else if (!own) {
    write_usage(writer.key("usage"), Usage{}, losses);
  }
  if (own && !reply.service_tier.empty()) {
    ObjectWriter tier(writer.key("serviceTier"));
    tier.string("type", reply.service_tier);
    tier.end();
  }
  note_unsaid_tier(reply.dialect, reply.service_tier, losses);
  losses.rest(writer, reply.extra, "", kStructure);
  writer.end();
  return Encoded{std::move(out), losses.take_dropped(), losses.take_approximated()};
}

WireError decode_error(int status, std::string_view body) {
  return read_error(kMe, status, body);
}

std::string encode_error(const WireError& error) {
  if (error.dialect == kMe && error.raw.is_object() && !error.raw.as_object().empty())
    return json_write(error.raw);
  std::string out;
  ObjectWriter writer(out);
  writer.string("message", error.message);
  writer.end();
  return out;
}

}  // namespace sighter::wire::bedrock
