#include "io/worker_pool.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/log.hpp"
#include "io/core.hpp"
#include "io/scope.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;
using testing::Loop;

// Answers each line by what it says to do.
constexpr const char* kWorker = R"(
import os, signal, sys, time
for line in sys.stdin:
    word, _, rest = line.rstrip("\n").partition(" ")
    if word == "echo": print(rest, flush=True)
    elif word == "pid": print(os.getpid(), flush=True)
    elif word == "sleep": time.sleep(1000)
    elif word == "exit":
        print("about to exit", file=sys.stderr, flush=True)
        sys.exit(int(rest))
    elif word == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "once":
        print(rest, flush=True)
        sys.exit(0)
    elif word == "two": print("a\nb", flush=True)
    elif word == "big": print("x" * int(rest), flush=True)
    elif word == "length": print(len(rest), flush=True)
    elif word == "noise":
        for i in range(int(rest)): print("noise", i, file=sys.stderr)
        sys.stderr.flush()
        print("done", flush=True)
    elif word == "close":
        os.close(1)
        time.sleep(1000)
)";

class WorkerPoolTest : public ::testing::Test {
 protected:
  WorkerPoolTest() { use(1); }
  void use(std::size_t workers, std::string script = kWorker) {
    pool.reset();
    pool = std::make_unique<WorkerPool>(loop.core(),
                                        ProcessSpec{.command = {"python3", "-c", std::move(script)},
                                                    .environment = child_environment({})},
                                        WorkerPoolOptions{.name = "demo",
                                                          .workers_max = workers,
                                                          .timeout = 5s,
                                                          .line_bytes_max = 3'000'000,
                                                          .log = &log});
  }
  Loop::Running<Result<std::string>> start(std::string line, CancelToken token = {}) {
    return loop.start(pool->ask(std::move(line), std::move(token)));
  }
  Result<std::string> ask(std::string line) {
    auto running = start(std::move(line));
    EXPECT_TRUE(loop.wait_until([&] { return running.done(); }));
    return running.value();
  }

  Loop loop;
  std::vector<std::string> logged;
  Log log{Level::kDebug, [this](Level, std::string_view, std::string_view message) {
            logged.emplace_back(message);
          }};
  std::unique_ptr<WorkerPool> pool;
};

TEST_F(WorkerPoolTest, OneProcessAnswersManyLines) {
  const std::string pid = ask("pid").value();
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(ask("echo " + std::to_string(i)).value(), std::to_string(i));
  }
  EXPECT_EQ(ask("pid").value(), pid);
  EXPECT_EQ(pool->stats().started, 1u);
  EXPECT_EQ(pool->stats().answered, 52u);
}

TEST_F(WorkerPoolTest, NoMoreProcessesThanAllowedAnswerInParallel) {
  use(3);
  std::vector<Loop::Running<Result<std::string>>> running;
  for (int i = 0; i < 30; ++i) running.push_back(start("pid"));
  std::set<std::string> pids;
  for (auto& one : running) {
    ASSERT_TRUE(loop.wait_until([&] { return one.done(); }));
    pids.insert(one.value().value());
  }
  EXPECT_GE(pids.size(), 2u);
  EXPECT_LE(pids.size(), 3u);
}

TEST_F(WorkerPoolTest, BigLinesPassBothWays) {
  EXPECT_EQ(ask("length " + std::string(2'500'000, 'x')).value(), "2500000");
  EXPECT_EQ(ask("big 2500000").value().size(), 2'500'000u);
  const Result<std::string> larger = ask("big 3000001");
  ASSERT_FALSE(larger.has_value());
  EXPECT_EQ(larger.error().kind, Kind::kTooLarge);
  EXPECT_EQ(larger.error().what, "demo: the program wrote a line of more than 3000000 bytes");
  EXPECT_EQ(ask("echo again").value(), "again");
}

TEST_F(WorkerPoolTest, ARequestIsOneLine) {
  EXPECT_EQ(ask("echo a\nb").error().kind, Kind::kInvalid);
}

TEST_F(WorkerPoolTest, ATimeOutKillsTheWorkerAndTheNextRowGetsANewOne) {
  const std::string pid = ask("pid").value();
  auto slow = start("sleep");
  loop.advance(5s - 1ms);
  EXPECT_FALSE(slow.done());
  loop.advance(1ms);
  ASSERT_TRUE(slow.done());
  EXPECT_EQ(slow.value().error().kind, Kind::kTimeout);
  EXPECT_EQ(slow.value().error().what, "demo: no answer within 5000 ms");
  const std::string next = ask("pid").value();
  EXPECT_NE(next, pid);
  EXPECT_EQ(pool->stats().killed, 1u);
}

TEST_F(WorkerPoolTest, ADeathTellsStatusAndLastErrorLine) {
  const Result<std::string> exited = ask("exit 3");
  ASSERT_FALSE(exited.has_value());
  EXPECT_EQ(exited.error().kind, Kind::kUpstream);
  EXPECT_EQ(exited.error().what,
            "demo: the program ended without an answer (exit status 3): about to exit");
  auto crashed = start("crash");
  loop.advance(100ms);  // the pause before the next start
  ASSERT_TRUE(loop.wait_until([&] { return crashed.done(); }));
  EXPECT_EQ(crashed.value().error().what,
            "demo: the program ended without an answer (signal 11 (Segmentation fault))");
}

TEST_F(WorkerPoolTest, StartsAreSpacedMoreAndMoreAndWhoAsksMeanwhileIsToldAtOnce) {
  use(1, "import sys\nprint('SyntaxError: bad', file=sys.stderr)\nsys.exit(1)");
  EXPECT_FALSE(ask("x").has_value());
  auto second = start("x");
  EXPECT_FALSE(second.done()) << "waits 100 ms";
  loop.advance(100ms);
  ASSERT_TRUE(loop.wait_until([&] { return second.done(); }));
  auto third = start("x");
  loop.advance(200ms);
  ASSERT_TRUE(loop.wait_until([&] { return third.done(); }));
  EXPECT_EQ(pool->stats().started, 3u);
  auto fourth = start("x");
  ASSERT_TRUE(fourth.done()) << "no process was started for it";
  EXPECT_EQ(fourth.value().error().what,
            "demo: the program ended without an answer (exit status 1): SyntaxError: bad");
  EXPECT_EQ(fourth.value().error().hint, "it died 3 times in a row and is started again in 1 s");
  loop.advance(400ms);
  EXPECT_FALSE(ask("x").has_value());
  EXPECT_EQ(pool->stats().started, 4u);
}

TEST_F(WorkerPoolTest, AProgramThatAnswersOnceAndEndsIsStartedForEachRow) {
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(ask("once " + std::to_string(i)).value(), std::to_string(i));
  EXPECT_EQ(pool->stats().started, 5u);
  EXPECT_EQ(pool->stats().died, 0u);
}

TEST_F(WorkerPoolTest, TwoLinesForOneRequestBreakTheProtocol) {
  const Result<std::string> two = ask("two");
  ASSERT_FALSE(two.has_value());
  EXPECT_EQ(two.error().what, "demo: the program wrote more than one line for one request");
  EXPECT_EQ(ask("echo fine").value(), "fine");
}

TEST_F(WorkerPoolTest, AWorkerThatClosesItsOutputIsReplaced) {
  const Result<std::string> closed = ask("close");
  ASSERT_FALSE(closed.has_value());
  EXPECT_EQ(closed.error().kind, Kind::kUpstream);
}

TEST_F(WorkerPoolTest, CancellingKillsTheWorkerAtOnce) {
  ASSERT_TRUE(ask("echo warm").has_value());
  CancelSource source;
  auto slow = start("sleep", source.token());
  auto waiting = start("echo next");
  source.cancel("Ctrl-C");
  loop.settle();
  ASSERT_TRUE(slow.done());
  EXPECT_EQ(slow.value().error().kind, Kind::kCancelled);
  EXPECT_EQ(slow.value().error().what, "Ctrl-C");
  ASSERT_TRUE(loop.wait_until([&] { return waiting.done(); }));
  EXPECT_EQ(waiting.value().value(), "next");
}

TEST_F(WorkerPoolTest, AFloodOfErrorLinesIsCappedInTheLog) {
  EXPECT_EQ(ask("noise 20000").value(), "done");
  EXPECT_EQ(ask("echo x").value(), "x");
  EXPECT_EQ(logged.size(), 60u);
  EXPECT_EQ(logged.front(), "demo: noise 0");
  loop.advance(61s);
  EXPECT_EQ(ask("noise 1").value(), "done");
  ASSERT_TRUE(loop.wait_until([&] { return logged.size() >= 62; }));
  EXPECT_TRUE(logged[60].ends_with("more lines were dropped")) << logged[60];
}

TEST_F(WorkerPoolTest, AProgramThatDoesNotExistIsSaidSo) {
  pool = std::make_unique<WorkerPool>(loop.core(), ProcessSpec{.command = {"no-such-program"}},
                                      WorkerPoolOptions{.name = "demo"});
  const Result<std::string> missing = ask("x");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, Kind::kNotFound);
  EXPECT_EQ(missing.error().what, "demo: there is no program 'no-such-program' in PATH");
}

TEST_F(WorkerPoolTest, EndingThePoolEndsItsProcesses) {
  const std::string pid = ask("pid").value();
  pool.reset();
  EXPECT_TRUE(loop.wait_until([&] { return !std::filesystem::exists("/proc/" + pid); }));
}

Task<void> ask_many(WorkerPool& pool, int first, std::atomic<int>& right) {
  for (int i = first; i < first + 50; ++i) {
    std::string line = "echo " + std::to_string(i);
    const Result<std::string> answer = co_await pool.ask(std::move(line));
    if (answer && *answer == std::to_string(i)) ++right;
  }
}

TEST(WorkerPools, APoolForEachCoreUnderConcurrency) {
  const RealClock clock;
  Cores cores("test", 2, clock);
  std::atomic<int> right = 0;
  std::vector<std::unique_ptr<WorkerPool>> pools;
  std::vector<std::unique_ptr<Scope>> scopes;
  for (std::size_t c = 0; c < cores.size(); ++c) {
    pools.push_back(std::make_unique<WorkerPool>(
        cores[c],
        ProcessSpec{.command = {"python3", "-c", kWorker}, .environment = child_environment({})},
        WorkerPoolOptions{.name = "demo", .workers_max = 2}));
    scopes.push_back(std::make_unique<Scope>(cores[c]));
    for (int i = 0; i < 4; ++i) spawn(*scopes[c], "asker", ask_many(*pools[c], i * 1000, right));
  }
  for (std::size_t c = 0; c < cores.size(); ++c) run_blocking(cores[c], scopes[c]->join());
  EXPECT_EQ(right, 400);
}

}  // namespace
}  // namespace sighter::io
