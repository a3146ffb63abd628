#pragma once
// The in-flight file: what a process has asked of upstreams and not yet stored. A call that nobody
// waits for is written here before its upstream is asked and removed after its row is committed, so
// that SIGKILL at any instant leaves either the row or the slot (a slot and a row at worst; the row
// then wins, by its id). Linux and POSIX.
//
// One file a process, in one folder, mapped into memory and held by a lock that dies with its
// owner: a file whose lock can be taken was left behind. A slot goes free -> open -> settled ->
// free; open and settled parts carry a checksum, so that a torn page is never taken for a call.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "store/rows.hpp"

namespace sighter::store {

// What is known before the upstream is asked. Names longer than the slot's room are cut.
struct InflightCall {
  Id id;
  Id parent;
  Id trace;
  SystemTime start{};
  NanoUsd reserved;           // what its purse holds for it
  std::string_view key;       // 39 bytes are kept
  std::string_view function;  // 63
  std::string_view variant;   // 63
  std::string_view model;     // 95
};

// What is known when it has ended and its row is on its way.
struct InflightResult {
  CallStatus status = CallStatus::kOk;
  Micros latency{0};
  std::optional<Tokens> tokens;
  std::optional<NanoUsd> cost;  // nullopt: the price is not known
  std::string_view error_kind;  // 23 bytes are kept
};

class Inflight {
 public:
  using Slot = std::uint32_t;

  // Makes this process's file in `folder` (created if needed), 512 bytes a slot. One process may
  // open several.
  static Result<std::unique_ptr<Inflight>> open(const std::filesystem::path& folder,
                                                std::uint32_t slots = 16'384);
  virtual ~Inflight() = default;  // removes the file when every slot is free

  // Any thread, no lock, no system call. kUnavailable when all slots are taken.
  virtual Result<Slot> begin(const InflightCall& call) = 0;
  // Before anybody is told how the call ended. Once more where it then ended otherwise.
  virtual void settle(Slot slot, const InflightResult& result) = 0;
  virtual void end(Slot slot) = 0;
  virtual std::uint32_t in_use() const = 0;
};

// What processes that no longer live left in the folder. A call that was settled bears the status
// with which it ended, its tokens and its cost, and no input or output (`tried` says why); any
// other is interrupted, at the cost that was reserved. Commit the rows, then discard(): killed in
// between, they are found again, and the store knows their ids.
class Leftovers {
 public:
  static Result<Leftovers> collect(const std::filesystem::path& folder);
  Leftovers(Leftovers&&) noexcept;
  Leftovers& operator=(Leftovers&&) noexcept;
  ~Leftovers();  // lets go of the files, keeps them

  const std::vector<CallRow>& rows() const { return rows_; }
  int damaged() const { return damaged_; }  // slots or files that could not be read
  Status discard();

 private:
  struct File;
  Leftovers();
  std::vector<CallRow> rows_;
  std::vector<std::unique_ptr<File>> files_;
  int damaged_ = 0;
};

}  // namespace sighter::store
