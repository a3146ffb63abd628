#pragma once
// How many extra requests are allowed, as a share of the requests there are anyway: for hedging (so
// that it stays a small part of the traffic) and for retries (so that an upstream in trouble is not
// given several times its load; "Addressing Cascading Failures", Site Reliability Engineering,
// 2016).
//
// A token bucket that is filled by requests instead of by time: each puts in `share`, an extra one
// takes 1. It holds at most `most`, and starts with `start`, so that a quiet route may still retry.
//
// Any thread, without a lock. A thousandth of a token is the smallest part.

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace sighter::models {

class ShareBudget {
 public:
  explicit ShareBudget(double start) : tokens_(thousandths(start)) {}

  void earn(double share, double most) {
    const std::int64_t cap = thousandths(most);
    std::int64_t have = tokens_.load(std::memory_order_relaxed);
    std::int64_t next = 0;
    do {
      if (have >= cap) return;
      next = std::min(cap, have + thousandths(share));
    } while (!tokens_.compare_exchange_weak(have, next, std::memory_order_relaxed));
  }
  // False when nothing is left.
  bool spend() {
    std::int64_t have = tokens_.load(std::memory_order_relaxed);
    do {
      if (have < kOne) return false;
    } while (!tokens_.compare_exchange_weak(have, have - kOne, std::memory_order_relaxed));
    return true;
  }
  double tokens() const {
    return static_cast<double>(tokens_.load(std::memory_order_relaxed)) / kOne;
  }

 private:
  static constexpr std::int64_t kOne = 1000;
  static std::int64_t thousandths(double tokens) {
    return static_cast<std::int64_t>(std::clamp(tokens, 0.0, 1e9) * kOne + 0.5);
  }
  std::atomic<std::int64_t> tokens_;
};

}  // namespace sighter::models
