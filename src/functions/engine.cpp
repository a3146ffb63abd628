#include "functions/engine.hpp"

#include "base/limits.hpp"
#include "functions/body.hpp"
#include "functions/reply_output.hpp"
#include "functions/requests.hpp"
#include "functions/slot.hpp"
#include "functions/stopping.hpp"

namespace sighter::functions {
namespace {

std::chrono::microseconds since(const Clock& clock, SteadyTime begin) {
  return std::chrono::duration_cast<std::chrono::microseconds>(clock.steady_now() - begin);
}

std::unique_ptr<Body> make_body(Engine::Impl& engine, const Function& function,
                                const Variant& variant) {
  if (std::holds_alternative<CodeBody>(variant.body))
    return make_code_body(engine, function, variant);
  if (std::holds_alternative<LearnedBody>(variant.body))
    return make_learned_body(engine, function, variant);
  if (std::holds_alternative<PromptBody>(variant.body))
    return make_prompt_body(engine, function, variant);
  return make_cascade_body(engine, function, variant);
}

Applied applied_of(const Call& call, const Record& what, Outcome& outcome) {
  Applied applied;
  applied.call = call.id;
  if (call.variant != nullptr) applied.variant = call.variant->name;
  applied.output = std::move(*outcome.output);
  applied.confidence = outcome.confidence;
  applied.probabilities = std::move(outcome.probabilities);
  applied.usage = outcome.usage;
  models::add_usage(applied.usage, outcome.inner_usage);
  applied.cost = outcome.cost;
  add_cost(applied.cost, outcome.inner_cost);
  applied.latency = what.latency;
  applied.first_token = outcome.first_token;
  applied.model = outcome.route;
  applied.reused = outcome.reused;
  applied.fingerprint = what.fingerprint.value_or(Digest{});
  return applied;
}

// Measures, records, and turns an outcome into an answer.
io::Task<ApplyResult> finish(Engine::Impl& engine, const Call& call, Record what, SteadyTime begin,
                             Outcome outcome, Slot& slot) {
  what.latency = outcome.latency.value_or(since(engine.shared.clock, begin));
  if (!outcome.output) {
    if (auto stopped = stopped_error(outcome.output.error(), call.options.cancel))
      outcome.output = std::unexpected(std::move(*stopped));
  }
  Status recorded = co_await record(engine, what, outcome, slot);
  std::optional<NanoUsd> cost = outcome.cost;
  add_cost(cost, outcome.inner_cost);
  if (!recorded) {
    if (call.options.durable)
      co_return std::unexpected(
          ApplyFailure{recorded.error().in("the call could not be stored"), call.id, cost});
    engine.shared.log.error("functions",
                            recorded.error().in("a call could not be stored").message());
  }
  if (!outcome.output)
    co_return std::unexpected(ApplyFailure{outcome.output.error(), call.id, cost});
  co_return applied_of(call, what, outcome);
}

// A call that waits for its row leaves nothing else behind; one that does not is in the in-flight
// file until then.
Slot slot_of(Engine::Impl& engine, const Call& call, const Record& what) {
  const bool kept = engine.shared.store != nullptr && !call.options.durable &&
                    call.options.record != RecordLevel::kNone;
  store::InflightCall entry;
  entry.id = call.id;
  entry.parent = call.options.parent;
  entry.trace = call.trace;
  entry.start = what.start;
  entry.key = call.options.key;
  if (call.function != nullptr) entry.function = call.function->name;
  if (call.variant != nullptr) entry.variant = call.variant->name;
  return Slot(kept ? engine.shared.inflight : nullptr, entry);
}

Outcome failed(Error error) {
  Outcome outcome;
  outcome.output = std::unexpected(std::move(error));
  return outcome;
}

// An output that was stored for the same fingerprint. Trouble with the store means: none.
std::optional<Applied> stored_output(Engine::Impl& engine, const Call& call,
                                     const std::optional<Digest>& fingerprint) {
  if (!call.options.reuse || engine.shared.store == nullptr || !fingerprint) return std::nullopt;
  const auto found = engine.shared.store->find_output(*fingerprint, call.options.repeat);
  if (!found) {
    engine.shared.log.warning("functions",
                              found.error().in("stored outputs cannot be looked up").message());
    return std::nullopt;
  }
  if (!*found || call.variant == nullptr) return std::nullopt;
  Result<Applied> applied = applied_from(**found, *call.variant, *fingerprint);
  if (!applied || !call.function->output.check(applied->output)) return std::nullopt;
  return std::move(*applied);
}

}  // namespace

Error of_function(const Engine::Impl& engine, const Function& function, bool served, Error error) {
  if (!served || (error.kind != Kind::kInvalid && error.kind != Kind::kNotFound)) return error;
  engine.shared.log.error("functions", error.in(function.name).message());
  const std::string folder = engine.shared.project.folder.string() + "/";
  for (std::string* words : {&error.what, &error.hint}) {
    for (std::size_t at = 0; (at = words->find(folder, at)) != words->npos;)
      words->erase(at, folder.size());
  }
  error.kind = Kind::kInternal;
  return error.in(fmt::format("the function '{}' cannot be asked", function.name));
}

Engine::Impl::Impl(Engine& the_engine, io::Core& the_core, Shared& the_shared)
    : engine(the_engine),
      core(the_core),
      owner(the_shared),
      shared(the_shared.impl()),
      router(the_core, shared.hub),
      embedding(the_core, 1) {}

Body& Engine::Impl::body(const Function& function, const Variant& variant) {
  std::unique_ptr<Body>& place = bodies[&variant];
  if (!place) place = make_body(*this, function, variant);
  return *place;
}

io::Task<Result<Shared::Impl::Set>> Engine::Impl::examples(const Function& function) {
  Once<Shared::Impl::Set>& once = shared.set_of(function);
  if (const auto* made = once.ready()) co_return *made;
  auto work = [&once, &function] { return once.get([&] { return ExampleSet::read(function); }); };
  Result<Shared::Impl::Set> made = co_await shared.pool.run(core, std::move(work));
  co_return made;
}

Engine::Engine(io::Core& core, Shared& shared)
    : impl_(std::make_unique<Impl>(*this, core, shared)) {}
Engine::~Engine() = default;
models::Router& Engine::router() {
  return impl_->router;
}
io::Core& Engine::core() {
  return impl_->core;
}
Shared& Engine::shared() {
  return impl_->owner;
}

io::Task<ApplyResult> Engine::apply(const Function& function, const Variant& variant, Json input,
                                    ApplyOptions options) {
  Impl& engine = *impl_;
  Call call{&function, &variant, std::move(input), std::move(options), {}, {}};
  call.id = call.options.call.is_nil() ? engine.shared.ids.next() : call.options.call;
  call.trace = call.options.trace.is_nil() ? call.id : call.options.trace;
  Record what{&call, engine.shared.clock.system_now(), {}, {}};
  const SteadyTime begin = engine.shared.clock.steady_now();
  Slot slot = slot_of(engine, call, what);
  Outcome outcome;
  Result<Json> admitted = function.input.admit(call.input);
  if (!admitted) {
    outcome = failed(admitted.error());
  } else if (call.options.depth > limits::kCallDepthMax) {
    outcome =
        failed({Kind::kTooLarge,
                fmt::format("functions called each other more than {} deep", limits::kCallDepthMax),
                "look for a function that calls itself"});
  } else {
    call.input = std::move(*admitted);
    Body& body = engine.body(function, variant);
    Result<std::unique_ptr<Work>> work = co_await body.plan(call);
    if (!work) {
      outcome = failed(of_function(engine, function, call.options.served, work.error()));
    } else {
      what.fingerprint = (*work)->fingerprint();
      std::optional<Applied> known = stored_output(engine, call, what.fingerprint);
      if (known) {
        slot.end();
        co_return std::move(*known);
      }
      outcome = co_await (*work)->run();
      if (call.options.answered) call.options.answered();
    }
  }
  if (outcome.output) {
    if (Status fits = function.output.check(*outcome.output); !fits) {
      outcome.output =
          std::unexpected(Error{Kind::kUpstream, fits.error().what, fits.error().hint});
    }
  }
  ApplyResult result =
      co_await finish(engine, call, std::move(what), begin, std::move(outcome), slot);
  co_return result;
}

io::Task<ApplyResult> Engine::complete(wire::ChatRequest request, std::string model,
                                       ApplyOptions options) {
  Impl& engine = *impl_;
  Call call{
      nullptr, nullptr, request_as_input(request), std::move(options), engine.shared.ids.next(),
      {}};
  call.trace = call.options.trace.is_nil() ? call.id : call.options.trace;
  Record what{&call, engine.shared.clock.system_now(), {}, {}};
  const SteadyTime begin = engine.shared.clock.steady_now();
  Slot slot = slot_of(engine, call, what);
  models::CompletionOptions asked{call.options.purse, call.options.cancel, call.options.on_text,
                                  call.options.reader};
  models::CompletionResult answer =
      co_await engine.router.complete(std::move(request), model, std::move(asked));
  Outcome outcome;
  outcome.model = model;
  take_answer(answer, outcome);
  if (answer) {
    Json output = reply_as_output(answer->reply);
    outcome.output = words_of_output(output);
    outcome.kept = std::move(output);
  }
  ApplyResult result =
      co_await finish(engine, call, std::move(what), begin, std::move(outcome), slot);
  co_return result;
}

io::Task<Result<Forecast>> Engine::forecast(const Function& function, const Variant& variant,
                                            Json input, ApplyOptions options) {
  if (!std::holds_alternative<PromptBody>(variant.body))
    co_return fail(Kind::kUnsupported, fmt::format("{} asks no model itself", variant.name));
  Call call{&function, &variant, std::move(input), std::move(options), {}, {}};
  Result<Json> admitted = function.input.admit(call.input);
  if (!admitted) co_return std::unexpected(admitted.error());
  call.input = std::move(*admitted);
  Body& body = impl_->body(function, variant);
  Result<std::unique_ptr<Work>> work = co_await body.plan(call);
  if (!work) co_return std::unexpected(work.error());
  Forecast forecast;
  forecast.stored = stored_output(*impl_, call, (*work)->fingerprint()).has_value();
  forecast.request_bytes = (*work)->request_bytes();
  co_return forecast;
}

io::Task<Status> Engine::prepare(const Function& function, const Variant& variant, bool judged,
                                 ApplyOptions options) {
  Body& body = impl_->body(function, variant);
  if (std::optional<Error> error = body.unusable()) co_return std::unexpected(std::move(*error));
  Status prepared = co_await body.prepare(judged, options);
  if (!prepared)
    co_return std::unexpected(of_function(*impl_, function, options.served, prepared.error()));
  co_return prepared;
}

std::optional<Error> Engine::unusable(const Function& function, const Variant& variant) const {
  return impl_->body(function, variant).unusable();
}

}  // namespace sighter::functions
