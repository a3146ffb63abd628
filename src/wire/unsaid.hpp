#pragma once
// What a provider says of usage, sources, log-probabilities and marks in words that another dialect
// has no place for: noted by name. Inside of the room.
//
// What is usual says nothing: what the typed form counts or can be reckoned from it, 0, false and
// empty, and a tier or region that everybody has (docs/dialects.md).

#include <string_view>

#include "wire/object_writer.hpp"

namespace sighter::wire {

// "usage.queue_time" of a usage that is written in another dialect than it came in.
void note_unsaid(const Usage& usage, Losses& losses);
// "messages.content.citations.zz" of a source that is written in another dialect.
void note_unsaid(const Citation& citation, Losses& losses);
// "choices.logprobs.content.zz" of `logprobs` in the shape of Chat Completions, where the tokens'
// members (`tokens`) or only those beside the list have no place.
void note_unsaid_logprobs(const Json& logprobs, bool tokens, Losses& losses);
// "cache_control.zz" of a mark that is written as its type and ttl.
void note_unsaid_mark(const Json& mark, Losses& losses);
// "service_tier" of a reply whose tier is not written.
void note_unsaid_tier(Dialect dialect, std::string_view tier, Losses& losses);

}  // namespace sighter::wire
