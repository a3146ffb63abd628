#pragma once
// Where one coroutine sleeps until another handler of the same core wakes it. A wake is never lost:
// one that comes before wait() makes that wait return at once. Core's thread only.

#include <cstddef>
#include <memory>

#include "io/task.hpp"

namespace sighter::io {

class Core;

class Waiter {
 public:
  explicit Waiter(Core& core);
  ~Waiter();  // CHECKs that nobody waits
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  Task<void> wait();  // one coroutine at a time
  // The waiting coroutine goes on in a turn of its own, never inside this call.
  void wake();
  bool waiting() const { return handler_ != nullptr; }

  struct Handler;

 private:
  friend struct WaiterStart;
  Core& core_;
  std::unique_ptr<Handler> handler_;
  bool woken_ = false;
};

}  // namespace sighter::io
