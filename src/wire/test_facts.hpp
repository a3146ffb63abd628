#pragma once
// For tests of this room: what a request or a reply says, one line a fact, so that two of them can
// be compared whatever dialects they come from. The names are those of the table of differences.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "wire/media.hpp"
#include "wire/message.hpp"
#include "wire/object_writer.hpp"

namespace sighter::wire {

using Facts = std::map<std::string, std::string>;

class FactWriter {
 public:
  Facts take() {
    std::erase_if(facts_, [](const auto& fact) { return fact.second.empty(); });
    return std::move(facts_);
  }

  void request(const ChatRequest& r) {
    add("model", r.model);
    for (const Message& message : r.messages) {
      const bool system = message.role == Role::kSystem || message.role == Role::kDeveloper;
      for (const Block& one : message.content) block(one, system, true);
      add("messages.name", message.name);
    }
    for (const Tool& one : r.tools) tool(one);
    if (r.tool_choice) choice(*r.tool_choice, r.tools);
    if (r.response_format) format(*r.response_format);
    if (r.reasoning) reasoning(*r.reasoning);
    if (r.parallel_tool_calls == false) add("parallel_tool_calls", "false");
    if (r.max_tokens) add("max_tokens", std::to_string(*r.max_tokens));
    for (const auto& [name, value] :
         {std::pair("temperature", &r.temperature), std::pair("top_p", &r.top_p),
          std::pair("top_k", &r.top_k), std::pair("min_p", &r.min_p),
          std::pair("presence_penalty", &r.presence_penalty),
          std::pair("frequency_penalty", &r.frequency_penalty), std::pair("seed", &r.seed)}) {
      if (*value) add(name, fmt::format("{}", (*value)->value()));
    }
    for (const std::string& word : r.stop) add("stop", json_quote(word));
    if (r.n.value_or(1) != 1) add("n", std::to_string(*r.n));
    if (r.logprobs.value_or(false)) add("logprobs", "true");
    if (r.top_logprobs.value_or(0) > 0) add("top_logprobs", std::to_string(*r.top_logprobs));
    if (r.stream.value_or(false)) add("stream", "true");
    for (const auto& [name, value] :
         {std::pair("verbosity", &r.verbosity), std::pair("service_tier", &r.service_tier),
          std::pair("user", &r.user)}) {
      if (*value) add(name, **value);
    }
    for (const auto& [name, value] :
         {std::pair("logit_bias", &r.logit_bias), std::pair("metadata", &r.metadata),
          std::pair("prediction", &r.prediction), std::pair("cache_control", &r.cache_control)}) {
      if (*value) add(name, json_canonical(**value));
    }
  }

  void reply(const ChatReply& r) {
    add("id", r.id);
    add("model", r.model);
    for (const Choice& choice : r.choices) {
      if (choice.index != 0) add("choices", "more than one");
      for (const Block& one : choice.message.content) block(one, false, false);
      add("choices.finish_reason", std::string(to_string(choice.settled_finish().kind)));
      add("choices.stop_sequence", choice.stop_sequence);
      if (choice.logprobs && !says_nothing(*choice.logprobs)) add("choices.logprobs", "there");
    }
    if (r.usage) usage(*r.usage);
  }

 private:
  void add(const std::string& name, std::string_view value) {
    if (value.empty()) return;
    std::string& text = facts_[name];
    if (!text.empty()) text += " | ";
    text += value;
  }

  static std::string document(std::string_view json) {
    const Result<Json> parsed = json_parse(json.empty() ? "{}" : json);
    return parsed ? json_canonical(*parsed) : json_quote(json);
  }

  void block(const Block& block, bool system, bool request) {
    if (const Text* text = block.as<Text>()) {
      facts_[system ? "messages.system" : "messages.text"] += text->text;
      for (const Citation& one : text->citations) add("messages.content.citations", one.url);
    } else if (const Media* media = block.as<Media>()) {
      add(request ? "messages.media" : "choices.message.media", media_word(*media));
      add("messages.content.detail", media->detail == "auto" ? "" : media->detail);
    } else if (const Thinking* thinking = block.as<Thinking>()) {
      facts_["messages.content.thinking"] += thinking->text;
      add("messages.content.redacted_thinking", thinking->data);
    } else if (const Refusal* refusal = block.as<Refusal>()) {
      add("messages.refusal", refusal->text);
    } else if (const Raw* raw = block.as<Raw>()) {
      add("messages.content." + raw->type, "there");
    } else if (const ToolCall* call = block.as<ToolCall>()) {
      if (call->kind == ToolCall::Kind::kProvider) {
        add("messages.content." + call->provider_type, "there");
        return;
      }
      add("messages.tool_calls", call->name + " " + document(call->arguments));
      add("messages.tool_calls.id", call->id);
    } else if (const ToolResult* result = block.as<ToolResult>()) {
      add("messages.tool_results.id", result->id);
      add("messages.content.is_error", result->is_error.value_or(false) ? "true" : "");
      std::string said;
      for (const Block& inner : result->content) {
        if (const Text* words = inner.as<Text>()) said += words->text;
        if (const Media* picture = inner.as<Media>()) add("messages.media", media_word(*picture));
      }
      add("messages.tool_results", said);
    }
    if (!block.signature.empty()) add("messages.content.signature", block.signature);
    if (block.cache_control)
      add("messages.content.cache_control", json_canonical(*block.cache_control));
  }

  static std::string media_word(const Media& media) {
    const std::string what = !media.url.empty()    ? media.url
                             : !media.data.empty() ? media.data
                             : !media.text.empty() ? base64_encode(media.text)
                                                   : media.file_id;
    return what;  // what kind it is shows in its type there
  }

  void tool(const Tool& tool) {
    if (tool.kind == Tool::Kind::kBuiltIn) return add("tools." + tool.type, "there");
    add("tools", tool.name + ": " + tool.description);
    if (tool.schema) add("tools.schema", json_canonical(*tool.schema));
    if (tool.strict.value_or(false)) add("tools.strict", "true");
    if (tool.kind == Tool::Kind::kCustom) add("tools.custom", "there");
    if (tool.cache_control) add("tools.cache_control", "there");
  }

  void choice(const ToolChoice& choice, const std::vector<Tool>& tools) {
    using Mode = ToolChoice::Mode;
    Mode mode = choice.mode;
    std::size_t named = 0;
    for (const Tool& one : tools) {
      named +=
          static_cast<std::size_t>(std::count(choice.names.begin(), choice.names.end(), one.name));
    }
    const bool all = mode == Mode::kAllowed && named == tools.size();
    if (all) mode = choice.required ? Mode::kRequired : Mode::kAuto;
    if (mode == Mode::kAuto || tools.empty()) return;  // what is so without it
    std::string word = fmt::format("{}", static_cast<int>(mode));
    if (mode == Mode::kNamed || mode == Mode::kAllowed) {
      for (const std::string& name : choice.names) word += " " + name;
    }
    add("tool_choice", word);
  }

  void format(const ResponseFormat& format) {
    if (format.kind == ResponseFormat::Kind::kText) return;
    add("response_format", fmt::format("{}", static_cast<int>(format.kind)));
    if (format.schema) add("response_format.schema", json_canonical(*format.schema));
    add("response_format.name", format.name);
    add("response_format.description", format.description);
    if (format.strict.value_or(false)) add("response_format.strict", "true");
  }

  void reasoning(const Reasoning& reasoning) {
    add("reasoning.effort", reasoning.effort);
    if (reasoning.budget_tokens)
      add("reasoning.budget_tokens", std::to_string(*reasoning.budget_tokens));
    if (reasoning.mode != Reasoning::Mode::kUnsaid)
      add("reasoning.mode", std::to_string(static_cast<int>(reasoning.mode)));
    add("reasoning.summary", reasoning.summary);
    if (reasoning.include_thoughts.value_or(false)) add("reasoning.include_thoughts", "true");
  }

  void usage(const Usage& usage) {
    const auto tokens = [&](const char* name, std::int64_t count) {
      if (count != 0) add(std::string("usage.") + name, std::to_string(count));
    };
    tokens("input", usage.input);
    tokens("output", usage.output);
    tokens("cache_read", usage.cache_read);
    tokens("cache_write", usage.cache_write);
    tokens("cache_write_1h", usage.cache_write_1h);
    tokens("reasoning", usage.reasoning);
    tokens("audio_input", usage.audio_input);
    tokens("audio_output", usage.audio_output);
    tokens("image_input", usage.image_input);
    tokens("tool_requests", usage.tool_requests);
    if (usage.cost_usd) add("usage.cost_usd", usage.cost_usd->text);
  }

  Facts facts_;
};

inline Facts facts_of(const ChatRequest& request) {
  FactWriter writer;
  writer.request(request);
  return writer.take();
}

inline Facts facts_of(const ChatReply& reply) {
  FactWriter writer;
  writer.reply(reply);
  return writer.take();
}

// The names of the facts that are not the same in both.
inline std::vector<std::string> differing(const Facts& a, const Facts& b) {
  std::vector<std::string> out;
  for (const auto& [name, value] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second != value) out.push_back(name);
  }
  for (const auto& [name, value] : b) {
    if (!a.contains(name)) out.push_back(name);
  }
  return out;
}

}  // namespace sighter::wire
