#pragma once
// What waits for the writer, and what of it look-ups can see. Any thread. For this room only.

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/rows.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace sighter::store {

// Work on the writer's connection, outside a transaction.
using Task = std::function<void(Connection&)>;

// A batch that look-ups see.
struct LiveBatch {
  std::shared_ptr<const Batch> batch;
  bool indexed = false;  // its calls are found by their ids
};
using Batches = std::list<LiveBatch>;

struct Item {
  std::shared_ptr<const Batch> batch;  // null for a task and for a barrier
  Durability durability = Durability::kRelaxed;
  Completion done;
  Task task;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  SteadyTime queued{};
  Batches::iterator live{};  // where the queue keeps the batch for look-ups
};

class Queue {
 public:
  explicit Queue(const Options& options) : options_(options) {}

  // With `wait`, waits for room instead of answering kFull. A task or a barrier always has room.
  enum class Pushed { kYes, kFull, kClosed };
  Pushed push(Item item, bool wait);

  // Blocks until a group should be written: somebody waits for it, it is old or long enough, or the
  // queue closes. A task comes alone. Empty when closed and drained.
  std::vector<Item> take();
  // Puts a group that could not be written back in front. take() then waits for `pause` unless
  // somebody waits or the queue closes.
  void put_back(std::vector<Item> items, std::chrono::milliseconds pause);
  // Removes and returns what somebody waits for: it must not wait behind a group that cannot be
  // written.
  std::vector<Item> take_waited_for();
  // The rows are in the tables, or will never be: look-ups no longer see them here.
  void forget(std::span<const Item> items);
  // No more pushes; take() hands out what is left at once.
  void close();
  bool is_closed() const;
  // Everything that is left, after the last failure.
  std::vector<Item> drain();
  std::size_t rows() const;  // queued or being written

  std::shared_ptr<const CallRow> call(const Id& id) const;
  // The call of a queued output; its row may be queued or in the tables.
  std::optional<Id> output_call(const Digest& fingerprint, int repeat) const;
  std::optional<ScoreValue> score(const Id& call, std::int64_t metric) const;
  std::shared_ptr<const ResponseRow> response(std::string_view id) const;
  std::vector<std::shared_ptr<const Batch>> live() const;  // oldest first

 private:
  struct OutputKey {
    std::array<std::uint8_t, 16> fingerprint;
    int repeat;
    bool operator==(const OutputKey&) const = default;
  };
  struct ScoreKey {
    Id call;
    std::int64_t metric;
    bool operator==(const ScoreKey&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const OutputKey& key) const noexcept;
    std::size_t operator()(const ScoreKey& key) const noexcept;
  };
  static OutputKey key_of(const Digest& fingerprint, int repeat);
  bool ready_to_take(SteadyTime now) const;
  SteadyTime due() const;
  void show(Item& item);
  void hide(const Item& item);
  void index_calls() const;

  const Options& options_;
  mutable std::mutex mutex_;
  std::condition_variable to_writer_;
  std::condition_variable to_pushers_;
  std::deque<Item> items_;
  std::size_t queued_rows_ = 0;
  std::size_t waiters_ = 0;  // items in the queue that somebody waits for
  std::size_t live_rows_ = 0;
  std::size_t live_bytes_ = 0;
  SteadyTime not_before_{};
  bool closed_ = false;

  struct QueuedCall {
    const CallRow* row = nullptr;
    const std::shared_ptr<const Batch>* batch = nullptr;  // in live_
  };
  mutable Batches live_;  // oldest first; those that are not indexed stand behind all others
  // Nodes that were given back: every batch needs one, and asking for memory is slow where another
  // thread frees it.
  Batches spare_live_;
  // Filled when somebody looks for a call: few are looked for, and every one comes by here.
  mutable std::unordered_map<Id, QueuedCall> calls_;
  std::unordered_map<OutputKey, std::shared_ptr<const OutputRow>, KeyHash> outputs_;
  std::unordered_map<ScoreKey, std::shared_ptr<const ScoreRow>, KeyHash> scores_;
  std::unordered_map<std::string, std::shared_ptr<const ResponseRow>> responses_;
};

}  // namespace sighter::store
