#pragma once
// Which route is asked next, for one request: the order of the routes, which of them may be asked
// now, how often each is asked again and after what pause. Sends nothing and waits for nothing
// itself, so that it is tested on a clock that stands. Core's thread only; the states inside are
// those of all cores.
//
// - Routes whose breaker is open and whose keys all rest are passed over.
// - balance = "ordered": a route that failed is asked again, after a pause, before the next one is;
//   but where it asks to slow down, the next one is asked meanwhile.
// - Otherwise the routes are equals: the next one is asked at once, and a failed one again after
// its
//   pause, when the others failed too.
// - Pauses are exponential with full jitter ("Exponential Backoff And Jitter", AWS Architecture
// Blog,
//   2015) unless the provider says how long; they end after kPauseMax and kTold.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "models/config.hpp"
#include "models/route_state.hpp"

namespace sighter::models {

// Why an attempt failed and what may be done about it.
struct Trouble {
  Error error;
  bool retry = false;       // the same route may answer a little later
  bool next_route = false;  // another route may answer
  std::optional<std::chrono::milliseconds> retry_after{};
  bool sent = false;  // it is a provider's or the network's, not one of our own before that
  // The provider may have worked on it: it was sent, and not plainly turned down.
  bool may_have_worked = false;
  bool last = false;  // whatever else is possible: nothing more may be tried
};

// A route that may be asked.
struct Choice {
  const Route* route = nullptr;
  const Provider* provider = nullptr;
  std::shared_ptr<RouteState> state;
};

// The right to send one request to one route with one key.
struct Target {
  std::size_t place = 0;  // of the choice
  std::size_t key = 0;
  Breaker::Pass pass;
};

class Selection {
 public:
  static constexpr auto kPauseFirst = std::chrono::milliseconds(500);
  static constexpr auto kPauseMax = std::chrono::seconds(30);
  static constexpr auto kTold = std::chrono::seconds(60);       // of what a provider says
  static constexpr auto kWaitsMax = std::chrono::seconds(240);  // of one request, together
  // Of the patient, for a route that has failed too often: a run over a provider that is down ends
  // with words instead of hanging.
  static constexpr auto kShutWaitsMax = std::chrono::seconds(15);
  // Each request earns its route this share of a retry, up to kRetriesSaved: a route that fails all
  // the time gets half as much again, not several times as much.
  static constexpr double kRetryShare = 0.5;
  static constexpr double kRetriesSaved = 100;

  // All references live as long as the selection. `patient`: rather waits for a route that has
  // failed too often than giving up at once.
  Selection(std::vector<Choice> choices, const Routing& routing, std::uint64_t conversation,
            bool patient, Random& random, SteadyTime now);

  struct Next {
    std::optional<Target> send;
    std::optional<SteadyTime> wait;  // ask again then
    // Neither: nothing is left to try.
  };
  Next next(SteadyTime now);
  // A second route for the same request, while the first is under way: another one that may be
  // asked now, else the same one again; nullopt: none.
  std::optional<Target> second(const Target& first, SteadyTime now);
  // How an attempt ended. Every target that was handed out is reported once, by one of these.
  void succeeded(const Target& target, SteadyTime now);
  void failed(const Target& target, const Trouble& trouble, SteadyTime now);
  // No other route than this one from now on.
  void only(const Target& target);
  // It says nothing about the route: the client went away, another one was faster, nothing was
  // sent.
  void abandoned(const Target& target, SteadyTime now);

  const Choice& choice(const Target& target) const { return choices_[target.place]; }
  // Which of the routes that were not asked are waited for, and how long; without `retry_after`:
  // none.
  Trouble blocked(SteadyTime now) const;

 private:
  struct Place {
    int failures = 0;
    bool done = false;
    SteadyTime ready{};  // of this request's own pause
  };
  int retries_of(const Choice& choice) const;
  std::optional<Target> admitted(std::size_t place, SteadyTime now);
  std::optional<SteadyTime> blocked_until(std::size_t place, SteadyTime now) const;
  SteadyTime::duration pause(int failures, const Trouble& trouble);

  std::vector<Choice> choices_;
  const Routing& routing_;
  std::uint64_t conversation_;
  bool patient_;
  Random& random_;
  SteadyTime began_;
  std::vector<std::size_t> order_;
  std::vector<Place> places_;
  std::optional<std::size_t> held_;  // the ordered route that is asked again before the next one
};

// Whether an error leads on to another route or model.
bool leads_on(const Routing& routing, const Trouble& trouble);

}  // namespace sighter::models
