#pragma once
// Scores that never come from an example the model was fitted to, nor from its twin.
//
// Examples belong together when they bear the same cluster, or when their texts are near-duplicates
// (similar.hpp; by vector where there is no text). What belongs together is never split.

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "learn/learner.hpp"

namespace sighter::learn {

// For each example the number of its group, from 0, in order of first appearance; transitive.
std::vector<std::uint32_t> groups_of(std::span<const Example> examples);

// For each example its fold in [0, k): whole groups, labels spread as evenly as groups allow.
// `group` as groups_of returns it. k is lowered to the number of groups; at least 1 is used.
std::vector<int> assign_folds(std::span<const Example> examples,
                              std::span<const std::uint32_t> group, int k, std::uint64_t seed);

// Prediction i comes from a model fitted to the folds that hold nothing of example i's group; its
// neighbours are indices into `examples`.
// kInvalid when all examples form one group, or as fit() says. `k` at least 2.
Result<std::vector<Prediction>> out_of_fold(std::span<const Example> examples,
                                            std::span<const std::string> labels,
                                            const LearnerOptions& options, int k = 5,
                                            std::stop_token stop = {},
                                            const Progress& progress = {});

// `count` examples drawn at random so that each label has its share of them, within one (systematic
// sampling over the examples in order of label). Ascending indices; all of them when there are no
// more than `count`. The same draw serves other bodies, so that all lines of a learning curve stand
// on the same labels.
std::vector<std::uint32_t> draw(std::span<const Example> examples, std::size_t count,
                                std::uint64_t seed);

struct CurveOptions {
  std::vector<std::size_t> sizes = {0, 10, 50};  // numbers of labels; kAll may be among them
  int repeats = 5;                               // draws for each size
  std::uint64_t seed = 1;
  std::size_t tests_max = 2000;  // of the rest, tested a draw; at random
  int folds = 5;                 // for kAll
  double confidence = 0.95;
  static constexpr std::size_t kAll = SIZE_MAX;
};

// One size of a learning curve.
struct CurvePoint {
  std::size_t labels = 0;    // as asked; the number of examples for kAll
  bool learned = false;      // false at 0 labels: nothing was learned
  std::size_t trained = 0;   // labels that a model really saw (kAll: the smallest of its folds)
  std::size_t tested = 0;    // different examples tested over all draws
  double accuracy = 0;       // mean over draws. At 0 labels: 1 / K, what a blind guess gets
  double low = 0, high = 0;  // interval, see below; at 0 labels equal to accuracy
  std::vector<double> accuracies;  // one a draw; empty at 0 labels
};

// Accuracy on examples never trained on, by number of labels trained on. For a size n: draw n,
// fit, test on the rest without the groups of those drawn. kAll, and any n of which less than a
// tenth would be left to test, is k-fold out-of-fold over everything. Temperatures are not looked
// for: they hardly ever change which label comes first.
// Interval: mean +- t sqrt(s^2 / repeats + p (1 - p) / tested): the spread of draws, and that the
// tested examples are themselves a sample.
Result<std::vector<CurvePoint>> learning_curve(std::span<const Example> examples,
                                               std::span<const std::string> labels,
                                               const LearnerOptions& options,
                                               const CurveOptions& curve, std::stop_token stop = {},
                                               const Progress& progress = {});

}  // namespace sighter::learn
