#include "wire/differences.hpp"

#include <algorithm>
#include <array>

namespace sighter::wire {
namespace {

using Side = Difference::Side;
using How = Difference::How;

constexpr std::string_view kAnywhere = "*";

constexpr Difference kRows[] = {
    // Reported by name.
    {Side::kRequest, "openai", "openai-responses gemini", How::kApproximated, "cache_control", "",
     "marks for the prompt cache are not said there"},
    {Side::kRequest, "openai", "anthropic gemini", How::kApproximated,
     "response_format.description", "", "not said there"},
    {Side::kRequest, "openai", "gemini", How::kApproximated, "tools.strict", "", "not said there"},
    {Side::kRequest, "openai", "gemini", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "openai", "*", How::kApproximated, "messages.content.thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "openai", "gemini", How::kApproximated, "reasoning.effort", "",
     "tokens and words are turned into each other"},
    {Side::kRequest, "openai", "*", How::kRefused,
     "clear_thinking logit_bias messages.prefix models prediction provider reasoning_format "
     "transforms usage web_search_options",
     "", "a parameter that is not there"},
    {Side::kRequest, "openai", "anthropic openai-responses", How::kRefused,
     "frequency_penalty n presence_penalty seed", "", "a parameter that is not there"},
    {Side::kRequest, "openai", "anthropic", How::kRefused, "logprobs top_logprobs", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai", "anthropic gemini", How::kRefused,
     "moderation prompt_cache_key safety_identifier service_tier store thinking verbosity", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai", "openai-responses", How::kRefused, "stop thinking", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai", "gemini", How::kRefused, "user", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai", "*", How::kRefused,
     "tools.eager_input_streaming tools.openrouter:advisor tools.openrouter:web_search", "",
     "a tool that the provider runs itself, or a member of its tools alone"},
    {Side::kRequest, "openai", "anthropic gemini", How::kRefused, "messages.content.file_id", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "openai", "anthropic openai-responses", How::kRefused,
     "messages.content.video", "", "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "anthropic", "openai", How::kApproximated,
     "messages.content.tool_result.media", "",
     "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "anthropic", "*", How::kApproximated, "cache_control", "",
     "marks for the prompt cache are not said there"},
    {Side::kRequest, "*", "anthropic gemini bedrock", How::kRefused, "messages.content.empty", "",
     "a message without content is refused there"},
    {Side::kRequest, "*", "anthropic gemini bedrock", How::kApproximated, "messages.content.empty",
     "", "a turn of the assistant without content is left out"},
    {Side::kRequest, "*", "gemini", How::kApproximated, "messages.content.media_type", "",
     "demanded there; an address without an ending is taken for a JPEG"},
    {Side::kRequest, "openai-responses", "*", How::kApproximated, "messages.phase", "",
     "what a message is to its model is not said there"},
    {Side::kRequest, "openai-responses", "*", How::kRefused, "include", "",
     "what a tool that the provider runs itself would show"},
    {Side::kRequest, "*", "gemini", How::kApproximated, "messages.content.name", "",
     "files have no names there"},
    {Side::kRequest, "anthropic", "openai", How::kApproximated, "reasoning.summary", "",
     "not said there"},
    {Side::kRequest, "anthropic", "gemini", How::kApproximated, "tools.strict", "",
     "not said there"},
    {Side::kRequest, "anthropic", "gemini", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "anthropic", "*", How::kApproximated, "messages.content.thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "anthropic", "gemini", How::kApproximated, "messages.system_position", "",
     "system prompts stand in front there"},
    {Side::kRequest, "anthropic", "*", How::kApproximated, "reasoning.budget_tokens", "",
     "tokens and words are turned into each other"},
    {Side::kRequest, "anthropic", "gemini", How::kApproximated, "reasoning.effort", "",
     "tokens and words are turned into each other"},
    {Side::kRequest, "anthropic", "*", How::kRefused,
     "messages.content.bash_code_execution_tool_result messages.content.container_upload "
     "messages.content.mcp_tool_use messages.content.server_tool_use "
     "messages.content.tool_addition messages.content.tool_reference "
     "messages.content.tool_search_tool_result messages.content.web_fetch_tool_result "
     "messages.content.web_search_tool_result",
     "", "a block of a tool that the provider runs itself"},
    {Side::kRequest, "anthropic", "*", How::kRefused, "container mcp_servers", "",
     "a parameter that is not there"},
    {Side::kRequest, "anthropic", "openai openai-responses", How::kRefused, "top_k", "",
     "a parameter that is not there"},
    {Side::kRequest, "anthropic", "*", How::kRefused,
     "tools.advisor_20260301 tools.code_execution_20260120 tools.defer_loading "
     "tools.memory_20250818 tools.tool_search_tool_bm25_20251119 tools.web_fetch_20250910 "
     "tools.web_search_20250305",
     "", "a tool that the provider runs itself, or a member of its tools alone"},
    {Side::kRequest, "anthropic", "openai", How::kRefused, "messages.content.document.url", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "openai-responses", "openai", How::kApproximated,
     "messages.content.tool_result.media", "",
     "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "openai-responses", "gemini", How::kApproximated,
     "messages.content.tool_result.name", "",
     "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "openai-responses", "openai", How::kApproximated, "reasoning.summary", "",
     "not said there"},
    {Side::kRequest, "openai-responses", "gemini", How::kApproximated, "tools.strict", "",
     "not said there"},
    {Side::kRequest, "openai-responses", "gemini", How::kApproximated, "messages.content.signature",
     "", "only the provider that made a thought takes it back"},
    {Side::kRequest, "openai-responses", "*", How::kApproximated, "messages.content.thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "openai-responses", "anthropic gemini", How::kApproximated,
     "messages.system_position", "", "system prompts stand in front there"},
    {Side::kRequest, "openai-responses", "gemini", How::kApproximated, "reasoning.effort", "",
     "tokens and words are turned into each other"},
    {Side::kRequest, "openai-responses", "*", How::kRefused,
     "messages.content.additional_tools messages.content.compaction messages.content.mcp_call "
     "messages.content.mcp_list_tools messages.content.tool_search_call "
     "messages.content.tool_search_output",
     "", "a block of a tool that the provider runs itself"},
    {Side::kRequest, "openai-responses", "gemini", How::kRefused, "messages.content.namespace", "",
     "a member of that dialect alone"},
    {Side::kRequest, "openai-responses", "openai anthropic", How::kRefused,
     "messages.content.tool_use.namespace", "", "a member of that dialect alone"},
    {Side::kRequest, "openai-responses", "*", How::kRefused,
     "background context_management conversation moderation previous_response_id reasoning.context "
     "reasoning.generate_summary truncation",
     "", "a parameter that is not there"},
    {Side::kRequest, "openai-responses", "anthropic", How::kRefused,
     "logprobs response_format tool_choice", "", "a parameter that is not there"},
    {Side::kRequest, "openai-responses", "gemini", How::kRefused, "parallel_tool_calls", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai-responses", "anthropic gemini", How::kRefused, "verbosity", "",
     "a parameter that is not there"},
    {Side::kRequest, "openai-responses", "*", How::kRefused,
     "tools.code_interpreter tools.defer_loading tools.file_search tools.mcp tools.namespace "
     "tools.tool_search tools.web_search",
     "", "a tool that the provider runs itself, or a member of its tools alone"},
    {Side::kRequest, "openai-responses", "openai", How::kRefused, "messages.content.document.url",
     "", "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "openai-responses", "*", How::kRefused, "messages.content.file_id", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "gemini", "openai openai-responses", How::kApproximated,
     "messages.content.is_error", "",
     "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "gemini", "openai", How::kApproximated, "messages.content.tool_result.media",
     "", "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "gemini", "*", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "gemini", "*", How::kRefused,
     "messages.content.toolCall messages.content.toolResponse", "",
     "a block of a tool that the provider runs itself"},
    {Side::kRequest, "gemini", "anthropic", How::kRefused,
     "logprobs metadata response_format tool_choice top_logprobs", "",
     "a parameter that is not there"},
    {Side::kRequest, "gemini", "*", How::kRefused,
     "modelArmorConfig safetySettings toolConfig.includeServerSideToolInvocations", "",
     "a parameter that is not there"},
    {Side::kRequest, "gemini", "anthropic openai-responses", How::kRefused, "n seed", "",
     "a parameter that is not there"},
    {Side::kRequest, "gemini", "openai openai-responses", How::kRefused, "top_k", "",
     "a parameter that is not there"},
    {Side::kRequest, "gemini", "openai-responses", How::kRefused, "stop", "",
     "a parameter that is not there"},
    {Side::kRequest, "gemini", "*", How::kRefused,
     "tools.codeExecution tools.fileSearch tools.googleSearch tools.urlContext", "",
     "a tool that the provider runs itself, or a member of its tools alone"},
    {Side::kRequest, "gemini", "*", How::kRefused,
     "messages.content.audio messages.content.file_id", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "gemini", "openai", How::kRefused, "messages.content.document.url", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "gemini", "anthropic openai-responses", How::kRefused,
     "messages.content.video", "", "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "*", "bedrock", How::kApproximated, "cache_control", "",
     "a mark inside a result comes behind it"},
    {Side::kRequest, "*", "bedrock", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kRequest, "anthropic openai-responses", "bedrock", How::kApproximated,
     "messages.system_position", "", "system prompts stand in front there"},
    {Side::kRequest, "openai anthropic openai-responses gemini", "bedrock", How::kApproximated,
     "tool_choice", "", "it has no \"none\": the tools are left out"},
    {Side::kRequest, "openai-responses", "bedrock", How::kApproximated,
     "messages.content.document.name", "", "letters, digits, blanks, '-' and brackets only"},
    {Side::kRequest, "openai anthropic openai-responses", "bedrock", How::kApproximated,
     "reasoning.effort", "", "tokens and words are turned into each other"},
    {Side::kRequest, "openai", "bedrock", How::kApproximated, "service_tier", "",
     "\"auto\" is what the absence means there"},
    {Side::kRequest, "*", "bedrock", How::kRefused,
     "frequency_penalty logprobs n presence_penalty response_format seed tool_choice top_logprobs "
     "service_tier user verbosity parallel_tool_calls reasoning top_k moderation prompt_cache_key "
     "safety_identifier store thinking",
     "", "a parameter that is not there"},
    {Side::kRequest, "*", "bedrock", How::kRefused,
     "messages.content.audio.url messages.content.document.url messages.content.file_id "
     "messages.content.image.url messages.content.video.url",
     "", "media come as bytes, or lie in S3"},
    {Side::kRequest, "openai-responses", "bedrock", How::kRefused,
     "messages.content.tool_use.namespace", "", "a member of that dialect alone"},
    {Side::kRequest, "bedrock", "*", How::kApproximated,
     "cache_control reasoning.budget_tokens messages.content.thinking", "",
     "not said there, or in other words"},
    {Side::kRequest, "bedrock", "gemini", How::kApproximated,
     "tools.strict messages.content.signature", "", "not said there"},
    {Side::kRequest, "bedrock", "anthropic gemini", How::kApproximated,
     "response_format.description", "", "not said there"},
    {Side::kRequest, "bedrock", "openai", How::kApproximated, "messages.content.tool_result.media",
     "", "a result is a text there; its media follow in a message of the user"},
    {Side::kRequest, "bedrock", "*", How::kRefused, "guardrailConfig performanceConfig", "",
     "a parameter that is not there"},
    {Side::kRequest, "bedrock", "openai openai-responses", How::kRefused, "top_k", "",
     "a parameter that is not there"},
    {Side::kRequest, "bedrock", "*", How::kRefused,
     "messages.content.nova_code_interpreter_result messages.content.server_tool_use "
     "tools.nova_code_interpreter",
     "", "a tool that the provider runs itself, or a block of it"},
    {Side::kRequest, "bedrock", "*", How::kRefused, "messages.content.file_id", "",
     "media that is not taken there, or lies with another provider"},
    {Side::kRequest, "bedrock", "anthropic openai-responses", How::kRefused,
     "messages.content.video", "", "media that is not taken there, or lies with another provider"},
    {Side::kReply, "openai", "*", How::kLeftOut,
     "usage.completion_time usage.cost_details usage.is_byok usage.prompt_time "
     "usage.pydantic_ai_gateway usage.queue_time "
     "usage.server_tool_use_details.tool_calls_executed "
     "usage.server_tool_use_details.tool_calls_requested usage.total_time",
     "", "times, prices and counts of one provider's own"},
    {Side::kReply, "anthropic", "*", How::kLeftOut,
     "usage.iterations usage.server_tool_use.web_fetch_requests", "",
     "times, prices and counts of one provider's own"},
    {Side::kReply, "gemini", "*", How::kLeftOut, "usage.pydantic_ai_gateway usage.trafficType", "",
     "times, prices and counts of one provider's own"},
    {Side::kReply, "openai bedrock", "*", How::kLeftOut, "service_tier", "",
     "another tier than the usual one"},
    {Side::kReply, "*", "bedrock", How::kApproximated, "usage.reasoning", "", "not counted there"},
    {Side::kReply, "gemini", "bedrock", How::kApproximated, "messages.content.signature", "",
     "only thoughts are signed there"},
    {Side::kReply, "*", "bedrock", How::kLeftOut, "choices.logprobs choices.message.reasoning", "",
     "a member of that dialect or server alone"},
    {Side::kReply, "bedrock", "*", How::kLeftOut,
     "messages.content.nova_code_interpreter_result messages.content.server_tool_use", "",
     "a block of a tool that the provider runs itself"},
    {Side::kReply, "bedrock", "*", How::kLeftOut, "metrics performanceConfig trace", "",
     "a member of that dialect or server alone"},
    {Side::kReply, "bedrock", "gemini", How::kApproximated,
     "messages.content.signature usage.cache_write", "", "not said there"},
    {Side::kReply, "bedrock", "gemini", How::kLeftOut, "messages.content.redacted_thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "openai", "gemini", How::kApproximated, "usage.cache_write", "",
     "not counted there"},
    {Side::kReply, "openai", "gemini", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "openai", "anthropic gemini", How::kLeftOut, "messages.content.format", "",
     "a member of that dialect alone"},
    {Side::kReply, "openai", "anthropic", How::kLeftOut,
     "choices.logprobs choices.message.reasoning", "", "a member of that dialect or server alone"},
    {Side::kReply, "openai", "*", How::kLeftOut,
     "choices.message.audio choices.message.channel choices.message.executed_tools "
     "choices.native_finish_reason choices.seed choices.stop_reason metadata moderation "
     "obfuscation provider request_id sla_metrics system_fingerprint time_info usage_breakdown "
     "x_groq",
     "", "a member of that dialect or server alone"},
    {Side::kReply, "openai", "gemini", How::kLeftOut, "messages.content.redacted_thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "anthropic", "gemini", How::kApproximated, "usage.cache_write", "",
     "not counted there"},
    {Side::kReply, "anthropic", "gemini", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "anthropic", "*", How::kLeftOut,
     "messages.content.advisor_tool_result messages.content.bash_code_execution_tool_result "
     "messages.content.mcp_tool_result messages.content.mcp_tool_use "
     "messages.content.server_tool_use messages.content.text_editor_code_execution_tool_result "
     "messages.content.tool_search_tool_result messages.content.web_fetch_tool_result "
     "messages.content.web_search_tool_result",
     "", "a block of a tool that the provider runs itself"},
    {Side::kReply, "anthropic", "openai", How::kLeftOut, "messages.content.tool_use.caller", "",
     "a member of that dialect alone"},
    {Side::kReply, "anthropic", "*", How::kLeftOut, "container", "",
     "a member of that dialect or server alone"},
    {Side::kReply, "anthropic", "gemini", How::kLeftOut, "messages.content.redacted_thinking", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "openai-responses", "gemini", How::kApproximated, "usage.cache_write", "",
     "not counted there"},
    {Side::kReply, "openai-responses", "gemini", How::kApproximated, "messages.content.signature",
     "", "only the provider that made a thought takes it back"},
    {Side::kReply, "openai-responses", "*", How::kLeftOut,
     "messages.content.code_interpreter_call messages.content.compaction "
     "messages.content.file_search_call messages.content.mcp_call messages.content.mcp_list_tools "
     "messages.content.tool_search_call messages.content.tool_search_output "
     "messages.content.web_search_call",
     "", "a block of a tool that the provider runs itself"},
    {Side::kReply, "openai-responses", "gemini", How::kLeftOut, "messages.content.namespace", "",
     "a member of that dialect alone"},
    {Side::kReply, "openai-responses", "openai", How::kLeftOut, "messages.content.tool_use.id", "",
     "a member of that dialect alone"},
    {Side::kReply, "openai-responses", "openai anthropic bedrock", How::kLeftOut,
     "messages.content.tool_use.namespace", "", "a member of that dialect alone"},
    {Side::kReply, "openai-responses", "*", How::kLeftOut,
     "billing content_filters conversation moderation tool_usage total_tokens", "",
     "a member of that dialect or server alone"},
    {Side::kReply, "openai-responses", "anthropic", How::kLeftOut, "choices.logprobs", "",
     "a member of that dialect or server alone"},
    {Side::kReply, "openai-responses", "*", How::kLeftOut, "messages.content.citations", "",
     "a source without an address"},
    {Side::kReply, "openai-responses", "*", How::kLeftOut,
     "event.response.file_search_call.completed event.response.file_search_call.in_progress "
     "event.response.file_search_call.searching event.response.mcp_list_tools.completed "
     "event.response.mcp_list_tools.in_progress event.response.queued "
     "event.response.web_search_call.completed event.response.web_search_call.in_progress "
     "event.response.web_search_call.searching",
     "", "progress of a tool that the provider runs itself"},
    {Side::kReply, "gemini", "openai", How::kApproximated, "messages.content.signature", "",
     "only the provider that made a thought takes it back"},
    {Side::kReply, "gemini", "openai anthropic", How::kApproximated, "choices.finish_reason", "",
     "the nearest word is said"},
    {Side::kReply, "gemini", "*", How::kLeftOut,
     "messages.content.codeExecutionResult messages.content.executableCode "
     "messages.content.toolCall messages.content.toolResponse",
     "", "a block of a tool that the provider runs itself"},
    {Side::kReply, "gemini", "*", How::kLeftOut,
     "choices.avgLogprobs choices.finishMessage choices.groundingMetadata choices.safetyRatings "
     "choices.urlContextMetadata createTime",
     "", "a member of that dialect or server alone"},
    {Side::kReply, "gemini", "anthropic", How::kLeftOut, "choices.logprobs", "",
     "a member of that dialect or server alone"},

    {Side::kReply, "openai openai-responses", "*", How::kApproximated, "choices.finish_reason", "",
     "why it ended was not said there"},

    // Other forms of the same, and what follows from the above.
    {Side::kRequest, "*", "anthropic", How::kFollows, "", "max_tokens",
     "demanded there: 8192 where the request has none"},
    {Side::kRequest, "*", "gemini bedrock", How::kFollows, "", "model stream",
     "said in the address there"},
    {Side::kRequest, "*", "*", How::kFollows, "cache_control",
     "messages.content.cache_control tools.cache_control", "the marks go with it"},
    {Side::kRequest, "*", "*", How::kFollows, "messages.content.thinking",
     "messages.content.signature", "the proof goes with the thought"},
    {Side::kRequest, "gemini", "*", How::kFollows, "messages.content.toolCall",
     "messages.content.signature", "the proof goes with the block"},
    {Side::kRequest, "*", "*", How::kFollows, "messages.content.thinking",
     "messages.content.redacted_thinking", "an encrypted thought goes too"},
    {Side::kRequest, "*", "*", How::kFollows,
     "messages.content.audio messages.content.audio.url messages.content.document.url "
     "messages.content.file_id messages.content.image.url messages.content.video "
     "messages.content.video.url messages.content.tool_result.media",
     "messages.media", "the media that the name stands for is left out, or comes later"},
    {Side::kRequest, "anthropic openai-responses bedrock", "openai", How::kFollows,
     "messages.content.tool_result.media", "messages.tool_results",
     "a result of media alone points to the next message"},
    {Side::kRequest, "openai-responses", "anthropic bedrock", How::kFollows, "",
     "messages.tool_calls.id messages.tool_results.id",
     "ids have letters, digits, '_' and '-' only there; calls and results still meet"},
    {Side::kRequest, "*", "*", How::kFollows, "",
     "reasoning.effort reasoning.mode reasoning.summary reasoning.include_thoughts",
     "the same wish in the dialect's own words"},
    {Side::kRequest, "*", "*", How::kFollows, "", "response_format.name response_format.strict",
     "a schema has no name there, or has to have one; it is always enforced, or says so"},
    {Side::kRequest, "*", "bedrock", How::kFollows, "reasoning reasoning.effort",
     "reasoning.budget_tokens", "the wish to think goes as a whole, in words or in tokens"},
    {Side::kRequest, "*", "bedrock", How::kFollows, "tool_choice",
     "tools tools.schema tools.strict", "tools that may not be called are not named"},
    {Side::kRequest, "openai bedrock", "anthropic gemini", How::kFollows, "", "service_tier",
     "the same in the dialect's own word, or what its absence means"},
    {Side::kRequest, "bedrock anthropic", "anthropic bedrock", How::kFollows, "",
     "messages.content.redacted_thinking", "a blob in base64 there, its text here"},
    {Side::kReply, "*", "bedrock", How::kFollows, "", "id model", "replies do not say it there"},
    {Side::kReply, "bedrock anthropic openai", "anthropic bedrock openai", How::kFollows, "",
     "messages.content.redacted_thinking", "a blob in base64 there, its text here"},
    {Side::kReply, "*", "openai-responses", How::kFollows, "", "id",
     "ids of responses begin with resp_"},
    {Side::kReply, "anthropic", "gemini", How::kFollows, "", "messages.content.citations",
     "citations come in the order of their sources"},
    {Side::kReply, "openai anthropic bedrock", "openai-responses", How::kCarried, "",
     "messages.content.redacted_thinking messages.content.signature",
     "in encrypted_content, marked with the provider that alone gets it back"},
    {Side::kReply, "openai-responses", "*", How::kApproximated, "messages.phase", "",
     "what a message is to its model is not said there"},
    {Side::kReply, "bedrock", "anthropic", How::kCarried, "", "messages.content.signature",
     "a thought without one is marked with the provider that said it"},
    {Side::kReply, "openai openai-responses gemini", "anthropic", How::kCarried, "",
     "messages.content.redacted_thinking messages.content.signature",
     "in the signature of a thought, marked with the provider that alone gets it back"},
    {Side::kReply, "gemini", "openai-responses", How::kCarried, "", "messages.content.signature",
     "in encrypted_content, marked with the provider that alone gets it back"},
    {Side::kReply, "gemini", "*", How::kFollows, "", "usage.image_input usage.audio_input",
     "part of the input there; the call's row keeps the count"},
    {Side::kReply, "anthropic openai", "*", How::kFollows, "", "usage.tool_requests",
     "not counted there; the call's row keeps the count"},
    {Side::kReply, "openai", "*", How::kFollows, "", "usage.cost_usd",
     "not said there; the call's row keeps it"},
};

bool lists(std::string_view words, std::string_view word) {
  if (words == kAnywhere) return true;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

std::string ticked(std::string_view words) {
  std::string out;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (!out.empty()) out += ", ";
    out += '`';
    out += words.substr(0, end);
    out += '`';
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return out;
}

void write_side(std::string& out, Side side) {
  out += "| from | to | what | how | why |\n|---|---|---|---|---|\n";
  for (const Difference& row : kRows) {
    if (row.side != side) continue;
    std::string what = row.how == How::kFollows ? ticked(row.facts) : ticked(row.names);
    if (row.how == How::kCarried) what = ticked(row.facts);
    if (row.how == How::kFollows && !row.names.empty()) what += " (with " + ticked(row.names) + ")";
    out +=
        fmt::format("| {} | {} | {} | {} | {} |\n", row.from == kAnywhere ? "any" : row.from,
                    row.to == kAnywhere ? "any other" : row.to, what, to_string(row.how), row.why);
  }
}

}  // namespace

bool Difference::between(Dialect a, Dialect b) const {
  return a != b && lists(from, wire::to_string(a)) && lists(to, wire::to_string(b));
}

std::string_view to_string(Difference::How how) {
  constexpr std::array<std::string_view, 5> kWords{"refused", "left out", "approximated", "carried",
                                                   "another form"};
  return kWords[static_cast<std::size_t>(how)];
}

std::span<const Difference> differences() {
  return kRows;
}

std::string differences_markdown() {
  std::string out = "### Requests\n\n";
  write_side(out, Side::kRequest);
  out += "\n### Replies and streams\n\n";
  write_side(out, Side::kReply);
  return out;
}

}  // namespace sighter::wire
