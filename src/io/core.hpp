#pragma once
// An event core: one io_context and one thread. Whatever lives on a core (connections, timers,
// channels, pools) is touched by that core's thread alone, so nothing there needs a lock.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "io/task.hpp"

namespace sighter::io {

class Timers;

class Core {
 public:
  struct Manual {};  // no thread: a test drives it with poll() and Timers::fire_due()

  // Starts the thread. `clock` outlives the core. The first core made in a process makes it ignore
  // SIGPIPE, so that a child that died is an error and not the end of the program.
  Core(std::string name, const Clock& clock);
  Core(std::string name, const Clock& clock, Manual);
  // Stops the loop and joins the thread. Every Scope on it was joined before.
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const std::string& name() const;
  const Clock& clock() const;
  Timers& timers();
  bool manual() const;
  // True on the core's thread; on a manual core in the thread that made it.
  bool on_thread() const;

  // Runs `work` on the core's thread, never inside this call. Any thread.
  void post(std::move_only_function<void()> work);
  // Runs `work` on the core's thread and returns when it is done; directly when called there.
  void call(std::move_only_function<void()> work);

  // Manual cores: runs what is ready and returns how many handlers that were.
  std::size_t poll();
  // Manual cores: waits in real time for one handler (another thread, a socket, a child); false
  // when none came within `wait`.
  bool run_one(std::chrono::milliseconds wait);

  struct Impl;
  Impl& impl() { return *impl_; }  // for this room's sources

 private:
  std::unique_ptr<Impl> impl_;
};

// `count` cores named "NAME 0", "NAME 1", ...
class Cores {
 public:
  Cores(std::string name, std::size_t count, const Clock& clock);
  std::size_t size() const { return cores_.size(); }
  Core& operator[](std::size_t index) { return *cores_[index]; }

 private:
  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace sighter::io
