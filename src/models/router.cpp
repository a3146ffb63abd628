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

// The text of the first choice, piece by piece, for a function's caller.
class TextSink final : public ReplySink {
 public:
  explicit TextSink(const CompletionOptions& options) : options_(options) {}
  io::Task<Status> begin(const ReplyBegin&) override { co_return Status{}; }
  io::Task<Status> bytes(std::string_view) override { co_return Status{}; }
  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override {
    for (const wire::Delta& delta : deltas) {
      const std::string_view text = text_of(delta);
      if (text.empty()) continue;
      if (options_.on_text) options_.on_text(text);
      if (options_.reader == nullptr) continue;
      Status read = co_await options_.reader->text(text);
      if (!read) co_return read;
    }
    co_return Status{};
  }
  bool shows(const wire::Delta& delta) const override { return !text_of(delta).empty(); }

 private:
  static std::string_view text_of(const wire::Delta& delta) {
    if (const auto* text = std::get_if<wire::TextDelta>(&delta))
      return text->choice == 0 ? std::string_view(text->text) : "";
    if (const auto* start = std::get_if<wire::BlockStart>(&delta);
        start != nullptr && start->choice == 0) {
      if (const auto* text = start->block.as<wire::Text>()) return text->text;
    }
    return {};
  }
  const CompletionOptions& options_;
};

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

io::Task<void> Router::Impl::run(Call& call) {
  Status done;
  if (call.spec->local) {
    done = co_await run_local(call);
  } else {
    done = co_await run_routes(call);
  }
  ClientResult& result = call.result;
  if (!done) result.error = std::move(done.error());
  // Of what failed, the route that was asked last.
  if (result.error && result.route.empty() && !result.attempts.empty())
    result.route = result.attempts.back().route;
  result.cost = sum_of(result.attempts);
  for (const Attempt& attempt : result.attempts) add_usage(result.usage, attempt.usage);
}

io::Task<ClientResult> Router::answer(ClientRequest& request, std::string model,
                                      ClientOptions options) {
  Call call;
  const Asker asker = request.dialect == wire::Dialect::kNone ? Asker::kProgram : Asker::kClient;
  Result<std::shared_ptr<const ModelSpec>> spec = hub_.config().spec(model, asker);
  if (!spec) {
    call.result.error = std::move(spec.error());
    call.result.cost = NanoUsd{};
    co_return std::move(call.result);
  }
  call.spec = std::move(*spec);
  call.request = &request;
  call.options = std::move(options);
  co_await impl_->run(call);
  co_return std::move(call.result);
}

io::Task<CompletionResult> Router::complete(wire::ChatRequest request, std::string model,
                                            CompletionOptions options) {
  ClientRequest ask;
  ask.chat = std::move(request);
  ask.stream = options.on_text || options.reader != nullptr;
  if (options.extras != nullptr) {
    ask.extra_headers = options.extras->headers;
    ask.extra_body = options.extras->body;
  }
  TextSink sink(options);
  ClientOptions how{options.purse, options.cancel, ask.stream ? &sink : nullptr, true};
  ClientResult result = co_await answer(ask, std::move(model), std::move(how));
  if (result.error) {
    CompletionFailure failure{std::move(*result.error), std::move(result.attempts), result.cost,
                              result.broken};
    co_return std::unexpected(std::move(failure));
  }
  Completion completion;
  completion.extras = extras_of(*result.reply);
  completion.reply = std::move(*result.reply);
  completion.attempts = std::move(result.attempts);
  completion.cost = result.cost;
  completion.route = std::move(result.route);
  co_return completion;
}

io::Task<Result<Embeddings>> Router::embed(std::string model, std::vector<std::string> texts,
                                           CompletionOptions options) {
  Result<ModelSpec> spec = hub_.config().find(model);
  if (!spec) co_return std::unexpected(spec.error());
  // A local model takes them all at once.
  const std::size_t batch = spec->local ? std::max<std::size_t>(1, texts.size()) : kEmbeddingBatch;
  Embeddings out;
  out.cost = NanoUsd{};
  for (std::size_t from = 0; from < texts.size(); from += batch) {
    const std::size_t to = std::min(texts.size(), from + batch);
    ClientRequest ask;
    ask.endpoint = Endpoint::kEmbeddings;
    ask.embedding.emplace();
    for (std::size_t i = from; i < to; ++i) ask.embedding->inputs.emplace_back(texts[i]);
    ClientOptions how{options.purse, options.cancel, nullptr, true};
    ClientResult result = co_await answer(ask, model, std::move(how));
    if (result.error) co_return std::unexpected(std::move(*result.error));
    Status added = add_vectors(*result.embedding, to - from, out);
    if (!added) co_return std::unexpected(added.error().in(result.route));
    if (result.embedding->usage) out.usage.input += result.embedding->usage->input;
    if (!result.cost) out.cost.reset();
    if (out.cost) *out.cost += *result.cost;
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
