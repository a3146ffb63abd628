#pragma once
// Ids of calls, runs and traces: UUID version 7 (RFC 9562, section 5.7), made by us, so that rows
// sort by time and any machine can make them.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace sighter {

struct Id {
  std::array<std::uint8_t, 16> bytes{};

  bool is_nil() const;
  std::string to_string() const;  // 36 characters, lower case
  static std::optional<Id> parse(std::string_view text);
  // Milliseconds of the Unix epoch that a version 7 id holds.
  std::int64_t unix_ms() const;
  auto operator<=>(const Id&) const = default;
};

// Monotonic within one process: ids made later sort later, also within a millisecond and when the
// clock goes back. Any thread.
class IdMaker {
 public:
  explicit IdMaker(const Clock& clock);
  ~IdMaker();
  IdMaker(const IdMaker&) = delete;
  IdMaker& operator=(const IdMaker&) = delete;
  Id next();

 private:
  struct State;
  const Clock& clock_;
  State* state_;
};

}  // namespace sighter

template <>
struct std::hash<sighter::Id> {
  std::size_t operator()(const sighter::Id& id) const noexcept {
    std::size_t h = 0;
    for (int i = 8; i < 16; ++i) h = h << 8 | id.bytes[static_cast<std::size_t>(i)];
    for (int i = 0; i < 8; ++i) h = h * 31 + id.bytes[static_cast<std::size_t>(i)];
    return h;
  }
};
