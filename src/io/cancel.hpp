#pragma once
// Cancellation: a CancelSource says stop, its CancelTokens tell whoever works for it. Ctrl-C, a
// client that went away, a variant that is beaten.
//
// This is our own, because Boost 1.81's co_spawn keeps a raw pointer to its cancellation signal:
// whoever waits registers a callback, and the callback closes the socket or wakes the sleeper.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sighter::io {

class Core;
class CancelToken;

// Keeps a callback registered; the callback never runs after this is destroyed. Create and destroy
// it on the core's thread.
class CancelRegistration {
 public:
  CancelRegistration() = default;
  CancelRegistration(CancelRegistration&&) noexcept = default;
  CancelRegistration& operator=(CancelRegistration&&) noexcept;
  ~CancelRegistration();

  struct Node;

 private:
  friend class CancelToken;
  explicit CancelRegistration(std::shared_ptr<Node> node);
  void reset();
  std::shared_ptr<Node> node_;
};

// Copyable, any thread. A default token is never cancelled and costs nothing.
class CancelToken {
 public:
  CancelToken() = default;
  bool cancelled() const;
  // kCancelled with what the source gave as its reason; only when cancelled().
  Error error() const;
  // Posts `callback` to `core` once, when cancelled (also when that is the case already).
  [[nodiscard]] CancelRegistration on_cancel(Core& core,
                                             std::move_only_function<void()> callback) const;
  explicit operator bool() const { return state_ != nullptr; }

  struct State;

 private:
  friend class CancelSource;
  explicit CancelToken(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Any thread. Destroying it cancels nothing.
class CancelSource {
 public:
  CancelSource();
  // A child: cancelled with its parent, or alone.
  explicit CancelSource(const CancelToken& parent);
  // The first reason stays. "stopped by Ctrl-C", "the client went away"
  void cancel(std::string_view reason);
  CancelToken token() const;

 private:
  std::shared_ptr<CancelToken::State> state_;
};

}  // namespace sighter::io
