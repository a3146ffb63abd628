#include <algorithm>
#include <set>

#include "wire/effort.hpp"
#include "wire/openai_responses.hpp"
#include "wire/openai_responses_item.hpp"
#include "wire/openai_responses_request.hpp"

namespace sighter::wire::openai_responses {
namespace {

bool zero(const std::optional<Number>& number) {
  return number.has_value() && number->value() == 0;
}

// {"type": "grammar", "grammar": {"syntax", "definition"}} of Chat Completions lies flat here.
void write_custom_format(ObjectWriter& writer, const Json& format) {
  const Json* grammar = format.find("grammar");
  if (grammar == nullptr || !grammar->is_object()) {
    writer.json("format", format);
    return;
  }
  ObjectWriter inner(writer.key("format"));
  inner.string("type", "grammar");
  inner.rest(grammar->as_object());
  inner.end();
}

void write_tool(std::string& out, const Tool& tool, Losses& losses) {
  const bool own = tool.extra.dialect == kMe;
  ObjectWriter writer(out);
  if (tool.kind == Tool::Kind::kCustom) {
    writer.string("type", "custom");
    writer.string("name", tool.name);
    writer.string_if("description", tool.description);
    const Json* custom = tool.raw.find("custom");
    const Json* format = custom == nullptr ? nullptr : custom->find("format");
    if (format != nullptr) write_custom_format(writer, *format);
    writer.end();
    Extra others{.dialect = tool.extra.dialect};
    Extra inner;
    copy_others(&tool.raw, {"type", "custom"}, others.members);
    copy_others(custom, {"name", "description", "format"}, inner.members);
    if (format != nullptr && format->find("grammar") != nullptr) {
      JsonObject beside;
      copy_others(format, {"type", "grammar"}, beside);
      for (auto& [name, value] : beside) inner.members.append("format." + name, std::move(value));
    }
    keep_inner(others, "custom", std::move(inner));
    losses.foreign(others, "tools");
    return;
  }
  writer.string("type", "function");
  if (!own || !tool.name.empty()) writer.string("name", tool.name);
  writer.string_if("description", tool.description);
  if (tool.schema.has_value()) {
    writer.json("parameters", *tool.schema);
  } else if (!own) {
    writer.raw("parameters", "{\"type\":\"object\",\"properties\":{}}");
  }
  // Absent means true here and false elsewhere.
  if (tool.strict.has_value() || !own) writer.boolean("strict", tool.strict.value_or(false));
  if (!own && tool.cache_control.has_value()) losses.approximate("cache_control");
  losses.rest(writer, tool.extra, "tools", kStructure);
  writer.end();
}

void write_tools(ObjectWriter& writer, std::string& out, const std::vector<Tool>& tools,
                 Losses& losses) {
  writer.key("tools") += '[';
  Commas commas;
  for (const Tool& tool : tools) {
    const bool own = losses.own(tool.extra);
    const bool custom =
        tool.kind == Tool::Kind::kCustom && tool.extra.dialect == Dialect::kOpenAiChat;
    if (tool.kind != Tool::Kind::kFunction && !own && !custom) {
      losses.cannot("tools." + tool.type);
      continue;
    }
    commas.next(out);
    if (tool.kind != Tool::Kind::kFunction && own) {
      json_write_to(out, tool.raw);
    } else {
      write_tool(out, tool, losses);
    }
  }
  out += ']';
}

void write_choice_of(std::string& out, std::string_view name, const std::vector<Tool>& tools) {
  const bool custom = std::any_of(tools.begin(), tools.end(), [&](const Tool& tool) {
    return tool.kind == Tool::Kind::kCustom && tool.name == name;
  });
  ObjectWriter writer(out);
  writer.string("type", custom ? "custom" : "function");
  writer.string("name", name);
  writer.end();
}

void write_tool_choice(ObjectWriter& writer, const ToolChoice& choice,
                       const std::vector<Tool>& tools, Losses& losses) {
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
    case ToolChoice::Mode::kRequired:
      writer.string("tool_choice", "required");
      break;
    case ToolChoice::Mode::kNamed:
      write_choice_of(writer.key("tool_choice"), choice.names.empty() ? "" : choice.names[0],
                      tools);
      break;
    case ToolChoice::Mode::kAllowed: {
      std::string& out = writer.key("tool_choice");
      ObjectWriter inner(out);
      inner.string("type", "allowed_tools");
      inner.string("mode", choice.required ? "required" : "auto");
      inner.key("tools") += '[';
      Commas commas;
      for (const std::string& name : choice.names) {
        commas.next(out);
        write_choice_of(out, name, tools);
      }
      out += ']';
      inner.end();
      break;
    }
    case ToolChoice::Mode::kOther:
      losses.cannot("tool_choice");
      break;
  }
  losses.foreign(choice.extra, "tool_choice");
}

void write_format(ObjectWriter& text, const ResponseFormat& format, Losses& losses) {
  const bool own = losses.own(format.extra);
  if (format.kind == ResponseFormat::Kind::kOther) {
    if (own) {
      text.json("format", format.raw);
    } else {
      losses.cannot("response_format");
    }
    return;
  }
  if (format.kind == ResponseFormat::Kind::kText && format.extra.dialect != kMe) return;
  ObjectWriter inner(text.key("format"));
  if (format.kind != ResponseFormat::Kind::kJsonSchema) {
    inner.string("type", format.kind == ResponseFormat::Kind::kText ? "text" : "json_object");
    losses.rest(inner, format.extra, "response_format");
    inner.end();
    return;
  }
  inner.string("type", "json_schema");
  if (format.extra.dialect == kMe) {
    inner.string_if("name", format.name);
  } else {
    inner.string("name", format.name.empty() ? "output" : format.name);
  }
  inner.string_if("description", format.description);
  inner.optional("schema", format.schema);
  // Where the other dialect has no such member it always enforces the schema; Chat Completions'
  // absent is false, as it is here.
  if (format.strict.has_value()) {
    inner.boolean("strict", *format.strict);
  } else if (!own && format.extra.dialect != Dialect::kOpenAiChat) {
    inner.boolean("strict", true);
  }
  losses.rest(inner, format.extra, "response_format", kStructure);
  inner.end();
}

void write_text(ObjectWriter& writer, const ChatRequest& request, Losses& losses) {
  const bool plain = !request.response_format.has_value() ||
                     (request.response_format->kind == ResponseFormat::Kind::kText &&
                      request.response_format->extra.dialect != kMe);
  if (plain && request.response_format.has_value())
    losses.foreign(request.response_format->extra, "response_format");
  if (plain && !request.verbosity.has_value()) return;
  ObjectWriter text(writer.key("text"));
  if (request.response_format.has_value()) write_format(text, *request.response_format, losses);
  text.optional("verbosity", request.verbosity);
  text.inner_rest(request.extra, "text", kMe);
  text.end();
}

void write_reasoning(ObjectWriter& writer, const ChatRequest& request, Losses& losses) {
  if (!request.reasoning.has_value()) return;
  const Reasoning& reasoning = *request.reasoning;
  if (request.dialect == kMe) {
    ObjectWriter inner(writer.key("reasoning"));
    inner.string_if("effort", reasoning.effort);
    inner.string_if("summary", reasoning.summary);
    losses.rest(inner, reasoning.extra, "reasoning");
    inner.end();
    return;
  }
  std::string_view effort = reasoning.effort;
  if (effort.empty() && reasoning.budget_tokens.has_value()) {
    effort = effort_of_budget(*reasoning.budget_tokens);
    losses.approximate("reasoning.budget_tokens");
  }
  if (effort.empty() && reasoning.mode == Reasoning::Mode::kOff) effort = "none";
  std::string_view summary;
  for (const std::string_view word : {"auto", "concise", "detailed"}) {
    if (reasoning.summary == word) summary = word;
  }
  // Who asks for thoughts in other words wants to see them.
  const bool on =
      reasoning.mode == Reasoning::Mode::kOn || reasoning.mode == Reasoning::Mode::kAdaptive;
  const bool hidden = reasoning.summary == "omitted";
  if (summary.empty() && !hidden && effort != "none" &&
      (on || reasoning.include_thoughts.value_or(false)))
    summary = "auto";
  losses.foreign(reasoning.extra, "reasoning");
  if (effort.empty() && summary.empty()) return;
  ObjectWriter inner(writer.key("reasoning"));
  inner.string_if("effort", effort);
  inner.string_if("summary", summary);
  inner.end();
}

class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options)
      : request_(request),
        options_(options),
        own_(request.dialect == kMe),
        losses_(kMe, options.allow_drop) {}

  Result<Encoded> write() {
    out_.reserve(512);
    ObjectWriter writer(out_);
    const std::string_view model =
        options_.model.empty() ? std::string_view(request_.model) : options_.model;
    if (!own_ || !model.empty()) writer.string("model", model);
    write_instructions(writer);
    write_input(writer);
    if (!request_.tools.empty()) write_tools(writer, out_, request_.tools, losses_);
    if (request_.tool_choice.has_value())
      write_tool_choice(writer, *request_.tool_choice, request_.tools, losses_);
    write_text(writer, request_, losses_);
    write_reasoning(writer, request_, losses_);
    write_parameters(writer);
    refuse_others();
    write_rest(writer);
    writer.end();
    if (Status status = losses_.refused(); !status) return std::unexpected(status.error());
    return Encoded{std::move(out_), losses_.take_dropped(), losses_.take_approximated()};
  }

 private:
  // A system prompt that stands apart and is one text; all others stay in the list.
  void write_instructions(ObjectWriter& writer) {
    if (request_.messages.empty()) return;
    const Message& first = request_.messages.front();
    if (!first.apart || first.content.size() != 1 || !first.content[0].as<Text>()) return;
    if (request_.messages.size() > 1 && request_.messages[1].apart) return;
    const Block& block = first.content[0];
    if (block.cache_control.has_value()) losses_.approximate("cache_control");
    losses_.foreign(block.extra, "messages.content", kStructure);
    losses_.foreign(first.extra, "messages", kStructure);
    writer.string("instructions", block.as<Text>()->text);
    instructions_ = true;
  }

  void write_input(ObjectWriter& writer) {
    const std::size_t first = instructions_ ? 1 : 0;
    const std::vector<Message>& messages = request_.messages;
    if (losses_.form(request_.extra, forms::kInputText) && messages.size() == first + 1 &&
        messages[first].content.size() == 1 && messages[first].content[0].as<Text>()) {
      writer.string("input", messages[first].content[0].as<Text>()->text);
      return;
    }
    if (own_ && messages.size() == first) return;  // as it came: absent, or empty in the rest
    writer.key("input") += '[';
    for (std::size_t i = first; i < messages.size(); ++i) {
      if (messages[i].role == Role::kAssistant) {
        write_assistant(messages[i]);
      } else {
        write_other(messages[i]);
      }
    }
    out_ += ']';
  }

  void note_message(const Message& message) {
    if (!message.name.empty() && message.role != Role::kTool) losses_.cannot("messages.name");
    if (message.extra.dialect != kMe) losses_.foreign(message.extra, "messages", kStructure);
  }

  void write_assistant(const Message& message) {
    note_message(message);
    for (const Block& block : message.content) {
      const ToolCall* call = block.as<ToolCall>();
      if (call != nullptr && call->kind == ToolCall::Kind::kCustom) custom_calls_.insert(call->id);
    }
    for (const Item& item : items_of(message.content, Side::kRequest)) {
      ItemContext context{.losses = losses_, .side = Side::kRequest};
      const std::size_t before = out_.size();
      if (commas_) out_ += ',';
      if (write_item(out_, item, context)) {
        commas_ = true;
      } else {
        out_.resize(before);
      }
    }
  }

  // Results go out as items of their own; what else the message says is one message item.
  void write_other(const Message& message) {
    std::vector<const Block*> said;
    for (const Block& block : message.content) {
      if (const ToolResult* result = block.as<ToolResult>()) {
        write_result(block, *result);
      } else {
        said.push_back(&block);
      }
    }
    const bool own = message.extra.dialect == kMe;
    note_message(message);
    const bool results = !message.content.empty() && said.empty();
    if (message.role == Role::kTool ? said.empty() : results && !own) return;
    if (commas_) out_ += ',';
    commas_ = true;
    ObjectWriter writer(out_);
    if (!own || !(message.extra.forms & forms::kNoType)) writer.string("type", "message");
    if (own) writer.string_if("id", message.id);
    if (message.role == Role::kOther) {
      if (!losses_.own(message.extra)) losses_.wrong(unknown_role(message));
    } else {
      writer.string("role", message.role == Role::kTool ? "user" : to_string(message.role));
    }
    const bool lone = said.size() == 1 && said[0]->as<Text>() != nullptr;
    if (lone &&
        (own ? (message.extra.forms & forms::kContentText) != 0 : said[0]->extra.dialect != kMe)) {
      const Block& block = *said[0];
      if (!own) {
        if (block.cache_control.has_value()) losses_.approximate("cache_control");
        if (!block.as<Text>()->citations.empty()) losses_.approximate("messages.content.citations");
        losses_.foreign(block.extra, "messages.content", kStructure);
      }
      writer.string("content", block.as<Text>()->text);
    } else if (said.empty() && !own) {
      writer.string("content", "");  // an empty text
    } else if (!said.empty()) {
      write_parts(writer.key("content"), said);
    }
    if (own) writer.rest(message.extra.members);
    writer.end();
  }

  void write_parts(std::string& out, const std::vector<const Block*>& parts) {
    out += '[';
    Commas commas;
    for (const Block* block : parts) {
      const std::size_t before = out.size();
      const Commas commas_before = commas;
      commas.next(out);
      if (write_input_part(out, *block, losses_)) continue;
      out.resize(before);
      commas = commas_before;
    }
    out += ']';
  }

  void write_result(const Block& block, const ToolResult& result) {
    const bool own = block.extra.dialect == kMe;
    if (commas_) out_ += ',';
    commas_ = true;
    ObjectWriter writer(out_);
    const bool custom =
        own ? (block.extra.forms & forms::kCustomOutput) != 0 : custom_calls_.contains(result.id);
    writer.string("type", custom ? "custom_tool_call_output" : "function_call_output");
    if (!own || !result.id.empty()) writer.string("call_id", result.id);
    const bool lone = result.content.size() == 1 && result.content[0].as<Text>() != nullptr;
    if (result.content.empty()) {
      if (!own) writer.string("output", "");
    } else if (lone && (!own || (block.extra.forms & forms::kContentText))) {
      if (!own) losses_.foreign(result.content[0].extra, "messages.content", kStructure);
      writer.string("output", result.content[0].as<Text>()->text);
    } else {
      std::vector<const Block*> parts;
      for (const Block& part : result.content) parts.push_back(&part);
      write_parts(writer.key("output"), parts);
    }
    if (result.is_error.value_or(false)) losses_.approximate("messages.content.is_error");
    if (!own && block.cache_control.has_value()) losses_.approximate("cache_control");
    losses_.rest(writer, block.extra, "messages.content.tool_result", kStructure);
    writer.end();
  }

  void write_parameters(ObjectWriter& writer) {
    writer.optional("parallel_tool_calls", request_.parallel_tool_calls);
    writer.optional("max_output_tokens", request_.max_tokens);
    writer.optional("temperature", request_.temperature);
    writer.optional("top_p", request_.top_p);
    writer.optional("top_logprobs", request_.top_logprobs);
    if (request_.service_tier.has_value()) {
      const bool anthropic = request_.dialect == Dialect::kAnthropic;
      writer.string("service_tier", !anthropic                         ? *request_.service_tier
                                    : *request_.service_tier == "auto" ? "auto"
                                                                       : "default");
    }
    writer.optional("metadata", request_.metadata);
    writer.optional("user", request_.user);
    writer.optional("stream", options_.stream.has_value() ? options_.stream : request_.stream);
    if (!own_ && request_.cache_control.has_value()) losses_.approximate("cache_control");
    if (own_) return;
    std::string include;
    if (request_.logprobs.value_or(false)) include += "\"message.output_text.logprobs\"";
    if (request_.reasoning.has_value() && request_.reasoning->mode != Reasoning::Mode::kOff &&
        request_.reasoning->effort != "none") {
      include += include.empty() ? "" : ",";
      include += "\"reasoning.encrypted_content\"";
    }
    if (!include.empty()) writer.raw("include", "[" + include + "]");
  }

  void refuse_others() {
    if (own_) return;
    const ChatRequest& r = request_;
    if (!r.stop.empty()) losses_.cannot("stop");
    if (r.n.value_or(1) < 1) losses_.wrong("n: must be at least 1");
    if (r.n.value_or(1) > 1) losses_.cannot("n");
    if (r.seed.has_value()) losses_.cannot("seed");
    if (r.top_k.has_value()) losses_.cannot("top_k");
    if (r.min_p.has_value() && !zero(r.min_p)) losses_.cannot("min_p");
    if (r.presence_penalty.has_value() && !zero(r.presence_penalty))
      losses_.cannot("presence_penalty");
    if (r.frequency_penalty.has_value() && !zero(r.frequency_penalty))
      losses_.cannot("frequency_penalty");
    if (r.logit_bias.has_value() && !says_nothing(*r.logit_bias)) losses_.cannot("logit_bias");
    if (r.prediction.has_value()) losses_.cannot("prediction");
  }

  void write_rest(ObjectWriter& writer) {
    if (own_ || request_.dialect == Dialect::kNone) {
      if (const Json* service = request_.extra.members.find(kService);
          service != nullptr && service->is_object() && own_) {
        writer.rest(service->as_object());
      }
      writer.skip(kService);
      writer.skip(kPrevious);
      writer.rest(request_.extra.members);
      return;
    }
    Extra others = request_.extra;
    if (request_.dialect == Dialect::kOpenAiChat) {
      const auto pass = [&](std::string_view name) {
        const Json* value = request_.extra.members.find(name);
        if (value == nullptr || value->is_null()) return;
        writer.json(name, *value);
        others.members.erase(name);
      };
      pass("store");
      for (const std::string_view name : kOpenAiMembers) pass(name);
    }
    // Kept by default here, and nowhere else.
    const Json* store = request_.extra.members.find("store");
    if (store == nullptr || store->is_null() || request_.dialect != Dialect::kOpenAiChat)
      writer.boolean("store", false);
    losses_.foreign(others, "");
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  const bool own_;
  Losses losses_;
  bool instructions_ = false;
  bool commas_ = false;
  std::set<std::string> custom_calls_;
  std::string out_;
};

}  // namespace

Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options).write();
}

JsonObject echo_of(const ChatRequest* request) {
  static const ChatRequest kNothing{};
  const ChatRequest& r = request == nullptr ? kNothing : *request;
  Losses losses = Losses::of_reply(kMe);
  std::string out;
  ObjectWriter writer(out);
  writer.boolean("background", false);
  const Message* first = r.messages.empty() ? nullptr : &r.messages.front();
  if (first != nullptr && first->apart && first->content.size() == 1) {
    writer.string("instructions", first->all_text());
  } else {
    writer.raw("instructions", "null");
  }
  const auto or_null = [&](std::string_view name, const auto& value) {
    if (value.has_value()) {
      writer.optional(name, value);
    } else {
      writer.raw(name, "null");
    }
  };
  or_null("max_output_tokens", r.max_tokens);
  const Json* service = r.dialect == kMe ? r.extra.members.find(kService) : nullptr;
  const Json* kept = service != nullptr ? service->find("metadata") : nullptr;
  if (const Json* labels = r.metadata.has_value() ? &*r.metadata : kept) {
    writer.json("metadata", *labels);
  } else {
    writer.raw("metadata", "{}");
  }
  writer.boolean("parallel_tool_calls", r.parallel_tool_calls.value_or(true));
  if (r.reasoning.has_value()) {
    write_reasoning(writer, r, losses);
  } else {
    writer.raw("reasoning", "{\"effort\":null,\"summary\":null}");
  }
  or_null("temperature", r.temperature);
  write_text(writer, r, losses);
  if (r.tool_choice.has_value()) {
    write_tool_choice(writer, *r.tool_choice, r.tools, losses);
  } else {
    writer.string("tool_choice", "auto");
  }
  write_tools(writer, out, r.tools, losses);
  or_null("top_p", r.top_p);
  writer.optional("top_logprobs", r.top_logprobs);
  writer.optional("user", r.user);
  if (r.dialect == kMe) {
    for (const std::string_view name : {"previous_response_id", "max_tool_calls", "truncation",
                                        "store", "prompt_cache_key", "safety_identifier"}) {
      const Json* value = r.extra.members.find(name);
      if (value == nullptr && name == "previous_response_id")
        value = r.extra.members.find(kPrevious);
      if (value == nullptr && service != nullptr) value = service->find(name);
      if (value != nullptr && !value->is_null()) writer.json(name, *value);
    }
  }
  writer.end();
  Result<Json> json = json_parse(out);
  JsonObject echo = json ? std::move(json->as_object()) : JsonObject{};
  if (!echo.contains("previous_response_id")) echo.append("previous_response_id", Json());
  if (!echo.contains("text"))
    echo.append("text", Json::object({{"format", Json::object({{"type", "text"}})}}));
  if (!echo.contains("truncation")) echo.append("truncation", "disabled");
  if (!echo.contains("store")) echo.append("store", true);
  return echo;
}

}  // namespace sighter::wire::openai_responses
