// Which route is asked, how often, and how long between.

#include <algorithm>
#include <cmath>

#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;

constexpr auto kPauseFirst = 500ms;
constexpr auto kPauseMax = 30s;
constexpr auto kRetryAfterMax = 60s;
constexpr auto kKeyKept = 5s;

}  // namespace

Router::Impl::Impl(io::Core& the_core, Hub& the_hub)
    : core(the_core),
      hub(the_hub),
      client(the_core, the_hub.dns_pool(),
             [] {
               io::HttpClientOptions options;
               options.proxies = io::ProxySettings::from_environment();
               return options;
             }()),
      random(secure_seed()) {}

AdaptiveLimit& Router::Impl::limit(const Provider& provider, const Route& route) {
  std::unique_ptr<AdaptiveLimit>& slot = limits[route.name()];
  if (!slot)
    slot = std::make_unique<AdaptiveLimit>(
        core, static_cast<std::size_t>(std::max(1, provider.parallel_max)));
  return *slot;
}

Result<std::string> Router::Impl::key(const Provider& provider) {
  if (provider.authentication == Authentication::kNone) return std::string();
  const SteadyTime now = core.clock().steady_now();
  const auto found = keys.find(provider.key);
  if (found != keys.end() && now < found->second.until) return found->second.secret;
  Result<std::string> secret = resolve_key(provider.key);
  if (!secret) secret = std::unexpected(secret.error().in(provider.name));
  // A key that is missing is looked for again each time: somebody is about to set it.
  if (secret) keys.insert_or_assign(provider.key, Key{secret, now + kKeyKept});
  return secret;
}

// Exponential with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015),
// unless the provider says how long.
io::Duration Router::Impl::pause(int failures, const Trouble& trouble) {
  if (trouble.retry_after) return std::min<io::Duration>(*trouble.retry_after, kRetryAfterMax);
  const double most =
      std::min(std::chrono::duration<double>(kPauseMax).count(),
               std::chrono::duration<double>(kPauseFirst).count() * std::pow(2.0, failures - 1));
  return std::chrono::duration_cast<io::Duration>(
      std::chrono::duration<double>(most * random.uniform()));
}

io::Task<Status> Router::Impl::run_routes(Call& call) {
  Status done = fail(Kind::kInvalid, fmt::format("the model '{}' has no routes", call.spec.name),
                     "routes = [\"provider/model\"]");
  for (const Route& route : call.spec.routes) {
    std::optional<Trouble> trouble = co_await run_route(call, route);
    if (!trouble) co_return Status{};
    const bool go_on = trouble->next_route && !call.result.begun;
    done = std::unexpected(std::move(trouble->error));
    if (!go_on) break;
  }
  co_return done;
}

io::Task<std::optional<Trouble>> Router::Impl::run_route(Call& call, const Route& route) {
  const Provider* provider = hub.config().provider(route.provider);
  if (provider == nullptr) {
    Trouble unknown{{Kind::kNotFound, fmt::format("there is no provider '{}'", route.provider), {}},
                    false,
                    true,
                    {}};
    co_return unknown;
  }
  for (int failures = 1;; ++failures) {
    std::optional<Trouble> trouble = co_await attempt(call, *provider, route);
    if (!trouble || !trouble->retry || call.result.begun || failures > provider->retries)
      co_return trouble;
    const io::Duration wait = pause(failures, *trouble);
    io::CancelToken token = call.options.cancel;
    Status slept = co_await core.timers().sleep_for(wait, token);
    if (!slept) {
      Trouble stopped{std::move(slept.error()), false, false, {}};
      co_return stopped;
    }
  }
}

}  // namespace sighter::models
