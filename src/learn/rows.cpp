#include "learn/rows.hpp"

#include <cmath>
#include <unordered_map>

#include "learn/features.hpp"
#include "learn/scorer.hpp"

namespace sighter::learn {

SparseRows lexical_rows(std::span<const Example> examples) {
  SparseRows rows;
  GramCounter counter;
  std::unordered_map<std::uint32_t, std::uint32_t> column_of;
  for (const Example& example : examples) {
    for (const Gram& gram : counter.count(example.text)) {
      const auto [at, fresh] =
          column_of.try_emplace(gram.hash, static_cast<std::uint32_t>(rows.hashes.size()));
      if (fresh) rows.hashes.push_back(gram.hash);
      rows.columns.push_back(at->second);
      rows.values.push_back(1 + std::log(static_cast<float>(gram.count)));
    }
    rows.start.push_back(rows.columns.size());
  }
  rows.width = rows.hashes.size();
  return rows;
}

SparseRows embedding_rows(std::span<const Example> examples) {
  SparseRows rows;
  std::vector<float> unit;
  for (const Example& example : examples) {
    unit = example.vector;
    normalise(unit);
    for (std::size_t i = 0; i < unit.size(); ++i) {
      rows.columns.push_back(static_cast<std::uint32_t>(i));
      rows.values.push_back(unit[i]);
    }
    rows.start.push_back(rows.columns.size());
    rows.width = unit.size();
  }
  return rows;
}

}  // namespace sighter::learn
