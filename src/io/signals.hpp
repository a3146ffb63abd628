#pragma once
// SIGINT, SIGTERM and SIGHUP (the terminal was closed) as tokens: the first asks to stop nicely,
// the second to stop at once. What comes within 100 ms of the first is the same wish, sent to the
// process and to its group. A SIGHUP that was ignored when the process began, as under nohup, stays
// so.

#include <memory>

#include "io/cancel.hpp"

namespace sighter::io {

class Core;

class StopSignals {
 public:
  // From here on the signals no longer end the process by themselves. One a process.
  explicit StopSignals(Core& core);
  // Once one has come, all stay ignored.
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  CancelToken nicely() const;   // cancelled by the first signal
  CancelToken at_once() const;  // cancelled by the second
  // The last signal that came, 0 for none: 128 + it is the usual exit code. Any thread.
  int last_signal() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sighter::io
