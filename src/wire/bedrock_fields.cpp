// "additionalModelRequestFields": what Converse itself has no name for, in each family's words.

#include "wire/anthropic_content.hpp"
#include "wire/bedrock_content.hpp"
#include "wire/effort.hpp"

namespace sighter::wire::bedrock {
namespace {

constexpr Dialect kMe = Dialect::kBedrock;
const Place kNowhere{};
using Mode = ObjectReader::Mode;

// "thinking" of Anthropic's models; what is left over goes back under its name.
bool decode_thinking(ObjectReader& fields, Reasoning& reasoning, Extra& rest) {
  JsonObject* thinking = fields.object("thinking");
  if (thinking == nullptr) return false;
  ObjectReader inner(*thinking, kNowhere, Mode::kLenient);
  if (inner.constant("type", "enabled")) reasoning.mode = Reasoning::Mode::kOn;
  if (inner.constant("type", "disabled")) reasoning.mode = Reasoning::Mode::kOff;
  if (inner.constant("type", "adaptive")) reasoning.mode = Reasoning::Mode::kAdaptive;
  if (reasoning.mode == Reasoning::Mode::kUnsaid) return false;
  inner.integer("budget_tokens", reasoning.budget_tokens);
  inner.string("display", reasoning.summary);
  rest = inner.rest(kMe);
  fields.take(fields.peek("thinking"));
  return true;
}

// An effort, in the first place that says one.
bool decode_effort(ObjectReader& fields, Reasoning& reasoning, std::uint32_t& forms, Extra& rest,
                   std::string_view& name) {
  if (const Json* word = fields.peek("reasoning_effort"); word != nullptr && word->is_string()) {
    forms |= forms::kReasoningEffort;
    return fields.string("reasoning_effort", reasoning.effort);
  }
  if (const Json* word = fields.peek("reasoning_config"); word != nullptr && word->is_string()) {
    forms |= forms::kReasoningConfig;
    return fields.string("reasoning_config", reasoning.effort);
  }
  for (const std::string_view holder : {"output_config", "reasoningConfig"}) {
    const bool nova = holder == "reasoningConfig";
    JsonObject* object = fields.object(holder);
    if (object == nullptr) continue;
    ObjectReader inner(*object, kNowhere, Mode::kLenient);
    if (nova && !inner.constant("type", "enabled")) continue;
    if (!inner.string(nova ? "maxReasoningEffort" : "effort", reasoning.effort)) continue;
    if (nova) forms |= forms::kNova;
    rest = inner.rest(kMe);
    name = holder;
    fields.take(fields.peek(holder));
    return true;
  }
  return false;
}

void decode_top_k(ObjectReader& fields, ChatRequest& request, std::uint32_t& forms, Extra& rest) {
  if (fields.number("top_k", request.top_k)) return;
  JsonObject* config = fields.object("inferenceConfig");
  if (config == nullptr) return;
  ObjectReader inner(*config, kNowhere, Mode::kLenient);
  if (!inner.number("topK", request.top_k)) return;
  forms |= forms::kNovaTopK;
  rest = inner.rest(kMe);
  fields.take(fields.peek("inferenceConfig"));
}

void write_thinking(ObjectWriter& fields, const Reasoning& r, const Json* rest) {
  if (r.mode == Reasoning::Mode::kUnsaid) return;
  ObjectWriter inner(fields.key("thinking"));
  inner.string("type", r.mode == Reasoning::Mode::kOff  ? "disabled"
                       : r.mode == Reasoning::Mode::kOn ? "enabled"
                                                        : "adaptive");
  inner.optional("budget_tokens", r.budget_tokens);
  inner.string_if("display", r.summary);
  if (rest != nullptr && rest->is_object()) inner.rest(rest->as_object());
  inner.end();
}

struct Field {
  std::string_view holder{};  // the object that holds it; empty: none
  std::string_view name{};
};

void write_effort(ObjectWriter& fields, std::string_view effort, Field where, bool typed,
                  const Json* rest) {
  if (where.holder.empty()) return fields.string(where.name, effort);
  ObjectWriter inner(fields.key(where.holder));
  if (typed) inner.string("type", "enabled");
  inner.string(where.name, effort);
  if (rest != nullptr && rest->is_object()) inner.rest(rest->as_object());
  inner.end();
}

// Where a family reads the effort; no name: it cannot.
Field effort_of(Family family) {
  switch (family) {
    case Family::kAnthropic:
      return {"output_config", "effort"};
    case Family::kNova2:
      return {"reasoningConfig", "maxReasoningEffort"};
    case Family::kOpenAi:
      return {{}, "reasoning_effort"};
    case Family::kQwen:
      return {{}, "reasoning_config"};
    default:
      return {};
  }
}

// The wish to think in the words of the model that is asked.
Reasoning put_to(const ChatRequest& request, std::string_view model, Family family,
                 Losses& losses) {
  if (family == Family::kAnthropic) return anthropic::thinking_of(request, model, losses);
  Reasoning r = *request.reasoning;
  losses.foreign(r.extra, "reasoning");
  r.extra = {};
  if (!losses.effort(r.effort)) r.effort.clear();
  const bool off = r.mode == Reasoning::Mode::kOff || r.effort == "none" ||
                   (r.effort.empty() && r.budget_tokens == 0);
  const bool unsaid = r.effort.empty() && !r.budget_tokens && r.mode == Reasoning::Mode::kUnsaid;
  const bool knows = !effort_of(family).name.empty();
  const bool never = family == Family::kNova || family == Family::kMistral;
  if (unsaid || (off && never)) return Reasoning{};
  if (!knows) {
    losses.cannot("reasoning", "how this model is asked to think is not known");
    return Reasoning{};
  }
  if (r.effort.empty() && !off) {
    r.effort = r.budget_tokens ? effort_of_budget(*r.budget_tokens) : "medium";
    losses.approximate(r.budget_tokens ? "reasoning.budget_tokens" : "reasoning.mode");
  }
  if (off) r.effort = family == Family::kOpenAi ? "low" : "";
  if (off && family == Family::kOpenAi) losses.approximate("reasoning.effort");
  if (r.effort == "minimal" || r.effort == "xhigh" || r.effort == "max") {
    r.effort = r.effort == "minimal" ? "low" : "high";
    losses.approximate("reasoning.effort");
  }
  return Reasoning{.effort = std::move(r.effort)};
}

void write_top_k(ObjectWriter& fields, const Number& top_k, bool nova, const Json* rest) {
  if (!nova) return fields.number("top_k", top_k);
  ObjectWriter inner(fields.key("inferenceConfig"));
  inner.number("topK", top_k);
  if (rest != nullptr && rest->is_object()) inner.rest(rest->as_object());
  inner.end();
}

}  // namespace

void decode_fields(ObjectReader& reader, ChatRequest& request, Extra& rest, std::uint32_t& forms) {
  JsonObject* object = reader.object("additionalModelRequestFields");
  if (object == nullptr || object->empty()) return;
  ObjectReader fields(*object, kNowhere, Mode::kLenient);
  Reasoning reasoning;
  reasoning.extra.dialect = kMe;
  Extra thinking_rest;
  Extra effort_rest;
  Extra top_k_rest;
  std::string_view holder;
  const bool thinks = decode_thinking(fields, reasoning, thinking_rest);
  const bool effort = decode_effort(fields, reasoning, forms, effort_rest, holder);
  decode_top_k(fields, request, forms, top_k_rest);
  if (thinks || effort) request.reasoning = std::move(reasoning);
  if (!thinks && !effort && !request.top_k) return;
  rest = fields.rest(kMe);
  keep_inner(rest, "thinking", std::move(thinking_rest));
  if (!holder.empty()) keep_inner(rest, holder, std::move(effort_rest));
  keep_inner(rest, "inferenceConfig", std::move(top_k_rest));
  reader.take(reader.peek("additionalModelRequestFields"));
}

void write_fields(ObjectWriter& writer, const ChatRequest& request, std::string_view model,
                  Losses& losses) {
  const bool own = request.dialect == kMe;
  const Family family = family_of(model);
  Reasoning reasoning;
  if (request.reasoning)
    reasoning = own ? *request.reasoning : put_to(request, model, family, losses);
  Field effort = effort_of(family);
  bool nova_top_k = family == Family::kNova || family == Family::kNova2;
  if (own) {
    const std::uint32_t forms = request.extra.forms;
    effort = (forms & forms::kReasoningEffort) != 0   ? Field{{}, "reasoning_effort"}
             : (forms & forms::kReasoningConfig) != 0 ? Field{{}, "reasoning_config"}
             : (forms & forms::kNova) != 0 ? Field{"reasoningConfig", "maxReasoningEffort"}
                                           : Field{"output_config", "effort"};
    nova_top_k = (forms & forms::kNovaTopK) != 0;
  }
  std::optional<Number> top_k = request.top_k;
  const bool takes_top_k = own || nova_top_k || family == Family::kAnthropic ||
                           family == Family::kMistral || family == Family::kQwen;
  if (top_k && !takes_top_k) {
    losses.cannot("top_k");
    top_k.reset();
  }
  if (reasoning.mode == Reasoning::Mode::kUnsaid && reasoning.effort.empty() && !top_k) return;
  const Json* rest = own ? request.extra.members.find("additionalModelRequestFields") : nullptr;
  const auto inner = [&](std::string_view name) {
    return rest == nullptr ? nullptr : rest->find(name);
  };
  ObjectWriter fields(writer.key("additionalModelRequestFields"));
  write_thinking(fields, reasoning, inner("thinking"));
  if (!reasoning.effort.empty())
    write_effort(fields, reasoning.effort, effort, effort.holder == "reasoningConfig",
                 inner(effort.holder));
  if (top_k) write_top_k(fields, *top_k, nova_top_k, inner("inferenceConfig"));
  if (rest != nullptr && rest->is_object()) fields.rest(rest->as_object());
  fields.end();
}

}  // namespace sighter::wire::bedrock
