// Models that run in this process: everything that computes happens on the hub's pool.

#include "models/chat_prompt.hpp"
#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

struct Shown {
  std::function<void(std::string_view)> on_text;
  std::optional<SteadyTime> first;  // core's thread
};

// What the pool needs of a call; it owns all of it.
struct Job {
  Hub::Impl* hub = nullptr;
  io::Core* core = nullptr;
  ModelSpec spec;
  std::shared_ptr<std::stop_source> stop;
  std::shared_ptr<Shown> shown;
};

Result<local::GenerateReply> generate_text(const Job& job, const wire::ChatRequest& request) {
  Result<local::GenerateRequest> ask = generate_request(request);
  if (!ask) return std::unexpected(ask.error());
  Result<std::string> grammar = response_grammar(request);
  if (!grammar) return std::unexpected(grammar.error());
  const Result<LoadedModel*> entry = job.hub->load(job.spec);
  if (!entry) return std::unexpected(entry.error());
  local::Model& model = *(*entry)->model;
  Result<local::Prompt> prompt = chat_prompt(*(*entry)->chat, model.chat_template(),
                                             request.messages, job.hub->clock.system_now());
  if (!prompt) return std::unexpected(prompt.error());
  ask->prompt = std::move(*prompt);
  ask->grammar = std::move(*grammar);
  ask->cancel = job.stop->get_token();
  if (job.shown->on_text) {
    ask->on_text = [core = job.core, shown = job.shown](std::string_view text) {
      core->post([core, shown, text = std::string(text)] {
        if (!shown->first) shown->first = core->clock().steady_now();
        shown->on_text(text);
      });
    };
  }
  return model.generate(*ask);
}

Result<local::EmbedReply> embed_texts(const Job& job, const wire::EmbeddingRequest& request) {
  const Result<LoadedModel*> entry = job.hub->load(job.spec);
  if (!entry) return std::unexpected(entry.error());
  local::EmbedRequest ask;
  ask.cancel = job.stop->get_token();
  for (const auto& input : request.inputs) {
    const std::string* text = std::get_if<std::string>(&input);
    if (text == nullptr)
      return fail(Kind::kUnsupported, "a local model cannot embed numbers of tokens",
                  "send the text");
    ask.texts.push_back(*text);
  }
  return (*entry)->model->embed(ask);
}

wire::EmbeddingReply embedding_reply(const local::EmbedReply& reply, const std::string& model) {
  wire::EmbeddingReply out;
  out.model = model;
  for (const std::vector<float>& vector : reply.vectors) {
    wire::Embedding one;
    one.index = static_cast<std::int64_t>(out.data.size());
    one.values.assign(vector.begin(), vector.end());
    out.data.push_back(std::move(one));
  }
  wire::Usage usage;
  usage.input = reply.tokens;
  out.usage = std::move(usage);
  return out;
}

}  // namespace

io::Task<Status> Router::Impl::run_local(Call& call) {
  Attempt attempt;
  attempt.route = call.spec.name;
  attempt.start = core.clock().system_now();
  attempt.cost = NanoUsd{};
  const SteadyTime begin = core.clock().steady_now();
  Job job;
  job.hub = &hub.impl();
  job.core = &core;
  job.spec = call.spec;
  job.stop = std::make_shared<std::stop_source>();
  job.shown = std::make_shared<Shown>();
  job.shown->on_text = call.options.on_text;
  const auto stop = job.stop;
  const auto shown = job.shown;
  const io::CancelRegistration bridge =
      call.options.cancel.on_cancel(core, [stop] { stop->request_stop(); });
  io::CancelToken token = call.options.cancel;

  Status done;
  if (call.chat) {
    auto work = [job = std::move(job), request = *call.chat] {
      return generate_text(job, request);
    };
    Result<local::GenerateReply> reply =
        co_await hub.local_pool().run(core, std::move(work), token);
    if (!reply) {
      done = std::unexpected(std::move(reply.error()));
    } else if (reply->finish == local::FinishReason::kCancelled) {
      done = std::unexpected(token.cancelled() ? token.error()
                                               : Error{Kind::kCancelled, "cancelled", {}});
    } else {
      call.chat_reply = models::chat_reply(*reply, call.spec.name, core.clock().system_now());
      attempt.usage = call.chat_reply->usage;
    }
  } else {
    auto work = [job = std::move(job), request = *call.embedding] {
      return embed_texts(job, request);
    };
    Result<local::EmbedReply> reply = co_await hub.local_pool().run(core, std::move(work), token);
    if (!reply) {
      done = std::unexpected(std::move(reply.error()));
    } else {
      call.embedding_reply = models::embedding_reply(*reply, call.spec.name);
      attempt.usage = call.embedding_reply->usage;
    }
  }
  const SteadyTime end = core.clock().steady_now();
  attempt.latency = std::chrono::duration_cast<std::chrono::microseconds>(end - begin);
  if (shown->first)
    attempt.first_token =
        std::chrono::duration_cast<std::chrono::microseconds>(*shown->first - begin);
  if (!done) attempt.error = done.error();
  call.route = call.spec.name;
  call.attempts.push_back(std::move(attempt));
  co_return done;
}

}  // namespace sighter::models
