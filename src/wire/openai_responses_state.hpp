#pragma once
// What the service keeps of a response, as JSON: a response goes on from what was stored of the one
// before it, whatever upstream answered either. Pure functions; the store is the caller's.
//
// "Items" is the JSON text that the store holds for a response: {"input": [items], "output":
// [items]}, the input with all that went before it, so that deleting an earlier response breaks no
// later one.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/json.hpp"
#include "wire/message.hpp"

namespace sighter::wire::openai_responses {

// The body of a request that names a previous response, as one that says everything itself: the
// stored items, then its own input; without previous_response_id. The instructions of the previous
// response do not carry over, as the dialect has it. kInvalid where the input is no string or list;
// kInternal where `items` is not what items_of_exchange wrote.
Result<Json> continued(Json body, std::string_view items);

// References to items ("item_reference") that replies made here gave their ids. The responses that
// they are of, each once, at most kReferencesMax of them.
inline constexpr std::size_t kReferencesMax = 64;
std::vector<std::string> referenced_responses(const Json& body);
// Puts items of that response in the place of the references to them; `known`: the conversation has
// them already, and the references are left out. What is not found stays as it is.
Status resolve_references(Json& body, std::string_view response_id, std::string_view items,
                          bool known);

// What to store of an exchange: the body as the upstream was asked (see continued) and the
// response.
std::string items_of_exchange(const Json& body, const Json& response);

// For truncation "auto": `body` without the older half of its turns. A turn begins with what a user
// says, so that no result is left without its call; system and developer messages stay. False, and
// nothing changed, where there is one turn.
bool truncate_turns(Json& body);

// The response as the client gets it: under our id, naming the response that it asked to go on
// from.
void set_identity(Json& response, std::string_view id, std::string_view previous);

struct Page {
  std::int64_t limit = 20;  // 1 to 100
  bool descending = true;   // the latest first
  std::string after = {};   // id of the last item of the page before; empty: the first page
  std::string before = {};  // id of the first item of the page behind: those next to it are shown
};
// The body of GET /v1/responses/{id}/input_items. Items without an id of their own get one, the
// same each time. kInvalid: the limit is out of range, or `after` or `before` names no item;
// kInternal as above.
Result<std::string> input_items(std::string_view response_id, std::string_view items,
                                const Page& page);

// The body of DELETE /v1/responses/{id}.
std::string deleted_body(std::string_view response_id);

// Errors of the dialect for a response that is not there: as what a request goes on from (status
// 400), and as the thing that is asked for (status 404).
std::string previous_not_found(std::string_view response_id);
std::string response_not_found(std::string_view response_id);

// The response object in an event of the stream that ends it ("response.completed",
// "response.incomplete"); nullopt for every other event.
std::optional<Json> final_response(std::string_view event, std::string_view data);

// For a relayed stream that was cut: the event that says so, and the number for it, behind the last
// one that `events` hold (nullopt: they hold none).
std::string error_event(const WireError& error, std::int64_t number);
std::optional<std::int64_t> number_after(std::string_view events);

// A stored response as the stream that it would have come as: its events behind the one numbered
// `after` (-1: all). kUpstream where `body` is no response that came to its end.
Result<std::string> events_of(Json body, std::int64_t after, std::int64_t now_s);

// What the front door does itself, so that no upstream of another dialect needs to express it:
// truncation, keeping metadata with the response, and going on from `previous` (empty: from none),
// which the reply names again.
void take_over(ChatRequest& request, std::string_view previous);

}  // namespace sighter::wire::openai_responses
