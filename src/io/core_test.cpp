#include "io/core.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "io/blocking_pool.hpp"
#include "io/channel.hpp"
#include "io/scope.hpp"
#include "io/time.hpp"
#include "io/waiter.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;

Task<int> plus_one(int n) {
  co_return n + 1;
}

Task<int> add_up(int n) {
  unsigned sum = 0;
  for (int i = 0; i < n; ++i) {
    const int next = co_await plus_one(i);
    sum += static_cast<unsigned>(next);
  }
  co_return static_cast<int>(sum);
}

TEST(Core, RunsACoroutineToItsEndFromAnotherThread) {
  const RealClock clock;
  Core core("test", clock);
  EXPECT_EQ(run_blocking(core, add_up(100)), 5050);
}

TEST(Task, AMillionThatNeverWaitNeedNoStack) {
  const RealClock clock;
  Core core("test", clock);
  EXPECT_EQ(run_blocking(core, add_up(1'000'000)), 1784293664);  // of 500,000,500,000 the low bits
}

Task<int> throws_after(Core& core, bool waits) {
  if (waits) {
    Waiter waiter(core);
    core.post([&waiter] { waiter.wake(); });
    co_await waiter.wait();
  }
  throw std::runtime_error("broken");
}

Task<std::string> what_was_thrown(Core& core, bool waits) {
  std::string what;
  try {
    const int never = co_await throws_after(core, waits);
    what = std::to_string(never);
  } catch (const std::runtime_error& e) {
    what = e.what();
  }
  co_return what;
}

TEST(Task, AnExceptionIsThrownAgainWhereItIsAwaited) {
  const RealClock clock;
  Core core("test", clock);
  EXPECT_EQ(run_blocking(core, what_was_thrown(core, false)), "broken");
  EXPECT_EQ(run_blocking(core, what_was_thrown(core, true)), "broken");
}

Task<int> waits_at_depth(Core& core, int depth) {
  if (depth == 0) {
    Waiter waiter(core);
    core.post([&waiter] { waiter.wake(); });
    co_await waiter.wait();
    co_return 0;
  }
  const int below = co_await waits_at_depth(core, depth - 1);
  co_return below + 1;
}

TEST(Task, TheCallersOfWhatWaitedGoOnOneAfterTheOther) {
  const RealClock clock;
  Core core("test", clock);
  EXPECT_EQ(run_blocking(core, waits_at_depth(core, 50)), 50);
}

TEST(Core, PostedWorkRunsOnTheCoresThread) {
  const RealClock clock;
  Core core("test", clock);
  bool on_core = false;
  core.call([&] { on_core = core.on_thread(); });
  EXPECT_TRUE(on_core);
  EXPECT_FALSE(core.on_thread());
}

TEST(Core, RealTimeDeadlinesFire) {
  const RealClock clock;
  Core core("test", clock);
  const auto before = clock.steady_now();
  const Status slept = run_blocking(core, core.timers().sleep_for(20ms));
  EXPECT_TRUE(slept.has_value());
  EXPECT_GE(clock.steady_now() - before, 20ms);
}

Task<void> count_down(Core& core, std::atomic<int>& left) {
  const Status slept = co_await core.timers().sleep_for(1ms);
  if (slept) --left;
}

TEST(Scope, JoinsEverythingThatManyThreadsSpawned) {
  const RealClock clock;
  Core core("test", clock);
  Scope scope(core);
  std::atomic<int> left = 400;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) spawn(scope, "count down", count_down(core, left));
      });
    }
  }
  run_blocking(core, scope.join());
  EXPECT_EQ(left, 0);
  EXPECT_EQ(scope.running(), 0u);
}

Task<void> sleeps(Core& core) {
  const Status slept = co_await core.timers().sleep_for(1h);
  (void)slept;
}

Task<void> fails() {
  throw std::runtime_error("a fault");
  co_return;
}

TEST(ScopeDeathTest, AnExceptionThatLeavesATaskEndsTheProgramAndNamesTheTask) {
  EXPECT_DEATH(
      {
        testing::Loop loop;
        spawn(loop.scope(), "bad task", fails());
        loop.settle();
      },
      "task \"bad task\" failed: a fault");
}

TEST(ScopeDeathTest, AScopeThatWasNotJoinedIsAFault) {
  EXPECT_DEATH(
      {
        testing::Loop loop;
        Scope scope(loop.core());
        spawn(scope, "sleeper", sleeps(loop.core()));
        loop.settle();
      },
      "internal fault");
}

Task<std::vector<int>> pop_all(Channel<int>& channel) {
  std::vector<int> out;
  for (;;) {
    const Result<std::optional<int>> item = co_await channel.pop();
    if (!item || !*item) co_return out;
    out.push_back(**item);
  }
}

Task<int> push_some(Channel<int>& channel, int first, int count) {
  for (int i = 0; i < count; ++i) {
    const Status pushed = co_await channel.push(first + i);
    if (!pushed) co_return i;
  }
  co_return count;
}

TEST(Channel, AFullOneHoldsItsWriterBack) {
  testing::Loop loop;
  Channel<int> channel(loop.core(), 2);
  auto writer = loop.start(push_some(channel, 0, 5));
  EXPECT_FALSE(writer.done());
  EXPECT_EQ(channel.size(), 2u);
  auto reader = loop.start(pop_all(channel));
  EXPECT_TRUE(writer.done());
  channel.close();
  loop.settle();
  ASSERT_TRUE(reader.done());
  EXPECT_EQ(reader.value(), (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Channel, ManyReadersAndWritersLoseNothing) {
  testing::Loop loop;
  Channel<int> channel(loop.core(), 3);
  std::vector<testing::Loop::Running<std::vector<int>>> readers;
  for (int i = 0; i < 4; ++i) readers.push_back(loop.start(pop_all(channel)));
  for (int i = 0; i < 4; ++i) {
    auto writer = loop.start(push_some(channel, i * 100, 100));
    EXPECT_TRUE(writer.done());
  }
  channel.close();
  loop.settle();
  std::vector<int> all;
  for (auto& reader : readers) {
    ASSERT_TRUE(reader.done());
    all.insert(all.end(), reader.value().begin(), reader.value().end());
  }
  std::ranges::sort(all);
  ASSERT_EQ(all.size(), 400u);
  for (int i = 0; i < 400; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

TEST(Channel, ClosingLetsAWaitingWriterGo) {
  testing::Loop loop;
  Channel<int> channel(loop.core(), 1);
  auto writer = loop.start(push_some(channel, 0, 3));
  channel.close();
  loop.settle();
  ASSERT_TRUE(writer.done());
  EXPECT_EQ(writer.value(), 1);
}

TEST(Channel, ACancelledReaderLeavesTheItemToTheNext) {
  testing::Loop loop;
  Channel<int> channel(loop.core(), 1);
  CancelSource source;
  auto first = loop.start(channel.pop(source.token()));
  auto second = loop.start(channel.pop());
  source.cancel("gone");
  loop.settle();
  auto pushed = loop.start(channel.push(7));
  ASSERT_TRUE(first.done());
  EXPECT_FALSE(first.value().has_value());
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.value().value(), 7);
  EXPECT_TRUE(pushed.done());
}

TEST(Gate, LetsInNoMoreThanItsSizeAndInOrder) {
  testing::Loop loop;
  Gate gate(loop.core(), 2);
  auto first = loop.start(gate.acquire());
  auto second = loop.start(gate.acquire());
  auto third = loop.start(gate.acquire());
  auto fourth = loop.start(gate.acquire());
  ASSERT_TRUE(first.done() && second.done());
  EXPECT_FALSE(third.done());
  EXPECT_EQ(gate.waiting(), 2u);
  first.value() = Permit();
  loop.settle();
  EXPECT_TRUE(third.done());
  EXPECT_FALSE(fourth.done());
  second.value() = Permit();
  loop.settle();
  EXPECT_TRUE(fourth.done());
  third.value() = Permit();
  fourth.value() = Permit();
}

TEST(Gate, GrowingLetsInThoseWhoWaitAndShrinkingTakesNothingBack) {
  testing::Loop loop;
  Gate gate(loop.core(), 1);
  auto first = loop.start(gate.acquire());
  auto second = loop.start(gate.acquire());
  gate.set_size(2);
  loop.settle();
  ASSERT_TRUE(second.done());
  gate.set_size(1);
  auto third = loop.start(gate.acquire());
  first.value() = Permit();
  loop.settle();
  EXPECT_FALSE(third.done());
  second.value() = Permit();
  loop.settle();
  ASSERT_TRUE(third.done());
  third.value() = Permit();
  EXPECT_EQ(gate.used(), 0u);
}

TEST(Gate, ACancelledWaiterTakesNoPermit) {
  testing::Loop loop;
  Gate gate(loop.core(), 1);
  auto first = loop.start(gate.acquire());
  CancelSource source;
  auto second = loop.start(gate.acquire(source.token()));
  source.cancel("gone");
  loop.settle();
  ASSERT_TRUE(second.done());
  EXPECT_FALSE(second.value().has_value());
  first.value() = Permit();
  EXPECT_EQ(gate.used(), 0u);
  EXPECT_TRUE(gate.try_acquire().has_value());
}

Task<int> sum_on_pool(Core& core, BlockingPool& pool) {
  int sum = 0;
  for (int i = 0; i < 100; ++i) {
    auto work = [i] { return i; };
    const Result<int> got = co_await pool.run(core, work);
    if (got) sum += *got;
  }
  co_return sum;
}

TEST(BlockingPool, GivesTheResultBackOnTheCore) {
  const RealClock clock;
  Core core("test", clock);
  BlockingPool pool("pool", 2, 10);
  EXPECT_EQ(run_blocking(core, sum_on_pool(core, pool)), 4950);
}

TEST(BlockingPool, PassesErrorsOnAndTurnsExceptionsIntoOne) {
  testing::Loop loop;
  BlockingPool pool("pool", 1, 10);
  auto refuses = [] { return Result<int>(fail(Kind::kNotFound, "nothing there")); };
  const Result<int> refused = loop.run(pool.run(loop.core(), refuses));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, Kind::kNotFound);
  auto throws = []() -> int { throw std::runtime_error("boom"); };
  const Result<int> thrown = loop.run(pool.run(loop.core(), throws));
  ASSERT_FALSE(thrown.has_value());
  EXPECT_EQ(thrown.error().kind, Kind::kInternal);
  EXPECT_EQ(thrown.error().what, "pool failed: boom");
}

TEST(BlockingPool, AFullQueueIsUnavailableAndAWaitingJobCanBeCancelled) {
  testing::Loop loop;
  BlockingPool pool("busy", 1, 1);
  std::promise<void> hold;
  std::shared_future<void> held = hold.get_future().share();
  std::promise<void> began;
  auto block = [held, &began] {
    began.set_value();
    held.wait();
    return 1;
  };
  auto first = loop.start(pool.run(loop.core(), block));
  began.get_future().wait();
  CancelSource source;
  bool ran = false;
  auto mark = [&ran] { ran = true; };
  auto second = loop.start(pool.run(loop.core(), mark, source.token()));
  auto third = loop.start(pool.run(loop.core(), mark));
  ASSERT_TRUE(third.done());
  EXPECT_EQ(third.value().error().kind, Kind::kUnavailable);
  EXPECT_EQ(third.value().error().what, "too much work waits for the threads \"busy\" (limit 1)");
  source.cancel("no more");
  loop.settle();
  ASSERT_TRUE(second.done());
  EXPECT_EQ(second.value().error().kind, Kind::kCancelled);
  hold.set_value();
  ASSERT_TRUE(loop.wait_until([&] { return first.done(); }));
  EXPECT_EQ(first.value().value(), 1);
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace sighter::io
