#pragma once
// A bounded queue between coroutines of one core, and permits. Core's thread only.

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "io/cancel.hpp"
#include "io/core.hpp"
#include "io/waiter.hpp"

namespace sighter::io {

// Coroutines that wait in line, first come first served.
class WaitLine {
 public:
  explicit WaitLine(Core& core) : core_(core) {}
  ~WaitLine();
  WaitLine(const WaitLine&) = delete;
  WaitLine& operator=(const WaitLine&) = delete;

  // Waits for its turn. kCancelled leaves the line.
  Task<Status> wait(CancelToken token);
  // The first in line goes on; false when nobody waits.
  bool wake_one();
  void wake_all();
  std::size_t size() const { return size_; }
  Core& core() { return core_; }

 private:
  struct Node;
  void unlink(Node& node);
  Core& core_;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  std::size_t size_ = 0;
};

class Gate;

// The right to do one thing; given back when destroyed.
class Permit {
 public:
  Permit() = default;
  Permit(Permit&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
  Permit& operator=(Permit&& other) noexcept;
  ~Permit();
  explicit operator bool() const { return gate_ != nullptr; }

 private:
  friend class Gate;
  explicit Permit(Gate* gate) : gate_(gate) {}
  Gate* gate_ = nullptr;
};

// At most size() permits at a time; the size may change at any moment (an adaptive limit): permits
// that are out stay out, and new ones wait until there is room. Outlives its permits.
class Gate {
 public:
  Gate(Core& core, std::size_t size) : line_(core), size_(size) {}
  ~Gate();

  Task<Result<Permit>> acquire(CancelToken token = {});
  std::optional<Permit> try_acquire();  // never overtakes those who wait
  void set_size(std::size_t size);
  std::size_t size() const { return size_; }
  std::size_t used() const { return used_; }
  std::size_t waiting() const { return line_.size(); }

 private:
  friend class Permit;
  void release();
  void let_in();
  WaitLine line_;
  std::size_t size_;
  std::size_t used_ = 0;
};

template <class T>
class Channel {
 public:
  Channel(Core& core, std::size_t capacity) : readers_(core), writers_(core), capacity_(capacity) {}

  // Waits for room. kCancelled by the token; kUnavailable once closed (the item is gone then).
  Task<Status> push(T item, CancelToken token = {}) {
    while (!closed_ && items_.size() >= capacity_) {
      Status waited = co_await writers_.wait(token);
      if (!waited) {
        // The room that was meant for this writer goes to the next one.
        if (items_.size() < capacity_) writers_.wake_one();
        co_return waited;
      }
    }
    if (closed_) co_return fail(Kind::kUnavailable, "the queue is closed");
    items_.push_back(std::move(item));
    readers_.wake_one();
    co_return Status{};
  }
  // The next item; nullopt when closed and empty. kCancelled by the token.
  Task<Result<std::optional<T>>> pop(CancelToken token = {}) {
    while (!closed_ && items_.empty()) {
      Status waited = co_await readers_.wait(token);
      if (!waited) {
        if (!items_.empty()) readers_.wake_one();
        co_return std::unexpected(std::move(waited.error()));
      }
    }
    std::optional<T> item;
    if (!items_.empty()) {
      item.emplace(std::move(items_.front()));
      items_.pop_front();
      writers_.wake_one();
      if (!items_.empty()) readers_.wake_one();
    }
    co_return item;
  }
  // What is inside can still be popped.
  void close() {
    closed_ = true;
    readers_.wake_all();
    writers_.wake_all();
  }
  bool closed() const { return closed_; }
  std::size_t size() const { return items_.size(); }

 private:
  WaitLine readers_;
  WaitLine writers_;
  std::deque<T> items_;
  std::size_t capacity_;
  bool closed_ = false;
};

}  // namespace sighter::io
