#include "learn/learner.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "base/similar.hpp"
#include "learn/scorer.hpp"

namespace sighter::learn {
namespace {

constexpr int kEpochsMax = 1000;

template <class Word>
Result<Word> word_from(std::string_view word, std::span<const Word> all, std::string_view what) {
  std::vector<std::string> names;
  for (const Word candidate : all) {
    names.emplace_back(to_string(candidate));
    if (names.back() == word) return candidate;
  }
  return fail(Kind::kInvalid, fmt::format("no {} is named '{}'", what, word),
              did_you_mean(word, names));
}

std::string thousands(std::size_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string size_in_words(std::size_t bytes) {
  if (bytes < 10'000) return fmt::format("{} bytes", thousands(bytes));
  if (bytes < 1'000'000) return fmt::format("{:.0f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

// Null when the vector can be used with `dimensions`.
std::string vector_fault(std::span<const float> vector, std::size_t dimensions) {
  if (vector.empty()) return "has no embedding";
  if (vector.size() != dimensions) {
    return fmt::format("has an embedding of {} dimensions where {} are expected", vector.size(),
                       dimensions);
  }
  for (const float value : vector) {
    if (!std::isfinite(value)) return "has an embedding with a NaN or infinity in it";
  }
  return {};
}

Status check(std::span<const Example> examples, std::span<const std::string> labels,
             const LearnerOptions& options) {
  if (labels.empty() || labels.size() > kLabelsMax) {
    return fail(Kind::kInvalid, fmt::format("{} labels to choose from", labels.size()),
                fmt::format("name 1 to {} of them", kLabelsMax));
  }
  if (!labels_differ(labels)) {
    return fail(Kind::kInvalid, "a label is named twice", "name each label once");
  }
  if (examples.empty()) {
    return fail(Kind::kInvalid, "no examples to learn from",
                "label a few first; until then only rules and prompts can answer");
  }
  if (examples.size() > UINT32_MAX / 2) {
    return fail(Kind::kTooLarge, fmt::format("{} examples", examples.size()), "give fewer");
  }
  if (options.neighbours < 0 || options.neighbours > static_cast<int>(kNeighboursMax) ||
      options.epochs < 0 || options.epochs > kEpochsMax) {
    return fail(Kind::kInvalid,
                fmt::format("{} neighbours and {} epochs", options.neighbours, options.epochs),
                "both are 0 (let the learner choose) to 1,000");
  }
  const bool embedded =
      options.features == FeatureKind::kEmbedding && options.learner != LearnerKind::kMajority;
  const std::size_t dimensions = examples[0].vector.size();
  if (embedded && dimensions > kDimensionsMax) {
    return fail(Kind::kTooLarge, fmt::format("embeddings of {} dimensions", dimensions),
                fmt::format("at most {}", kDimensionsMax));
  }
  for (std::size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].label < 0 || static_cast<std::size_t>(examples[i].label) >= labels.size()) {
      return fail(Kind::kInvalid, fmt::format("example {} bears label {} of {}", i + 1,
                                              examples[i].label, labels.size()));
    }
    if (!embedded) continue;
    if (const std::string fault = vector_fault(examples[i].vector, dimensions); !fault.empty()) {
      return fail(Kind::kInvalid, fmt::format("example {} {}", i + 1, fault),
                  "embed all examples with one model, or use features = \"lexical\"");
    }
  }
  return {};
}

std::vector<double> prior_of(std::span<const std::uint64_t> counts, std::size_t examples) {
  std::vector<double> prior;
  const auto all = static_cast<double>(examples + counts.size());
  for (const std::uint64_t count : counts) prior.push_back(static_cast<double>(count + 1) / all);
  return prior;
}

Prediction conclude(const Model::Body& body, std::span<const float> logits) {
  const std::vector<double> prior = prior_of(body.counts, body.info.examples);
  Prediction out;
  std::vector<double> p(prior.size(), 0);
  double own = 0;  // what the scorer says counts this much, the prior the rest
  if (!logits.empty()) {
    own = 1 - 1 / static_cast<double>(body.info.examples + 2);
    const float top = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (std::size_t k = 0; k < p.size(); ++k) {
      sum += p[k] = std::exp(static_cast<double>(logits[k] - top) / body.info.temperature);
    }
    for (double& share : p) share /= sum;
  }
  for (std::size_t k = 0; k < p.size(); ++k) {
    p[k] = own * p[k] + (1 - own) * prior[k];
    if (p[k] > p[static_cast<std::size_t>(out.label)]) out.label = static_cast<int>(k);
  }
  out.confidence = std::min(1.0, p[static_cast<std::size_t>(out.label)]);
  out.probabilities.assign(p.begin(), p.end());
  return out;
}

}  // namespace

bool labels_differ(std::span<const std::string> labels) {
  std::unordered_set<std::string_view> seen(labels.begin(), labels.end());
  return seen.size() == labels.size();
}

std::string_view to_string(LearnerKind kind) {
  switch (kind) {
    case LearnerKind::kMajority:
      return "majority";
    case LearnerKind::kNearest:
      return "nearest";
    case LearnerKind::kLinear:
      return "linear";
  }
  return "";
}

std::string_view to_string(FeatureKind kind) {
  return kind == FeatureKind::kLexical ? "lexical" : "embedding";
}

Result<LearnerKind> learner_from(std::string_view word) {
  constexpr LearnerKind kAll[] = {LearnerKind::kMajority, LearnerKind::kNearest,
                                  LearnerKind::kLinear};
  return word_from<LearnerKind>(word, kAll, "learner");
}

Result<FeatureKind> features_from(std::string_view word) {
  constexpr FeatureKind kAll[] = {FeatureKind::kLexical, FeatureKind::kEmbedding};
  return word_from<FeatureKind>(word, kAll, "kind of features");
}

Model::Model(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

const ModelInfo& Model::info() const {
  return body_->info;
}

std::string Model::describe() const {
  const ModelInfo& info = body_->info;
  std::string out(to_string(info.learner));
  if (info.learner != LearnerKind::kMajority) {
    out += info.features == FeatureKind::kLexical
               ? std::string(" on lexical features")
               : fmt::format(" on embeddings of {} dimensions", info.dimensions);
  }
  const std::string seen =
      info.labels_seen == info.labels.size()
          ? thousands(info.labels.size())
          : fmt::format("{} of {}", thousands(info.labels_seen), thousands(info.labels.size()));
  out += fmt::format(": {} label{}, {} example{}", seen, info.labels.size() == 1 ? "" : "s",
                     thousands(info.examples), info.examples == 1 ? "" : "s");
  if (info.learner != LearnerKind::kMajority) out += fmt::format(", T = {:.2f}", info.temperature);
  return out + ", " + size_in_words(info.file_bytes);
}

Result<Prediction> Model::predict(std::string_view text, std::span<const float> vector) const {
  const Body& body = *body_;
  if (!body.scorer) return conclude(body, {});
  if (body.info.features == FeatureKind::kEmbedding) {
    if (const std::string fault = vector_fault(vector, body.info.dimensions); !fault.empty()) {
      return fail(Kind::kInvalid, "the input " + fault, "embed it as the examples were");
    }
  }
  std::vector<float> logits(body.info.labels.size());
  std::vector<Neighbour> neighbours;
  body.scorer->score(text, vector, logits, &neighbours);
  Prediction out = conclude(body, logits);
  out.neighbours = std::move(neighbours);
  return out;
}

Result<Model> fit(std::span<const Example> examples, std::span<const std::string> labels,
                  const LearnerOptions& options, std::stop_token stop, const Progress& progress) {
  if (const Status good = check(examples, labels, options); !good) {
    return std::unexpected(good.error());
  }
  auto body = std::make_shared<Model::Body>();
  ModelInfo& info = body->info;
  info.learner = options.learner;
  info.features = options.features;
  info.labels.assign(labels.begin(), labels.end());
  info.examples = examples.size();
  body->counts.assign(labels.size(), 0);
  for (const Example& example : examples) ++body->counts[static_cast<std::size_t>(example.label)];
  for (const std::uint64_t count : body->counts) info.labels_seen += count > 0 ? 1 : 0;

  if (options.learner != LearnerKind::kMajority) {
    const Task task{examples, labels.size(), options, stop, progress};
    Fitted fitted = options.learner == LearnerKind::kLinear ? fit_linear(task) : fit_nearest(task);
    if (!fitted.scorer) return fail(Kind::kCancelled, "fitting was stopped");
    body->scorer = std::move(fitted.scorer);
    info.temperature = fitted.temperature;
    info.feature_count = body->scorer->feature_count();
    info.dimensions = body->scorer->dimensions();
  }
  if (stop.stop_requested()) return fail(Kind::kCancelled, "fitting was stopped");
  info.file_bytes = Model(body).save().size();
  if (progress) progress(1);
  return Model(std::move(body));
}

}  // namespace sighter::learn
