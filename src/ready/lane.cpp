#include "ready/lane.hpp"

#include <algorithm>
#include <numeric>

#include "base/random.hpp"
#include "io/scope.hpp"

namespace sighter::ready {
namespace {

// After so many failures in a row of a provider that does not answer, the variant is given up.
constexpr std::int64_t kFailuresInARowMax = 8;
constexpr auto kTellEvery = std::chrono::milliseconds(20);  // progress; nobody reads faster

// A variant that breaks a limit of the bar beats nobody.
bool may_beat(const Run& run, const Lane& lane) {
  if (!run.options.max_usd_per_1k || lane.done == 0) return true;
  const double per_1k = lane.judged_cost.usd() * 1000 / static_cast<double>(lane.done);
  return lane.price_known && per_1k <= *run.options.max_usd_per_1k;
}

// What a case of a body counts in the choice of what to run: a call of a model is 1.
double weight(const Lane& lane) {
  if (std::holds_alternative<functions::LearnedBody>(lane.variant->body)) return 0.01;
  return std::holds_alternative<functions::CodeBody>(lane.variant->body) ? 0.05 : 1;
}

// A variant whose own verdict is certain goes on beside one that is not decided where that takes
// fewer calls: the other is then sooner beaten than decided. It never runs ahead of the other,
// since only cases that both have count in their race.
bool races_on(const Run& run, std::size_t index) {
  const Lane& lane = *run.lanes[index];
  if (!run.race || !may_beat(run, lane)) return false;
  for (std::size_t i = 0; i < run.lanes.size(); ++i) {
    const Lane& other = *run.lanes[i];
    if (!other.ran || other.stopped || other.decided || other.next <= lane.next) continue;
    const double race = run.race->cases_left(static_cast<int>(index), static_cast<int>(i));
    const double behind = static_cast<double>(other.next - lane.next);
    const double together = weight(lane) * (behind + race) + weight(other) * race;
    if (together < weight(other) * other.verdict.cases_left()) return true;
  }
  return false;
}

// A verdict that all cases together could not reach either: what is free is run on to the end all
// the same, so that the report speaks of all of them and says how many more would decide. Stored
// answers are free.
bool ends_in_doubt(const Run& run, const Lane& lane) {
  if (!lane.decided || lane.verdict.verdict() != stats::Verdict::kUndecided) return false;
  if (std::holds_alternative<functions::PromptBody>(lane.variant->body))
    return !run.options.fresh && !lane.stored_end && lane.reused == lane.calls;
  return !std::holds_alternative<functions::CascadeBody>(lane.variant->body);
}

bool wants_more(const Run& run, std::size_t index) {
  const Lane& lane = *run.lanes[index];
  if (lane.stopped || run.stopped || run.cancel.cancelled()) return false;
  if (lane.next >= std::min(lane.cases_max, run.order.size())) return false;
  return !lane.decided || run.options.full || ends_in_doubt(run, lane) || races_on(run, index);
}

void tell_progress(Run& run) {
  if (!run.progress) return;
  const SteadyTime now = run.clock.steady_now();
  if (now - run.told < kTellEvery) return;
  run.told = now;
  RunProgress progress;
  for (const auto& lane : run.lanes) {
    progress.done += lane->done;
    const bool ends = lane->stopped || (lane->decided && !run.options.full);
    progress.at_most += ends ? lane->done : static_cast<std::int64_t>(run.order.size());
    if (lane->done > 0 && !ends) {
      progress.note += fmt::format("{}{} {:.2f}", progress.note.empty() ? "" : ", ",
                                   lane->variant->name, lane->verdict.score());
    }
  }
  progress.spent = run.purse.spent();
  run.progress(progress);
}

// Whoever is certainly not the best stops.
void stop_the_beaten(Run& run) {
  if (!run.race || run.options.full) return;
  for (std::size_t i = 0; i < run.lanes.size(); ++i) {
    Lane& lane = *run.lanes[i];
    if (lane.stopped || lane.decided) continue;
    const std::optional<int> better = run.race->beaten_by(static_cast<int>(i));
    if (!better) continue;
    const Lane& winner = *run.lanes[static_cast<std::size_t>(*better)];
    if (!may_beat(run, winner)) continue;
    lane.beaten_by = winner.variant->name;
    lane.stopped = true;
  }
}

void count(Run& run, std::size_t index, std::size_t position, double score) {
  Lane& lane = *run.lanes[index];
  lane.scores[position] = static_cast<float>(score);
  ++lane.done;
  lane.verdict.add(static_cast<std::int64_t>(position), score);
  if (run.race) run.race->add(static_cast<int>(index), static_cast<std::int64_t>(position), score);
  lane.decided = lane.verdict.decided();
  stop_the_beaten(run);
  tell_progress(run);
}

void keep_wrong(Run& run, Lane& lane, WrongAnswer wrong) {
  if (lane.wrong.size() < run.options.wrong_max) lane.wrong.push_back(std::move(wrong));
}

WrongAnswer wrong_of(const Run& run, std::size_t position, const functions::Case& row) {
  WrongAnswer wrong;
  wrong.position = position;
  wrong.case_id = row.id;
  wrong.line = row.line;
  wrong.cluster = run.cases.cluster(run.order[position]);
  wrong.input = row.input;
  wrong.expect = row.expect.value_or(Json());
  return wrong;
}

// A call that failed. What is the provider's or the user's trouble stops the variant; what is this
// case's trouble scores 0.
void on_failure(Run& run, std::size_t index, std::size_t position, const functions::Case& row,
                const functions::ApplyFailure& failure) {
  Lane& lane = *run.lanes[index];
  const Kind kind = failure.error.kind;
  if (failure.cost) lane.paid += *failure.cost;
  if (kind == Kind::kCancelled) return;
  if (kind == Kind::kIo) {
    if (!run.stopped) run.stopped = failure.error;
    return;
  }
  if (kind == Kind::kBudget) {  // what costs nothing goes on
    if (!run.out_of_money) run.out_of_money = failure.error;
    lane.stopped = true;
    lane.note = failure.error.what;
    return;
  }
  if (kind == Kind::kUnauthorized || kind == Kind::kForbidden || kind == Kind::kUnsupported ||
      kind == Kind::kNotFound) {
    lane.stopped = true;
    lane.note = failure.error.message();
    return;
  }
  const bool away =
      kind == Kind::kUnavailable || kind == Kind::kRateLimited || kind == Kind::kTimeout;
  if (away && ++lane.errors_in_a_row >= kFailuresInARowMax) {
    lane.stopped = true;
    lane.note = fmt::format("gave up after {} failures in a row: {}", lane.errors_in_a_row,
                            failure.error.message());
    return;
  }
  ++lane.errors;
  ++lane.calls;
  // Later ones often say only that there were too many.
  if (lane.first_error.empty()) lane.first_error = failure.error.message();
  if (!failure.cost)
    lane.price_known = lane.paid_known = false;
  else
    lane.judged_cost += *failure.cost;
  WrongAnswer wrong = wrong_of(run, position, row);
  wrong.reason = failure.error.what;
  wrong.call = failure.call;
  wrong.error = true;
  keep_wrong(run, lane, std::move(wrong));
  count(run, index, position, 0);
}

void store_score(Run& run, const Id& call, const Score& score, const Json& expect) {
  if (run.store == nullptr) return;
  store::Batch batch;
  const Digest& rule = run.metric.digest();
  const std::string_view rule_bytes(reinterpret_cast<const char*>(rule.data()), rule.size());
  const Digest digest = Sha256().field(rule_bytes).field(json_canonical(expect)).finish();
  batch.scores.push_back({call, digest, score.value, score.reason});
  // A score can be computed again: losing one costs nothing that was paid for.
  static_cast<void>(run.store->append(std::move(batch), store::Durability::kRelaxed));
}

void on_success(Run& run, std::size_t index, std::size_t position, const functions::Case& row,
                const functions::Applied& applied, const Score& score) {
  Lane& lane = *run.lanes[index];
  lane.errors_in_a_row = 0;
  ++lane.calls;
  if (applied.reused) ++lane.reused;
  if (!applied.cost) lane.price_known = false;
  if (!applied.cost && !applied.reused) lane.paid_known = false;
  if (applied.cost) lane.judged_cost += *applied.cost;
  if (applied.cost && !applied.reused) lane.paid += *applied.cost;
  lane.latencies_ms.push_back(static_cast<double>(applied.latency.count()) / 1000.0);
  if (score.value < 1) {
    WrongAnswer wrong = wrong_of(run, position, row);
    wrong.output = applied.output;
    wrong.score = score.value;
    wrong.reason = score.reason;
    wrong.confidence = applied.confidence;
    wrong.call = applied.call;
    keep_wrong(run, lane, std::move(wrong));
  }
  count(run, index, position, score.value);
}

io::Task<void> one_case(Run& run, std::size_t index, std::size_t position, io::Permit turn) {
  const std::uint32_t which = run.order[position];
  Result<functions::Case> row = run.cases.at(which);
  if (!row) {
    if (!run.stopped) run.stopped = row.error();
    co_return;
  }
  functions::ApplyOptions options;
  options.purse = &run.purse;
  options.cancel = run.at_once;
  options.reuse = !run.options.fresh;
  options.durable = true;
  options.held_out = run.cases.key(which);
  options.answered = [&turn] { turn = io::Permit(); };
  Json input = row->input;
  const functions::Variant& variant = *run.lanes[index]->variant;
  functions::ApplyResult applied =
      co_await run.engine.apply(run.function, variant, std::move(input), std::move(options));
  if (!applied) {
    on_failure(run, index, position, *row, applied.error());
    co_return;
  }
  const Json nothing;
  Scored scored{row->input, row->expect ? &*row->expect : nullptr, applied->output};
  Result<Score> score = co_await run.metric.score(scored, run.at_once);
  if (!score) {
    if (score.error().kind != Kind::kCancelled && !run.stopped)
      run.stopped = score.error().in(fmt::format("{}:{}", run.cases.path().string(), row->line));
    co_return;
  }
  store_score(run, applied->call, *score, row->expect ? *row->expect : nothing);
  on_success(run, index, position, *row, *applied, *score);
}

// Goes on only for what is stored: a case that has to be paid for ends it.
bool only_stored(const Run& run, std::size_t index) {
  const Lane& lane = *run.lanes[index];
  return lane.decided && !run.options.full &&
         std::holds_alternative<functions::PromptBody>(lane.variant->body) && !races_on(run, index);
}

io::Task<bool> is_stored(Run& run, std::size_t index, std::size_t position) {
  const std::uint32_t which = run.order[position];
  Result<functions::Case> row = run.cases.at(which);
  if (!row) co_return false;
  functions::ApplyOptions options;
  options.reuse = true;
  options.held_out = run.cases.key(which);
  Json input = std::move(row->input);
  const functions::Variant& variant = *run.lanes[index]->variant;
  Result<functions::Forecast> seen =
      co_await run.engine.forecast(run.function, variant, std::move(input), std::move(options));
  co_return seen.has_value() && seen->stored;
}

io::Task<void> worker(Run* run, std::size_t index);

// A run that may stop early starts with few cases at a time and widens as it gets longer: what is
// under way when the verdict becomes certain was paid for nothing. At most a quarter of what is
// done, or 4.
void widen(Run& run, std::size_t index) {
  Lane& lane = *run.lanes[index];
  const std::int64_t wanted =
      run.options.full ? lane.workers_max : std::max<std::int64_t>(4, lane.done / 4);
  while (lane.workers < lane.workers_max && lane.workers < wanted && wants_more(run, index)) {
    ++lane.workers;
    io::spawn(*run.scope, "ready", worker(&run, index));
  }
}

io::Task<void> worker(Run* run, std::size_t index) {
  while (wants_more(*run, index)) {
    Lane& lane = *run->lanes[index];
    Result<io::Permit> turn = co_await lane.asking->acquire(run->cancel);
    if (!turn || !wants_more(*run, index)) break;
    if (only_stored(*run, index)) {
      const std::size_t looked = lane.next;
      const bool stored = co_await is_stored(*run, index, looked);
      if (!stored) lane.stored_end = true;
      if (!stored || lane.next != looked || !wants_more(*run, index)) continue;
    }
    const std::size_t position = lane.next++;
    co_await one_case(*run, index, position, std::move(*turn));
    // What one variant has shown may be a reason for another to go on.
    for (std::size_t i = 0; i < run->lanes.size(); ++i) {
      if (run->lanes[i]->ran) widen(*run, i);
    }
  }
  --run->lanes[index]->workers;
}

}  // namespace

int parallel_of(functions::Engine& engine, const functions::Function& function,
                const functions::Variant& variant, const RunOptions& options) {
  if (options.parallel > 0) return options.parallel;
  if (function.parallel) return *function.parallel;
  if (std::holds_alternative<functions::LearnedBody>(variant.body)) return 1;
  if (std::holds_alternative<functions::CodeBody>(variant.body)) return 4;
  if (const auto* prompt = std::get_if<functions::PromptBody>(&variant.body)) {
    return engine.router().is_local(prompt->model) ? 2 : limits::kInFlightDefault;
  }
  return 8;
}

std::vector<std::uint32_t> order_of(std::size_t cases, std::size_t limit, std::uint64_t seed) {
  std::vector<std::uint32_t> order(cases);
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed);
  random.shuffle(order);
  if (limit > 0 && limit < order.size()) order.resize(limit);
  return order;
}

io::Task<void> follow(Run& run, std::size_t index) {
  Lane& lane = *run.lanes[index];
  functions::ApplyOptions options;
  options.purse = &run.purse;
  options.cancel = run.cancel;
  Status ready = co_await run.engine.prepare(run.function, *lane.variant, true, std::move(options));
  if (!ready) {
    lane.note = ready.error().kind == Kind::kCancelled ? "" : ready.error().message();
    lane.stopped = true;
    co_return;
  }
  lane.ran = true;
  const auto bound = run.options.cases_max.find(lane.variant->name);
  if (bound != run.options.cases_max.end()) lane.cases_max = bound->second;
  const int at_a_time =
      std::min(parallel_of(run.engine, run.function, *lane.variant, run.options),
               static_cast<int>(std::min<std::size_t>(run.order.size(), 1 << 20)));
  lane.asking.emplace(run.engine.core(), static_cast<std::size_t>(at_a_time));
  // As many again may wait for their rows to be stored, so that no turn is idle meanwhile.
  lane.workers_max = 2 * at_a_time;
  widen(run, index);
}

}  // namespace sighter::ready
