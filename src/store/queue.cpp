#include "store/queue.hpp"

#include <algorithm>
#include <cstring>

#include "store/row_writer.hpp"

namespace sighter::store {
namespace {

constexpr std::size_t kSpareMax = 1024;
constexpr std::size_t kForgottenAtOnce = 16;  // then it is the turn of those who wait for the lock

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

// Shares the batch's ownership, points at one of its rows.
template <class Row>
std::shared_ptr<const Row> part_of(const std::shared_ptr<const Batch>& batch, const Row& row) {
  return std::shared_ptr<const Row>(batch, &row);
}

// Removes the entry only where it is this row's: the same key may have been queued again.
template <class Map, class Key, class Row>
void remove(Map& map, const Key& key, const Row& row) {
  const auto at = map.find(key);
  if (at != map.end() && at->second.get() == &row) map.erase(at);
}

}  // namespace

std::size_t Queue::KeyHash::operator()(const OutputKey& key) const noexcept {
  std::size_t hash = 0;  // the fingerprint is a hash already
  std::memcpy(&hash, key.fingerprint.data(), sizeof hash);
  return hash + static_cast<std::size_t>(key.repeat) * 0x9e3779b97f4a7c15u;
}

std::size_t Queue::KeyHash::operator()(const ScoreKey& key) const noexcept {
  return std::hash<Id>{}(key.call) ^ static_cast<std::size_t>(key.metric);
}

Queue::OutputKey Queue::key_of(const Digest& fingerprint, int repeat) {
  OutputKey key{{}, repeat};
  std::copy_n(fingerprint.begin(), key.fingerprint.size(), key.fingerprint.begin());
  return key;
}

Queue::Pushed Queue::push(Item item, bool wait) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] {
    // A batch larger than the whole queue gets in when the queue is empty.
    return closed_ || item.rows == 0 || live_rows_ == 0 ||
           (live_rows_ + item.rows <= options_.queue_rows_max &&
            live_bytes_ + item.bytes <= options_.queue_bytes_max);
  };
  if (wait) to_pushers_.wait(lock, has_room);
  if (closed_) return Pushed::kClosed;
  if (!has_room()) return Pushed::kFull;
  item.queued = now();
  live_rows_ += item.rows;
  live_bytes_ += item.bytes;
  queued_rows_ += item.rows;
  const bool waited_for = item.durability == Durability::kDurable || item.task;
  if (waited_for) ++waiters_;
  if (item.batch) show(item);
  const bool wake = items_.empty() || waited_for || queued_rows_ >= limits::kCommitRowsMax;
  items_.push_back(std::move(item));
  if (wake) to_writer_.notify_one();
  return Pushed::kYes;
}

void Queue::show(Item& item) {
  if (spare_live_.empty()) spare_live_.emplace_back();
  item.live = spare_live_.begin();
  *item.live = {item.batch};
  live_.splice(live_.end(), spare_live_, item.live);
  const Batch& batch = *item.batch;
  for (const OutputRow& row : batch.outputs) {
    outputs_.emplace(key_of(row.fingerprint, row.repeat), part_of(item.batch, row));
  }
  for (const ScoreRow& row : batch.scores) {
    scores_[{row.call, metric_key(row.metric)}] = part_of(item.batch, row);
  }
  for (const ResponseRow& row : batch.responses) {
    responses_.insert_or_assign(row.id, part_of(item.batch, row));
  }
}

void Queue::hide(const Item& item) {
  const Batch& batch = *item.batch;
  if (item.live->indexed) {
    for (const CallRow& row : batch.calls) {
      const auto at = calls_.find(row.id);
      if (at != calls_.end() && at->second.row == &row) calls_.erase(at);
    }
  }
  for (const OutputRow& row : batch.outputs) {
    remove(outputs_, key_of(row.fingerprint, row.repeat), row);
  }
  for (const ScoreRow& row : batch.scores) {
    remove(scores_, ScoreKey{row.call, metric_key(row.metric)}, row);
  }
  for (const ResponseRow& row : batch.responses) remove(responses_, row.id, row);
  item.live->batch.reset();  // the item still holds the batch: nothing is freed under the lock
  if (spare_live_.size() < kSpareMax) {
    spare_live_.splice(spare_live_.end(), live_, item.live);
  } else {
    live_.erase(item.live);
  }
}

void Queue::forget(std::span<const Item> items) {
  while (!items.empty()) {
    const auto some = items.first(std::min(items.size(), kForgottenAtOnce));
    items = items.subspan(some.size());
    const std::lock_guard lock(mutex_);
    for (const Item& item : some) {
      live_rows_ -= item.rows;
      live_bytes_ -= item.bytes;
      if (item.batch) hide(item);
    }
    to_pushers_.notify_all();
  }
}

SteadyTime Queue::due() const {
  return std::max(items_.front().queued + options_.commit_interval, not_before_);
}

bool Queue::ready_to_take(SteadyTime at) const {
  if (closed_ || waiters_ > 0) return true;
  if (items_.empty()) return false;
  if (at < not_before_) return false;
  return queued_rows_ >= limits::kCommitRowsMax || at >= due();
}

std::vector<Item> Queue::take() {
  std::unique_lock lock(mutex_);
  while (!ready_to_take(now())) {
    if (items_.empty()) {
      to_writer_.wait(lock);
    } else {
      to_writer_.wait_until(lock, due());
    }
  }
  std::vector<Item> group;
  std::size_t rows = 0;
  while (!items_.empty() && rows < options_.group_rows_max) {
    if (items_.front().task && !group.empty()) break;
    Item item = std::move(items_.front());
    items_.pop_front();
    rows += item.rows;
    queued_rows_ -= item.rows;
    if (item.durability == Durability::kDurable || item.task) --waiters_;
    const bool alone = static_cast<bool>(item.task);
    group.push_back(std::move(item));
    if (alone) break;
  }
  return group;
}

void Queue::put_back(std::vector<Item> items, std::chrono::milliseconds pause) {
  const std::lock_guard lock(mutex_);
  for (auto at = items.rbegin(); at != items.rend(); ++at) {
    queued_rows_ += at->rows;
    items_.push_front(std::move(*at));
  }
  not_before_ = now() + pause;
}

std::vector<Item> Queue::take_waited_for() {
  const std::lock_guard lock(mutex_);
  std::vector<Item> waited_for;
  std::deque<Item> others;
  for (Item& item : items_) {
    if (item.durability == Durability::kDurable || item.task) {
      queued_rows_ -= item.rows;
      waited_for.push_back(std::move(item));
    } else {
      others.push_back(std::move(item));
    }
  }
  items_ = std::move(others);
  waiters_ = 0;
  return waited_for;
}

void Queue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  to_writer_.notify_all();
  to_pushers_.notify_all();
}

bool Queue::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<Item> Queue::drain() {
  const std::lock_guard lock(mutex_);
  std::vector<Item> rest(std::make_move_iterator(items_.begin()),
                         std::make_move_iterator(items_.end()));
  items_.clear();
  queued_rows_ = 0;
  return rest;
}

std::size_t Queue::rows() const {
  const std::lock_guard lock(mutex_);
  return live_rows_;
}

void Queue::index_calls() const {
  auto next = live_.end();
  while (next != live_.begin() && !std::prev(next)->indexed) --next;
  for (; next != live_.end(); ++next) {
    next->indexed = true;
    for (const CallRow& row : next->batch->calls)
      calls_.emplace(row.id, QueuedCall{&row, &next->batch});
  }
}

std::shared_ptr<const CallRow> Queue::call(const Id& id) const {
  const std::lock_guard lock(mutex_);
  index_calls();
  const auto at = calls_.find(id);
  if (at == calls_.end()) return nullptr;
  return part_of(*at->second.batch, *at->second.row);
}

std::optional<Id> Queue::output_call(const Digest& fingerprint, int repeat) const {
  const std::lock_guard lock(mutex_);
  const auto at = outputs_.find(key_of(fingerprint, repeat));
  if (at == outputs_.end()) return std::nullopt;
  return at->second->call;
}

std::optional<ScoreValue> Queue::score(const Id& call, std::int64_t metric) const {
  const std::lock_guard lock(mutex_);
  const auto at = scores_.find(ScoreKey{call, metric});
  if (at == scores_.end()) return std::nullopt;
  return ScoreValue{at->second->value, at->second->reason};
}

std::shared_ptr<const ResponseRow> Queue::response(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto at = responses_.find(std::string(id));
  return at == responses_.end() ? nullptr : at->second;
}

std::vector<std::shared_ptr<const Batch>> Queue::live() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<const Batch>> batches;
  batches.reserve(live_.size());
  for (const LiveBatch& live : live_) batches.push_back(live.batch);
  return batches;
}

}  // namespace sighter::store
