#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <cstring>
#include <list>

#include "base/check.hpp"
#include "io/core_impl.hpp"
#include "io/spawn_linux.hpp"
#include "io/subprocess.hpp"
#include "io/waiter.hpp"

namespace sighter::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t kReadBytes = 65'536;
constexpr std::size_t kErrorLineBytesMax = 8192;
constexpr std::size_t kErrorTailBytesMax = 65'536;
constexpr auto kPipePatience = std::chrono::seconds(1);  // for pipes that somebody else holds open

// The child and its pipes. It lives on, without its Subprocess, until the child is reaped.
class Running : public std::enable_shared_from_this<Running> {
 public:
  Running(Core& core, const Child& child)
      : core_(core),
        pid_(child.pid),
        pidfd_(core.impl().context, child.pidfd),
        input_(core.impl().context, child.input),
        output_(core.impl().context, child.output),
        error_(core.impl().context, child.error),
        patience_(core.timers(), [this] { close_pipes(); }),
        reader_(core),
        writer_(core) {}
  ~Running() {
    if (!reaped_) {
      kill();
      reap();
    }
  }

  void begin() {
    auto self = shared_from_this();
    pidfd_.async_wait(Descriptor::wait_read, [self](error_code e) {
      if (!e) self->on_exit();
    });
    read_error();
    read_output();
  }

  void kill() {
    // While the child is not reaped its number belongs to nobody else.
    if (!reaped_) ::kill(-pid_, SIGKILL);
  }
  void abandon() {
    kill();
    sink_ = nullptr;
    close_input();
    close_pipes();
  }
  void close_input() {
    error_code ignored;
    if (input_.is_open()) input_.close(ignored);
    writing_ = false;
    writer_.wake();
  }
  void close_pipes();

  void start_write(std::string bytes);
  bool writing() const { return writing_; }
  void close_input_when_written() {
    close_when_written_ = true;
    if (!writing_) close_input();
  }

  Core& core_;
  int pid_;
  ExitStatus status_;
  bool reaped_ = false;
  std::string write_fault_;
  std::string out_;  // what came and was not asked for yet, from out_start_
  std::size_t out_start_ = 0;
  std::size_t out_scanned_ = 0;  // where the search for a line end goes on
  std::size_t out_max_ = limits::kChildLineBytesMax;
  bool out_ended_ = false;
  bool error_ended_ = false;
  std::string last_error_line_;
  std::string error_tail_;
  bool keep_tail_ = false;
  std::function<void(std::string_view)> sink_;
  std::list<Waiter*> enders_;
  void read_output();
  bool ended() const { return reaped_ && error_ended_; }

 private:
  void on_exit();
  void reap();
  void read_error();
  void on_output(error_code error, std::size_t bytes);
  void on_error(error_code error, std::size_t bytes);
  void on_error_bytes(std::string_view bytes);
  void end_error_line();
  void write_more();
  void on_written(error_code error, std::size_t bytes);
  void wake_enders() {
    for (Waiter* waiter : enders_) waiter->wake();
  }

  Descriptor pidfd_;
  Descriptor input_;
  Descriptor output_;
  Descriptor error_;
  Alarm patience_;

 public:
  Waiter reader_;
  Waiter writer_;

 private:
  std::string chunk_ = std::string(4096, '\0');
  std::string error_chunk_ = std::string(4096, '\0');
  std::string error_line_;
  std::string to_write_;
  std::size_t written_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool close_when_written_ = false;
};

void Running::on_exit() {
  kill();  // what it left behind in its group
  reap();
  if (!out_ended_ || !error_ended_) patience_.set_after(kPipePatience);
  error_code ignored;
  pidfd_.close(ignored);
  reader_.wake();
  wake_enders();
}

void Running::reap() {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED);
  } while (result != 0 && errno == EINTR);
  reaped_ = true;
  if (info.si_code == CLD_EXITED) {
    status_.code = info.si_status;
  } else {
    status_.signal = info.si_status;
  }
}

void Running::close_pipes() {
  error_code ignored;
  if (output_.is_open()) output_.close(ignored);
  if (error_.is_open()) error_.close(ignored);
  out_ended_ = true;
  error_ended_ = true;
  reader_.wake();
  wake_enders();
}

void Running::start_write(std::string bytes) {
  CHECK(!writing_);
  to_write_ = std::move(bytes);
  written_ = 0;
  if (!input_.is_open()) {
    write_fault_ = "its standard input is closed";
    return;
  }
  if (!write_fault_.empty()) return;
  writing_ = true;
  write_more();
}

void Running::write_more() {
  input_.async_write_some(
      asio::buffer(to_write_.data() + written_, to_write_.size() - written_),
      [self = shared_from_this()](error_code e, std::size_t n) { self->on_written(e, n); });
}

void Running::on_written(error_code error, std::size_t bytes) {
  if (!writing_) return;  // closed meanwhile
  written_ += bytes;
  if (!error && written_ < to_write_.size()) return write_more();
  if (error) write_fault_ = error.message();
  writing_ = false;
  to_write_.clear();
  if (close_when_written_) return close_input();
  writer_.wake();
}

void Running::read_output() {
  if (reading_ || out_ended_ || out_.size() - out_start_ > out_max_) return;
  reading_ = true;
  output_.async_read_some(
      asio::buffer(chunk_),
      [self = shared_from_this()](error_code e, std::size_t n) { self->on_output(e, n); });
}

void Running::on_output(error_code error, std::size_t bytes) {
  reading_ = false;
  if (out_ended_) return;
  out_.append(chunk_, 0, bytes);
  if (bytes == chunk_.size() && bytes < kReadBytes) chunk_.resize(kReadBytes);
  if (error) {
    out_ended_ = true;
    error_code ignored;
    output_.close(ignored);
  }
  reader_.wake();
  read_output();
}

void Running::read_error() {
  error_.async_read_some(
      asio::buffer(error_chunk_),
      [self = shared_from_this()](error_code e, std::size_t n) { self->on_error(e, n); });
}

void Running::on_error(error_code error, std::size_t bytes) {
  if (error_ended_) return;
  on_error_bytes(std::string_view(error_chunk_).substr(0, bytes));
  if (!error) return read_error();
  end_error_line();
  error_ended_ = true;
  error_code ignored;
  error_.close(ignored);
  wake_enders();
}

void Running::on_error_bytes(std::string_view bytes) {
  if (keep_tail_) {
    error_tail_.append(bytes);
    if (error_tail_.size() > 2 * kErrorTailBytesMax) {
      error_tail_.erase(0, error_tail_.size() - kErrorTailBytesMax);
    }
  }
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    error_line_.append(part.substr(0, kErrorLineBytesMax - error_line_.size()));
    if (end == std::string_view::npos) return;
    end_error_line();
    bytes.remove_prefix(end + 1);
  }
}

void Running::end_error_line() {
  if (error_line_.ends_with('\r')) error_line_.pop_back();
  if (!error_line_.empty()) {
    if (sink_) sink_(error_line_);
    last_error_line_.swap(error_line_);
  }
  error_line_.clear();
}

}  // namespace

class ChildProcess final : public Subprocess {
 public:
  explicit ChildProcess(std::shared_ptr<Running> running) : running_(std::move(running)) {}
  ~ChildProcess() override { running_->abandon(); }

  int pid() const override { return running_->pid_; }
  Task<Status> write(std::string bytes, CancelToken token) override;
  void close_input() override { running_->close_input(); }
  Task<Result<std::optional<std::string>>> read_line(std::size_t bytes_max,
                                                     CancelToken token) override;
  bool has_output() const override;
  void on_error_line(std::function<void(std::string_view)> sink) override {
    running_->sink_ = std::move(sink);
  }
  const std::string& last_error_line() const override { return running_->last_error_line_; }
  void kill() override { running_->kill(); }
  Task<ExitStatus> wait() override;
  bool ended() const override { return running_->ended(); }

  Running& running() { return *running_; }

 private:
  bool take_line(std::size_t bytes_max, Result<std::optional<std::string>>& line);
  std::shared_ptr<Running> running_;
};

Task<Status> ChildProcess::write(std::string bytes, CancelToken token) {
  const std::shared_ptr<Running> running = running_;
  if (token.cancelled()) co_return std::unexpected(token.error());
  CancelRegistration registration = token.on_cancel(
      running->core_, [running_raw = running.get()] { running_raw->writer_.wake(); });
  running->start_write(std::move(bytes));
  while (running->writing() && !token.cancelled()) co_await running->writer_.wait();
  if (running->writing()) co_return std::unexpected(token.error());
  if (!running->write_fault_.empty()) {
    co_return fail(Kind::kIo, "the program does not read its input: " + running->write_fault_);
  }
  co_return Status{};
}

// False when more has to come first.
bool ChildProcess::take_line(std::size_t bytes_max, Result<std::optional<std::string>>& line) {
  std::string& out = running_->out_;
  const std::size_t start = running_->out_start_;
  const std::size_t end = out.find('\n', std::max(start, running_->out_scanned_));
  running_->out_scanned_ = out.size();
  const std::size_t size = (end == std::string::npos ? out.size() : end) - start;
  if (size > bytes_max) {
    line = fail(Kind::kTooLarge,
                fmt::format("the program wrote a line of more than {} bytes", bytes_max));
    return true;
  }
  if (end == std::string::npos && !running_->out_ended_) return false;
  if (size == 0 && end == std::string::npos) {
    line = std::optional<std::string>();
    return true;
  }
  std::string text = out.substr(start, size);
  if (text.ends_with('\r')) text.pop_back();
  running_->out_start_ = start + size + (end == std::string::npos ? 0 : 1);
  if (running_->out_start_ == out.size()) {
    out.clear();
    running_->out_start_ = 0;
  } else if (running_->out_start_ > kReadBytes) {
    out.erase(0, running_->out_start_);
    running_->out_start_ = 0;
  }
  running_->out_scanned_ = running_->out_start_;
  line = std::optional<std::string>(std::move(text));
  running_->read_output();
  return true;
}

Task<Result<std::optional<std::string>>> ChildProcess::read_line(std::size_t bytes_max,
                                                                 CancelToken token) {
  const std::shared_ptr<Running> running = running_;
  CancelRegistration registration = token.on_cancel(
      running->core_, [running_raw = running.get()] { running_raw->reader_.wake(); });
  running->out_max_ = std::max(running->out_max_, bytes_max);
  running->read_output();
  Result<std::optional<std::string>> line = std::optional<std::string>();
  while (!take_line(bytes_max, line)) {
    if (token.cancelled()) co_return std::unexpected(token.error());
    co_await running->reader_.wait();
  }
  co_return line;
}

bool ChildProcess::has_output() const {
  return running_->out_.size() > running_->out_start_;
}

Task<ExitStatus> ChildProcess::wait() {
  const std::shared_ptr<Running> running = running_;
  Waiter waiter(running->core_);
  const auto place = running->enders_.insert(running->enders_.end(), &waiter);
  while (!running->ended()) co_await waiter.wait();
  running->enders_.erase(place);
  co_return running->status_;
}

std::string ExitStatus::words() const {
  if (signal == 0) return fmt::format("exit status {}", code);
  const char* description = ::sigdescr_np(signal);
  return fmt::format("signal {} ({})", signal, description ? description : "unknown");
}

Result<std::unique_ptr<Subprocess>> Subprocess::start(Core& core, ProcessSpec spec) {
  CHECK(core.on_thread());
  const Result<Child> child = spawn_child(spec);
  if (!child) return std::unexpected(child.error());
  auto running = std::make_shared<Running>(core, *child);
  running->begin();
  return std::make_unique<ChildProcess>(std::move(running));
}

Task<Result<ProcessOutput>> run_process(Core& core, ProcessSpec spec, std::string input,
                                        Duration timeout, std::size_t bytes_max,
                                        CancelToken token) {
  const std::string name = spec.command.empty() ? "" : spec.command.front();
  if (token.cancelled()) co_return std::unexpected(token.error());
  Result<std::unique_ptr<Subprocess>> started = Subprocess::start(core, std::move(spec));
  if (!started) co_return std::unexpected(started.error());
  Running& running = static_cast<ChildProcess&>(**started).running();
  running.keep_tail_ = true;
  running.out_max_ = bytes_max;
  // Both wake the reader, which then sees why.
  Alarm alarm(core.timers(), [&running] { running.reader_.wake(); });
  CancelRegistration registration = token.on_cancel(core, [&running] { running.reader_.wake(); });
  const SteadyTime until = core.timers().now() + timeout;
  alarm.set(until);
  if (!input.empty()) running.start_write(std::move(input));
  running.close_input_when_written();
  while (!running.out_ended_ || !running.reaped_) {
    if (token.cancelled()) co_return std::unexpected(token.error());
    if (core.timers().now() >= until) {
      co_return fail(
          Kind::kTimeout,
          fmt::format("'{}' did not end within {} ms", name,
                      std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()));
    }
    if (running.out_.size() > bytes_max) {
      co_return fail(Kind::kTooLarge,
                     fmt::format("'{}' wrote more than {} bytes", name, bytes_max));
    }
    co_await running.reader_.wait();
  }
  alarm.clear();
  const ExitStatus status = co_await (*started)->wait();
  if (running.out_.size() > bytes_max) {
    co_return fail(Kind::kTooLarge, fmt::format("'{}' wrote more than {} bytes", name, bytes_max));
  }
  ProcessOutput output{status, std::move(running.out_), std::move(running.error_tail_)};
  if (output.error.size() > kErrorTailBytesMax) {
    output.error.erase(0, output.error.size() - kErrorTailBytesMax);
  }
  co_return output;
}

}  // namespace sighter::io
