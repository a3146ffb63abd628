#pragma once
// Every limit of the program, in one place, with its unit. What is refused says which limit it hit.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sighter::limits {

using namespace std::chrono_literals;

// Text that people write
inline constexpr std::size_t kJsonDepthMax = 256;
inline constexpr std::size_t kLineBytesMax = 64u << 20;       // one line of JSON Lines or CSV
inline constexpr std::size_t kConfigBytesMax = 4u << 20;      // one TOML file
inline constexpr std::size_t kTemplateBytesMax = 4u << 20;    // one template
inline constexpr std::size_t kRenderedBytesMax = 64u << 20;   // what a template may produce
inline constexpr std::size_t kTemplateStepsMax = 10'000'000;  // loop turns and calls of a render
inline constexpr std::size_t kTemplateDepthMax = 200;         // nesting of a template
inline constexpr std::size_t kRegexMatchSteps = 1'000'000;    // PCRE2 match limit
inline constexpr std::size_t kRegexBytesMax = 64u << 10;      // one pattern
inline constexpr std::size_t kRegexDepthMax = 200;            // groups within groups
inline constexpr std::size_t kSchemaStepsMax = 20'000'000;    // schemas applied to one value
inline constexpr std::size_t kSchemaDepthMax = 1'500;         // schemas within schemas, at run time
inline constexpr std::size_t kSchemaNodesMax = 200'000;       // schemas of one compiled schema
inline constexpr std::size_t kNumberExponentMax = 100'000;    // decimal digits of exact arithmetic
inline constexpr std::size_t kGrammarRulesMax = 5'000;        // rules of one grammar
inline constexpr std::size_t kGrammarRepeatMax = 1'000;       // bounded repetition of one rule

// HTTP
inline constexpr std::size_t kHeaderBytesMax = 64u << 10;
inline constexpr std::size_t kRequestBytesMax = 64u << 20;
inline constexpr std::size_t kRequestValuesMax = 1'000'000;     // JSON values of one body
inline constexpr std::size_t kConversationValuesMax = 200'000;  // of one that is translated
inline constexpr std::size_t kRequestsBytesMax = 512u << 20;    // bodies that a server holds
inline constexpr std::size_t kResponseBytesMax = 64u << 20;
inline constexpr std::size_t kEventBytesMax = 16u << 20;  // one server-sent event
inline constexpr std::size_t kIdlePerHostMax = 256;       // kept-alive upstream connections
inline constexpr auto kIdleConnectionMax = 20s;           // below the usual peer's own
inline constexpr auto kConnectTimeout = 10s;
inline constexpr auto kFirstByteTimeout = 600s;
inline constexpr auto kGapTimeout = 120s;
inline constexpr auto kTotalTimeout = 1200s;

// Processes
inline constexpr std::size_t kChildLineBytesMax = 16u << 20;
inline constexpr auto kChildTimeout = 60s;  // one row
inline constexpr auto kChildRestartBackoffMax = 10s;

// Store
inline constexpr std::size_t kStoreQueueRowsMax = 65'536;
inline constexpr std::size_t kCommitRowsMax = 128;
inline constexpr auto kCommitIntervalMax = 5ms;

// Engine
inline constexpr int kToolTurnsMax = 16;     // rounds of tool calls of one call
inline constexpr int kInFlightDefault = 64;  // rows at a time of a run
inline constexpr int kCallDepthMax = 16;     // a function calling a function

}  // namespace sighter::limits
