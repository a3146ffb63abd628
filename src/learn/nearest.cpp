// The `nearest` learner: the labels of the most similar examples, weighted by similarity.

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>

#include "base/check.hpp"
#include "base/random.hpp"
#include "base/utf8.hpp"
#include "learn/calibrate.hpp"
#include "learn/folds.hpp"
#include "learn/scorer.hpp"
#include "learn/similar.hpp"

namespace sighter::learn {
namespace {

constexpr std::uint32_t kNeighbours = 40;
// A vote counts similarity^kSharpness: one close example outweighs many distant ones.
constexpr float kSharpness = 3;
// All labels together, by their shares, have this part of the votes that were given; calibration is
// better for it.
constexpr float kPriorVotes = 0.1f;
constexpr float kNoVotes = 1e-9f;  // keeps the logarithm finite where nobody voted
// T is found on at most this many examples, each asked without its own group.
constexpr std::size_t kCalibrationMax = 1000;
constexpr float kUnknown = -std::numeric_limits<float>::infinity();

class NearestScorer final : public Scorer {
 public:
  NearestScorer(std::vector<std::string> texts, std::vector<int> labels, std::size_t label_count,
                std::uint32_t neighbours)
      : texts_(std::move(texts)),
        index_(LexicalIndex(std::vector<std::string_view>(texts_.begin(), texts_.end()))),
        labels_(std::move(labels)),
        neighbours_(neighbours) {
    find_prior(label_count);
  }
  NearestScorer(VectorIndex index, std::vector<int> labels, std::size_t label_count,
                std::uint32_t neighbours)
      : index_(std::move(index)), labels_(std::move(labels)), neighbours_(neighbours) {
    find_prior(label_count);
  }

  std::vector<Neighbour> near(std::string_view text, std::span<const float> vector,
                              const Exclude& exclude) const {
    if (const auto* lexical = std::get_if<LexicalIndex>(&index_)) {
      return lexical->top_k(text, neighbours_, exclude);
    }
    auto found = std::get<VectorIndex>(index_).top_k(vector, neighbours_, exclude);
    return found ? std::move(*found) : std::vector<Neighbour>{};
  }

  void vote(std::span<const Neighbour> neighbours, std::span<float> logits) const {
    std::fill(logits.begin(), logits.end(), 0.0f);
    float all = kNoVotes;
    for (const Neighbour& neighbour : neighbours) {
      const float vote = std::pow(std::max(0.0f, neighbour.similarity), kSharpness);
      logits[static_cast<std::size_t>(labels_[neighbour.index])] += vote;
      all += vote;
    }
    for (std::size_t k = 0; k < logits.size(); ++k) {
      const float prior = kPriorVotes * all * prior_[k];
      logits[k] = prior > 0 ? std::log(logits[k] + prior) : kUnknown;
    }
  }

  void score(std::string_view text, std::span<const float> vector, std::span<float> logits,
             std::vector<Neighbour>* neighbours) const override {
    std::vector<Neighbour> found = near(text, vector, {});
    vote(found, logits);
    if (neighbours != nullptr) *neighbours = std::move(found);
  }

  std::size_t feature_count() const override {
    if (const auto* lexical = std::get_if<LexicalIndex>(&index_)) return lexical->feature_count();
    return dimensions();
  }
  std::size_t dimensions() const override {
    const auto* vectors = std::get_if<VectorIndex>(&index_);
    return vectors == nullptr ? 0 : vectors->dimensions();
  }
  void write(ByteWriter& out) const override;

 private:
  void find_prior(std::size_t label_count) {
    prior_.assign(label_count, 0);
    for (const int label : labels_) {
      prior_[static_cast<std::size_t>(label)] += 1 / static_cast<float>(labels_.size());
    }
  }

  std::vector<std::string> texts_;  // lexical only
  std::variant<LexicalIndex, VectorIndex> index_;
  std::vector<int> labels_;   // of each example
  std::vector<float> prior_;  // share of each label
  std::uint32_t neighbours_;
};

void NearestScorer::write(ByteWriter& out) const {
  out.u32(static_cast<std::uint32_t>(dimensions()));
  out.u32(neighbours_);
  for (const int label : labels_) out.varint(static_cast<std::uint64_t>(label));
  if (const auto* vectors = std::get_if<VectorIndex>(&index_)) {
    for (const std::int8_t value : vectors->vectors().values) {
      out.u8(static_cast<std::uint8_t>(value));
    }
  } else {
    for (const std::string& text : texts_) out.text(text);
  }
}

double find_temperature(const Task& task, const NearestScorer& scorer) {
  const std::vector<std::uint32_t> group = groups_of(task.examples);
  std::vector<std::uint32_t> order(task.examples.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(task.options.seed).shuffle(order);
  if (order.size() > kCalibrationMax) order.resize(kCalibrationMax);
  std::vector<float> logits;
  std::vector<int> truth;
  for (std::size_t i = 0; i < order.size() && !task.stopped(); ++i) {
    const Example& example = task.examples[order[i]];
    const auto neighbours = scorer.near(example.text, example.vector, [&](std::uint32_t other) {
      return group[other] == group[order[i]];
    });
    logits.resize(logits.size() + task.labels);
    scorer.vote(neighbours, std::span(logits).last(task.labels));
    truth.push_back(example.label);
    if (i % 64 == 0) {
      task.report(0.2 + 0.8 * static_cast<double>(i) / static_cast<double>(order.size()));
    }
  }
  return fit_temperature({logits, task.labels, truth});
}

}  // namespace

Fitted fit_nearest(const Task& task) {
  std::vector<int> labels;
  for (const Example& example : task.examples) labels.push_back(example.label);
  const auto neighbours = task.options.neighbours > 0
                              ? static_cast<std::uint32_t>(task.options.neighbours)
                              : kNeighbours;
  std::unique_ptr<NearestScorer> scorer;
  if (task.options.features == FeatureKind::kLexical) {
    std::vector<std::string> texts;
    for (const Example& example : task.examples) texts.push_back(repair_utf8(example.text));
    scorer = std::make_unique<NearestScorer>(std::move(texts), std::move(labels), task.labels,
                                             neighbours);
  } else {
    std::vector<std::span<const float>> vectors;
    for (const Example& example : task.examples) vectors.emplace_back(example.vector);
    auto index = VectorIndex::build(vectors);
    CHECK(index.has_value());  // fit() has looked at the vectors
    scorer = std::make_unique<NearestScorer>(std::move(*index), std::move(labels), task.labels,
                                             neighbours);
  }
  task.report(0.2);
  Fitted fitted;
  if (task.options.calibrate) fitted.temperature = find_temperature(task, *scorer);
  if (task.stopped()) return {};
  fitted.scorer = std::move(scorer);
  return fitted;
}

std::unique_ptr<const Scorer> read_nearest(ByteReader& in, FeatureKind features,
                                           std::span<const std::uint64_t> counts) {
  const std::uint32_t dimensions = in.u32();
  const std::uint32_t neighbours = in.u32();
  if ((dimensions != 0) != (features == FeatureKind::kEmbedding) || dimensions > kDimensionsMax ||
      neighbours == 0 || neighbours > kNeighboursMax) {
    return nullptr;
  }
  std::uint64_t examples = 0;
  for (const std::uint64_t count : counts) examples += count;
  if (examples > in.left()) return nullptr;
  std::vector<int> labels;
  std::vector<std::uint64_t> found(counts.size(), 0);
  for (std::uint64_t i = 0; i < examples; ++i) {
    labels.push_back(static_cast<int>(in.varint(counts.size() - 1)));
    ++found[static_cast<std::size_t>(labels.back())];
  }
  if (!in.ok() || !std::equal(found.begin(), found.end(), counts.begin())) return nullptr;
  if (dimensions == 0) {
    std::vector<std::string> texts;
    for (std::uint64_t i = 0; i < examples && in.ok(); ++i) {
      texts.emplace_back(in.text());
      if (find_invalid_utf8(texts.back())) return nullptr;
    }
    if (!in.ok()) return nullptr;
    return std::make_unique<NearestScorer>(std::move(texts), std::move(labels), counts.size(),
                                           neighbours);
  }
  QuantisedVectors vectors{dimensions, {}};
  for (const char value : in.bytes(examples * dimensions)) {
    vectors.values.push_back(static_cast<std::int8_t>(value));
  }
  if (!in.ok()) return nullptr;
  return std::make_unique<NearestScorer>(VectorIndex(std::move(vectors)), std::move(labels),
                                         counts.size(), neighbours);
}

}  // namespace sighter::learn
