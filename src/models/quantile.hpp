#pragma once
// A quantile of durations as they come, in a fixed 400 bytes: counts in buckets whose width grows
// with the value (each bound is 1.15 times the one before), so an answer is at most 15 % too high
// and never too low. Counts are halved now and then, so that it follows what changes.
//
// Any thread, without a lock; a reading is of about this moment.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace sighter::models {

class DurationQuantile {
 public:
  static constexpr std::size_t kBuckets = 100;  // 1 ms to 17 minutes
  static constexpr std::uint32_t kHalveAt = 2048;

  void add(std::chrono::microseconds duration);
  // The upper bound of the bucket that holds this quantile, 0 < share < 1; nullopt below `least`
  // measurements.
  std::optional<std::chrono::microseconds> at(double share, std::uint32_t least = 20) const;
  std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint32_t>, kBuckets> buckets_{};
  std::atomic<std::uint32_t> count_ = 0;
};

}  // namespace sighter::models
