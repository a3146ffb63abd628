#pragma once
// Examples as rows of numbers, computed once and shared by all folds. Private to the room.

#include <cstdint>
#include <span>
#include <vector>

#include "learn/example.hpp"

namespace sighter::learn {

// Rows in compressed form: row i is columns[start[i] .. start[i + 1]) with values beside them.
struct SparseRows {
  std::vector<std::size_t> start = {0};
  std::vector<std::uint32_t> columns;
  std::vector<float> values;
  std::vector<std::uint32_t> hashes;  // of each column's n-gram; empty for embeddings
  std::size_t width = 0;              // columns

  std::size_t size() const { return start.size() - 1; }
};

// n-grams, columns in order of first appearance, values 1 + ln(count). Not normalised.
SparseRows lexical_rows(std::span<const Example> examples);
// Embeddings of equal length, each scaled to length 1.
SparseRows embedding_rows(std::span<const Example> examples);

}  // namespace sighter::learn
