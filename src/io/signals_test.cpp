#include "io/signals.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

#include "io/subprocess.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

TEST(StopSignals, TheFirstAsksNicelyAndTheSecondAtOnce) {
  testing::Loop loop;
  const StopSignals signals(loop.core());
  EXPECT_EQ(signals.last_signal(), 0);
  ::kill(::getpid(), SIGINT);
  ASSERT_TRUE(loop.wait_until([&] { return signals.nicely().cancelled(); }));
  EXPECT_FALSE(signals.at_once().cancelled());
  EXPECT_EQ(signals.nicely().error().what, "stopped by Ctrl-C");
  EXPECT_EQ(signals.last_signal(), SIGINT);
  // A process and its group are signalled together: that is one wish.
  loop.advance(std::chrono::milliseconds(99));
  ::kill(::getpid(), SIGTERM);
  ASSERT_TRUE(loop.wait_until([&] { return signals.last_signal() == SIGTERM; }));
  EXPECT_FALSE(signals.at_once().cancelled());
  loop.advance(std::chrono::milliseconds(2));
  ::kill(::getpid(), SIGHUP);
  ASSERT_TRUE(loop.wait_until([&] { return signals.at_once().cancelled(); }));
  EXPECT_EQ(signals.at_once().error().what, "stopped by SIGHUP");
  EXPECT_EQ(signals.last_signal(), SIGHUP);
}

TEST(KeepMemoryPrivateDeathTest, OthersOfTheSameUserAreShutOut) {
  EXPECT_EXIT(
      {
        keep_memory_private();
        ::_exit(::prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sighter::io
