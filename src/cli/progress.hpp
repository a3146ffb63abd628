#pragma once
// How far a long piece of work is: one line that is redrawn on a terminal, plain lines now and then
// elsewhere, nothing with --quiet. Always on standard error.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/money.hpp"
#include "cli/terminal.hpp"

namespace sighter::cli {

struct ProgressState {
  std::string what;  // "triage", "fetching the model"
  std::uint64_t done = 0;
  std::uint64_t total = 0;       // 0: not known
  std::optional<NanoUsd> spent;  // shown when set
  std::string note;              // one short remark, shown last, first to be cut
};

// The line's text, at most `width` columns. `left` is the estimated rest, when there is one; `turn`
// moves the spinner. Pure.
std::string progress_line(const ProgressState& state, std::chrono::steady_clock::duration elapsed,
                          std::optional<std::chrono::steady_clock::duration> left,
                          std::size_t width, bool unicode, unsigned turn);
// "0.4 s", "12 s", "3 min 5 s", "2 h 10 min"
std::string format_duration(std::chrono::steady_clock::duration time);

// Any thread. The line goes away when the object does; say the outcome after it.
class Progress {
 public:
  static constexpr std::chrono::milliseconds kRedraw{100};
  static constexpr std::chrono::seconds kPlainLine{5};

  Progress(Terminal& terminal, const Clock& clock, std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap: draws only when kRedraw (or kPlainLine) has passed since the last time.
  void update(std::uint64_t done, std::uint64_t total, std::optional<NanoUsd> spent = {},
              std::string note = {});
  void finish();

 private:
  std::optional<std::chrono::steady_clock::duration> left(SteadyTime now);

  Terminal& terminal_;
  const Clock& clock_;
  std::mutex mutex_;
  ProgressState state_;
  SteadyTime started_, drawn_;
  std::deque<std::pair<SteadyTime, std::uint64_t>> recent_;  // what was done when, the last seconds
  bool finished_ = false;
  unsigned turn_ = 0;
};

}  // namespace sighter::cli
