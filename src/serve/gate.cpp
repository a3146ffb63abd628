#include "serve/gate.hpp"

#include <algorithm>

namespace sighter::serve {
namespace {

bool allowed(std::string_view origin, const Settings& settings) {
  const auto& origins = settings.origins;
  return std::find(origins.begin(), origins.end(), "*") != origins.end() ||
         std::find(origins.begin(), origins.end(), origin) != origins.end();
}

// "localhost:7777" -> "localhost", "[::1]:7777" -> "::1".
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    return close == authority.npos ? authority : authority.substr(1, close - 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool is_own_host(std::string_view authority, const Settings& settings) {
  const std::string_view host = host_of(authority);
  // Names that end in .localhost are the machine's own too (RFC 6761, section 6.3).
  return io::equals_ignoring_case(host, "localhost") || host == "127.0.0.1" || host == "::1" ||
         host.ends_with(".localhost") || host == settings.listen.host ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == host.npos);
}

// A page that the door itself served.
bool is_own_origin(std::string_view origin, const io::Headers& headers, const Settings& settings) {
  const std::size_t scheme = origin.find("://");
  if (scheme == origin.npos) return false;
  const auto host = headers.get("Host");
  return host && origin.substr(scheme + 3) == *host && is_own_host(*host, settings);
}

}  // namespace

std::array<std::string_view, 4> keys_of(const io::Headers& headers) {
  std::array<std::string_view, 4> keys{};
  if (const auto value = headers.get("Authorization")) {
    constexpr std::string_view kBearer = "Bearer ";
    if (value->size() > kBearer.size() &&
        io::equals_ignoring_case(value->substr(0, kBearer.size()), kBearer))
      keys[0] = value->substr(kBearer.size());
  }
  keys[1] = headers.get("x-api-key").value_or("");
  keys[2] = headers.get("api-key").value_or("");
  keys[3] = headers.get("x-goog-api-key").value_or("");
  return keys;
}

bool same_secret(std::string_view given, std::string_view wanted) {
  // Goes over all of what was given, whatever it holds: the time tells nothing of the key.
  volatile unsigned different = given.size() != wanted.size() || wanted.empty();
  for (std::size_t i = 0; i < given.size() && !wanted.empty(); ++i) {
    const auto both = static_cast<unsigned char>(given[i] ^ wanted[i % wanted.size()]);
    different = different | both;
  }
  return different == 0;
}

std::optional<Error> refusal(const io::Headers& headers, const Settings& settings,
                             const Gate& gate) {
  if (const auto origin = headers.get("Origin");
      origin && !allowed(*origin, settings) && !is_own_origin(*origin, headers, settings)) {
    return Error{Kind::kForbidden, "a web page of another origin may not use this port",
                 "name it in sighter.toml: [serve] origins = [\"https://...\"]"};
  }
  if (gate.key.empty()) {
    const auto host = headers.get("Host");
    if (gate.loopback && host && !is_own_host(*host, settings)) {
      return Error{Kind::kForbidden, "this Host is not this machine's own",
                   "use 127.0.0.1 or localhost, or protect the port: [serve] key = \"env:NAME\""};
    }
    return std::nullopt;
  }
  if (gate.open) return std::nullopt;
  bool any = false, right = false;
  for (const std::string_view given : keys_of(headers)) {
    if (given.empty()) continue;
    any = true;
    right = same_secret(given, gate.key) || right;
  }
  if (right) return std::nullopt;
  if (any) return Error{Kind::kUnauthorized, "the key is wrong", {}};
  return Error{Kind::kUnauthorized, "no key was given",
               "send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'"};
}

void add_cors(const io::Headers& request, const Settings& settings, io::Headers& answer) {
  const auto origin = request.get("Origin");
  if (!origin || !allowed(*origin, settings)) return;
  answer.add("Access-Control-Allow-Origin", std::string(*origin));
  answer.add("Access-Control-Expose-Headers", "*");
  answer.add("Vary", "Origin");
}

void add_preflight(const io::Headers& request, io::Headers& answer) {
  answer.add("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  // A wildcard would not cover Authorization, so what was asked for is repeated.
  if (const auto names = request.get("Access-Control-Request-Headers"))
    answer.add("Access-Control-Allow-Headers", std::string(*names));
  answer.add("Access-Control-Max-Age", "600");
}

}  // namespace sighter::serve
