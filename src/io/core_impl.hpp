#pragma once
// The inside of a Core, for this room's sources only: it includes Asio.

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "io/core.hpp"
#include "io/time.hpp"

namespace sighter::io {

struct Core::Impl {
  Impl(Core& core, std::string core_name, const Clock& core_clock, bool is_manual);

  std::string name;
  const Clock& clock;
  bool manual;
  Timers timers;  // outlives the context, whose leftover handlers may own alarms
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  boost::asio::steady_timer wake;
  std::atomic<std::thread::id> owner;
  std::thread thread;
  // Where sockets are read into, one at a time; made for the first one. Core's thread only.
  std::unique_ptr<char[]> read_buffer;
  static constexpr std::size_t kReadBufferBytes = 65'536;

  void wake_at(SteadyTime when);
  void on_wake(boost::system::error_code error);
};

}  // namespace sighter::io
