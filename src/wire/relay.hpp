#pragma once
// What has to be known of a dialect to pass its bytes on unread.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "wire/envelope.hpp"
#include "wire/message.hpp"
#include "wire/quirks.hpp"

namespace sighter::wire {

// True when a request of `dialect` says nothing that a server with these quirks needs to be told
// otherwise: only the model's name has to change.
bool relayable(Dialect dialect, std::string_view body, const Envelope& envelope,
               const Quirks& quirks);

struct RelayedRequest {
  std::string body;
  // The stream's chunk with the usage was asked for by us: the client does not expect it.
  bool hide_usage = false;
};
// The same bytes for the model `upstream`; a stream of Chat Completions is asked to report usage.
// kInvalid when stream_options is no object.
Result<RelayedRequest> relayed_request(Dialect dialect, std::string_view body,
                                       const Envelope& envelope, std::string_view upstream,
                                       bool stream, const Quirks& quirks);

// Whether an event can hold anything but a piece of content: usage, a finish reason, an error, the
// beginning or the end. What is false here needs no parsing.
bool holds_more_than_content(Dialect dialect, std::string_view event, std::string_view data);

// Of those that hold nothing more: whether an event may hold no content either, because it only
// begins something (the role of a message, an empty block). Decoding says.
bool may_hold_nothing(Dialect dialect, std::string_view event, std::string_view data);

// Where in a reply the text of its only choice stands, quotes included; of size 0 where it has
// none.
struct TextPlace {
  std::size_t at = 0;
  std::size_t size = 0;
};

// What a row says of a whole reply whose bytes are passed on.
struct RelayedFacts {
  Usage usage;
  FinishReason finish;
  // nullopt where the reply has to be decoded to know: whatever stands beside the text (a refusal,
  // thoughts, sources, tool calls), content in parts, another role than the assistant's.
  std::optional<TextPlace> text;
};
// Read without a tree of the content; nullopt where the reply has to be decoded to know them: no
// usage, several choices, no finish reason, an error, another dialect than Chat Completions, or no
// JSON.
std::optional<RelayedFacts> relayed_facts(Dialect dialect, std::string_view body);

// Chat Completions: the chunk of a stream that has usage and no choices.
bool is_usage_chunk(std::string_view data);

}  // namespace sighter::wire
