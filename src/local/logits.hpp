#pragma once
// Arithmetic on a model's log-odds. Pure; any thread.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace sighter::local {

// log(sum of exp(x)), error below 1e-5; -infinity and what is not a number count as nothing. Not
// finite when no entry is.
double log_sum_exp(std::span<const float> logits);

// The n largest, best first; ties by the smaller index. Entries that are not numbers are left out.
std::vector<std::pair<std::int32_t, float>> largest(std::span<const float> logits, std::size_t n);

struct SamplerOptions {
  double temperature = 1.0;  // 0: the likeliest
  double top_p = 1.0;
  double min_p = 0.0;
  int top_k = 0;
};

// Draws the next token. The cuts are made on the distribution as it is (temperature 1): first the k
// likeliest, then those at least min_p as likely as the likeliest, then the least set that holds
// top_p; the temperature shapes what is left. One thread.
class Sampler {
 public:
  Sampler(const SamplerOptions& options, std::uint64_t seed);
  // nullopt when no entry is a finite number.
  std::optional<std::int32_t> pick(std::span<const float> logits);

 private:
  std::int32_t draw(const std::vector<std::pair<float, std::int32_t>>& candidates);

  SamplerOptions options_;
  Random random_;
};

}  // namespace sighter::local
