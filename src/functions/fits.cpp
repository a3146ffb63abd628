#include "functions/fits.hpp"

#include <algorithm>
#include <unordered_set>

#include "learn/folds.hpp"

namespace sighter::functions {

Fits::Fits(const LearnedBody& body, const std::vector<std::string>& labels,
           std::shared_ptr<const ExampleSet> set, Vectors vectors, const Subset& only)
    : body_(body),
      labels_(labels),
      set_(std::move(set)),
      vectors_(std::move(vectors)),
      used_(set_->cases().size(), true),
      by_group_(only != nullptr) {
  if (!only) {
    folds_ = learn::assign_folds(set_->examples(), set_->groups(), body.folds, body.options.seed);
    return;
  }
  const std::unordered_set<std::uint64_t> keys(only->begin(), only->end());
  for (std::size_t i = 0; i < used_.size(); ++i) used_[i] = keys.contains(set_->cases()[i].key);
}

bool Fits::holds_out(std::int64_t slot, std::uint32_t index) const {
  if (slot == kAll) return false;
  return by_group_ ? set_->groups()[index] == slot : folds_[index] == slot;
}

std::int64_t Fits::slot(std::uint64_t held_out, std::string_view text) const {
  if (held_out == 0) return kAll;
  std::optional<std::uint32_t> index = set_->find(held_out);
  if (!index) index = set_->twin(text);
  if (!index) return kAll;
  if (!by_group_) return folds_[*index];
  const std::uint32_t group = set_->groups()[*index];
  for (std::uint32_t i = 0; i < used_.size(); ++i) {
    if (used_[i] && set_->groups()[i] == group) return group;
  }
  return kAll;  // nothing of its group was learned from
}

Once<learn::Model>& Fits::model(std::int64_t slot) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Once<learn::Model>>& place = models_[slot];
  if (!place) place = std::make_unique<Once<learn::Model>>();
  return *place;
}

const Result<learn::Model>* Fits::ready(std::int64_t slot) {
  return model(slot).ready();
}

Result<learn::Model> Fits::fit(std::int64_t slot) {
  return model(slot).get([&]() -> Result<learn::Model> {
    std::vector<learn::Example> examples;
    for (std::uint32_t i = 0; i < used_.size(); ++i) {
      if (!used_[i] || holds_out(slot, i)) continue;
      examples.push_back(set_->examples()[i]);
      if (vectors_) examples.back().vector = (*vectors_)[i];
    }
    return learn::fit(examples, labels_, body_.options);
  });
}

Status Fits::fit_folds() {
  if (by_group_) return {};
  const int most = folds_.empty() ? -1 : *std::max_element(folds_.begin(), folds_.end());
  for (int fold = 0; fold <= most; ++fold) {
    if (const Result<learn::Model> fitted = fit(fold); !fitted)
      return std::unexpected(fitted.error());
  }
  return {};
}

Result<learn::Threshold> Fits::threshold(std::int64_t slot, double risk_max) {
  Once<learn::Threshold>* place = nullptr;
  {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<Once<learn::Threshold>>& found = thresholds_[{slot, risk_max}];
    if (!found) found = std::make_unique<Once<learn::Threshold>>();
    place = found.get();
  }
  if (const auto* made = place->ready()) return *made;
  return place->get([&]() -> Result<learn::Threshold> {
    std::vector<double> confidence;
    std::vector<std::uint8_t> correct;
    for (std::uint32_t i = 0; i < used_.size(); ++i) {
      if (!used_[i] || holds_out(slot, i)) continue;
      const Result<learn::Model> fitted = fit(by_group_ ? set_->groups()[i] : folds_[i]);
      if (!fitted) return std::unexpected(fitted.error());
      const std::span<const float> vector =
          vectors_ ? std::span<const float>((*vectors_)[i]) : std::span<const float>();
      const Result<learn::Prediction> guess = fitted->predict(set_->examples()[i].text, vector);
      if (!guess) return std::unexpected(guess.error());
      confidence.push_back(guess->confidence);
      correct.push_back(guess->label == set_->examples()[i].label ? 1 : 0);
    }
    return learn::choose_threshold(confidence, correct, risk_max);
  });
}

}  // namespace sighter::functions
