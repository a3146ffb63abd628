#pragma once
// What does not come through unchanged when a request or a reply of one dialect is said in another:
// one table. docs/dialects.md shows it; the tests hold it against every recorded exchange, both
// ways: what differs stands here, and what stands here does happen.

#include <span>
#include <string>
#include <string_view>

#include "wire/message.hpp"

namespace sighter::wire {

struct Difference {
  enum class Side { kRequest, kReply };  // streams are replies
  enum class How {
    kRefused,       // of a request: 400 by name, unless `allow_drop` lists it
    kLeftOut,       // of a reply: left out, and named as dropped
    kApproximated,  // said less exactly, and named as approximated
    kCarried,       // in a member that is no part of the dialect as documented, or in another one
    kFollows,       // another form of the same, or a consequence of what `names` reports
  };
  Side side{};
  // Words of dialects as to_string() writes them, parted by spaces; "*": any (other) one.
  std::string_view from{};
  std::string_view to{};
  How how{};
  // What the encoders report, parted by spaces, as `allow_drop` would list it.
  std::string_view names{};
  // Facts that differ without being reported under their own name: always, or where there are
  // names, together with one of these.
  std::string_view facts{};
  std::string_view why{};

  bool between(Dialect a, Dialect b) const;
};

std::string_view to_string(Difference::How how);

std::span<const Difference> differences();

// The table as docs/dialects.md shows it.
std::string differences_markdown();

}  // namespace sighter::wire
