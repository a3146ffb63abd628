#include <algorithm>

#include "wire/anthropic.hpp"
#include "wire/anthropic_content.hpp"
#include "wire/errors.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
// "reasoning..." that stays with the rest repeats blocks of thinking.
constexpr std::string_view kStructure[] = {
    "type", "object", "role", "status", "index", "reasoning", "reasoning_content"};
using Mode = ObjectReader::Mode;

struct Word {
  std::string_view word;
  FinishReason::Kind kind;
};
constexpr Word kWords[] = {
    {"end_turn", FinishReason::Kind::kStop},
    {"max_tokens", FinishReason::Kind::kLength},
    {"stop_sequence", FinishReason::Kind::kStopSequence},
    {"tool_use", FinishReason::Kind::kToolCalls},
    {"pause_turn", FinishReason::Kind::kPause},
    {"refusal", FinishReason::Kind::kRefusal},
    {"model_context_window_exceeded", FinishReason::Kind::kContext},
};

struct ErrorWord {
  Kind kind;
  std::string_view word;
};
constexpr ErrorWord kErrorWords[] = {
    {Kind::kInvalid, "invalid_request_error"},  {Kind::kUnsupported, "invalid_request_error"},
    {Kind::kConflict, "invalid_request_error"}, {Kind::kUnauthorized, "authentication_error"},
    {Kind::kBudget, "billing_error"},           {Kind::kForbidden, "permission_error"},
    {Kind::kNotFound, "not_found_error"},       {Kind::kTooLarge, "request_too_large"},
    {Kind::kRateLimited, "rate_limit_error"},   {Kind::kTimeout, "timeout_error"},
    {Kind::kUnavailable, "overloaded_error"},
};

}  // namespace

FinishReason finish_reason(std::string_view word) {
  FinishReason reason{.kind = FinishReason::Kind::kOther, .word = std::string(word)};
  for (const Word& row : kWords) {
    if (row.word == word) reason.kind = row.kind;
  }
  return reason;
}

std::string_view stop_word(const FinishReason& reason, Dialect dialect) {
  if (dialect == kMe && !reason.word.empty()) return reason.word;
  if (reason.kind == FinishReason::Kind::kContentFilter) return "refusal";
  for (const Word& row : kWords) {
    if (row.kind == reason.kind) return row.word;
  }
  return "end_turn";
}

Usage decode_usage(Json json) {
  Usage usage{.dialect = kMe};
  const auto count = [&](const Json& of, std::string_view name) {
    return usage.count(of.find(name));
  };
  usage.cache_read = count(json, "cache_read_input_tokens");
  usage.cache_write = count(json, "cache_creation_input_tokens");
  usage.input = count(json, "input_tokens") + usage.cache_read + usage.cache_write;
  usage.output = count(json, "output_tokens");
  if (const Json* written = json.find("cache_creation")) {
    usage.cache_write_1h = count(*written, "ephemeral_1h_input_tokens");
  }
  if (const Json* details = json.find("output_tokens_details")) {
    usage.reasoning = count(*details, "thinking_tokens");
  }
  if (const Json* tools = json.find("server_tool_use")) {
    usage.tool_requests = count(*tools, "web_search_requests");
  }
  usage.raw = std::move(json);
  return usage;
}

Result<ChatReply> decode_reply(Json body, const Quirks*) {
  const Json* content = body.find("content");
  if (content == nullptr || !content->is_array()) {
    return fail(Kind::kUpstream, "the reply is not one of Anthropic Messages: content is missing");
  }
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kLenient);
  ChatReply reply{.dialect = kMe};
  Choice choice;
  std::uint32_t forms = 0;
  if (Status status = decode_content(reader, choice.message.content, forms); !status) {
    return std::unexpected(status.error());
  }
  choice.message.extra.dialect = kMe;
  choice.extra.dialect = kMe;
  forms = reader.constant("role", "assistant") ? 0 : forms::kNoRole;
  if (!reader.constant("type", "message")) forms |= forms::kNoType;
  reader.string("id", reply.id);
  reader.string("model", reply.model);
  std::string word;
  if (reader.string("stop_reason", word)) choice.finish = finish_reason(word);
  reader.string("stop_sequence", choice.stop_sequence);
  if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
    reply.usage = decode_usage(std::move(*usage));
    reader.take(usage);
    if (const std::string* tier = reply.usage->raw.find_string("service_tier"))
      reply.service_tier = *tier;
  }
  reply.choices.push_back(std::move(choice));
  reply.extra = reader.rest(kMe, forms);
  return reply;
}

Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options) {
  const bool own = reply.dialect == kMe;
  Losses losses = Losses::of_reply(kMe);
  std::string out;
  out.reserve(1024);
  ObjectWriter writer(out);
  if (!own || !reply.id.empty()) writer.string("id", reply.id);
  if (!losses.form(reply.extra, forms::kNoType)) writer.string("type", "message");
  if (!losses.form(reply.extra, forms::kNoRole)) writer.string("role", "assistant");
  const std::string_view model =
      options.model.empty() ? std::string_view(reply.model) : options.model;
  if (!own || !model.empty()) writer.string("model", model);
  if (reply.choices.size() > 1) losses.cannot("choices");
  writer.key("content") += '[';
  bool first = true;
  bool refused = false;
  static const Choice kNone;
  const Choice& choice = reply.choices.empty() ? kNone : reply.choices.front();
  for (const Block& block : choice.message.content) {
    const std::size_t before = out.size();
    if (!first) out += ',';
    if (write_block(out, block, losses, Side::kReply)) {
      first = false;
    } else {
      out.resize(before);
    }
    refused = refused || block.as<Refusal>() != nullptr;
  }
  out += ']';
  if (!own || choice.finish.kind != FinishReason::Kind::kNone) {
    const FinishReason finish = choice.settled_finish();
    const std::string_view word = refused && !own ? "refusal" : stop_word(finish, reply.dialect);
    writer.string("stop_reason", word);
    if (!refused) losses.finish(choice.finish, finish_reason(word).kind, reply.dialect);
  }
  if (!choice.stop_sequence.empty()) {
    writer.string("stop_sequence", choice.stop_sequence);
  } else if (!own) {
    writer.raw("stop_sequence", "null");
  }
  if (choice.logprobs.has_value()) losses.cannot("choices.logprobs");
  losses.foreign(choice.extra, "choices", kStructure);
  losses.foreign(choice.message.extra, "choices.message", kStructure);
  if (reply.usage.has_value()) {
    write_usage(writer.key("usage"), *reply.usage, losses);
  } else if (!own) {
    write_usage(writer.key("usage"), Usage{}, losses);
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
  const std::string* said = error.raw.find_string("type");
  if (error.dialect == kMe && said != nullptr && *said == "error") return json_write(error.raw);
  std::string_view type = "api_error";
  for (const ErrorWord& row : kErrorWords) {
    if (row.kind == error.kind) type = row.word;
  }
  std::string out;
  ObjectWriter writer(out);
  writer.string("type", "error");
  ObjectWriter inner(writer.key("error"));
  inner.string("type", type);
  inner.string("message", error.message);
  inner.end();
  writer.end();
  return out;
}

}  // namespace sighter::wire::anthropic
