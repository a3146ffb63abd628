#include <algorithm>

#include "wire/effort.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_chat_message.hpp"

namespace sighter::wire::openai_chat {
namespace {

constexpr Dialect kMe = Dialect::kOpenAiChat;
using Mode = ObjectReader::Mode;

Result<Tool> decode_tool(Json& json, const Place& place) {
  if (!json.is_object()) return fail(Kind::kInvalid, place.text() + " must be an object");
  Tool tool;
  const std::string* found = json.find_string("type");
  const Json* function = json.find("function");
  if (found != nullptr && *found != "function") {
    tool.kind = *found == "custom" ? Tool::Kind::kCustom : Tool::Kind::kBuiltIn;
    tool.type = *found;
    if (const Json* custom = json.find("custom");
        custom != nullptr && tool.kind == Tool::Kind::kCustom) {
      if (const std::string* name = custom->find_string("name")) tool.name = *name;
      if (const std::string* text = custom->find_string("description")) tool.description = *text;
    }
    tool.extra.dialect = kMe;
    tool.raw = std::move(json);
    return tool;
  }
  if (function == nullptr || !function->is_object()) {
    return fail(Kind::kInvalid, place.text() + ".function must be an object");
  }
  ObjectReader reader(json.as_object(), place, Mode::kStrict);
  const std::uint32_t forms = reader.constant("type", "function") ? 0 : forms::kNoType;
  const Place inner_place{.parent = &place, .name = "function"};
  ObjectReader inner(*reader.object("function"), inner_place, Mode::kStrict);
  inner.string("name", tool.name);
  inner.string("description", tool.description);
  inner.any("parameters", tool.schema);
  inner.boolean("strict", tool.strict);
  reader.take(reader.peek("function"));
  reader.any("cache_control", tool.cache_control);
  if (!inner.ok()) return std::unexpected(inner.error());
  tool.extra = reader.rest(kMe, forms);
  keep_inner(tool.extra, "function", inner.rest(kMe));
  return tool;
}

void write_tool(std::string& out, const Tool& tool, Losses& losses, const Quirks* quirks) {
  ObjectWriter writer(out);
  if (!losses.form(tool.extra, forms::kNoType)) writer.string("type", "function");
  ObjectWriter inner(writer.key("function"));
  if (!tool.name.empty() || tool.extra.dialect != kMe) inner.string("name", tool.name);
  inner.string_if("description", tool.description);
  inner.optional("parameters", tool.schema);
  inner.optional("strict", tool.strict);
  inner.inner_rest(tool.extra, "function", kMe);
  inner.end();
  if (tool.cache_control.has_value()) {
    if (tool.extra.dialect == kMe || (quirks != nullptr && quirks->cache_control)) {
      writer.json("cache_control", *tool.cache_control);
    } else {
      losses.approximate("cache_control");
    }
  }
  losses.rest(writer, tool.extra, "tools");
  writer.end();
}

// A tool with free text: what OpenAI's other dialect has of it, which lies flat there.
void write_custom_tool(std::string& out, const Tool& tool, Losses& losses) {
  ObjectWriter writer(out);
  writer.string("type", "custom");
  ObjectWriter inner(writer.key("custom"));
  inner.string("name", tool.name);
  inner.string_if("description", tool.description);
  if (const Json* format = tool.raw.find("format"); format != nullptr && format->is_object()) {
    const std::string* type = format->find_string("type");
    if (type != nullptr && *type == "grammar") {
      ObjectWriter outer(inner.key("format"));
      outer.string("type", "grammar");
      ObjectWriter grammar(outer.key("grammar"));
      grammar.skip("type");
      grammar.rest(format->as_object());
      grammar.end();
      outer.end();
    } else {
      inner.json("format", *format);
    }
  }
  inner.end();
  writer.end();
  Extra others{.dialect = tool.extra.dialect};
  copy_others(&tool.raw, {"type", "name", "description", "format"}, others.members);
  losses.foreign(others, "tools");
}

// {"type": "function", "function": {"name"}}, or the same of a custom tool: its name, and what it
// has beside it.
const std::string* name_of_choice(const Json& json, JsonObject& others) {
  const Json* type = json.find("type");
  const std::string* word = json.find_string("type");
  for (const std::string_view member : {"function", "custom"}) {
    const Json* inner = json.find(member);
    const std::string* name = inner == nullptr ? nullptr : inner->find_string("name");
    if (name == nullptr || (type != nullptr && (word == nullptr || *word != member))) continue;
    copy_others(&json, {"type", member}, others);
    JsonObject rest;
    copy_others(inner, {"name"}, rest);
    if (!rest.empty()) others.set(member, Json(std::move(rest)));
    return name;
  }
  return nullptr;
}

// {"mode", "tools"}: false where a tool has no name.
bool decode_allowed(const Json& allowed, ToolChoice& choice) {
  const std::string* mode = allowed.find_string("mode");
  choice.required = mode != nullptr && *mode == "required";
  const Json* tools = allowed.find("tools");
  Extra inner;
  JsonObject others;
  for (std::size_t i = 0; tools != nullptr && tools->at(i) != nullptr; ++i) {
    const std::string* name = name_of_choice(*tools->at(i), others);
    if (name == nullptr) {
      choice.names.clear();
      return false;
    }
    choice.names.push_back(*name);
  }
  copy_others(&allowed, {"mode", "tools"}, inner.members);
  keep_inner(inner, "tools", Extra{.members = std::move(others)});
  keep_inner(choice.extra, "allowed_tools", std::move(inner));
  return true;
}

ToolChoice decode_tool_choice(Json json) {
  ToolChoice choice{.mode = ToolChoice::Mode::kOther};
  choice.extra.dialect = kMe;
  if (json.is_string()) {
    const std::string& word = json.as_string();
    if (word == "auto") choice.mode = ToolChoice::Mode::kAuto;
    if (word == "none") choice.mode = ToolChoice::Mode::kNone;
    if (word == "required" || word == "any") choice.mode = ToolChoice::Mode::kRequired;
    if (word == "any") choice.extra.forms = forms::kAny;
    if (choice.mode != ToolChoice::Mode::kOther) return choice;
  }
  const std::string* type = json.find_string("type");
  const bool named = type != nullptr && (*type == "function" || *type == "custom");
  if (named) {
    if (const std::string* name = name_of_choice(json, choice.extra.members)) {
      choice.mode = ToolChoice::Mode::kNamed;
      choice.names.push_back(*name);
    }
  } else if (const Json* allowed = json.find("allowed_tools");
             type != nullptr && *type == "allowed_tools" && allowed != nullptr &&
             decode_allowed(*allowed, choice)) {
    choice.mode = ToolChoice::Mode::kAllowed;
    copy_others(&json, {"type", "allowed_tools"}, choice.extra.members);
  }
  choice.raw = std::move(json);
  return choice;
}

void write_choice_of(std::string& out, std::string_view name, const std::vector<Tool>& tools) {
  const bool custom = std::any_of(tools.begin(), tools.end(), [&](const Tool& tool) {
    return tool.kind == Tool::Kind::kCustom && tool.name == name;
  });
  ObjectWriter writer(out);
  writer.string("type", custom ? "custom" : "function");
  ObjectWriter inner(writer.key(custom ? "custom" : "function"));
  inner.string("name", name);
  inner.end();
  writer.end();
}

void write_tool_choice(ObjectWriter& writer, const ToolChoice& choice,
                       const std::vector<Tool>& tools, Losses& losses, const Quirks* quirks) {
  if (choice.extra.dialect == kMe && !choice.raw.is_null()) {
    writer.json("tool_choice", choice.raw);
    return;
  }
  switch (choice.mode) {
    case ToolChoice::Mode::kAuto:
      writer.string("tool_choice", "auto");
      break;
    case ToolChoice::Mode::kNone:
      writer.string("tool_choice", "none");
      break;
    case ToolChoice::Mode::kRequired: {
      const bool any = quirks == nullptr ? losses.form(choice.extra, forms::kAny)
                                         : !quirks->tool_choice_required;
      writer.string("tool_choice", any ? "any" : "required");
      break;
    }
    case ToolChoice::Mode::kNamed:
      write_choice_of(writer.key("tool_choice"), choice.names.empty() ? "" : choice.names[0],
                      tools);
      break;
    case ToolChoice::Mode::kAllowed: {
      std::string& out = writer.key("tool_choice");
      ObjectWriter outer(out);
      outer.string("type", "allowed_tools");
      ObjectWriter inner(outer.key("allowed_tools"));
      inner.string("mode", choice.required ? "required" : "auto");
      inner.key("tools") += '[';
      Commas commas;
      for (const std::string& name : choice.names) {
        commas.next(out);
        write_choice_of(out, name, tools);
      }
      out += ']';
      inner.end();
      outer.end();
      break;
    }
    case ToolChoice::Mode::kOther:
      losses.cannot("tool_choice");
      break;
  }
  losses.foreign(choice.extra, "tool_choice");
}

// For servers that obey words at most. A tool that is named is the only one that is offered then,
// so that any is that one.
void write_plain_choice(ObjectWriter& writer, const ToolChoice& choice, Losses& losses,
                        ToolChoices can, bool of_the_program) {
  using Said = ToolChoice::Mode;
  const bool forced = choice.mode == Said::kRequired || choice.mode == Said::kNamed ||
                      (choice.mode == Said::kAllowed && choice.required);
  if (choice.mode == Said::kOther) {
    losses.cannot("tool_choice");
  } else if (can == ToolChoices::kWords) {
    writer.string("tool_choice", forced                       ? "required"
                                 : choice.mode == Said::kNone ? "none"
                                                              : "auto");
  } else if (forced && !of_the_program) {
    // The program looks at what comes, and asks again.
    losses.cannot("tool_choice", "the server takes no notice of it");
  }
  losses.lost(choice.extra, "tool_choice");
}

ResponseFormat decode_response_format(Json json) {
  ResponseFormat format{.kind = ResponseFormat::Kind::kOther};
  format.extra.dialect = kMe;
  const std::string* type = json.find_string("type");
  if (type != nullptr && (*type == "text" || *type == "json_object")) {
    format.kind = *type == "text" ? ResponseFormat::Kind::kText : ResponseFormat::Kind::kJsonObject;
    copy_others(&json, {"type"}, format.extra.members);
    return format;
  }
  Json* schema = json.find("json_schema");
  if (type == nullptr || *type != "json_schema" || schema == nullptr || !schema->is_object()) {
    format.raw = std::move(json);
    return format;
  }
  format.kind = ResponseFormat::Kind::kJsonSchema;
  const Place place{};
  ObjectReader reader(json.as_object(), place, Mode::kLenient);
  reader.constant("type", "json_schema");
  ObjectReader inner(schema->as_object(), place, Mode::kLenient);
  inner.string("name", format.name);
  inner.string("description", format.description);
  inner.any("schema", format.schema);
  inner.boolean("strict", format.strict);
  reader.take(schema);
  format.extra = reader.rest(kMe);
  keep_inner(format.extra, "json_schema", inner.rest(kMe));
  return format;
}

void write_response_format(ObjectWriter& writer, const ResponseFormat& format, Losses& losses,
                           const Quirks* quirks) {
  switch (format.kind) {
    case ResponseFormat::Kind::kText:
    case ResponseFormat::Kind::kJsonObject: {
      const bool text = format.kind == ResponseFormat::Kind::kText;
      if (text && format.extra.dialect != kMe) break;  // the default
      if (!text && quirks != nullptr && !quirks->json_object) {
        losses.cannot("response_format");
        break;
      }
      ObjectWriter outer(writer.key("response_format"));
      outer.string("type", text ? "text" : "json_object");
      if (losses.own(format.extra)) outer.rest(format.extra.members);
      outer.end();
      break;
    }
    case ResponseFormat::Kind::kJsonSchema: {
      if (quirks != nullptr && !quirks->strict_schema) {
        losses.cannot("response_format.json_schema");
        break;
      }
      ObjectWriter outer(writer.key("response_format"));
      outer.string("type", "json_schema");
      ObjectWriter inner(outer.key("json_schema"));
      if (format.extra.dialect == kMe) {
        inner.string_if("name", format.name);
      } else {
        inner.string("name", format.name.empty() ? "output" : format.name);
      }
      inner.string_if("description", format.description);
      inner.optional("schema", format.schema);
      // Where the other dialect has no such member it always enforces the schema.
      if (format.strict.has_value() || format.extra.dialect != kMe) {
        inner.boolean("strict", format.strict.value_or(true));
      }
      inner.inner_rest(format.extra, "json_schema", kMe);
      inner.end();
      losses.rest(outer, format.extra, "response_format");
      outer.end();
      return;
    }
    case ResponseFormat::Kind::kOther:
      if (losses.own(format.extra)) {
        writer.json("response_format", format.raw);
      } else {
        losses.cannot("response_format");
      }
      break;
  }
  losses.foreign(format.extra, "response_format");
}

Status decode_lists(ObjectReader& reader, ChatRequest& request) {
  const Place& root = reader.place();
  JsonArray* messages = reader.array("messages");
  if (messages == nullptr) {
    if (!reader.ok()) return std::unexpected(reader.error());
    return fail(Kind::kInvalid, "messages is missing");
  }
  request.messages.reserve(messages->size());
  std::int64_t index = 0;
  for (Json& json : *messages) {
    const Place place{.parent = &root, .name = "messages", .index = index++};
    Result<Message> message = decode_message(json, place, Mode::kStrict);
    if (!message) return std::unexpected(message.error());
    request.messages.push_back(std::move(*message));
  }
  reader.take(reader.peek("messages"));
  JsonArray* tools = reader.array("tools");
  if (tools == nullptr || tools->empty()) return {};
  index = 0;
  for (Json& json : *tools) {
    const Place place{.parent = &root, .name = "tools", .index = index++};
    Result<Tool> tool = decode_tool(json, place);
    if (!tool) return std::unexpected(tool.error());
    request.tools.push_back(std::move(*tool));
  }
  reader.take(reader.peek("tools"));
  return {};
}

Status decode_stop(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms) {
  Json* stop = reader.peek("stop");
  if (stop == nullptr) return {};
  if (stop->is_string()) {
    if (stop->as_string().empty()) return {};
    request.stop.push_back(std::move(stop->as_string()));
    forms |= forms::kStopText;
  } else {
    if (!stop->is_array())
      return fail(Kind::kInvalid, "stop must be a string or an array of strings");
    for (const Json& word : stop->as_array()) {
      if (!word.is_string())
        return fail(Kind::kInvalid, "stop must be a string or an array of strings");
    }
    if (stop->as_array().empty()) return {};
    for (Json& word : stop->as_array()) request.stop.push_back(std::move(word.as_string()));
  }
  reader.take(stop);
  return {};
}

// "reasoning_effort", or OpenRouter's "reasoning" object.
void decode_reasoning(ObjectReader& reader, ChatRequest& request, std::uint32_t& forms,
                      Extra& inner_rest) {
  Reasoning reasoning;
  reasoning.extra.dialect = kMe;
  if (reader.string("reasoning_effort", reasoning.effort)) {
    request.reasoning = std::move(reasoning);
    return;
  }
  Json* object = reader.peek("reasoning");
  if (object == nullptr || !object->is_object() || object->as_object().empty()) return;
  ObjectReader inner(object->as_object(), reader.place(), Mode::kLenient);
  inner.string("effort", reasoning.effort);
  inner.integer("max_tokens", reasoning.budget_tokens);
  std::optional<bool> enabled;
  if (inner.boolean("enabled", enabled)) {
    reasoning.mode = *enabled ? Reasoning::Mode::kOn : Reasoning::Mode::kOff;
  }
  inner_rest = inner.rest(kMe);
  reader.take(object);
  forms |= forms::kReasoningObject;
  request.reasoning = std::move(reasoning);
}

void write_reasoning(ObjectWriter& writer, const ChatRequest& request, Losses& losses,
                     const Quirks* quirks) {
  if (!request.reasoning.has_value()) return;
  const Reasoning& reasoning = *request.reasoning;
  const bool own = request.dialect == kMe;
  const bool object = losses.form(request.extra, forms::kReasoningObject);
  ReasoningAsk ask = object ? ReasoningAsk::kObject : ReasoningAsk::kEffort;
  // OpenRouter's object is taken as it came; a word that the server does not know is translated.
  if (quirks != nullptr && !object && (!own || quirks->reasoning_ask != ReasoningAsk::kObject)) {
    ask = quirks->reasoning_ask;
  }
  if (!own && !reasoning.summary.empty()) losses.approximate("reasoning.summary");
  losses.foreign(reasoning.extra, "reasoning");
  if (ask == ReasoningAsk::kObject) {
    ObjectWriter inner(writer.key("reasoning"));
    inner.string_if("effort", reasoning.effort);
    inner.optional("max_tokens", reasoning.budget_tokens);
    if (reasoning.mode != Reasoning::Mode::kUnsaid && (own || reasoning.effort.empty())) {
      inner.boolean("enabled", reasoning.mode != Reasoning::Mode::kOff);
    }
    inner.inner_rest(request.extra, "reasoning", kMe);
    inner.end();
    return;
  }
  std::string_view effort = reasoning.effort;
  if (effort.empty() && reasoning.budget_tokens.has_value()) {
    effort = effort_of_budget(*reasoning.budget_tokens);
    losses.approximate("reasoning.budget_tokens");
  }
  if (effort.empty() && reasoning.mode == Reasoning::Mode::kOff) effort = "none";
  if (ask != ReasoningAsk::kEffort && !losses.effort(effort)) effort = {};
  if (ask == ReasoningAsk::kEffort) {
    writer.string_if("reasoning_effort", effort);
    return;
  }
  if (effort.empty() && reasoning.mode == Reasoning::Mode::kUnsaid) return;
  if (ask == ReasoningAsk::kNone) {
    if (effort != "none") losses.cannot("reasoning");
    return;
  }
  if (!effort.empty() && effort != "none") losses.approximate("reasoning.effort");
  ObjectWriter inner(writer.key("thinking"));
  inner.string("type", effort == "none" ? "disabled" : "enabled");
  inner.end();
}

class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options)
      : request_(request),
        options_(options),
        quirks_(options.quirks),
        own_(request.dialect == kMe),
        losses_(kMe, options.allow_drop) {}

  Result<Encoded> write() {
    out_.reserve(512);
    ObjectWriter writer(out_);
    const std::string_view model =
        options_.model.empty() ? std::string_view(request_.model) : options_.model;
    if (!own_ || !model.empty()) writer.string("model", model);
    writer.key("messages") += '[';
    MessageWriter messages(out_, losses_, quirks_, MessageWriter::Side::kRequest);
    for (const Message& message : request_.messages) messages.write(message);
    messages.flush();
    out_ += ']';
    write_tools(writer);
    write_sampling(writer);
    write_others(writer);
    write_stream(writer);
    write_rest(writer);
    writer.end();
    if (Status status = losses_.refused(); !status) return std::unexpected(status.error());
    return Encoded{std::move(out_), losses_.take_dropped(), losses_.take_approximated()};
  }

 private:
  bool openai_members() const { return quirks_ == nullptr || quirks_->openai_members; }

  void write_rest(ObjectWriter& writer) {
    if (request_.dialect != Dialect::kOpenAiResponses || !openai_members())
      return losses_.rest(writer, request_.extra, "");
    Extra others = request_.extra;
    for (const std::string_view name : kOpenAiMembers) {
      const Json* value = request_.extra.members.find(name);
      if (value == nullptr || value->is_null()) continue;
      writer.json(name, *value);
      others.members.erase(name);
    }
    losses_.foreign(others, "");
  }

  // The tools that the server is told of: those that may be called, where it does not obey a
  // choice.
  std::vector<const Tool*> offered(ToolChoices can) const {
    using Said = ToolChoice::Mode;
    std::vector<const Tool*> all, chosen;
    const ToolChoice* choice = request_.tool_choice ? &*request_.tool_choice : nullptr;
    for (const Tool& tool : request_.tools) {
      all.push_back(&tool);
      if (choice == nullptr) continue;
      if (std::find(choice->names.begin(), choice->names.end(), tool.name) != choice->names.end())
        chosen.push_back(&tool);
    }
    if (can == ToolChoices::kAll || choice == nullptr) return all;
    if (can == ToolChoices::kNone && choice->mode == Said::kNone) return {};
    const bool named = choice->mode == Said::kNamed || choice->mode == Said::kAllowed;
    return named && !chosen.empty() ? chosen : all;
  }

  void write_tools(ObjectWriter& writer) {
    const ToolChoices can = quirks_ == nullptr ? ToolChoices::kAll : quirks_->tool_choices;
    std::vector<const Tool*> tools = offered(can);
    const auto custom = [&](const Tool& tool) {
      return !losses_.own(tool.extra) && tool.kind == Tool::Kind::kCustom && openai_members();
    };
    std::erase_if(tools, [&](const Tool* tool) {
      const bool foreign =
          tool->kind != Tool::Kind::kFunction && !losses_.own(tool->extra) && !custom(*tool);
      if (foreign) losses_.cannot("tools." + tool->type);
      return foreign;
    });
    if (!tools.empty()) {  // an empty list is refused there
      writer.key("tools") += '[';
      Commas commas;
      for (const Tool* tool : tools) {
        commas.next(out_);
        if (custom(*tool)) {
          write_custom_tool(out_, *tool, losses_);
        } else if (tool->kind == Tool::Kind::kFunction) {
          write_tool(out_, *tool, losses_, quirks_);
        } else {
          json_write_to(out_, tool->raw);
        }
      }
      out_ += ']';
    }
    if (request_.tool_choice.has_value()) {
      if (can == ToolChoices::kAll) {
        write_tool_choice(writer, *request_.tool_choice, request_.tools, losses_, quirks_);
      } else {
        write_plain_choice(writer, *request_.tool_choice, losses_, can,
                           request_.dialect == Dialect::kNone);
      }
    }
    if (!request_.parallel_tool_calls.has_value()) return;
    if (quirks_ == nullptr || quirks_->parallel_tool_calls) {
      writer.boolean("parallel_tool_calls", *request_.parallel_tool_calls);
    } else if (!*request_.parallel_tool_calls) {
      losses_.cannot("parallel_tool_calls");
    }
  }

  // Known not to exist in the dialect as documented; some servers take it.
  template <class T>
  void beyond(ObjectWriter& writer, std::string_view name, const std::optional<T>& value,
              bool known) {
    if (!value.has_value()) return;
    if (quirks_ == nullptr ? own_ : known) {
      writer.optional(name, value);
    } else {
      losses_.cannot(name);
    }
  }

  void write_sampling(ObjectWriter& writer) {
    const bool newer = quirks_ == nullptr
                           ? losses_.form(request_.extra, forms::kMaxCompletionTokens) || !own_
                           : quirks_->max_completion_tokens;
    writer.optional(newer ? "max_completion_tokens" : "max_tokens", request_.max_tokens);
    writer.optional("temperature", request_.temperature);
    writer.optional("top_p", request_.top_p);
    beyond(writer, "top_k", request_.top_k, quirks_ != nullptr && quirks_->top_k);
    beyond(writer, "min_p", request_.min_p, quirks_ != nullptr && quirks_->min_p);
    writer.optional("presence_penalty", request_.presence_penalty);
    writer.optional("frequency_penalty", request_.frequency_penalty);
    if (quirks_ == nullptr || quirks_->seed) {
      writer.optional("seed", request_.seed);
    } else if (request_.seed.has_value()) {
      losses_.cannot("seed");
    }
    if (request_.stop.size() == 1 && losses_.form(request_.extra, forms::kStopText)) {
      writer.string("stop", request_.stop.front());
    } else if (!request_.stop.empty()) {
      writer.key("stop") += '[';
      Commas commas;
      for (const std::string& word : request_.stop) {
        commas.next(out_);
        json_quote_to(out_, word);
      }
      out_ += ']';
    }
    writer.optional("n", request_.n);
    writer.optional("logprobs", request_.logprobs);
    writer.optional("top_logprobs", request_.top_logprobs);
    if (quirks_ == nullptr || quirks_->logit_bias) {
      writer.optional("logit_bias", request_.logit_bias);
    } else if (request_.logit_bias.has_value() && !says_nothing(*request_.logit_bias)) {
      losses_.cannot("logit_bias");
    }
  }

  void write_others(ObjectWriter& writer) {
    if (request_.response_format.has_value()) {
      write_response_format(writer, *request_.response_format, losses_, quirks_);
    }
    write_reasoning(writer, request_, losses_, quirks_);
    writer.optional("verbosity", request_.verbosity);
    if (request_.service_tier.has_value()) {
      if (request_.dialect != Dialect::kAnthropic) {
        writer.string("service_tier", *request_.service_tier);
      } else {
        writer.string("service_tier", *request_.service_tier == "auto" ? "auto" : "default");
      }
    }
    writer.optional("metadata", request_.metadata);
    writer.optional("user", request_.user);
    writer.optional("prediction", request_.prediction);
    if (!request_.cache_control.has_value()) return;
    if (own_ || (quirks_ != nullptr && quirks_->cache_control)) {
      writer.json("cache_control", *request_.cache_control);
    } else {
      losses_.approximate("cache_control");
    }
  }

  void write_stream(ObjectWriter& writer) {
    std::optional<bool> stream = options_.stream.has_value() ? options_.stream : request_.stream;
    writer.optional("stream", stream);
    std::optional<bool> usage = request_.include_usage;
    if (options_.stream.has_value()) usage = *options_.stream ? std::optional(true) : std::nullopt;
    // Dialects that always say the usage ask for it here.
    if (!own_ && !usage.has_value() && stream.value_or(false)) usage = true;
    const Json* rest =
        losses_.own(request_.extra) ? request_.extra.members.find("stream_options") : nullptr;
    const bool asked_off = options_.stream.has_value() && !*options_.stream;
    const bool refused = quirks_ != nullptr && !quirks_->stream_options;
    if (asked_off || refused) {
      if (refused && own_ && request_.include_usage.has_value())
        losses_.approximate("stream_options");
      if (refused && rest != nullptr && rest->is_object())
        losses_.lost(Extra{.dialect = kMe, .members = rest->as_object()}, "stream_options");
      writer.skip("stream_options");
      return;
    }
    if (!usage.has_value()) return;
    ObjectWriter inner(writer.key("stream_options"));
    inner.boolean("include_usage", *usage);
    if (rest != nullptr && rest->is_object()) inner.rest(rest->as_object());
    inner.end();
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  const Quirks* quirks_;
  const bool own_;
  Losses losses_;
  std::string out_;
};

}  // namespace

Result<ChatRequest> decode_request(Json body) {
  if (!body.is_object()) return fail(Kind::kInvalid, "the body must be a JSON object");
  const Place root{};
  ObjectReader reader(body.as_object(), root, Mode::kStrict);
  ChatRequest request{.dialect = kMe};
  std::uint32_t forms = 0;
  reader.string("model", request.model);
  if (Status status = decode_lists(reader, request); !status)
    return std::unexpected(status.error());
  std::optional<Json> json;
  if (reader.any("tool_choice", json)) request.tool_choice = decode_tool_choice(std::move(*json));
  if (reader.any("response_format", json))
    request.response_format = decode_response_format(std::move(*json));
  reader.boolean("parallel_tool_calls", request.parallel_tool_calls);
  if (reader.integer("max_completion_tokens", request.max_tokens)) {
    forms |= forms::kMaxCompletionTokens;
  } else {
    reader.integer("max_tokens", request.max_tokens);
  }
  reader.number("temperature", request.temperature);
  reader.number("top_p", request.top_p);
  reader.number("top_k", request.top_k);
  reader.number("min_p", request.min_p);
  reader.number("presence_penalty", request.presence_penalty);
  reader.number("frequency_penalty", request.frequency_penalty);
  reader.number("seed", request.seed);
  if (Status status = decode_stop(reader, request, forms); !status)
    return std::unexpected(status.error());
  reader.integer("n", request.n);
  reader.boolean("logprobs", request.logprobs);
  reader.integer("top_logprobs", request.top_logprobs);
  reader.any("logit_bias", request.logit_bias);
  Extra reasoning_rest;
  decode_reasoning(reader, request, forms, reasoning_rest);
  reader.string("verbosity", request.verbosity);
  reader.string("service_tier", request.service_tier);
  reader.any("metadata", request.metadata);
  reader.string("user", request.user);
  reader.any("prediction", request.prediction);
  reader.any("cache_control", request.cache_control);
  reader.boolean("stream", request.stream);
  Extra stream_rest;
  if (JsonObject* options = reader.object("stream_options");
      options != nullptr && !options->empty()) {
    const Place place{.parent = &root, .name = "stream_options"};
    ObjectReader inner(*options, place, Mode::kStrict);
    inner.boolean("include_usage", request.include_usage);
    if (!inner.ok()) return std::unexpected(inner.error());
    reader.take(reader.peek("stream_options"));
    stream_rest = inner.rest(kMe);
  }
  if (!reader.ok()) return std::unexpected(reader.error());
  request.extra = reader.rest(kMe, forms);
  keep_inner(request.extra, "stream_options", std::move(stream_rest));
  keep_inner(request.extra, "reasoning", std::move(reasoning_rest));
  return request;
}

Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options).write();
}

}  // namespace sighter::wire::openai_chat
