#pragma once
// Waiting for rows to be on the disk, but not for ever: a disk in trouble, or another program that
// holds the store, must not keep a client waiting that has its answer.

#include <memory>
#include <optional>

#include "io/core.hpp"
#include "io/task.hpp"
#include "store/store.hpp"

namespace sighter::serve {

inline constexpr std::chrono::seconds kDiskPatience{1};

// For one batch. Core's thread, apart from what completion() returns.
class DiskWait {
 public:
  explicit DiskWait(io::Core& core);
  ~DiskWait();
  DiskWait(const DiskWait&) = delete;
  DiskWait& operator=(const DiskWait&) = delete;

  // To be given to Store::append, once. May be called after this is destroyed.
  store::Completion completion() const;
  // What became of the batch, after kDiskPatience at most; nullopt: it still waits for the disk.
  // Makes the writer take it at once.
  io::Task<std::optional<Result<store::Receipt>>> wait(store::Store& store);

 private:
  struct State;
  io::Core& core_;
  const std::shared_ptr<State> state_;
};

}  // namespace sighter::serve
