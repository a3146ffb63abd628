#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/utf8.hpp"

namespace sighter::cli {

using Duration = std::chrono::steady_clock::duration;

namespace {

constexpr std::size_t kBarColumns = 20;
constexpr std::chrono::seconds kSampleEvery{1};
constexpr std::size_t kSamples = 16;

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

std::string bar(double share, bool unicode) {
  const auto filled = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * kBarColumns);
  std::string out;
  for (std::size_t i = 0; i < kBarColumns; ++i) {
    if (unicode)
      out += i < filled ? "━" : "─";
    else
      out += i < filled ? '#' : '.';
  }
  return out;
}

std::string_view spinner(unsigned turn, bool unicode) {
  static constexpr std::string_view kRound[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧"};
  static constexpr std::string_view kPlain[] = {"|", "/", "-", "\\"};
  return unicode ? kRound[turn % std::size(kRound)] : kPlain[turn % std::size(kPlain)];
}

}  // namespace

std::string format_duration(Duration time) {
  const double all = std::max(seconds(time), 0.0);
  if (all < 9.95) return fmt::format("{:.1f} s", all);
  const auto whole = static_cast<std::int64_t>(all + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_line(const ProgressState& state, Duration elapsed,
                          std::optional<Duration> left, std::size_t width, bool unicode,
                          unsigned turn) {
  std::string line = fmt::format("{} {}", spinner(turn, unicode), state.what);
  if (state.total > 0) {
    const double share = static_cast<double>(state.done) / static_cast<double>(state.total);
    // Without room for it the bar goes first; the numbers say the same.
    if (width >= 60) line += "  " + bar(share, unicode);
    line += fmt::format("  {}/{}", state.done, state.total);
  } else if (state.done > 0) {
    line += fmt::format("  {}", state.done);
  }
  if (state.spent) line += "  " + format_usd(*state.spent);
  if (left)
    line += fmt::format("  {} left", format_duration(*left));
  else
    line += "  " + format_duration(elapsed);
  if (!state.note.empty()) line += "  " + visible_line(state.note);
  return fit(line, width, unicode);
}

Progress::Progress(Terminal& terminal, const Clock& clock, std::string what)
    : terminal_(terminal), clock_(clock) {
  state_.what = std::move(what);
  started_ = drawn_ = clock_.steady_now();
  recent_.emplace_back(started_, 0);
}

Progress::~Progress() {
  finish();
}

// The time to go by the rate of the last seconds. Rows that were stored before the start come in
// one burst, which an average since the start would take for speed.
std::optional<Duration> Progress::left(SteadyTime now) {
  if (recent_.empty() || now - recent_.back().first >= kSampleEvery) {
    recent_.emplace_back(now, state_.done);
  }
  while (recent_.size() > kSamples) recent_.pop_front();
  const auto& [since, done_then] = recent_.front();
  if (now - since < kSampleEvery || state_.done <= done_then) return {};
  if (state_.total <= state_.done) return {};
  const double rate = static_cast<double>(state_.done - done_then) / seconds(now - since);
  const double rest = static_cast<double>(state_.total - state_.done) / rate;
  if (rest > 1e6) return {};
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(rest));
}

void Progress::update(std::uint64_t done, std::uint64_t total, std::optional<NanoUsd> spent,
                      std::string note) {
  const std::lock_guard lock(mutex_);
  if (finished_ || terminal_.quiet()) return;
  if (done < state_.done) recent_.clear();  // another piece of work
  state_.done = done;
  state_.total = total;
  state_.spent = spent;
  state_.note = std::move(note);
  const SteadyTime now = clock_.steady_now();
  const std::optional<Duration> rest = left(now);
  const Duration pause = terminal_.err_can_redraw() ? Duration(kRedraw) : Duration(kPlainLine);
  if (now - drawn_ < pause) return;
  drawn_ = now;
  if (terminal_.err_can_redraw()) {
    const std::size_t width = terminal_.width() - 1;  // the last column would wrap
    terminal_.status_line(
        progress_line(state_, now - started_, rest, width, terminal_.unicode(), turn_++));
    return;
  }
  std::string line = progress_line(state_, now - started_, rest, Terminal::kUnlimited, false, 0);
  line.erase(0, 2);  // a spinner that stands still says nothing
  terminal_.err(line + "\n");
}

void Progress::finish() {
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  finished_ = true;
  terminal_.status_line("");
}

}  // namespace sighter::cli
