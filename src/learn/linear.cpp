// The `linear` learner: logistic regression, its weights in 8 bits and without the tiny ones.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "base/check.hpp"
#include "learn/calibrate.hpp"
#include "learn/features.hpp"
#include "learn/folds.hpp"
#include "learn/logistic.hpp"
#include "learn/rows.hpp"
#include "learn/scorer.hpp"

namespace sighter::learn {
namespace {

// A weight below this moves no logit by more than a hundredth; leaving such weights out cuts the
// file to a third and costs no accuracy (bench/learn_bench.cpp).
constexpr float kWeightMin = 0.05f;
// From this many examples on, an n-gram of one example alone is noise more often than knowledge.
constexpr std::size_t kRareFrom = 1000;
// Up to this many examples T comes from folds, beyond it from one part held out.
constexpr std::size_t kFoldedMax = 2000;
constexpr int kEpochs = 10;
constexpr int kEmbeddingEpochs = 30;
// No file may hold larger ones: sums of them stay finite.
constexpr float kWeightMax = 1e30f;
constexpr std::uint32_t kNone = UINT32_MAX;
constexpr float kUnknown = -std::numeric_limits<float>::infinity();

// The weights of one feature: only those that matter, as 8-bit multiples of `scale`.
struct WeightRow {
  std::uint32_t key = 0;  // hash of an n-gram, or a dimension; rows ascend by it
  float scale = 0;
  std::uint32_t begin = 0, end = 0;  // into classes_ and steps_
};

class LinearScorer final : public Scorer {
 public:
  LinearScorer(FeatureKind features, std::size_t labels) : features_(features) {
    bias_.assign(labels, kUnknown);
  }

  static std::unique_ptr<LinearScorer> from(const LogisticWeights& model, const SparseRows& rows,
                                            std::size_t labels);
  static std::unique_ptr<LinearScorer> read(ByteReader& in, FeatureKind features,
                                            std::span<const std::uint64_t> counts);

  void score(std::string_view text, std::span<const float> vector, std::span<float> logits,
             std::vector<Neighbour>* neighbours) const override {
    if (neighbours != nullptr) neighbours->clear();
    std::copy(bias_.begin(), bias_.end(), logits.begin());
    if (features_ == FeatureKind::kEmbedding) {
      score_vector(vector, logits);
    } else {
      score_text(text, logits);
    }
  }
  std::size_t feature_count() const override { return rows_.size(); }
  std::size_t dimensions() const override { return dimensions_; }
  void write(ByteWriter& out) const override;

 private:
  void score_text(std::string_view text, std::span<float> logits) const;
  void score_vector(std::span<const float> vector, std::span<float> logits) const;
  void add(const WeightRow& row, float value, std::span<float> logits) const {
    const float factor = value * row.scale;
    for (std::uint32_t i = row.begin; i < row.end; ++i) {
      logits[classes_[i]] += factor * static_cast<float>(steps_[i]);
    }
  }
  void append(std::uint32_t key, std::span<const float> weights, std::span<const int> classes);
  void index();
  bool read_row(ByteReader& in, WeightRow& row);

  FeatureKind features_;
  std::size_t dimensions_ = 0;
  std::vector<float> bias_;  // one a label
  std::vector<WeightRow> rows_;
  std::vector<std::uint16_t> classes_;
  std::vector<std::int8_t> steps_;
  std::vector<std::uint32_t> slots_;  // open addressing: key -> row; kNone = free
};

void LinearScorer::append(std::uint32_t key, std::span<const float> weights,
                          std::span<const int> classes) {
  float largest = 0;
  for (const float weight : weights) largest = std::max(largest, std::fabs(weight));
  if (largest < kWeightMin) return;
  WeightRow row{key, largest / 127, static_cast<std::uint32_t>(steps_.size()), 0};
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const auto step = static_cast<std::int8_t>(std::lround(weights[k] / row.scale));
    if (step == 0 || std::fabs(weights[k]) < kWeightMin) continue;
    classes_.push_back(static_cast<std::uint16_t>(classes[k]));
    steps_.push_back(step);
  }
  row.end = static_cast<std::uint32_t>(steps_.size());
  rows_.push_back(row);
}

void LinearScorer::index() {
  if (features_ == FeatureKind::kEmbedding) return;
  slots_.assign(std::bit_ceil(rows_.size() * 2 + 2), kNone);
  const std::size_t mask = slots_.size() - 1;
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    std::size_t slot = rows_[i].key & mask;
    while (slots_[slot] != kNone) slot = (slot + 1) & mask;
    slots_[slot] = i;
  }
}

std::unique_ptr<LinearScorer> LinearScorer::from(const LogisticWeights& model,
                                                 const SparseRows& rows, std::size_t labels) {
  const bool lexical = !rows.hashes.empty() || rows.width == 0;
  auto scorer = std::make_unique<LinearScorer>(
      lexical ? FeatureKind::kLexical : FeatureKind::kEmbedding, labels);
  if (!lexical) scorer->dimensions_ = rows.width;
  for (std::size_t k = 0; k < model.classes.size(); ++k) {
    scorer->bias_[static_cast<std::size_t>(model.classes[k])] = model.bias[k];
  }
  std::vector<std::uint32_t> order(model.kept.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](std::uint32_t i) {
    return lexical ? rows.hashes[model.kept[i]] : model.kept[i];
  };
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return key(a) < key(b); });
  for (const std::uint32_t i : order) {
    scorer->append(key(i), {&model.weights[i * model.stride], model.classes.size()}, model.classes);
  }
  scorer->index();
  return scorer;
}

void LinearScorer::score_text(std::string_view text, std::span<float> logits) const {
  GramCounter counter;
  const std::span<const Gram> grams = counter.count(text);
  float squares = 0;
  std::vector<std::pair<std::uint32_t, float>> known;
  known.reserve(grams.size());
  const std::size_t mask = slots_.size() - 1;
  for (const Gram& gram : grams) {
    const float value = gram.count == 1 ? 1 : 1 + std::log(static_cast<float>(gram.count));
    squares += value * value;
    std::size_t slot = gram.hash & mask;
    while (slots_[slot] != kNone && rows_[slots_[slot]].key != gram.hash) slot = (slot + 1) & mask;
    if (slots_[slot] != kNone) known.emplace_back(slots_[slot], value);
  }
  const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
  for (const auto& [row, value] : known) add(rows_[row], value * inverse, logits);
}

void LinearScorer::score_vector(std::span<const float> vector, std::span<float> logits) const {
  std::vector<float> unit(vector.begin(), vector.end());
  normalise(unit);
  for (const WeightRow& row : rows_) add(row, unit[row.key], logits);
}

// Per row: key (from the one before), scale, number of weights, then which classes (a bit each, or
// gaps as varints, whichever is shorter) and their steps.
void LinearScorer::write(ByteWriter& out) const {
  out.u32(static_cast<std::uint32_t>(dimensions_));
  for (const float bias : bias_) {
    if (bias != kUnknown) out.f32(bias);
  }
  out.u32(static_cast<std::uint32_t>(rows_.size()));
  std::uint32_t before = 0;
  for (const WeightRow& row : rows_) {
    out.varint(row.key - before);
    before = row.key;
    out.f32(row.scale);
    out.varint(row.end - row.begin);
    if ((row.end - row.begin) * 8 > bias_.size()) {
      std::vector<std::uint8_t> bits((bias_.size() + 7) / 8, 0);
      for (std::uint32_t i = row.begin; i < row.end; ++i) {
        bits[classes_[i] / 8] |= static_cast<std::uint8_t>(1 << (classes_[i] % 8));
      }
      for (const std::uint8_t byte : bits) out.u8(byte);
    } else {
      std::uint32_t next = 0;
      for (std::uint32_t i = row.begin; i < row.end; ++i) {
        out.varint(classes_[i] - next);
        next = classes_[i] + 1u;
      }
    }
    for (std::uint32_t i = row.begin; i < row.end; ++i) {
      out.u8(static_cast<std::uint8_t>(steps_[i]));
    }
  }
}

bool LinearScorer::read_row(ByteReader& in, WeightRow& row) {
  row.scale = in.f32();
  const std::size_t labels = bias_.size();
  const std::uint64_t count = in.varint(labels);
  row.begin = static_cast<std::uint32_t>(steps_.size());
  if (count * 8 > labels) {
    const std::string_view bits = in.bytes((labels + 7) / 8);
    for (std::size_t k = 0; k < bits.size() * 8; ++k) {
      if ((static_cast<unsigned char>(bits[k / 8]) >> (k % 8) & 1) == 0) continue;
      if (k >= labels) return false;
      classes_.push_back(static_cast<std::uint16_t>(k));
    }
  } else {
    std::uint64_t next = 0;
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      next += in.varint(labels);
      if (next >= labels) return false;
      classes_.push_back(static_cast<std::uint16_t>(next++));
    }
  }
  for (const char step : in.bytes(count)) steps_.push_back(static_cast<std::int8_t>(step));
  row.end = static_cast<std::uint32_t>(steps_.size());
  if (!in.ok() || classes_.size() != steps_.size()) return false;
  for (std::uint32_t i = row.begin; i < row.end; ++i) {
    if (bias_[classes_[i]] == kUnknown) return false;
  }
  return std::fabs(row.scale) < kWeightMax;
}

std::unique_ptr<LinearScorer> LinearScorer::read(ByteReader& in, FeatureKind features,
                                                 std::span<const std::uint64_t> counts) {
  auto scorer = std::make_unique<LinearScorer>(features, counts.size());
  scorer->dimensions_ = in.u32();
  if ((scorer->dimensions_ != 0) != (features == FeatureKind::kEmbedding)) return nullptr;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    if (counts[k] == 0) continue;
    scorer->bias_[k] = in.f32();
    if (!(std::fabs(scorer->bias_[k]) < kWeightMax)) return nullptr;
  }
  const std::uint32_t rows = in.u32();
  if (!in.ok() || rows > in.left()) return nullptr;
  const std::uint64_t key_end =
      features == FeatureKind::kEmbedding ? scorer->dimensions_ : std::uint64_t{1} << 32;
  std::uint64_t key = 0;
  for (std::uint32_t i = 0; i < rows; ++i) {
    const std::uint64_t gap = in.varint(UINT32_MAX);
    key += gap;
    if ((i > 0 && gap == 0) || key >= key_end) return nullptr;
    WeightRow row;
    row.key = static_cast<std::uint32_t>(key);
    if (!scorer->read_row(in, row)) return nullptr;
    scorer->rows_.push_back(row);
  }
  if (!in.ok()) return nullptr;
  scorer->index();
  return scorer;
}

LogisticOptions options_for(const Task& task, std::size_t examples, double from, double share) {
  LogisticOptions options;
  const bool lexical = task.options.features == FeatureKind::kLexical;
  options.seed = task.options.seed;
  options.epochs = lexical ? kEpochs : kEmbeddingEpochs;
  if (task.options.epochs > 0) options.epochs = task.options.epochs;
  if (lexical && examples >= kRareFrom) options.column_rows_min = 2;
  options.keep_going = [&task, from, share](double done) {
    task.report(from + share * done);
    return !task.stopped();
  };
  return options;
}

// Logits of examples that the model which gives them was not fitted to; T from them.
double find_temperature(const Task& task, const SparseRows& rows, std::span<const int> labels,
                        double share) {
  const std::size_t n = task.examples.size();
  const std::vector<std::uint32_t> group = groups_of(task.examples);
  const bool folded = n <= kFoldedMax;
  const int wanted = folded ? 5 : 10;
  const std::vector<int> fold = assign_folds(task.examples, group, wanted, task.options.seed);
  const int folds = *std::max_element(fold.begin(), fold.end()) + 1;
  if (folds < 2) return 1;
  std::vector<float> logits;
  std::vector<int> truth;
  const int fits = folded ? folds : 1;
  for (int held = 0; held < fits && !task.stopped(); ++held) {
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t i = 0; i < n; ++i) {
      if (fold[i] != held) chosen.push_back(i);
    }
    const LogisticWeights weights = fit_logistic(
        rows, labels, chosen, options_for(task, chosen.size(), share * held / fits, share / fits));
    if (weights.stopped) return 1;
    const auto scorer = LinearScorer::from(weights, rows, task.labels);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (fold[i] != held) continue;
      logits.resize(logits.size() + task.labels);
      const Example& example = task.examples[i];
      scorer->score(example.text, example.vector, std::span(logits).last(task.labels), nullptr);
      truth.push_back(labels[i]);
    }
  }
  return fit_temperature({logits, task.labels, truth});
}

}  // namespace

Fitted fit_linear(const Task& task) {
  const SparseRows rows = task.options.features == FeatureKind::kLexical
                              ? lexical_rows(task.examples)
                              : embedding_rows(task.examples);
  std::vector<int> labels;
  std::vector<std::uint32_t> all;
  for (const Example& example : task.examples) {
    all.push_back(static_cast<std::uint32_t>(labels.size()));
    labels.push_back(example.label);
  }
  const std::size_t n = all.size();
  Fitted fitted;
  double before = 0;  // share of the work that finding T takes
  if (task.options.calibrate && n > 1) {
    before = n <= kFoldedMax ? 0.8 : 0.5;
    fitted.temperature = find_temperature(task, rows, labels, before);
  }
  const LogisticWeights weights =
      fit_logistic(rows, labels, all, options_for(task, n, before, 1 - before));
  if (weights.stopped || task.stopped()) return {};
  fitted.scorer = LinearScorer::from(weights, rows, task.labels);
  return fitted;
}

std::unique_ptr<const Scorer> read_linear(ByteReader& in, FeatureKind features,
                                          std::span<const std::uint64_t> counts) {
  return LinearScorer::read(in, features, counts);
}

}  // namespace sighter::learn
