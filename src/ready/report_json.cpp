#include <cmath>

#include "ready/run.hpp"

namespace sighter::ready {
namespace {

// Enough digits to tell cases apart, none of binary noise.
Json rounded(double value) {
  if (!std::isfinite(value)) return Json();
  return Json(std::round(value * 1e6) / 1e6);
}

Json usd(NanoUsd cost, bool known) {
  return known ? rounded(cost.usd()) : Json();
}

Json wrong_json(const WrongAnswer& wrong) {
  Json row = Json::object({{"case", wrong.case_id},
                           {"line", wrong.line},
                           {"input", wrong.input},
                           {"expect", wrong.expect},
                           {"output", wrong.output},
                           {"score", rounded(wrong.score)},
                           {"reason", wrong.reason},
                           {"call", wrong.call.to_string()}});
  if (wrong.confidence) row.as_object().set("confidence", rounded(*wrong.confidence));
  return row;
}

Json variant_json(const VariantReport& report) {
  Json row = Json::object({{"variant", report.variant},
                           {"kind", report.kind},
                           {"verdict", stats::to_string(report.verdict)},
                           {"score", rounded(report.score)},
                           {"low", rounded(report.bounds.low)},
                           {"high", rounded(report.bounds.high)},
                           {"cases", report.cases},
                           {"cases_total", report.cases_total},
                           {"calls", report.calls},
                           {"reused", report.reused},
                           {"errors", report.errors},
                           {"cost_usd", usd(report.cost, report.cost_known)},
                           {"p50_ms", rounded(report.p50_ms)},
                           {"p95_ms", rounded(report.p95_ms)}});
  JsonObject& members = row.as_object();
  members.set("usd_per_1k", report.usd_per_1k ? rounded(*report.usd_per_1k) : Json());
  if (!report.ran) members.set("ran", false);
  if (!report.beaten_by.empty()) members.set("beaten_by", report.beaten_by);
  if (!report.note.empty()) members.set("note", report.note);
  if (!report.failures.empty()) members.set("failures", report.failures);
  if (report.cases_needed) members.set("cases_needed", *report.cases_needed);
  return row;
}

}  // namespace

Json to_json(const RunReport& report) {
  Json variants = Json::array();
  for (const VariantReport& variant : report.variants)
    variants.as_array().push_back(variant_json(variant));
  Json pairs = Json::array();
  for (const PairReport& pair : report.pairs) {
    pairs.as_array().push_back(Json::object({{"other", pair.other},
                                             {"cases", pair.cases},
                                             {"difference", rounded(pair.difference)},
                                             {"low", rounded(pair.interval.low)},
                                             {"high", rounded(pair.interval.high)},
                                             {"only_winner", pair.only_winner},
                                             {"only_other", pair.only_other},
                                             {"p_value", rounded(pair.p_value)}}));
  }
  Json wrong = Json::array();
  for (const VariantReport& variant : report.variants) {
    if (variant.variant != report.winner) continue;
    for (const WrongAnswer* answer : telling(report, variant, variant.wrong.size()))
      wrong.as_array().push_back(wrong_json(*answer));
  }
  Json bar = Json::object({{"metric", report.metric},
                           {"at_least", rounded(report.options.at_least)},
                           {"confidence", rounded(report.options.confidence)}});
  if (report.options.max_usd_per_1k)
    bar.as_object().set("max_usd_per_1k", rounded(*report.options.max_usd_per_1k));
  if (report.options.max_p95_ms)
    bar.as_object().set("max_p95_ms", rounded(*report.options.max_p95_ms));
  Json out =
      Json::object({{"function", report.function},
                    {"claim", report.options.claim == stats::Claim::kTraffic ? "traffic" : "cases"},
                    {"verdict", stats::to_string(report.verdict)},
                    {"winner", report.winner.empty() ? Json() : Json(report.winner)},
                    {"bar", std::move(bar)},
                    {"variants", std::move(variants)},
                    {"pairs", std::move(pairs)},
                    {"wrong", std::move(wrong)},
                    {"calls", report.calls},
                    {"reused", report.reused},
                    {"cost_usd", usd(report.cost, report.cost_known)},
                    {"seconds", rounded(report.seconds)}});
  if (report.stopped)
    out.as_object().set("stopped", Json::object({{"kind", to_string(report.stopped->kind)},
                                                 {"message", report.stopped->what}}));
  return out;
}

}  // namespace sighter::ready
