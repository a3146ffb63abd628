#include "wire/quirks.hpp"

#include <algorithm>
#include <array>

namespace sighter::wire {
namespace {

// What each server documents, and what the recorded exchanges of the tests show. A row says only
// where it differs from the default.
constexpr std::array kRows{
    Quirks{.provider = "openai",
           .host = "api.openai.com",
           .max_completion_tokens = true,
           .developer_role = true,
           .openai_members = true,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kOldModels},
    // Any server that is not known: llama-server, LM Studio, SGLang ... take more than OpenAI.
    // What OpenAI alone has is theirs to take or to refuse.
    Quirks{.provider = "", .host = "", .top_k = true, .min_p = true, .openai_members = true},
    // Its own dialect; its servers of Chat Completions are like any that is not known.
    Quirks{.provider = "anthropic",
           .host = "api.anthropic.com",
           .top_k = true,
           .min_p = true,
           .openai_members = true,
           .signed_thoughts = true},
    // vLLM reads the thoughts of earlier turns from `reasoning` only: what comes as
    // `reasoning_content` is lost without a word (vllm-project/vllm issue 38488). It is known
    // by its name alone: its port says nothing.
    Quirks{.provider = "vllm",
           .host = "",
           .top_k = true,
           .min_p = true,
           .reasoning_field = ReasoningField::kReasoning},
    // llama.cpp reads a word only: an object that names a tool is "auto" there, and its client is
    // not told (ggml-org/llama.cpp issue 26535). LM Studio refuses it.
    Quirks{.provider = "llama-server",
           .host = "",
           .tool_choices = ToolChoices::kWords,
           .top_k = true,
           .min_p = true},
    Quirks{.provider = "lmstudio",
           .host = ":1234",
           .tool_choices = ToolChoices::kWords,
           .top_k = true,
           .min_p = true},
    Quirks{.provider = "azure",
           .host = ".openai.azure.com",
           .max_completion_tokens = true,
           .developer_role = true,
           .openai_members = true,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kOldModels},
    Quirks{.provider = "azure-cognitive-services",
           .host = ".cognitiveservices.azure.com",
           .max_completion_tokens = true,
           .developer_role = true,
           .openai_members = true,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kOldModels},
    Quirks{.provider = "azure-ai-services",
           .host = ".services.ai.azure.com",
           .max_completion_tokens = true,
           .developer_role = true,
           .openai_members = true,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kOldModels},
    // Whatever tool choice is said, the model does as it likes (ollama/ollama issue 17921).
    Quirks{.provider = "ollama",
           .host = ":11434",
           .parallel_tool_calls = false,
           .tool_choices = ToolChoices::kNone,
           .logit_bias = false,
           .reasoning_field = ReasoningField::kReasoning},
    Quirks{.provider = "groq",
           .host = "api.groq.com",
           .max_completion_tokens = true,
           .logit_bias = false,
           .reasoning_field = ReasoningField::kReasoning,
           .completions = Completions::kNone},
    Quirks{.provider = "mistral",
           .host = "api.mistral.ai",
           .stream_options = false,
           .tool_choice_required = false,
           .seed = false,
           .logit_bias = false,
           .tool_id_length = 9,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kNone},
    Quirks{.provider = "deepseek",
           .host = "api.deepseek.com",
           .strict_schema = false,
           .parallel_tool_calls = false,
           .seed = false,
           .logit_bias = false,
           .reasoning_field = ReasoningField::kReasoningContent,
           .reasoning_ask = ReasoningAsk::kThinkingType},
    Quirks{.provider = "openrouter",
           .host = "openrouter.ai",
           .top_k = true,
           .min_p = true,
           .cache_control = true,
           .reasoning_field = ReasoningField::kReasoningDetails,
           .reasoning_ask = ReasoningAsk::kObject},
    Quirks{.provider = "together",
           .host = "api.together.xyz",
           .top_k = true,
           .min_p = true,
           .reasoning_field = ReasoningField::kReasoning},
    Quirks{.provider = "fireworks", .host = "api.fireworks.ai", .top_k = true, .min_p = true},
    Quirks{.provider = "cerebras",
           .host = "api.cerebras.ai",
           .max_completion_tokens = true,
           .logit_bias = false,
           .reasoning_field = ReasoningField::kReasoning,
           .completions = Completions::kNone},
    Quirks{.provider = "xai",
           .host = "api.x.ai",
           .logit_bias = false,
           .completions = Completions::kNone},
    Quirks{.provider = "zai",
           .host = "api.z.ai",
           .strict_schema = false,
           .parallel_tool_calls = false,
           .seed = false,
           .logit_bias = false,
           .reasoning_ask = ReasoningAsk::kThinkingType},
    Quirks{.provider = "gemini-openai",
           .host = "generativelanguage.googleapis.com",
           .seed = false,
           .logit_bias = false,
           .reasoning_field = ReasoningField::kNone,
           .completions = Completions::kNone},
    Quirks{.provider = "perplexity",
           .host = "api.perplexity.ai",
           .json_object = false,
           .parallel_tool_calls = false,
           .seed = false,
           .logit_bias = false,
           .top_k = true,
           .reasoning_field = ReasoningField::kNone},
    Quirks{.provider = "huggingface", .host = "router.huggingface.co", .top_k = true},
    Quirks{.provider = "deepinfra", .host = "api.deepinfra.com", .top_k = true, .min_p = true},
    Quirks{.provider = "moonshot",
           .host = "api.moonshot.",
           .strict_schema = false,
           .logit_bias = false},
};

bool same_letter(char a, char b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return lower(a) == lower(b);
}

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_letter);
}

struct Place {
  std::string_view host, port;  // "[::1]" with its brackets; "" where there is none
};

Place place_of(std::string_view url) {
  const std::size_t scheme = url.find("//");
  if (scheme != url.npos) url.remove_prefix(scheme + 2);
  url = url.substr(0, url.find_first_of("/?#"));
  const std::size_t colon = url.find(':', url.starts_with('[') ? url.find(']') : 0);
  if (colon == url.npos) return {url, {}};
  return {url.substr(0, colon), url.substr(colon + 1)};
}

bool is_at(const Place& place, std::string_view row) {
  if (row.starts_with(':')) return place.port == row.substr(1);
  if (row.ends_with('.')) return same(place.host.substr(0, row.size()), row);
  if (place.host.size() < row.size()) return false;
  const std::string_view ending = place.host.substr(place.host.size() - row.size());
  const std::string_view before = place.host.substr(0, place.host.size() - row.size());
  if (!same(ending, row)) return false;
  return row.starts_with('.') ? !before.empty() : before.empty() || before.ends_with('.');
}

}  // namespace

std::span<const Quirks> quirks_table() {
  return kRows;
}

const Quirks& quirks_of(std::string_view provider, std::string_view base_url) {
  for (const Quirks& row : kRows) {
    if (!provider.empty() && row.provider == provider) return row;
  }
  const Place place = place_of(base_url);
  for (const Quirks& row : kRows) {
    if (!row.host.empty() && is_at(place, row.host)) return row;
  }
  return kRows[1];
}

}  // namespace sighter::wire
