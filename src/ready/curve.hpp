#pragma once
// Score by number of labels used: what each body reaches with 0, 10, 50 ... labelled cases, on
// cases that it has not seen. Where the lines of prompts and learners cross.

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
};

struct Curve {
  std::string variant;
  bool uses_labels = false;  // false: one score, whatever the number of labels
  std::vector<CurvePoint> points;
  std::string note;  // why it has no points
};

struct CurveOptions {
  std::vector<std::size_t> sizes{0, 10, 50};  // "all" always comes last
  int repeats = 5;                            // draws a size
  std::size_t tests_max = 400;                // cases tested a draw
  std::uint64_t seed = 1;
};

// The draws of labels are the same for every variant (learn::draw), and so are the tested cases.
// Interval of several draws: mean +- t sqrt(s^2 / repeats + p (1 - p) / tested); of one: exact.
// Outputs are stored and read again as in evaluate().
io::Task<Result<Curve>> by_labels(
    functions::Engine& engine, const functions::Function& function,
    const functions::Variant& variant, const functions::CaseFile& cases, Metric& metric,
    CurveOptions options, io::CancelToken cancel,
    std::function<void(std::size_t done, std::size_t total)> progress);

}  // namespace sighter::ready
