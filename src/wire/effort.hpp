#pragma once
// How much to think: words on one side, tokens on the other. The figures between them are a
// convention of this program (no provider documents one); both directions agree with each other.

#include <cstdint>
#include <string_view>

namespace sighter::wire {

// True for the words that some dialect documents: none, minimal, low, medium, high, xhigh, max.
bool known_effort(std::string_view effort);
// Tokens for "minimal" 1024, "low" 2048, "medium" 8192, "high" 16384, anything above 32768; 0 for
// "none".
std::int64_t budget_of_effort(std::string_view effort);
// The smallest of "low", "medium" and "high" with at least that many, else "high"; "none" for 0.
std::string_view effort_of_budget(std::int64_t budget);
// True for the models of Anthropic that take a budget of tokens and no word (Claude 4.5 and
// before).
bool thinks_by_budget(std::string_view model);
// True for the models of Google that take a budget of tokens and no word (Gemini 2.5 and before).
bool gemini_thinks_by_budget(std::string_view model);

}  // namespace sighter::wire
