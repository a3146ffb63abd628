#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/random.hpp"
#include "learn/bounds.hpp"
#include "learn/folds.hpp"

namespace sighter::learn {
namespace {

struct Draws {
  std::vector<double> accuracies;
  std::vector<bool> tested;
  std::size_t trained = 0;
};

// What one number of labels teaches, once.
Status train_and_test(std::span<const Example> examples, std::span<const std::string> labels,
                      std::span<const std::uint32_t> group, const LearnerOptions& options,
                      std::span<const std::uint32_t> drawn, std::size_t tests_max,
                      std::stop_token stop, Draws& draws) {
  std::vector<Example> training;
  std::vector<bool> known(group.size(), false);  // by group
  for (const std::uint32_t i : drawn) {
    training.push_back(examples[i]);
    known[group[i]] = true;
  }
  std::vector<std::uint32_t> rest;
  for (std::uint32_t i = 0; i < examples.size(); ++i) {
    if (!known[group[i]]) rest.push_back(i);
  }
  if (rest.empty()) {
    return fail(Kind::kInvalid,
                fmt::format("after {} labels nothing is left to test on", drawn.size()),
                "ask for fewer labels, or add different examples");
  }
  Random(options.seed).shuffle(rest);
  if (rest.size() > tests_max) rest.resize(tests_max);
  const auto model = fit(training, labels, options, stop);
  if (!model) return std::unexpected(model.error());
  std::size_t right = 0;
  for (const std::uint32_t i : rest) {
    const auto prediction = model->predict(examples[i].text, examples[i].vector);
    if (!prediction) return std::unexpected(prediction.error());
    right += prediction->label == examples[i].label ? 1 : 0;
    draws.tested[i] = true;
  }
  draws.trained = drawn.size();
  draws.accuracies.push_back(static_cast<double>(right) / static_cast<double>(rest.size()));
  return {};
}

Status fold_and_test(std::span<const Example> examples, std::span<const std::string> labels,
                     const LearnerOptions& options, int folds, std::stop_token stop, Draws& draws) {
  const auto predictions = out_of_fold(examples, labels, options, folds, stop);
  if (!predictions) return std::unexpected(predictions.error());
  std::size_t right = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    right += (*predictions)[i].label == examples[i].label ? 1 : 0;
  }
  const std::vector<int> fold = assign_folds(examples, groups_of(examples), folds, options.seed);
  std::vector<std::size_t> held(static_cast<std::size_t>(folds), 0);
  for (const int f : fold) ++held[static_cast<std::size_t>(f)];
  draws.trained = examples.size() - *std::max_element(held.begin(), held.end());
  draws.tested.assign(examples.size(), true);
  draws.accuracies.push_back(static_cast<double>(right) / static_cast<double>(examples.size()));
  return {};
}

CurvePoint conclude(std::size_t asked, Draws draws, double confidence) {
  CurvePoint point;
  point.labels = asked;
  point.learned = true;
  point.trained = draws.trained;
  point.tested =
      static_cast<std::size_t>(std::count(draws.tested.begin(), draws.tested.end(), true));
  const auto repeats = static_cast<double>(draws.accuracies.size());
  for (const double accuracy : draws.accuracies) point.accuracy += accuracy / repeats;
  double spread = 0;
  for (const double accuracy : draws.accuracies) {
    spread += (accuracy - point.accuracy) * (accuracy - point.accuracy);
  }
  if (repeats > 1) spread /= (repeats - 1) * repeats;
  // Two more right and two more wrong, so that 100 of 100 right is not certainty (Agresti and
  // Coull, The American Statistician 1998).
  const double tested = static_cast<double>(point.tested) + 4;
  const double share = (point.accuracy * static_cast<double>(point.tested) + 2) / tested;
  const double error = std::sqrt(spread + share * (1 - share) / tested);
  const int freedom = std::max(1, static_cast<int>(draws.accuracies.size()) - 1);
  const double reach = student_t_two_sided(confidence, repeats > 1 ? freedom : 1'000) * error;
  point.low = std::max(0.0, point.accuracy - reach);
  point.high = std::min(1.0, point.accuracy + reach);
  point.accuracies = std::move(draws.accuracies);
  return point;
}

}  // namespace

std::vector<std::uint32_t> draw(std::span<const Example> examples, std::size_t count,
                                std::uint64_t seed) {
  std::vector<std::uint32_t> order(examples.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  if (count >= order.size()) return order;
  Random random(seed);
  random.shuffle(order);
  // Labels in order of first appearance after the shuffle: neighbours by chance, not by number.
  int labels = 0;
  for (const Example& example : examples) {
    CHECK(example.label >= 0);
    labels = std::max(labels, example.label + 1);
  }
  std::vector<std::uint32_t> rank(static_cast<std::size_t>(labels), UINT32_MAX);
  std::uint32_t next = 0;
  for (const std::uint32_t i : order) {
    std::uint32_t& of_label = rank[static_cast<std::size_t>(examples[i].label)];
    if (of_label == UINT32_MAX) of_label = next++;
  }
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return rank[static_cast<std::size_t>(examples[a].label)] <
           rank[static_cast<std::size_t>(examples[b].label)];
  });
  std::vector<std::uint32_t> out;
  const double stride = static_cast<double>(order.size()) / static_cast<double>(count);
  const double start = random.uniform() * stride;
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(start + static_cast<double>(i) * stride);
    out.push_back(order[std::min(at, order.size() - 1)]);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<CurvePoint>> learning_curve(std::span<const Example> examples,
                                               std::span<const std::string> labels,
                                               const LearnerOptions& options,
                                               const CurveOptions& curve, std::stop_token stop,
                                               const Progress& progress) {
  CHECK(curve.repeats >= 1 && curve.folds >= 2 && curve.tests_max >= 1);
  CHECK(curve.confidence > 0 && curve.confidence < 1);
  if (labels.empty()) return fail(Kind::kInvalid, "no labels to choose from");
  for (const Example& example : examples) {
    if (example.label < 0 || static_cast<std::size_t>(example.label) >= labels.size()) {
      return fail(Kind::kInvalid,
                  fmt::format("an example bears label {} of {}", example.label, labels.size()));
    }
  }
  const std::vector<std::uint32_t> group = groups_of(examples);
  std::vector<CurvePoint> points;
  const double steps = static_cast<double>(curve.sizes.size()) * curve.repeats;
  double done = 0;
  for (const std::size_t size : curve.sizes) {
    if (size == 0) {
      CurvePoint blind;
      blind.accuracy = blind.low = blind.high = 1 / static_cast<double>(labels.size());
      points.push_back(std::move(blind));
      done += curve.repeats;
      continue;
    }
    const bool all = size >= examples.size() - examples.size() / 10;
    Draws draws;
    draws.tested.assign(examples.size(), false);
    for (int repeat = 0; repeat < curve.repeats; ++repeat) {
      LearnerOptions own = options;
      own.calibrate = false;  // hardly ever changes which label comes first, and costs most
      own.seed = Random(curve.seed + static_cast<std::uint64_t>(repeat)).next();
      const Status went =
          all ? fold_and_test(examples, labels, own, curve.folds, stop, draws)
              : train_and_test(examples, labels, group, own, draw(examples, size, own.seed),
                               curve.tests_max, stop, draws);
      if (!went) return std::unexpected(went.error());
      if (progress) progress(++done / steps);
    }
    points.push_back(conclude(all ? examples.size() : size, std::move(draws), curve.confidence));
  }
  return points;
}

}  // namespace sighter::learn
