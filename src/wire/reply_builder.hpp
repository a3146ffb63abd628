#pragma once
// Puts a streamed reply together: deltas in, the whole reply out.

#include <string>
#include <vector>

#include "wire/delta.hpp"

namespace sighter::wire {

// One object a stream, one thread at a time. Deltas that name a block which was never opened open
// it. Memory is bounded by what the stream holds.
class ReplyBuilder {
 public:
  enum class State { kOpen, kComplete, kBroken };

  void add(const Delta& delta);
  void add(Delta&& delta);
  // The bytes ended, or reading them failed with these words. Broken unless End was seen before.
  void end();
  void fail(WireError error);

  State state() const { return state_; }
  // Why it is broken.
  const WireError& error() const { return error_; }
  // What has come so far; complete when state() is kComplete.
  const ChatReply& reply() const { return reply_; }
  // Moves it out; the builder is done with.
  ChatReply take();

 private:
  Choice& choice(int index);
  Block& block(int choice, int index);
  template <class T>
  T& block_as(int choice, int index);

  State state_ = State::kOpen;
  WireError error_{};
  ChatReply reply_{};
};

// The deltas that a whole reply would have come as (for clients that asked for a stream where the
// upstream gave none).
std::vector<Delta> deltas_of(ChatReply reply);

}  // namespace sighter::wire
