#include "base/log.hpp"

#include <fmt/format.h>

#include <cstdio>

namespace sighter {
namespace {

std::string_view word(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    default:
      return "error";
  }
}

void to_standard_error(Level level, std::string_view room, std::string_view message) {
  const std::string line = fmt::format("{} {}: {}\n", word(level), room, message);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

Log::Log(Level least) : Log(least, to_standard_error) {}
Log::Log(Level least, Sink sink) : least_(least), sink_(std::move(sink)) {}

void Log::write(Level level, std::string_view room, std::string_view message) {
  if (level < least_ || level == Level::kOff) return;
  const std::lock_guard lock(mutex_);
  sink_(level, room, message);
}

}  // namespace sighter
