#include <algorithm>

#include "wire/anthropic.hpp"
#include "wire/anthropic_content.hpp"
#include "wire/empty_message.hpp"
#include "wire/proof.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr Dialect kMe = Dialect::kAnthropic;
// "reasoning..." that stays with the rest repeats blocks of thinking.
constexpr std::string_view kStructure[] = {"type",  "object", "role",      "status",
                                           "index", "id",     "reasoning", "reasoning_content"};

bool is_system(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options, bool counting)
      : request_(request),
        options_(options),
        counting_(counting),
        own_(request.dialect == kMe),
        model_(options.model.empty() ? std::string_view(request.model) : options.model),
        losses_(kMe, options.allow_drop) {}

  Result<Encoded> write() {
    out_.reserve(512);
    ObjectWriter writer(out_);
    if (!own_ || !model_.empty()) writer.string("model", model_);
    if (request_.reasoning.has_value())
      thinking_ = own_ ? *request_.reasoning : thinking_of(request_, model_, losses_);
    if (thinking_.mode == Reasoning::Mode::kOn && lacks_thoughts()) {
      thinking_.mode = Reasoning::Mode::kUnsaid;
      thinking_.budget_tokens.reset();
      losses_.approximate("reasoning.mode");
    }
    write_system(writer);
    write_messages(writer);
    write_tools(writer);
    write_thinking(writer);
    if (!counting_) write_parameters(writer);
    refuse_parameters(request_, losses_);
    if (request_.metadata.has_value() && !says_nothing(*request_.metadata))
      losses_.cannot("metadata");
    if (request_.cache_control.has_value()) writer.json("cache_control", *request_.cache_control);
    if (counting_) {
      for (const std::string_view name :
           {"stream", "temperature", "top_p", "top_k", "stop_sequences", "metadata", "service_tier",
            "max_tokens"}) {
        writer.skip(name);
      }
    }
    losses_.rest(writer, request_.extra, "");
    writer.end();
    if (Status status = losses_.refused(); !status) return std::unexpected(status.error());
    return Encoded{std::move(out_), losses_.take_dropped(), losses_.take_approximated()};
  }

 private:
  void write_system(ObjectWriter& writer) {
    std::vector<const Message*> leading;
    bool in_front = true;
    for (const Message& message : request_.messages) {
      if (!is_system(message)) {
        in_front = false;
        continue;
      }
      // A system message in the list that was read here stays in the list.
      if (message.extra.dialect == kMe && !message.apart) continue;
      if (message.extra.dialect != kMe && says_nothing(message)) continue;
      if (!in_front) losses_.approximate("messages.system_position");
      leading.push_back(&message);
    }
    if (leading.empty()) return;
    const Message& first = *leading.front();
    if (leading.size() == 1 && first.content.size() == 1 && first.content[0].as<Text>() &&
        !first.content[0].cache_control.has_value() &&
        (first.extra.dialect != kMe || losses_.form(first.extra, forms::kContentText))) {
      losses_.foreign(first.content[0].extra, "messages.content", kStructure);
      writer.string("system", first.content[0].as<Text>()->text);
      note_message(first);
      return;
    }
    writer.key("system") += '[';
    bool empty = true;
    for (const Message* message : leading) {
      write_blocks(message->content, empty);
      note_message(*message);
    }
    out_ += ']';
  }

  // Returns with `empty` false where something was written.
  void write_blocks(const std::vector<Block>& blocks, bool& empty) {
    for (const Block& block : blocks) {
      if (unsigned_thought(block)) {
        losses_.approximate("messages.content.thinking");
        continue;
      }
      const std::size_t before = out_.size();
      if (!empty) out_ += ',';
      if (write_block(out_, block, losses_, Side::kRequest)) {
        empty = false;
      } else {
        out_.resize(before);
      }
    }
  }

  // Whoever thinks goes on with a tool's result only behind his own thought (Anthropic's documents,
  // extended thinking with tool use; adaptive thinking asks for none). Where the thoughts of these
  // turns are another provider's, or were left out, nobody can.
  bool lacks_thoughts() const {
    bool calls = false, lost = false;
    for (auto message = request_.messages.rbegin(); message != request_.messages.rend();
         ++message) {
      const auto is_result = [](const Block& block) { return block.as<ToolResult>() != nullptr; };
      const bool results =
          message->role == Role::kTool || std::ranges::any_of(message->content, is_result);
      if (results) continue;
      if (message->role != Role::kAssistant || !calls_tools(*message)) break;
      calls = true;
      for (const Block& block : message->content) {
        if (block.as<Thinking>() == nullptr) continue;
        lost = true;
        const bool own = block.extra.dialect == kMe && !unsigned_thought(block);
        if (own || signed_by_claude(block)) return false;
      }
    }
    return calls && (lost || !own_);
  }

  // A thought of another server of this dialect, where the upstream takes its own alone.
  bool unsigned_thought(const Block& block) const {
    const Thinking* thinking = block.as<Thinking>();
    return thinking != nullptr && options_.quirks != nullptr && options_.quirks->signed_thoughts &&
           block.signature.empty() && thinking->data.empty();
  }

  void note_message(const Message& message) {
    if (!message.name.empty()) losses_.cannot("messages.name");
    losses_.foreign(message.extra, "messages", kStructure);
  }

  static bool same_turn(const Message& a, const Message& b) {
    return a.role == Role::kTool && b.role == Role::kTool;
  }

  void write_messages(ObjectWriter& writer) {
    writer.key("messages") += '[';
    Commas commas;
    const std::vector<Message>& messages = request_.messages;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Message& message = messages[i];
      const bool read_here = message.extra.dialect == kMe;
      if (is_system(message) && (!read_here || message.apart)) continue;
      const std::size_t before = out_.size();
      const Commas commas_before = commas;
      commas.next(out_);
      ObjectWriter one(out_);
      if (message.role == Role::kOther) {
        if (!losses_.own(message.extra)) losses_.wrong(unknown_role(message));
      } else {
        one.string("role", message.role == Role::kTool ? "user" : to_string(message.role));
      }
      if (read_here && losses_.form(message.extra, forms::kContentText) &&
          message.content.size() == 1) {
        one.string("content",
                   message.content[0].as<Text>() ? message.content[0].as<Text>()->text : "");
      } else if (!message.content.empty() || !read_here) {
        one.key("content") += '[';
        bool empty = true;
        write_blocks(message.content, empty);
        note_message(message);
        // All results of one turn of calls go into one message.
        while (i + 1 < messages.size() && same_turn(messages[i], messages[i + 1])) {
          ++i;
          write_blocks(messages[i].content, empty);
          note_message(messages[i]);
        }
        if (empty && !read_here) {  // nothing to say: the provider refuses empty messages
          note_left_out(message, losses_);
          out_.resize(before);
          commas = commas_before;
          continue;
        }
        out_ += ']';
      }
      if (losses_.own(message.extra)) one.rest(message.extra.members);
      one.end();
    }
    out_ += ']';
  }

  void write_tool(const Tool& tool) {
    ObjectWriter writer(out_);
    if (losses_.form(tool.extra, forms::kTyped)) writer.string("type", "custom");
    if (!tool.name.empty() || tool.extra.dialect != kMe) writer.string("name", tool.name);
    writer.string_if("description", tool.description);
    if (tool.schema.has_value()) {
      writer.json("input_schema", *tool.schema);
    } else if (tool.extra.dialect != kMe) {
      writer.raw("input_schema", "{\"type\":\"object\",\"properties\":{}}");
    }
    // "strict": false is what the absence means.
    if (tool.strict.has_value() && (*tool.strict || tool.extra.dialect == kMe)) {
      writer.boolean("strict", *tool.strict);
    }
    writer.optional("cache_control", tool.cache_control);
    losses_.rest(writer, tool.extra, "tools", kStructure);
    writer.end();
  }

  void write_tools(ObjectWriter& writer) {
    if (!request_.tools.empty()) {
      writer.key("tools") += '[';
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
      }
      out_ += ']';
    }
    const bool one_at_a_time =
        request_.parallel_tool_calls.has_value() && !*request_.parallel_tool_calls;
    const bool say_parallel = request_.parallel_tool_calls.has_value() && (own_ || one_at_a_time);
    if (!request_.tool_choice.has_value()) {
      if (one_at_a_time && !request_.tools.empty()) {
        writer.key("tool_choice") += "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}";
      }
      return;
    }
    const ToolChoice& choice = *request_.tool_choice;
    if (choice.extra.dialect == kMe && !choice.raw.is_null()) {
      writer.json("tool_choice", choice.raw);
      return;
    }
    std::string_view type = "auto";
    switch (choice.mode) {
      case ToolChoice::Mode::kAuto:
        break;
      case ToolChoice::Mode::kNone:
        type = "none";
        break;
      case ToolChoice::Mode::kRequired:
        type = "any";
        break;
      case ToolChoice::Mode::kNamed:
        type = "tool";
        break;
      default:
        losses_.cannot("tool_choice");
        return;
    }
    if (!own_ && request_.tools.empty())  // refused without tools, and then it says nothing
      return losses_.foreign(choice.extra, "tool_choice");
    ObjectWriter inner(writer.key("tool_choice"));
    inner.string("type", type);
    if (choice.mode == ToolChoice::Mode::kNamed && !choice.names.empty())
      inner.string("name", choice.names[0]);
    if (say_parallel && type != "none") inner.boolean("disable_parallel_tool_use", one_at_a_time);
    losses_.rest(inner, choice.extra, "tool_choice");
    inner.end();
  }

  void write_thinking(ObjectWriter& writer) {
    if (thinking_.mode != Reasoning::Mode::kUnsaid) {
      ObjectWriter inner(writer.key("thinking"));
      const bool off = thinking_.mode == Reasoning::Mode::kOff;
      inner.string("type", off                                      ? "disabled"
                           : thinking_.mode == Reasoning::Mode::kOn ? "enabled"
                                                                    : "adaptive");
      inner.optional("budget_tokens", thinking_.budget_tokens);
      inner.string_if("display", thinking_.summary);
      inner.inner_rest(request_.extra, "thinking", kMe);
      inner.end();
    }
    const ResponseFormat* format = request_.response_format ? &*request_.response_format : nullptr;
    const bool schema = format != nullptr && format->kind == ResponseFormat::Kind::kJsonSchema &&
                        format->schema.has_value();
    if (format != nullptr && !schema) {
      if (format->kind != ResponseFormat::Kind::kText) losses_.cannot("response_format");
      losses_.foreign(format->extra, "response_format");
    }
    if (thinking_.effort.empty() && !schema) return;
    ObjectWriter output(writer.key("output_config"));
    output.string_if("effort", thinking_.effort);
    if (schema) {
      ObjectWriter inner(output.key("format"));
      inner.string("type", "json_schema");
      inner.json("schema", *format->schema);
      if (!format->description.empty()) losses_.approximate("response_format.description");
      losses_.rest(inner, format->extra, "response_format", kStructure);
      inner.end();
    }
    output.inner_rest(request_.extra, "output_config", kMe);
    output.end();
  }

  void write_parameters(ObjectWriter& writer) {
    if (request_.max_tokens.has_value()) {
      writer.integer("max_tokens", *request_.max_tokens);
    } else if (!own_) {
      writer.integer("max_tokens",
                     options_.max_tokens_default + thinking_.budget_tokens.value_or(0));
    }
    if (!own_ && request_.temperature.has_value() && request_.temperature->value() > 1) {
      losses_.cannot("temperature", "it is at most 1 there");
    } else {
      writer.optional("temperature", request_.temperature);
    }
    writer.optional("top_p", request_.top_p);
    writer.optional("top_k", request_.top_k);
    if (!request_.stop.empty()) {
      writer.key("stop_sequences") += '[';
      Commas commas;
      for (const std::string& word : request_.stop) {
        commas.next(out_);
        json_quote_to(out_, word);
      }
      out_ += ']';
    }
    if (request_.service_tier.has_value()) {
      const std::string& tier = *request_.service_tier;
      if (own_ || tier == "auto") {
        writer.string("service_tier", tier);
      } else if (tier == "default") {
        writer.string("service_tier", "standard_only");
      } else {
        losses_.cannot("service_tier");
      }
    }
    if (request_.user.has_value()) {
      ObjectWriter inner(writer.key("metadata"));
      inner.string("user_id", *request_.user);
      inner.inner_rest(request_.extra, "metadata", kMe);
      inner.end();
    }
    writer.optional("stream", options_.stream.has_value() ? options_.stream : request_.stream);
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  const bool counting_;
  const bool own_;
  const std::string_view model_;
  Losses losses_;
  Reasoning thinking_;
  std::string out_;
};

}  // namespace

Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options, false).write();
}

Result<Encoded> encode_count_tokens(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options, true).write();
}

}  // namespace sighter::wire::anthropic
