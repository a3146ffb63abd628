#pragma once
// Software 2.0: a small model, fitted to labelled texts in seconds, that answers in microseconds.
//
// majority  the share of each label; reads no text. What every other body must beat.
// nearest   a vote of the most similar examples, weighted by similarity. Holds the examples' texts
//           (or vectors) inside the model.
// linear    multinomial logistic regression on hashed word and character n-grams, or on embeddings.
//
// Probabilities are temperature-scaled on predictions for examples that the predicting model had
// not seen, then mixed with the labels' shares so that n examples never claim more certainty than
// n examples can show: p = (1 - e) softmax(z / T) + e prior, e = 1 / (n + 2),
// prior_k = (n_k + 1) / (n + K). A label that no example bears therefore has a small, positive
// probability.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "learn/example.hpp"

namespace sighter::learn {

enum class LearnerKind : std::uint8_t { kMajority = 0, kNearest = 1, kLinear = 2 };
enum class FeatureKind : std::uint8_t { kLexical = 0, kEmbedding = 1 };

std::string_view to_string(LearnerKind kind);             // "majority" | "nearest" | "linear"
std::string_view to_string(FeatureKind kind);             // "lexical" | "embedding"
Result<LearnerKind> learner_from(std::string_view word);  // kInvalid with "did you mean"
Result<FeatureKind> features_from(std::string_view word);

struct LearnerOptions {
  LearnerKind learner = LearnerKind::kLinear;
  FeatureKind features = FeatureKind::kLexical;  // majority ignores it
  std::uint64_t seed = 1;  // same examples, options and seed: the same model, byte for byte
  int neighbours = 0;      // nearest: how many vote, 1 to 1,000; 0 = 40
  int epochs = 0;          // linear: passes over the examples, 1 to 1,000; 0 = by their number
  bool calibrate = true;   // false: T = 1, which saves the fits that find T
};

struct Neighbour {
  std::uint32_t index = 0;  // into the examples that were given to fit or build
  float similarity = 0;     // cosine, at most 1
};

struct Prediction {
  int label = 0;                      // the most probable; the lower index on a tie
  double confidence = 0;              // its probability
  std::vector<float> probabilities;   // one a label, sum 1, each above 0
  std::vector<Neighbour> neighbours;  // nearest only: those that voted, most similar first
};

// What a model is, for people and for `--json`.
struct ModelInfo {
  LearnerKind learner = LearnerKind::kMajority;
  FeatureKind features = FeatureKind::kLexical;
  std::vector<std::string> labels;
  std::size_t examples = 0;       // it was fitted to
  std::size_t labels_seen = 0;    // labels that at least one example bears
  std::size_t feature_count = 0;  // n-grams known, or dimensions of a vector; 0 for majority
  std::size_t dimensions = 0;     // of the embedding it expects; 0 = none
  double temperature = 1;
  std::size_t file_bytes = 0;  // what save() returns
};

// Called now and then with the share done, in [0, 1], on the caller's thread.
using Progress = std::function<void(double)>;

// Immutable; copies share their content; any thread may predict at any time.
class Model {
 public:
  // Lexical models and majority read `text`, embedding models `vector`. kInvalid only for an
  // embedding model and a vector of another length, or one that holds a NaN or infinity.
  Result<Prediction> predict(std::string_view text, std::span<const float> vector = {}) const;

  const ModelInfo& info() const;
  // One line: "linear on lexical features: 77 labels, 10,003 examples, T = 0.71, 2.1 MB".
  std::string describe() const;

  // The file, described in README.md. A loaded model predicts bit for bit what the saved one did.
  std::string save() const;
  // Refuses what is no model file, of a newer version, cut, or altered (SHA-256), each in words.
  static Result<Model> load(std::string_view bytes);

  struct Body;  // private to the room
  explicit Model(std::shared_ptr<const Body> body);

 private:
  std::shared_ptr<const Body> body_;
};

// Fits a model. One thread, the caller's; seconds for 10,000 examples.
// kInvalid: no examples (a learner has nothing at zero labels; folds.hpp says what a curve reports
// there), no labels or one named twice, a label index out of range, vectors missing, of different
// lengths or not finite. kCancelled once `stop` is requested; checked every few milliseconds but
// while texts are read, which takes 10 microseconds each.
Result<Model> fit(std::span<const Example> examples, std::span<const std::string> labels,
                  const LearnerOptions& options, std::stop_token stop = {},
                  const Progress& progress = {});

}  // namespace sighter::learn
