#pragma once
// Where one coroutine sleeps until another handler of the same core wakes it. A wake is never lost:
// one that comes before wait() makes that wait return at once. Core's thread only.

#include <cstddef>

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
  // The waiting coroutine goes on inside this call: for the last act of a handler of the loop,
  // which saves a turn of it and a look at all sockets.
  void resume();
  bool waiting() const { return waiting_; }

 private:
  struct Start;
  template <class F>
  void take(F go);
  Core& core_;
  alignas(void*) std::byte handler_[2 * sizeof(void*)];  // Asio's, while somebody waits
  bool waiting_ = false;
  bool woken_ = false;
};

}  // namespace sighter::io
