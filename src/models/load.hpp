#pragma once
// How loaded a route is: the requests under way times what one takes, as seen lately ("peak EWMA",
// Finagle's load balancer; with power of two choices: Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001). A slower answer than the average counts at once, a faster one
// by and by, so a route that has become slow is avoided early and tried again carefully.
//
// Any thread, without a lock.

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace sighter::models {

class Load {
 public:
  // An old measurement loses 1 - 1/e of its weight in this time.
  static constexpr auto kDecay = std::chrono::seconds(10);
  // A failure counts as an answer that took at least this long: failing fast is not being fast.
  static constexpr auto kFailure = std::chrono::seconds(5);

  void started() { under_way_.fetch_add(1, std::memory_order_relaxed); }
  void ended() { under_way_.fetch_sub(1, std::memory_order_relaxed); }
  // How long until the first byte of an answer, or of its whole when it is not streamed.
  void observe(std::chrono::microseconds latency, SteadyTime now);
  void failed(std::chrono::microseconds latency, SteadyTime now);

  int under_way() const { return under_way_.load(std::memory_order_relaxed); }
  // Zero when nothing was measured yet.
  std::chrono::microseconds latency(SteadyTime now) const;
  // Lower is better. A route of which nothing is known is as good as an idle one, but not better
  // the more requests it has.
  double cost(SteadyTime now) const;

 private:
  // Microseconds (float, upper half) at a time in milliseconds (lower half); 0: nothing yet.
  std::atomic<std::uint64_t> average_ = 0;
  std::atomic<int> under_way_ = 0;
};

}  // namespace sighter::models
