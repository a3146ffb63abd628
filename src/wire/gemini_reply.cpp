#include "wire/gemini_reply.hpp"

#include <algorithm>

#include "wire/call_id.hpp"
#include "wire/errors.hpp"
#include "wire/gemini.hpp"
#include "wire/gemini_content.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
using Mode = ObjectReader::Mode;
using FinishKind = FinishReason::Kind;

std::int64_t of_modality(Usage& usage, const Json& json, std::string_view list,
                         std::string_view modality) {
  const Json* details = json.find(list);
  std::int64_t total = 0;
  for (std::size_t i = 0; details != nullptr && details->at(i) != nullptr; ++i) {
    const std::string* word = details->at(i)->find_string("modality");
    if (word != nullptr && *word == modality)
      total += usage.count(details->at(i)->find("tokenCount"));
  }
  return total;
}

struct Word {
  std::string_view word;
  FinishKind kind;
};
// The first row of a kind is the one that is written for it.
constexpr Word kWords[] = {
    {"STOP", FinishKind::kStop},
    {"MAX_TOKENS", FinishKind::kLength},
    {"SAFETY", FinishKind::kContentFilter},
    {"RECITATION", FinishKind::kContentFilter},
    {"BLOCKLIST", FinishKind::kContentFilter},
    {"PROHIBITED_CONTENT", FinishKind::kContentFilter},
    {"SPII", FinishKind::kContentFilter},
    {"MODEL_ARMOR", FinishKind::kContentFilter},
    {"IMAGE_SAFETY", FinishKind::kContentFilter},
    {"IMAGE_PROHIBITED_CONTENT", FinishKind::kContentFilter},
    {"IMAGE_RECITATION", FinishKind::kContentFilter},
    {"MALFORMED_FUNCTION_CALL", FinishKind::kError},
    {"UNEXPECTED_TOOL_CALL", FinishKind::kError},
    {"TOO_MANY_TOOL_CALLS", FinishKind::kError},
    {"MISSING_THOUGHT_SIGNATURE", FinishKind::kError},
    {"MALFORMED_RESPONSE", FinishKind::kError},
};

struct StatusRow {
  Kind kind;
  int code;
  std::string_view word;
};
constexpr StatusRow kStatuses[] = {
    {Kind::kInvalid, 400, "INVALID_ARGUMENT"},
    {Kind::kUnsupported, 400, "INVALID_ARGUMENT"},
    {Kind::kTooLarge, 400, "INVALID_ARGUMENT"},
    {Kind::kUnauthorized, 401, "UNAUTHENTICATED"},
    {Kind::kForbidden, 403, "PERMISSION_DENIED"},
    {Kind::kNotFound, 404, "NOT_FOUND"},
    {Kind::kConflict, 409, "ABORTED"},
    {Kind::kRateLimited, 429, "RESOURCE_EXHAUSTED"},
    {Kind::kBudget, 429, "RESOURCE_EXHAUSTED"},
    {Kind::kUnavailable, 503, "UNAVAILABLE"},
    {Kind::kTimeout, 504, "DEADLINE_EXCEEDED"},
};

bool calls_functions(const std::vector<Block>& content) {
  return std::any_of(content.begin(), content.end(),
                     [](const Block& block) { return block.as<ToolCall>() != nullptr; });
}

Error not_a_reply(std::string what) {
  return Error{Kind::kUpstream, "the reply is not one of Gemini: " + std::move(what), {}};
}

}  // namespace

FinishReason finish_reason(std::string_view word, bool calls) {
  FinishReason reason{.kind = FinishKind::kOther, .word = std::string(word)};
  for (const Word& row : kWords) {
    if (row.word == word) reason.kind = row.kind;
  }
  // Calls that nobody expected, or too many, are calls all the same.
  if ((reason.kind == FinishKind::kStop || reason.kind == FinishKind::kError) && calls)
    reason.kind = FinishKind::kToolCalls;
  return reason;
}

std::string_view finish_word(const FinishReason& reason, Dialect dialect) {
  if (dialect == kMe && !reason.word.empty()) return reason.word;
  switch (reason.kind) {
    case FinishKind::kLength:
    case FinishKind::kContext:
      return "MAX_TOKENS";
    case FinishKind::kContentFilter:
    case FinishKind::kRefusal:
      return "SAFETY";
    case FinishKind::kError:
    case FinishKind::kOther:
      return "OTHER";
    default:
      return "STOP";
  }
}

Usage decode_usage(Json json) {
  Usage usage{.dialect = kMe};
  const auto count = [&](const Json& of, std::string_view name) {
    return usage.count(of.find(name));
  };
  usage.cache_read = count(json, "cachedContentTokenCount");
  usage.reasoning = count(json, "thoughtsTokenCount");
  usage.input = count(json, "promptTokenCount") + count(json, "toolUsePromptTokenCount");
  usage.output = count(json, "candidatesTokenCount") + usage.reasoning;
  usage.audio_input = of_modality(usage, json, "promptTokensDetails", "AUDIO");
  usage.image_input = of_modality(usage, json, "promptTokensDetails", "IMAGE");
  usage.audio_output = of_modality(usage, json, "candidatesTokensDetails", "AUDIO");
  usage.raw = std::move(json);
  return usage;
}

void write_usage(std::string& out, const Usage& usage) {
  if (usage.dialect == kMe && !usage.raw.is_null()) {
    json_write_to(out, usage.raw);
    return;
  }
  ObjectWriter writer(out);
  const std::int64_t thoughts = std::clamp<std::int64_t>(usage.reasoning, 0, usage.output);
  writer.integer("promptTokenCount", usage.input);
  writer.integer("candidatesTokenCount", usage.output - thoughts);
  writer.integer("totalTokenCount", usage.total());
  if (thoughts > 0) writer.integer("thoughtsTokenCount", thoughts);
  if (usage.cache_read > 0) writer.integer("cachedContentTokenCount", usage.cache_read);
  const auto details = [&](std::string_view name, std::int64_t total, std::int64_t audio,
                           std::int64_t image) {
    if (audio <= 0 && image <= 0) return;
    std::string& list = writer.key(name);
    list += fmt::format("[{{\"modality\":\"TEXT\",\"tokenCount\":{}}}",
                        std::max<std::int64_t>(0, total - audio - image));
    if (audio > 0) list += fmt::format(",{{\"modality\":\"AUDIO\",\"tokenCount\":{}}}", audio);
    if (image > 0) list += fmt::format(",{{\"modality\":\"IMAGE\",\"tokenCount\":{}}}", image);
    list += ']';
  };
  details("promptTokensDetails", usage.input, usage.audio_input, usage.image_input);
  details("candidatesTokensDetails", usage.output - thoughts, usage.audio_output, 0);
  writer.end();
}

void note_usage(const Usage& usage, Losses& losses) {
  if (usage.dialect != kMe && usage.cache_write > 0) losses.approximate("usage.cache_write");
  note_unsaid(usage, losses);
}

namespace {

Result<Choice> decode_candidate(Json& json, const Place& place, std::string_view reply_id,
                                std::size_t& calls) {
  if (!json.is_object()) return std::unexpected(not_a_reply(place.text() + " is not an object"));
  ObjectReader reader(json.as_object(), place, Mode::kLenient);
  Choice choice;
  std::uint32_t choice_forms = 0;
  std::optional<std::int64_t> index;
  if (reader.integer("index", index)) {
    choice.index = *index;
  } else {
    choice.index = place.index;
    choice_forms |= forms::kNoIndex;
  }
  std::uint32_t message_forms = 0;
  choice.message.extra.dialect = kMe;
  Json* content = reader.peek("content");
  if (content != nullptr && content->is_object()) {
    const Place inner{.parent = &place, .name = "content"};
    ObjectReader fields(content->as_object(), inner, Mode::kLenient);
    if (!fields.constant("role", "model")) message_forms |= forms::kNoRole;
    if (Status status = decode_parts(fields, choice.message.content, message_forms); !status)
      return std::unexpected(status.error());
    choice.message.extra = fields.rest(kMe, message_forms);
    reader.take(content);
  } else {
    choice.message.extra.forms = forms::kNoContent;
  }
  for (Block& block : choice.message.content) {
    ToolCall* call = block.as<ToolCall>();
    if (call == nullptr) continue;
    const std::size_t number = calls++;
    if (!call->id.empty()) continue;
    call->id = made_call_id(reply_id, number);
    block.extra.forms |= forms::kMadeId;
  }
  std::string word;
  if (reader.string("finishReason", word))
    choice.finish = finish_reason(word, calls_functions(choice.message.content));
  Extra logprobs_rest;
  if (Json* logprobs = reader.peek("logprobsResult"); logprobs && logprobs->is_object()) {
    choice.logprobs = decode_logprobs(*logprobs);
    JsonObject kept;
    for (auto& [name, value] : logprobs->as_object()) {
      if (name != "chosenCandidates" && name != "topCandidates")
        kept.append(name, std::move(value));
    }
    logprobs_rest = Extra{.dialect = kMe, .members = std::move(kept)};
    reader.take(logprobs);
  }
  if (const Json* metadata = reader.peek("groundingMetadata")) {
    for (Grounded& one : decode_grounding(*metadata, choice.message.content))
      choice.message.content[one.block].as<Text>()->citations.push_back(std::move(one.citation));
  }
  choice.extra = reader.rest(kMe, choice_forms);
  keep_inner(choice.extra, "logprobsResult", std::move(logprobs_rest));
  return choice;
}

}  // namespace

std::optional<Choice> blocked_choice(const Json& feedback) {
  const std::string* reason = feedback.find_string("blockReason");
  if (reason == nullptr) return std::nullopt;
  Choice choice;
  choice.finish = FinishReason{.kind = FinishKind::kContentFilter, .word = *reason};
  choice.extra = Extra{.dialect = kMe, .forms = forms::kNoCandidate};
  choice.message.extra.dialect = kMe;
  return choice;
}

Result<ChatReply> decode_reply(Json body, const Quirks*) {
  if (!body.is_object()) return std::unexpected(not_a_reply("it is not a JSON object"));
  if (body.find("candidates") == nullptr && body.find("promptFeedback") == nullptr &&
      body.find("usageMetadata") == nullptr) {
    return std::unexpected(not_a_reply("candidates is missing"));
  }
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kLenient);
  ChatReply reply{.dialect = kMe};
  reader.string("responseId", reply.id);
  reader.string("modelVersion", reply.model);
  if (JsonArray* candidates = reader.array("candidates"); candidates && !candidates->empty()) {
    std::int64_t index = 0;
    std::size_t calls = 0;
    for (Json& json : *candidates) {
      const Place place{.parent = &root, .name = "candidates", .index = index++};
      Result<Choice> choice = decode_candidate(json, place, reply.id, calls);
      if (!choice) return std::unexpected(choice.error());
      reply.choices.push_back(std::move(*choice));
    }
    reader.take(reader.peek("candidates"));
  } else if (const Json* feedback = reader.peek("promptFeedback")) {
    if (std::optional<Choice> choice = blocked_choice(*feedback))
      reply.choices.push_back(std::move(*choice));
  }
  if (Json* usage = reader.peek("usageMetadata"); usage != nullptr && usage->is_object()) {
    reply.usage = decode_usage(std::move(*usage));
    reader.take(usage);
    if (const std::string* tier = reply.usage->raw.find_string("serviceTier"))
      reply.service_tier = *tier;
  }
  if (const Json* time = reader.peek("createTime"); time != nullptr && time->is_string())
    reply.created_s = seconds_of(time->as_string());
  reply.extra = reader.rest(kMe);
  return reply;
}

void write_content(ObjectWriter& candidate, const Message& message, Losses& losses) {
  if (losses.form(message.extra, forms::kNoContent)) return;
  std::string& out = candidate.key("content");
  ObjectWriter content(out);
  if (!losses.form(message.extra, forms::kNoParts)) {
    content.key("parts") += '[';
    bool first = true;
    for (const Block& block : message.content) {
      const std::size_t before = out.size();
      if (!first) out += ',';
      if (write_part(out, block, losses, Side::kReply)) {
        first = false;
      } else {
        out.resize(before);
      }
    }
    out += ']';
  }
  if (!losses.form(message.extra, forms::kNoRole)) content.string("role", "model");
  losses.rest(content, message.extra, "choices.message", kReplyStructure);
  content.end();
}

Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options) {
  const bool own = reply.dialect == kMe;
  Losses losses = Losses::of_reply(kMe);
  std::string out;
  out.reserve(1024);
  ObjectWriter writer(out);
  Commas commas;
  bool open = false;
  for (const Choice& choice : reply.choices) {
    if (losses.form(choice.extra, forms::kNoCandidate)) continue;
    if (!open) writer.key("candidates") += '[';
    open = true;
    commas.next(out);
    ObjectWriter one(out);
    write_content(one, choice.message, losses);
    if (!own || choice.finish.kind != FinishKind::kNone) {
      const FinishReason finish = choice.settled_finish();
      const std::string_view word = finish_word(finish, reply.dialect);
      one.string("finishReason", word);
      const bool calls = finish.kind == FinishKind::kToolCalls;
      losses.finish(choice.finish, finish_reason(word, calls).kind, reply.dialect);
    }
    if (!losses.form(choice.extra, forms::kNoIndex)) one.integer("index", choice.index);
    if (!choice.stop_sequence.empty()) losses.approximate("choices.stop_sequence");
    if (choice.logprobs.has_value()) {
      std::string& text = one.key("logprobsResult");
      ObjectWriter logprobs(text);
      write_logprobs(logprobs, *choice.logprobs, own, losses);
      logprobs.inner_rest(choice.extra, "logprobsResult", kMe);
      logprobs.end();
    }
    std::vector<PlacedText> texts;
    for (std::size_t i = 0; i < choice.message.content.size(); ++i) {
      if (const Text* text = choice.message.content[i].as<Text>()) texts.push_back({i, text});
    }
    write_grounding(one, texts, losses);
    losses.rest(one, choice.extra, "choices", kReplyStructure);
    one.end();
  }
  if (open) out += ']';
  if (reply.usage.has_value()) {
    write_usage(writer.key("usageMetadata"), *reply.usage);
    note_usage(*reply.usage, losses);
  }
  const std::string_view model =
      options.model.empty() ? std::string_view(reply.model) : options.model;
  if (!own || !model.empty()) writer.string("modelVersion", model);
  if (!own || !reply.id.empty()) writer.string("responseId", reply.id);
  note_unsaid_tier(reply.dialect, reply.service_tier, losses);
  losses.rest(writer, reply.extra, "", kReplyStructure);
  writer.end();
  return Encoded{std::move(out), losses.take_dropped(), losses.take_approximated()};
}

WireError decode_error(int status, std::string_view body) {
  return read_error(kMe, status, body);
}

std::string encode_error(const WireError& error) {
  if (error.dialect == kMe && error.raw.find("error") != nullptr) return json_write(error.raw);
  int code = error.status >= 400 ? error.status : 500;
  std::string_view word = "INTERNAL";
  for (const StatusRow& row : kStatuses) {
    if (row.kind != error.kind) continue;
    word = row.word;
    if (error.status < 400) code = row.code;
  }
  std::string out;
  ObjectWriter writer(out);
  ObjectWriter inner(writer.key("error"));
  inner.integer("code", code);
  inner.string("message", error.message);
  inner.string("status", word);
  if (error.retry_after.has_value()) {
    inner.raw("details", fmt::format("[{{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\","
                                     "\"retryDelay\":\"{}s\"}}]",
                                     static_cast<double>(error.retry_after->count()) / 1000));
  }
  inner.end();
  writer.end();
  return out;
}

}  // namespace sighter::wire::gemini
