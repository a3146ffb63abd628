#include "wire/openai_completions.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "wire/object_writer.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_reply.hpp"

namespace sighter::wire::openai_completions {
namespace {

constexpr std::int64_t kTokensDefault = 16;

Result<std::vector<std::string>> prompts_of(const Json* prompt) {
  std::vector<std::string> out;
  if (prompt == nullptr || prompt->is_null()) return fail(Kind::kInvalid, "prompt is missing");
  if (prompt->is_string()) {
    out.push_back(prompt->as_string());
    return out;
  }
  if (!prompt->is_array() || prompt->as_array().empty())
    return fail(Kind::kInvalid, "prompt must be a string or an array of strings");
  for (const Json& one : prompt->as_array()) {
    if (one.is_number() || one.is_array()) {
      return fail(Kind::kInvalid,
                  "prompt holds token ids, which an upstream of conversations cannot read",
                  "send the text itself");
    }
    if (!one.is_string())
      return fail(Kind::kInvalid, "prompt must be a string or an array of strings");
    if (out.size() == kPromptsMax)
      return fail(Kind::kTooLarge, fmt::format("prompt holds more than {} texts", kPromptsMax));
    out.push_back(one.as_string());
  }
  return out;
}

// What the chat dialect lacks, or has by another shape.
Status translate(JsonObject& body, CompletionRequest& request,
                 std::span<const std::string> allow_drop) {
  Losses losses(Dialect::kOpenAiChat, allow_drop);
  const auto said = [&](std::string_view name) -> const Json* {
    const Json* member = body.find(name);
    return member == nullptr || member->is_null() ? nullptr : member;
  };
  if (const Json* suffix = said("suffix"); suffix != nullptr && !says_nothing(*suffix))
    losses.cannot("suffix");
  const Json* best = said("best_of");
  const Json* n = said("n");
  if (n != nullptr) {
    request.n = n->to_int().value_or(0);
    if (request.n < 1 || request.n > 128)
      return fail(Kind::kInvalid, "n must be a whole number from 1 to 128");
  }
  if (best != nullptr && best->to_int() != request.n) losses.cannot("best_of");
  if (Status status = losses.refused(); !status) {
    const std::string names = fmt::format("{}", fmt::join(losses.refused_names(), ", "));
    return fail(Kind::kInvalid,
                fmt::format("an upstream of conversations cannot express {}", names),
                std::move(status.error().hint));
  }
  request.dropped = losses.take_dropped();
  if (const Json* echo = said("echo")) {
    if (!echo->is_bool()) return fail(Kind::kInvalid, "echo must be true or false");
    request.echo = echo->as_bool();
  }
  if (const Json* logprobs = said("logprobs")) {
    const std::optional<std::int64_t> count = logprobs->to_int();
    if (!count || *count < 0) return fail(Kind::kInvalid, "logprobs must be a whole number");
    const std::int64_t top = *count;
    body.set("logprobs", true);
    body.set("top_logprobs", top);
  }
  if (said("max_tokens") == nullptr) body.set("max_tokens", kTokensDefault);
  for (const std::string_view name : {"prompt", "suffix", "best_of", "echo"}) body.erase(name);
  return {};
}

Message said_by_user(std::string prompt) {
  return Message::text(Role::kUser, std::move(prompt));
}

std::string text_of(const Message& message) {
  std::string out;
  for (const Block& block : message.content) {
    if (const Text* text = block.as<Text>()) out += text->text;
    if (const Refusal* refusal = block.as<Refusal>()) out += refusal->text;
  }
  return out;
}

// Chat's list of tokens as four lists; the offsets are those of characters from `offset`.
void write_logprobs(std::string& out, const Json& logprobs, std::int64_t& offset) {
  const Json* content = logprobs.find("content");
  JsonArray tokens;
  JsonArray values;
  JsonArray tops;
  JsonArray offsets;
  for (std::size_t i = 0; content != nullptr && content->at(i) != nullptr; ++i) {
    const Json& one = *content->at(i);
    const std::string* token = one.find_string("token");
    const Json* value = one.find("logprob");
    tokens.push_back(Json(token == nullptr ? std::string() : *token));
    values.push_back(value == nullptr ? Json() : *value);
    offsets.push_back(Json(offset));
    if (token != nullptr) {
      offset += std::count_if(token->begin(), token->end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      });
    }
    JsonObject top;
    const Json* list = one.find("top_logprobs");
    for (std::size_t k = 0; list != nullptr && list->at(k) != nullptr; ++k) {
      const std::string* word = list->at(k)->find_string("token");
      const Json* its = list->at(k)->find("logprob");
      if (word != nullptr && its != nullptr) top.set(*word, *its);
    }
    tops.push_back(Json(std::move(top)));
  }
  ObjectWriter writer(out);
  writer.json("tokens", Json(std::move(tokens)));
  writer.json("token_logprobs", Json(std::move(values)));
  writer.json("top_logprobs", Json(std::move(tops)));
  writer.json("text_offset", Json(std::move(offsets)));
  writer.end();
}

std::string_view finish_word(const FinishReason& reason) {
  switch (reason.kind) {
    case FinishReason::Kind::kLength:
    case FinishReason::Kind::kContext:
      return "length";
    case FinishReason::Kind::kContentFilter:
    case FinishReason::Kind::kRefusal:
      return "content_filter";
    default:
      return "stop";
  }
}

void add(Usage& sum, const Usage& one) {
  sum.input += one.input;
  sum.output += one.output;
  sum.cache_read += one.cache_read;
  sum.cache_write += one.cache_write;
  sum.reasoning += one.reasoning;
}

// What of a message is no text: named, since the dialect has no place for it.
void note_lost(const Block& block, Losses& losses) {
  if (block.as<Thinking>()) losses.approximate("messages.content.thinking");
  if (block.as<ToolCall>()) losses.cannot("messages.content.tool_use");
  if (block.as<Media>()) losses.cannot("messages.content.media");
  if (const Raw* raw = block.as<Raw>()) losses.cannot("messages.content." + raw->type);
}

std::string completion_id(std::string_view id) {
  return id.starts_with("cmpl-") ? std::string(id) : "cmpl-" + std::string(id);
}

class Encoder final : public StreamEncoder {
 public:
  Encoder(const CompletionRequest& request, const EncodeOptions& options)
      : request_(request),
        model_(options.model),
        created_s_(options.now_s),
        include_usage_(request.chat.include_usage.value_or(false)),
        offsets_(request.prompts.size() * static_cast<std::size_t>(request.n)),
        begun_(offsets_.size()),
        losses_(Dialect::kOpenAiChat, {}) {}

  void write(std::size_t prompt, const Delta& delta, std::string& out) override {
    if (ended_) return;
    out_ = &out;
    prompt_ = prompt;
    std::visit([this](const auto& d) { on(d); }, delta);
    note(losses_.take_dropped(), losses_.take_approximated());
  }

 private:
  template <class T>
  void on(const T&) {}

  void on(const StreamStart& d) {
    if (started_) return;
    started_ = true;
    id_ = completion_id(d.id);
    if (model_.empty()) model_ = d.model;
    created_s_ = d.created_s.value_or(created_s_);
  }
  void on(const BlockStart& d) {
    note_lost(d.block, losses_);
    if (const Text* text = d.block.as<Text>(); text && !text->text.empty())
      piece(d.choice, text->text, {});
    if (const Refusal* refusal = d.block.as<Refusal>(); refusal && !refusal->text.empty())
      piece(d.choice, refusal->text, {});
  }
  void on(const TextDelta& d) { piece(d.choice, d.text, {}); }
  void on(const RefusalDelta& d) { piece(d.choice, d.text, {}); }
  void on(const LogprobsDelta& d) { logprobs_ = d.logprobs; }
  void on(const Finish& d) { piece(d.choice, "", finish_word(d.reason)); }
  void on(const UsageDelta& d) { usage_ = d.usage; }
  void on(const Ping&) { *out_ += ": ping\n\n"; }
  void on(const StreamError& d) {
    *out_ += "data: " + openai_chat::encode_error(d.error) + "\n\n";
    ended_ = true;
  }
  void on(const End&) {
    if (usage_) {
      add(sum_, *usage_);
      counted_ = true;
      usage_.reset();
    }
    if (prompt_ + 1 < request_.prompts.size()) return;
    if (include_usage_ && counted_) {
      head();
      *out_ += "\"choices\":[],\"usage\":";
      openai_chat::write_usage(*out_, sum_);
      *out_ += "}\n\n";
    }
    *out_ += "data: [DONE]\n\n";
    ended_ = true;
  }

  void head() {
    *out_ += "data: ";
    ObjectWriter writer(*out_);
    writer.string("id", id_);
    writer.string("object", "text_completion");
    writer.integer("created", created_s_);
    writer.string("model", model_);
    *out_ += ',';
  }

  void piece(int choice, std::string_view text, std::string_view finish) {
    const std::size_t index = prompt_ * static_cast<std::size_t>(request_.n) +
                              static_cast<std::size_t>(std::max(choice, 0));
    if (index >= offsets_.size()) return;
    std::string said;
    if (!begun_[index]) {
      begun_[index] = true;
      if (request_.echo) said = request_.prompts[prompt_];
    }
    said += text;
    head();
    *out_ += "\"choices\":[";
    ObjectWriter writer(*out_);
    writer.string("text", said);
    writer.integer("index", static_cast<std::int64_t>(index));
    if (logprobs_) {
      write_logprobs(writer.key("logprobs"), *logprobs_, offsets_[index]);
      logprobs_.reset();
    } else {
      writer.raw("logprobs", "null");
    }
    if (finish.empty()) {
      writer.raw("finish_reason", "null");
    } else {
      writer.string("finish_reason", finish);
    }
    writer.end();
    *out_ += include_usage_ ? "],\"usage\":null}\n\n" : "]}\n\n";
  }

  const CompletionRequest& request_;
  std::string model_;
  std::int64_t created_s_;
  const bool include_usage_;
  std::vector<std::int64_t> offsets_;  // of the choices' next tokens
  std::vector<bool> begun_;
  Losses losses_;
  std::string* out_ = nullptr;
  std::size_t prompt_ = 0;
  bool started_ = false;
  bool ended_ = false;
  bool counted_ = false;
  std::string id_;
  std::optional<Json> logprobs_;
  std::optional<Usage> usage_;
  Usage sum_;
};

}  // namespace

Result<CompletionRequest> decode_request(Json body, std::span<const std::string> allow_drop) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  CompletionRequest request;
  Result<std::vector<std::string>> prompts = prompts_of(body.find("prompt"));
  if (!prompts) return std::unexpected(prompts.error());
  request.prompts = std::move(*prompts);
  if (Status done = translate(body.as_object(), request, allow_drop); !done)
    return std::unexpected(done.error());
  body.as_object().set("messages", JsonArray{});
  Result<ChatRequest> chat = openai_chat::decode_request(std::move(body));
  if (!chat) return std::unexpected(chat.error());
  chat->messages.push_back(said_by_user(request.prompts.front()));
  request.chat = std::move(*chat);
  return request;
}

ChatRequest conversation(const CompletionRequest& request, std::size_t prompt) {
  ChatRequest chat = request.chat;
  chat.messages.clear();
  chat.messages.push_back(said_by_user(request.prompts.at(prompt)));
  return chat;
}

Encoded encode_reply(const CompletionRequest& request, const std::vector<ChatReply>& replies,
                     const EncodeOptions& options) {
  static const ChatReply kNone;
  const ChatReply& first = replies.empty() ? kNone : replies.front();
  Losses losses(Dialect::kOpenAiChat, {});
  std::string out;
  ObjectWriter writer(out);
  writer.string("id", completion_id(first.id));
  writer.string("object", "text_completion");
  writer.integer("created", first.created_s.value_or(options.now_s));
  writer.string("model", options.model.empty() ? std::string_view(first.model) : options.model);
  writer.key("choices") += '[';
  Commas commas;
  Usage sum;
  bool counted = false;
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (replies[i].usage) {
      add(sum, *replies[i].usage);
      counted = true;
    }
    for (const Choice& choice : replies[i].choices) {
      for (const Block& block : choice.message.content) note_lost(block, losses);
      const std::string prompt =
          request.echo && i < request.prompts.size() ? request.prompts[i] : std::string();
      commas.next(out);
      ObjectWriter one(out);
      one.string("text", prompt + text_of(choice.message));
      one.integer("index", static_cast<std::int64_t>(i) * request.n + choice.index);
      if (choice.logprobs) {
        std::int64_t offset = 0;
        write_logprobs(one.key("logprobs"), *choice.logprobs, offset);
      } else {
        one.raw("logprobs", "null");
      }
      one.string("finish_reason", finish_word(choice.settled_finish()));
      one.end();
    }
  }
  out += ']';
  if (counted) openai_chat::write_usage(writer.key("usage"), sum);
  writer.end();
  return Encoded{std::move(out), losses.take_dropped(), losses.take_approximated()};
}

std::unique_ptr<StreamEncoder> stream_encoder(const CompletionRequest& request,
                                              const EncodeOptions& options) {
  return std::make_unique<Encoder>(request, options);
}

}  // namespace sighter::wire::openai_completions
