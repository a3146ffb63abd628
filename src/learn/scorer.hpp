#pragma once
// What the learners have in common. Private to the room.

#include <memory>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "learn/bytes.hpp"
#include "learn/learner.hpp"

namespace sighter::learn {

inline constexpr std::size_t kLabelsMax = 65'535;
inline constexpr std::size_t kDimensionsMax = 65'536;
inline constexpr std::uint32_t kNeighboursMax = 1'000;

// Turns an input into one logit a label; -infinity for a label that no example bears. Immutable.
class Scorer {
 public:
  virtual ~Scorer() = default;
  // `vector` has the right length and is finite. `neighbours` may be null.
  virtual void score(std::string_view text, std::span<const float> vector, std::span<float> logits,
                     std::vector<Neighbour>* neighbours) const = 0;
  virtual std::size_t feature_count() const = 0;
  virtual std::size_t dimensions() const = 0;  // of the vectors; 0 = none
  virtual void write(ByteWriter& out) const = 0;
};

struct Model::Body {
  ModelInfo info;
  std::vector<std::uint64_t> counts;     // examples of each label
  std::unique_ptr<const Scorer> scorer;  // null: majority
};

// What a learner is fitted to.
struct Task {
  std::span<const Example> examples;
  std::size_t labels = 0;  // how many there are
  const LearnerOptions& options;
  std::stop_token stop;
  const Progress& progress;

  bool stopped() const { return stop.stop_requested(); }
  void report(double share) const {
    if (progress) progress(share);
  }
};

// A scorer and the temperature that it needs; null when the task was stopped.
struct Fitted {
  std::unique_ptr<const Scorer> scorer;
  double temperature = 1;
};

Fitted fit_linear(const Task& task);
Fitted fit_nearest(const Task& task);

// Read what Scorer::write wrote. `counts` tells which labels are known, `examples` how many there
// were. Null when the bytes make no sense.
std::unique_ptr<const Scorer> read_linear(ByteReader& in, FeatureKind features,
                                          std::span<const std::uint64_t> counts);
std::unique_ptr<const Scorer> read_nearest(ByteReader& in, FeatureKind features,
                                           std::span<const std::uint64_t> counts);

// Whether no name stands twice.
bool labels_differ(std::span<const std::string> labels);

// The vector scaled to length 1; a vector of zeros stays.
void normalise(std::span<float> vector);

}  // namespace sighter::learn
