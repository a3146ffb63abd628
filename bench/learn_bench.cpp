// The learners on labelled sets: accuracy, calibration, seconds to fit, microseconds a prediction,
// size of the model.
//
//   learn_bench FOLDER [SET...]     FOLDER/SET/{train,test}.jsonl, rows {"input": {"text"},
//   "expect"}
//
// One thread. "seconds" is fit() and the predictions of the whole test file; the time a prediction
// takes is the mean over that file. "score" of near-duplicate-free rows leaves out test rows that
// have a twin in the training file.

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "learn/calibrate.hpp"
#include "learn/folds.hpp"
#include "learn/learner.hpp"
#include "learn/similar.hpp"
#include "learn/threshold.hpp"

namespace {

using namespace sighter;
using namespace sighter::learn;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Set {
  std::vector<Example> train, test;
  std::vector<std::string> labels;
};

Result<std::vector<Example>> read_rows(const std::filesystem::path& path,
                                       std::map<std::string, int>& label_of, Set& set) {
  auto lines = LineReader::open(path);
  if (!lines) return std::unexpected(lines.error());
  std::vector<Example> rows;
  while (true) {
    const auto line = lines->next(limits::kLineBytesMax);
    if (!line) return std::unexpected(line.error());
    if (!*line) return rows;
    const auto json = json_parse(**line);
    if (!json) return std::unexpected(json.error().in(path.string()));
    const Json* input = json->find("input");
    const Json* text = input == nullptr ? nullptr : input->find("text");
    const Json* expect = json->find("expect");
    if (text == nullptr || expect == nullptr || !text->is_string() || !expect->is_string()) {
      return fail(Kind::kInvalid, path.string() + ": a row without input.text or expect");
    }
    const auto [at, fresh] =
        label_of.try_emplace(expect->as_string(), static_cast<int>(set.labels.size()));
    if (fresh) set.labels.push_back(expect->as_string());
    rows.push_back({.text = text->as_string(), .vector = {}, .label = at->second, .cluster = {}});
  }
}

Result<Set> read_set(const std::filesystem::path& folder) {
  Set set;
  std::map<std::string, int> label_of;
  auto train = read_rows(folder / "train.jsonl", label_of, set);
  if (!train) return std::unexpected(train.error());
  auto test = read_rows(folder / "test.jsonl", label_of, set);
  if (!test) return std::unexpected(test.error());
  set.train = std::move(*train);
  set.test = std::move(*test);
  return set;
}

// For each test row whether a near-duplicate of it is in the training file.
std::vector<bool> twins_of(const Set& set) {
  std::vector<Example> both = set.train;
  both.insert(both.end(), set.test.begin(), set.test.end());
  const std::vector<std::uint32_t> group = groups_of(both);
  std::vector<bool> known(both.size(), false), out;
  for (std::size_t i = 0; i < set.train.size(); ++i) known[group[i]] = true;
  for (std::size_t i = set.train.size(); i < both.size(); ++i) out.push_back(known[group[i]]);
  return out;
}

Status bench_learner(const std::string& name, const Set& set, const std::vector<bool>& twin,
                     LearnerKind kind) {
  LearnerOptions options;
  options.learner = kind;
  const auto start = Clock::now();
  const auto model = fit(set.train, set.labels, options);
  if (!model) return std::unexpected(model.error());
  const double fit_seconds = seconds_since(start);
  const auto predicting = Clock::now();
  std::vector<Prediction> predictions;
  for (const Example& row : set.test) {
    auto prediction = model->predict(row.text);
    if (!prediction) return std::unexpected(prediction.error());
    predictions.push_back(std::move(*prediction));
  }
  const double predict_seconds = seconds_since(predicting);
  std::vector<double> confidence;
  std::vector<std::uint8_t> correct;
  double right = 0, right_alone = 0, alone = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const bool good = predictions[i].label == set.test[i].label;
    confidence.push_back(predictions[i].confidence);
    correct.push_back(good);
    right += good;
    if (twin[i]) continue;
    ++alone;
    right_alone += good;
  }
  const auto n = static_cast<double>(predictions.size());
  const auto threshold = choose_threshold(confidence, correct, 0.02);
  if (!threshold) return std::unexpected(threshold.error());
  fmt::print(
      "{:<10} {:<9} {:>7.2f} {:>9.2f} {:>6.3f} {:>6.2f} {:>9.1f} {:>8.2f} {:>8.2f} {:>8.1f} "
      "{:>9.0f}\n",
      name, to_string(kind), 100 * right / n, 100 * right_alone / std::max(alone, 1.0),
      calibration_error(confidence, correct), model->info().temperature, 100 * threshold->coverage,
      fit_seconds, fit_seconds + predict_seconds, 1e6 * predict_seconds / n,
      static_cast<double>(model->info().file_bytes) / 1e3);
  return {};
}

Status bench_set(const std::filesystem::path& folder, const std::string& name) {
  const auto set = read_set(folder / name);
  if (!set) return std::unexpected(set.error());
  const auto start = Clock::now();
  const std::vector<bool> twin = twins_of(*set);
  fmt::print("# {}: {} to learn from, {} to test ({} with a twin, found in {:.2f} s), {} labels\n",
             name, set->train.size(), set->test.size(), std::count(twin.begin(), twin.end(), true),
             seconds_since(start), set->labels.size());
  for (const LearnerKind kind :
       {LearnerKind::kMajority, LearnerKind::kNearest, LearnerKind::kLinear}) {
    if (const Status went = bench_learner(name, *set, twin, kind); !went) return went;
  }
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    fmt::print(stderr, "usage: learn_bench FOLDER [SET...]\n");
    return 2;
  }
  std::vector<std::string> names(arguments + 2, arguments + count);
  if (names.empty()) names = {"banking77", "clinc150", "hwu64", "sms", "headlines"};
  fmt::print("{:<10} {:<9} {:>7} {:>9} {:>6} {:>6} {:>9} {:>8} {:>8} {:>8} {:>9}\n", "set",
             "learner", "score %", "no twin %", "ECE", "T", "cover 2%", "fit s", "seconds",
             "us each", "file kB");
  for (const std::string& name : names) {
    if (const Status went = bench_set(arguments[1], name); !went) {
      fmt::print(stderr, "{}: {}\n", name, went.error().message());
      return 1;
    }
  }
  return 0;
}
