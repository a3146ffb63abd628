#pragma once
// Who waits for whom: every spawned coroutine belongs to a Scope, and a Scope is joined before it
// ends. Nothing is detached.

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "io/core.hpp"
#include "io/task.hpp"

namespace sighter::io {

class Scope {
 public:
  explicit Scope(Core& core);
  // CHECKs that nothing runs any more.
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // Returns when all that was spawned has ended. On the scope's core; one joiner at a time.
  Task<void> join();
  // Coroutines that have not ended. Any thread.
  std::size_t running() const;
  Core& core();

  struct State;

 private:
  friend void spawn(Scope&, std::string_view, Task<void>);
  std::shared_ptr<State> state_;
};

// Starts `task` on the scope's core (any thread may call). `name` is what a fault is reported
// under: an exception that leaves the task ends the program.
void spawn(Scope& scope, std::string_view name, Task<void> task);

namespace detail {
void run_to_end(Core& core, Task<void> task);
template <class T>
Task<void> keep(Task<T> task, std::optional<T>* out) {
  T value = co_await std::move(task);
  out->emplace(std::move(value));
}
}  // namespace detail

// Runs `task` on the core and blocks until it is done: for main, and for tests. Never from the
// core's own thread (a manual core is driven here, in real time).
template <class T>
T run_blocking(Core& core, Task<T> task) {
  std::optional<T> out;
  detail::run_to_end(core, detail::keep(std::move(task), &out));
  return std::move(*out);
}
inline void run_blocking(Core& core, Task<void> task) {
  detail::run_to_end(core, std::move(task));
}

}  // namespace sighter::io
