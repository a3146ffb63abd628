// A second request when the first one is late: the one that answers first is the answer, the other
// one is stopped. Both are attempts on the call's row.
//
// "The Tail at Scale" (Dean and Barroso, 2013): sent only after the route's own 95th percentile, a
// second request costs a few per cent of the traffic and takes the slowest answers away.

#include <fmt/format.h>

#include "io/scope.hpp"
#include "io/waiter.hpp"
#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

constexpr std::string_view kBeaten = "another answer was faster";

}  // namespace

struct Router::Impl::Race {
  // Goes between an attempt and the client: the first attempt that has something to show wins.
  class Sink final : public ReplySink {
   public:
    Sink(Race& race, std::size_t index, ReplySink& client)
        : race_(race), index_(index), client_(client) {}
    io::Task<Status> begin(const ReplyBegin& begin) override {
      if (!race_.wins(index_)) co_return fail(Kind::kCancelled, std::string(kBeaten));
      ReplyBegin both = begin;
      if (race_.second) {
        both.attempts += 1;
        if (!both.tried.empty()) both.tried += ", ";
        both.tried += race_.loser_words(1 - index_);
      }
      Status begun = co_await client_.begin(both);
      co_return begun;
    }
    io::Task<Status> bytes(std::string_view events) override {
      Status given = co_await client_.bytes(events);
      co_return given;
    }
    io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override {
      Status given = co_await client_.deltas(deltas);
      co_return given;
    }
    bool shows(const wire::Delta& delta) const override { return client_.shows(delta); }

   private:
    Race& race_;
    std::size_t index_;
    ReplySink& client_;
  };

  struct Racer {
    Racer(Race& race, std::size_t index, const Call& of, Target the_target, std::string the_route)
        : call(of), target(the_target), route(std::move(the_route)), stop(of.options.cancel) {
      call.options.cancel = stop.token();
      if (of.options.sink == nullptr) return;
      sink.emplace(race, index, *of.options.sink);
      call.options.sink = &*sink;
    }
    Call call;
    Target target;
    std::string route;
    io::CancelSource stop;
    std::optional<Sink> sink;
    std::optional<Trouble> trouble;
    bool done = false;
  };

  explicit Race(io::Core& core) : changed(core) {}
  std::optional<Racer>& racer(std::size_t index) { return index == 0 ? first : second; }
  // True for the first that asks, and for that one again.
  bool wins(std::size_t index) {
    if (!winner) {
      winner = index;
      if (std::optional<Racer>& other = racer(1 - index)) other->stop.cancel(kBeaten);
    }
    return *winner == index;
  }
  // What is told of the one that did not win, as tried_words() does.
  std::string loser_words(std::size_t index) {
    const Racer& loser = *racer(index);
    const Kind why = loser.trouble ? loser.trouble->error.kind : Kind::kCancelled;
    return fmt::format("{} {}", loser.route.substr(0, 100), to_string(why));
  }
  bool over() const { return first->done && (!second || second->done); }

  io::Waiter changed;
  std::optional<Racer> first;
  std::optional<Racer> second;
  std::optional<std::size_t> winner;
};

io::Task<void> Router::Impl::run_racer(Race& race, std::size_t index, Choice choice) {
  Race::Racer& racer = *race.racer(index);
  racer.trouble = co_await attempt(racer.call, choice, racer.target.key);
  // A whole answer wins when it is there.
  if (!racer.trouble && !race.wins(index)) {
    Trouble beaten = stop({Kind::kCancelled, std::string(kBeaten), {}});
    racer.trouble = std::move(beaten);
  }
  racer.done = true;
  race.changed.wake();
}

io::Task<std::optional<Trouble>> Router::Impl::hedged(Call& call, Selection& selection,
                                                      Target target, io::Duration late) {
  Race race(core);
  io::Scope scope(core);
  Choice choice = selection.choice(target);
  race.first.emplace(race, 0, call, target, choice.route->name());
  io::spawn(scope, "request", run_racer(race, 0, choice));
  bool is_late = false;
  io::Alarm alarm(core.timers(), [&race, &is_late] {
    is_late = true;
    race.changed.wake();
  });
  alarm.set_after(late);
  while (!race.over()) {
    co_await race.changed.wait();
    if (!is_late || race.over() || race.winner || race.second) continue;
    is_late = false;
    if (!choice.state->hedges.spend()) continue;
    const std::optional<Target> other = selection.second(target, core.clock().steady_now());
    if (!other) continue;
    Choice second = selection.choice(*other);
    race.second.emplace(race, 1, call, *other, second.route->name());
    io::spawn(scope, "second request", run_racer(race, 1, second));
  }
  co_await scope.join();

  const std::size_t before = call.result.attempts.size();
  std::vector<Attempt> attempts = std::move(call.result.attempts);
  bool cannot_repeat = false;
  for (std::optional<Race::Racer>* racer : {&race.first, &race.second}) {
    if (!*racer) continue;
    std::vector<Attempt>& made = (*racer)->call.result.attempts;
    for (std::size_t i = before; i < made.size(); ++i) attempts.push_back(std::move(made[i]));
    report(selection, (*racer)->target, (*racer)->trouble, (*racer)->call.result);
    const bool may = selection.choice((*racer)->target).route->may_repeat;
    cannot_repeat =
        cannot_repeat || ((*racer)->trouble && (*racer)->trouble->may_have_worked && !may);
  }
  // The winner; when both failed, the one that says more than that it was stopped.
  std::size_t told = race.winner.value_or(0);
  const bool cut = race.first->trouble && race.first->trouble->error.kind == Kind::kCancelled;
  if (!race.winner && race.second && cut) told = 1;
  Race::Racer& of = *race.racer(told);
  call.result = std::move(of.call.result);
  call.result.attempts = std::move(attempts);
  if (!of.trouble) co_return std::nullopt;
  of.trouble->last =
      call.result.begun || cannot_repeat || of.trouble->error.kind == Kind::kCancelled;
  if (!leads_on(call.spec->routing, *of.trouble)) selection.only(of.target);
  co_return std::move(of.trouble);
}

}  // namespace sighter::models
