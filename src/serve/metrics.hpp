#pragma once
// What the door counts, and the same as text for Prometheus (exposition format 0.0.4). Any thread,
// without a lock.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/money.hpp"
#include "store/store.hpp"
#include "wire/message.hpp"

namespace sighter::serve {

// Bounds of the buckets in seconds, cumulative in the text.
class Histogram {
 public:
  static constexpr std::array kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                         0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
  void add(std::chrono::microseconds value);
  void write(std::string& out, std::string_view name) const;

 private:
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> sum_us_ = 0;
};

class Metrics {
 public:
  // A request was let in; false when `most` are under way already, and it was not.
  bool enter(std::size_t most);
  void leave(int status, std::chrono::microseconds took);
  void turned_away();  // refused by the gate or by a limit
  void add_usage(const wire::Usage& usage);
  void add_cost(NanoUsd cost);
  void add_first_token(std::chrono::microseconds value) { first_token_.add(value); }
  void broken_stream() { broken_.fetch_add(1, std::memory_order_relaxed); }
  std::int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

  // `writer` is of the store, nullptr where there is none.
  std::string text(const store::WriterState* writer) const;

 private:
  std::atomic<std::int64_t> in_flight_ = 0;
  std::array<std::atomic<std::uint64_t>, 6> by_class_{};  // [status / 100]; 0: no answer was given
  std::atomic<std::uint64_t> turned_away_ = 0;
  std::atomic<std::uint64_t> broken_ = 0;
  std::atomic<std::int64_t> tokens_in_ = 0;
  std::atomic<std::int64_t> tokens_cached_ = 0;
  std::atomic<std::int64_t> tokens_out_ = 0;
  std::atomic<std::int64_t> cost_nano_usd_ = 0;
  Histogram latency_;
  Histogram first_token_;
};

}  // namespace sighter::serve
