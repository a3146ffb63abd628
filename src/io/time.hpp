#pragma once
// Deadlines and sleeping on one core, by the core's clock: with a fake one no test waits. Only the
// core's thread may use any of this.

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"

namespace sighter::io {

using Duration = std::chrono::steady_clock::duration;

class Core;
class Alarm;

class Timers {
 public:
  explicit Timers(Core& core);
  ~Timers();
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;

  SteadyTime now() const;
  // Ends at that time, or at once with kCancelled.
  Task<Status> sleep_until(SteadyTime when, CancelToken token = {});
  Task<Status> sleep_for(Duration duration, CancelToken token = {});

  // The earliest deadline that is set.
  std::optional<SteadyTime> next() const;
  // Fires every alarm whose time has come; how many. The core calls it; with a manual core the
  // test.
  std::size_t fire_due();
  // Called with the earliest time to look again, when that became earlier.
  void on_earlier(std::function<void(SteadyTime)> wake_at);

 private:
  friend class Alarm;
  void insert(Alarm* alarm);
  void remove(Alarm* alarm);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void place(std::size_t index, Alarm* alarm);

  Core& core_;
  std::vector<Alarm*> heap_;  // a binary heap by Alarm::queued_
  std::function<void(SteadyTime)> wake_at_;
};

// One deadline that is set, moved and cleared often: moving it later costs a store, not a search.
class Alarm {
 public:
  Alarm(Timers& timers, std::function<void()> on_time);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  void set(SteadyTime when);
  void set_after(Duration duration);
  void clear();
  bool is_set() const { return set_; }
  SteadyTime when() const { return when_; }

 private:
  friend class Timers;
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  Timers& timers_;
  std::function<void()> on_time_;
  SteadyTime when_{};
  SteadyTime queued_{};  // its place in the heap: at or before when_
  std::size_t index_ = kNowhere;
  bool set_ = false;
};

}  // namespace sighter::io
