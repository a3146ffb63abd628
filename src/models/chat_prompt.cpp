#include "models/chat_prompt.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#ifdef SIGHTER_SCHEMA_GRAMMAR
#include "text/grammar.hpp"
#include "wire/object_writer.hpp"
#endif
#include "text/schema.hpp"

namespace sighter::models {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

// Any JSON object, compact or with a little white space.
constexpr std::string_view kJsonObject = R"gbnf(root ::= object
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" ws ( member ("," ws member)* )? "}"
member ::= string ":" ws value ws
array ::= "[" ws ( value ws ("," ws value ws)* )? "]"
string ::= "\"" ( [^"\\\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] ) )* "\""
number ::= "-"? ( "0" | [1-9] [0-9]* ) ( "." [0-9]+ )? ( [eE] [-+]? [0-9]+ )?
ws ::= [ \n]?
)gbnf";

// Stands for the n-th content while the template is rendered. Characters of the private use area
// that no template writes by itself.
std::string stand_in(std::size_t n) {
  return fmt::format("\uE000{}\uE001", n);
}

Result<std::string> plain_text(const wire::Message& message) {
  std::string text;
  for (const wire::Block& block : message.content) {
    if (const auto* part = block.as<wire::Text>()) {
      text += part->text;
    } else if (const auto* refusal = block.as<wire::Refusal>()) {
      text += refusal->text;
    } else if (block.as<wire::Thinking>() == nullptr) {
      const std::string_view what = block.as<wire::Media>() != nullptr
                                        ? "images, sound and documents"
                                    : block.as<wire::Raw>() != nullptr ? "this kind of content"
                                                                       : "tool calls";
      return fail(Kind::kUnsupported, fmt::format("a local model cannot take {}", what),
                  "use a model of a provider for this");
    }
  }
  return text;
}

Result<std::string> role_of(const wire::Message& message) {
  switch (message.role) {
    case wire::Role::kSystem:
    case wire::Role::kDeveloper:
      return "system";
    case wire::Role::kUser:
      return "user";
    case wire::Role::kAssistant:
      return "assistant";
    default:
      return fail(Kind::kUnsupported,
                  fmt::format("a local model cannot take messages of the role '{}'",
                              wire::to_string(message.role)));
  }
}

void add_piece(local::Prompt& prompt, std::string text, bool markup) {
  if (!text.empty()) prompt.push_back({std::move(text), markup});
}

// Puts the contents back where their stand-ins are, as text that is no markup.
local::Prompt with_contents(std::string_view rendered, const std::vector<std::string>& contents) {
  local::Prompt prompt;
  std::size_t from = 0;
  while (from < rendered.size()) {
    const std::size_t begin = rendered.find("\uE000", from);
    const std::size_t end = begin == rendered.npos ? begin : rendered.find("\uE001", begin);
    if (end == rendered.npos) break;
    std::size_t index = 0;
    for (const char c : rendered.substr(begin + 3, end - begin - 3))
      index = index * 10 + static_cast<std::size_t>(c - '0');
    add_piece(prompt, std::string(rendered.substr(from, begin - from)), true);
    if (index < contents.size()) add_piece(prompt, contents[index], false);
    from = end + 3;
  }
  add_piece(prompt, std::string(rendered.substr(from)), true);
  return prompt;
}

bool is_zero(const std::optional<wire::Number>& number) {
  return !number || number->value() == 0;
}

Json logprobs_json(const std::vector<local::TokenLogprob>& tokens) {
  JsonArray content;
  for (const local::TokenLogprob& token : tokens) {
    JsonArray likeliest;
    for (const local::Alternative& other : token.likeliest) {
      likeliest.push_back(Json::object({{"token", other.text}, {"logprob", other.logprob}}));
    }
    content.push_back(Json::object({{"token", token.text},
                                    {"logprob", token.logprob},
                                    {"top_logprobs", Json(std::move(likeliest))}}));
  }
  return Json::object({{"content", Json(std::move(content))}});
}

}  // namespace

Result<text::Template> chat_template(const local::ChatTemplate& source) {
  const std::string_view text = source.text.empty() ? kChatMl : std::string_view(source.text);
  return text::Template::parse(text, "chat template", text::TemplateOptions::chat());
}

Result<local::Prompt> chat_prompt(const text::Template& chat, const local::ChatTemplate& source,
                                  const std::vector<wire::Message>& messages, SystemTime now) {
  JsonArray list;
  std::vector<std::string> contents;
  for (const wire::Message& message : messages) {
    const Result<std::string> role = role_of(message);
    if (!role) return std::unexpected(role.error());
    Result<std::string> content = plain_text(message);
    if (!content) return std::unexpected(content.error());
    list.push_back(Json::object({{"role", *role}, {"content", stand_in(contents.size())}}));
    contents.push_back(std::move(*content));
  }
  const Json arguments = Json::object({{"messages", Json(std::move(list))},
                                       {"add_generation_prompt", true},
                                       {"bos_token", source.bos_token},
                                       {"eos_token", source.eos_token}});
  text::RenderOptions options;
  options.now = now;
  const Result<std::string> rendered = chat.render(arguments, options);
  if (!rendered) return std::unexpected(rendered.error().in("the model's own chat template"));
  return with_contents(*rendered, contents);
}

namespace {

// A tier that is what one gets anyway.
bool plain_tier(const std::optional<std::string>& tier) {
  return !tier || tier->empty() || *tier == "auto" || *tier == "default" ||
         *tier == "standard_only";
}

Result<std::vector<std::string>> settled(wire::Losses& losses) {
  if (const std::vector<std::string>& names = losses.refused_names(); !names.empty())
    return fail(Kind::kUnsupported,
                fmt::format("a local model cannot honour {}", fmt::join(names, ", ")),
                "leave it out, or use a model of a provider");
  return losses.take_dropped();
}

}  // namespace

Result<std::vector<std::string>> local_losses(const wire::EmbeddingRequest& request,
                                              std::span<const std::string> allow_drop) {
  wire::Losses losses(wire::Dialect::kNone, allow_drop);
  if (request.user && !request.user->empty()) losses.cannot("user");
  losses.foreign(request.extra, "");
  return settled(losses);
}

Result<std::vector<std::string>> local_losses(const wire::ChatRequest& request,
                                              std::span<const std::string> allow_drop) {
  if (request.max_tokens.value_or(1) < 1)
    return fail(Kind::kInvalid,
                fmt::format("max_tokens: must be at least 1, not {}", *request.max_tokens));
  wire::Losses losses(wire::Dialect::kNone, allow_drop);
  const auto note = [&losses](bool wrong, std::string_view name) {
    if (wrong) losses.cannot(name);
  };
  note(!request.tools.empty(), "tools");
  note(request.n.value_or(1) != 1, "n");
  note(request.logit_bias && !request.logit_bias->is_null(), "logit_bias");
  note(!is_zero(request.presence_penalty), "presence_penalty");
  note(!is_zero(request.frequency_penalty), "frequency_penalty");
  note(request.reasoning && !request.reasoning->effort.empty() &&
           request.reasoning->effort != "none",
       "reasoning");
  note(request.reasoning && request.reasoning->budget_tokens, "reasoning.budget_tokens");
  note(!plain_tier(request.service_tier), "service_tier");
  note(request.user && !request.user->empty(), "user");
  note(request.metadata && !wire::says_nothing(*request.metadata), "metadata");
  note(request.verbosity.has_value(), "verbosity");
  note(request.prediction.has_value(), "prediction");
  note(request.top_logprobs.value_or(0) > 0 && !request.logprobs.value_or(false), "top_logprobs");
  note(request.response_format &&
           request.response_format->kind == wire::ResponseFormat::Kind::kOther,
       "response_format");
  if (request.extra.dialect == wire::Dialect::kNone) {
    for (const auto& [name, value] : request.extra.members) note(true, name);
  } else {
    losses.foreign(request.extra, "");
  }
  return settled(losses);
}

namespace {

constexpr double kTemperature = 0.7, kMinP = 0.05;

}  // namespace

local::GenerateRequest generate_request(const wire::ChatRequest& request) {
  local::GenerateRequest out;
  out.max_tokens =
      static_cast<int>(std::clamp<std::int64_t>(request.max_tokens.value_or(256), 1, 1 << 24));
  // What a provider's model answers to nothing said is not what a small one should.
  out.temperature = request.temperature ? request.temperature->value() : kTemperature;
  out.min_p = kMinP;
  if (request.top_p) out.top_p = request.top_p->value();
  if (request.min_p) out.min_p = request.min_p->value();
  if (request.top_k) out.top_k = static_cast<int>(std::clamp(request.top_k->value(), 0.0, 1e6));
  if (request.seed) {
    // Any number is a seed; those that fit in 64 bits stay what they are.
    const std::optional<std::int64_t> seed = Json(JsonNumber{request.seed->text}).to_int();
    out.seed =
        seed ? static_cast<std::uint64_t>(*seed) : std::hash<std::string>()(request.seed->text);
  }
  for (const std::string& stop : request.stop) {
    if (!stop.empty()) out.stop.push_back(stop);
  }
  if (request.logprobs.value_or(false)) {
    out.logprobs =
        static_cast<int>(std::clamp<std::int64_t>(request.top_logprobs.value_or(0), 0, 20));
  }
  return out;
}

Result<ResponseGrammar> response_grammar(const wire::ChatRequest& request) {
  using Kind_ = wire::ResponseFormat::Kind;
  if (!request.response_format || request.response_format->kind == Kind_::kText)
    return ResponseGrammar();
  if (request.response_format->kind != Kind_::kJsonSchema || !request.response_format->schema)
    return ResponseGrammar{std::string(kJsonObject), {}};
  const std::string origin =
      request.response_format->name.empty() ? "schema" : request.response_format->name;
  const Result<text::Schema> schema =
      text::Schema::compile(*request.response_format->schema, origin);
  if (!schema) return std::unexpected(schema.error());
#ifdef SIGHTER_SCHEMA_GRAMMAR
  Result<text::Grammar> grammar = text::schema_grammar(*schema);
  if (!grammar) return std::unexpected(grammar.error());
  return ResponseGrammar{std::move(grammar->gbnf), std::move(grammar->unchecked)};
#else
  return fail(Kind::kUnsupported,
              fmt::format("{}: this build cannot hold a local model to a schema", origin),
              "use the response format json_object, or a model of a provider");
#endif
}

wire::ChatReply chat_reply(const local::GenerateReply& generated, const std::string& model,
                           SystemTime now) {
  wire::ChatReply reply;
  reply.model = model;
  reply.created_s =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  wire::Choice choice;
  choice.message = wire::Message::text(wire::Role::kAssistant, generated.text);
  choice.stop_sequence = generated.stop;
  choice.finish.kind = generated.finish == local::FinishReason::kLength
                           ? wire::FinishReason::Kind::kLength
                       : generated.stop.empty() ? wire::FinishReason::Kind::kStop
                                                : wire::FinishReason::Kind::kStopSequence;
  if (!generated.logprobs.empty()) choice.logprobs = logprobs_json(generated.logprobs);
  reply.choices.push_back(std::move(choice));
  wire::Usage usage;
  usage.input = generated.prompt_tokens;
  usage.output = generated.generated_tokens;
  usage.cache_read = generated.cached_tokens;
  reply.usage = std::move(usage);
  return reply;
}

}  // namespace sighter::models
