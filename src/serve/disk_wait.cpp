#include "serve/disk_wait.hpp"

#include <mutex>

#include "io/time.hpp"
#include "io/waiter.hpp"

namespace sighter::serve {

struct DiskWait::State {
  explicit State(io::Core& the_core) : core(&the_core), waiter(the_core) {}
  std::mutex mutex;
  io::Core* core;  // null when nobody waits any more: it may be gone
  std::optional<Result<store::Receipt>> result;
  io::Waiter waiter;  // core's thread
};

DiskWait::DiskWait(io::Core& core) : core_(core), state_(std::make_shared<State>(core)) {}

DiskWait::~DiskWait() {
  const std::lock_guard lock(state_->mutex);
  state_->core = nullptr;
}

store::Completion DiskWait::completion() const {
  return [state = state_](Result<store::Receipt> receipt) {
    const std::lock_guard lock(state->mutex);
    state->result = std::move(receipt);
    if (state->core != nullptr) state->core->post([state] { state->waiter.wake(); });
  };
}

io::Task<std::optional<Result<store::Receipt>>> DiskWait::wait(store::Store& store) {
  // An empty batch that somebody waits for closes the group that the rows are in.
  const Status hurried = store.append(store::Batch{}, store::Durability::kDurable);
  (void)hurried;  // a full queue is taken at once anyway
  bool late = false;
  io::Alarm alarm(core_.timers(), [this, &late] {
    late = true;
    state_->waiter.wake();
  });
  alarm.set_after(kDiskPatience);
  for (;;) {
    {
      const std::lock_guard lock(state_->mutex);
      if (state_->result || late) co_return std::move(state_->result);
    }
    co_await state_->waiter.wait();
  }
}

}  // namespace sighter::serve
