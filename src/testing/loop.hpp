#pragma once
// A core without a thread and a clock that stands: the test decides what happens next.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "io/core.hpp"
#include "io/scope.hpp"
#include "io/time.hpp"
#include "testing/fake_clock.hpp"

namespace sighter::testing {

class Loop {
 public:
  Loop();
  // CHECKs that everything that was started has ended.
  ~Loop();

  FakeClock& clock() { return clock_; }
  io::Core& core() { return core_; }
  io::Scope& scope() { return scope_; }

  // Runs whatever is ready, on sockets of this machine too, until nothing is. No time passes.
  void settle();
  // Moves the clock, stopping at every deadline on the way, and settles.
  void advance(std::chrono::nanoseconds by);
  // Settles and advances to the next deadline again and again until `done`; false when there is
  // neither work nor a deadline left before `most` of fake time.
  bool advance_until(const std::function<bool()>& done,
                     std::chrono::nanoseconds most = std::chrono::hours(1));
  // Waits in real time for other threads, children and sockets until `done`; false after 20 s. The
  // clock stands.
  bool wait_until(const std::function<bool()>& done);

  // A coroutine on its way; ask after settle() or advance().
  template <class T>
  class Running {
   public:
    bool done() const { return value_->has_value(); }
    T& value() { return **value_; }

   private:
    friend class Loop;
    std::shared_ptr<std::optional<T>> value_ = std::make_shared<std::optional<T>>();
  };

  // Starts `task` and settles.
  template <class T>
  Running<T> start(io::Task<T> task) {
    Running<T> running;
    io::spawn(scope_, "test", keep(std::move(task), running.value_));
    settle();
    return running;
  }
  // Runs `task` to its end in real time; the clock stands.
  template <class T>
  T run(io::Task<T> task) {
    return io::run_blocking(core_, std::move(task));
  }
  void run(io::Task<void> task) { io::run_blocking(core_, std::move(task)); }

 private:
  template <class T>
  static io::Task<void> keep(io::Task<T> task, std::shared_ptr<std::optional<T>> out) {
    T value = co_await std::move(task);
    out->emplace(std::move(value));
  }

  FakeClock clock_;
  io::Core core_;
  io::Scope scope_;
};

}  // namespace sighter::testing
