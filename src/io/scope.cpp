#include "io/scope.hpp"

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>

#include "base/check.hpp"
#include "io/core_impl.hpp"
#include "io/waiter.hpp"

namespace sighter::io {

struct Scope::State {
  explicit State(Core& c) : core(c), waiter(c) {}
  Core& core;
  std::atomic<std::size_t> running = 0;
  Waiter waiter;  // the joiner
};

namespace {

[[noreturn]] void report_fault(const std::string& name, const std::exception_ptr& fault) {
  try {
    std::rethrow_exception(fault);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sighter: internal fault: task \"%s\" failed: %s\n", name.c_str(),
                 e.what());
  } catch (...) {
    std::fprintf(stderr, "sighter: internal fault: task \"%s\" failed\n", name.c_str());
  }
  std::abort();
}

// The outermost coroutine of a task: nobody awaits it, it ends with itself. Starts at begin().
class Root {
 public:
  struct promise_type {
    Root get_return_object() {
      return Root(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
  // On the core's thread: at once when called there.
  void begin(Core& core) const {
    boost::asio::dispatch(core.impl().context, [handle = handle_] { handle.resume(); });
  }

 private:
  explicit Root(std::coroutine_handle<> handle) : handle_(handle) {}
  std::coroutine_handle<> handle_;
};

Root run_in(std::shared_ptr<Scope::State> state, std::string name, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (...) {
    report_fault(name, std::current_exception());
  }
  task = Task<void>();  // what it holds is gone before a joiner goes on
  if (state->running.fetch_sub(1) == 1) state->waiter.wake();
}

Root run_blocked(std::atomic<bool>* done, std::promise<void>* promise, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (...) {
    report_fault("run_blocking", std::current_exception());
  }
  task = Task<void>();
  *done = true;
  promise->set_value();
}

}  // namespace

Scope::Scope(Core& core) : state_(std::make_shared<State>(core)) {}
Scope::~Scope() {
  CHECK(state_->running == 0);
}

Task<void> Scope::join() {
  const std::shared_ptr<State> state = state_;
  while (state->running > 0) co_await state->waiter.wait();
}

std::size_t Scope::running() const {
  return state_->running;
}
Core& Scope::core() {
  return state_->core;
}

void spawn(Scope& scope, std::string_view name, Task<void> task) {
  scope.state_->running.fetch_add(1);
  run_in(scope.state_, std::string(name), std::move(task)).begin(scope.state_->core);
}

namespace detail {

void run_to_end(Core& core, Task<void> task) {
  CHECK(core.manual() == core.on_thread());
  std::atomic<bool> done = false;
  std::promise<void> promise;
  std::future<void> future = promise.get_future();
  run_blocked(&done, &promise, std::move(task)).begin(core);
  if (core.manual()) {
    while (!done) core.run_one(std::chrono::milliseconds(1000));
  } else {
    future.wait();
  }
}

}  // namespace detail
}  // namespace sighter::io
