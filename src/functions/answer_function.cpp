#include "functions/answer_function.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "functions/choice.hpp"
#include "io/core.hpp"
#include "wire/object_writer.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::functions {
namespace {

constexpr std::string_view kPrefix = "function/";
// Members that say what a message or a part of it is, and nothing else.
constexpr std::string_view kStructure[] = {"type", "index", "status", "id", "role"};

struct Named {
  const Function* function = nullptr;
  const Variant* variant = nullptr;  // nullptr: nobody says which
};

Result<Named> named(const Project& project, std::string_view model) {
  const std::string_view name = model.substr(kPrefix.size());
  Named out;
  out.function = project.find(name);
  if (out.function != nullptr) return out;
  const std::size_t slash = name.rfind('/');
  Result<const Function*> function = project.function(name.substr(0, slash));
  if (!function) return std::unexpected(function.error());
  out.function = *function;
  Result<const Variant*> variant = out.function->variant(name.substr(slash + 1));
  if (!variant) return std::unexpected(variant.error());
  out.variant = *variant;
  return out;
}

bool plain_tier(const std::string& tier) {
  return tier == "auto" || tier == "default" || tier == "standard_only";
}

// Parameters that steer a model, or its provider: a function has its own.
void note_parameters(const wire::ChatRequest& chat, wire::Losses& losses) {
  const auto note = [&](bool said, std::string_view name) {
    if (said) losses.cannot(name);
  };
  note(!chat.tools.empty(), "tools");
  note(chat.tool_choice.has_value(), "tool_choice");
  note(chat.response_format && chat.response_format->kind != wire::ResponseFormat::Kind::kText,
       "response_format");
  note(chat.max_tokens && chat.dialect != wire::Dialect::kAnthropic, "max_tokens");
  note(chat.temperature.has_value(), "temperature");
  note(chat.top_p.has_value(), "top_p");
  note(chat.top_k.has_value(), "top_k");
  note(chat.min_p.has_value(), "min_p");
  note(chat.presence_penalty.has_value(), "presence_penalty");
  note(chat.frequency_penalty.has_value(), "frequency_penalty");
  note(chat.seed.has_value(), "seed");
  note(!chat.stop.empty(), "stop");
  note(chat.n.value_or(1) != 1, "n");
  note(chat.logprobs.value_or(false), "logprobs");
  note(chat.top_logprobs.value_or(0) > 0, "top_logprobs");
  note(chat.logit_bias && !wire::says_nothing(*chat.logit_bias), "logit_bias");
  note(chat.reasoning.has_value(), "reasoning");
  note(chat.verbosity.has_value(), "verbosity");
  note(chat.prediction.has_value(), "prediction");
  note(chat.service_tier && !plain_tier(*chat.service_tier), "service_tier");
  note(chat.user && !chat.user->empty(), "user");
  note(chat.metadata && !wire::says_nothing(*chat.metadata), "metadata");
  losses.foreign(chat.extra, "");
  if (chat.cache_control) losses.approximate("cache_control");
}

void note_message(const wire::Message& message, wire::Losses& losses) {
  if (!message.name.empty()) losses.cannot("messages.name");
  losses.foreign(message.extra, "messages", kStructure);
  for (const wire::Block& block : message.content) {
    losses.foreign(block.extra, "messages.content", kStructure);
    if (block.cache_control) losses.approximate("cache_control");
  }
}

Result<Json> part_of(const wire::Block& block) {
  if (const auto* text = block.as<wire::Text>())
    return Json::object({{"type", "text"}, {"text", text->text}});
  const auto* media = block.as<wire::Media>();
  const bool image = media != nullptr && media->kind == wire::Media::Kind::kImage &&
                     (!media->url.empty() || !media->data.empty());
  if (!image)
    return fail(Kind::kInvalid, "messages: a function takes text and images, nothing else");
  const std::string url = media->url.empty()
                              ? fmt::format("data:{};base64,{}", media->media_type, media->data)
                              : media->url;
  return Json::object({{"type", "image_url"}, {"image_url", Json::object({{"url", url}})}});
}

Result<Json> conversation(const wire::ChatRequest& chat) {
  Json messages = Json::array();
  for (const wire::Message& message : chat.messages) {
    const bool plain =
        std::all_of(message.content.begin(), message.content.end(),
                    [](const wire::Block& block) { return block.as<wire::Text>() != nullptr; });
    Json content = plain ? Json(message.all_text()) : Json::array();
    for (std::size_t i = 0; !plain && i < message.content.size(); ++i) {
      Result<Json> part = part_of(message.content[i]);
      if (!part) return part;
      content.as_array().push_back(std::move(*part));
    }
    messages.as_array().push_back(
        Json::object({{"role", wire::to_string(message.role)}, {"content", std::move(content)}}));
  }
  return Json::object({{"messages", std::move(messages)}});
}

std::string wanted_by(const Function& function) {
  std::vector<std::string> fields;
  for (const Field& field : function.input.fields())
    fields.push_back(fmt::format("\"{}\" ({}{})", field.name, field.type,
                                 field.required ? "" : ", may be left out"));
  return fmt::format("the function '{}' wants a JSON object as the last user message, with {}",
                     function.name, fmt::join(fields, ", "));
}

// What the user said last.
const wire::Message* last_said(const wire::ChatRequest& chat) {
  const auto found =
      std::find_if(chat.messages.rbegin(), chat.messages.rend(),
                   [](const wire::Message& message) { return message.role == wire::Role::kUser; });
  return found == chat.messages.rend() ? nullptr : &*found;
}

// Whether what a model writes is the output as it stands.
bool streams(const Function& function, const Variant& variant) {
  const auto* prompt = std::get_if<PromptBody>(&variant.body);
  return prompt != nullptr && prompt->tools.empty() &&
         function.output.form() == OutputContract::Form::kText;
}

wire::ChatReply reply_of(const std::string& model, const Applied& applied, SystemTime now) {
  wire::ChatReply reply;
  reply.id = applied.call.to_string();
  reply.model = model;
  reply.created_s = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  wire::Choice choice;
  choice.message.content.emplace_back(wire::Text{
      applied.output.is_string() ? applied.output.as_string() : json_write(applied.output)});
  choice.finish.kind = wire::FinishReason::Kind::kStop;
  reply.choices.push_back(std::move(choice));
  reply.usage = applied.usage.value_or(wire::Usage{});
  return reply;
}

// Hands the output on while it is written.
class Speaker final : public OutputReader {
 public:
  Speaker(models::ReplySink* sink, models::ReplyBegin begin, wire::StreamStart start)
      : sink_(sink), begin_(std::move(begin)), start_(std::move(start)) {}

  io::Task<Status> text(std::string_view piece) override {
    std::vector<wire::Delta> deltas;
    if (!begun_) {
      begun_ = true;
      Status begun = co_await sink_->begin(begin_);
      if (!begun) co_return begun;
      deltas.emplace_back(start_);
      deltas.emplace_back(wire::BlockStart{0, 0, wire::Block(wire::Text{})});
    }
    deltas.emplace_back(wire::TextDelta{0, 0, std::string(piece)});
    Status given = co_await sink_->deltas(deltas);
    co_return given;
  }
  io::Task<Status> again() override { co_return Status{}; }

  io::Task<Status> end(const wire::ChatReply& reply) {
    std::vector<wire::Delta> deltas;
    if (begun_) {
      deltas.emplace_back(wire::BlockStop{0, 0});
      deltas.emplace_back(wire::Finish{0, reply.choices.front().finish, {}});
      deltas.emplace_back(wire::UsageDelta{*reply.usage});
      deltas.emplace_back(wire::End{});
    } else {
      begun_ = true;
      Status begun = co_await sink_->begin(begin_);
      if (!begun) co_return begun;
      deltas = wire::deltas_of(reply);
    }
    Status given = co_await sink_->deltas(deltas);
    co_return given;
  }
  bool begun() const { return begun_; }

 private:
  models::ReplySink* sink_;
  const models::ReplyBegin begin_;
  const wire::StreamStart start_;
  bool begun_ = false;
};

struct Ready {
  Named what;
  Json input;
  Lost lost;
};

io::Task<Result<Ready>> get_ready(Engine& engine, models::ClientRequest& request,
                                  const std::string& model, const AnswerOptions& options) {
  Ready ready;
  if (request.endpoint != models::Endpoint::kChat)
    co_return fail(Kind::kUnsupported, "a function answers conversations, nothing else",
                   "POST /v1/functions/NAME takes its inputs");
  Result<Named> what = named(engine.shared().project(), model);
  if (!what) co_return std::unexpected(what.error());
  ready.what = *what;
  if (Status decoded = request.decode_chat(); !decoded) co_return std::unexpected(decoded.error());
  Result<Json> input = input_of_conversation(*ready.what.function, request, ready.lost);
  if (!input) co_return std::unexpected(input.error());
  ready.input = std::move(*input);
  if (ready.what.variant == nullptr) {
    Result<const Variant*> chosen = co_await choose_variant_aside(engine, *ready.what.function);
    if (!chosen) co_return std::unexpected(chosen.error());
    ready.what.variant = *chosen;
  }
  ApplyOptions preparing;
  preparing.cancel = options.cancel;
  preparing.served = true;
  Status prepared = co_await engine.prepare(*ready.what.function, *ready.what.variant, false,
                                            std::move(preparing));
  if (!prepared) co_return std::unexpected(prepared.error());
  co_return ready;
}

}  // namespace

bool names_function(std::string_view model) {
  return model.starts_with(kPrefix);
}

Status check_function_name(const Project& project, std::string_view model) {
  const Result<Named> found = named(project, model);
  return found ? Status{} : Status(std::unexpected(found.error()));
}

Result<Json> input_of_conversation(const Function& function, const models::ClientRequest& request,
                                   Lost& lost) {
  const wire::ChatRequest& chat = *request.chat;
  const bool all = function.input.form() == InputContract::Form::kMessages;
  const wire::Message* last = last_said(chat);
  if (!all && last == nullptr)
    return fail(Kind::kInvalid, "messages: nobody says anything to the function",
                "give a message of role user");
  wire::Losses losses(wire::Dialect::kNone, request.allow_drop);
  note_parameters(chat, losses);
  for (const wire::Message& message : chat.messages) {
    if (all || &message == last) note_message(message, losses);
  }
  if (const std::vector<std::string>& names = losses.refused_names(); !names.empty())
    return fail(Kind::kInvalid,
                fmt::format("{}: a function sets this itself", fmt::join(names, ", ")),
                "leave it out, or list it in allow_drop");
  lost.dropped = losses.take_dropped();
  lost.approximated = losses.take_approximated();
  // Messages demands a limit, so its clients cannot leave it out.
  if (chat.dialect == wire::Dialect::kAnthropic && chat.max_tokens)
    lost.dropped.emplace_back("max_tokens");
  if (all) return conversation(chat);
  // A function of one input knows nothing of what was said before.
  if (chat.messages.size() > 1) lost.dropped.emplace_back("messages before the last user message");
  Json input;
  const std::string said = last->all_text();
  const Field* field = function.input.only_text();
  // Where that field is not the only one, an object that fits is the input and no text.
  const bool text_only = field != nullptr && function.input.fields().size() == 1;
  Result<Json> object = text_only ? Json() : json_parse(said, "the last user message");
  const bool fits = object && object->is_object() &&
                    (field == nullptr || function.input.admit(*object).has_value());
  if (fits) {
    input = std::move(*object);
  } else if (field != nullptr) {
    input = Json::object({{field->name, said}});
  } else {
    return fail(Kind::kInvalid, wanted_by(function));
  }
  const Field* image = function.input.image();
  for (const wire::Block& block : last->content) {
    if (block.as<wire::Text>() != nullptr) continue;
    Result<Json> part = part_of(block);
    if (!part) return part;
    if (image == nullptr || input.find(image->name) != nullptr)
      return fail(Kind::kInvalid,
                  "messages: there is no place for this image; " + wanted_by(function));
    input.as_object().set(image->name, *part->pointer("/image_url/url"));
  }
  Result<Json> admitted = function.input.admit(input);
  if (!admitted) return fail(Kind::kInvalid, admitted.error().what, wanted_by(function));
  return input;
}

io::Task<Answered> answer_function(Engine& engine, models::ClientRequest& request,
                                   std::string model, AnswerOptions options) {
  Answered answered;
  answered.call = options.call.is_nil() ? engine.shared().next_id() : options.call;
  models::ClientResult& result = answered.result;
  Result<Ready> ready = co_await get_ready(engine, request, model, options);
  if (!ready) {
    // Nothing was applied: there is no call to be looked up.
    answered.call = Id{};
    result.error = std::move(ready.error());
    result.cost = NanoUsd{};
    co_return answered;
  }
  const Function& function = *ready->what.function;
  const Variant& variant = *ready->what.variant;
  result.route = fmt::format("{}{}/{}", kPrefix, function.name, variant.name);
  result.dropped = std::move(ready->lost.dropped);
  result.approximated = std::move(ready->lost.approximated);
  const SystemTime now = engine.core().clock().system_now();
  models::ReplyBegin begin;
  begin.route = result.route;
  begin.dropped = result.dropped;
  begin.approximated = result.approximated;
  wire::StreamStart start;
  start.id = answered.call.to_string();
  start.model = model;
  start.created_s = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  Speaker speaker(options.sink, std::move(begin), std::move(start));
  ApplyOptions how;
  how.call = answered.call;
  how.purse = options.purse;
  how.cancel = options.cancel;
  how.trace = options.trace;
  how.parent = options.parent;
  how.tags = options.tags;
  how.key = options.key;
  how.record = options.record;
  how.served = true;
  if (options.sink != nullptr && streams(function, variant)) how.reader = &speaker;
  Json input = std::move(ready->input);
  ApplyResult applied = co_await engine.apply(function, variant, std::move(input), std::move(how));
  result.begun = speaker.begun();
  if (!applied) {
    result.error = std::move(applied.error().error);
    result.cost = applied.error().cost;
    result.broken = result.begun && result.error->kind != Kind::kCancelled;
    co_return answered;
  }
  answered.latency = applied->latency;
  result.cost = applied->cost;
  result.usage = applied->usage;
  result.finish_reason = "stop";
  result.reply = reply_of(model, *applied, now);
  if (options.sink == nullptr) {
    if (options.on_answer) options.on_answer(result);
    co_return answered;
  }
  Status given = co_await speaker.end(*result.reply);
  result.begun = true;
  if (!given) result.error = Error{Kind::kCancelled, given.error().what, {}};
  co_return answered;
}

}  // namespace sighter::functions
