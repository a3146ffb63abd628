#include "models/key_ring.hpp"

#include <algorithm>
#include <limits>

namespace sighter::models {
namespace {

using std::chrono::milliseconds;

std::int64_t nanoseconds(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

milliseconds doubled(milliseconds first, int times) {
  milliseconds time = first;
  for (int i = 0; i < times && time < KeyRing::kRestMax; ++i) time *= 2;
  return std::min<milliseconds>(time, KeyRing::kRestMax);
}

}  // namespace

KeyRing::KeyRing(std::size_t keys)
    : size_(std::max<std::size_t>(1, keys)), keys_(std::make_unique<Key[]>(size_)) {}

bool KeyRing::free(std::size_t key, std::int64_t now_ns) const {
  return keys_[key].until_ns.load(std::memory_order_acquire) <= now_ns;
}

std::optional<std::size_t> KeyRing::pick(SteadyTime now, std::uint64_t conversation) {
  const std::int64_t now_ns = nanoseconds(now);
  const std::uint64_t first =
      conversation != 0 ? conversation : turn_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::size_t key = static_cast<std::size_t>((first + i) % size_);
    if (free(key, now_ns)) return key;
  }
  return std::nullopt;
}

std::optional<SteadyTime> KeyRing::resting_until(SteadyTime now) const {
  const std::int64_t now_ns = nanoseconds(now);
  std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
  for (std::size_t key = 0; key < size_; ++key)
    earliest = std::min(earliest, keys_[key].until_ns.load(std::memory_order_acquire));
  if (earliest <= now_ns) return std::nullopt;
  return SteadyTime(std::chrono::nanoseconds(earliest));
}

bool KeyRing::rests_long(SteadyTime now) const {
  const std::int64_t now_ns = nanoseconds(now);
  for (std::size_t key = 0; key < size_; ++key) {
    if (free(key, now_ns) || !keys_[key].told_long.load(std::memory_order_relaxed)) return false;
  }
  return true;
}

void KeyRing::succeeded(std::size_t key) {
  // Most of the time there is nothing to say, and then no core's cache line is taken.
  std::atomic<int>& refused = keys_[key].refused;
  if (refused.load(std::memory_order_relaxed) != 0) refused.store(0, std::memory_order_relaxed);
}

// Only ever longer: an answer to an earlier request does not take a rest away.
void KeyRing::pause(Key& key, SteadyTime now, milliseconds time) {
  const std::int64_t until = nanoseconds(now + time);
  std::int64_t old = key.until_ns.load(std::memory_order_relaxed);
  while (old < until &&
         !key.until_ns.compare_exchange_weak(old, until, std::memory_order_acq_rel)) {
  }
}

void KeyRing::rest(std::size_t key, SteadyTime now, std::optional<milliseconds> wait) {
  Key& one = keys_[key];
  const int times = one.refused.fetch_add(1, std::memory_order_relaxed);
  const milliseconds time =
      wait ? std::min<milliseconds>(*wait, kRestMax) : doubled(kRestFirst, times);
  one.told_long.store(wait && *wait > kRestMax, std::memory_order_relaxed);
  pause(one, now, time);
}

void KeyRing::wrong(std::size_t key, SteadyTime now) {
  const std::int64_t now_ns = nanoseconds(now);
  bool others = false;
  for (std::size_t other = 0; other < size_; ++other)
    others = others || (other != key && free(other, now_ns));
  if (!others) return;
  Key& one = keys_[key];
  const int times = one.refused.fetch_add(1, std::memory_order_relaxed);
  pause(one, now, doubled(kRestWrongFirst, times));
}

}  // namespace sighter::models
