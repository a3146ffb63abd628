#include "models/routing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/similar.hpp"

namespace sighter::models {
namespace {

using std::chrono::milliseconds;

// What may be listed in fallback_on. A budget of our own and a client that went away are not there:
// no other route mends them.
constexpr Kind kFallbackKinds[] = {
    Kind::kRateLimited,  Kind::kTimeout,   Kind::kUnavailable, Kind::kUpstream,    Kind::kInvalid,
    Kind::kUnauthorized, Kind::kForbidden, Kind::kNotFound,    Kind::kUnsupported, Kind::kTooLarge,
};

std::set<Kind> read_kinds(const TomlTable& table, std::string_view key) {
  std::vector<std::string> words;
  for (const Kind kind : kFallbackKinds) words.emplace_back(to_string(kind));
  std::set<Kind> kinds;
  for (const std::string& word : table.strings(key)) {
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      table.mistake(key, fmt::format("'{}' is no kind of error", word), did_you_mean(word, words));
      continue;
    }
    kinds.insert(kind_from(word));
  }
  return kinds;
}

Hedge read_hedge(const TomlTable& model) {
  Hedge hedge;
  if (!model.is_table("hedge")) {
    hedge.enabled = model.boolean("hedge").value_or(false);
    return hedge;
  }
  const TomlTable table = model.table("hedge");
  hedge.enabled = true;
  hedge.quantile = table.number("quantile", 0.5, 0.999).value_or(hedge.quantile);
  hedge.share = table.number("share", 0, 1).value_or(hedge.share);
  return hedge;
}

}  // namespace

std::optional<milliseconds> read_timeout(const TomlTable& table, std::string_view key) {
  const std::optional<double> seconds = table.number(key, 0.001, 86400);
  if (!seconds) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(*seconds * 1000));
}

Routing read_routing(const TomlTable& model) {
  Routing routing;
  if (const auto word = model.word("balance", {"ordered", "weighted", "least_loaded"})) {
    routing.balance = *word == "weighted"       ? Balance::kWeighted
                      : *word == "least_loaded" ? Balance::kLeastLoaded
                                                : Balance::kOrdered;
  }
  routing.sticky = model.boolean("sticky").value_or(false);
  routing.hedge = read_hedge(model);
  routing.fallback = model.strings("fallback");
  if (model.has("fallback_on")) routing.fallback_on = read_kinds(model, "fallback_on");
  return routing;
}

void read_route(const TomlTable& table, Route& route) {
  route.weight = table.number("weight", 0.001, 1e6).value_or(route.weight);
  route.may_repeat = table.boolean("may_repeat").value_or(route.may_repeat);
  if (const auto retries = table.integer("retries", 0, 20))
    route.retries = static_cast<int>(*retries);
  route.timeouts.connect = read_timeout(table, "connect_timeout_s");
  route.timeouts.first_byte = read_timeout(table, "first_byte_timeout_s");
  route.timeouts.gap = read_timeout(table, "gap_timeout_s");
  route.timeouts.total = read_timeout(table, "timeout_s");
}

BreakerOptions read_breaker(const TomlTable& provider, BreakerOptions options) {
  if (!provider.is_table("breaker")) {
    options.enabled = provider.boolean("breaker").value_or(options.enabled);
    return options;
  }
  const TomlTable table = provider.table("breaker");
  options.enabled = true;
  options.consecutive =
      static_cast<int>(table.integer("failures", 1, 1'000'000).value_or(options.consecutive));
  options.share = table.number("share", 0.01, 1).value_or(options.share);
  options.requests_min =
      static_cast<int>(table.integer("requests", 1, 1'000'000).value_or(options.requests_min));
  options.window = read_timeout(table, "window_s").value_or(options.window);
  options.open_first = read_timeout(table, "open_s").value_or(options.open_first);
  options.open_max = read_timeout(table, "open_max_s").value_or(options.open_max);
  if (options.open_max < options.open_first)
    table.mistake("open_max_s", "it is shorter than open_s", "open_s doubles up to open_max_s");
  return options;
}

}  // namespace sighter::models
