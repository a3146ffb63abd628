#pragma once
// Where servers that speak "OpenAI Chat Completions" differ from it: data, one row a provider.

#include <cstdint>
#include <span>
#include <string_view>

namespace sighter::wire {

// The member that carries the model's thoughts in an assistant message.
enum class ReasoningField { kNone, kReasoningContent, kReasoning, kReasoningDetails };
// How the request asks for thinking.
enum class ReasoningAsk {
  kEffort,        // "reasoning_effort": "low"
  kObject,        // "reasoning": {"effort": "low", "max_tokens": 2000} (OpenRouter)
  kThinkingType,  // "thinking": {"type": "enabled" | "disabled"} (DeepSeek, Z.ai)
  kNone,          // it cannot
};

// Which choices of a tool the server obeys.
enum class ToolChoices {
  kAll,
  kWords,  // "auto", "none", "required"; an object is refused or taken as "auto" without a word
  kNone,   // whatever is said is "auto"
};

// Legacy Completions, POST /completions.
enum class Completions {
  kAll,
  kOldModels,  // "gpt-3.5-turbo-instruct", "davinci-002", "babbage-002"
  kNone,
};

struct Quirks {
  std::string_view provider;  // "openai"
  // Of the base URL, by which it is recognised: "api.openai.com" (its subdomains too),
  // ".openai.azure.com" (subdomains alone), "api.moonshot." (any ending), ":1234" (a port).
  std::string_view host;
  bool max_completion_tokens = false;  // false: "max_tokens"
  bool developer_role = false;         // false: developer messages become system messages
  bool stream_options = true;          // false: "stream_options" is refused by the server
  bool strict_schema = true;           // response_format json_schema is enforced
  bool json_object = true;             // response_format json_object exists
  bool parallel_tool_calls = true;     // the parameter exists
  bool tool_choice_required = true;    // "required" exists; false: it is "any"
  ToolChoices tool_choices = ToolChoices::kAll;
  bool seed = true;
  bool logit_bias = true;
  bool top_k = false;  // the parameters exist, beyond the dialect as documented
  bool min_p = false;
  // What OpenAI alone has, in both of its dialects: prompt_cache_key, prompt_cache_retention,
  // prompt_cache_options, safety_identifier, moderation, and tools with free text.
  bool openai_members = false;
  bool cache_control = false;       // marks on content parts are understood
  bool done_marker = true;          // streams end with [DONE]; false: a finish reason suffices
  std::uint8_t tool_id_length = 0;  // ids of tool calls have this many letters and digits; 0: any
  // Of Messages: a thought without its signature is refused. Others that speak it sign nothing.
  bool signed_thoughts = false;
  ReasoningField reasoning_field = ReasoningField::kReasoningContent;  // of requests
  ReasoningAsk reasoning_ask = ReasoningAsk::kEffort;
  Completions completions = Completions::kAll;
};

// The members of requests that `openai_members` speaks of.
inline constexpr std::string_view kOpenAiMembers[] = {"prompt_cache_key", "prompt_cache_retention",
                                                      "prompt_cache_options", "safety_identifier",
                                                      "moderation"};

// All rows; the first is OpenAI itself, the second any server that is not known.
std::span<const Quirks> quirks_table();
// The row of that provider name, else of the host in `base_url`, else the row of unknown servers.
const Quirks& quirks_of(std::string_view provider, std::string_view base_url = {});

}  // namespace sighter::wire
