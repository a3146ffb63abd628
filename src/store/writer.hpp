#pragma once
// The one thread that writes: groups of batches, each group one transaction. For this room only.

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "store/queue.hpp"
#include "store/row_writer.hpp"

namespace sighter::store {

class Writer {
 public:
  Writer(std::unique_ptr<Connection> connection, const Options& options);
  ~Writer();  // as close()

  Queue& queue() { return queue_; }
  const Queue& queue() const { return queue_; }
  // Runs `task` on the writer's connection after all that is queued, and waits for it.
  Status run(std::function<Status(Connection&)> task);
  // Commits what is queued and ends the thread. The first call tells how it went.
  Status close();
  WriterState state() const;
  void forget_calls() { rows_.forget_calls(); }  // from a task only

 private:
  using Outcomes = std::vector<Result<Receipt>>;
  void loop();
  void write_group(std::vector<Item> items);
  void run_task(Item& item);
  Status write(const std::vector<Item>& items, Outcomes& outcomes);
  Status write_calls(const std::vector<Item>& items, std::vector<std::size_t>& waiting,
                     Outcomes& outcomes);
  Status transaction(const std::vector<Item>& items, Outcomes& outcomes);
  void one_by_one(const std::vector<Item>& items, Outcomes& outcomes);
  void settle(std::vector<Item> items, Outcomes outcomes, Micros took);
  void give_up();
  void abandon(Item& item, const Error& why);
  void note(const Outcomes& outcomes, std::size_t rows, Micros took);

  const Options& options_;
  std::unique_ptr<Connection> connection_;
  RowWriter rows_;
  Queue queue_;
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;
  std::vector<Micros> commit_times_;  // a ring
  std::atomic<std::int64_t> committed_rows_{0};
  std::atomic<std::int64_t> commits_{0};
  std::atomic<std::int64_t> refused_rows_{0};
  std::int64_t lost_rows_ = 0;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace sighter::store
