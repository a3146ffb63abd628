#pragma once
// The keys of one route, used in turn. A key that the provider has refused rests: as long as
// Retry-After or the rate-limit headers say, else longer from time to time. Which secret the n-th
// key is, is the caller's business; here they are numbers.
//
// Any thread, without a lock: all cores share one ring a route.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.hpp"

namespace sighter::models {

class KeyRing {
 public:
  // What a provider says is obeyed up to this.
  static constexpr auto kRestMax = std::chrono::seconds(60);
  // Without a word of the provider's: this long at first, twice as long with each refusal in a row.
  static constexpr auto kRestFirst = std::chrono::milliseconds(500);
  static constexpr auto kRestWrongFirst = std::chrono::seconds(10);  // 401 and 403

  explicit KeyRing(std::size_t keys);  // at least 1
  std::size_t size() const { return size_; }

  // The next key in turn that does not rest; nullopt when all do. A conversation (a hash other than
  // 0) gets the same key each time that it can, because a provider's prompt cache belongs to one.
  std::optional<std::size_t> pick(SteadyTime now, std::uint64_t conversation = 0);
  // When the first key may be used again; nullopt when one may be used now.
  std::optional<SteadyTime> resting_until(SteadyTime now) const;
  // All rest, and each for longer than kRestMax by what the provider said: they are tried again
  // before that, but nobody should wait for it.
  bool rests_long(SteadyTime now) const;

  void succeeded(std::size_t key);
  // 429, or an answer whose headers say that nothing remains: `wait` as the provider says.
  void rest(std::size_t key, SteadyTime now, std::optional<std::chrono::milliseconds> wait);
  // 401 or 403, or it is missing. The others are used for a while; somebody may mend it, so it is
  // tried again, at last every minute. The only key that does not rest goes on being used.
  void wrong(std::size_t key, SteadyTime now);

 private:
  struct Key {
    std::atomic<std::int64_t> until_ns = 0;
    std::atomic<int> refused = 0;  // in a row
    std::atomic<bool> told_long = false;
  };
  bool free(std::size_t key, std::int64_t now_ns) const;
  void pause(Key& key, SteadyTime now, std::chrono::milliseconds time);

  const std::size_t size_;
  std::unique_ptr<Key[]> keys_;
  std::atomic<std::uint64_t> turn_ = 0;
};

}  // namespace sighter::models
