// Parameters of another dialect in the words of Anthropic's models, whoever serves them.

#include "wire/anthropic_content.hpp"
#include "wire/effort.hpp"

namespace sighter::wire::anthropic {
namespace {

constexpr std::int64_t kBudgetMin = 1024;  // the least that the provider takes

bool zero(const std::optional<Number>& number) {
  return number.has_value() && number->value() == 0;
}

// A budget of tokens that the provider takes; none where max_tokens leaves no room for it.
void fit_budget(Reasoning& r, const std::optional<std::int64_t>& max_tokens, Losses& losses) {
  if (*r.budget_tokens < kBudgetMin) {
    r.budget_tokens = kBudgetMin;
    losses.approximate("reasoning.budget_tokens");
  }
  // The limit counts thoughts too and must be above the budget.
  if (!max_tokens.has_value() || *max_tokens > *r.budget_tokens) return;
  r.budget_tokens = *max_tokens / 2;
  losses.approximate("reasoning.budget_tokens");
  if (*r.budget_tokens >= kBudgetMin) return;
  losses.cannot("reasoning", "max_tokens leaves no room to think");
  r = Reasoning{};
}

}  // namespace

Reasoning thinking_of(const ChatRequest& request, std::string_view model, Losses& losses) {
  Reasoning r = *request.reasoning;
  losses.foreign(r.extra, "reasoning");
  // The newest models keep their thoughts to themselves unless they are asked; older ones show
  // them.
  const bool hidden = r.summary == "omitted";
  const bool shown = !r.summary.empty() || r.include_thoughts.value_or(false);
  r.extra = {};
  if (!losses.effort(r.effort)) r.effort.clear();
  if (thinks_by_budget(model)) {
    if (hidden) losses.approximate("reasoning.summary");
    r.summary.clear();
  } else {
    r.summary = hidden ? "omitted" : shown ? "summarized" : "";
  }
  if (r.effort == "none" || (r.effort.empty() && r.budget_tokens == 0)) {
    r = Reasoning{};
    r.mode = Reasoning::Mode::kOff;
    return r;
  }
  if (r.mode == Reasoning::Mode::kOff) return r;
  if (!r.effort.empty() && !r.budget_tokens.has_value() && !thinks_by_budget(model)) {
    r.mode = Reasoning::Mode::kAdaptive;
    if (r.effort == "minimal") {
      r.effort = "low";
      losses.approximate("reasoning.effort");
    }
    return r;
  }
  if (r.mode == Reasoning::Mode::kOn && r.effort.empty() && !r.budget_tokens.has_value()) {
    // Thinking without a word of how much: there it demands a budget or is the model's choice.
    if (!thinks_by_budget(model)) {
      r.mode = Reasoning::Mode::kAdaptive;
      return r;
    }
    r.effort = "medium";
  }
  if (!r.effort.empty() && !r.budget_tokens.has_value()) {
    r.budget_tokens = budget_of_effort(r.effort);
    losses.approximate("reasoning.effort");
  }
  if (!r.budget_tokens.has_value()) return r;
  if (thinks_by_budget(model)) r.effort.clear();
  r.mode = Reasoning::Mode::kOn;
  fit_budget(r, request.max_tokens, losses);
  return r;
}

void refuse_parameters(const ChatRequest& r, Losses& losses) {
  if (r.n.value_or(1) < 1) losses.wrong("n: must be at least 1");
  if (r.n.value_or(1) > 1) losses.cannot("n");
  if (r.seed.has_value()) losses.cannot("seed");
  if (r.min_p.has_value() && !zero(r.min_p)) losses.cannot("min_p");
  if (r.presence_penalty.has_value() && !zero(r.presence_penalty))
    losses.cannot("presence_penalty");
  if (r.frequency_penalty.has_value() && !zero(r.frequency_penalty))
    losses.cannot("frequency_penalty");
  if (r.logprobs.value_or(false)) losses.cannot("logprobs");
  if (r.top_logprobs.value_or(0) > 0) losses.cannot("top_logprobs");
  if (r.logit_bias.has_value() && !says_nothing(*r.logit_bias)) losses.cannot("logit_bias");
  if (r.prediction.has_value()) losses.cannot("prediction");
  if (r.verbosity.has_value()) losses.cannot("verbosity");
}

}  // namespace sighter::wire::anthropic
