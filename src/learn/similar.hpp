#pragma once
// Which of many texts is most like this one: by its words and letters, or by embedding.
// For examples in prompts, the `nearest` learner, and keeping twins apart.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "learn/learner.hpp"

namespace sighter::learn {

// True: leave this one out. May be empty (nothing is left out). Called only for candidates.
using Exclude = std::function<bool(std::uint32_t index)>;

// The same text but for case, spaces, punctuation and few letters: equal after normalisation, or
// at least 0.8 of the character trigrams of both together are in both (Jaccard). Empty texts are
// near-duplicates of each other only.
bool near_duplicate(std::string_view a, std::string_view b);

// Groups of texts by near_duplicate, transitively: for each text the number of its group, from 0,
// in order of first appearance. Seconds at most for 100,000 short texts (prefix filtering:
// Chaudhuri, Ganti and Kaushik, ICDE 2006).
std::vector<std::uint32_t> near_duplicate_groups(std::span<const std::string_view> texts);

// Cosine between tf-idf vectors of the n-grams of features.hpp, through an inverted index.
// Immutable; any thread. Copies the texts' features, not the texts.
class LexicalIndex {
 public:
  explicit LexicalIndex(std::span<const std::string_view> texts);
  LexicalIndex(LexicalIndex&&) noexcept;
  LexicalIndex& operator=(LexicalIndex&&) noexcept;
  ~LexicalIndex();

  // Up to k texts with a similarity above 0, most similar first (the lower index on a tie).
  //   index.top_k(text, 8, [&](auto i) { return i == self || near_duplicate(text, texts[i]); });
  std::vector<Neighbour> top_k(std::string_view text, std::size_t k,
                               const Exclude& exclude = {}) const;
  std::size_t size() const;
  std::size_t feature_count() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Embeddings in 8 bits a dimension, row by row, each scaled so that its largest value is 127 (a
// cosine needs no more: the length does not matter, and the error is below 0.01).
struct QuantisedVectors {
  std::size_t dimensions = 0;
  std::vector<std::int8_t> values;
};

// Cosine between embeddings. Immutable; any thread. A search reads all of them.
class VectorIndex {
 public:
  // kInvalid: no vectors, lengths that differ, length 0 or above 65,536, a value not finite. A
  // vector of zeros has similarity 0 to all.
  static Result<VectorIndex> build(std::span<const std::span<const float>> vectors);
  VectorIndex(VectorIndex&&) noexcept;
  VectorIndex& operator=(VectorIndex&&) noexcept;
  ~VectorIndex();

  // Up to k, most similar first. kInvalid for another length or a value that is not finite.
  Result<std::vector<Neighbour>> top_k(std::span<const float> vector, std::size_t k,
                                       const Exclude& exclude = {}) const;
  std::size_t size() const;
  std::size_t dimensions() const;

  explicit VectorIndex(QuantisedVectors vectors);  // dimensions > 0, whole rows
  const QuantisedVectors& vectors() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same meaning by embedding: a cosine of at least 0.97. False for lengths that differ.
bool near_duplicate(std::span<const float> a, std::span<const float> b);

}  // namespace sighter::learn
