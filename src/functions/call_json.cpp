#include "functions/call_json.hpp"

#include "functions/body.hpp"

namespace sighter::functions {

Json usd_json(const std::optional<NanoUsd>& cost) {
  // Divided, not multiplied by 1e-9: that is the double nearest to the decimal number.
  return cost ? Json(static_cast<double>(cost->value) / 1e9) : Json();
}

Json stored_json(const std::string& text) {
  if (text.empty()) return Json();
  Result<Json> value = json_parse(text, "row");
  return value ? std::move(*value) : Json(text);
}

Json usage_json(const std::optional<store::Tokens>& tokens) {
  if (!tokens) return Json();
  return Json::object({{"input_tokens", tokens->input},
                       {"output_tokens", tokens->output},
                       {"cached_tokens", tokens->cached},
                       {"cache_write_tokens", tokens->cache_write},
                       {"reasoning_tokens", tokens->reasoning}});
}

Json usage_json(const std::optional<wire::Usage>& usage) {
  return usage_json(tokens_of(usage));
}

namespace {

double ms_of(store::Micros time) {
  return static_cast<double>(time.count()) / 1000;
}

Json attempt_json(const store::AttemptRow& attempt) {
  Json row = Json::object({{"number", attempt.number},
                           {"route", attempt.route},
                           {"status", store::to_string(attempt.status)},
                           {"ms", ms_of(attempt.latency)},
                           {"cost_usd", usd_json(attempt.cost)},
                           {"error", attempt.error}});
  if (attempt.first_token) row.as_object().set("first_token_ms", ms_of(*attempt.first_token));
  if (attempt.tokens) row.as_object().set("usage", usage_json(attempt.tokens));
  return row;
}

}  // namespace

Json call_json(const store::CallRow& call) {
  Json row = Json::object({{"call", call.id.to_string()},
                           {"function", call.function},
                           {"variant", call.variant},
                           {"status", store::to_string(call.status)},
                           {"start", iso8601(call.start)},
                           {"ms", ms_of(call.latency)},
                           {"model", call.model},
                           {"cost_usd", usd_json(call.cost)},
                           {"cache_hit", call.cache_hit},
                           {"input", stored_json(call.input)},
                           {"output", stored_json(call.output)}});
  JsonObject& members = row.as_object();
  if (!call.trace.is_nil()) members.set("trace", call.trace.to_string());
  if (!call.parent.is_nil()) members.set("parent", call.parent.to_string());
  if (!call.error.empty())
    members.set("error", Json::object({{"kind", call.error_kind}, {"message", call.error}}));
  if (!call.route.empty()) members.set("route", call.route);
  if (call.first_token) members.set("first_token_ms", ms_of(*call.first_token));
  if (!call.finish_reason.empty()) members.set("finish_reason", call.finish_reason);
  if (call.tokens) members.set("usage", usage_json(call.tokens));
  if (!call.tags.empty()) members.set("tags", stored_json(call.tags));
  if (!call.tried.empty()) members.set("tried", stored_json(call.tried));
  if (!call.extras.empty()) members.set("extras", stored_json(call.extras));
  return row;
}

Json feedback_json(const store::FeedbackRow& feedback) {
  Json row = Json::object({{"feedback", feedback.id.to_string()},
                           {"metric", feedback.metric},
                           {"value", stored_json(feedback.value)}});
  JsonObject& members = row.as_object();
  if (!feedback.trace.is_nil()) members.set("trace", feedback.trace.to_string());
  if (!feedback.source.empty()) members.set("source", feedback.source);
  if (!feedback.note.empty()) members.set("note", feedback.note);
  if (!feedback.client_key.empty()) members.set("key", feedback.client_key);
  return row;
}

Json tree_json(const store::CallTree& tree) {
  Json row = call_json(tree.call);
  Json scores = Json::array(), children = Json::array(), attempts = Json::array();
  Json feedback = Json::array();
  for (const store::FeedbackRow& one : tree.feedback)
    feedback.as_array().push_back(feedback_json(one));
  for (const store::ScoreRow& score : tree.scores)
    scores.as_array().push_back(Json::object({{"value", score.value}, {"reason", score.reason}}));
  for (const store::AttemptRow& attempt : tree.attempts)
    attempts.as_array().push_back(attempt_json(attempt));
  for (const store::CallTree& child : tree.children)
    children.as_array().push_back(tree_json(child));
  row.as_object().set("scores", std::move(scores));
  row.as_object().set("feedback", std::move(feedback));
  row.as_object().set("attempts", std::move(attempts));
  row.as_object().set("children", std::move(children));
  return row;
}

}  // namespace sighter::functions
