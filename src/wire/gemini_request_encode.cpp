#include <algorithm>
#include <map>

#include "wire/effort.hpp"
#include "wire/empty_message.hpp"
#include "wire/gemini.hpp"
#include "wire/gemini_content.hpp"

namespace sighter::wire::gemini {
namespace {

constexpr Dialect kMe = Dialect::kGemini;
constexpr std::string_view kStructure[] = {"type",  "object", "role",      "status",
                                           "index", "id",     "reasoning", "reasoning_content"};
// What the provider's documents name for calls of another model's conversation.
constexpr std::string_view kNoSignature = "skip_thought_signature_validator";
// Bounds of thinkingBudget: Gemini 2.5 Pro (it cannot stop thinking), Flash and Flash-Lite.
constexpr std::int64_t kBudgetMinPro = 128;
constexpr std::int64_t kBudgetMaxPro = 32768;
constexpr std::int64_t kBudgetMaxFlash = 24576;

bool is_system(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

bool zero(const std::optional<Number>& number) {
  return number.has_value() && number->value() == 0;
}

class RequestWriter {
 public:
  RequestWriter(const ChatRequest& request, const EncodeOptions& options)
      : request_(request),
        own_(request.dialect == kMe),
        model_(options.model.empty() ? std::string_view(request.model) : options.model),
        losses_(kMe, options.allow_drop) {}

  Result<Encoded> write() {
    out_.reserve(512);
    ObjectWriter writer(out_);
    if (own_ && !request_.model.empty()) writer.string("model", model_);
    write_system(writer);
    write_contents(writer);
    write_tools(writer);
    write_tool_choice(writer);
    write_config(writer);
    write_others(writer);
    losses_.rest(writer, request_.extra, "");
    writer.end();
    if (Status status = losses_.refused(); !status) return std::unexpected(status.error());
    return Encoded{std::move(out_), losses_.take_dropped(), losses_.take_approximated()};
  }

 private:
  bool form(std::uint32_t bit) const { return losses_.form(request_.extra, bit); }

  void note_message(const Message& message) {
    if (!message.name.empty()) losses_.cannot("messages.name");
    losses_.foreign(message.extra, "messages", kStructure);
  }

  void write_system(ObjectWriter& writer) {
    std::vector<const Message*> leading;
    bool in_front = true;
    for (const Message& message : request_.messages) {
      if (!is_system(message)) {
        in_front = false;
        continue;
      }
      if (message.extra.dialect != kMe && says_nothing(message)) continue;
      if (!in_front) losses_.approximate("messages.system_position");
      leading.push_back(&message);
    }
    if (leading.empty()) return;
    ObjectWriter inner(writer.key(spelled("systemInstruction", form(forms::kSnake))));
    bool open = false;
    for (const Message* message : leading) {
      if (!losses_.form(message->extra, forms::kNoParts) && !open) {
        inner.key("parts") += '[';
        open = true;
        empty_ = true;
      }
      for (const Block& block : message->content) write_one(block);
      note_message(*message);
    }
    if (open) out_ += ']';
    if (losses_.own(leading.front()->extra)) inner.rest(leading.front()->extra.members);
    inner.end();
  }

  // A part with its comma; `empty_` is false where something was written.
  void write_one(const Block& block, std::string_view signature = {}) {
    const std::size_t before = out_.size();
    if (!empty_) out_ += ',';
    const bool wrote = signature.empty()
                           ? write_part(out_, block, losses_, Side::kRequest)
                           : write_part(out_, block, losses_, Side::kRequest, signature);
    if (wrote) {
      empty_ = false;
    } else {
      out_.resize(before);
    }
  }

  // The dialect wants the function's name beside each result.
  void write_result(const Block& block, const ToolResult& result) {
    Block named = block;
    std::string& name = named.as<ToolResult>()->name;
    const auto call = names_.find(result.id);
    name = call != names_.end() ? call->second : result.id;
    if (call == names_.end()) losses_.approximate("messages.content.tool_result.name");
    write_one(named);
  }

  void write_blocks(const Message& message) {
    bool signed_once = !unsigned_calls_need_a_word();
    for (const Block& block : message.content) {
      if (const ToolCall* call = block.as<ToolCall>()) {
        names_[call->id] = call->name;
        const bool foreign = block.extra.dialect != kMe && !own_signature(block);
        const bool first = !signed_once;
        signed_once = true;
        if (foreign && first && call->kind == ToolCall::Kind::kFunction) {
          losses_.approximate("messages.content.signature");
          write_one(block, kNoSignature);
          continue;
        }
      }
      const ToolResult* result = block.as<ToolResult>();
      if (result != nullptr && result->name.empty() && block.extra.dialect != kMe) {
        write_result(block, *result);
      } else {
        write_one(block);
      }
    }
    note_message(message);
  }

  // Gemini 3 refuses a step of the conversation whose first call has no signature.
  bool unsigned_calls_need_a_word() const { return !own_ && !gemini_thinks_by_budget(model_); }

  void write_contents(ObjectWriter& writer) {
    writer.key("contents") += '[';
    Commas commas;
    const std::vector<Message>& messages = request_.messages;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const Message& message = messages[i];
      if (is_system(message)) continue;
      const bool read_here = message.extra.dialect == kMe;
      const std::size_t before = out_.size();
      const Commas commas_before = commas;
      commas.next(out_);
      ObjectWriter one(out_);
      if (message.role == Role::kOther) {
        if (!losses_.own(message.extra)) losses_.wrong(unknown_role(message));
      } else if (!losses_.form(message.extra, forms::kNoRole)) {
        const bool function = losses_.form(message.extra, forms::kFunctionRole);
        one.string("role", message.role == Role::kAssistant ? "model"
                           : function                       ? "function"
                                                            : "user");
      }
      if (!losses_.form(message.extra, forms::kNoParts)) {
        one.key("parts") += '[';
        empty_ = true;
        write_blocks(message);
        // All results of one turn of calls go into one content.
        while (!read_here && message.role == Role::kTool && i + 1 < messages.size() &&
               messages[i + 1].role == Role::kTool) {
          write_blocks(messages[++i]);
        }
        if (empty_ && !read_here) {  // nothing to say: the provider refuses empty contents
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

  void write_declaration(const Tool& tool) {
    ObjectWriter writer(out_);
    const bool own = tool.extra.dialect == kMe;
    if (!own || !tool.name.empty()) writer.string("name", tool.name);
    writer.string_if("description", tool.description);
    if (tool.schema.has_value()) {
      if (!own || losses_.form(tool.extra, forms::kJsonSchema)) {
        const bool lines = losses_.form(tool.extra, forms::kSnake);
        writer.json(spelled("parametersJsonSchema", lines), *tool.schema);
      } else {
        writer.json("parameters", tool.raw.is_null() ? *tool.schema : tool.raw);
      }
    }
    if (tool.strict.value_or(false)) losses_.approximate("tools.strict");
    if (tool.cache_control.has_value()) losses_.approximate("cache_control");
    losses_.rest(writer, tool.extra, "tools", kStructure);
    writer.end();
  }

  // Elements of "tools" as they came; functions of another dialect are together in one.
  void write_tools(ObjectWriter& writer) {
    std::vector<const Tool*> tools;
    for (const Tool& tool : request_.tools) {
      if (tool.kind == Tool::Kind::kFunction || losses_.own(tool.extra)) {
        tools.push_back(&tool);
      } else {
        losses_.cannot("tools." + tool.type);
      }
    }
    if (tools.empty()) return;
    const bool list = !losses_.form(tools.front()->extra, forms::kNoList);
    writer.key("tools");
    if (list) out_ += '[';
    for (std::size_t i = 0; i < tools.size();) {
      if (i > 0) out_ += ',';
      ObjectWriter element(out_);
      std::size_t end = i + 1;
      while (end < tools.size() && same_element(*tools[end])) ++end;
      for (; i < end; ++i) {
        const Tool& tool = *tools[i];
        if (tool.kind != Tool::Kind::kFunction) {
          if (!tool.type.empty()) element.json(tool.type, tool.raw);
          continue;
        }
        const bool lines = losses_.form(tool.extra, forms::kSnakeList);
        element.key(spelled("functionDeclarations", lines)) += '[';
        write_declaration(tool);
        while (i + 1 < end && tools[i + 1]->kind == Tool::Kind::kFunction) {
          out_ += ',';
          write_declaration(*tools[++i]);
        }
        out_ += ']';
      }
      element.end();
    }
    if (list) out_ += ']';
  }

  bool same_element(const Tool& tool) const {
    if (tool.extra.dialect == kMe) return losses_.form(tool.extra, forms::kSameElement);
    return tool.kind == Tool::Kind::kFunction;
  }

  void write_tool_choice(ObjectWriter& writer) {
    if (request_.parallel_tool_calls.has_value() && !*request_.parallel_tool_calls &&
        !request_.tools.empty()) {
      losses_.cannot("parallel_tool_calls");
    }
    if (!request_.tool_choice.has_value()) return;
    const ToolChoice& choice = *request_.tool_choice;
    const bool own = choice.extra.dialect == kMe;
    if (choice.mode == ToolChoice::Mode::kOther) {
      losses_.cannot("tool_choice");
      return;
    }
    if (!own_ && request_.tools.empty())  // refused without tools, and it says nothing
      return losses_.foreign(choice.extra, "tool_choice");
    std::string_view mode = "AUTO";
    if (choice.mode == ToolChoice::Mode::kNone) mode = "NONE";
    if (choice.mode == ToolChoice::Mode::kRequired || choice.mode == ToolChoice::Mode::kNamed)
      mode = "ANY";
    if (choice.mode == ToolChoice::Mode::kAllowed) {
      mode = choice.required ? "ANY" : own ? "AUTO" : "VALIDATED";
    }
    if (losses_.form(choice.extra, forms::kValidated)) mode = "VALIDATED";
    ObjectWriter outer(writer.key(spelled("toolConfig", form(forms::kSnake))));
    ObjectWriter inner(outer.key(spelled("functionCallingConfig", form(forms::kSnakeTools))));
    if (!losses_.form(choice.extra, forms::kNoMode)) inner.string("mode", mode);
    if (!choice.names.empty()) {
      write_strings(inner.key(spelled("allowedFunctionNames", form(forms::kSnakeCalling))),
                    choice.names);
    }
    losses_.rest(inner, choice.extra, "tool_choice", kStructure);
    inner.end();
    outer.inner_rest(request_.extra, "toolConfig", kMe);
    outer.end();
    writer.skip("toolConfig");
  }

  static void write_strings(std::string& out, const std::vector<std::string>& words) {
    out += '[';
    Commas commas;
    for (const std::string& word : words) {
      commas.next(out);
      json_quote_to(out, word);
    }
    out += ']';
  }

  void write_config(ObjectWriter& writer) {
    const bool lines = form(forms::kSnakeConfig);
    const auto name = [&](std::string_view camel) { return spelled(camel, lines); };
    std::string text;
    ObjectWriter config(text);
    const ChatRequest& r = request_;
    config.optional("temperature", r.temperature);
    config.optional(name("topP"), r.top_p);
    config.optional(name("topK"), r.top_k);
    config.optional(name("maxOutputTokens"), r.max_tokens);
    if (!r.stop.empty()) {
      write_strings(config.key(name("stopSequences")), r.stop);
    }
    if (!own_ && r.n.value_or(1) < 1) losses_.wrong("n: must be at least 1");
    if (own_ || r.n.value_or(1) != 1) config.optional(name("candidateCount"), r.n);
    config.optional("seed", r.seed);
    if (own_ || !zero(r.presence_penalty))
      config.optional(name("presencePenalty"), r.presence_penalty);
    if (own_ || !zero(r.frequency_penalty))
      config.optional(name("frequencyPenalty"), r.frequency_penalty);
    if (own_ || r.logprobs.value_or(false)) config.optional(name("responseLogprobs"), r.logprobs);
    if (own_ || r.logprobs.value_or(false)) config.optional("logprobs", r.top_logprobs);
    if (form(forms::kTextOnly)) config.raw(name("responseModalities"), "[\"TEXT\"]");
    write_format(config, lines);
    write_thinking(config, lines);
    config.inner_rest(r.extra, "generationConfig", kMe);
    config.end();
    if (text.size() <= 2) return;  // nothing to say
    writer.raw(spelled("generationConfig", form(forms::kSnake)), text);
    writer.skip("generationConfig");
  }

  void write_format(ObjectWriter& config, bool lines) {
    if (!request_.response_format.has_value()) return;
    const ResponseFormat& format = *request_.response_format;
    const bool own = format.extra.dialect == kMe;
    if (format.kind == ResponseFormat::Kind::kOther) {
      losses_.cannot("response_format");
      return;
    }
    if (format.kind == ResponseFormat::Kind::kText) {
      if (own) config.string(spelled("responseMimeType", lines), "text/plain");
      losses_.foreign(format.extra, "response_format");
      return;
    }
    if (!losses_.form(format.extra, forms::kNoMime))
      config.string(spelled("responseMimeType", lines), "application/json");
    if (format.schema.has_value()) {
      if (losses_.form(format.extra, forms::kOpenApi)) {
        config.json(spelled("responseSchema", lines),
                    format.raw.is_null() ? *format.schema : format.raw);
      } else {
        config.json(spelled("responseJsonSchema", lines), *format.schema);
      }
    }
    if (!format.description.empty()) losses_.approximate("response_format.description");
    losses_.foreign(format.extra, "response_format", kStructure);
  }

  // How another dialect's wish to think is put here.
  Reasoning chosen_thinking() {
    Reasoning r = *request_.reasoning;
    losses_.foreign(r.extra, "reasoning");
    r.extra = {};
    if (!losses_.effort(r.effort)) r.effort.clear();
    const bool off = r.mode == Reasoning::Mode::kOff || r.effort == "none" ||
                     (r.effort.empty() && r.budget_tokens == 0);
    const bool show =
        !off && r.summary != "omitted" &&
        (r.mode != Reasoning::Mode::kUnsaid || !r.summary.empty() || r.budget_tokens.has_value());
    if (!r.include_thoughts.has_value() && show) r.include_thoughts = true;
    if (gemini_thinks_by_budget(model_)) {
      const bool pro = model_.find("pro") != model_.npos;
      if (off) r.budget_tokens = 0;
      if (!r.budget_tokens.has_value() && !r.effort.empty()) {
        r.budget_tokens = budget_of_effort(r.effort);
        losses_.approximate("reasoning.effort");
      }
      r.effort.clear();
      if (!r.budget_tokens.has_value()) return r;
      const std::int64_t fits = std::clamp(*r.budget_tokens, pro ? kBudgetMinPro : 0,
                                           pro ? kBudgetMaxPro : kBudgetMaxFlash);
      if (fits != *r.budget_tokens) losses_.approximate("reasoning.budget_tokens");
      r.budget_tokens = fits;
      return r;
    }
    if (off) {
      r.effort = "minimal";
      losses_.approximate("reasoning.effort");
    } else if (r.effort.empty() && r.budget_tokens.has_value()) {
      r.effort = effort_of_budget(*r.budget_tokens);
      losses_.approximate("reasoning.budget_tokens");
    }
    r.budget_tokens.reset();
    const bool known = r.effort.empty() || r.effort == "minimal" || r.effort == "low" ||
                       r.effort == "medium" || r.effort == "high";
    if (!known) {
      r.effort = "high";
      losses_.approximate("reasoning.effort");
    }
    return r;
  }

  void write_thinking(ObjectWriter& config, bool outer_lines) {
    if (!request_.reasoning.has_value()) return;
    const bool own = own_ && request_.reasoning->extra.dialect == kMe;
    const bool lines = form(forms::kSnakeThinking);
    const Reasoning r = own ? *request_.reasoning : chosen_thinking();
    if (!own && !r.budget_tokens.has_value() && r.effort.empty() &&
        !r.include_thoughts.has_value()) {
      return;
    }
    ObjectWriter inner(config.key(spelled("thinkingConfig", outer_lines)));
    if (own && losses_.form(r.extra, forms::kDynamic)) {
      inner.integer(spelled("thinkingBudget", lines), -1);
    } else {
      inner.optional(spelled("thinkingBudget", lines), r.budget_tokens);
    }
    std::string effort = r.effort;
    if (own && losses_.form(r.extra, forms::kUpper)) {
      std::transform(effort.begin(), effort.end(), effort.begin(),
                     [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    }
    inner.string_if(spelled("thinkingLevel", lines), effort);
    inner.optional(spelled("includeThoughts", lines), r.include_thoughts);
    if (const Json* rest = config_rest(); own && rest != nullptr) {
      const Json* thinking = rest->find("thinkingConfig");
      if (thinking != nullptr && thinking->is_object()) inner.rest(thinking->as_object());
    }
    inner.end();
    config.skip("thinkingConfig");
  }

  const Json* config_rest() const {
    return losses_.own(request_.extra) ? request_.extra.members.find("generationConfig") : nullptr;
  }

  void write_others(ObjectWriter& writer) {
    const ChatRequest& r = request_;
    if (r.metadata.has_value()) {
      if (own_) {
        writer.json("labels", *r.metadata);
      } else if (!says_nothing(*r.metadata)) {
        losses_.cannot("metadata");
      }
    }
    if (r.min_p.has_value() && !zero(r.min_p)) losses_.cannot("min_p");
    if (r.verbosity.has_value()) losses_.cannot("verbosity");
    if (r.logit_bias.has_value() && !says_nothing(*r.logit_bias)) losses_.cannot("logit_bias");
    if (r.prediction.has_value()) losses_.cannot("prediction");
    if (r.user.has_value()) losses_.cannot("user");
    if (!own_ && !r.logprobs.value_or(false) && r.top_logprobs.value_or(0) > 0)
      losses_.cannot("top_logprobs");
    if (r.service_tier.has_value() && *r.service_tier != "auto" && *r.service_tier != "default" &&
        *r.service_tier != "standard_only") {
      losses_.cannot("service_tier");
    }
    if (r.cache_control.has_value()) losses_.approximate("cache_control");
  }

  const ChatRequest& request_;
  const bool own_;
  const std::string_view model_;
  Losses losses_;
  bool empty_ = true;                         // of the list of parts that is being written
  std::map<std::string, std::string> names_;  // of functions, by the id of the call
  std::string out_;
};

}  // namespace

Result<Encoded> encode_request(const ChatRequest& request, const EncodeOptions& options) {
  return RequestWriter(request, options).write();
}

std::string path(std::string_view model, bool stream) {
  std::string out = model.find('/') == model.npos ? "/models/" : "/";
  out += model;
  out += stream ? ":streamGenerateContent?alt=sse" : ":generateContent";
  return out;
}

}  // namespace sighter::wire::gemini
