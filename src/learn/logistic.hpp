#pragma once
// Multinomial logistic regression by AdaGrad. Private to the room.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "learn/rows.hpp"

namespace sighter::learn {

struct LogisticOptions {
  std::uint64_t seed = 1;
  int epochs = 10;
  float rate = 0.5f;
  std::size_t column_rows_min = 1;  // columns in fewer of the chosen rows are left out
  // Called every few milliseconds with the share done; false stops.
  std::function<bool(double)> keep_going;
};

// Weights of the columns that were kept. Classes are those that a chosen row bears, ascending.
struct LogisticWeights {
  std::vector<int> classes;
  std::vector<std::uint32_t> kept;  // columns, ascending
  std::size_t stride = 0;           // floats a column: the classes, padded
  std::vector<float> weights;       // kept.size() x stride
  std::vector<float> bias;          // stride
  bool stopped = false;
};

// Minimises the cross entropy of softmax(bias + sum of x_c W_c) over the rows named in `chosen`
// (at least one), whose labels are labels[row]. One step a row, rate / sqrt(sum of squared
// gradients of the column) (Duchi, Hazan and Singer, JMLR 2011). Lexical rows are scaled to length
// 1, columns left out included, so that unfamiliar text gives small logits; embedding rows are
// centred and scaled for the search, and the weights are given for rows as they are.
LogisticWeights fit_logistic(const SparseRows& rows, std::span<const int> labels,
                             std::span<const std::uint32_t> chosen, const LogisticOptions& options);

}  // namespace sighter::learn
