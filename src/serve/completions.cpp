// Legacy Completions: as they are over upstreams that have them, else each prompt as a
// conversation.

#include <algorithm>

#include "serve/conversation.hpp"
#include "serve/event_stream.hpp"
#include "serve/handlers.hpp"
#include "serve/stream.hpp"
#include "wire/openai_completions.hpp"

namespace sighter::serve {
namespace {

namespace legacy = wire::openai_completions;

constexpr std::size_t kPromptsAtATime = 8;

// OpenAI has Completions for its oldest models alone, some others for none; servers that people run
// themselves have them.
bool has_completions(const models::Provider& provider, std::string_view upstream) {
  if (provider.dialect != wire::Dialect::kOpenAiChat &&
      provider.dialect != wire::Dialect::kOpenAiResponses)
    return false;
  if (provider.completions) return *provider.completions;
  switch (provider.quirks->completions) {
    case wire::Completions::kAll:
      return provider.name != "gemini";  // which speaks Chat wherever it is
    case wire::Completions::kOldModels:
      return upstream.find("instruct") != upstream.npos || upstream.starts_with("davinci") ||
             upstream.starts_with("babbage");
    case wire::Completions::kNone:
      return false;
  }
  return false;
}

// A model that nobody knows is asked for as it is, and not found there.
bool goes_as_it_is(const Exchange& exchange, const std::string& model) {
  if (model.starts_with("function/")) return false;
  const models::ModelsConfig& config = exchange.door.hub.config();
  const Result<models::ModelSpec> spec = config.find(model, models::Asker::kClient);
  if (!spec) return true;
  return !spec->local && std::all_of(spec->routes.begin(), spec->routes.end(), [&](const auto& r) {
    const models::Provider* provider = config.provider(r.provider);
    return provider != nullptr && has_completions(*provider, r.upstream);
  });
}

struct Asked {
  models::ClientRequest client;  // the request as it came
  legacy::CompletionRequest completion;
  std::string model;
  std::vector<Id> calls;  // one a prompt; the first one's id is their trace
};

models::ClientRequest request_of(const Asked& asked, std::size_t prompt) {
  models::ClientRequest request = asked.client;
  request.endpoint = models::Endpoint::kChat;
  request.may_relay = false;
  request.chat = legacy::conversation(asked.completion, prompt);
  // The dialect's own limit where the client says none: a function sets its own.
  const auto limit = request.envelope.raw(request.body, "max_tokens");
  if (asked.model.starts_with("function/") && limit.value_or("null") == "null")
    request.chat->max_tokens.reset();
  return request;
}

functions::AnswerOptions options_of(const Exchange& exchange, const Asked& asked,
                                    std::size_t prompt) {
  functions::AnswerOptions options;
  options.call = asked.calls[prompt];
  options.trace = asked.calls.front();
  options.cancel = exchange.request.gone();
  options.record = exchange.door.settings.record;
  options.want_reply = true;
  if (!exchange.door.key.empty()) options.key = "serve";
  return options;
}

wire::EncodeOptions encode_options(const Exchange& exchange) {
  wire::EncodeOptions options;
  options.now_s = std::chrono::floor<std::chrono::seconds>(exchange.door.clock.system_now())
                      .time_since_epoch()
                      .count();
  return options;
}

// What the dialect has no place for, before the prompt's row is made.
void note_losses(const Exchange& exchange, const Asked& asked, models::ClientResult& answer) {
  if (!answer.reply || answer.error) return;
  std::vector<wire::ChatReply> one;
  one.push_back(std::move(*answer.reply));
  add_losses(answer, legacy::encode_reply(asked.completion, one, encode_options(exchange)));
  answer.reply = std::move(one.front());
}

void count(Exchange& exchange, const models::ClientResult& result) {
  if (result.usage) exchange.door.metrics.add_usage(*result.usage);
  if (result.cost) exchange.door.metrics.add_cost(*result.cost);
}

// Takes prompts from the list until none is left or one has failed.
io::Task<void> work_off(Exchange* exchange, const Asked* asked, std::size_t* next,
                        std::vector<models::ClientResult>* results, bool* failed) {
  while (*next < results->size() && !*failed) {
    const std::size_t prompt = (*next)++;
    models::ClientRequest request = request_of(*asked, prompt);
    functions::AnswerOptions options = options_of(*exchange, *asked, prompt);
    options.on_answer = [exchange, asked](models::ClientResult& answer) {
      note_losses(*exchange, *asked, answer);
    };
    std::string model = asked->model;
    functions::Answered answered =
        co_await exchange->engine.answer(request, std::move(model), std::move(options));
    count(*exchange, answered.result);
    *failed = *failed || answered.result.error.has_value();
    (*results)[prompt] = std::move(answered.result);
  }
}

io::Task<void> send_failed(Exchange& exchange, const Asked& asked, std::size_t prompt,
                           const models::ClientResult& result) {
  add_call_headers(exchange.headers, asked.calls[prompt], result);
  co_await send_failure(exchange, result);
}

io::Task<void> answer_whole(Exchange& exchange, const Asked& asked) {
  std::vector<models::ClientResult> results(asked.calls.size());
  std::size_t next = 0;
  bool failed = false;
  io::Scope scope(exchange.core());
  for (std::size_t i = 0; i < std::min(kPromptsAtATime, results.size()); ++i)
    io::spawn(scope, "prompts", work_off(&exchange, &asked, &next, &results, &failed));
  co_await scope.join();
  std::vector<wire::ChatReply> replies;
  std::optional<NanoUsd> cost = NanoUsd{};
  for (std::size_t i = 0; i < results.size(); ++i) {
    models::ClientResult& result = results[i];
    if (result.error) {
      co_await send_failed(exchange, asked, i, result);
      co_return;
    }
    if (!result.reply) continue;  // it was not asked, because another one failed
    replies.push_back(std::move(*result.reply));
    if (i > 0) {
      models::ClientResult& all = results.front();
      all.attempts.insert(all.attempts.end(), result.attempts.begin(), result.attempts.end());
      add_names(all.dropped, result.dropped);
      add_names(all.approximated, result.approximated);
    }
    if (cost && result.cost) *cost += *result.cost;
    if (!result.cost) cost.reset();
  }
  if (!replies.empty() && replies.front().id.empty())
    replies.front().id = asked.calls.front().to_string();
  wire::Encoded encoded = legacy::encode_reply(asked.completion, replies, encode_options(exchange));
  models::ClientResult& first = results.front();
  add_names(first.dropped, asked.completion.dropped);
  add_call_headers(exchange.headers, asked.calls.front(), first);
  if (cost) exchange.headers.add("x-sighter-cost-usd", fmt::format("{}", cost->usd()));
  co_await send_json(exchange, 200, std::move(encoded.body));
}

// One prompt's deltas as events of Completions.
class Writer final : public models::ReplySink {
 public:
  // `told`: the headers of a prompt's call, as headers or as comments.
  Writer(Exchange& exchange, EventStream& stream, legacy::StreamEncoder& encoder, Id call,
         std::size_t prompt, bool& told, const std::vector<std::string>& dropped)
      : exchange_(exchange),
        stream_(stream),
        encoder_(encoder),
        call_(call),
        prompt_(prompt),
        told_(told),
        dropped_(dropped) {}

  io::Task<Status> begin(const models::ReplyBegin& begin) override {
    if (std::exchange(told_, true)) co_return Status{};
    models::ReplyBegin known = begin;
    add_names(known.dropped, dropped_);
    const bool waited = stream_.begun();  // its headers have gone
    io::Headers late;
    add_call_headers(waited ? late : exchange_.headers, call_, known);
    if (!waited) co_return stream_.begin();
    std::string comments = as_comments(late);
    Status written = co_await stream_.write(std::move(comments));
    co_return written;
  }
  io::Task<Status> bytes(std::string_view) override {
    co_return fail(Kind::kInternal, "a translated stream came as bytes");
  }
  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override {
    std::string events;
    for (wire::Delta& delta : deltas) {
      wire::StreamStart* start = std::get_if<wire::StreamStart>(&delta);
      if (start != nullptr && start->id.empty()) start->id = call_.to_string();
      encoder_.write(prompt_, delta, events);
    }
    if (events.empty()) co_return Status{};
    Status written = co_await stream_.write(std::move(events));
    co_return written;
  }

 private:
  Exchange& exchange_;
  EventStream& stream_;
  legacy::StreamEncoder& encoder_;
  const Id call_;
  const std::size_t prompt_;
  bool& told_;
  const std::vector<std::string>& dropped_;
};

io::Task<void> answer_streamed(Exchange& exchange, const Asked& asked) {
  EventStream stream(exchange);
  stream.expect();
  const std::unique_ptr<legacy::StreamEncoder> encoder =
      legacy::stream_encoder(asked.completion, encode_options(exchange));
  bool told = false;
  for (std::size_t prompt = 0; prompt < asked.calls.size(); ++prompt) {
    Writer writer(exchange, stream, *encoder, asked.calls[prompt], prompt, told,
                  asked.completion.dropped);
    models::ClientRequest request = request_of(asked, prompt);
    functions::AnswerOptions options = options_of(exchange, asked, prompt);
    options.sink = &writer;
    options.on_answer = [&encoder](models::ClientResult& answer) {
      add_names(answer.dropped, encoder->dropped());
      add_names(answer.approximated, encoder->approximated());
    };
    std::string model = asked.model;
    functions::Answered answered =
        co_await exchange.engine.answer(request, std::move(model), std::move(options));
    const models::ClientResult& result = answered.result;
    count(exchange, result);
    if (!result.error) continue;
    if (!stream.begun()) {
      co_await send_failed(exchange, asked, prompt, result);
      break;
    }
    exchange.door.metrics.broken_stream();
    io::Headers late;
    if (!told) add_call_headers(late, asked.calls[prompt], result);
    std::string event =
        as_comments(late) + error_event(wire::Dialect::kOpenAiChat, wire_error_of(result));
    Status written = co_await stream.write(std::move(event));
    (void)written;  // a client that has gone
    break;
  }
  std::string comment = as_comments(*encoder);
  if (stream.begun() && !comment.empty()) {
    Status written = co_await stream.write(std::move(comment));
    (void)written;  // a client that has gone
  }
  co_await stream.close();
}

Result<Asked> asked_of(Exchange& exchange, models::ClientRequest client, std::string model) {
  Result<Json> json = json_parse(client.body, "request");
  if (!json) return std::unexpected(std::move(json.error()));
  Result<legacy::CompletionRequest> completion =
      legacy::decode_request(std::move(*json), client.allow_drop);
  if (!completion) return std::unexpected(std::move(completion.error()));
  Asked asked{std::move(client), std::move(*completion), std::move(model), {}};
  for (std::size_t i = 0; i < asked.completion.prompts.size(); ++i)
    asked.calls.push_back(exchange.door.shared.next_id());
  return asked;
}

}  // namespace

io::Task<void> answer_completions(Exchange& exchange) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  Result<models::ClientRequest> request =
      body ? client_request(exchange, std::move(*body), exchange.dialect,
                            models::Endpoint::kCompletions)
           : Result<models::ClientRequest>(std::unexpected(std::move(body.error())));
  if (!request) {
    co_await send_error(exchange, std::move(request.error()));
    co_return;
  }
  Result<std::string> named = model_of(*request);
  if (!named) {
    co_await send_error(exchange, std::move(named.error()));
    co_return;
  }
  std::string model = std::move(*named);
  if (goes_as_it_is(exchange, model)) {
    co_await converse(exchange, std::move(*request), std::move(model));
    co_return;
  }
  const bool streamed = request->stream;
  Result<Asked> asked = asked_of(exchange, std::move(*request), std::move(model));
  if (!asked) {
    co_await send_error(exchange, std::move(asked.error()));
  } else if (streamed) {
    co_await answer_streamed(exchange, *asked);
  } else {
    co_await answer_whole(exchange, *asked);
  }
}

}  // namespace sighter::serve
