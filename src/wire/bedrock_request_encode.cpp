#include <algorithm>

#include "wire/anthropic_content.hpp"
#include "wire/bedrock_content.hpp"
#include "wire/empty_message.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
constexpr std::string_view kStructure[] = {"type",  "object", "role",      "status",
                                           "index", "id",     "reasoning", "reasoning_content"};

bool is_system(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options)
      : request_(request),
        own_(request.dialect == kMe),
        model_(options.model.empty() ? std::string_view(request.model) : options.model),
        losses_(kMe, options.allow_drop),
        writing_{.losses = losses_, .caches = own_ || caches(family_of(model_))} {}

  Result<Encoded> write() {
    out_.reserve(512);
    ObjectWriter writer(out_);
    write_system(writer);
    write_messages(writer);
    write_inference(writer);
    write_tool_config(writer);
    write_fields(writer, request_, model_, losses_);
    write_format(writer);
    write_others(writer);
    losses_.rest(writer, request_.extra, "");
    writer.end();
    if (Status status = losses_.refused(); !status) return std::unexpected(status.error());
    return Encoded{std::move(out_), losses_.take_dropped(), losses_.take_approximated()};
  }

 private:
  void note_message(const Message& message) {
    if (!message.name.empty()) losses_.cannot("messages.name");
    losses_.foreign(message.extra, "messages", kStructure);
  }

  void write_system(ObjectWriter& writer) {
    bool in_front = true;
    bool open = false;
    Commas commas;
    for (const Message& message : request_.messages) {
      if (!is_system(message)) {
        in_front = false;
        continue;
      }
      if (message.extra.dialect != kMe && says_nothing(message)) continue;
      if (!in_front) losses_.approximate("messages.system_position");
      if (!open) writer.key("system") += '[';
      open = true;
      write_blocks(out_, message.content, commas, writing_);
      note_message(message);
    }
    if (open) out_ += ']';
  }

  static bool from_assistant(const Message& message) { return message.role == Role::kAssistant; }

  // Turns alternate there: what follows from the same side is one message.
  bool joins(const Message& first, const Message& next) const {
    return first.extra.dialect != kMe && next.extra.dialect != kMe && first.role != Role::kOther &&
           next.role != Role::kOther && from_assistant(first) == from_assistant(next);
  }

  void write_messages(ObjectWriter& writer) {
    std::vector<const Message*> turns;
    for (const Message& message : request_.messages) {
      if (!is_system(message)) turns.push_back(&message);
    }
    writer.key("messages") += '[';
    Commas list;
    for (std::size_t i = 0; i < turns.size();) {
      std::size_t end = i + 1;
      while (end < turns.size() && joins(*turns[i], *turns[end])) ++end;
      write_turn({turns.data() + i, end - i}, end == turns.size(), list);
      i = end;
    }
    out_ += ']';
  }

  void write_turn(std::span<const Message* const> turn, bool last, Commas& list) {
    const Message& first = *turn.front();
    const bool read_here = first.extra.dialect == kMe;
    const std::size_t before = out_.size();
    const Commas list_before = list;
    list.next(out_);
    ObjectWriter one(out_);
    if (first.role == Role::kOther) {
      if (!read_here) losses_.wrong(unknown_role(first));
    } else {
      one.string("role", from_assistant(first) ? "assistant" : "user");
    }
    if (!losses_.form(first.extra, forms::kNoContent)) {
      one.key("content") += '[';
      const std::size_t empty = out_.size();
      Commas commas;
      for (const Message* message : turn) {
        write_blocks(out_, message->content, commas, writing_);
        note_message(*message);
      }
      if (out_.size() == empty && !read_here) {  // nothing to say: it would be refused
        for (const Message* message : turn) note_left_out(*message, losses_);
        out_.resize(before);
        list = list_before;
        return;
      }
      if (last && request_.cache_control) {
        losses_.approximate("cache_control");
        write_mark(out_, request_.cache_control, commas, writing_);
      }
      out_ += ']';
    }
    if (read_here) one.rest(first.extra.members);
    one.end();
  }

  void write_inference(ObjectWriter& writer) {
    const ChatRequest& r = request_;
    const bool hot = !own_ && r.temperature && r.temperature->value() > 1;
    if (hot) losses_.cannot("temperature", "it is at most 1 there");
    if (!r.max_tokens && (!r.temperature || hot) && !r.top_p && r.stop.empty()) return;
    ObjectWriter inner(writer.key("inferenceConfig"));
    inner.optional("maxTokens", r.max_tokens);
    if (!hot) inner.optional("temperature", r.temperature);
    inner.optional("topP", r.top_p);
    if (!r.stop.empty()) {
      inner.key("stopSequences") += '[';
      Commas commas;
      for (const std::string& word : r.stop) {
        commas.next(out_);
        json_quote_to(out_, word);
      }
      out_ += ']';
    }
    inner.inner_rest(r.extra, "inferenceConfig", kMe);
    inner.end();
  }

  void write_tool(const Tool& tool) {
    const bool own = tool.extra.dialect == kMe;
    ObjectWriter outer(out_);
    ObjectWriter inner(outer.key("toolSpec"));
    if (!own || !tool.name.empty()) inner.string("name", tool.name);
    inner.string_if("description", tool.description);
    if (!losses_.form(tool.extra, forms::kNoInner)) {
      ObjectWriter schema(inner.key("inputSchema"));
      if (tool.schema) {
        schema.json("json", *tool.schema);
      } else if (!own) {
        schema.raw("json", "{\"type\":\"object\",\"properties\":{}}");
      }
      schema.inner_rest(tool.extra, "inputSchema", kMe);
      schema.end();
    }
    // "strict": false is what the absence means.
    if (tool.strict && (*tool.strict || own)) inner.boolean("strict", *tool.strict);
    losses_.rest(inner, tool.extra, "tools", kStructure);
    inner.end();
    outer.end();
  }

  // Whether the conversation holds calls or results, which need their tools.
  bool has_calls() const {
    for (const Message& message : request_.messages) {
      for (const Block& block : message.content) {
        if (block.as<ToolCall>() || block.as<ToolResult>()) return true;
      }
    }
    return false;
  }

  // None of the tools can be said here, and an empty list is refused there.
  bool refuses_all() {
    for (const Tool& tool : request_.tools) {
      if (tool.kind == Tool::Kind::kFunction || losses_.own(tool.extra)) return false;
    }
    for (const Tool& tool : request_.tools) losses_.cannot("tools." + tool.type);
    const ToolChoice* choice = request_.tool_choice ? &*request_.tool_choice : nullptr;
    if (choice != nullptr && choice->mode != ToolChoice::Mode::kAuto)
      losses_.cannot("tool_choice", "no tool is left");
    return true;
  }

  void write_tool_config(ObjectWriter& writer) {
    const ToolChoice* choice = request_.tool_choice ? &*request_.tool_choice : nullptr;
    if (request_.parallel_tool_calls == false && !request_.tools.empty())
      losses_.cannot("parallel_tool_calls");
    if (!own_ && request_.tools.empty()) {  // a choice without tools says nothing
      if (choice != nullptr) losses_.foreign(choice->extra, "tool_choice");
      return;
    }
    if (!own_ && choice != nullptr && choice->mode == ToolChoice::Mode::kNone) {
      // It has no word for it: tools that are not named are not called.
      if (has_calls()) {
        losses_.cannot("tool_choice", "\"none\" is not there, and calls need their tools");
      } else {
        losses_.approximate("tool_choice");
        losses_.foreign(choice->extra, "tool_choice");
        return;
      }
    }
    if (request_.tools.empty() && choice == nullptr) return;
    if (!own_ && refuses_all()) return;
    ObjectWriter config(writer.key("toolConfig"));
    if (!request_.tools.empty()) {
      config.key("tools") += '[';
      Commas commas;
      for (const Tool& tool : request_.tools) {
        if (tool.kind != Tool::Kind::kFunction && !losses_.own(tool.extra)) {
          losses_.cannot("tools." + tool.type);
          continue;
        }
        commas.next(out_);
        if (tool.kind == Tool::Kind::kFunction) {
          write_tool(tool);
        } else {
          json_write_to(out_, tool.raw);
        }
        write_mark(out_, tool.cache_control, commas, writing_);
      }
      out_ += ']';
    }
    if (choice != nullptr) write_choice(config, *choice);
    config.inner_rest(request_.extra, "toolConfig", kMe);
    config.end();
  }

  void write_choice(ObjectWriter& config, const ToolChoice& choice) {
    if (choice.extra.dialect == kMe && !choice.raw.is_null())
      return config.json("toolChoice", choice.raw);
    losses_.foreign(choice.extra, "tool_choice");
    switch (choice.mode) {
      case ToolChoice::Mode::kAuto:
        return config.raw("toolChoice", "{\"auto\":{}}");
      case ToolChoice::Mode::kRequired:
        return config.raw("toolChoice", "{\"any\":{}}");
      case ToolChoice::Mode::kNamed: {
        ObjectWriter outer(config.key("toolChoice"));
        ObjectWriter tool(outer.key("tool"));
        tool.string("name", choice.names.empty() ? "" : choice.names[0]);
        tool.end();
        return outer.end();
      }
      case ToolChoice::Mode::kNone:
        return;  // noted above
      default:
        losses_.cannot("tool_choice");
    }
  }

  void write_format(ObjectWriter& writer) {
    if (!request_.response_format) return;
    const ResponseFormat& format = *request_.response_format;
    if (format.kind != ResponseFormat::Kind::kJsonSchema || !format.schema) {
      if (format.kind != ResponseFormat::Kind::kText) losses_.cannot("response_format");
      losses_.foreign(format.extra, "response_format");
      return;
    }
    ObjectWriter config(writer.key("outputConfig"));
    ObjectWriter text(config.key("textFormat"));
    text.string("type", "json_schema");
    ObjectWriter structure(text.key("structure"));
    ObjectWriter fields(structure.key("jsonSchema"));
    fields.string_if("name", format.name);
    fields.string_if("description", format.description);
    const bool as_read = format.extra.dialect == kMe && format.raw.is_string();
    fields.string("schema", as_read ? format.raw.as_string() : json_write(*format.schema));
    losses_.rest(fields, format.extra, "response_format", kStructure);
    fields.end();
    structure.end();
    text.end();
    config.end();
  }

  void write_others(ObjectWriter& writer) {
    const ChatRequest& r = request_;
    anthropic::refuse_parameters(r, losses_);
    if (r.user) losses_.cannot("user");
    if (r.service_tier) {
      std::string_view tier = *r.service_tier;
      if (!own_ && tier == "standard_only") tier = "default";
      const bool known = tier == "default" || tier == "priority" || tier == "flex";
      if (own_ || known) {
        ObjectWriter inner(writer.key("serviceTier"));
        inner.string("type", tier);
        inner.end();
      } else if (tier == "auto") {  // what the absence means
        losses_.approximate("service_tier");
      } else {
        losses_.cannot("service_tier");
      }
    }
    if (!r.metadata || (!own_ && says_nothing(*r.metadata))) return;
    const bool words = r.metadata->is_object() &&
                       std::all_of(r.metadata->as_object().begin(), r.metadata->as_object().end(),
                                   [](const auto& label) { return label.second.is_string(); });
    if (own_ || words) {
      writer.json("requestMetadata", *r.metadata);
    } else {
      losses_.cannot("metadata", "labels are words there");
    }
  }

  const ChatRequest& request_;
  const bool own_;
  const std::string_view model_;
  Losses losses_;
  Writing writing_;
  std::string out_;
};

}  // namespace

Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options).write();
}

}  // namespace sighter::wire::bedrock
