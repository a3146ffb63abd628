#pragma once
// Long-lived child processes that answer one line with one line: how a code body runs. One pool a
// core; core's thread only.
//
// A worker that times out, dies, or breaks the protocol is killed with its group and replaced.
// After three deaths without an answer in between, starts are spaced by an exponential back-off,
// and whoever asks meanwhile gets the last death's error at once.

#include <cstdint>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "io/cancel.hpp"
#include "io/subprocess.hpp"
#include "io/task.hpp"
#include "io/time.hpp"

namespace sighter {
class Log;
}
namespace sighter::io {

class Core;

struct WorkerPoolOptions {
  std::string name = {};                     // for messages: "triage/rules"
  std::size_t workers_max = 1;               // started when needed
  Duration timeout = limits::kChildTimeout;  // one row, from the moment a worker has it
  std::size_t line_bytes_max = limits::kChildLineBytesMax;
  Duration backoff_first = std::chrono::milliseconds(100);
  Duration backoff_max = limits::kChildRestartBackoffMax;
  std::size_t log_lines_per_minute_max = 60;  // of standard error, to the log
  Log* log = nullptr;
};

struct WorkerPoolStats {
  std::uint64_t asked = 0;
  std::uint64_t answered = 0;
  std::uint64_t started = 0;  // processes
  std::uint64_t died = 0;     // by themselves
  std::uint64_t killed = 0;   // by time-out, cancellation or broken protocol
};

class WorkerPool {
 public:
  WorkerPool(Core& core, ProcessSpec spec, WorkerPoolOptions options);
  // Kills the workers. Nobody asks any more.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // `line` holds no LF (kInvalid); the answer is without its own. Waits while all workers are busy.
  // kTimeout; kUpstream (died, with exit status or signal and its last line of standard error; or
  // not one line an answer); kTooLarge; kCancelled (the worker is killed); what starting can cause.
  Task<Result<std::string>> ask(std::string line, CancelToken token = {});
  WorkerPoolStats stats() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace sighter::io
