#pragma once
// A value that is made once, by whoever asks first; the others wait for it. Any thread, but get()
// may block: call it from a pool. Private to the room.

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace sighter::functions {

template <class T>
class Once {
 public:
  // nullptr while it is not there.
  const Result<T>* ready() const {
    return done_.load(std::memory_order_acquire) ? &*value_ : nullptr;
  }
  // A making that was cancelled is not kept.
  template <class Make>
  Result<T> get(Make make) {
    const std::lock_guard lock(mutex_);
    if (value_) return *value_;
    Result<T> made = make();
    if (!made && made.error().kind == Kind::kCancelled) return made;
    value_.emplace(std::move(made));
    done_.store(true, std::memory_order_release);
    return *value_;
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> done_ = false;
  std::optional<Result<T>> value_;
};

}  // namespace sighter::functions
