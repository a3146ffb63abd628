#include "io/time.hpp"

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "io/core.hpp"
#include "io/waiter.hpp"

namespace sighter::io {

Timers::Timers(Core& core) : core_(core) {}
Timers::~Timers() {
  CHECK(heap_.empty());
}

SteadyTime Timers::now() const {
  return core_.clock().steady_now();
}

Task<Status> Timers::sleep_until(SteadyTime when, CancelToken token) {
  if (token.cancelled()) co_return std::unexpected(token.error());
  if (when <= now()) co_return Status{};
  Waiter waiter(core_);
  Alarm alarm(*this, [&waiter] { waiter.wake(); });
  CancelRegistration registration = token.on_cancel(core_, [&waiter] { waiter.wake(); });
  alarm.set(when);
  co_await waiter.wait();
  if (token.cancelled()) co_return std::unexpected(token.error());
  co_return Status{};
}

Task<Status> Timers::sleep_for(Duration duration, CancelToken token) {
  return sleep_until(now() + duration, std::move(token));
}

std::optional<SteadyTime> Timers::next() const {
  std::optional<SteadyTime> earliest;
  for (const Alarm* alarm : heap_) {
    if (alarm->set_ && (!earliest || alarm->when_ < *earliest)) earliest = alarm->when_;
  }
  return earliest;
}

std::size_t Timers::fire_due() {
  const SteadyTime at = now();
  std::size_t fired = 0;
  while (!heap_.empty() && heap_.front()->queued_ <= at) {
    Alarm* alarm = heap_.front();
    if (!alarm->set_) {
      remove(alarm);
    } else if (alarm->when_ > at) {
      alarm->queued_ = alarm->when_;
      sift_down(0);
    } else {
      remove(alarm);
      alarm->set_ = false;
      ++fired;
      alarm->on_time_();
    }
  }
  if (wake_at_ && !heap_.empty()) wake_at_(heap_.front()->queued_);
  return fired;
}

void Timers::on_earlier(std::function<void(SteadyTime)> wake_at) {
  wake_at_ = std::move(wake_at);
}

void Timers::place(std::size_t index, Alarm* alarm) {
  heap_[index] = alarm;
  alarm->index_ = index;
}

void Timers::sift_up(std::size_t index) {
  Alarm* alarm = heap_[index];
  while (index > 0) {
    const std::size_t parent = (index - 1) / 2;
    if (heap_[parent]->queued_ <= alarm->queued_) break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, alarm);
}

void Timers::sift_down(std::size_t index) {
  Alarm* alarm = heap_[index];
  for (;;) {
    std::size_t child = 2 * index + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1]->queued_ < heap_[child]->queued_) ++child;
    if (alarm->queued_ <= heap_[child]->queued_) break;
    place(index, heap_[child]);
    index = child;
  }
  place(index, alarm);
}

void Timers::insert(Alarm* alarm) {
  alarm->queued_ = alarm->when_;
  heap_.push_back(alarm);
  sift_up(heap_.size() - 1);
  if (alarm->index_ == 0 && wake_at_) wake_at_(alarm->queued_);
}

void Timers::remove(Alarm* alarm) {
  const std::size_t index = alarm->index_;
  Alarm* last = heap_.back();
  heap_.pop_back();
  alarm->index_ = Alarm::kNowhere;
  if (last == alarm) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

Alarm::Alarm(Timers& timers, std::function<void()> on_time)
    : timers_(timers), on_time_(std::move(on_time)) {}

Alarm::~Alarm() {
  if (index_ != kNowhere) timers_.remove(this);
}

void Alarm::set(SteadyTime when) {
  when_ = when;
  set_ = true;
  if (index_ != kNowhere) {
    if (queued_ <= when) return;  // found out when the earlier time comes
    timers_.remove(this);
  }
  timers_.insert(this);
}

void Alarm::set_after(Duration duration) {
  set(timers_.now() + duration);
}

void Alarm::clear() {
  set_ = false;
}

}  // namespace sighter::io
