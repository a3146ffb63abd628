// Which route is asked, how often, and how long between: the one loop that every request goes
// through. What is asked next is decided in selection.cpp.

#include <algorithm>

#include "base/hash.hpp"
#include "models/prefix.hpp"
#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

using namespace std::chrono_literals;

constexpr auto kKeyKept = 5s;
constexpr double kHedgesSaved = 10;

std::uint64_t conversation_in(const ClientRequest& request) {
  if (!request.stickiness.empty()) return std::max<std::uint64_t>(1, hash64(request.stickiness));
  if (!request.body.empty()) return conversation_of(request.body, request.envelope);
  return request.chat ? conversation_of(*request.chat) : 0;
}

std::size_t keys_of(const Provider& provider) {
  return 1 + provider.more_keys.size();
}

// A file or a batch that was made twice is two of them.
bool acts_once(const ClientRequest& request) {
  return request.endpoint == Endpoint::kOther && request.method != "GET";
}

bool is_streamed(const Call& call) {
  return call.options.sink != nullptr && call.request->stream;
}

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

AdaptiveLimit& Router::Impl::limit(const Provider& provider, const std::string& route,
                                   std::size_t key) {
  const auto make = [&] {
    return std::make_unique<AdaptiveLimit>(
        core, static_cast<std::size_t>(provider.parallel_max.value_or(kParallelMax)));
  };
  const auto unused = [](const std::string&, const std::unique_ptr<AdaptiveLimit>& one) {
    return one->gate().used() == 0 && one->gate().waiting() == 0;
  };
  return *limits.at(key == 0 ? route : fmt::format("{} key {}", route, key), make, unused);
}

Result<std::string> Router::Impl::secret(const Provider& provider, const std::string& reference) {
  if (provider.authentication == Authentication::kNone) return std::string();
  const SteadyTime now = core.clock().steady_now();
  const auto found = keys.find(reference);
  if (found != keys.end() && now < found->second.until) return found->second.secret;
  Result<std::string> secret = resolve_key(reference);
  if (!secret) secret = std::unexpected(secret.error().in(provider.name));
  // A key that is missing is looked for again each time: somebody is about to set it.
  if (secret) keys.insert_or_assign(reference, Key{secret, now + kKeyKept});
  return secret;
}

std::shared_ptr<RouteState> Router::Impl::state(const Provider& provider,
                                                const std::string& route) {
  const std::size_t count = keys_of(provider);
  const auto find = [&] { return hub.impl().routes.of(route, count); };
  // The hub keeps what is forgotten here, and whoever is under way holds what it needs.
  std::shared_ptr<RouteState>& slot =
      states.at(route, find, [](const std::string&, const auto&) { return true; });
  if (slot->keys.size() != count) slot = find();
  return slot;
}

std::vector<Choice> Router::Impl::choices_of(const ModelSpec& spec) {
  std::vector<Choice> choices;
  choices.reserve(spec.routes.size());
  for (const Route& route : spec.routes) {
    const Provider* provider = hub.config().provider(route.provider);
    if (provider != nullptr) choices.push_back({&route, provider, state(*provider, route.name())});
  }
  return choices;
}

// The model's routes, then those of the models that it falls back to.
io::Task<Status> Router::Impl::run_routes(Call& call) {
  const std::shared_ptr<const ModelSpec> asked = call.spec;
  const Routing& routing = asked->routing;
  std::optional<Trouble> trouble = co_await run_model(call);
  for (const std::string& name : routing.fallback) {
    if (!trouble || !leads_on(routing, *trouble)) break;
    Result<std::shared_ptr<const ModelSpec>> other = hub.config().spec(name);
    if (!other) continue;
    call.spec = std::move(*other);
    if (call.spec->local) {
      Status done = co_await run_local(call);
      if (done) co_return done;
      trouble = stop(std::move(done.error()));
      trouble->next_route = true;
      trouble->last = call.result.begun;
    } else {
      trouble = co_await run_model(call);
    }
  }
  if (!trouble) co_return Status{};
  call.result.retry_after = trouble->retry_after;
  co_return std::unexpected(std::move(trouble->error));
}

io::Task<std::optional<Trouble>> Router::Impl::run_model(Call& call) {
  std::vector<Choice> choices = choices_of(*call.spec);
  if (choices.empty()) {
    Trouble none =
        stop({Kind::kInvalid, fmt::format("the model '{}' has no routes", call.spec->name),
              "routes = [\"provider/model\"]"});
    none.next_route = true;
    co_return none;
  }
  const Routing& routing = call.spec->routing;
  // Where there is but one place to go, nobody has to know which conversation it is.
  const bool chosen = choices.size() > 1 || !choices.front().provider->more_keys.empty();
  const std::uint64_t conversation = routing.sticky && chosen ? conversation_in(*call.request) : 0;
  // Nobody waits at a door of the program's own requests.
  const bool patient = call.request->dialect == wire::Dialect::kNone;
  Selection selection(std::move(choices), routing, conversation, patient, random,
                      core.clock().steady_now());
  std::optional<Trouble> last;
  for (;;) {
    const Selection::Next next = selection.next(core.clock().steady_now());
    if (next.wait) {
      io::CancelToken token = call.options.cancel;
      Status slept = co_await core.timers().sleep_until(*next.wait, token);
      if (slept) continue;
      Trouble stopped = stop(std::move(slept.error()));
      stopped.last = true;
      co_return stopped;
    }
    if (!next.send) break;
    std::optional<Trouble> trouble = co_await ask(call, selection, *next.send);
    if (!trouble) co_return std::nullopt;
    const bool over = trouble->last;
    // The client is told what a provider said, where one said something.
    if (!last || trouble->sent || !last->sent) last = std::move(trouble);
    if (over) break;
  }
  if (!last || !last->sent) {
    // A route that only rests would have taken it: the client may ask again.
    Trouble rests = selection.blocked(core.clock().steady_now());
    if (!last || rests.retry_after) last = std::move(rests);
  }
  co_return last;
}

// One request, or two when the first is late; reports how each of them ended.
io::Task<std::optional<Trouble>> Router::Impl::ask(Call& call, Selection& selection,
                                                   Target target) {
  const Choice& choice = selection.choice(target);
  const Hedge& hedge = call.spec->routing.hedge;
  if (hedge.enabled && choice.route->may_repeat && !acts_once(*call.request)) {
    choice.state->hedges.earn(hedge.share, kHedgesSaved);
    const DurationQuantile& times =
        is_streamed(call) ? choice.state->first_token : choice.state->whole_answer;
    if (const auto late = times.at(hedge.quantile)) {
      std::optional<Trouble> trouble = co_await hedged(call, selection, target, *late);
      co_return trouble;
    }
  }
  std::optional<Trouble> trouble = co_await attempt(call, choice, target.key);
  if (trouble) {
    trouble->last =
        call.result.begun || trouble->error.kind == Kind::kCancelled ||
        (trouble->may_have_worked && (!choice.route->may_repeat || acts_once(*call.request)));
  }
  report(selection, target, trouble, call.result);
  if (trouble && !leads_on(call.spec->routing, *trouble)) selection.only(target);
  co_return trouble;
}

void Router::Impl::report(Selection& selection, const Target& target,
                          const std::optional<Trouble>& trouble, const ClientResult& result) {
  const SteadyTime now = core.clock().steady_now();
  if (trouble) {
    if (trouble->error.kind == Kind::kCancelled) return selection.abandoned(target, now);
    return selection.failed(target, *trouble, now);
  }
  selection.succeeded(target, now);
  if (result.limits.empty()) return;
  // It answered, and says that nothing is left for the next one.
  std::vector<wire::HeaderView> views;
  for (const auto& [name, value] : result.limits.fields()) {
    if (name != "retry-after") views.push_back({name, value});  // of a job that goes on there
  }
  if (const auto wait = wire::retry_after(views, core.clock().system_now()))
    selection.choice(target).state->keys.rest(target.key, now, wait);
}

}  // namespace sighter::models
