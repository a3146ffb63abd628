#include "io/waiter.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <new>

#include "base/check.hpp"
#include "io/core_impl.hpp"

namespace sighter::io {
namespace {

using AsioHandler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;

// Runs the coroutine as a plain handler of the loop. Without this wrapper Asio would look up the
// handler's own (type-erased) executor and dispatch through it.
struct Resume {
  AsioHandler handler;
  void operator()() { handler(); }
};

}  // namespace

struct Waiter::Start {
  Waiter* waiter;
  void operator()(AsioHandler&& handler) const {
    static_assert(sizeof(AsioHandler) <= sizeof(waiter->handler_));
    CHECK(!waiter->waiting_);
    new (waiter->handler_) AsioHandler(std::move(handler));
    waiter->waiting_ = true;
    if (waiter->woken_) waiter->wake();
  }
};

Waiter::Waiter(Core& core) : core_(core) {}
Waiter::~Waiter() {
  CHECK(!waiting_);
}

Task<void> Waiter::wait() {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      Start{this}, boost::asio::use_awaitable);
}

// Whoever waits, if anybody does, with `go`.
template <class F>
void Waiter::take(F go) {
  if (!waiting_) {
    woken_ = true;
    return;
  }
  waiting_ = false;
  woken_ = false;
  auto* handler = std::launder(reinterpret_cast<AsioHandler*>(handler_));
  Resume waiting{std::move(*handler)};
  handler->~AsioHandler();
  go(std::move(waiting));
}

void Waiter::wake() {
  take([this](Resume waiting) { boost::asio::post(core_.impl().context, std::move(waiting)); });
}

void Waiter::resume() {
  take([](Resume waiting) { waiting(); });
}

}  // namespace sighter::io
