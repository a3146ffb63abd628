#pragma once
// What a whole reply says, for the row of a reply that is passed on unread.

#include <string>
#include <string_view>

namespace sighter::wire {

// A text as json_write() writes it, quotes included, of one that `written` holds in any form that
// JSON allows, quotes included (RelayedFacts::text).
std::string reply_text(std::string_view written);

}  // namespace sighter::wire
