#include "models/count_tokens.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "models/percent.hpp"
#include "wire/anthropic.hpp"

namespace sighter::models {
namespace {

using wire::Dialect;

// What OpenAI's description lists for the body (TokenCountsBody).
constexpr std::string_view kResponsesMembers[] = {
    "model",        "input",       "previous_response_id", "tools",
    "text",         "reasoning",   "truncation",           "instructions",
    "conversation", "tool_choice", "parallel_tool_calls"};
// What Bedrock's ConverseTokensRequest holds.
constexpr std::string_view kConverseMembers[] = {"messages", "system", "toolConfig",
                                                 "additionalModelRequestFields"};

Json only(Json body, std::span<const std::string_view> names) {
  Json out = Json::object();
  for (auto& [name, value] : body.as_object()) {
    if (std::find(names.begin(), names.end(), name) != names.end())
      out.as_object().append(name, std::move(value));
  }
  return out;
}

Json wrapped(Dialect dialect, Json body, std::string_view model) {
  switch (dialect) {
    case Dialect::kOpenAiResponses:
      return only(std::move(body), kResponsesMembers);
    case Dialect::kGemini: {
      body.as_object().set("model", fmt::format("models/{}", model));
      return Json::object({{"generateContentRequest", std::move(body)}});
    }
    default:
      return Json::object(
          {{"input", Json::object({{"converse", only(std::move(body), kConverseMembers)}})}});
  }
}

}  // namespace

bool counts_tokens(Dialect dialect) {
  return dialect == Dialect::kAnthropic || dialect == Dialect::kOpenAiResponses ||
         dialect == Dialect::kGemini || dialect == Dialect::kBedrock;
}

std::string count_path(Dialect dialect, std::string_view upstream) {
  CHECK(counts_tokens(dialect));
  switch (dialect) {
    case Dialect::kOpenAiResponses:
      return "/responses/input_tokens";
    case Dialect::kGemini:
      return fmt::format("/models/{}:countTokens", percent_encoded(upstream));
    case Dialect::kBedrock:
      return fmt::format("/model/{}/count-tokens", percent_encoded(upstream));
    default:
      return "/messages/count_tokens";
  }
}

Result<wire::Encoded> encode_count(const wire::ChatRequest& request, Dialect dialect,
                                   const wire::EncodeOptions& options) {
  if (dialect == Dialect::kAnthropic) return wire::anthropic::encode_count_tokens(request, options);
  Result<wire::Encoded> encoded = wire::codec_of(dialect)->encode_request(request, options);
  if (!encoded) return encoded;
  Result<Json> body = json_parse(encoded->body);
  if (!body) return std::unexpected(std::move(body.error()));
  const std::string_view model = options.model.empty() ? request.model : options.model;
  encoded->body = json_write(wrapped(dialect, std::move(*body), model));
  return encoded;
}

Result<std::string> counted(Dialect dialect, const Json& reply) {
  const std::string_view name = dialect == Dialect::kGemini    ? "totalTokens"
                                : dialect == Dialect::kBedrock ? "inputTokens"
                                                               : "input_tokens";
  const Json* member = reply.find(name);
  const std::optional<std::int64_t> count = member == nullptr ? std::nullopt : member->to_int();
  if (!count || *count < 0)
    return fail(Kind::kUpstream, fmt::format("the reply counts no tokens: {} is missing", name));
  return json_write(Json::object({{"input_tokens", *count}}));
}

}  // namespace sighter::models
