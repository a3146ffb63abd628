#include "models/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sighter::models {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

// How long a request that waits for a probe of another one sleeps between two looks.
constexpr auto kLook = 250ms;

// Whether the route itself is to blame, and not the request, the key or the client.
Breaker::Result verdict_on(const Trouble& trouble) {
  if (!trouble.sent) return Breaker::Result::kUnknown;
  switch (trouble.error.kind) {
    case Kind::kUnavailable:
    case Kind::kTimeout:
    case Kind::kUpstream:
      return Breaker::Result::kBad;
    case Kind::kRateLimited:  // the keys rest
    case Kind::kCancelled:
    case Kind::kBudget:
    case Kind::kInternal:
      return Breaker::Result::kUnknown;
    default:
      return Breaker::Result::kGood;  // it answers
  }
}

std::vector<Candidate> candidates_of(const std::vector<Choice>& choices,
                                     const std::vector<std::string>& names, SteadyTime now) {
  std::vector<Candidate> out;
  out.reserve(choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Load& load = choices[i].state->load;
    out.push_back({.name = names[i],
                   .weight = choices[i].route->weight,
                   .cost = load.cost(now),
                   .under_way = load.under_way()});
  }
  return out;
}

}  // namespace

bool leads_on(const Routing& routing, const Trouble& trouble) {
  if (trouble.last) return false;
  if (!routing.fallback_on) return trouble.next_route;
  // An own budget and a client that went away end every request.
  const Kind kind = trouble.error.kind;
  if (kind == Kind::kCancelled || kind == Kind::kBudget) return false;
  return routing.fallback_on->contains(kind);
}

Selection::Selection(std::vector<Choice> choices, const Routing& routing,
                     std::uint64_t conversation, bool patient, Random& random, SteadyTime now)
    : choices_(std::move(choices)),
      routing_(routing),
      conversation_(routing.sticky ? conversation : 0),
      patient_(patient),
      random_(random),
      began_(now),
      places_(choices_.size()) {
  if (choices_.size() < 2) {
    order_.assign(choices_.size(), 0);
    return;
  }
  std::vector<std::string> names;
  for (const Choice& choice : choices_) names.push_back(choice.route->name());
  const std::vector<Candidate> candidates = candidates_of(choices_, names, now);
  order_ = order_of(routing.balance, candidates, random_);
  if (conversation_ != 0) stick(conversation_, candidates, order_);
}

int Selection::retries_of(const Choice& choice) const {
  return choice.route->retries.value_or(choice.provider->retries);
}

std::optional<SteadyTime> Selection::blocked_until(std::size_t place, SteadyTime now) const {
  const RouteState& state = *choices_[place].state;
  const std::optional<SteadyTime> keys = state.keys.resting_until(now);
  const std::optional<SteadyTime> breaker =
      choices_[place].provider->breaker.enabled ? state.breaker.closed_until(now) : std::nullopt;
  if (keys && breaker) return std::max(*keys, *breaker);
  return keys ? keys : breaker;
}

std::optional<Target> Selection::admitted(std::size_t place, SteadyTime now) {
  RouteState& state = *choices_[place].state;
  const std::optional<std::size_t> key = state.keys.pick(now, conversation_);
  if (!key) return std::nullopt;
  const std::optional<Breaker::Pass> pass =
      state.breaker.admit(now, choices_[place].provider->breaker);
  if (!pass) return std::nullopt;
  if (places_[place].failures == 0) state.retries.earn(kRetryShare, kRetriesSaved);
  return Target{place, *key, *pass};
}

Selection::Next Selection::next(SteadyTime now) {
  std::optional<SteadyTime> earliest;
  for (const std::size_t place : order_) {
    const Place& one = places_[place];
    if (one.done || (held_ && *held_ != place)) continue;
    std::optional<SteadyTime> until;
    if (now < one.ready) {
      until = one.ready;
    } else if (std::optional<Target> target = admitted(place, now)) {
      held_.reset();
      return {.send = target, .wait = {}};
    } else {
      const bool breaker = choices_[place].state->breaker.state(now) != Breaker::State::kClosed;
      const bool waits = retries_of(choices_[place]) > 0 && (patient_ || !breaker);
      if (held_ && !waits) {  // it has been shut meanwhile: the others' turn
        held_.reset();
        places_[place].done = true;
        return next(now);
      }
      if (!waits || (!patient_ && choices_[place].state->keys.rests_long(now))) continue;
      until = blocked_until(place, now).value_or(now + kLook);
      // Another request probes, and may be done any moment.
      if (choices_[place].state->breaker.state(now) == Breaker::State::kHalfOpen)
        until = std::min(*until, now + kLook);
      if (breaker && *until - began_ > kShutWaitsMax) continue;
    }
    earliest = std::min(earliest.value_or(*until), *until);
  }
  if (earliest && *earliest - began_ > kWaitsMax) earliest.reset();
  return {.send = {}, .wait = earliest};
}

std::optional<Target> Selection::second(const Target& first, SteadyTime now) {
  for (const std::size_t place : order_) {
    if (place == first.place || places_[place].done || now < places_[place].ready) continue;
    if (std::optional<Target> target = admitted(place, now)) return target;
  }
  if (first.pass.probe) return std::nullopt;
  return admitted(first.place, now);
}

void Selection::succeeded(const Target& target, SteadyTime now) {
  const Choice& one = choices_[target.place];
  one.state->breaker.record(target.pass, Breaker::Result::kGood, now, one.provider->breaker);
  one.state->keys.succeeded(target.key);
}

void Selection::only(const Target& target) {
  for (std::size_t place = 0; place < places_.size(); ++place)
    places_[place].done = places_[place].done || place != target.place;
}

void Selection::abandoned(const Target& target, SteadyTime now) {
  const Choice& one = choices_[target.place];
  one.state->breaker.record(target.pass, Breaker::Result::kUnknown, now, one.provider->breaker);
}

SteadyTime::duration Selection::pause(int failures, const Trouble& trouble) {
  if (trouble.retry_after)
    return std::min<SteadyTime::duration>(*trouble.retry_after, SteadyTime::duration(kTold));
  const double most =
      std::min(std::chrono::duration<double>(kPauseMax).count(),
               std::chrono::duration<double>(kPauseFirst).count() * std::pow(2.0, failures - 1));
  return std::chrono::duration_cast<SteadyTime::duration>(
      std::chrono::duration<double>(most * random_.uniform()));
}

void Selection::failed(const Target& target, const Trouble& trouble, SteadyTime now) {
  const Choice& one = choices_[target.place];
  RouteState& state = *one.state;
  Place& place = places_[target.place];
  const Kind kind = trouble.error.kind;
  state.breaker.record(target.pass, verdict_on(trouble), now, one.provider->breaker);
  ++place.failures;
  const bool limited = kind == Kind::kRateLimited;
  const bool wrong_key = kind == Kind::kUnauthorized || kind == Kind::kForbidden;
  // Whoever waits at the door is told at once how long it would take.
  const bool too_long = !patient_ && trouble.retry_after && *trouble.retry_after > kTold;
  const bool more = !trouble.last && !too_long && place.failures <= retries_of(one);
  if (limited) {
    state.keys.rest(target.key, now, trouble.retry_after);
  } else if (wrong_key) {
    state.keys.wrong(target.key, now);
  }
  if (limited || (wrong_key && state.keys.size() > 1)) {
    // With another key at once; or when the first of them has rested.
    const bool each_key_once =
        !trouble.last && place.failures < static_cast<int>(state.keys.size());
    place.done = wrong_key ? !each_key_once : !more && !each_key_once;
    const std::optional<SteadyTime> rested = state.keys.resting_until(now);
    place.ready = now;
    if (rested && trouble.retry_after) place.ready = *rested;
    if (rested && !trouble.retry_after)
      place.ready = std::max(*rested, now + pause(place.failures, trouble));
    return;
  }
  if (!trouble.retry || !more || !state.retries.spend()) {
    place.done = true;
    return;
  }
  place.ready = now + pause(place.failures, trouble);
  if (routing_.balance == Balance::kOrdered) held_ = target.place;
}

Trouble Selection::blocked(SteadyTime now) const {
  Trouble trouble{.error = {Kind::kUnavailable, "no route can be asked", {}}, .next_route = true};
  std::optional<SteadyTime> earliest;
  for (std::size_t place = 0; place < choices_.size(); ++place) {
    const std::optional<SteadyTime> until =
        places_[place].failures == 0 ? blocked_until(place, now) : std::nullopt;
    if (!until || (earliest && *earliest <= *until)) continue;
    earliest = until;
    const bool keys = choices_[place].state->keys.resting_until(now).has_value();
    const milliseconds left = std::chrono::ceil<milliseconds>(*until - now);
    const double seconds = static_cast<double>(left.count()) / 1000;
    trouble.error.kind = keys ? Kind::kRateLimited : Kind::kUnavailable;
    trouble.error.what = keys ? fmt::format("{} asks to slow down; it is asked again in {:.1f} s",
                                            choices_[place].route->name(), seconds)
                              : fmt::format("{} failed too often; it is tried again in {:.1f} s",
                                            choices_[place].route->name(), seconds);
    trouble.retry_after = left;
  }
  return trouble;
}

}  // namespace sighter::models
