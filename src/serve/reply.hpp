#pragma once
// How the doors say what they say: JSON answers, errors in the client's dialect, and the headers
// that tell what became of a call. Private to the room.

#include <string>

#include "base/json.hpp"
#include "models/client_request.hpp"
#include "serve/door.hpp"

namespace sighter::serve {

// A name that a client gives and that is kept: of a model, a metric.
inline constexpr std::size_t kNameBytesMax = 256;

io::Task<void> send_json(Exchange& exchange, int status, std::string body);
io::Task<void> send_text(Exchange& exchange, int status, std::string type, std::string body);
// An error of the house, with its status (retry-after on 429 and 503).
io::Task<void> send_error(Exchange& exchange, Error error);
// What a provider said, with its own status, or what kept us from asking one.
io::Task<void> send_failure(Exchange& exchange, const models::ClientResult& result);

// {"error": {"kind", "message", "hint"}}: how the program's own routes say what went wrong.
Json native_error(const Error& error);
// The body of an error of the exchange's dialect (kNone: the program's own form); with `event`, the
// server-sent event that ends a stream which broke.
std::string error_body(wire::Dialect dialect, const wire::WireError& error);
std::string error_event(wire::Dialect dialect, const wire::WireError& error);
// What is said of a failure: the provider's own words where there are some.
wire::WireError wire_error_of(const models::ClientResult& result);

// x-sighter-call, -route, -attempts, -tried, -dropped, -approximated, and what the provider told:
// of an answer that begins, or of a call that is over. On failure the route is that of the
// last request.
void add_call_headers(io::Headers& headers, const Id& call, const models::ReplyBegin& begin);
void add_call_headers(io::Headers& headers, const Id& call, const models::ClientResult& result);

// "a, b", as a header may hold it: what would be longer ends with ", ...".
constexpr std::size_t kJoinedBytesMax = 2000;
std::string joined(const std::vector<std::string>& names);
// Adds names that are not there yet.
void add_names(std::vector<std::string>& to, const std::vector<std::string>& names);
// What writing the reply lost, to what the request lost.
void add_losses(models::ClientResult& result, const wire::Encoded& encoded);
// An id for a reply that has none, as its dialect would give one: "chatcmpl-...", "msg_...".
std::string made_id(wire::Dialect dialect, const Id& call);

// The whole body as JSON text with its outside; kInvalid, kTooLarge, kTimeout, kCancelled.
struct JsonBody {
  std::string text;
  wire::Envelope envelope;
};
io::Task<Result<JsonBody>> read_json_body(Exchange& exchange);

// All parameters of the query, decoded, in order. kInvalid names one that cannot be decoded.
using Query = std::vector<std::pair<std::string, std::string>>;
Result<Query> query_of(std::string_view query);
// The value of a parameter of the query ("limit=10&before=..."), decoded; nullopt: absent.
std::optional<std::string> query_value(std::string_view query, std::string_view name);
// %XX decoded; nullopt for a broken escape, a control character or ill-formed UTF-8.
std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space);

}  // namespace sighter::serve
