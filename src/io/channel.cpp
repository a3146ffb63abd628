#include "io/channel.hpp"

#include "base/check.hpp"

namespace sighter::io {

// Lives in the frame of the coroutine that waits.
struct WaitLine::Node {
  explicit Node(Core& core) : waiter(core) {}
  Waiter waiter;
  Node* previous = nullptr;
  Node* next = nullptr;
  bool in_line = false;
};

WaitLine::~WaitLine() {
  CHECK(first_ == nullptr);
}

void WaitLine::unlink(Node& node) {
  (node.previous ? node.previous->next : first_) = node.next;
  (node.next ? node.next->previous : last_) = node.previous;
  node.previous = node.next = nullptr;
  node.in_line = false;
  --size_;
}

Task<Status> WaitLine::wait(CancelToken token) {
  if (token.cancelled()) co_return std::unexpected(token.error());
  Node node(core_);
  node.previous = last_;
  (last_ ? last_->next : first_) = &node;
  last_ = &node;
  node.in_line = true;
  ++size_;
  CancelRegistration registration = token.on_cancel(core_, [&node] { node.waiter.wake(); });
  co_await node.waiter.wait();
  if (node.in_line) {  // nobody but the token woke it
    unlink(node);
    co_return std::unexpected(token.error());
  }
  co_return Status{};
}

bool WaitLine::wake_one() {
  if (!first_) return false;
  Node& node = *first_;
  unlink(node);
  node.waiter.wake();
  return true;
}

void WaitLine::wake_all() {
  while (wake_one()) {
  }
}

Permit& Permit::operator=(Permit&& other) noexcept {
  if (this != &other) {
    if (gate_) gate_->release();
    gate_ = std::exchange(other.gate_, nullptr);
  }
  return *this;
}

Permit::~Permit() {
  if (gate_) gate_->release();
}

Gate::~Gate() {
  CHECK(used_ == 0);
}

Task<Result<Permit>> Gate::acquire(CancelToken token) {
  if (token.cancelled()) co_return std::unexpected(token.error());
  std::optional<Permit> now = try_acquire();
  if (now) co_return std::move(*now);
  // let_in() counts the permit when it wakes the first in line, so that nobody comes between.
  const Status waited = co_await line_.wait(std::move(token));
  if (!waited) co_return std::unexpected(waited.error());
  co_return Permit(this);
}

std::optional<Permit> Gate::try_acquire() {
  if (used_ >= size_ || line_.size() > 0) return std::nullopt;
  ++used_;
  return Permit(this);
}

void Gate::set_size(std::size_t size) {
  size_ = size;
  let_in();
}

void Gate::release() {
  --used_;
  let_in();
}

void Gate::let_in() {
  while (used_ < size_ && line_.wake_one()) ++used_;
}

}  // namespace sighter::io
