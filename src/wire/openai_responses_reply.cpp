#include <algorithm>

#include "wire/errors.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_responses {
namespace {

using Mode = ObjectReader::Mode;

// What a response says again of its request, and its state: no part of what the model said.
constexpr std::string_view kEcho[] = {"background",
                                      "completed_at",
                                      "error",
                                      "frequency_penalty",
                                      "incomplete_details",
                                      "instructions",
                                      "max_output_tokens",
                                      "max_tool_calls",
                                      "metadata",
                                      "object",
                                      "parallel_tool_calls",
                                      "presence_penalty",
                                      "previous_response_id",
                                      "prompt_cache_key",
                                      "prompt_cache_options",
                                      "prompt_cache_retention",
                                      "reasoning",
                                      "response",
                                      "safety_identifier",
                                      "service_tier",
                                      "status",
                                      "store",
                                      "temperature",
                                      "text",
                                      "tool_choice",
                                      "tools",
                                      "top_logprobs",
                                      "top_p",
                                      "truncation",
                                      "user"};

// The logprobs of all texts, in the shape of Chat Completions.
std::optional<Json> logprobs_of(const std::vector<Block>& content) {
  JsonArray all;
  for (const Block& block : content) {
    const Json* list = block.extra.members.find("logprobs");
    if (block.as<Text>() == nullptr || list == nullptr || !list->is_array()) continue;
    for (const Json& one : list->as_array()) all.push_back(one);
  }
  if (all.empty()) return std::nullopt;
  return Json::object({{"content", Json(std::move(all))}, {"refusal", Json()}});
}

std::string items_json(const ChatReply& reply, const Choice& choice, Losses& losses) {
  const std::vector<Item> items = items_of(choice.message.content, Side::kReply);
  const Json* logprobs = choice.logprobs.has_value() ? choice.logprobs->find("content") : nullptr;
  if (logprobs != nullptr && !logprobs->is_array()) logprobs = nullptr;
  const bool cut = reply.dialect != kMe && !incomplete_word(choice.finish).empty();
  ItemContext context{.losses = losses, .logprobs = logprobs};
  std::string out;
  std::size_t number = 0;
  const auto comma = [&] {
    if (!out.empty()) out += ',';
  };
  for (const Item& item : items) {
    const std::string_view prefix = item.kind == Item::Kind::kMessage     ? "msg"
                                    : item.kind == Item::Kind::kReasoning ? "rs"
                                                                          : "fc";
    const std::string id = make_id(prefix, reply.id, number++);
    context.id = id;
    context.status = cut && &item == &items.back() ? "incomplete" : "completed";
    const std::size_t before = out.size();
    comma();
    if (!write_item(out, item, context)) {
      out.resize(before);
      continue;
    }
    if (item.kind == Item::Kind::kReasoning) continue;
    for (std::size_t i = 0; i < item.blocks.size(); ++i) {
      const std::string proof = proof_of(*item.blocks[i], item.blocks.size() - 1 - i);
      if (proof.empty()) continue;
      comma();
      write_proof_item(out, make_id("rs", reply.id, number++), proof);
    }
  }
  if (context.logprobs != nullptr && !context.logprobs->as_array().empty() && reply.dialect != kMe)
    losses.cannot("choices.logprobs");  // of no text
  if (logprobs != nullptr && reply.dialect != kMe)
    note_unsaid_logprobs(*choice.logprobs, false, losses);
  return out;
}

}  // namespace

Usage decode_usage(Json json) {
  Usage usage{.dialect = kMe};
  const auto count = [&](const Json* of, std::string_view name) {
    return usage.count(of == nullptr ? nullptr : of->find(name));
  };
  usage.input = count(&json, "input_tokens");
  usage.output = count(&json, "output_tokens");
  const Json* input = json.find("input_tokens_details");
  usage.cache_read = std::min(count(input, "cached_tokens"), usage.input);
  usage.cache_write = std::min(count(input, "cache_write_tokens"), usage.input - usage.cache_read);
  usage.audio_input = count(input, "audio_tokens");
  usage.image_input = count(input, "image_tokens");
  const Json* output = json.find("output_tokens_details");
  usage.reasoning = count(output, "reasoning_tokens");
  usage.audio_output = count(output, "audio_tokens");
  usage.raw = std::move(json);
  return usage;
}

ResponseHead read_response(JsonObject& response) {
  static const Place kRoot{};
  ObjectReader reader(response, kRoot, Mode::kLenient);
  ResponseHead head;
  reader.string("id", head.id);
  reader.string("model", head.model);
  reader.integer("created_at", head.created_s);
  if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
    head.usage = decode_usage(std::move(*usage));
    reader.take(usage);
  }
  if (Json* output = reader.peek("output"); output != nullptr && output->is_array()) {
    head.output = std::move(*output);
    reader.take(output);
  }
  const auto copy = [](const Json* from, std::string& into) {
    if (from != nullptr && from->is_string()) into = from->as_string();
  };
  copy(reader.peek("service_tier"), head.service_tier);
  copy(reader.peek("status"), head.status);
  if (const Json* details = reader.peek("incomplete_details"))
    copy(details->find("reason"), head.incomplete);
  Extra rest = reader.rest(kMe);
  head.extra.dialect = kMe;
  Extra echo{.dialect = kMe};
  for (auto& [name, value] : rest.members) {
    const bool said = std::find(std::begin(kEcho), std::end(kEcho), name) != std::end(kEcho);
    (said ? echo : head.extra).members.append(name, std::move(value));
  }
  keep_inner(head.extra, "response", std::move(echo));
  return head;
}

FinishReason finish_of(const ResponseHead& head, const std::vector<Block>& content) {
  FinishReason reason{.kind = FinishReason::Kind::kNone, .word = head.status};
  if (head.status == "incomplete") {
    reason.word = head.incomplete.empty() ? head.status : head.incomplete;
    reason.kind = head.incomplete == "content_filter" ? FinishReason::Kind::kContentFilter
                                                      : FinishReason::Kind::kLength;
    return reason;
  }
  if (head.status == "queued" || head.status == "in_progress") return reason;
  if (head.status == "failed" || head.status == "cancelled") {
    reason.kind = FinishReason::Kind::kError;
    return reason;
  }
  const bool calls = std::any_of(content.begin(), content.end(), [](const Block& block) {
    const ToolCall* call = block.as<ToolCall>();
    return call != nullptr && call->kind != ToolCall::Kind::kProvider;
  });
  reason.kind = calls ? FinishReason::Kind::kToolCalls : FinishReason::Kind::kStop;
  return reason;
}

Result<ChatReply> decode_reply(Json body, const Quirks*) {
  const Json* output = body.find("output");
  if (output == nullptr || !output->is_array()) {
    return sighter::fail(Kind::kUpstream,
                         "the reply is not one of OpenAI Responses: output is missing");
  }
  const std::string* status = body.find_string("status");
  if (status != nullptr && (*status == "failed" || *status == "cancelled")) {
    const Json* error = body.find("error");
    WireError words{.status = 0, .message = "the response is " + *status};
    if (error != nullptr && error->is_object()) words = read_error(kMe, 0, *error);
    return sighter::fail(words.kind, fmt::format("the response {}: {}", *status, words.message));
  }
  ResponseHead head = read_response(body.as_object());
  ChatReply reply{.dialect = kMe};
  Choice choice;
  choice.extra.dialect = choice.message.extra.dialect = kMe;
  const Place root{};
  std::int64_t index = 0;
  for (Json& item : head.output.as_array()) {
    const Place place{.parent = &root, .name = "output", .index = index++};
    if (Status read = decode_output_item(item, place, Mode::kLenient, choice.message.content);
        !read)
      return std::unexpected(read.error());
  }
  choice.finish = finish_of(head, choice.message.content);
  choice.logprobs = logprobs_of(choice.message.content);
  reply.id = std::move(head.id);
  reply.model = std::move(head.model);
  reply.created_s = head.created_s;
  reply.service_tier = std::move(head.service_tier);
  reply.usage = std::move(head.usage);
  reply.extra = std::move(head.extra);
  reply.choices.push_back(std::move(choice));
  return reply;
}

std::string_view status_word(const FinishReason& reason) {
  if (reason.kind == FinishReason::Kind::kError) return "failed";
  return incomplete_word(reason).empty() ? "completed" : "incomplete";
}

std::string_view incomplete_word(const FinishReason& reason) {
  switch (reason.kind) {
    case FinishReason::Kind::kLength:
    case FinishReason::Kind::kContext:
      return "max_output_tokens";
    case FinishReason::Kind::kContentFilter:
    case FinishReason::Kind::kRefusal:
      return "content_filter";
    default:
      return {};
  }
}

FinishReason::Kind said_kind(const FinishReason& reason) {
  using enum FinishReason::Kind;
  if (reason.kind == kError || reason.kind == kToolCalls) return reason.kind;
  const std::string_view word = incomplete_word(reason);
  return word.empty() ? kStop : word == "content_filter" ? kContentFilter : kLength;
}

std::string_view error_code(const WireError& error) {
  switch (error.kind) {
    case Kind::kRateLimited:
      return "rate_limit_exceeded";
    case Kind::kInvalid:
    case Kind::kTooLarge:
      return "invalid_prompt";
    default:
      return "server_error";
  }
}

void write_response(std::string& out, const ResponseShape& shape, Losses& losses) {
  ObjectWriter writer(out);
  const bool own = shape.status.empty();
  if (!own || !shape.id.empty()) writer.string("id", shape.id);
  if (!own) {
    writer.string("object", "response");
    writer.string("status", shape.status);
    if (shape.error.empty()) {
      writer.raw("error", "null");
    } else {
      writer.raw("error", shape.error);
    }
    if (shape.incomplete.empty()) {
      writer.raw("incomplete_details", "null");
    } else {
      ObjectWriter details(writer.key("incomplete_details"));
      details.string("reason", shape.incomplete);
      details.end();
    }
  }
  writer.optional("created_at", shape.created_s);
  if (!own || !shape.model.empty()) writer.string("model", shape.model);
  std::string& to = writer.key("output");
  to += '[';
  to += shape.output;
  to += ']';
  if (shape.usage != nullptr) write_usage(writer.key("usage"), *shape.usage, losses);
  if (!own && !shape.service_tier.empty()) writer.string("service_tier", shape.service_tier);
  if (shape.echo != nullptr) writer.rest(*shape.echo);
  if (shape.others != nullptr) {
    writer.skip("response");
    writer.rest(*shape.others);
  }
  writer.end();
}

Encoded encode_reply(const ChatReply& reply, const EncodeOptions& options) {
  const bool own = reply.dialect == kMe;
  Losses losses = Losses::of_reply(kMe);
  static const Choice kNone;
  const Choice& choice = reply.choices.empty() ? kNone : reply.choices.front();
  if (reply.choices.size() > 1) losses.cannot("choices");
  const std::string output = items_json(reply, choice, losses);
  JsonObject echo;
  ResponseShape shape{.id = reply.id, .output = output};
  if (own) {
    const Json* said = reply.extra.members.find("response");
    if (said != nullptr && said->is_object()) echo = said->as_object();
    if (options.request != nullptr) say_again(echo, *options.request);
    shape.others = &reply.extra.members;
    shape.created_s = reply.created_s;
  } else {
    echo = echo_of(options.request);
    shape.status = status_word(choice.settled_finish());
    shape.incomplete = incomplete_word(choice.settled_finish());
    if (shape.status == "failed")
      shape.error = R"({"code":"server_error","message":"the provider failed"})";
    shape.created_s = reply.created_s.value_or(options.now_s);
    shape.service_tier = own_tier(reply.dialect, reply.service_tier);
    if (shape.service_tier.empty()) note_unsaid_tier(reply.dialect, reply.service_tier, losses);
    losses.finish(choice.finish, said_kind(choice.settled_finish()), reply.dialect);
    if (!choice.stop_sequence.empty()) losses.approximate("choices.stop_sequence");
    losses.foreign(reply.extra, "", kStructure);
    losses.foreign(choice.extra, "choices", kStructure);
    losses.foreign(choice.message.extra, "choices.message", kStructure);
  }
  std::string id;
  if (!own && !reply.id.starts_with("resp_")) {
    id = "resp_" + reply.id;
    shape.id = id;
  }
  shape.model = options.model.empty() ? std::string_view(reply.model) : options.model;
  shape.echo = &echo;
  if (reply.usage.has_value()) shape.usage = &*reply.usage;
  std::string out;
  out.reserve(1024 + output.size());
  write_response(out, shape, losses);
  return Encoded{std::move(out), losses.take_dropped(), losses.take_approximated()};
}

std::string_view own_tier(Dialect dialect, std::string_view tier) {
  if (dialect == kMe) return tier;
  if (dialect != Dialect::kOpenAiChat) return {};
  for (const std::string_view word : {"auto", "default", "flex", "scale", "priority"}) {
    if (tier == word) return word;
  }
  return {};
}

void say_again(JsonObject& echo, const ChatRequest& request) {
  JsonObject asked = echo_of(&request);
  for (const std::string_view name :
       {"previous_response_id", "store", "instructions", "truncation", "background", "metadata"}) {
    if (Json* value = asked.find(name)) echo.set(name, std::move(*value));
  }
}

WireError decode_error(int status, std::string_view body) {
  return read_error(kMe, status, body);
}

std::string encode_error(const WireError& error) {
  const Json* words = error.raw.find("error");
  if (error.dialect == kMe && words != nullptr && words->is_object() &&
      error.raw.find("type") == nullptr) {
    return json_write(error.raw);
  }
  WireError plain = error;
  plain.dialect = Dialect::kNone;
  plain.raw = Json();
  return openai_chat::encode_error(plain);
}

}  // namespace sighter::wire::openai_responses
