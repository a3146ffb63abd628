#include "io/waiter.hpp"

#include <boost/asio/post.hpp>

#include "base/check.hpp"
#include "io/core_impl.hpp"

namespace sighter::io {

Waiter::~Waiter() {
  CHECK(!waiting_);
}

void Waiter::suspend(std::coroutine_handle<> handle) {
  CHECK(!waiting_);
  waiting_ = handle;
}

std::coroutine_handle<> Waiter::take() {
  if (!waiting_) woken_ = true;
  return std::exchange(waiting_, nullptr);
}

void Waiter::wake() {
  if (const std::coroutine_handle<> waiting = take())
    boost::asio::post(core_.impl().context, [waiting] { waiting.resume(); });
}

void Waiter::resume() {
  if (const std::coroutine_handle<> waiting = take()) waiting.resume();
}

}  // namespace sighter::io
