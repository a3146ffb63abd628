#pragma once
// Where one coroutine sleeps until another handler of the same core wakes it. A wake is never lost:
// one that comes before wait() makes that wait return at once. Core's thread only.

#include <coroutine>

#include "io/task.hpp"

namespace sighter::io {

class Core;

class Waiter {
 public:
  // What wait() gives to co_await.
  struct Wait {
    Waiter& waiter;
    bool await_ready() const { return std::exchange(waiter.woken_, false); }
    void await_suspend(std::coroutine_handle<> handle) const { waiter.suspend(handle); }
    void await_resume() const {}
  };

  explicit Waiter(Core& core) : core_(core) {}
  ~Waiter();  // CHECKs that nobody waits
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  Wait wait() { return {*this}; }  // one coroutine at a time
  // The waiting coroutine goes on in a turn of its own, never inside this call.
  void wake();
  // The waiting coroutine goes on inside this call: for the last act of a handler of the loop,
  // which saves a turn of it and a look at all sockets.
  void resume();
  bool waiting() const { return waiting_ != nullptr; }

 private:
  void suspend(std::coroutine_handle<> handle);
  // Whoever waits, if anybody does; else the next wait() returns at once.
  std::coroutine_handle<> take();
  Core& core_;
  std::coroutine_handle<> waiting_;
  bool woken_ = false;
};

}  // namespace sighter::io
