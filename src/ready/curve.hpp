#pragma once
// Score by number of labels used: what each body reaches with 0, 10, 50 ... labelled cases, on
// cases that it has not seen. Where the lines of prompts and learners cross.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "functions/engine.hpp"
#include "ready/metric.hpp"

namespace sighter::ready {

struct CurvePoint {
  std::size_t labels = 0;  // used; the number of all cases for "all"
  bool known = false;      // false: a learner without labels has nothing
  double score = 0;
  double low = 0, high = 0;  // 95 %, see below
  std::size_t tested = 0;    // different cases
  int repeats = 0;           // draws of labels
  bool cut = false;          // fewer cases than asked for: the time was up
};

struct Curve {
  std::string variant;
  bool uses_labels = false;  // false: one score, whatever the number of labels
  std::vector<CurvePoint> points;
  std::string note;  // why it has no points
  // What a body that is given little time was seen to need, while the number of cases was chosen.
  std::optional<double> seconds_a_case;
  std::optional<double> tokens_per_s;
};

struct CurveOptions {
  std::vector<std::size_t> sizes{0, 10, 50};
  bool all = true;              // "all" comes last
  int repeats = 5;              // draws a size
  std::size_t tests_max = 400;  // cases tested a draw
  std::uint64_t seed = 1;
  // Of a draw. The first answers show how long a case takes, and so how many cases there is time
  // for; where it gets slower later, no new case is begun once the time is up. Stored answers take
  // none of it. Nullopt: as long as it takes.
  std::optional<std::chrono::steady_clock::duration> time_max;
};

// The draws of labels are the same for every variant, and so are the tested cases; with all labels
// and with none they are those that evaluate() takes first with the same seed.
// Interval of several draws: mean +- t sqrt(s^2 / repeats + p (1 - p) / tested); of one: exact.
// Outputs are stored and read again as in evaluate().
io::Task<Result<Curve>> by_labels(
    functions::Engine& engine, const functions::Function& function,
    const functions::Variant& variant, const functions::CaseFile& cases, Metric& metric,
    CurveOptions options, io::CancelToken cancel,
    std::function<void(std::size_t done, std::size_t total)> progress);

}  // namespace sighter::ready
