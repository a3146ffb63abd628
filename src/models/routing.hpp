#pragma once
// How the routes of a model are asked, as sighter.toml says it: the parts of [models.NAME] and
// [providers.NAME] that decide about order, repeating, hedging and giving up.

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/toml.hpp"
#include "models/balance.hpp"
#include "models/breaker.hpp"

namespace sighter::models {

// What a route says otherwise than its provider.
struct RouteTimeouts {
  std::optional<std::chrono::milliseconds> connect;
  std::optional<std::chrono::milliseconds> first_byte;
  std::optional<std::chrono::milliseconds> gap;
  std::optional<std::chrono::milliseconds> total;
};

struct Route {
  std::string provider;
  std::string upstream;  // the provider's name of the model
  double weight = 1;     // for balance = "weighted", and of conversations that stick
  // False: a request that may have reached the provider is not sent again, to no route.
  bool may_repeat = true;
  std::optional<int> retries{};
  RouteTimeouts timeouts{};

  std::string name() const { return provider + "/" + upstream; }
};

struct Hedge {
  bool enabled = false;
  double quantile = 0.95;  // of the route's own times: later than that is late
  double share = 0.05;     // of the requests, at most, may be second ones
};

struct Routing {
  Balance balance = Balance::kOrdered;
  bool sticky = false;  // a conversation stays with one route and key
  Hedge hedge{};
  std::vector<std::string> fallback{};  // other models, in order; theirs are not followed
  // After which errors another route or model is asked; nullopt: where another may answer at all.
  std::optional<std::set<Kind>> fallback_on{};
};

// balance, sticky, hedge, fallback and fallback_on of one model's table.
Routing read_routing(const TomlTable& model);
// weight, may_repeat, retries and the time-outs of one route's table.
void read_route(const TomlTable& table, Route& route);
// `breaker` of a provider's table: false, or a table.
BreakerOptions read_breaker(const TomlTable& provider, BreakerOptions otherwise);
// A time-out in seconds at `key`, at least a millisecond and at most a day.
std::optional<std::chrono::milliseconds> read_timeout(const TomlTable& table, std::string_view key);

}  // namespace sighter::models
