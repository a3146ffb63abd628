#include "learn/logistic.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/random.hpp"

namespace sighter::learn {
namespace {

// Weights in memory while fitting, 256 MB; rarer columns are left out until the rest fits.
constexpr std::size_t kWeightsMax = std::size_t{64} << 20;
// A class whose probability is this close to the truth teaches nothing; skipping it halves the
// time.
constexpr float kErrorMin = 0.001f;
constexpr float kBiasRate = 0.1f;  // of the rate of the weights: biases see every row
constexpr std::uint32_t kLeftOut = UINT32_MAX;
constexpr std::size_t kStepsBetweenChecks = 64;

// The chosen rows with the kept columns renumbered, scaled for the search.
struct Prepared {
  std::vector<std::size_t> start = {0};
  std::vector<std::uint32_t> columns;
  std::vector<float> values;
  std::vector<int> truth;     // class index of each row
  std::vector<float> centre;  // embeddings: subtracted from each row
  float scale = 1;            // and then multiplied with
};

std::vector<std::uint32_t> choose_columns(const SparseRows& rows,
                                          std::span<const std::uint32_t> chosen, std::size_t stride,
                                          std::size_t rows_min, std::vector<std::uint32_t>& place) {
  std::vector<std::uint32_t> seen(rows.width, 0);
  for (const std::uint32_t row : chosen) {
    for (std::size_t i = rows.start[row]; i < rows.start[row + 1]; ++i) ++seen[rows.columns[i]];
  }
  std::vector<std::uint32_t> kept;
  for (std::size_t least = std::max<std::size_t>(rows_min, 1);; ++least) {
    kept.clear();
    for (std::uint32_t column = 0; column < rows.width; ++column) {
      if (seen[column] >= least) kept.push_back(column);
    }
    if (kept.size() * stride <= kWeightsMax || rows.hashes.empty()) break;
  }
  place.assign(rows.width, kLeftOut);
  for (std::uint32_t i = 0; i < kept.size(); ++i) place[kept[i]] = i;
  return kept;
}

Prepared prepare(const SparseRows& rows, std::span<const std::uint32_t> chosen,
                 std::span<const std::uint32_t> place) {
  Prepared out;
  for (const std::uint32_t row : chosen) {
    float squares = 0;
    const std::size_t first = out.values.size();
    for (std::size_t i = rows.start[row]; i < rows.start[row + 1]; ++i) {
      squares += rows.values[i] * rows.values[i];
      if (place[rows.columns[i]] == kLeftOut) continue;
      out.columns.push_back(place[rows.columns[i]]);
      out.values.push_back(rows.values[i]);
    }
    const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (std::size_t i = first; i < out.values.size(); ++i) out.values[i] *= inverse;
    out.start.push_back(out.values.size());
  }
  return out;
}

// Embeddings share a large common direction, which slows the search; take it out.
void centre(Prepared& rows, std::size_t width) {
  const std::size_t n = rows.start.size() - 1;
  std::vector<double> mean(width, 0);
  for (std::size_t i = 0; i < rows.values.size(); ++i) mean[rows.columns[i]] += rows.values[i];
  rows.centre.resize(width);
  for (std::size_t i = 0; i < width; ++i) {
    rows.centre[i] = static_cast<float>(mean[i] / static_cast<double>(n));
  }
  double squares = 0;
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    rows.values[i] -= rows.centre[rows.columns[i]];
    squares += rows.values[i] * rows.values[i];
  }
  if (squares > 0) rows.scale = static_cast<float>(std::sqrt(static_cast<double>(n) / squares));
  for (float& value : rows.values) value *= rows.scale;
}

class Search {
 public:
  Search(LogisticWeights& model, const Prepared& rows, float rate)
      : model_(model),
        rows_(rows),
        rate_(rate),
        classes_(model.classes.size()),
        column_squares_(model.kept.size(), 1e-8f),
        logits_(model.stride, 0.0f),
        errors_(model.stride, 0.0f) {}

  void step(std::uint32_t row) {
    const float squares = measure(row);
    if (squares < 1e-10f) return;
    bias_squares_ += squares;
    add(model_.bias.data(), kBiasRate * rate_ / std::sqrt(bias_squares_));
    for (std::size_t i = rows_.start[row]; i < rows_.start[row + 1]; ++i) {
      const std::uint32_t column = rows_.columns[i];
      const float value = rows_.values[i];
      column_squares_[column] += squares * value * value;
      add(&model_.weights[column * model_.stride],
          rate_ * value / std::sqrt(column_squares_[column]));
    }
  }

 private:
  // Fills errors_ (probability - truth) and active_; the sum of the errors' squares.
  float measure(std::uint32_t row) {
    const std::size_t stride = model_.stride;
    float* z = logits_.data();
    std::copy(model_.bias.begin(), model_.bias.end(), z);
    for (std::size_t i = rows_.start[row]; i < rows_.start[row + 1]; ++i) {
      const float* weights = &model_.weights[rows_.columns[i] * stride];
      const float value = rows_.values[i];
      for (std::size_t k = 0; k < stride; ++k) z[k] += weights[k] * value;
    }
    const float top = *std::max_element(z, z + classes_);
    float sum = 0;
    for (std::size_t k = 0; k < classes_; ++k) sum += z[k] = std::exp(z[k] - top);
    active_.clear();
    float squares = 0;
    const auto truth = static_cast<std::size_t>(rows_.truth[row]);
    for (std::size_t k = 0; k < classes_; ++k) {
      errors_[k] = z[k] / sum - (k == truth ? 1.0f : 0.0f);
      if (std::fabs(errors_[k]) < kErrorMin) continue;
      active_.push_back(static_cast<std::uint32_t>(k));
      squares += errors_[k] * errors_[k];
    }
    return squares;
  }

  void add(float* weights, float rate) {
    if (active_.size() * 4 > classes_) {
      for (std::size_t k = 0; k < model_.stride; ++k) weights[k] -= rate * errors_[k];
    } else {
      for (const std::uint32_t k : active_) weights[k] -= rate * errors_[k];
    }
  }

  LogisticWeights& model_;
  const Prepared& rows_;
  const float rate_;
  const std::size_t classes_;
  std::vector<float> column_squares_;
  float bias_squares_ = 1e-8f;
  std::vector<float> logits_, errors_;  // padding stays 0
  std::vector<std::uint32_t> active_;
};

// Weights for rows as they are: W'(x) = W((x - centre) scale).
void undo_centre(LogisticWeights& model, const Prepared& rows) {
  for (std::size_t column = 0; column < model.kept.size(); ++column) {
    float* weights = &model.weights[column * model.stride];
    for (std::size_t k = 0; k < model.stride; ++k) {
      weights[k] *= rows.scale;
      model.bias[k] -= weights[k] * rows.centre[column];
    }
  }
}

}  // namespace

LogisticWeights fit_logistic(const SparseRows& rows, std::span<const int> labels,
                             std::span<const std::uint32_t> chosen,
                             const LogisticOptions& options) {
  CHECK(!chosen.empty());
  LogisticWeights model;
  for (const std::uint32_t row : chosen) model.classes.push_back(labels[row]);
  std::sort(model.classes.begin(), model.classes.end());
  model.classes.erase(std::unique(model.classes.begin(), model.classes.end()), model.classes.end());
  model.stride = (model.classes.size() + 7) / 8 * 8;

  std::vector<std::uint32_t> place;
  model.kept = choose_columns(rows, chosen, model.stride, options.column_rows_min, place);
  model.weights.assign(model.kept.size() * model.stride, 0);
  model.bias.assign(model.stride, 0);
  Prepared prepared = prepare(rows, chosen, place);
  const bool embeddings = rows.hashes.empty();
  if (embeddings) centre(prepared, rows.width);
  for (const std::uint32_t row : chosen) {
    const auto at = std::lower_bound(model.classes.begin(), model.classes.end(), labels[row]);
    prepared.truth.push_back(static_cast<int>(at - model.classes.begin()));
  }
  if (model.classes.size() == 1) return model;  // nothing to tell apart

  Search search(model, prepared, options.rate);
  Random random(options.seed);
  std::vector<std::uint32_t> order(chosen.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::size_t steps = order.size() * static_cast<std::size_t>(options.epochs);
  std::size_t done = 0;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    random.shuffle(order);
    for (const std::uint32_t row : order) {
      search.step(row);
      if (++done % kStepsBetweenChecks != 0 || !options.keep_going) continue;
      if (!options.keep_going(static_cast<double>(done) / static_cast<double>(steps))) {
        model.stopped = true;
        return model;
      }
    }
  }
  if (embeddings) undo_centre(model, prepared);
  return model;
}

}  // namespace sighter::learn
