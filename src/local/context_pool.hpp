#pragma once
// The bounded pool of contexts of one model. Any thread may take one; whoever holds it uses it
// alone.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "local/engine.hpp"

namespace sighter::local {

// A session, and which tokens its sequence 0 holds.
class Context {
 public:
  explicit Context(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  // Forgets all but the beginning that `prompt` shares, and of that all but `most` tokens. Returns
  // how many tokens are left.
  std::size_t reuse(std::span<const Token> prompt, std::size_t most);
  // Computes `tokens` after what is held. Only the last one's log-odds are there afterwards. After
  // an error what is held is what was held before.
  Status extend(std::span<const Token> tokens, const std::stop_token& cancel);
  std::span<const float> last_logits() const { return session_->logits(last_index_); }

  Session& session() { return *session_; }
  const std::vector<Token>& held() const { return held_; }
  // For those who decode by themselves: sequence 0 now holds these.
  void set_held(std::vector<Token> tokens) { held_ = std::move(tokens); }
  void forget();

 private:
  std::unique_ptr<Session> session_;
  std::vector<Token> held_;
  std::size_t last_index_ = 0;
};

class ContextPool {
 public:
  // A context on loan; goes back by itself.
  class Lease {
   public:
    Lease(ContextPool& pool, std::size_t index) : pool_(&pool), index_(index) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), index_(other.index_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    Context& operator*() const { return *pool_->slots_[index_].context; }
    Context* operator->() const { return pool_->slots_[index_].context.get(); }

   private:
    ContextPool* pool_;
    std::size_t index_;
  };

  ContextPool(Engine& engine, int contexts_max, const SessionOptions& options);
  // The free context whose held tokens begin most like `prompt`. Contexts are made as they are
  // needed, also to spare what another prompt left in one. Waits when all are taken.
  Result<Lease> acquire(std::span<const Token> prompt, const std::stop_token& cancel);

 private:
  struct Slot {
    std::unique_ptr<Context> context;  // null: not made yet
    bool taken = false;
    std::uint64_t last_used = 0;
  };
  std::optional<std::size_t> choose(std::span<const Token> prompt) const;
  void give_back(std::size_t index);

  Engine& engine_;
  SessionOptions options_;
  std::mutex mutex_;
  std::condition_variable_any given_back_;
  std::vector<Slot> slots_;
  std::uint64_t uses_ = 0;
};

}  // namespace sighter::local
