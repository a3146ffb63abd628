#include "io/subprocess.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;
using testing::Loop;

ProcessSpec shell(std::string script) {
  return {.command = {"sh", "-c", std::move(script)}, .environment = child_environment({})};
}
ProcessSpec python(std::string script) {
  return {.command = {"python3", "-c", std::move(script)}, .environment = child_environment({})};
}

class SubprocessTest : public ::testing::Test {
 protected:
  Result<ProcessOutput> run(ProcessSpec spec, std::string input = "",
                            std::size_t bytes_max = 1u << 20) {
    return loop.run(run_process(loop.core(), std::move(spec), std::move(input), 60s, bytes_max));
  }
  Loop loop;
};

bool no_child_is_left() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

bool alive(int pid) {
  // A zombie in a group of its own still takes signals: look at its state.
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t end = text.rfind(") ");
  return end != std::string::npos && text[end + 2] != 'Z' && text[end + 2] != 'X';
}

TEST_F(SubprocessTest, GivesOutputErrorsAndExitStatusBack) {
  const Result<ProcessOutput> ran = run(shell("cat; echo oops >&2; exit 3"), "hello\n");
  ASSERT_TRUE(ran.has_value()) << ran.error().what;
  EXPECT_EQ(ran->out, "hello\n");
  EXPECT_EQ(ran->error, "oops\n");
  EXPECT_EQ(ran->status.code, 3);
  EXPECT_EQ(ran->status.words(), "exit status 3");
  EXPECT_TRUE(no_child_is_left());
}

TEST_F(SubprocessTest, ASignalIsToldByNumberAndName) {
  const Result<ProcessOutput> ran = run(shell("kill -SEGV $$"));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->status.words(), "signal 11 (Segmentation fault)");
}

TEST_F(SubprocessTest, LargeInputAndOutputDoNotBlockEachOther) {
  const std::string much(5'000'000, 'x');
  const Result<ProcessOutput> ran = run(shell("cat"), much, 10'000'000);
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, much);
}

TEST_F(SubprocessTest, TooMuchOutputEndsIt) {
  const Result<ProcessOutput> ran = run(shell("yes"), "", 100'000);
  ASSERT_FALSE(ran.has_value());
  EXPECT_EQ(ran.error().kind, Kind::kTooLarge);
  loop.wait_until([] { return no_child_is_left(); });
  EXPECT_TRUE(no_child_is_left());
}

TEST_F(SubprocessTest, AProgramThatDoesNotReadItsInputIsNoError) {
  const Result<ProcessOutput> ran = run(shell("echo done"), std::string(1'000'000, 'x'));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "done\n");
}

TEST_F(SubprocessTest, ATimeOutKillsTheWholeGroupByTheFakeClock) {
  const auto file =
      std::filesystem::temp_directory_path() / ("sighter_group_" + std::to_string(::getpid()));
  auto running = loop.start(
      run_process(loop.core(),
                  shell("sleep 1000 & echo $! > " + file.string() + "; echo ready; wait"), "", 5s));
  int grandchild = 0;
  ASSERT_TRUE(loop.wait_until(
      [&] { return (std::ifstream(file) >> grandchild).good() || grandchild > 0; }));
  EXPECT_TRUE(alive(grandchild));
  loop.advance(5s);
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kTimeout);
  EXPECT_EQ(running.value().error().what, "'sh' did not end within 5000 ms");
  EXPECT_TRUE(loop.wait_until([&] { return !alive(grandchild) && no_child_is_left(); }));
  std::filesystem::remove(file);
}

TEST_F(SubprocessTest, CancellingKillsIt) {
  CancelSource source;
  auto running =
      loop.start(run_process(loop.core(), shell("sleep 1000"), "", 60s, 1000, source.token()));
  source.cancel("enough");
  loop.settle();
  ASSERT_TRUE(running.done());
  EXPECT_EQ(running.value().error().kind, Kind::kCancelled);
  EXPECT_TRUE(loop.wait_until([] { return no_child_is_left(); }));
}

TEST_F(SubprocessTest, WhatAChildLeavesBehindInItsGroupIsKilledWithIt) {
  const Result<ProcessOutput> ran = run(shell("sleep 1000 & echo $!"));
  ASSERT_TRUE(ran.has_value());
  const int grandchild = std::stoi(ran->out);
  EXPECT_TRUE(loop.wait_until([&] { return !alive(grandchild); }));
}

TEST_F(SubprocessTest, OnlyTheChosenEnvironmentIsPassedOn) {
  ::setenv("SIGHTER_TEST_SECRET", "s3cret", 1);
  ::setenv("SIGHTER_TEST_WANTED", "yes", 1);
  ProcessSpec spec{.command = {"env"},
                   .environment = child_environment({"SIGHTER_TEST_WANTED", "SIGHTER_TEST_UNSET"})};
  const Result<ProcessOutput> ran = run(spec);
  ::unsetenv("SIGHTER_TEST_SECRET");
  ::unsetenv("SIGHTER_TEST_WANTED");
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out.find("s3cret"), std::string::npos);
  EXPECT_NE(ran->out.find("SIGHTER_TEST_WANTED=yes"), std::string::npos);
  for (std::size_t at = 0; at < ran->out.size(); at = ran->out.find('\n', at) + 1) {
    const std::string name = ran->out.substr(at, ran->out.find('=', at) - at);
    EXPECT_TRUE(name == "PATH" || name == "HOME" || name == "LANG" || name == "SIGHTER_TEST_WANTED")
        << name;
  }
}

TEST_F(SubprocessTest, NoDescriptorIsInherited) {
  const int leaky =
      ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as a careless library would
  const Result<ProcessOutput> ran =
      run(python("import os\nprint(sorted(int(f) for f in os.listdir('/proc/self/fd')))"));
  ::close(leaky);
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "[0, 1, 2, 3]\n") << "3 is the folder that is being listed";
}

TEST_F(SubprocessTest, SignalsAreAtTheirDefaults) {
  const Result<ProcessOutput> ran = run(shell("grep -E 'Sig(Blk|Ign)' /proc/self/status"));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

constexpr const char* kTrySockets = R"(
import ctypes, socket
def attempt(name, *args):
    try:
        socket.socket(*args).close()
        print(name, "open")
    except OSError as e:
        print(name, e.errno)
attempt("inet", socket.AF_INET, socket.SOCK_STREAM)
attempt("inet6", socket.AF_INET6, socket.SOCK_DGRAM)
attempt("raw", socket.AF_INET, socket.SOCK_RAW)
attempt("packet", socket.AF_PACKET, socket.SOCK_RAW)
attempt("vsock", 40, socket.SOCK_STREAM)
attempt("unix", socket.AF_UNIX, socket.SOCK_STREAM)
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall(425, 1, 0)
print("io_uring", ctypes.get_errno())
print("privileges", libc.prctl(39, 0, 0, 0, 0))
)";

TEST_F(SubprocessTest, TheNetworkIsRefused) {
  if (!network_can_be_refused()) GTEST_SKIP() << network_can_be_refused().error().what;
  const Result<ProcessOutput> ran = run(python(kTrySockets));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out,
            "inet 1\ninet6 1\nraw 1\npacket 1\nvsock 1\nunix open\nio_uring 1\nprivileges 1\n")
      << ran->error;
}

TEST_F(SubprocessTest, TheNetworkIsRefusedToGrandchildrenToo) {
  if (!network_can_be_refused()) GTEST_SKIP() << network_can_be_refused().error().what;
  const Result<ProcessOutput> ran = run(shell(
      "python3 -c 'import socket\ntry:\n socket.socket()\n print(\"open\")\nexcept OSError as e:\n "
      "print(e.errno)'"));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "1\n");
}

TEST_F(SubprocessTest, TheNetworkCanBeAllowed) {
  ProcessSpec spec = python("import socket\nsocket.socket().close()\nprint('open')");
  spec.network = true;
  const Result<ProcessOutput> ran = run(spec);
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "open\n");
}

TEST_F(SubprocessTest, OurMemoryCannotBeReadByAChild) {
  if (!network_can_be_refused()) GTEST_SKIP() << network_can_be_refused().error().what;
  const Result<ProcessOutput> ran =
      run(python("import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                 "print(libc.ptrace(16, os.getppid(), 0, 0), ctypes.get_errno())"));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "-1 1\n");
}

TEST_F(SubprocessTest, OurEnvironmentCannotBeReadByAChild) {
  keep_memory_private();
  ProcessSpec spec = python(
      "import os\ntry:\n print(len(open(f'/proc/{os.getppid()}/environ', 'rb').read()))\n"
      "except OSError as e:\n print(e.strerror)");
  spec.network = true;
  const Result<ProcessOutput> ran = run(spec);
  ::prctl(PR_SET_DUMPABLE, 1);
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "Permission denied\n");
}

TEST_F(SubprocessTest, LimitsHold) {
  ProcessSpec spec = shell("ulimit -c; ulimit -t; ulimit -n; ulimit -v");
  spec.limits = {.memory_bytes = 1u << 30, .cpu_seconds = 7, .open_files = 50, .file_bytes = 0};
  const Result<ProcessOutput> ran = run(spec);
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->out, "0\n7\n50\n1048576\n");
}

TEST_F(SubprocessTest, WhatCannotBeStartedIsExplained) {
  EXPECT_EQ(run({.command = {"no-such-program"}}).error().what,
            "there is no program 'no-such-program' in PATH");
  EXPECT_EQ(run({.command = {"./no/such"}}).error().kind, Kind::kNotFound);
  EXPECT_EQ(run({.command = {"/etc/passwd"}}).error().what,
            "cannot run '/etc/passwd': Permission denied");
  ProcessSpec nowhere = shell("true");
  nowhere.folder = "/no/such/folder";
  EXPECT_EQ(run(nowhere).error().what,
            "cannot run 'sh' in /no/such/folder: No such file or directory");
  EXPECT_EQ(run({.command = {}}).error().kind, Kind::kInvalid);
  EXPECT_TRUE(no_child_is_left());
}

TEST_F(SubprocessTest, RunsInTheFolderItIsGiven) {
  ProcessSpec spec = shell("pwd");
  spec.folder = "/usr";
  EXPECT_EQ(run(spec)->out, "/usr\n");
}

TEST_F(SubprocessTest, LinesGoBackAndForth) {
  auto started =
      Subprocess::start(loop.core(), shell("while read x; do echo \"got $x\"; done; printf rest"));
  ASSERT_TRUE(started.has_value());
  Subprocess& child = **started;
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    ASSERT_TRUE(loop.run(child.write(n + "\n")).has_value());
    const auto line = loop.run(child.read_line(100));
    ASSERT_TRUE(line.has_value());
    ASSERT_EQ(*line, "got " + n);
  }
  child.close_input();
  EXPECT_EQ(loop.run(child.read_line(100)).value(), "rest");
  EXPECT_EQ(loop.run(child.read_line(100)).value(), std::nullopt);
  EXPECT_TRUE(loop.run(child.wait()).ok());
}

TEST_F(SubprocessTest, ALineBeyondTheLimitIsAnError) {
  auto started =
      Subprocess::start(loop.core(), shell("head -c 5000 /dev/zero | tr '\\0' x; sleep 100"));
  ASSERT_TRUE(started.has_value());
  const auto line = loop.run((*started)->read_line(1000));
  ASSERT_FALSE(line.has_value());
  EXPECT_EQ(line.error().kind, Kind::kTooLarge);
}

TEST_F(SubprocessTest, ErrorLinesAreSplitAndCapped) {
  auto started =
      Subprocess::start(loop.core(), shell("echo one >&2; printf 'two\\r\\n\\nthree' >&2; head -c "
                                           "100000 /dev/zero | tr '\\0' x >&2; "
                                           "echo >&2; echo last >&2"));
  ASSERT_TRUE(started.has_value());
  std::vector<std::string> lines;
  (*started)->on_error_line([&](std::string_view line) { lines.emplace_back(line); });
  EXPECT_TRUE(loop.run((*started)->wait()).ok());
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "one");
  EXPECT_EQ(lines[1], "two");
  EXPECT_EQ(lines[2].size(), 8192u);
  EXPECT_EQ((*started)->last_error_line(), "last");
}

TEST_F(SubprocessTest, DroppingItKillsAndReapsIt) {
  auto started = Subprocess::start(loop.core(), shell("sleep 1000"));
  ASSERT_TRUE(started.has_value());
  started->reset();
  EXPECT_TRUE(loop.wait_until([] { return no_child_is_left(); }));
}

TEST_F(SubprocessTest, ACoreThatEndsTakesItsChildrenAlong) {
  const RealClock clock;
  int pid = 0;
  {
    Core core("test", clock);
    core.call([&] {
      auto started = Subprocess::start(core, shell("sleep 1000"));
      ASSERT_TRUE(started.has_value());
      pid = (*started)->pid();
    });
  }
  EXPECT_FALSE(alive(pid));
  EXPECT_TRUE(no_child_is_left());
}

}  // namespace
}  // namespace sighter::io
