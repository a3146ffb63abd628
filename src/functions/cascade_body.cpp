// The cheapest body first; the next one when it is not sure.

#include "functions/learned.hpp"

namespace sighter::functions {
namespace {

class CascadeRunner final : public Body {
 public:
  CascadeRunner(Engine::Impl& engine, const Function& function, const Variant& variant)
      : engine_(engine), function_(function), cascade_(std::get<CascadeBody>(variant.body)) {
    for (const std::string& step : cascade_.steps) steps_.push_back(function.find(step));
  }
  std::optional<Error> unusable() const override {
    for (const Variant* step : steps_) {
      if (auto error = engine_.engine.unusable(function_, *step))
        return error->in(fmt::format("step '{}'", step->name));
    }
    return std::nullopt;
  }
  io::Task<Status> prepare(bool judged, const ApplyOptions& options) override {
    for (const Variant* step : steps_) {
      Status ready = co_await engine_.engine.prepare(function_, *step, judged, options);
      if (!ready) co_return ready;
    }
    co_return Status{};
  }
  io::Task<Result<std::unique_ptr<Work>>> plan(const Call& call) override;
  // The confidence from which on the step's answer is taken.
  io::Task<Result<double>> accept_from(const Variant& step, const Call& call);
  Engine& engine() { return engine_.engine; }
  const Function& function() const { return function_; }
  const std::vector<const Variant*>& steps() const { return steps_; }

 private:
  Engine::Impl& engine_;
  const Function& function_;
  const CascadeBody& cascade_;
  std::vector<const Variant*> steps_;
};

// A step's answer is its own row, with the cascade's call as its parent.
class CascadeWork final : public Work {
 public:
  CascadeWork(CascadeRunner& runner, const Call& call) : runner_(runner), call_(call) {}
  std::optional<Digest> fingerprint() const override { return std::nullopt; }
  io::Task<Outcome> run() override;

 private:
  ApplyOptions inner_options() const {
    ApplyOptions options = call_.options;
    options.call = {};
    options.parent = call_.id;
    options.trace = call_.trace;
    options.depth = call_.options.depth + 1;
    options.on_text = {};
    options.reader = nullptr;
    options.answered = {};
    return options;
  }
  CascadeRunner& runner_;
  const Call& call_;
};

io::Task<Result<std::unique_ptr<Work>>> CascadeRunner::plan(const Call& call) {
  std::unique_ptr<Work> work = std::make_unique<CascadeWork>(*this, call);
  co_return work;
}

io::Task<Result<double>> CascadeRunner::accept_from(const Variant& step, const Call& call) {
  if (cascade_.threshold) co_return *cascade_.threshold;
  Result<std::shared_ptr<Fits>> fits =
      co_await learned_fits(engine_, function_, step, call.options);
  if (!fits) co_return std::unexpected(fits.error());
  const std::string text = input_text(call.input);
  const std::int64_t slot = (*fits)->slot(call.options.held_out, text);
  auto work = [held = *fits, slot, risk = cascade_.max_disagreement] {
    return held->threshold(slot, risk);
  };
  Result<learn::Threshold> chosen =
      co_await engine_.shared.pool.run(engine_.core, std::move(work), call.options.cancel);
  if (!chosen) co_return std::unexpected(chosen.error());
  co_return chosen->accept_from;
}

io::Task<Outcome> CascadeWork::run() {
  Outcome outcome;
  outcome.reused = true;
  std::chrono::microseconds latency{0};
  const std::vector<const Variant*>& steps = runner_.steps();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Variant& step = *steps[i];
    const bool last = i + 1 == steps.size();
    double least = 0.0;
    if (!last) {
      Result<double> chosen = co_await runner_.accept_from(step, call_);
      if (!chosen) {
        outcome.output = std::unexpected(chosen.error());
        co_return outcome;
      }
      least = *chosen;
    }
    ApplyOptions options = inner_options();
    if (last) options.on_text = call_.options.on_text;
    if (last) options.reader = call_.options.reader;
    Json input = call_.input;
    ApplyResult answer = co_await runner_.engine().apply(runner_.function(), step, std::move(input),
                                                         std::move(options));
    if (!answer) {
      add_cost(outcome.inner_cost, answer.error().cost);
      outcome.reused = false;
      outcome.tried.as_array().push_back(
          Json::object({{"step", step.name}, {"error", answer.error().error.what}}));
      // The next step may still answer; but not when the caller wants none, or may not pay for it.
      const Kind kind = answer.error().error.kind;
      if (!last && kind != Kind::kCancelled && kind != Kind::kBudget) continue;
      outcome.output = std::unexpected(answer.error().error);
      co_return outcome;
    }
    add_cost(outcome.inner_cost, answer->cost);
    models::add_usage(outcome.inner_usage, answer->usage);
    latency += answer->latency;
    outcome.reused = outcome.reused && answer->reused;
    if (!last && answer->confidence.value_or(-1.0) < least) {
      Json note = Json::object({{"step", step.name}, {"output", answer->output}});
      if (answer->confidence) note.as_object().set("confidence", *answer->confidence);
      outcome.tried.as_array().push_back(std::move(note));
      continue;
    }
    outcome.output = std::move(answer->output);
    outcome.confidence = answer->confidence;
    outcome.probabilities = std::move(answer->probabilities);
    outcome.route = answer->model.empty() ? step.name : answer->model;
    outcome.first_token = answer->first_token;
    break;
  }
  // Steps that were taken from the store took their time when they were asked.
  outcome.latency = latency;
  co_return outcome;
}

}  // namespace

std::unique_ptr<Body> make_cascade_body(Engine::Impl& engine, const Function& function,
                                        const Variant& variant) {
  return std::make_unique<CascadeRunner>(engine, function, variant);
}

}  // namespace sighter::functions
