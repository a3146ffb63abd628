#pragma once
// A place of one call in the in-flight file, given back once its row is on the disk. Private to the
// room.

#include <utility>

#include "store/inflight.hpp"
#include "store/store.hpp"

namespace sighter::functions {

class Slot {
 public:
  // `file` may be null: then nothing is kept. A full file is no error of the call.
  Slot(store::Inflight* file, const store::InflightCall& call) : file_(file) {
    if (file_ == nullptr) return;
    Result<store::Inflight::Slot> slot = file_->begin(call);
    if (slot) {
      slot_ = *slot;
    } else {
      file_ = nullptr;
    }
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  void settle(const store::InflightResult& result) {
    if (file_ != nullptr) file_->settle(slot_, result);
  }
  // Nothing of the call is left behind, or its row is on the disk.
  void end() {
    if (file_ != nullptr) std::exchange(file_, nullptr)->end(slot_);
  }
  // For the writer's thread; null when there is no slot.
  store::Completion freed_by_commit() {
    if (file_ == nullptr) return {};
    store::Inflight* file = std::exchange(file_, nullptr);
    return [file, slot = slot_](Result<store::Receipt> receipt) {
      if (receipt) file->end(slot);
    };
  }

 private:
  store::Inflight* file_;
  store::Inflight::Slot slot_ = 0;
};

}  // namespace sighter::functions
