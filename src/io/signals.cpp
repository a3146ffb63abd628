#include "io/signals.hpp"

#include <atomic>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>

#include "io/core_impl.hpp"

namespace sighter::io {
namespace {

// timeout(1), npm and others signal the process and its whole group: that is one wish, not two.
constexpr auto kSameWish = std::chrono::milliseconds(100);

}  // namespace

struct StopSignals::State : std::enable_shared_from_this<State> {
  explicit State(Core& c) : core(c), signals(c.impl().context, SIGINT, SIGTERM) {
    struct sigaction before {};
    if (::sigaction(SIGHUP, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) return;
    boost::system::error_code ignored;
    signals.add(SIGHUP, ignored);
  }

  void listen() {
    signals.async_wait([self = shared_from_this()](boost::system::error_code error, int signal) {
      if (!error) self->on_signal(signal);
    });
  }
  void on_signal(int signal) {
    last = signal;
    const SteadyTime now = core.clock().steady_now();
    if (first.token().cancelled() && now - first_at < kSameWish) return listen();
    const std::string by = signal == SIGINT    ? "stopped by Ctrl-C"
                           : signal == SIGTERM ? "stopped by SIGTERM"
                                               : "stopped by SIGHUP";
    if (first.token().cancelled()) {
      second.cancel(by);
    } else {
      first_at = now;
      first.cancel(by);
    }
    listen();
  }

  Core& core;
  boost::asio::signal_set signals;
  CancelSource first;
  CancelSource second;
  SteadyTime first_at;
  std::atomic<int> last = 0;
};

StopSignals::StopSignals(Core& core) : state_(std::make_shared<State>(core)) {
  core.call([this] { state_->listen(); });
}

StopSignals::~StopSignals() {
  state_->core.call([this] {
    boost::system::error_code ignored;
    state_->signals.clear(ignored);
    state_->signals.cancel(ignored);
  });
  // The process was asked to end and does: what is sent to its group a moment later must not change
  // how.
  if (state_->last != 0) {
    ::signal(SIGINT, SIG_IGN);
    ::signal(SIGTERM, SIG_IGN);
    ::signal(SIGHUP, SIG_IGN);
  }
}

CancelToken StopSignals::nicely() const {
  return state_->first.token();
}
CancelToken StopSignals::at_once() const {
  return state_->second.token();
}
int StopSignals::last_signal() const {
  return state_->last;
}

}  // namespace sighter::io
