#include "models/router.hpp"

#include <algorithm>
#include <cmath>

#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

constexpr std::size_t kEmbeddingBatch = 256;  // texts of one request

// Members of a reply that no typed member holds, as one JSON object; empty when there are none.
std::string extras_of(const wire::ChatReply& reply) {
  JsonObject all = reply.extra.members;
  JsonArray choices;
  bool any = false;
  for (const wire::Choice& choice : reply.choices) {
    JsonObject one = choice.extra.members;
    if (!choice.message.extra.members.empty())
      one.set("message", Json(choice.message.extra.members));
    any = any || !one.empty();
    choices.push_back(Json(std::move(one)));
  }
  if (any) all.set("choices", Json(std::move(choices)));
  return all.empty() ? std::string() : json_write(Json(std::move(all)));
}

std::vector<float> normalised(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  const double length = sum > 0 ? std::sqrt(sum) : 1;
  std::vector<float> out;
  out.reserve(values.size());
  for (const double value : values) out.push_back(static_cast<float>(value / length));
  return out;
}

Status add_vectors(const wire::EmbeddingReply& reply, std::size_t wanted, Embeddings& out) {
  std::vector<const wire::Embedding*> ordered(wanted, nullptr);
  for (const wire::Embedding& one : reply.data) {
    if (one.index >= 0 && static_cast<std::size_t>(one.index) < wanted)
      ordered[static_cast<std::size_t>(one.index)] = &one;
  }
  for (const wire::Embedding* one : ordered) {
    if (one == nullptr || one->values.empty()) {
      return fail(Kind::kUpstream,
                  fmt::format("asked for {} embeddings, got {}", wanted, reply.data.size()));
    }
    out.vectors.push_back(normalised(one->values));
  }
  return {};
}

}  // namespace

std::optional<NanoUsd> sum_of(const std::vector<Attempt>& attempts) {
  NanoUsd sum;
  for (const Attempt& attempt : attempts) {
    if (!attempt.cost) return std::nullopt;
    sum += *attempt.cost;
  }
  return sum;
}

Router::Router(io::Core& core, Hub& hub) : hub_(hub), impl_(std::make_unique<Impl>(core, hub)) {}

Router::~Router() = default;

io::Task<CompletionResult> Router::complete(wire::ChatRequest request, std::string model,
                                            CompletionOptions options) {
  Result<ModelSpec> spec = hub_.config().find(model);
  if (!spec) {
    CompletionFailure failure{spec.error(), {}, NanoUsd{}};
    co_return std::unexpected(std::move(failure));
  }
  Call call;
  call.spec = std::move(*spec);
  call.options = std::move(options);
  call.chat = std::move(request);
  Status done;
  if (call.spec.local) {
    done = co_await impl_->run_local(call);
  } else {
    done = co_await impl_->run(call);
  }
  const std::optional<NanoUsd> cost = sum_of(call.attempts);
  if (!done) {
    CompletionFailure failure{std::move(done.error()), std::move(call.attempts), cost};
    co_return std::unexpected(std::move(failure));
  }
  Completion completion;
  completion.extras = extras_of(*call.chat_reply);
  completion.reply = std::move(*call.chat_reply);
  completion.attempts = std::move(call.attempts);
  completion.cost = cost;
  completion.route = std::move(call.route);
  co_return completion;
}

io::Task<Result<Embeddings>> Router::embed(std::string model, std::vector<std::string> texts,
                                           CompletionOptions options) {
  Result<ModelSpec> spec = hub_.config().find(model);
  if (!spec) co_return std::unexpected(spec.error());
  Embeddings out;
  out.cost = NanoUsd{};
  if (spec->local) {
    Call call;
    call.spec = std::move(*spec);
    call.options = std::move(options);
    call.embedding.emplace();
    for (std::string& text : texts) call.embedding->inputs.emplace_back(std::move(text));
    Status done = co_await impl_->run_local(call);
    if (!done) co_return std::unexpected(std::move(done.error()));
    if (call.embedding_reply->usage) out.usage = *call.embedding_reply->usage;
    Status added = add_vectors(*call.embedding_reply, call.embedding->inputs.size(), out);
    if (!added) co_return std::unexpected(std::move(added.error()));
    co_return out;
  }
  for (std::size_t from = 0; from < texts.size(); from += kEmbeddingBatch) {
    const std::size_t to = std::min(texts.size(), from + kEmbeddingBatch);
    Call call;
    call.spec = *spec;
    call.options = options;
    call.options.on_text = nullptr;
    call.embedding.emplace();
    for (std::size_t i = from; i < to; ++i) call.embedding->inputs.emplace_back(texts[i]);
    Status done = co_await impl_->run(call);
    if (!done) co_return std::unexpected(std::move(done.error()));
    Status added = add_vectors(*call.embedding_reply, to - from, out);
    if (!added) co_return std::unexpected(added.error().in(call.route));
    if (call.embedding_reply->usage) out.usage.input += call.embedding_reply->usage->input;
    const std::optional<NanoUsd> cost = sum_of(call.attempts);
    if (!cost) out.cost.reset();
    if (out.cost) *out.cost += *cost;
  }
  co_return out;
}

std::optional<Error> Router::unusable(std::string_view model) const {
  const Result<ModelSpec> spec = hub_.config().find(model);
  if (!spec) return spec.error();
  if (spec->local) {
    if (!local::available())
      return Error{Kind::kUnsupported,
                   fmt::format("{}: {}", spec->name, local::engine_description()),
                   "tools/local_models.sh llama, then build again"};
    std::error_code none;
    if (std::filesystem::exists(spec->local->path, none)) return std::nullopt;
    return Error{Kind::kNotFound,
                 fmt::format("{}: there is no file '{}'", spec->name, spec->local->wanted),
                 "tools/local_models.sh models fetches the small ones"};
  }
  std::optional<Error> first;
  for (const Route& route : spec->routes) {
    const Provider* provider = hub_.config().provider(route.provider);
    if (provider == nullptr) continue;
    std::optional<Error> missing = hub_.config().missing_key(*provider);
    if (!missing) return std::nullopt;
    if (!first) first = std::move(missing);
  }
  if (!first)
    return Error{Kind::kInvalid, fmt::format("the model '{}' has no routes", spec->name),
                 "routes = [\"provider/model\"]"};
  return first;
}

bool Router::is_local(std::string_view model) const {
  const Result<ModelSpec> spec = hub_.config().find(model);
  return spec && spec->local.has_value();
}

io::Task<Result<LabelScores>> Router::score_labels(std::string model, local::LabelTask task,
                                                   local::LabelScoring scoring, std::string input,
                                                   io::CancelToken cancel) {
  Result<ModelSpec> spec = hub_.config().find(model);
  if (!spec) co_return std::unexpected(spec.error());
  if (!spec->local) {
    co_return fail(Kind::kUnsupported,
                   fmt::format("labels cannot be scored by '{}', which a provider runs", model),
                   "use a model of this process: [models.NAME] file = \"model.gguf\"");
  }
  const SteadyTime begin = impl_->core.clock().steady_now();
  const auto stop = std::make_shared<std::stop_source>();
  const io::CancelRegistration bridge =
      cancel.on_cancel(impl_->core, [stop] { stop->request_stop(); });
  auto work = [hub = &hub_.impl(), spec = std::move(*spec), task = std::move(task), scoring,
               input = std::move(input), stop]() -> Result<local::LabelReply> {
    const Result<LoadedModel*> entry = hub->load(spec);
    if (!entry) return std::unexpected(entry.error());
    local::LabelRequest request = local::label_request(task, scoring, input);
    request.cancel = stop->get_token();
    return local::score_labels(*(*entry)->model, request, &(*entry)->priors);
  };
  Result<local::LabelReply> reply =
      co_await hub_.local_pool().run(impl_->core, std::move(work), cancel);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  LabelScores scores;
  scores.probabilities = std::move(reply->probabilities);
  scores.best = reply->best;
  scores.usage.input = reply->prompt_tokens;
  scores.usage.cache_read = reply->cached_tokens;
  scores.usage.output = reply->generated_tokens;
  scores.latency = std::chrono::duration_cast<std::chrono::microseconds>(
      impl_->core.clock().steady_now() - begin);
  co_return scores;
}

}  // namespace sighter::models
