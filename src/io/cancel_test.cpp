#include "io/cancel.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "io/scope.hpp"
#include "io/time.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;

TEST(CancelToken, ADefaultTokenIsNeverCancelled) {
  testing::Loop loop;
  const CancelToken token;
  const CancelRegistration registration =
      token.on_cancel(loop.core(), [] { ADD_FAILURE() << "called"; });
  loop.settle();
  EXPECT_FALSE(token.cancelled());
}

TEST(CancelToken, TheFirstReasonStays) {
  CancelSource source;
  source.cancel("stopped by Ctrl-C");
  source.cancel("the client went away");
  EXPECT_EQ(source.token().error().what, "stopped by Ctrl-C");
  EXPECT_EQ(source.token().error().kind, Kind::kCancelled);
}

TEST(CancelToken, CallsBackOnceAlsoWhenRegisteredLate) {
  testing::Loop loop;
  CancelSource source;
  int early = 0;
  int late = 0;
  const CancelRegistration a = source.token().on_cancel(loop.core(), [&early] { ++early; });
  source.cancel("x");
  source.cancel("x");
  const CancelRegistration b = source.token().on_cancel(loop.core(), [&late] { ++late; });
  EXPECT_EQ(early, 0) << "never inside cancel()";
  loop.settle();
  EXPECT_EQ(early, 1);
  EXPECT_EQ(late, 1);
}

TEST(CancelToken, NoCallAfterTheRegistrationIsGone) {
  testing::Loop loop;
  CancelSource source;
  {
    const CancelRegistration registration =
        source.token().on_cancel(loop.core(), [] { ADD_FAILURE() << "called"; });
    source.cancel("posted, but not run yet");
  }
  loop.settle();
  EXPECT_TRUE(source.token().cancelled());
}

TEST(CancelSource, AChildIsCancelledWithItsParentAndNotTheOtherWayRound) {
  CancelSource parent;
  CancelSource first(parent.token());
  CancelSource second(parent.token());
  CancelSource grandchild(second.token());
  first.cancel("beaten");
  EXPECT_FALSE(parent.token().cancelled());
  EXPECT_FALSE(second.token().cancelled());
  parent.cancel("stop");
  EXPECT_TRUE(grandchild.token().cancelled());
  EXPECT_EQ(grandchild.token().error().what, "stop");
  EXPECT_EQ(first.token().error().what, "beaten");
}

TEST(CancelSource, AChildOfACancelledParentIsBornCancelled) {
  CancelSource parent;
  parent.cancel("stop");
  const CancelSource child(parent.token());
  EXPECT_TRUE(child.token().cancelled());
}

Task<int> sleep_long(Core& core, CancelToken token) {
  const Status slept = co_await core.timers().sleep_for(1h, token);
  co_return slept ? 0 : 1;
}

Task<void> count_cancelled(Core& core, CancelToken token, std::atomic<int>& cancelled) {
  const int woken = co_await sleep_long(core, token);
  cancelled += woken;
}

TEST(CancelSource, WakesSleepersOfSeveralCoresFromOtherThreads) {
  const RealClock clock;
  Cores cores("test", 2, clock);
  std::atomic<int> cancelled = 0;
  for (int round = 0; round < 50; ++round) {
    CancelSource parent;
    Scope first(cores[0]);
    Scope second(cores[1]);
    for (int i = 0; i < 4; ++i) {
      CancelSource child(parent.token());
      spawn(first, "sleeper", count_cancelled(cores[0], child.token(), cancelled));
      spawn(second, "sleeper", count_cancelled(cores[1], parent.token(), cancelled));
    }
    std::jthread canceller([parent]() mutable { parent.cancel("stop"); });
    std::jthread other([parent]() mutable { parent.cancel("stop, too"); });
    run_blocking(cores[0], first.join());
    run_blocking(cores[1], second.join());
  }
  EXPECT_EQ(cancelled, 400);
}

TEST(CancelSource, ChildrenComeAndGoWhileTheParentIsCancelled) {
  for (int round = 0; round < 50; ++round) {
    CancelSource parent;
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([token = parent.token()] {
        for (int i = 0; i < 200; ++i) {
          const CancelSource child(token);
          const CancelSource grandchild(child.token());
          (void)grandchild.token().cancelled();
        }
      });
    }
    parent.cancel("stop");
  }
  SUCCEED() << "the sanitizers watch";
}

}  // namespace
}  // namespace sighter::io
