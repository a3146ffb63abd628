#pragma once
// Time comes in through constructors, so that tests can set it. Both readings may be asked from any
// thread.

#include <chrono>
#include <cstdint>
#include <string>

namespace sighter {

using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SystemTime system_now() const = 0;  // UTC
  virtual SteadyTime steady_now() const = 0;  // never goes back
};

// The machine's own clocks.
class RealClock final : public Clock {
 public:
  SystemTime system_now() const override;
  SteadyTime steady_now() const override;
};

// 2026-11-23T09:25:45.123Z
std::string iso8601(SystemTime time);

}  // namespace sighter
