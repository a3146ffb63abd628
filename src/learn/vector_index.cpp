#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "learn/scorer.hpp"
#include "learn/similar.hpp"
#include "learn/top_k.hpp"

namespace sighter::learn {
namespace {

constexpr float kTwinCosine = 0.97f;

bool finite(std::span<const float> vector) {
  return std::all_of(vector.begin(), vector.end(), [](float v) { return std::isfinite(v); });
}

template <class Step>
void quantise(std::span<const float> vector, float top, Step* out) {
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::fabs(value));
  const float factor = largest > 0 ? top / largest : 0;
  for (std::size_t i = 0; i < vector.size(); ++i) {
    out[i] = static_cast<Step>(std::lround(std::clamp(vector[i] * factor, -top, top)));
  }
}

}  // namespace

void normalise(std::span<float> vector) {
  // By the largest first, so that no square overflows or vanishes.
  float largest = 0;
  for (const float value : vector) largest = std::max(largest, std::fabs(value));
  if (largest == 0) return;
  double squares = 0;
  for (float& value : vector) {
    value /= largest;
    squares += static_cast<double>(value) * value;
  }
  const auto inverse = static_cast<float>(1 / std::sqrt(squares));
  for (float& value : vector) value *= inverse;
}

struct VectorIndex::State {
  QuantisedVectors vectors;
  std::vector<float> inverse_length;  // of each row; 0 for a row of zeros
};

VectorIndex::VectorIndex(QuantisedVectors vectors) : state_(std::make_unique<State>()) {
  const std::size_t width = vectors.dimensions;
  CHECK(width > 0 && vectors.values.size() % width == 0);
  for (std::size_t at = 0; at < vectors.values.size(); at += width) {
    double squares = 0;
    for (std::size_t i = 0; i < width; ++i) {
      squares += static_cast<double>(vectors.values[at + i]) * vectors.values[at + i];
    }
    state_->inverse_length.push_back(squares > 0 ? static_cast<float>(1 / std::sqrt(squares))
                                                 : 0.0f);
  }
  state_->vectors = std::move(vectors);
}

VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;
VectorIndex::~VectorIndex() = default;

Result<VectorIndex> VectorIndex::build(std::span<const std::span<const float>> vectors) {
  QuantisedVectors out;
  if (!vectors.empty()) out.dimensions = vectors[0].size();
  if (out.dimensions == 0 || out.dimensions > kDimensionsMax) {
    return fail(Kind::kInvalid,
                fmt::format("{} embeddings of {} dimensions cannot be searched", vectors.size(),
                            out.dimensions),
                fmt::format("give at least one, of 1 to {} dimensions", kDimensionsMax));
  }
  out.values.resize(vectors.size() * out.dimensions);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    if (vectors[i].size() != out.dimensions) {
      return fail(Kind::kInvalid,
                  fmt::format("embedding {} has {} dimensions, the first has {}", i,
                              vectors[i].size(), out.dimensions),
                  "make all of them with one model");
    }
    if (!finite(vectors[i])) {
      return fail(Kind::kInvalid, fmt::format("embedding {} holds a NaN or infinity", i));
    }
    quantise(vectors[i], 127, &out.values[i * out.dimensions]);
  }
  return VectorIndex(std::move(out));
}

std::size_t VectorIndex::size() const {
  return state_->inverse_length.size();
}
std::size_t VectorIndex::dimensions() const {
  return state_->vectors.dimensions;
}
const QuantisedVectors& VectorIndex::vectors() const {
  return state_->vectors;
}

Result<std::vector<Neighbour>> VectorIndex::top_k(std::span<const float> vector, std::size_t k,
                                                  const Exclude& exclude) const {
  const std::size_t width = dimensions();
  if (vector.size() != width || !finite(vector)) {
    return fail(Kind::kInvalid,
                vector.size() != width ? fmt::format("an embedding of {} dimensions, {} expected",
                                                     vector.size(), width)
                                       : std::string("an embedding that holds a NaN or infinity"),
                "embed with the model that made the index");
  }
  // 11 bits for the query: the product of two rows sums in 32 bits up to 8,000 dimensions.
  std::vector<std::int16_t> query(width);
  quantise(vector, width <= 8000 ? 2047 : 127, query.data());
  double squares = 0;
  for (const std::int16_t value : query) squares += static_cast<double>(value) * value;
  const float inverse = squares > 0 ? static_cast<float>(1 / std::sqrt(squares)) : 0;
  TopK top(k, exclude);
  const std::int8_t* row = state_->vectors.values.data();
  for (std::uint32_t i = 0; i < size(); ++i, row += width) {
    std::int32_t sum = 0;
    for (std::size_t d = 0; d < width; ++d) sum += query[d] * row[d];
    const float cosine = static_cast<float>(sum) * inverse * state_->inverse_length[i];
    top.offer({i, std::min(1.0f, cosine)});
  }
  return top.take();
}

bool near_duplicate(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return false;
  double product = 0, squares_a = 0, squares_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    squares_a += static_cast<double>(a[i]) * a[i];
    squares_b += static_cast<double>(b[i]) * b[i];
  }
  if (squares_a == 0 || squares_b == 0) return squares_a == squares_b;
  return product >= static_cast<double>(kTwinCosine) * std::sqrt(squares_a * squares_b);
}

}  // namespace sighter::learn
