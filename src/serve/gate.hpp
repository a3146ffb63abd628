#pragma once
// Who may come in: the steps that every request passes once, before anything is read of its body.
// Any thread; no state.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "io/http_server.hpp"
#include "serve/settings.hpp"

namespace sighter::serve {

// The keys that a client gives: "Authorization: Bearer KEY", "x-api-key", "api-key",
// "x-goog-api-key"; empty where there is none. An SDK may send one of its own beside the one that
// its user set.
std::array<std::string_view, 4> keys_of(const io::Headers& headers);

// True where both are the same; takes as long for a key that is wrong in its first byte as in its
// last.
bool same_secret(std::string_view given, std::string_view wanted);

// What stands before a route of one of the ports.
struct Gate {
  std::string_view key{};  // the door's secret; empty: there is none
  bool loopback = true;    // the port's address is this machine's alone
  bool open = false;       // the route gives nothing away: no key is asked for
};
// Why the request is refused; nullopt: it may come in. kForbidden: a web page of an origin that
// [serve] origins does not name, or, where there is no key on a port of this machine alone, a Host
// that is not this machine's own (DNS rebinding). kUnauthorized: no key, or none that
// is right.
std::optional<Error> refusal(const io::Headers& headers, const Settings& settings,
                             const Gate& gate);

// The headers that let a page of an allowed origin read the answer; none for other requests.
void add_cors(const io::Headers& request, const Settings& settings, io::Headers& answer);
// A preflight request's own headers on top.
void add_preflight(const io::Headers& request, io::Headers& answer);

}  // namespace sighter::serve
