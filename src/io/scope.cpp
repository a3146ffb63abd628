#include "io/scope.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
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

// Runs on the core when a task has ended.
struct Ended {
  std::shared_ptr<Scope::State> state;
  std::string name;
  void operator()(const std::exception_ptr& fault) const {
    if (fault) report_fault(name, fault);
    if (state->running.fetch_sub(1) == 1) state->waiter.wake();
  }
};

struct BlockingEnded {
  std::atomic<bool>* done;
  std::promise<void>* promise;
  void operator()(const std::exception_ptr& fault) const {
    if (fault) report_fault("run_blocking", fault);
    *done = true;
    promise->set_value();
  }
};

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
  boost::asio::co_spawn(scope.state_->core.impl().context, std::move(task),
                        Ended{scope.state_, std::string(name)});
}

namespace detail {

void run_to_end(Core& core, Task<void> task) {
  CHECK(core.manual() == core.on_thread());
  std::atomic<bool> done = false;
  std::promise<void> promise;
  std::future<void> future = promise.get_future();
  boost::asio::co_spawn(core.impl().context, std::move(task), BlockingEnded{&done, &promise});
  if (core.manual()) {
    while (!done) core.run_one(std::chrono::milliseconds(1000));
  } else {
    future.wait();
  }
}

}  // namespace detail
}  // namespace sighter::io
