#pragma once
// One variant on its way through the cases. Private to the room.

#include <limits>
#include <memory>
#include <optional>

#include "io/channel.hpp"
#include "io/scope.hpp"
#include "ready/run.hpp"
#include "stats/race.hpp"

namespace sighter::ready {

struct Lane {
  Lane(const functions::Variant& body, const stats::VerdictRun::Options& verdict_options)
      : variant(&body),
        verdict(verdict_options),
        scores(static_cast<std::size_t>(verdict_options.cases),
               std::numeric_limits<float>::quiet_NaN()) {}

  const functions::Variant* variant;
  stats::VerdictRun verdict;
  std::vector<float> scores;
  std::vector<double> latencies_ms;
  std::size_t next = 0;
  std::int64_t done = 0, calls = 0, reused = 0, errors = 0, errors_in_a_row = 0;
  NanoUsd paid;             // by this run
  NanoUsd judged_cost;      // of all judged calls
  bool price_known = true;  // of all judged calls
  bool paid_known = true;   // of those that this run paid for
  std::vector<WrongAnswer> wrong;
  std::string note;
  std::string beaten_by;
  std::string first_error;
  // The right to ask, which is given back when the answer is there and only its row is still to be
  // stored.
  std::optional<io::Gate> asking;
  int workers = 0, workers_max = 1;
  bool ran = false;
  std::size_t cases_max = SIZE_MAX;  // of this lane alone
  bool stored_end = false;           // a verdict in doubt: the next answers are not stored
  bool decided = false;              // its own verdict is certain
  bool stopped = false;              // no more cases
};

// What the lanes of a run share.
struct Run {
  functions::Engine& engine;
  const functions::Function& function;
  const functions::CaseFile& cases;
  Metric& metric;
  store::Store* store;
  const Clock& clock;
  RunOptions options;
  io::CancelToken cancel;   // no new cases
  io::CancelToken at_once;  // nor what is under way
  std::function<void(const RunProgress&)> progress;
  models::Purse purse;
  std::vector<std::uint32_t> order;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::optional<stats::Race> race;
  std::optional<Error> stopped;
  std::optional<Error> out_of_money;  // what costs nothing goes on
  SteadyTime told{};                  // when progress was last told
  io::Scope* scope = nullptr;         // of all workers
};

// The variants that are asked for, in that order; all when none is named.
Result<std::vector<const functions::Variant*>> chosen_variants(const functions::Function& function,
                                                               const RunOptions& options);
// Cases at a time.
int parallel_of(functions::Engine& engine, const functions::Function& function,
                const functions::Variant& variant, const RunOptions& options);
// The cases of a run in its order: a random permutation of all, cut to the limit.
std::vector<std::uint32_t> order_of(std::size_t cases, std::size_t limit, std::uint64_t seed);
// Makes the variant ready and starts its workers in the run's scope.
io::Task<void> follow(Run& run, std::size_t lane);
RunReport report_of(Run& run, double seconds);

}  // namespace sighter::ready
