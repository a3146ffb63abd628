#include "learn/similar.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "learn/features.hpp"
#include "learn/top_k.hpp"

namespace sighter::learn {
namespace {

float value_of(const Gram& gram, float weight) {
  return weight * (gram.count == 1 ? 1.0f : 1.0f + std::log(static_cast<float>(gram.count)));
}

}  // namespace

// The postings of feature f are documents[first[f] .. first[f + 1]) with values beside them.
struct LexicalIndex::State {
  std::size_t texts = 0;
  std::unordered_map<std::uint32_t, std::uint32_t> feature_of;  // by hash
  std::vector<float> weight;                                    // inverse document frequency
  std::vector<std::size_t> first;
  std::vector<std::uint32_t> documents;
  std::vector<float> values;  // of vectors of length 1

  float idf(std::size_t documents_with) const {
    return std::log((static_cast<float>(texts) + 1) / static_cast<float>(documents_with));
  }
};

LexicalIndex::LexicalIndex(std::span<const std::string_view> texts)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.texts = texts.size();
  struct Cell {
    std::uint32_t feature, count;
  };
  std::vector<Cell> cells;
  std::vector<std::size_t> row = {0};
  std::vector<std::uint32_t> seen_in;
  GramCounter counter;
  for (const std::string_view text : texts) {
    for (const Gram& gram : counter.count(text)) {
      const auto [at, fresh] =
          state.feature_of.try_emplace(gram.hash, static_cast<std::uint32_t>(seen_in.size()));
      if (fresh) seen_in.push_back(0);
      ++seen_in[at->second];
      cells.push_back({at->second, gram.count});
    }
    row.push_back(cells.size());
  }
  state.first.assign(seen_in.size() + 1, 0);
  for (std::size_t f = 0; f < seen_in.size(); ++f) {
    state.first[f + 1] = state.first[f] + seen_in[f];
    state.weight.push_back(state.idf(seen_in[f]));
  }
  state.documents.resize(cells.size());
  state.values.resize(cells.size());
  std::vector<std::size_t> next(state.first.begin(), state.first.end());
  for (std::uint32_t document = 0; document < texts.size(); ++document) {
    float squares = 0;
    for (std::size_t i = row[document]; i < row[document + 1]; ++i) {
      const float value = value_of({0, cells[i].count}, state.weight[cells[i].feature]);
      squares += value * value;
    }
    const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (std::size_t i = row[document]; i < row[document + 1]; ++i) {
      const std::size_t at = next[cells[i].feature]++;
      state.documents[at] = document;
      state.values[at] = inverse * value_of({0, cells[i].count}, state.weight[cells[i].feature]);
    }
  }
}

LexicalIndex::LexicalIndex(LexicalIndex&&) noexcept = default;
LexicalIndex& LexicalIndex::operator=(LexicalIndex&&) noexcept = default;
LexicalIndex::~LexicalIndex() = default;

std::size_t LexicalIndex::size() const {
  return state_->texts;
}
std::size_t LexicalIndex::feature_count() const {
  return state_->weight.size();
}

std::vector<Neighbour> LexicalIndex::top_k(std::string_view text, std::size_t k,
                                           const Exclude& exclude) const {
  const State& state = *state_;
  GramCounter counter;
  std::vector<float> similarity(state.texts, 0);
  float squares = 0;
  const float unseen = state.idf(1);
  for (const Gram& gram : counter.count(text)) {
    const auto found = state.feature_of.find(gram.hash);
    if (found == state.feature_of.end()) {
      squares += value_of(gram, unseen) * value_of(gram, unseen);
      continue;
    }
    const float value = value_of(gram, state.weight[found->second]);
    squares += value * value;
    const std::size_t end = state.first[found->second + 1];
    for (std::size_t i = state.first[found->second]; i < end; ++i) {
      similarity[state.documents[i]] += value * state.values[i];
    }
  }
  const float inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
  TopK top(k, exclude);
  for (std::uint32_t i = 0; i < similarity.size(); ++i) {
    if (similarity[i] > 0) top.offer({i, std::min(1.0f, similarity[i] * inverse)});
  }
  return top.take();
}

}  // namespace sighter::learn
