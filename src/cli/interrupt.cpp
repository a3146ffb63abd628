#include "cli/interrupt.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "base/check.hpp"

namespace sighter::cli {
namespace {

constexpr int kExitCode = 128 + SIGINT;

// What a signal handler may touch has to be global: the pipe's end, and how many signals came.
std::atomic<int> signal_pipe{-1};
std::atomic<int> signal_count{0};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int) {
  if (signal_count.fetch_add(1) > 0) ::_exit(kExitCode);
  const int kept = errno;
  const char byte = 's';
  (void)!::write(signal_pipe.load(), &byte, 1);
  errno = kept;
}

}  // namespace

struct Interrupt::State {
  std::function<void()> asked;
  int read_end = -1, write_end = -1;
  struct sigaction former_int {
  }, former_term{};
  std::thread watcher;

  void watch() {
    while (true) {
      char byte = 0;
      const ssize_t count = ::read(read_end, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0 || byte == 'q') return;
      if (asked) asked();
    }
  }
};

Interrupt::Interrupt(std::function<void()> asked) : state_(std::make_unique<State>()) {
  int ends[2];
  CHECK(::pipe(ends) == 0);
  state_->asked = std::move(asked);
  state_->read_end = ends[0];
  state_->write_end = ends[1];
  for (const int end : ends) ::fcntl(end, F_SETFD, FD_CLOEXEC);
  int none = -1;
  CHECK(signal_pipe.compare_exchange_strong(none, ends[1]));
  signal_count = 0;
  state_->watcher = std::thread([state = state_.get()] { state->watch(); });
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &state_->former_int);
  ::sigaction(SIGTERM, &action, &state_->former_term);
}

Interrupt::~Interrupt() {
  ::sigaction(SIGINT, &state_->former_int, nullptr);
  ::sigaction(SIGTERM, &state_->former_term, nullptr);
  const char byte = 'q';
  (void)!::write(state_->write_end, &byte, 1);
  state_->watcher.join();
  signal_pipe = -1;
  ::close(state_->read_end);
  ::close(state_->write_end);
}

bool Interrupt::asked() const {
  return signal_count.load() > 0;
}

}  // namespace sighter::cli
