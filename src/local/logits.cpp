#include "local/logits.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace sighter::local {

namespace {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kBlock = 1024;  // as long as float sums stay exact enough

// e^x for x in [-87, 0], relative error about 2e-7: x = n ln 2 + r, e^r by its Taylor polynomial.
// Written without branches, so that the compiler computes several at once.
inline float exp_of_negative(float x) {
  x = x > -87.0f ? x : -87.0f;  // also for what is not a number
  const auto n = static_cast<std::int32_t>(x * 1.44269504f - 0.5f);
  const float r = x - static_cast<float>(n) * 0.693359375f + static_cast<float>(n) * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((n + 127) << 23);
}

float maximum(std::span<const float> x) {
  float lanes[kLanes];
  std::fill(std::begin(lanes), std::end(lanes), -std::numeric_limits<float>::infinity());
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes)
    for (std::size_t k = 0; k < kLanes; ++k) lanes[k] = x[i + k] > lanes[k] ? x[i + k] : lanes[k];
  for (; i < x.size(); ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  return *std::max_element(std::begin(lanes), std::end(lanes));
}

}  // namespace

double log_sum_exp(std::span<const float> logits) {
  const float top = maximum(logits);
  if (!std::isfinite(top)) return top;
  double sum = 0;
  for (std::size_t start = 0; start < logits.size(); start += kBlock) {
    const auto block = logits.subspan(start, std::min(kBlock, logits.size() - start));
    float lanes[kLanes] = {};
    std::size_t i = 0;
    for (; i + kLanes <= block.size(); i += kLanes)
      for (std::size_t k = 0; k < kLanes; ++k) lanes[k] += exp_of_negative(block[i + k] - top);
    for (; i < block.size(); ++i) lanes[0] += exp_of_negative(block[i] - top);
    for (const float lane : lanes) sum += static_cast<double>(lane);
  }
  return static_cast<double>(top) + std::log(sum);
}

std::vector<std::pair<std::int32_t, float>> largest(std::span<const float> logits, std::size_t n) {
  std::vector<std::pair<std::int32_t, float>> best;
  const auto better = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  for (std::size_t i = 0; i < logits.size() && n > 0; ++i) {
    const std::pair entry{static_cast<std::int32_t>(i), logits[i]};
    if (std::isnan(logits[i]) || (best.size() == n && !better(entry, best.back()))) continue;
    if (best.size() == n) best.pop_back();
    best.insert(std::upper_bound(best.begin(), best.end(), entry, better), entry);
  }
  return best;
}

Sampler::Sampler(const SamplerOptions& options, std::uint64_t seed)
    : options_(options), random_(seed) {}

std::optional<std::int32_t> Sampler::pick(std::span<const float> logits) {
  const double total = log_sum_exp(logits);
  if (!std::isfinite(total)) return std::nullopt;
  const float top = maximum(logits);
  if (options_.temperature <= 0)
    return static_cast<std::int32_t>(std::find(logits.begin(), logits.end(), top) - logits.begin());
  // Beyond this many natural logarithms below the top, nothing is ever drawn.
  const double reach = 40 * std::max(1.0, options_.temperature);
  const double floor = options_.min_p > 0 ? std::max(-reach, std::log(options_.min_p)) : -reach;
  std::vector<std::pair<float, std::int32_t>> candidates;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (static_cast<double>(logits[i]) - static_cast<double>(top) >= floor)
      candidates.emplace_back(logits[i], static_cast<std::int32_t>(i));
  if (options_.top_k <= 0 && options_.top_p >= 1) return draw(candidates);

  const std::size_t k = options_.top_k > 0 ? static_cast<std::size_t>(options_.top_k)
                                           : std::numeric_limits<std::size_t>::max();
  std::make_heap(candidates.begin(), candidates.end());
  std::vector<std::pair<float, std::int32_t>> chosen;
  double mass = 0;
  do {
    std::pop_heap(candidates.begin(), candidates.end());
    chosen.push_back(candidates.back());
    candidates.pop_back();
    mass += std::exp(static_cast<double>(chosen.back().first) - total);
  } while (!candidates.empty() && chosen.size() < k && mass < options_.top_p);
  return draw(chosen);
}

std::int32_t Sampler::draw(const std::vector<std::pair<float, std::int32_t>>& candidates) {
  float top = candidates.front().first;
  for (const auto& [logit, token] : candidates) top = std::max(top, logit);
  std::vector<double> sums;
  sums.reserve(candidates.size());
  double sum = 0;
  for (const auto& [logit, token] : candidates) {
    sum += std::exp((static_cast<double>(logit) - static_cast<double>(top)) / options_.temperature);
    sums.push_back(sum);
  }
  const double at = random_.uniform() * sum;
  const auto found = std::upper_bound(sums.begin(), sums.end(), at);
  const auto index =
      std::min<std::ptrdiff_t>(found - sums.begin(), static_cast<std::ptrdiff_t>(sums.size()) - 1);
  return candidates[static_cast<std::size_t>(index)].second;
}

}  // namespace sighter::local
