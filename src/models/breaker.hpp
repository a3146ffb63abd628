#pragma once
// Keeps requests away from a route that does not work, and finds out when it does again ("circuit
// breaker", Nygard, "Release It!", 2007).
//
//   closed ---- too many failures ----> open ---- its time is over ----> half-open
//     ^                                  ^                                |     |
//     |                                  +------- the probe failed ------+     |
//     +---------------------------- the probe succeeded ----------------------+
//
// It opens when `consecutive` requests failed one after the other, or when among at least
// `requests_min` requests of the last `window` the share that failed is at least `share`. How long
// it stays open doubles with every probe that fails. While half-open one request at a time is let
// through, as a probe; a probe that never reports is forgotten after `probe_max`.
//
// Any thread, without a lock: all cores share one breaker a route. Under contention a result may be
// counted in a window that has just ended; nothing is counted twice.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace sighter::models {

struct BreakerOptions {
  bool enabled = true;
  int consecutive = 5;    // failures in a row, at least 1
  double share = 0.5;     // of the window, in (0, 1]
  int requests_min = 20;  // below that many the share says nothing
  std::chrono::milliseconds window{30'000};
  std::chrono::milliseconds open_first{5'000};
  std::chrono::milliseconds open_max{300'000};
  std::chrono::milliseconds probe_max{60'000};
};

class Breaker {
 public:
  enum class State { kClosed, kOpen, kHalfOpen };
  enum class Result {
    kGood,
    kBad,
    kUnknown,  // it says nothing about the route: the caller went away
  };
  // The right to send one request. Report how it ended by record().
  struct Pass {
    bool probe = false;
  };

  State state(SteadyTime now) const;
  // nullopt: not now. With the breaker disabled always a pass.
  std::optional<Pass> admit(SteadyTime now, const BreakerOptions& options);
  void record(Pass pass, Result result, SteadyTime now, const BreakerOptions& options);
  // When it may be asked again; nullopt when that is now.
  std::optional<SteadyTime> closed_until(SteadyTime now) const;

 private:
  static constexpr std::size_t kBuckets = 4;
  void count(bool failed, std::int64_t now_ns, const BreakerOptions& options);
  bool too_many(std::int64_t now_ns, const BreakerOptions& options) const;
  void open(std::int64_t now_ns, const BreakerOptions& options);

  std::atomic<std::int64_t> open_until_ns_ = 0;   // 0: closed
  std::atomic<std::int64_t> probe_until_ns_ = 0;  // 0: no probe is under way
  std::atomic<int> times_opened_ = 0;             // since it was last closed
  std::atomic<int> in_a_row_ = 0;                 // failures
  // Each: number of its quarter window (32 bits), requests (16), failures (16).
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
};

}  // namespace sighter::models
