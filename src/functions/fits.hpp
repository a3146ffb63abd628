#pragma once
// The models of one learned body: one fitted to all cases, and one a fold that has never seen it.
// Private to the room.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "functions/examples.hpp"
#include "functions/once.hpp"
#include "learn/learner.hpp"
#include "learn/threshold.hpp"

namespace sighter::functions {

using Vectors = std::shared_ptr<const std::vector<std::vector<float>>>;  // one a case; null: none

// Any thread; what fits a model blocks.
class Fits {
 public:
  // `labels` and `body` outlive it. With a subset only those cases are learned from.
  Fits(const LearnedBody& body, const std::vector<std::string>& labels,
       std::shared_ptr<const ExampleSet> set, Vectors vectors, const Subset& only);

  static constexpr std::int64_t kAll = -1;
  // Which model may answer: kAll, or the number of the one that was not fitted to the case
  // `held_out` nor to anything like it. A case that is not of the file is known by its text.
  std::int64_t slot(std::uint64_t held_out, std::string_view text) const;
  // The model of that slot if it was fitted already.
  const Result<learn::Model>* ready(std::int64_t slot);
  Result<learn::Model> fit(std::int64_t slot);
  Status fit_folds();
  // From which confidence on an answer of this body is right often enough: chosen on predictions of
  // models that had not seen the case, without the cases of `slot`.
  Result<learn::Threshold> threshold(std::int64_t slot, double risk_max);
  const ExampleSet& set() const { return *set_; }
  const Vectors& vectors() const { return vectors_; }

 private:
  Once<learn::Model>& model(std::int64_t slot);
  bool holds_out(std::int64_t slot, std::uint32_t index) const;

  const LearnedBody& body_;
  const std::vector<std::string>& labels_;
  std::shared_ptr<const ExampleSet> set_;
  Vectors vectors_;
  std::vector<bool> used_;
  std::vector<int> folds_;  // all cases used: folds; a subset leaves out group by group
  bool by_group_ = false;
  std::mutex mutex_;
  std::map<std::int64_t, std::unique_ptr<Once<learn::Model>>> models_;
  std::map<std::pair<std::int64_t, double>, std::unique_ptr<Once<learn::Threshold>>> thresholds_;
};

}  // namespace sighter::functions
