#include "testing/fake_clock.hpp"

namespace sighter::testing {

SystemTime FakeClock::system_now() const {
  constexpr std::chrono::sys_days kStart{std::chrono::year(2026) / 1 / 1};
  return kStart + std::chrono::duration_cast<std::chrono::microseconds>(
                      std::chrono::nanoseconds(elapsed_ns_));
}

SteadyTime FakeClock::steady_now() const {
  // Not zero: a time that was never set must not look like now.
  return SteadyTime(std::chrono::hours(1000)) + std::chrono::nanoseconds(elapsed_ns_);
}

void FakeClock::advance(std::chrono::nanoseconds by) {
  elapsed_ns_ += by.count();
}

}  // namespace sighter::testing
