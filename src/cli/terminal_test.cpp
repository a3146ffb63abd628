#include "cli/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "base/utf8.hpp"

namespace sighter::cli {
namespace {

using Environment = std::map<std::string, std::string>;

TerminalSetup setup_with(Environment environment) {
  TerminalSetup setup;
  setup.environment = [environment = std::move(environment)](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  };
  return setup;
}

// A pipe instead of standard output, or a terminal of its own.
struct Ends {
  int read = -1, write = -1;
  ~Ends() {
    close_read();
    if (write >= 0) ::close(write);
  }
  void close_read() {
    if (read >= 0) ::close(read);
    read = -1;
  }
  std::string take() const {
    char bytes[4096];
    const ssize_t count = ::read(read, bytes, sizeof bytes);
    return {bytes, count > 0 ? static_cast<std::size_t>(count) : 0};
  }
  // A terminal's bytes come in the kernel's own time.
  std::string take(std::size_t size) const {
    std::string all;
    pollfd waiting{read, POLLIN, 0};
    while (all.size() < size && ::poll(&waiting, 1, 5000) > 0) all += take();
    return all;
  }
};

Ends make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  return {ends[0], ends[1]};
}

Ends make_terminal(unsigned short columns) {
  Ends ends;
  ends.read = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_EQ(::grantpt(ends.read), 0);
  EXPECT_EQ(::unlockpt(ends.read), 0);
  ends.write = ::open(::ptsname(ends.read), O_RDWR | O_NOCTTY);
  winsize size{};
  size.ws_col = columns;
  EXPECT_EQ(::ioctl(ends.write, TIOCSWINSZ, &size), 0);
  return ends;
}

bool styles_with(Environment environment, ColorChoice color, bool terminal) {
  const Ends ends = terminal ? make_terminal(80) : make_pipe();
  TerminalSetup setup = setup_with(std::move(environment));
  setup.out = ends.write;
  setup.color = color;
  return Terminal(std::move(setup)).out_styles();
}

TEST(TerminalStyles, OnlyOnATerminalThatIsNotDumb) {
  EXPECT_TRUE(styles_with({{"TERM", "xterm"}}, ColorChoice::kAuto, true));
  EXPECT_FALSE(styles_with({{"TERM", "xterm"}}, ColorChoice::kAuto, false));
  EXPECT_FALSE(styles_with({{"TERM", "dumb"}}, ColorChoice::kAuto, true));
  EXPECT_FALSE(styles_with({}, ColorChoice::kAuto, true));
}

TEST(TerminalStyles, NoColorTurnsThemOff) {
  EXPECT_FALSE(styles_with({{"TERM", "xterm"}, {"NO_COLOR", "1"}}, ColorChoice::kAuto, true));
  EXPECT_TRUE(styles_with({{"TERM", "xterm"}, {"NO_COLOR", ""}}, ColorChoice::kAuto, true));
  EXPECT_FALSE(styles_with({{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}, ColorChoice::kAuto, true));
}

TEST(TerminalStyles, CanBeForced) {
  EXPECT_TRUE(styles_with({{"CLICOLOR_FORCE", "1"}}, ColorChoice::kAuto, false));
  EXPECT_FALSE(styles_with({{"CLICOLOR_FORCE", "0"}}, ColorChoice::kAuto, false));
}

TEST(TerminalStyles, TheCommandLineWins) {
  EXPECT_TRUE(styles_with({{"NO_COLOR", "1"}}, ColorChoice::kAlways, false));
  EXPECT_FALSE(
      styles_with({{"TERM", "xterm"}, {"CLICOLOR_FORCE", "1"}}, ColorChoice::kNever, true));
}

TEST(TerminalWidth, OfTheTerminal) {
  const Ends ends = make_terminal(123);
  TerminalSetup setup = setup_with({{"COLUMNS", "70"}});
  setup.out = ends.write;
  const Terminal terminal(std::move(setup));
  EXPECT_EQ(terminal.width(), 123u);
  EXPECT_EQ(terminal.table_width(), 123u);
}

TEST(TerminalWidth, NeverBelowTheLeast) {
  const Ends ends = make_terminal(3);
  TerminalSetup setup = setup_with({});
  setup.out = ends.write;
  EXPECT_EQ(Terminal(std::move(setup)).width(), Terminal::kWidthMin);
}

TEST(TerminalWidth, OfAPipe) {
  const Ends ends = make_pipe();
  TerminalSetup told = setup_with({{"COLUMNS", "70"}});
  told.out = told.err = ends.write;
  EXPECT_EQ(Terminal(told).table_width(), 70u);
  TerminalSetup wrong = setup_with({{"COLUMNS", "7O"}});
  wrong.out = wrong.err = ends.write;
  const Terminal terminal(wrong);
  EXPECT_EQ(terminal.width(), Terminal::kWidthDefault);
  EXPECT_EQ(terminal.table_width(), Terminal::kUnlimited);
}

TEST(TerminalUnicode, TheFirstVariableThatIsSetDecides) {
  EXPECT_TRUE(Terminal(setup_with({{"LANG", "de_DE.UTF-8"}})).unicode());
  EXPECT_TRUE(Terminal(setup_with({{"LC_ALL", "C.utf8"}, {"LANG", "C"}})).unicode());
  EXPECT_FALSE(Terminal(setup_with({{"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}})).unicode());
  EXPECT_FALSE(Terminal(setup_with({})).unicode());
}

TEST(TerminalOutput, ReachesThePipeAtFlush) {
  const Ends ends = make_pipe();
  TerminalSetup setup = setup_with({});
  setup.out = ends.write;
  Terminal terminal(std::move(setup));
  terminal.out("one ");
  terminal.out("two\n");
  ASSERT_TRUE(terminal.flush());
  EXPECT_EQ(ends.take(), "one two\n");
}

TEST(TerminalOutput, AClosedPipeEndsQuietly) {
  ::signal(SIGPIPE, SIG_IGN);
  Ends ends = make_pipe();
  ends.close_read();
  TerminalSetup setup = setup_with({});
  setup.out = ends.write;
  Terminal terminal(std::move(setup));
  terminal.out("lost\n");
  EXPECT_TRUE(terminal.flush());
  EXPECT_TRUE(terminal.gone());
}

TEST(TerminalOutput, AFullDiskIsAnError) {
  const int full = ::open("/dev/full", O_WRONLY);
  if (full < 0) GTEST_SKIP() << "this system has no /dev/full";
  TerminalSetup setup = setup_with({});
  setup.out = full;
  Terminal terminal(std::move(setup));
  terminal.out("lost\n");
  const Status written = terminal.flush();
  ::close(full);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().what, "cannot write to standard output: No space left on device");
}

TEST(TerminalOutput, ErrorsCannotSendControlSequences) {
  const Ends ends = make_pipe();
  TerminalSetup setup = setup_with({});
  setup.err = ends.write;
  Terminal(std::move(setup)).error({Kind::kInvalid, "bad \x1b[2J name", "mend it"});
  EXPECT_EQ(ends.take(), "error: bad \\x1b[2J name\n  mend it\n");
}

bool confirmed_with(std::string_view answer) {
  Ends ends = make_pipe();
  EXPECT_EQ(::write(ends.write, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
  ::close(ends.write);
  ends.write = -1;
  const Ends asked = make_pipe();
  TerminalSetup setup = setup_with({});
  setup.in = ends.read;
  setup.err = asked.write;
  const bool yes = Terminal(std::move(setup)).confirm("Go on?");
  EXPECT_EQ(asked.take(), "Go on? [Y/n] ");
  return yes;
}

TEST(TerminalConfirm, AnEmptyLineIsAYesTheEndIsANo) {
  EXPECT_TRUE(confirmed_with("\n"));
  EXPECT_TRUE(confirmed_with("Yes\n"));
  EXPECT_FALSE(confirmed_with("no\n"));
  EXPECT_FALSE(confirmed_with(""));
  EXPECT_FALSE(confirmed_with("y"));
}

TEST(TerminalOutput, QuietKeepsRemarksBack) {
  const Ends ends = make_pipe();
  TerminalSetup setup = setup_with({});
  setup.err = ends.write;
  setup.quiet = true;
  Terminal terminal(std::move(setup));
  terminal.remark("by the way\n");
  terminal.err("x");
  EXPECT_EQ(ends.take(), "x");
}

TEST(TerminalStatus, StaysBelowWhatIsWritten) {
  const Ends ends = make_terminal(80);
  TerminalSetup setup = setup_with({{"TERM", "xterm"}});
  setup.err = ends.write;
  Terminal terminal(std::move(setup));
  terminal.status_line("1/2");
  terminal.err("a remark\n");
  terminal.status_line("");
  // The terminal itself adds the carriage return to the line end.
  constexpr std::string_view kSaid = "1/2\r\x1b[Ka remark\r\n1/2\r\x1b[K";
  EXPECT_EQ(ends.take(kSaid.size()), kSaid);
}

TEST(TerminalText, VisibleKeepsTextAndShowsControl) {
  EXPECT_EQ(visible("Gr\xc3\xbc\xc3\x9f"
                    "e\n\tx"),
            "Gr\xc3\xbc\xc3\x9f"
            "e\n\tx");
  EXPECT_EQ(visible("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(visible("a\r\nb\rc"), "a\nb\\x0dc");
  EXPECT_EQ(visible("\xc2\x9b"), "\\x9b");
  EXPECT_EQ(visible("\xe2\x80\xae"), "\\u202e");
  EXPECT_EQ(visible("\xff"), "\xef\xbf\xbd");
}

TEST(TerminalText, VisibleLineIsOneLine) {
  EXPECT_EQ(visible_line("  a \n\n\t b\n"), "a b");
  EXPECT_EQ(visible_line(""), "");
}

TEST(TerminalText, FitCutsAtColumns) {
  EXPECT_EQ(fit("charged", 7, true), "charged");
  EXPECT_EQ(fit("charged twice", 8, true), "charged…");
  EXPECT_EQ(fit("charged twice", 8, false), "charg...");
  EXPECT_EQ(fit("charged", 2, false), "..");
}

TEST(TerminalText, FitNeverCutsAWideCharacterInTwo) {
  const std::string cut = fit("日本語のテキスト", 6, true);
  EXPECT_EQ(cut, "日本…");
  EXPECT_LE(display_width(cut), 6u);
}

TEST(TerminalText, WrapBreaksAtBlanks) {
  EXPECT_EQ(wrap("one two three", 9, 2), "  one two\n  three");
  EXPECT_EQ(wrap("one\n\ntwo", 9, 0), "one\n\ntwo");
}

}  // namespace
}  // namespace sighter::cli
