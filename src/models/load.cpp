#include "models/load.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sighter::models {
namespace {

std::uint32_t milliseconds(SteadyTime time) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

// How much of an old value is left. The clock of 32 bits turns round after 49 days, as a difference
// it stays right; another core may have written a moment that is later than ours.
double left_of(std::uint32_t then, std::uint32_t now) {
  const auto age = static_cast<std::int32_t>(now - then);
  if (age <= 0) return 1;
  return std::exp(-static_cast<double>(age) /
                  static_cast<double>(std::chrono::milliseconds(Load::kDecay).count()));
}

float value_of(std::uint64_t word) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(word >> 32));
}

}  // namespace

void Load::observe(std::chrono::microseconds latency, SteadyTime now) {
  const std::uint32_t now_ms = milliseconds(now);
  const auto measured = static_cast<double>(std::max<std::int64_t>(1, latency.count()));
  std::uint64_t word = average_.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    double value = measured;
    if (word != 0 && measured < value_of(word)) {
      // Answers that come within the same millisecond must count too.
      const double left = std::min(left_of(static_cast<std::uint32_t>(word), now_ms), 0.99);
      value = value_of(word) * left + measured * (1 - left);
    }
    next = std::uint64_t{std::bit_cast<std::uint32_t>(static_cast<float>(value))} << 32 | now_ms;
  } while (!average_.compare_exchange_weak(word, next, std::memory_order_relaxed));
}

void Load::failed(std::chrono::microseconds latency, SteadyTime now) {
  observe(std::max<std::chrono::microseconds>(latency, kFailure), now);
}

std::chrono::microseconds Load::latency(SteadyTime now) const {
  const std::uint64_t word = average_.load(std::memory_order_relaxed);
  if (word == 0) return std::chrono::microseconds(0);
  const double left = left_of(static_cast<std::uint32_t>(word), milliseconds(now));
  return std::chrono::microseconds(static_cast<std::int64_t>(value_of(word) * left));
}

double Load::cost(SteadyTime now) const {
  const auto one = static_cast<double>(std::max<std::int64_t>(1, latency(now).count()));
  return one * (1.0 + under_way());
}

}  // namespace sighter::models
