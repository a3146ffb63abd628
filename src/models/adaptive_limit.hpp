#pragma once
// How many requests one route takes at a time, found out by asking: more while all goes well, half
// when the other side says that it is too much. Core's thread only.
//
// The rule is TCP's congestion control (Jacobson, "Congestion Avoidance and Control", 1988): until
// the first refusal each success adds one, which doubles the limit every round; afterwards a round
// of successes adds one. Only successes while the limit was used up count, for the others say
// nothing about it.

#include <cstddef>
#include <optional>

#include "base/clock.hpp"
#include "io/channel.hpp"

namespace sighter::models {

class AdaptiveLimit {
 public:
  static constexpr std::size_t kStart = 16;

  // `most` at least 1.
  AdaptiveLimit(io::Core& core, std::size_t most);
  io::Gate& gate() { return gate_; }
  std::size_t size() const { return gate_.size(); }

  // At a door the clients decide how many ask, and nobody waits for what was not refused yet: no
  // limit below `most` (at least the one so far) until the first refusal, which leaves half of
  // those under way.
  void open_wide(std::size_t most);
  // A request ended well; call it while its permit is held.
  void succeeded();
  // A request that was sent at `sent` was refused (429, overload) at `now`. Requests that were
  // under way when the limit was last cut do not cut it again.
  void refused(SteadyTime sent, SteadyTime now);

 private:
  std::size_t most_;
  io::Gate gate_;
  bool slow_start_ = true;  // nothing was refused yet
  bool wide_ = false;
  std::size_t successes_ = 0;  // of this round, after slow start
  std::optional<SteadyTime> cut_;
};

}  // namespace sighter::models
