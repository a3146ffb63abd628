#include "io/blocking_pool.hpp"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "base/check.hpp"
#include "io/waiter.hpp"

#ifdef __linux__
#include <pthread.h>
#endif

namespace sighter::io {

struct BlockingPool::State {
  std::string name;
  std::size_t queue_max = 0;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::move_only_function<void()>> queue;
  bool stopping = false;
  std::vector<std::thread> threads;

  void run() {
#ifdef __linux__
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
#endif
    for (;;) {
      std::move_only_function<void()> job;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [this] { return stopping || !queue.empty(); });
        if (stopping) return;
        job = std::move(queue.front());
        queue.pop_front();
      }
      job();
    }
  }
};

namespace {

// One job that a coroutine waits for. The waiter is the core's; `phase` decides between the thread
// that begins it and the token that drops it.
struct Ticket {
  enum Phase { kQueued, kBegun, kDropped };
  Ticket(Core& c, std::move_only_function<void()> w) : core(c), work(std::move(w)), waiter(c) {}
  Core& core;
  std::move_only_function<void()> work;
  std::atomic<Phase> phase = kQueued;
  std::string fault;
  Waiter waiter;

  static void run(const std::shared_ptr<Ticket>& ticket) {
    Phase expected = kQueued;
    if (!ticket->phase.compare_exchange_strong(expected, kBegun)) return;
    try {
      ticket->work();
    } catch (const std::exception& e) {
      ticket->fault = e.what();
    } catch (...) {
      ticket->fault = "unknown exception";
    }
    ticket->work = nullptr;
    ticket->core.post([ticket] { ticket->waiter.wake(); });
  }
};

}  // namespace

BlockingPool::BlockingPool(std::string name, std::size_t threads, std::size_t queue_max)
    : state_(std::make_unique<State>()) {
  CHECK(threads > 0);
  state_->name = std::move(name);
  state_->queue_max = queue_max;
  for (std::size_t i = 0; i < threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->run(); });
  }
}

BlockingPool::~BlockingPool() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->changed.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

bool BlockingPool::post(std::move_only_function<void()> job) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->queue.size() >= state_->queue_max) return false;
    state_->queue.push_back(std::move(job));
  }
  state_->changed.notify_one();
  return true;
}

std::size_t BlockingPool::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

Task<Status> BlockingPool::submit(Core& core, std::move_only_function<void()> job,
                                  CancelToken token) {
  CHECK(core.on_thread());
  if (token.cancelled()) co_return std::unexpected(token.error());
  auto ticket = std::make_shared<Ticket>(core, std::move(job));
  if (!post([ticket] { Ticket::run(ticket); })) {
    co_return fail(Kind::kUnavailable,
                   fmt::format("too much work waits for the threads \"{}\" (limit {})",
                               state_->name, state_->queue_max),
                   "try again a little later");
  }
  CancelRegistration registration = token.on_cancel(core, [ticket] {
    Ticket::Phase expected = Ticket::kQueued;
    if (ticket->phase.compare_exchange_strong(expected, Ticket::kDropped)) ticket->waiter.wake();
  });
  co_await ticket->waiter.wait();
  if (ticket->phase == Ticket::kDropped) co_return std::unexpected(token.error());
  if (!ticket->fault.empty()) {
    co_return fail(Kind::kInternal, fmt::format("{} failed: {}", state_->name, ticket->fault));
  }
  co_return Status{};
}

}  // namespace sighter::io
