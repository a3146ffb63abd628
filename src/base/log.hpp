#pragma once
// What the program says about itself while it runs: one line an event, to standard error. Never a
// secret, never a person's data beyond what the caller names. Any thread.

#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace sighter {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };

class Log {
 public:
  using Sink = std::function<void(Level, std::string_view room, std::string_view message)>;
  // Standard error, "warning io: message".
  explicit Log(Level least = Level::kWarning);
  Log(Level least, Sink sink);  // the sink is called under a lock, one message at a time

  void debug(std::string_view room, std::string_view message) { write(Level::kDebug, room, message); }
  void info(std::string_view room, std::string_view message) { write(Level::kInfo, room, message); }
  void warning(std::string_view room, std::string_view message) { write(Level::kWarning, room, message); }
  void error(std::string_view room, std::string_view message) { write(Level::kError, room, message); }
  void write(Level level, std::string_view room, std::string_view message);

 private:
  Level least_;
  Sink sink_;
  std::mutex mutex_;
};

}  // namespace sighter
