#include "testing/loop.hpp"

#include <algorithm>

#include "base/check.hpp"

namespace sighter::testing {

Loop::Loop() : core_("test", clock_, io::Core::Manual{}), scope_(core_) {}

Loop::~Loop() {
  settle();
  CHECK(scope_.running() == 0);
}

void Loop::settle() {
  // The kernel delivers on loopback at once, but in another context: an empty poll is asked again.
  for (int quiet = 0; quiet < 3;) {
    const std::size_t ran = core_.poll() + core_.timers().fire_due();
    quiet = ran == 0 ? quiet + 1 : 0;
  }
}

void Loop::advance(std::chrono::nanoseconds by) {
  const SteadyTime end = clock_.steady_now() + by;
  settle();
  for (;;) {
    const SteadyTime now = clock_.steady_now();
    const SteadyTime next = std::min(core_.timers().next().value_or(end), end);
    if (next > now) clock_.advance(next - now);
    settle();
    if (next >= end) return;
  }
}

bool Loop::advance_until(const std::function<bool()>& done, std::chrono::nanoseconds most) {
  const SteadyTime end = clock_.steady_now() + most;
  settle();
  while (!done()) {
    const auto next = core_.timers().next();
    if (!next || *next > end) return false;
    if (*next > clock_.steady_now()) clock_.advance(*next - clock_.steady_now());
    settle();
  }
  return true;
}

bool Loop::wait_until(const std::function<bool()>& done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  settle();
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    core_.run_one(std::chrono::milliseconds(100));
    settle();
  }
  return true;
}

}  // namespace sighter::testing
