#pragma once
// An evaluation: cases x variants until the verdict is certain. Every output is a row before it
// counts; started again, the run takes what is stored and pays for the rest alone.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "functions/engine.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"
#include "ready/metric.hpp"
#include "stats/interval.hpp"
#include "stats/verdict.hpp"

namespace sighter::ready {

struct RunOptions {
  stats::Claim claim = stats::Claim::kTraffic;
  double at_least = 0.9;
  double confidence = 0.95;
  std::optional<double> max_usd_per_1k;
  std::optional<double> max_p95_ms;
  bool full = false;   // no early stop
  bool fresh = false;  // do not take stored outputs
  std::optional<NanoUsd> budget;
  std::size_t limit = 0;  // only this many cases, drawn at random; 0: all
  // The same for some variants, by name.
  std::map<std::string, std::size_t, std::less<>> cases_max = {};
  std::uint64_t seed = 1;             // of the order of the cases
  int parallel = 0;                   // rows at a time of a variant; 0: by its kind
  std::vector<std::string> variants;  // empty: all
  std::size_t wrong_max = 200;        // wrong answers kept for the report, a variant
};

// A case that a variant got wrong.
struct WrongAnswer {
  std::size_t position = 0;  // in the run's order
  std::string case_id;
  std::int64_t line = 0;
  std::uint64_t cluster = 0;
  Json input, expect, output;
  double score = 0;
  std::string reason;  // of the metric, or the error
  std::optional<double> confidence;
  Id call;
  bool error = false;
};

struct VariantReport {
  std::string variant;
  std::string kind;
  stats::Verdict verdict = stats::Verdict::kUndecided;
  double score = 0;
  stats::Interval bounds;
  std::int64_t cases = 0, cases_total = 0;
  std::int64_t calls = 0, reused = 0, errors = 0;
  NanoUsd cost;                      // paid by this run, as far as prices are known
  bool cost_known = true;            // false: some of it has no known price
  std::optional<double> usd_per_1k;  // of the judged calls, reused ones too; nullopt: unknown
  double p50_ms = 0, p95_ms = 0;
  std::string beaten_by;
  std::string note;      // why it was not run to a verdict, or which limit it breaks
  std::string failures;  // how many calls failed, and how; "" when none did
  std::optional<std::int64_t> cases_needed;  // UNDECIDED: cases in all, if the truth is as it looks
  std::vector<WrongAnswer> wrong;
  std::vector<float> scores;  // by position; NaN where it was not run
  bool decided = false;       // no further case would change its verdict
  bool ran = false;           // false: it could not start (no key ...)
};

// The winner against another variant, on the cases that both ran.
struct PairReport {
  std::string other;
  std::int64_t cases = 0, only_winner = 0, only_other = 0;
  double difference = 0;
  stats::Interval interval;
  double p_value = 1;  // exact McNemar; 0/1 scores
};

struct RunReport {
  std::string function;
  RunOptions options;
  std::string metric;
  std::vector<VariantReport> variants;                  // in the order of the file
  std::string winner;                                   // empty: no variant ran
  stats::Verdict verdict = stats::Verdict::kUndecided;  // of the winner
  std::vector<PairReport> pairs;
  std::int64_t calls = 0, reused = 0;
  NanoUsd cost;            // of what this run paid for and whose price is known
  bool cost_known = true;  // false: some of what it asked has no known price
  double seconds = 0;
  std::optional<Error> stopped;  // Ctrl-C, the budget, a full disk
};

struct RunProgress {
  std::int64_t done = 0;     // cases answered, all variants
  std::int64_t at_most = 0;  // that may still be needed, done ones included
  NanoUsd spent;
  std::string note;  // "gpt 0.93, rules 0.61"
};

// Both may be empty. What is under way when `nicely` comes is waited for, since it is paid for
// already; `at_once` gives it up.
struct StopTokens {
  io::CancelToken nicely, at_once;
};

// Runs on the engine's core. Errors: what keeps every variant from running (a broken dataset, no
// such variant). What stops it half-way is in the report.
io::Task<Result<RunReport>> evaluate(functions::Engine& engine, const functions::Function& function,
                                     const functions::CaseFile& cases, Metric& metric,
                                     store::Store* store, const Clock& clock, RunOptions options,
                                     StopTokens stop,
                                     std::function<void(const RunProgress&)> progress);

// The most telling of a variant's wrong answers: first those that every other variant got right,
// then the most confident, at most one a cluster.
std::vector<const WrongAnswer*> telling(const RunReport& report, const VariantReport& variant,
                                        std::size_t most);

// The public shape of `sighter ready --json`.
Json to_json(const RunReport& report);
// 0 READY or PASS, 100 NOT READY or FAIL, 101 UNDECIDED.
int exit_code(stats::Verdict verdict);

}  // namespace sighter::ready
