#pragma once
// A child process with pipes: its own process group, chosen environment, no inherited descriptors,
// resource limits, no new privileges, and off the network unless allowed. Core's thread only.
//
// What the sandbox is: a seccomp filter that refuses socket() for every family but local ones,
// io_uring, and reaching into other processes. What it is not: a file system jail; and a child that
// leaves its process group (setsid) outlives a kill of the group.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"
#include "io/time.hpp"

namespace sighter::io {

class Core;

// 0: as the parent has it.
struct ProcessLimits {
  std::uint64_t memory_bytes = 0;  // address space
  std::uint64_t cpu_seconds = 0;
  std::uint64_t open_files = 0;
  std::uint64_t file_bytes = 0;  // of one written file
};

struct ProcessSpec {
  std::vector<std::string> command = {};  // the first is looked up in PATH unless it holds a '/'
  std::string folder = {};                // to run in; empty: the parent's
  std::vector<std::string> environment = {};  // "NAME=value", all that the child gets
  ProcessLimits limits = {};
  bool network = false;
};

// PATH, HOME and LANG of this process, and those of `names` that are set: for
// ProcessSpec::environment.
std::vector<std::string> child_environment(const std::vector<std::string>& names);

// Whether this kernel can keep a child off the network; the error says what is missing.
Status network_can_be_refused();

// Other processes of the same user (our children included) can then no longer read this process's
// memory or environment, where the keys are. It also ends core dumps and debuggers.
void keep_memory_private();

struct ExitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that ended it
  bool ok() const { return code == 0 && signal == 0; }
  std::string words() const;  // "exit status 3", "signal 11 (Segmentation fault)"
};

class Subprocess {
 public:
  // kNotFound (no such program), kInvalid (not executable, no folder), kUnsupported (the kernel
  // cannot keep it off the network), kUnavailable (no processes or memory left).
  static Result<std::unique_ptr<Subprocess>> start(Core& core, ProcessSpec spec);
  virtual ~Subprocess() = default;  // kills the group; no zombie stays

  virtual int pid() const = 0;
  // Writes all of it to the child's standard input; kIo when the child does not read any more.
  virtual Task<Status> write(std::string bytes, CancelToken token = {}) = 0;
  virtual void close_input() = 0;
  // The next line of standard output without its LF (or CRLF); the rest without one at the end;
  // nullopt at the end. kTooLarge beyond `bytes_max`, kCancelled by the token (nothing is lost).
  virtual Task<Result<std::optional<std::string>>> read_line(std::size_t bytes_max,
                                                             CancelToken token = {}) = 0;
  // True when output has come that nobody has asked for yet.
  virtual bool has_output() const = 0;
  // Called for each line of standard error (at most 8 KiB of each); set it before the first wait.
  virtual void on_error_line(std::function<void(std::string_view)> sink) = 0;
  virtual const std::string& last_error_line() const = 0;
  // The whole group, SIGKILL.
  virtual void kill() = 0;
  // Returns when the child has ended and is reaped and its standard error is read (or held open by
  // somebody else for a second longer). Its group is killed then. Any number may wait.
  virtual Task<ExitStatus> wait() = 0;
  virtual bool ended() const = 0;
};

struct ProcessOutput {
  ExitStatus status;
  std::string out;
  std::string error;  // the end of standard error, at most 64 KiB
};

// Runs it to its end: `input` to its standard input, all of its output back. kTimeout and
// kCancelled kill the group; kTooLarge when the output is more than `bytes_max`. A bad exit status
// is no error here.
Task<Result<ProcessOutput>> run_process(Core& core, ProcessSpec spec, std::string input,
                                        Duration timeout,
                                        std::size_t bytes_max = limits::kChildLineBytesMax,
                                        CancelToken token = {});

}  // namespace sighter::io
