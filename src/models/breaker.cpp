#include "models/breaker.hpp"

#include <algorithm>

namespace sighter::models {
namespace {

std::int64_t nanoseconds(SteadyTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}
std::int64_t nanoseconds(std::chrono::milliseconds time) {
  return std::chrono::nanoseconds(time).count();
}

struct Bucket {
  std::uint32_t quarter = 0;
  std::uint32_t requests = 0;
  std::uint32_t failures = 0;
};

Bucket unpacked(std::uint64_t word) {
  return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word >> 16) & 0xffff,
          static_cast<std::uint32_t>(word) & 0xffff};
}
std::uint64_t packed(Bucket bucket) {
  return std::uint64_t{bucket.quarter} << 32 | std::uint64_t{bucket.requests} << 16 |
         bucket.failures;
}

// Never 0, which is what a bucket says that was never used.
std::uint32_t quarter_of(std::int64_t now_ns, const BreakerOptions& options) {
  const std::int64_t length = std::max<std::int64_t>(1, nanoseconds(options.window) / 4);
  return static_cast<std::uint32_t>(now_ns / length) + 1;
}

}  // namespace

Breaker::State Breaker::state(SteadyTime now) const {
  const std::int64_t until = open_until_ns_.load(std::memory_order_acquire);
  if (until == 0) return State::kClosed;
  return nanoseconds(now) < until ? State::kOpen : State::kHalfOpen;
}

std::optional<SteadyTime> Breaker::closed_until(SteadyTime now) const {
  const std::int64_t until = std::max(open_until_ns_.load(std::memory_order_acquire),
                                      probe_until_ns_.load(std::memory_order_acquire));
  if (until <= nanoseconds(now)) return std::nullopt;
  return SteadyTime(std::chrono::nanoseconds(until));
}

std::optional<Breaker::Pass> Breaker::admit(SteadyTime now, const BreakerOptions& options) {
  if (!options.enabled) return Pass{};
  const std::int64_t until = open_until_ns_.load(std::memory_order_acquire);
  if (until == 0) return Pass{};
  const std::int64_t now_ns = nanoseconds(now);
  if (now_ns < until) return std::nullopt;
  std::int64_t probing = probe_until_ns_.load(std::memory_order_acquire);
  if (now_ns < probing) return std::nullopt;
  const std::int64_t lease = now_ns + nanoseconds(options.probe_max);
  if (!probe_until_ns_.compare_exchange_strong(probing, lease, std::memory_order_acq_rel))
    return std::nullopt;  // another core was faster
  return Pass{.probe = true};
}

void Breaker::record(Pass pass, Result result, SteadyTime now, const BreakerOptions& options) {
  if (!options.enabled) return;
  const std::int64_t now_ns = nanoseconds(now);
  if (pass.probe) {
    if (result == Result::kGood) {
      for (std::atomic<std::uint64_t>& bucket : buckets_)
        bucket.store(0, std::memory_order_relaxed);
      in_a_row_.store(0, std::memory_order_relaxed);
      times_opened_.store(0, std::memory_order_relaxed);
      open_until_ns_.store(0, std::memory_order_release);
    } else if (result == Result::kBad) {
      open(now_ns, options);
    }
    probe_until_ns_.store(0, std::memory_order_release);
    return;
  }
  if (result == Result::kUnknown) return;
  // What was sent before it opened says nothing new.
  if (open_until_ns_.load(std::memory_order_acquire) != 0) return;
  count(result == Result::kBad, now_ns, options);
  if (result == Result::kGood) {
    in_a_row_.store(0, std::memory_order_relaxed);
    return;
  }
  const int row = in_a_row_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (row >= options.consecutive || too_many(now_ns, options)) open(now_ns, options);
}

void Breaker::count(bool failed, std::int64_t now_ns, const BreakerOptions& options) {
  const std::uint32_t quarter = quarter_of(now_ns, options);
  std::atomic<std::uint64_t>& slot = buckets_[quarter % kBuckets];
  std::uint64_t word = slot.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    Bucket bucket = unpacked(word);
    if (bucket.quarter != quarter) bucket = {.quarter = quarter};
    if (bucket.requests == 0xffff) {  // keeps the share
      bucket.requests /= 2;
      bucket.failures /= 2;
    }
    ++bucket.requests;
    bucket.failures += failed ? 1 : 0;
    next = packed(bucket);
  } while (!slot.compare_exchange_weak(word, next, std::memory_order_relaxed));
}

bool Breaker::too_many(std::int64_t now_ns, const BreakerOptions& options) const {
  const std::uint32_t quarter = quarter_of(now_ns, options);
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  for (const std::atomic<std::uint64_t>& slot : buckets_) {
    const Bucket bucket = unpacked(slot.load(std::memory_order_relaxed));
    if (bucket.quarter == 0 || quarter - bucket.quarter >= kBuckets) continue;
    requests += bucket.requests;
    failures += bucket.failures;
  }
  return requests >= static_cast<std::uint64_t>(std::max(1, options.requests_min)) &&
         static_cast<double>(failures) >= options.share * static_cast<double>(requests);
}

void Breaker::open(std::int64_t now_ns, const BreakerOptions& options) {
  const int times = times_opened_.fetch_add(1, std::memory_order_relaxed);
  std::int64_t length = nanoseconds(options.open_first);
  const std::int64_t most = std::max(length, nanoseconds(options.open_max));
  for (int i = 0; i < times && length < most; ++i) length *= 2;
  in_a_row_.store(0, std::memory_order_relaxed);
  open_until_ns_.store(std::max<std::int64_t>(1, now_ns + std::min(length, most)),
                       std::memory_order_release);
}

}  // namespace sighter::models
