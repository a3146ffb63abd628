#pragma once
// Named, bounded threads for work that blocks or computes long: DNS, files, templates, learning,
// the local model. A core never does such work itself.

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "io/cancel.hpp"
#include "io/core.hpp"
#include "io/task.hpp"

namespace sighter::io {

namespace detail {
template <class T>
struct AsResult {
  using type = Result<T>;
};
template <class T>
struct AsResult<Result<T>> {
  using type = Result<T>;
};
}  // namespace detail

class BlockingPool {
 public:
  // `threads` at least 1; at most `queue_max` jobs wait.
  BlockingPool(std::string name, std::size_t threads, std::size_t queue_max);
  // Runs what has begun to its end and drops what waits; no coroutine waits on it then. The cores
  // it serves outlive it.
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Runs work() on a thread of the pool and goes on, on `core` (the caller's), with what it
  // returned (T, void or Result<T>, all as Result<T>). kUnavailable when the queue is full,
  // kCancelled when the token is cancelled before the work began; work that began runs to its end.
  // An exception that leaves `work` is kInternal.
  template <class F>
  requires std::invocable<F&>
  auto run(Core& core, F work, CancelToken token = {})
      -> Task<typename detail::AsResult<std::invoke_result_t<F&>>::type> {
    using Out = std::invoke_result_t<F&>;
    using Answer = typename detail::AsResult<Out>::type;
    auto answer = std::make_shared<std::optional<Answer>>();
    std::move_only_function<void()> job = Job<F, Answer>{std::move(work), answer};
    Status ran = co_await submit(core, std::move(job), std::move(token));
    if (!ran) co_return std::unexpected(std::move(ran.error()));
    co_return std::move(**answer);
  }

  // Hands `job` over and goes on; false when the queue is full. It must not throw.
  bool post(std::move_only_function<void()> job);

  std::size_t waiting() const;  // jobs that have not begun; any thread

  struct State;

 private:
  template <class F, class Answer>
  struct Job {
    F work;
    std::shared_ptr<std::optional<Answer>> answer;
    void operator()() {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        work();
        answer->emplace();
      } else {
        answer->emplace(work());
      }
    }
  };
  Task<Status> submit(Core& core, std::move_only_function<void()> job, CancelToken token);
  std::unique_ptr<State> state_;
};

}  // namespace sighter::io
