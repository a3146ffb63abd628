#include "ready/curve.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "base/random.hpp"
#include "io/scope.hpp"
#include "ready/lane.hpp"
#include "stats/interval.hpp"

namespace sighter::ready {
namespace {

bool uses_labels(const functions::Variant& variant) {
  if (std::holds_alternative<functions::LearnedBody>(variant.body)) return true;
  if (std::holds_alternative<functions::CascadeBody>(variant.body)) return true;
  const auto* prompt = std::get_if<functions::PromptBody>(&variant.body);
  return prompt != nullptr && prompt->examples > 0;
}

// Has nothing to say without labels.
bool learns(const functions::Function& function, const functions::Variant& variant) {
  if (std::holds_alternative<functions::LearnedBody>(variant.body)) return true;
  const auto* cascade = std::get_if<functions::CascadeBody>(&variant.body);
  if (cascade == nullptr) return false;
  return std::any_of(cascade->steps.begin(), cascade->steps.end(), [&](const std::string& step) {
    const functions::Variant* found = function.find(step);
    return found != nullptr && learns(function, *found);
  });
}

// One draw of labels and the cases that it is tested on.
struct Draw {
  std::shared_ptr<const std::vector<std::uint64_t>> labels;  // null: all, each case held out
  std::vector<std::uint32_t> tests;
};

struct Work {
  functions::Engine& engine;
  const functions::Function& function;
  const functions::Variant& variant;
  const functions::CaseFile& cases;
  Metric& metric;
  io::CancelToken cancel;
  const Draw* draw = nullptr;
  std::size_t next = 0;
  double sum = 0;
  std::size_t done = 0;
  std::optional<Error> stopped;
  std::function<void()> tick;
  // Of a draw whose time is bounded.
  std::optional<std::chrono::steady_clock::duration> time_max = {};
  std::size_t cases_max = SIZE_MAX;
  SteadyTime begun{};
  std::size_t asked = 0;  // not read from the store
  std::int64_t tokens = 0;
  std::optional<double> seconds_a_case = {};
  std::optional<double> tokens_per_s = {};
};

constexpr std::size_t kProbes = 4;  // answers that show how long one takes

double seconds_since_begin(const Work& work) {
  const SteadyTime now = work.engine.core().clock().steady_now();
  return std::chrono::duration<double>(now - work.begun).count();
}

// How many cases there is time for, as soon as that can be told.
void choose_how_many(Work& work, const functions::Applied& applied) {
  if (!work.time_max || applied.reused) return;
  ++work.asked;
  if (applied.usage) work.tokens += applied.usage->input - applied.usage->cache_read;
  if (work.asked != kProbes) return;
  const double seconds = std::max(seconds_since_begin(work), 1e-6);
  work.seconds_a_case = seconds / static_cast<double>(work.asked);
  if (work.tokens > 0) work.tokens_per_s = static_cast<double>(work.tokens) / seconds;
  const double left = std::chrono::duration<double>(*work.time_max).count() - seconds;
  work.cases_max = work.next + static_cast<std::size_t>(std::max(0.0, left) / *work.seconds_a_case);
}

bool wants_more(const Work& work) {
  if (work.next >= std::min(work.cases_max, work.draw->tests.size())) return false;
  if (work.stopped || work.cancel.cancelled()) return false;
  return !work.time_max || work.asked == 0 ||
         seconds_since_begin(work) < std::chrono::duration<double>(*work.time_max).count();
}

io::Task<void> worker(Work* work) {
  while (wants_more(*work)) {
    const std::uint32_t which = work->draw->tests[work->next++];
    Result<functions::Case> row = work->cases.at(which);
    if (!row) {
      work->stopped = row.error();
      co_return;
    }
    functions::ApplyOptions options;
    options.cancel = work->cancel;
    options.reuse = true;
    options.held_out = work->cases.key(which);
    options.only_cases = work->draw->labels;
    Json input = row->input;
    functions::ApplyResult applied = co_await work->engine.apply(
        work->function, work->variant, std::move(input), std::move(options));
    if (!applied) {
      const Kind kind = applied.error().error.kind;
      if (kind != Kind::kInvalid && kind != Kind::kUpstream) {
        if (!work->stopped) work->stopped = applied.error().error;
        co_return;
      }
      ++work->done;
      work->tick();
      continue;
    }
    Scored scored{row->input, row->expect ? &*row->expect : nullptr, applied->output};
    Result<Score> score = co_await work->metric.score(scored, work->cancel);
    if (!score) {
      if (!work->stopped) work->stopped = score.error();
      co_return;
    }
    choose_how_many(*work, *applied);
    work->sum += score->value;
    ++work->done;
    work->tick();
  }
}

// Cases in random order; the first `size` are the labels, of which every label of the contract gets
// one as far as they reach: a draw that leaves a class out says nothing about the learner.
Result<Draw> draw_of(const functions::CaseFile& cases, std::size_t size, std::uint64_t seed,
                     std::size_t tests_max) {
  std::vector<std::uint32_t> order(cases.size());
  std::iota(order.begin(), order.end(), 0u);
  Random random(seed);
  random.shuffle(order);
  Draw draw;
  auto labels = std::make_shared<std::vector<std::uint64_t>>();
  if (size == 0 || size >= cases.size()) {
    // The cases that an evaluation with this seed takes first, so that each serves both.
    draw.tests = order_of(cases.size(), tests_max, seed);
    if (size == 0) draw.labels = std::move(labels);
    return draw;
  }
  std::unordered_set<std::string> seen;
  std::vector<std::uint32_t> first, rest;
  for (const std::uint32_t which : order) {
    if (seen.size() >= size || first.size() >= size) {
      rest.push_back(which);
      continue;
    }
    Result<functions::Case> row = cases.at(which);
    if (!row) return std::unexpected(row.error());
    const bool fresh = row->expect && seen.insert(json_canonical(*row->expect)).second;
    (fresh ? first : rest).push_back(which);
  }
  std::unordered_set<std::uint64_t> clusters;
  for (const std::uint32_t which : first) labels->push_back(cases.key(which));
  std::size_t taken = 0;
  while (labels->size() < size && taken < rest.size()) {
    first.push_back(rest[taken]);
    labels->push_back(cases.key(rest[taken++]));
  }
  for (const std::uint32_t which : first) {
    if (cases.cluster(which) != 0) clusters.insert(cases.cluster(which));
  }
  for (std::size_t i = taken; i < rest.size() && draw.tests.size() < tests_max; ++i) {
    if (cases.cluster(rest[i]) == 0 || !clusters.contains(cases.cluster(rest[i])))
      draw.tests.push_back(rest[i]);
  }
  draw.labels = std::move(labels);
  return draw;
}

CurvePoint point_of(std::size_t labels, const std::vector<double>& scores,
                    const std::unordered_set<std::uint32_t>& tested) {
  CurvePoint point;
  point.labels = labels;
  point.known = true;
  point.tested = tested.size();
  point.repeats = static_cast<int>(scores.size());
  point.score = stats::mean(scores);
  const double n = static_cast<double>(tested.size());
  if (scores.size() == 1) {
    const stats::Interval exact = stats::clopper_pearson(
        std::llround(point.score * n), static_cast<std::int64_t>(tested.size()), 0.95);
    point.low = exact.low;
    point.high = exact.high;
    return point;
  }
  const double error = stats::standard_error(scores);
  // Student's t for the draws, at 0.95: stats::student gives its half width over the standard
  // error.
  const double spread =
      std::sqrt(error * error + point.score * (1 - point.score) / std::max(1.0, n));
  const double t = scores.size() <= 3 ? 4.30 : scores.size() <= 5 ? 2.78 : 2.26;
  point.low = std::max(0.0, point.score - t * spread);
  point.high = std::min(1.0, point.score + t * spread);
  return point;
}

int workers_of(const functions::Engine& engine, const functions::Variant& variant) {
  static_cast<void>(engine);
  return std::holds_alternative<functions::LearnedBody>(variant.body) ? 1 : 2;
}

}  // namespace

io::Task<Result<Curve>> by_labels(functions::Engine& engine, const functions::Function& function,
                                  const functions::Variant& variant,
                                  const functions::CaseFile& cases, Metric& metric,
                                  CurveOptions options, io::CancelToken cancel,
                                  std::function<void(std::size_t, std::size_t)> progress) {
  Curve curve;
  curve.variant = variant.name;
  curve.uses_labels = uses_labels(variant);
  functions::ApplyOptions prepare_options;
  prepare_options.cancel = cancel;
  Status ready = co_await engine.prepare(function, variant, true, std::move(prepare_options));
  if (!ready) {
    curve.note = ready.error().what;
    co_return curve;
  }
  const bool learned = learns(function, variant);
  std::vector<std::size_t> sizes = curve.uses_labels ? options.sizes : std::vector<std::size_t>{};
  if (options.all || !curve.uses_labels) sizes.push_back(cases.size());
  const std::size_t total =
      sizes.size() * static_cast<std::size_t>(options.repeats) * options.tests_max;
  std::size_t ticks = 0;
  for (const std::size_t size : sizes) {
    if (size == 0 && learned) {
      curve.points.push_back({});
      continue;
    }
    if (size > cases.size()) continue;
    // All labels, or none, leave nothing to draw.
    const bool whole = size == 0 || size == cases.size();
    const int repeats = whole ? 1 : options.repeats;
    std::vector<double> scores;
    std::unordered_set<std::uint32_t> tested;
    bool cut = false;
    for (int repeat = 0; repeat < repeats; ++repeat) {
      const std::uint64_t seed =
          whole ? options.seed : options.seed * 1000 + static_cast<std::uint64_t>(repeat);
      Result<Draw> draw = draw_of(cases, size, seed, options.tests_max);
      if (!draw) co_return std::unexpected(draw.error());
      Work work{engine, function, variant, cases, metric, cancel,          &*draw,
                0,      0,        0,       {},    {},     options.time_max};
      work.begun = engine.core().clock().steady_now();
      work.tick = [&] {
        if (progress) progress(++ticks, total);
      };
      io::Scope scope(engine.core());
      for (int i = 0; i < workers_of(engine, variant); ++i)
        io::spawn(scope, "curve", worker(&work));
      co_await scope.join();
      if (work.stopped && work.stopped->kind == Kind::kCancelled) {
        co_return std::unexpected(*work.stopped);
      }
      if (work.stopped) {
        curve.note = work.stopped->what;
        co_return curve;
      }
      if (cancel.cancelled()) co_return std::unexpected(cancel.error());
      if (work.done == 0) continue;
      scores.push_back(work.sum / static_cast<double>(work.done));
      tested.insert(draw->tests.begin(),
                    draw->tests.begin() + static_cast<std::ptrdiff_t>(work.next));
      cut = cut || work.next < draw->tests.size();
      if (work.seconds_a_case) curve.seconds_a_case = work.seconds_a_case;
      if (work.tokens_per_s) curve.tokens_per_s = work.tokens_per_s;
    }
    if (scores.empty()) continue;
    curve.points.push_back(point_of(size, scores, tested));
    curve.points.back().cut = cut;
  }
  co_return curve;
}

}  // namespace sighter::ready
