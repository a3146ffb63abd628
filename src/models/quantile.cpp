#include "models/quantile.hpp"

#include <algorithm>
#include <cmath>

namespace sighter::models {
namespace {

constexpr double kFirst_us = 1000;
constexpr double kGrowth = 1.15;

}  // namespace

void DurationQuantile::add(std::chrono::microseconds duration) {
  const auto value = static_cast<double>(std::max<std::int64_t>(1, duration.count()));
  const double place = std::ceil(std::log(value / kFirst_us) / std::log(kGrowth) - 1e-9);
  const auto index =
      static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(kBuckets - 1)));
  buckets_[index].fetch_add(1, std::memory_order_relaxed);
  // Exactly one thread meets the number, and halves.
  if (count_.fetch_add(1, std::memory_order_relaxed) + 1 != kHalveAt) return;
  std::uint32_t left = 0;
  for (std::atomic<std::uint32_t>& bucket : buckets_) {
    const std::uint32_t half = bucket.load(std::memory_order_relaxed) / 2;
    bucket.fetch_sub(half, std::memory_order_relaxed);
    left += half;
  }
  count_.fetch_sub(left, std::memory_order_relaxed);
}

std::optional<std::chrono::microseconds> DurationQuantile::at(double share,
                                                              std::uint32_t least) const {
  std::array<std::uint32_t, kBuckets> counts{};
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    counts[i] = buckets_[i].load(std::memory_order_relaxed);
    total += counts[i];
  }
  if (total == 0 || total < least) return std::nullopt;
  const double wanted = share * static_cast<double>(total);
  double sum = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    sum += counts[i];
    if (sum >= wanted && counts[i] > 0)
      return std::chrono::microseconds(
          std::llround(kFirst_us * std::pow(kGrowth, static_cast<double>(i))));
  }
  return std::nullopt;
}

}  // namespace sighter::models
