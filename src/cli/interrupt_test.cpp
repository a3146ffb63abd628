#include "cli/interrupt.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <future>

namespace sighter::cli {
namespace {

TEST(Interrupt, TheFirstSignalAsks) {
  std::promise<void> promise;
  Interrupt interrupt([&] { promise.set_value(); });
  EXPECT_FALSE(interrupt.asked());
  ::raise(SIGINT);
  promise.get_future().wait();
  EXPECT_TRUE(interrupt.asked());
}

TEST(Interrupt, TheSecondSignalEnds) {
  const auto twice = [] {
    Interrupt interrupt([] {});
    ::raise(SIGINT);
    ::raise(SIGTERM);
    ::_exit(0);
  };
  EXPECT_EXIT(twice(), ::testing::ExitedWithCode(130), "");
}

TEST(Interrupt, FormerHandlersComeBack) {
  struct sigaction before {
  }, after{};
  ::sigaction(SIGINT, nullptr, &before);
  {
    const Interrupt interrupt([] {});
  }
  ::sigaction(SIGINT, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(Interrupt, AnotherMayFollow) {
  {
    const Interrupt interrupt([] {});
  }
  const Interrupt interrupt([] {});
  EXPECT_FALSE(interrupt.asked());
}

}  // namespace
}  // namespace sighter::cli
