#include "wire/openai_chat_reply.hpp"

#include <algorithm>
#include <charconv>

#include "wire/call_id.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_message.hpp"
#include "wire/unsaid.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
using Mode = ObjectReader::Mode;

// 0 where nothing is counted, -1 where it is no whole number.
std::int64_t count(const Json* json) {
  return json == nullptr || !json->is_number() ? 0 : json->to_int().value_or(-1);
}

// What a provider says that it charged.
std::optional<Number> charge(const std::optional<Number>& said) {
  const bool good = said && said->value() >= 0 && said->value() <= Usage::kCostUsdMax;
  return good ? said : std::nullopt;
}

// Where the counts of a usage are read from: from its tree, or from its text.
struct TreeCounts {
  const Json& usage;
  std::int64_t at(std::string_view name) const { return count(usage.find(name)); }
  std::int64_t at(std::string_view parent, std::string_view name) const {
    const Json* details = usage.find(parent);
    return details == nullptr ? 0 : count(details->find(name));
  }
  std::optional<Number> number(std::string_view name) const {
    const Json* value = usage.find(name);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return Number(JsonNumber{value->number_text()});
  }
};

class TextCounts {
 public:
  TextCounts(std::string_view text, std::span<const JsonMember> usage)
      : text_(text), usage_(usage), depth_(usage.empty() ? 0 : usage.front().depth) {}
  std::int64_t at(std::string_view name) const {
    const JsonMember* member = find(name);
    return member == nullptr ? 0 : count_of(member->value(text_));
  }
  std::int64_t at(std::string_view parent, std::string_view name) const {
    const JsonMember* details = find(parent);
    if (details == nullptr || text_[details->begin] != '{') return 0;
    for (const JsonMember* member = details + 1; member != usage_.data() + usage_.size();
         ++member) {
      if (member->begin > details->end) break;
      if (is(*member, depth_ + 1, name)) return count_of(member->value(text_));
    }
    return 0;
  }
  std::optional<Number> number(std::string_view name) const {
    const JsonMember* member = find(name);
    const Result<Json> value = member != nullptr ? json_parse(member->value(text_)) : Json();
    if (!value || !value->is_number()) return std::nullopt;
    return Number(JsonNumber{value->number_text()});
  }

 private:
  bool is(const JsonMember& member, std::uint32_t depth, std::string_view name) const {
    if (member.depth != depth) return false;
    if (member.escaped) return member.name(text_) == name;
    const std::string_view written = member.written(text_);
    return written.size() == name.size() && written == name;
  }
  const JsonMember* find(std::string_view name) const {
    for (const JsonMember& member : usage_) {
      if (is(member, depth_, name)) return &member;
    }
    return nullptr;
  }
  static std::int64_t count_of(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) return value;
    const Result<Json> other = json_parse(text);  // null, 3.0 or 1e2
    return other ? count(&*other) : 0;
  }
  std::string_view text_;
  std::span<const JsonMember> usage_;  // and what is inside them
  std::uint32_t depth_;
};

template <class Counts>
Usage counted(const Counts& counts) {
  Usage usage{.dialect = kMe};
  const auto at = [&](auto... names) { return usage.count(counts.at(names...)); };
  usage.input = at("prompt_tokens");
  usage.output = at("completion_tokens");
  usage.cache_read = at("prompt_tokens_details", "cached_tokens");
  usage.cache_write = at("prompt_tokens_details", "cache_write_tokens");
  usage.audio_input = at("prompt_tokens_details", "audio_tokens");
  usage.image_input = at("prompt_tokens_details", "image_tokens");
  usage.reasoning = at("completion_tokens_details", "reasoning_tokens");
  usage.audio_output = at("completion_tokens_details", "audio_tokens");
  // Other names: DeepSeek, Moonshot, Mistral; xAI and OpenRouter say what it cost.
  for (const std::string_view name :
       {"prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens"}) {
    if (usage.cache_read == 0) usage.cache_read = at(name);
  }
  // Some count what they read and wrote twice; parts of a total are no more than it.
  usage.cache_read =
      std::clamp<std::int64_t>(usage.cache_read, 0, std::max<std::int64_t>(usage.input, 0));
  usage.cache_write = std::clamp<std::int64_t>(
      usage.cache_write, 0, std::max<std::int64_t>(usage.input - usage.cache_read, 0));
  usage.cost_usd = charge(counts.number("cost"));
  usage.tool_requests = at("server_tool_use_details", "web_search_requests");
  return usage;
}

// Members of other dialects' replies that carry no meaning of their own here.
constexpr std::string_view kStructure[] = {"type", "object", "role", "status", "index"};

Error not_a_reply(std::string what) {
  return Error{Kind::kUpstream, "the reply is not one of Chat Completions: " + std::move(what), {}};
}

void name_calls(std::vector<Choice>& choices, std::string_view reply_id) {
  std::size_t number = 0;
  for (Choice& choice : choices) {
    for (Block& block : choice.message.content) {
      ToolCall* call = block.as<ToolCall>();
      if (call == nullptr) continue;
      const std::size_t its = number++;
      if (!call->id.empty()) continue;
      call->id = made_call_id(reply_id, its);
      block.extra.forms |= forms::kMadeId;
    }
  }
}

Result<Choice> decode_choice(Json& json, const Place& place) {
  if (!json.is_object()) return std::unexpected(not_a_reply(place.text() + " is not an object"));
  ObjectReader reader(json.as_object(), place, Mode::kLenient);
  Choice choice;
  std::optional<std::int64_t> index;
  std::uint32_t forms = 0;
  if (reader.integer("index", index)) {
    choice.index = *index;
  } else {
    choice.index = place.index;
    forms |= forms::kNoIndex;
  }
  Json* message = reader.peek("message");
  if (message == nullptr || !message->is_object()) {
    return std::unexpected(not_a_reply(place.text() + ".message is missing"));
  }
  const Place inner{.parent = &place, .name = "message"};
  Result<Message> decoded = decode_message(*message, inner, Mode::kLenient);
  if (!decoded) return std::unexpected(decoded.error());
  choice.message = std::move(*decoded);
  reader.take(message);
  std::string word;
  if (reader.string("finish_reason", word))
    choice.finish = finish_reason(word, calls_tools(choice.message));
  reader.any("logprobs", choice.logprobs);
  choice.extra = reader.rest(kMe, forms);
  return choice;
}

}  // namespace

FinishReason finish_reason(std::string_view word, bool calls) {
  using Kind = FinishReason::Kind;
  struct Row {
    std::string_view word;
    Kind kind;
  };
  // The last rows are what compatible servers say instead.
  constexpr Row kRows[] = {
      {"stop", Kind::kStop},
      {"length", Kind::kLength},
      {"tool_calls", Kind::kToolCalls},
      {"function_call", Kind::kToolCalls},
      {"content_filter", Kind::kContentFilter},
      {"eos", Kind::kStop},
      {"end_turn", Kind::kStop},
      {"max_tokens", Kind::kLength},
      {"model_length", Kind::kContext},
      {"sensitive", Kind::kContentFilter},
      {"insufficient_system_resource", Kind::kError},
      {"network_error", Kind::kError},
      {"error", Kind::kError},
  };
  FinishReason reason{.kind = Kind::kOther, .word = std::string(word)};
  for (const Row& row : kRows) {
    if (row.word == word) reason.kind = row.kind;
  }
  if (calls && reason.kind == Kind::kStop) reason.kind = Kind::kToolCalls;
  return reason;
}

std::string_view finish_word(const FinishReason& reason, Dialect dialect) {
  if (dialect == kMe && !reason.word.empty()) return reason.word;
  switch (reason.kind) {
    case FinishReason::Kind::kLength:
    case FinishReason::Kind::kContext:
      return "length";
    case FinishReason::Kind::kToolCalls:
      return "tool_calls";
    case FinishReason::Kind::kContentFilter:
    case FinishReason::Kind::kRefusal:
      return "content_filter";
    case FinishReason::Kind::kError:
      return "error";  // no word of OpenAI's, but one of servers like it: "stop" would be a lie
    default:
      return "stop";
  }
}

Usage decode_usage(Json json) {
  Usage usage = counted(TreeCounts{json});
  usage.raw = std::move(json);
  return usage;
}

Usage usage_of(std::string_view text, std::span<const JsonMember> usage) {
  return counted(TextCounts(text, usage));
}

void write_usage(std::string& out, const Usage& usage) {
  if (usage.dialect == kMe && !usage.raw.is_null()) {
    json_write_to(out, usage.raw);
    return;
  }
  ObjectWriter writer(out);
  writer.integer("prompt_tokens", usage.input);
  writer.integer("completion_tokens", usage.output);
  writer.integer("total_tokens", usage.total());
  ObjectWriter input(writer.key("prompt_tokens_details"));
  input.integer("cached_tokens", usage.cache_read);
  if (usage.cache_write > 0) input.integer("cache_write_tokens", usage.cache_write);
  input.integer("audio_tokens", usage.audio_input);
  input.end();
  ObjectWriter output(writer.key("completion_tokens_details"));
  output.integer("reasoning_tokens", usage.reasoning);
  output.integer("audio_tokens", usage.audio_output);
  output.end();
  writer.end();
}

Result<ChatReply> decode_reply(Json body, const Quirks*) {
  if (!body.is_object()) return std::unexpected(not_a_reply("it is not a JSON object"));
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kLenient);
  ChatReply reply{.dialect = kMe};
  JsonArray* choices = reader.array("choices");
  if (choices == nullptr) return std::unexpected(not_a_reply("choices is missing"));
  if (choices->empty()) return std::unexpected(not_a_reply("choices is empty"));
  std::int64_t index = 0;
  for (Json& json : *choices) {
    const Place place{.parent = &root, .name = "choices", .index = index++};
    Result<Choice> choice = decode_choice(json, place);
    if (!choice) return std::unexpected(choice.error());
    reply.choices.push_back(std::move(*choice));
  }
  reader.take(reader.peek("choices"));
  std::string id;
  reader.string("id", id);
  name_calls(reply.choices, id);
  const std::uint32_t forms = reader.constant("object", "chat.completion") ? 0 : forms::kNoObject;
  reply.id = std::move(id);
  reader.string("model", reply.model);
  reader.integer("created", reply.created_s);
  reader.string("service_tier", reply.service_tier);
  if (Json* usage = reader.peek("usage"); usage != nullptr && usage->is_object()) {
    reply.usage = decode_usage(std::move(*usage));
    reader.take(usage);
  }
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
  if (!losses.form(reply.extra, forms::kNoObject)) writer.string("object", "chat.completion");
  if (!own || reply.created_s.has_value()) {
    writer.integer("created", reply.created_s.value_or(options.now_s));
  }
  const std::string_view model =
      options.model.empty() ? std::string_view(reply.model) : options.model;
  if (!own || !model.empty()) writer.string("model", model);
  writer.key("choices") += '[';
  Commas commas;
  for (const Choice& choice : reply.choices) {
    commas.next(out);
    ObjectWriter one(out);
    if (!losses.form(choice.extra, forms::kNoIndex)) one.integer("index", choice.index);
    one.key("message");
    MessageWriter(out, losses, options.quirks, MessageWriter::Side::kReply)
        .write_one(choice.message);
    if (choice.logprobs.has_value()) {
      one.json("logprobs", *choice.logprobs);
    } else if (!own) {
      one.raw("logprobs", "null");
    }
    if (!own || choice.finish.kind != FinishReason::Kind::kNone) {
      const FinishReason finish = choice.settled_finish();
      const std::string_view word = finish_word(finish, reply.dialect);
      one.string("finish_reason", word);
      losses.finish(choice.finish, finish_reason(word).kind, reply.dialect);
    }
    if (!choice.stop_sequence.empty()) losses.approximate("choices.stop_sequence");
    losses.rest(one, choice.extra, "choices", kStructure);
    one.end();
  }
  out += ']';
  if (reply.usage.has_value()) {
    write_usage(writer.key("usage"), *reply.usage);
    note_unsaid(*reply.usage, losses);
  }
  if (own || reply.dialect == Dialect::kOpenAiResponses) {  // the same words
    writer.string_if("service_tier", reply.service_tier);
  } else {
    note_unsaid_tier(reply.dialect, reply.service_tier, losses);
  }
  losses.rest(writer, reply.extra, "", kStructure);
  writer.end();
  return Encoded{std::move(out), losses.take_dropped(), losses.take_approximated()};
}

}  // namespace sighter::wire::openai_chat
