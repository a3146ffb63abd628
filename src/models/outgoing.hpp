#pragma once
// What is sent to a provider for a client's request: relayed bytes, or the request in the
// provider's own dialect. For this room's sources only.

#include <string>
#include <string_view>
#include <vector>

#include "io/http.hpp"
#include "models/client_request.hpp"
#include "models/config.hpp"
#include "wire/codec.hpp"

namespace sighter::models {

struct Outgoing {
  io::HttpRequest http;     // without credentials
  bool relay = false;       // the answer goes to the client as it comes
  bool hide_usage = false;  // of a relayed stream: the client did not ask for that chunk
  std::vector<std::string> dropped;
  std::vector<std::string> approximated;
};

// kInvalid, naming every parameter that the provider's dialect cannot express; kUnsupported when it
// has no such endpoint. Whether the client's own body is well-formed was checked before
// (ClientRequest::decode_chat), or it is relayed.
Result<Outgoing> outgoing(ClientRequest& request, const Provider& provider,
                          std::string_view upstream, const wire::Quirks& quirks);

// Whether the request goes through as bytes: same dialect, nothing to change but the model's name.
bool relays(const ClientRequest& request, const Provider& provider, const wire::Quirks& quirks);

inline constexpr std::int64_t kAnthropicOutputTokens = 8192;  // sent where no limit is asked for

}  // namespace sighter::models
