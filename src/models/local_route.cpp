// Models that run in this process: everything that computes happens on the hub's pool.

#include <fmt/ranges.h>

#include "base/log.hpp"
#include "io/scope.hpp"
#include "io/waiter.hpp"
#include "models/chat_prompt.hpp"
#include "models/router_impl.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::models {
namespace {

// Text on its way from the pool to the one coroutine that gives it to the sink. Core's thread.
struct Shown {
  explicit Shown(io::Core& core) : waiter(core) {}
  io::Waiter waiter;
  std::string text;  // not given yet
  bool ended = false;
  bool begun = false;
  std::optional<SteadyTime> first;
  Status given;
};

// What the pool needs of a call; it owns all of it.
struct Job {
  Hub::Impl* hub = nullptr;
  io::Core* core = nullptr;
  ModelSpec spec;
  std::shared_ptr<std::stop_source> stop;
  std::shared_ptr<Shown> shown;  // null: the answer is wanted as a whole
  bool client = false;  // of the door: what cannot be done for it is a fault of its request
};

std::unexpected<Error> misfit(const Job& job, Error error) {
  if (job.client && error.kind == Kind::kUnsupported) error.kind = Kind::kInvalid;
  return std::unexpected(std::move(error));
}

struct Conversation {
  local::Model* model = nullptr;
  local::Prompt prompt;
};

// The model, and the conversation in its own words. kUnsupported for a file that is no language
// model, and for what it cannot be told.
Result<Conversation> conversation_of(const Job& job, const wire::ChatRequest& request) {
  const Result<LoadedModel*> entry = job.hub->load(job.spec);
  if (!entry) return std::unexpected(entry.error());
  if (!(*entry)->chat)
    return misfit(job, {Kind::kUnsupported,
                        fmt::format("'{}' is an embedding model: it writes no text", job.spec.name),
                        "use a language model, for example any instruct model as a GGUF file"});
  local::Model& model = *(*entry)->model;
  Result<local::Prompt> prompt = chat_prompt(*(*entry)->chat, model.chat_template(),
                                             request.messages, job.hub->clock.system_now());
  if (!prompt) return misfit(job, prompt.error());
  return Conversation{&model, std::move(*prompt)};
}

Result<local::GenerateReply> generate_text(const Job& job, const wire::ChatRequest& request) {
  local::GenerateRequest ask = generate_request(request);
  Result<ResponseGrammar> grammar = response_grammar(request);
  if (!grammar) return misfit(job, grammar.error());
  Result<Conversation> conversation = conversation_of(job, request);
  if (!conversation) return std::unexpected(conversation.error());
  ask.prompt = std::move(conversation->prompt);
  if (!grammar->unchecked.empty())
    job.hub->log.info("models", fmt::format("{}: no grammar holds {}: the answer is checked for it",
                                            job.spec.name, fmt::join(grammar->unchecked, ", ")));
  ask.grammar = std::move(grammar->gbnf);
  ask.cancel = job.stop->get_token();
  if (job.shown) {
    ask.on_text = [core = job.core, shown = job.shown](std::string_view text) {
      core->post([core, shown, text = std::string(text)] {
        if (!shown->first) shown->first = core->clock().steady_now();
        shown->text += text;
        shown->waiter.wake();
      });
    };
  }
  Result<local::GenerateReply> reply = conversation->model->generate(ask);
  if (!reply) return misfit(job, reply.error());
  return reply;
}

Result<int> count_tokens(const Job& job, const wire::ChatRequest& request) {
  const Result<Conversation> conversation = conversation_of(job, request);
  if (!conversation) return std::unexpected(conversation.error());
  return conversation->model->count_tokens(conversation->prompt);
}

Result<local::EmbedReply> embed_texts(const Job& job, const wire::EmbeddingRequest& request) {
  const Result<LoadedModel*> entry = job.hub->load(job.spec);
  if (!entry) return std::unexpected(entry.error());
  local::EmbedRequest ask;
  ask.cancel = job.stop->get_token();
  ask.whole = job.client;  // which is not told that only a part counted
  for (const auto& input : request.inputs) {
    const std::string* text = std::get_if<std::string>(&input);
    if (text == nullptr)
      return misfit(job, {Kind::kUnsupported, "a local model cannot embed numbers of tokens",
                          "send the text"});
    ask.texts.push_back(*text);
  }
  Result<local::EmbedReply> reply = (*entry)->model->embed(ask);
  if (!reply && reply.error().kind == Kind::kTooLarge) reply.error().kind = Kind::kInvalid;
  if (!reply) return misfit(job, reply.error());
  const std::size_t size = reply->vectors.empty() ? 0 : reply->vectors.front().size();
  // No model is known to mean anything by a part of its vector.
  if (request.dimensions && *request.dimensions != static_cast<std::int64_t>(size))
    return fail(
        Kind::kInvalid,
        fmt::format("dimensions: '{}' gives {}, not {}", job.spec.name, size, *request.dimensions),
        "leave it out, or use a model of a provider");
  return reply;
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

ReplyBegin begin_of(const std::string& model, const std::vector<std::string>& dropped) {
  ReplyBegin begin;
  begin.route = model;
  begin.dropped = dropped;
  return begin;
}

// Gives the text to the sink as it comes, until it has ended.
io::Task<void> give_text(std::shared_ptr<Shown> shown, ReplySink* sink, std::string model,
                         std::vector<std::string> dropped, std::int64_t now_s,
                         std::shared_ptr<std::stop_source> stop) {
  while (shown->given) {
    while (shown->text.empty() && !shown->ended) co_await shown->waiter.wait();
    if (shown->text.empty()) co_return;
    std::vector<wire::Delta> deltas;
    if (!shown->begun) {
      const ReplyBegin begin = begin_of(model, dropped);
      shown->begun = true;
      shown->given = co_await sink->begin(begin);
      if (!shown->given) break;
      wire::StreamStart start;
      start.model = model;
      start.created_s = now_s;
      deltas.emplace_back(std::move(start));
      deltas.emplace_back(wire::BlockStart{0, 0, wire::Block(wire::Text{})});
    }
    deltas.emplace_back(wire::TextDelta{0, 0, std::exchange(shown->text, {})});
    shown->given = co_await sink->deltas(deltas);
  }
  stop->request_stop();
}

// What is left to say once the whole answer is there.
std::vector<wire::Delta> last_deltas(const wire::ChatReply& reply, bool begun) {
  if (!begun) return wire::deltas_of(reply);
  std::vector<wire::Delta> deltas;
  deltas.emplace_back(wire::BlockStop{0, 0});
  if (!reply.choices.empty()) deltas.emplace_back(wire::Finish{0, reply.choices[0].finish, {}});
  if (reply.usage) deltas.emplace_back(wire::UsageDelta{*reply.usage});
  deltas.emplace_back(wire::End{});
  return deltas;
}

Status stopped(const io::CancelToken& token) {
  return std::unexpected(token.cancelled() ? token.error()
                                           : Error{Kind::kCancelled, "cancelled", {}});
}

}  // namespace

io::Task<Status> Router::Impl::chat_locally(Call& call, Attempt& attempt,
                                            std::shared_ptr<std::stop_source> stop) {
  ClientRequest& ask = *call.request;
  Status read = ask.decode_chat();
  if (!read) co_return read;
  ReplySink* sink = ask.stream ? call.options.sink : nullptr;
  const std::string& model = call.spec->name;
  const SteadyTime begin = core.clock().steady_now();
  const SystemTime now = core.clock().system_now();
  Job job{&hub.impl(), &core, *call.spec, stop, nullptr, ask.dialect != wire::Dialect::kNone};
  Result<std::vector<std::string>> dropped = local_losses(*ask.chat, ask.allow_drop);
  if (!dropped) co_return misfit(job, dropped.error());
  call.result.dropped = *dropped;
  if (sink != nullptr) job.shown = std::make_shared<Shown>(core);
  const std::shared_ptr<Shown> shown = job.shown;
  io::CancelToken token = call.options.cancel;
  io::Scope scope(core);
  if (shown) {
    const std::int64_t now_s =
        std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    io::spawn(scope, "local text", give_text(shown, sink, model, *dropped, now_s, stop));
  }
  auto work = [job = std::move(job), request = *ask.chat] { return generate_text(job, request); };
  Result<local::GenerateReply> reply = co_await hub.local_pool().run(core, std::move(work), token);
  if (shown) {
    shown->ended = true;
    shown->waiter.wake();
    co_await scope.join();
    call.result.begun = shown->begun;
    if (shown->first)
      attempt.first_token =
          std::chrono::duration_cast<std::chrono::microseconds>(*shown->first - begin);
    if (!shown->given) co_return shown->given;
  }
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  if (reply->finish == local::FinishReason::kCancelled) co_return stopped(token);
  call.result.reply = models::chat_reply(*reply, model, now);
  attempt.usage = call.result.reply->usage;
  if (!call.result.reply->choices.empty())
    call.result.finish_reason = word_of(call.result.reply->choices.front().settled_finish());
  if (sink == nullptr) co_return Status{};
  Status given;
  if (!shown->begun) {
    const ReplyBegin known = begin_of(model, *dropped);
    call.result.begun = true;
    given = co_await sink->begin(known);
  }
  std::vector<wire::Delta> last = last_deltas(*call.result.reply, shown->begun);
  if (call.options.before_end)
    call.options.before_end({attempt.usage, attempt.cost, call.result.finish_reason});
  if (given) given = co_await sink->deltas(last);
  co_return given;
}

io::Task<Status> Router::Impl::embed_locally(Call& call, Attempt& attempt,
                                             std::shared_ptr<std::stop_source> stop) {
  Status read = call.request->decode_embedding();
  if (!read) co_return read;
  Job job{&hub.impl(), &core,   *call.spec,
          stop,        nullptr, call.request->dialect != wire::Dialect::kNone};
  Result<std::vector<std::string>> dropped =
      local_losses(*call.request->embedding, call.request->allow_drop);
  if (!dropped) co_return misfit(job, dropped.error());
  call.result.dropped = std::move(*dropped);
  io::CancelToken token = call.options.cancel;
  auto work = [job = std::move(job), request = *call.request->embedding] {
    return embed_texts(job, request);
  };
  Result<local::EmbedReply> reply = co_await hub.local_pool().run(core, std::move(work), token);
  if (!reply) co_return std::unexpected(std::move(reply.error()));
  call.result.embedding = models::embedding_reply(*reply, call.spec->name);
  attempt.usage = call.result.embedding->usage;
  co_return Status{};
}

io::Task<Status> Router::Impl::count_locally(Call& call, std::shared_ptr<std::stop_source> stop) {
  Status read = call.request->decode_chat();
  if (!read) co_return read;
  Job job{&hub.impl(), &core, *call.spec, stop, nullptr, true};
  io::CancelToken token = call.options.cancel;
  auto work = [job = std::move(job), request = *call.request->chat] {
    return count_tokens(job, request);
  };
  Result<int> tokens = co_await hub.local_pool().run(core, std::move(work), token);
  if (!tokens) co_return std::unexpected(std::move(tokens.error()));
  call.result.relayed = true;  // one number, in the only dialect that asks for it
  call.result.raw = json_write(Json::object({{"input_tokens", *tokens}}));
  call.result.raw_type = "application/json";
  co_return Status{};
}

io::Task<Status> Router::Impl::run_local(Call& call) {
  Attempt attempt;
  attempt.route = call.spec->name;
  attempt.start = core.clock().system_now();
  attempt.cost = NanoUsd{};
  const SteadyTime begin = core.clock().steady_now();
  const auto stop = std::make_shared<std::stop_source>();
  const io::CancelRegistration bridge =
      call.options.cancel.on_cancel(core, [stop] { stop->request_stop(); });
  Status done;
  if (call.request->endpoint == Endpoint::kChat) {
    done = co_await chat_locally(call, attempt, stop);
  } else if (call.request->endpoint == Endpoint::kEmbeddings) {
    done = co_await embed_locally(call, attempt, stop);
  } else if (call.request->endpoint == Endpoint::kCountTokens) {
    done = co_await count_locally(call, stop);
  } else {
    done = fail(Kind::kInvalid,
                fmt::format("'{}' runs in this process, which cannot do that", call.spec->name),
                "use a model of a provider");
  }
  const SteadyTime end = core.clock().steady_now();
  attempt.latency = std::chrono::duration_cast<std::chrono::microseconds>(end - begin);
  if (!done) attempt.error = done.error();
  if (!done && call.result.begun && done.error().kind != Kind::kCancelled)
    call.result.broken = true;
  call.result.route = call.spec->name;
  call.result.attempts.push_back(std::move(attempt));
  co_return done;
}

}  // namespace sighter::models
