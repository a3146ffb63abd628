#include "store/reader_pool.hpp"

#include <algorithm>

namespace sighter::store {

ReaderPool::ReaderPool(Open open, int readers_max)
    : open_(std::move(open)), unopened_(std::max(readers_max, 1)) {}

Result<std::unique_ptr<RowReader>> ReaderPool::borrow() {
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !idle_.empty() || unopened_ > 0; });
    if (!idle_.empty()) {
      std::unique_ptr<RowReader> reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
    --unopened_;
  }
  Result<std::unique_ptr<Connection>> connection = open_();
  if (connection) return std::make_unique<RowReader>(std::move(*connection));
  const std::lock_guard lock(mutex_);
  ++unopened_;
  returned_.notify_one();
  return std::unexpected(connection.error());
}

void ReaderPool::give_back(std::unique_ptr<RowReader> reader) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(reader));
  returned_.notify_one();
}

}  // namespace sighter::store
