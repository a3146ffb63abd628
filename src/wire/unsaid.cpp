#include "wire/unsaid.hpp"

#include <algorithm>
#include <span>

namespace sighter::wire {
namespace {

using Names = std::span<const std::string_view>;

bool contains(Names names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What a row knows without a word, and which objects or lists of objects it looks into.
struct Known {
  Names names;
  Names opened = {};
};

constexpr std::string_view kChatUsage[] = {"prompt_tokens",
                                           "completion_tokens",
                                           "total_tokens",
                                           "cached_tokens",
                                           "cache_write_tokens",
                                           "audio_tokens",
                                           "image_tokens",
                                           "text_tokens",
                                           "reasoning_tokens",
                                           "web_search_requests",
                                           "cost",
                                           "prompt_cache_hit_tokens",
                                           "prompt_cache_miss_tokens",
                                           "num_cached_tokens"};
constexpr std::string_view kChatDetails[] = {"prompt_tokens_details", "completion_tokens_details",
                                             "server_tool_use_details"};
constexpr std::string_view kAnthropicUsage[] = {"input_tokens",
                                                "output_tokens",
                                                "cache_creation_input_tokens",
                                                "cache_read_input_tokens",
                                                "thinking_tokens",
                                                "web_search_requests",
                                                "ephemeral_1h_input_tokens",
                                                "ephemeral_5m_input_tokens"};
constexpr std::string_view kAnthropicDetails[] = {"cache_creation", "output_tokens_details",
                                                  "server_tool_use"};
constexpr std::string_view kResponsesUsage[] = {
    "input_tokens", "output_tokens",    "total_tokens", "cached_tokens", "cache_write_tokens",
    "audio_tokens", "reasoning_tokens", "image_tokens", "text_tokens"};
constexpr std::string_view kResponsesDetails[] = {"input_tokens_details", "output_tokens_details"};
constexpr std::string_view kGeminiUsage[] = {
    "promptTokenCount", "candidatesTokenCount",    "totalTokenCount",         "thoughtsTokenCount",
    "modality",         "cachedContentTokenCount", "toolUsePromptTokenCount", "tokenCount"};
constexpr std::string_view kGeminiDetails[] = {"promptTokensDetails", "candidatesTokensDetails",
                                               "cacheTokensDetails", "toolUsePromptTokensDetails"};
constexpr std::string_view kBedrockUsage[] = {"inputTokens",
                                              "outputTokens",
                                              "totalTokens",
                                              "cacheReadInputTokens",
                                              "cacheWriteInputTokens",
                                              "cacheReadInputTokenCount",
                                              "cacheWriteInputTokenCount",
                                              "ttl"};
constexpr std::string_view kBedrockDetails[] = {"cacheDetails"};

Known usage_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::kAnthropic:
      return {kAnthropicUsage, kAnthropicDetails};
    case Dialect::kOpenAiResponses:
      return {kResponsesUsage, kResponsesDetails};
    case Dialect::kGemini:
      return {kGeminiUsage, kGeminiDetails};
    case Dialect::kBedrock:
      return {kBedrockUsage, kBedrockDetails};
    default:
      return {kChatUsage, kChatDetails};
  }
}

// The documented members of sources: what is no URL, title or words places them at their provider.
constexpr std::string_view kCitation[] = {"type",
                                          "url",
                                          "title",
                                          "cited_text",
                                          "file_id",
                                          "encrypted_index",
                                          "document_index",
                                          "document_title",
                                          "start_char_index",
                                          "end_char_index",
                                          "start_page_number",
                                          "end_page_number",
                                          "start_block_index",
                                          "end_block_index",
                                          "search_result_index",
                                          "source",
                                          "start_index",
                                          "end_index",
                                          "index",
                                          "filename",
                                          "container_id",
                                          "content",
                                          "domain",
                                          "text"};
constexpr std::string_view kCitationOpened[] = {"url_citation", "location", "web", "sourceContent"};

constexpr std::string_view kToken[] = {"token", "logprob", "bytes", "token_id", "refusal"};
constexpr std::string_view kTokenOpened[] = {"content", "top_logprobs"};
constexpr std::string_view kList[] = {"content", "refusal", "top_logprobs"};

constexpr std::string_view kMark[] = {"type", "ttl"};

// What everybody has who asks for nothing else.
bool usual_tier(std::string_view tier) {
  constexpr std::string_view kUsual[] = {"", "default", "standard", "on_demand", "auto"};
  return contains(kUsual, tier);
}

bool usual(std::string_view name, const Json& value) {
  if (says_nothing(value)) return true;
  if (value.is_bool()) return !value.as_bool();
  if (value.is_number()) return Number(JsonNumber{value.number_text()}).value() == 0;
  if (value.is_object())
    return std::all_of(value.as_object().begin(), value.as_object().end(),
                       [](const auto& member) { return usual(member.first, member.second); });
  if (!value.is_string()) return false;
  if (name == "service_tier" || name == "serviceTier") return usual_tier(value.as_string());
  const std::string& word = value.as_string();
  if (name == "inference_geo") return word == "not_available" || word == "global";
  return name == "trafficType" && word == "ON_DEMAND";
}

// What a name begins with, put together only where something is named.
struct Prefix {
  std::string_view name;
  const Prefix* outer = nullptr;
  std::string text() const {
    return outer == nullptr ? std::string(name) : fmt::format("{}.{}", outer->text(), name);
  }
};

void note(const Json& value, const Known& known, const Prefix& prefix, Losses& losses) {
  if (value.is_array()) {
    for (const Json& one : value.as_array()) note(one, known, prefix, losses);
    return;
  }
  if (!value.is_object()) return;
  for (const auto& [name, inner] : value.as_object()) {
    const bool zero = inner.is_number() && inner.number_text() == "0";  // most are
    if (zero || contains(known.names, name)) continue;
    if ((inner.is_object() || inner.is_array()) && contains(known.opened, name)) {
      note(inner, known, {name, &prefix}, losses);
    } else if (!usual(name, inner)) {
      losses.cannot(Prefix{name, &prefix}.text());
    }
  }
}

}  // namespace

void note_unsaid(const Usage& usage, Losses& losses) {
  if (usage.dialect == losses.dialect() || usage.raw.is_null()) return;
  note(usage.raw, usage_of(usage.dialect), {"usage"}, losses);
}

void note_unsaid(const Citation& citation, Losses& losses) {
  if (citation.dialect == losses.dialect() || citation.raw.is_null()) return;
  note(citation.raw, {kCitation, kCitationOpened}, {"messages.content.citations"}, losses);
}

void note_unsaid_logprobs(const Json& logprobs, bool tokens, Losses& losses) {
  const Known all{kToken, kTokenOpened};
  const Known beside{kList};
  note(logprobs, tokens ? all : beside, {"choices.logprobs"}, losses);
}

void note_unsaid_mark(const Json& mark, Losses& losses) {
  note(mark, {kMark}, {"cache_control"}, losses);
}

void note_unsaid_tier(Dialect dialect, std::string_view tier, Losses& losses) {
  // Anthropic and Gemini say it in the usage, whose members are named there.
  if (dialect == Dialect::kAnthropic || dialect == Dialect::kGemini) return;
  if (dialect != losses.dialect() && !usual_tier(tier)) losses.cannot("service_tier");
}

}  // namespace sighter::wire
