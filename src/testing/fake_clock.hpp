#pragma once
// A clock that stands still until a test moves it.

#include <atomic>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace sighter::testing {

// Any thread. Starts at 2026-01-01T00:00:00Z.
class FakeClock final : public Clock {
 public:
  SystemTime system_now() const override;
  SteadyTime steady_now() const override;
  void advance(std::chrono::nanoseconds by);

 private:
  std::atomic<std::int64_t> elapsed_ns_ = 0;
};

}  // namespace sighter::testing
