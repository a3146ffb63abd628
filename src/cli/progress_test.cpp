#include "cli/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/utf8.hpp"

namespace sighter::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class SetClock final : public Clock {
 public:
  SystemTime system_now() const override { return {}; }
  SteadyTime steady_now() const override { return now; }
  SteadyTime now{};
};

TEST(FormatDuration, TwoUnitsAtMost) {
  EXPECT_EQ(format_duration(400ms), "0.4 s");
  EXPECT_EQ(format_duration(9960ms), "10 s");
  EXPECT_EQ(format_duration(12s), "12 s");
  EXPECT_EQ(format_duration(185s), "3 min 5 s");
  EXPECT_EQ(format_duration(2h + 10min), "2 h 10 min");
  EXPECT_EQ(format_duration(-1s), "0.0 s");
}

TEST(ProgressLine, SaysAllThereIs) {
  const ProgressState state{"triage", 120, 300, NanoUsd{12'000'000}, "gpt leads"};
  EXPECT_EQ(progress_line(state, 8s, 12s, 100, false, 0),
            "| triage  ########............  120/300  $0.012  12 s left  gpt leads");
}

TEST(ProgressLine, WithoutATotalItTurns) {
  const ProgressState state{"fetching", 0, 0, {}, ""};
  EXPECT_EQ(progress_line(state, 3s, {}, 80, false, 1), "/ fetching  3.0 s");
}

TEST(ProgressLine, NeverWiderThanTheRoom) {
  const ProgressState state{"triage of very many words", 120, 300, NanoUsd{1},
                            "and a long remark behind it"};
  for (std::size_t width = 10; width < 120; ++width) {
    EXPECT_LE(display_width(progress_line(state, 8s, 12s, width, true, 0)), width);
  }
}

struct Written {
  int ends[2];
  Written() { EXPECT_EQ(::pipe(ends), 0); }
  ~Written() { ::close(ends[0]); }
  std::string all() {
    ::close(ends[1]);
    char bytes[4096];
    const ssize_t count = ::read(ends[0], bytes, sizeof bytes);
    return {bytes, count > 0 ? static_cast<std::size_t>(count) : 0};
  }
};

TEST(Progress, WithoutATerminalOnlyNowAndThen) {
  SetClock clock;
  Written written;
  TerminalSetup setup;
  setup.err = written.ends[1];
  {
    Terminal terminal(setup);
    Progress progress(terminal, clock, "triage");
    for (int i = 1; i <= 100; ++i) {
      clock.now += 100ms;
      progress.update(static_cast<std::uint64_t>(i), 200);
    }
  }
  const std::string text = written.all();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  EXPECT_THAT(text, HasSubstr("triage"));
  EXPECT_THAT(text, HasSubstr("100/200"));
  EXPECT_THAT(text, HasSubstr("10 s left"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(Progress, RowsThatWereStoredAreNotTakenForSpeed) {
  SetClock clock;
  Written written;
  TerminalSetup setup;
  setup.err = written.ends[1];
  {
    Terminal terminal(setup);
    Progress progress(terminal, clock, "triage");
    // 900 at once, then one a second.
    clock.now += 1s;
    progress.update(900, 1000);
    for (int i = 1; i <= 60; ++i) {
      clock.now += 1s;
      progress.update(900 + static_cast<std::uint64_t>(i), 1000);
    }
  }
  const std::string text = written.all();
  EXPECT_THAT(text.substr(text.rfind("triage")), HasSubstr("41 s left"));
}

TEST(Progress, QuietSaysNothing) {
  SetClock clock;
  Written written;
  TerminalSetup setup;
  setup.err = written.ends[1];
  setup.quiet = true;
  {
    Terminal terminal(setup);
    Progress progress(terminal, clock, "triage");
    clock.now += 60s;
    progress.update(1, 2);
  }
  EXPECT_EQ(written.all(), "");
}

}  // namespace
}  // namespace sighter::cli
