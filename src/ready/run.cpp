#include "ready/run.hpp"

#include <algorithm>
#include <cmath>

#include "base/similar.hpp"
#include "io/scope.hpp"
#include "ready/lane.hpp"
#include "stats/paired.hpp"

namespace sighter::ready {
namespace {

io::Task<void> follow_lane(Run* run, std::size_t index) {
  co_await follow(*run, index);
}

VariantReport variant_report(Run& run, Lane& lane) {
  VariantReport report;
  report.variant = lane.variant->name;
  report.kind = lane.variant->kind();
  report.verdict = lane.beaten_by.empty() ? lane.verdict.verdict() : stats::Verdict::kUndecided;
  report.score = lane.verdict.score();
  report.bounds = lane.done > 0 ? lane.verdict.bounds() : stats::Interval{0, 1};
  report.cases = lane.done;
  report.cases_total = static_cast<std::int64_t>(run.order.size());
  report.calls = lane.calls;
  report.reused = lane.reused;
  report.errors = lane.errors;
  report.cost = lane.paid;
  report.cost_known = lane.paid_known;
  if (lane.price_known && lane.done > 0)
    report.usd_per_1k = lane.judged_cost.usd() * 1000 / static_cast<double>(lane.done);
  report.p50_ms = stats::quantile(lane.latencies_ms, 0.5);
  report.p95_ms = stats::quantile(lane.latencies_ms, 0.95);
  report.beaten_by = lane.beaten_by;
  report.note = lane.note;
  const bool cut = !lane.stopped && !lane.decided && !run.stopped && lane.next >= lane.cases_max &&
                   lane.next < run.order.size();
  if (cut) report.note = fmt::format("asked about {} cases only", lane.done);
  // Calls that failed are wrong answers, which is not what they look like.
  const bool all_failed = lane.errors > 0 && lane.errors == lane.done;
  if (lane.errors > 0) {
    report.failures = fmt::format("{} of {} calls failed, the first one: {}",
                                  all_failed ? std::string("all") : fmt::format("{}", lane.errors),
                                  lane.done, lane.first_error);
  }
  report.wrong = std::move(lane.wrong);
  report.scores = std::move(lane.scores);
  report.ran = lane.ran && lane.done > 0 && !all_failed;
  report.decided = lane.decided;
  return report;
}

// The limits of the bar are about what was measured on the judged calls.
void hold_to_limits(VariantReport& report, const RunOptions& options) {
  if (!report.ran) return;
  std::string broken;
  if (options.max_usd_per_1k && !report.usd_per_1k)
    broken = "its price is not known, and the bar limits the cost";
  if (options.max_usd_per_1k && report.usd_per_1k && *report.usd_per_1k > *options.max_usd_per_1k) {
    broken = fmt::format("costs ${:.4g} per 1,000 calls; the bar allows ${:.4g}",
                         *report.usd_per_1k, *options.max_usd_per_1k);
  }
  if (options.max_p95_ms && report.p95_ms > *options.max_p95_ms) {
    const bool slow = report.p95_ms >= 10'000;
    const double unit = slow ? 1000 : 1;
    broken = fmt::format("p95 is {:.0f} {}; the bar allows {:g} {}", report.p95_ms / unit,
                         slow ? "s" : "ms", *options.max_p95_ms / unit, slow ? "s" : "ms");
  }
  if (broken.empty()) return;
  report.note += (report.note.empty() ? "" : "; ") + broken;
  if (report.verdict == stats::Verdict::kReady) report.verdict = stats::Verdict::kNotReady;
  if (report.verdict == stats::Verdict::kPass) report.verdict = stats::Verdict::kFail;
}

std::vector<double> known_scores(const VariantReport& report) {
  std::vector<double> scores;
  for (const float score : report.scores) {
    if (!std::isnan(score)) scores.push_back(score);
  }
  return scores;
}

void say_what_is_needed(VariantReport& report, const RunOptions& options, bool whole_scores) {
  if (report.verdict != stats::Verdict::kUndecided || !report.ran || !report.beaten_by.empty())
    return;
  if (options.claim != stats::Claim::kTraffic || !report.decided) return;
  report.cases_needed =
      whole_scores
          ? stats::cases_to_decide(report.score, options.at_least, options.confidence)
          : stats::cases_to_decide(known_scores(report), options.at_least, options.confidence);
  // The score of a part may look better than that: all of the cases were not enough.
  if (report.cases_needed)
    report.cases_needed = std::max(*report.cases_needed, report.cases_total + 1);
}

// A variant that was cut short has shown nothing yet: its few cases do not outrank a certain
// verdict.
int rank(const VariantReport& report) {
  const stats::Verdict verdict = report.verdict;
  if (verdict == stats::Verdict::kReady || verdict == stats::Verdict::kPass) return 2;
  return verdict == stats::Verdict::kUndecided && report.decided ? 1 : 0;
}

bool better(const VariantReport& a, const VariantReport& b) {
  if (a.beaten_by.empty() != b.beaten_by.empty()) return a.beaten_by.empty();
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  if (a.score != b.score) return a.score > b.score;
  return a.usd_per_1k.value_or(1e9) < b.usd_per_1k.value_or(1e9);
}

PairReport compare(const VariantReport& winner, const VariantReport& other, double confidence) {
  PairReport pair;
  pair.other = other.variant;
  std::vector<double> a, b;
  bool whole = true;
  for (std::size_t i = 0; i < winner.scores.size(); ++i) {
    if (std::isnan(winner.scores[i]) || std::isnan(other.scores[i])) continue;
    a.push_back(winner.scores[i]);
    b.push_back(other.scores[i]);
    for (double s : {a.back(), b.back()}) whole = whole && (s == 0 || s == 1);
  }
  pair.cases = static_cast<std::int64_t>(a.size());
  if (a.empty()) return pair;
  pair.difference = stats::mean(a) - stats::mean(b);
  if (whole) {
    const stats::Discordant cases = stats::discordant(a, b);
    pair.only_winner = cases.only_first;
    pair.only_other = cases.only_second;
    pair.interval = stats::paired_difference_binary(cases, confidence);
    pair.p_value = stats::mcnemar(cases);
  } else {
    pair.interval = stats::paired_difference(a, b, confidence);
  }
  return pair;
}

}  // namespace

Result<std::vector<const functions::Variant*>> chosen_variants(const functions::Function& function,
                                                               const RunOptions& options) {
  std::vector<const functions::Variant*> variants;
  for (const functions::Variant& variant : function.variants) {
    if (options.variants.empty()) variants.push_back(&variant);
  }
  for (const std::string& name : options.variants) {
    Result<const functions::Variant*> variant = function.variant(name);
    if (!variant) return std::unexpected(variant.error());
    if (std::find(variants.begin(), variants.end(), *variant) == variants.end())
      variants.push_back(*variant);
  }
  if (variants.empty())
    return fail(Kind::kInvalid, fmt::format("the function '{}' has no variant", function.name));
  return variants;
}

RunReport report_of(Run& run, double seconds) {
  RunReport report;
  report.function = run.function.name;
  report.options = run.options;
  report.metric = run.metric.name();
  report.seconds = seconds;
  report.stopped = run.stopped;
  const VariantReport* winner = nullptr;
  for (const auto& lane : run.lanes) {
    VariantReport variant = variant_report(run, *lane);
    hold_to_limits(variant, run.options);
    say_what_is_needed(variant, run.options, run.metric.whole_scores());
    report.calls += variant.calls;
    report.reused += variant.reused;
    report.cost += variant.cost;
    report.cost_known = report.cost_known && lane->paid_known;
    report.variants.push_back(std::move(variant));
  }
  for (const VariantReport& variant : report.variants) {
    if (variant.ran && (winner == nullptr || better(variant, *winner))) winner = &variant;
  }
  if (winner == nullptr) return report;
  report.winner = winner->variant;
  report.verdict = winner->verdict;
  for (const VariantReport& other : report.variants) {
    if (&other != winner && other.ran)
      report.pairs.push_back(compare(*winner, other, run.options.confidence));
  }
  return report;
}

io::Task<Result<RunReport>> evaluate(functions::Engine& engine, const functions::Function& function,
                                     const functions::CaseFile& cases, Metric& metric,
                                     store::Store* store, const Clock& clock, RunOptions options,
                                     StopTokens stop,
                                     std::function<void(const RunProgress&)> progress) {
  Result<std::vector<const functions::Variant*>> variants = chosen_variants(function, options);
  if (!variants) co_return std::unexpected(variants.error());
  if (metric.needs_expectation() && !cases.has_expectations()) {
    const std::string where = cases.where_without();
    co_return fail(
        Kind::kInvalid,
        fmt::format("{}: no expectation, and the metric '{}' needs one ({} of {} cases have none)",
                    where, metric.name(), cases.without_expectation(), cases.size()),
        "add \"expect\": ... to them");
  }
  const SteadyTime begin = clock.steady_now();
  Run run{engine,
          function,
          cases,
          metric,
          store,
          clock,
          options,
          stop.nicely,
          stop.at_once,
          std::move(progress),
          models::Purse(options.budget),
          order_of(cases.size(), options.limit, options.seed),
          {},
          {},
          {},
          {},
          {},
          nullptr};
  stats::VerdictRun::Options verdict;
  verdict.cases = static_cast<std::int64_t>(run.order.size());
  verdict.bar = options.at_least;
  verdict.confidence = options.confidence;
  verdict.claim = options.claim;
  verdict.whole_scores = metric.whole_scores();
  verdict.full = options.full;
  for (const functions::Variant* variant : *variants)
    run.lanes.push_back(std::make_unique<Lane>(*variant, verdict));
  if (run.lanes.size() > 1)
    run.race.emplace(verdict.cases, static_cast<int>(run.lanes.size()), 1 - options.confidence);
  {
    io::Scope lanes(engine.core());
    run.scope = &lanes;
    for (std::size_t i = 0; i < run.lanes.size(); ++i)
      io::spawn(lanes, "ready lane", follow_lane(&run, i));
    co_await lanes.join();
  }
  if (!run.stopped) run.stopped = run.out_of_money;
  if (!run.stopped && stop.nicely.cancelled()) run.stopped = stop.nicely.error();
  const double seconds = std::chrono::duration<double>(clock.steady_now() - begin).count();
  co_return report_of(run, seconds);
}

std::vector<const WrongAnswer*> telling(const RunReport& report, const VariantReport& variant,
                                        std::size_t most) {
  const auto others_right = [&](const WrongAnswer& wrong) {
    bool any = false;
    for (const VariantReport& other : report.variants) {
      if (&other == &variant || !other.ran || std::isnan(other.scores[wrong.position])) continue;
      if (other.scores[wrong.position] < 1) return false;
      any = true;
    }
    return any;
  };
  std::vector<const WrongAnswer*> sorted;
  for (const WrongAnswer& wrong : variant.wrong) sorted.push_back(&wrong);
  std::stable_sort(sorted.begin(), sorted.end(), [&](const WrongAnswer* a, const WrongAnswer* b) {
    const bool right_a = others_right(*a), right_b = others_right(*b);
    if (right_a != right_b) return right_a;
    return a->confidence.value_or(0) > b->confidence.value_or(0);
  });
  std::vector<const WrongAnswer*> shown;
  std::vector<std::uint64_t> clusters;
  for (const WrongAnswer* wrong : sorted) {
    if (shown.size() >= most) break;
    if (wrong->cluster != 0 &&
        std::find(clusters.begin(), clusters.end(), wrong->cluster) != clusters.end())
      continue;
    clusters.push_back(wrong->cluster);
    shown.push_back(wrong);
  }
  return shown;
}

int exit_code(stats::Verdict verdict) {
  switch (verdict) {
    case stats::Verdict::kReady:
    case stats::Verdict::kPass:
      return 0;
    case stats::Verdict::kNotReady:
    case stats::Verdict::kFail:
      return 100;
    case stats::Verdict::kUndecided:
      return 101;
  }
  return 1;
}

}  // namespace sighter::ready
