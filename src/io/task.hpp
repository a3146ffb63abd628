#pragma once
// The house's coroutine: runs when it is awaited, inside the one that awaits it, until it ends or
// has to wait. Rules (docs and STYLE): free or member functions, never capturing lambdas; what is
// spawned takes its arguments by value; inside `co_await` only named locals.
//
// What ends without having waited hands its value over like a function that returns: the caller was
// not suspended. Otherwise the caller goes on inside whoever woke the coroutine (io/waiter.hpp), on
// the same core's thread. An exception that leaves it is thrown again where it is awaited.

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "io/frame_pool.hpp"

namespace sighter::io {

template <class T = void>
class Task;

namespace detail {

// What coroutines of all types share.
class PromiseBase {
 public:
  static void* operator new(std::size_t bytes) { return FramePool::take(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept {
    FramePool::give(frame, bytes);
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept { return Final{}; }
  void unhandled_exception() noexcept { fault_ = std::current_exception(); }

  void set_caller(std::coroutine_handle<> caller) { caller_ = caller; }
  void rethrow() const {
    if (fault_) std::rethrow_exception(fault_);
  }

 private:
  struct Final {
    bool await_ready() const noexcept { return false; }
    // Nobody is to be woken while it still runs inside of its caller's await_suspend().
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> ended) const noexcept {
      const std::coroutine_handle<> caller = ended.promise().caller_;
      return caller ? caller : std::noop_coroutine();
    }
    void await_resume() const noexcept {}
  };

  std::coroutine_handle<> caller_;
  std::exception_ptr fault_;
};

template <class T>
class Promise final : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> final : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  auto operator co_await() && noexcept { return Run{handle_}; }

 private:
  struct Run {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) const {
      handle.resume();
      if (handle.done()) return false;
      handle.promise().set_caller(caller);
      return true;
    }
    T await_resume() const { return handle.promise().take(); }
  };

  Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace sighter::io
