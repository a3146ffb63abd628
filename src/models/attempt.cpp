// One physical request: permit, money, HTTP, and what the answer means.

#include "models/attempt.hpp"

#include <algorithm>

#include "io/sse.hpp"
#include "models/router_impl.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::models {
namespace {

constexpr std::int64_t kOutputTokens = 4096;           // assumed where no limit is asked for
constexpr std::int64_t kAnthropicOutputTokens = 8192;  // sent where no limit is asked for
constexpr std::size_t kErrorBytesMax = 1u << 20;
constexpr std::string_view kAnthropicVersion = "2023-06-01";

Trouble stop(Error error) {
  return Trouble{std::move(error), false, false, {}};
}

// Something between us and the provider: DNS, sockets, deadlines, a cut reply.
Trouble of_transport(Error error, const Exchange& exchange) {
  const Kind kind = error.kind;
  const bool again = is_transient(kind) || kind == Kind::kUpstream;
  Trouble trouble{error.in(exchange.provider->name), again, again, {}};
  const bool here = exchange.provider->name == "ollama";
  if (here && kind == Kind::kUnavailable) {
    trouble.retry = false;  // it does not start by itself
    trouble.error.hint =
        fmt::format("start it with 'ollama serve', and fetch the model once with 'ollama pull {}'",
                    exchange.route->upstream);
  }
  return trouble;
}

// What the provider's own key is must not be seen, even where the provider repeats it.
void hide(Trouble& trouble, const std::string& key) {
  if (key.size() < 4) return;
  for (std::string* text : {&trouble.error.what, &trouble.error.hint}) {
    for (std::size_t at = text->find(key); at != text->npos; at = text->find(key, at))
      text->replace(at, key.size(), "***");
  }
}

Result<std::string> encode(const Call& call, const Exchange& exchange, bool streamed) {
  wire::EncodeOptions options;
  options.model = exchange.route->upstream;
  options.quirks = exchange.quirks;
  options.max_tokens_default = kAnthropicOutputTokens;
  if (call.embedding) {
    if (exchange.provider->dialect != wire::Dialect::kOpenAiChat) {
      return fail(Kind::kUnsupported, fmt::format("{} has no embeddings", exchange.provider->name));
    }
    return wire::openai_embeddings::encode_request(*call.embedding, options).body;
  }
  options.stream = streamed;
  Result<wire::Encoded> encoded = exchange.codec->encode_request(*call.chat, options);
  if (!encoded) return std::unexpected(encoded.error().in(exchange.route->name()));
  return std::move(encoded->body);
}

io::HttpRequest http_request(const Call& call, const Exchange& exchange, std::string body,
                             bool streamed) {
  const Provider& provider = *exchange.provider;
  io::HttpRequest request;
  request.method = "POST";
  const bool anthropic = provider.dialect == wire::Dialect::kAnthropic;
  request.url = provider.base_url + (call.embedding ? "/embeddings"
                                     : anthropic    ? "/messages"
                                                    : "/chat/completions");
  request.headers.add("Content-Type", "application/json");
  request.headers.add("Accept", streamed ? "text/event-stream" : "application/json");
  if (anthropic) request.headers.add("anthropic-version", std::string(kAnthropicVersion));
  if (provider.authentication == Authentication::kBearer)
    request.headers.add("Authorization", "Bearer " + exchange.key);
  if (provider.authentication == Authentication::kApiKeyHeader)
    request.headers.add("x-api-key", exchange.key);
  for (const auto& [name, value] : provider.headers) request.headers.set(name, value);
  request.body = std::move(body);
  return request;
}

io::Deadlines deadlines_of(const Provider& provider) {
  io::Deadlines deadlines;
  deadlines.connect = provider.timeouts.connect;
  deadlines.first_byte = provider.timeouts.first_byte;
  deadlines.gap = provider.timeouts.gap;
  deadlines.total = provider.timeouts.total;
  return deadlines;
}

// The text that a person reads as it comes: of the first choice.
std::string_view text_of(const wire::Delta& delta) {
  if (const auto* text = std::get_if<wire::TextDelta>(&delta))
    return text->choice == 0 ? std::string_view(text->text) : "";
  if (const auto* start = std::get_if<wire::BlockStart>(&delta);
      start != nullptr && start->choice == 0) {
    if (const auto* text = start->block.as<wire::Text>()) return text->text;
  }
  return {};
}

std::size_t output_of(const wire::Delta& delta) {
  if (const auto* thought = std::get_if<wire::ThinkingDelta>(&delta)) return thought->text.size();
  if (const auto* piece = std::get_if<wire::ArgumentsDelta>(&delta)) return piece->text.size();
  if (const auto* words = std::get_if<wire::RefusalDelta>(&delta)) return words->text.size();
  if (const auto* text = std::get_if<wire::TextDelta>(&delta)) return text->text.size();
  return text_of(delta).size();
}

std::string first_words(std::string_view body) {
  std::string words;
  for (const char c : body.substr(0, 80))
    words += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? ' ' : c;
  return words;
}

}  // namespace

// The answer is an error of the provider's.
std::optional<Trouble> Router::Impl::refused(const Exchange& exchange, const io::Headers& headers,
                                             std::string_view body) {
  wire::WireError said = exchange.codec->decode_error(exchange.status, body);
  Trouble trouble = stop(said.to_error(exchange.provider->name));
  if (exchange.status >= 300 && exchange.status < 400) {
    trouble.error.kind = Kind::kUpstream;
    trouble.error.hint = fmt::format(
        "base_url of the provider '{}' leads elsewhere; give the address that it leads to",
        exchange.provider->name);
  }
  const Kind kind = trouble.error.kind;
  trouble.retry = is_transient(kind) || (kind == Kind::kUpstream && exchange.status >= 500);
  trouble.next_route = trouble.retry || kind == Kind::kUnauthorized || kind == Kind::kForbidden ||
                       kind == Kind::kNotFound || kind == Kind::kBudget || kind == Kind::kUpstream;
  std::vector<wire::HeaderView> views;
  for (const auto& [name, value] : headers.fields()) views.push_back({name, value});
  trouble.retry_after = wire::retry_after(views, core.clock().system_now());
  if (!trouble.retry_after) trouble.retry_after = said.retry_after;
  if (kind == Kind::kNotFound && exchange.provider->name == "ollama") {
    trouble.error.hint = fmt::format("'ollama pull {}' fetches it", exchange.route->upstream);
  }
  if (kind == Kind::kUnauthorized && exchange.provider->key.starts_with("env:")) {
    trouble.error.hint = fmt::format("check {}", exchange.provider->key.substr(4));
  }
  return trouble;
}

// A whole answer of status 2xx.
std::optional<Trouble> Router::Impl::take_body(Call& call, Exchange& exchange,
                                               std::string_view body) {
  const std::string& name = exchange.provider->name;
  Result<Json> json = json_parse(body, name);
  if (!json) {
    Trouble trouble =
        stop({Kind::kUpstream,
              fmt::format("{} answered {} with what is no JSON: {}", name, exchange.status,
                          body.empty() ? "nothing" : first_words(body)),
              "check base_url: is this the address of the API?"});
    trouble.next_route = true;
    return trouble;
  }
  if (const Json* error = json->find("error"); error != nullptr && !error->is_null() &&
                                               json->find("choices") == nullptr &&
                                               json->find("content") == nullptr) {
    return refused(exchange, {}, body);
  }
  Error wrong;
  if (call.embedding) {
    Result<wire::EmbeddingReply> reply = wire::openai_embeddings::decode_reply(std::move(*json));
    if (reply) {
      exchange.output = true;
      exchange.usage = reply->usage;
      call.embedding_reply = std::move(*reply);
      return std::nullopt;
    }
    wrong = std::move(reply.error());
  } else {
    Result<wire::ChatReply> reply = exchange.codec->decode_reply(std::move(*json), exchange.quirks);
    if (reply) {
      exchange.output = true;
      exchange.output_bytes = reply->text().size();
      exchange.usage = reply->usage;
      call.chat_reply = std::move(*reply);
      return std::nullopt;
    }
    wrong = std::move(reply.error());
  }
  exchange.output = true;
  exchange.output_bytes = body.size();
  Trouble trouble = stop(wrong.in(fmt::format("{} answered {}", name, exchange.status)));
  trouble.next_route = true;
  return trouble;
}

io::Task<std::optional<Trouble>> Router::Impl::send_whole(Call& call, Exchange& exchange,
                                                          io::HttpRequest request) {
  const io::Deadlines deadlines = deadlines_of(*exchange.provider);
  io::CancelToken token = call.options.cancel;
  Result<io::HttpReply> reply = co_await client.fetch(std::move(request), deadlines, token);
  if (!reply) co_return of_transport(std::move(reply.error()), exchange);
  exchange.status = reply->status;
  if (reply->status < 200 || reply->status >= 300)
    co_return refused(exchange, reply->headers, reply->body);
  co_return take_body(call, exchange, reply->body);
}

io::Task<std::optional<Trouble>> Router::Impl::send_streamed(Call& call, Exchange& exchange,
                                                             Attempt& attempt,
                                                             io::HttpRequest request) {
  const io::Deadlines deadlines = deadlines_of(*exchange.provider);
  io::CancelToken token = call.options.cancel;
  Result<std::unique_ptr<io::HttpStream>> opened =
      co_await client.open(std::move(request), deadlines, token);
  if (!opened) co_return of_transport(std::move(opened.error()), exchange);
  io::HttpStream& stream = **opened;
  exchange.status = stream.status();
  const bool good = exchange.status >= 200 && exchange.status < 300;
  const std::string_view type = stream.headers().get("content-type").value_or("text/event-stream");
  if (good && type.starts_with("text/event-stream")) {
    std::optional<Trouble> trouble = co_await read_events(call, exchange, attempt, stream);
    co_return trouble;
  }
  std::string body;
  for (;;) {
    Result<std::string_view> bytes = co_await stream.read();
    if (!bytes) co_return of_transport(std::move(bytes.error()), exchange);
    if (bytes->empty()) break;
    body += *bytes;
    if (!good && body.size() > kErrorBytesMax) break;
    if (body.size() > limits::kResponseBytesMax) {
      Trouble large = stop({Kind::kTooLarge,
                            fmt::format("{}: the answer is larger than {} bytes",
                                        exchange.provider->name, limits::kResponseBytesMax),
                            {}});
      co_return large;
    }
  }
  if (!good) co_return refused(exchange, stream.headers(), body);
  // A server that does not stream answers with a whole reply.
  std::optional<Trouble> trouble = take_body(call, exchange, body);
  if (!trouble) {
    const std::string text = call.chat_reply->text();
    call.shown = true;
    if (!text.empty()) call.options.on_text(text);
  }
  co_return trouble;
}

io::Task<std::optional<Trouble>> Router::Impl::read_events(Call& call, Exchange& exchange,
                                                           Attempt& attempt,
                                                           io::HttpStream& stream) {
  io::SseReader events;
  const std::unique_ptr<wire::StreamDecoder> decoder =
      exchange.codec->stream_decoder(exchange.quirks);
  wire::ReplyBuilder builder;
  std::vector<wire::Delta> deltas;
  std::optional<Error> broken;
  bool ended = false;
  while (!ended && !broken) {
    Result<std::string_view> bytes = co_await stream.read();
    if (!bytes) {
      broken = std::move(bytes.error());
      break;
    }
    ended = bytes->empty();
    if (!ended) events.feed(*bytes);
    for (bool more = true; more && !broken;) {
      Result<std::optional<io::SseEvent>> event = ended ? events.finish() : events.next();
      if (!event) broken = std::move(event.error());
      more = event && event->has_value() && !ended;
      if (!broken && event->has_value()) {
        Status fed = decoder->feed((*event)->name, (*event)->data, deltas);
        if (!fed) broken = std::move(fed.error());
      }
      if (ended && !broken) {
        Status complete = decoder->end(deltas);
        if (!complete) broken = std::move(complete.error());
      }
      for (wire::Delta& delta : deltas) {
        const std::size_t bytes_out = output_of(delta);
        if (bytes_out > 0 && !attempt.first_token)
          attempt.first_token = std::chrono::duration_cast<std::chrono::microseconds>(
              core.clock().steady_now() - exchange.sent);
        exchange.output = exchange.output || bytes_out > 0;
        exchange.output_bytes += bytes_out;
        const std::string_view text = text_of(delta);
        if (!text.empty()) {
          call.shown = true;
          call.options.on_text(text);
        }
        builder.add(std::move(delta));
      }
      deltas.clear();
    }
  }
  exchange.usage = builder.reply().usage;
  if (builder.state() == wire::ReplyBuilder::State::kBroken) {
    Trouble said = stop(builder.error().to_error(exchange.provider->name));
    said.retry = is_transient(said.error.kind) || said.error.kind == Kind::kUpstream;
    said.next_route = true;
    co_return said;
  }
  if (!broken) {
    builder.end();
    if (builder.state() == wire::ReplyBuilder::State::kBroken)
      broken = builder.error().to_error(exchange.provider->name);
  }
  if (broken) {
    const bool ours = broken->kind == Kind::kCancelled || broken->kind == Kind::kTimeout ||
                      broken->kind == Kind::kTooLarge;
    if (!ours) broken->kind = Kind::kUpstream;
    Trouble trouble = of_transport(broken->in("the stream broke"), exchange);
    co_return trouble;
  }
  call.chat_reply = builder.take();
  co_return std::nullopt;
}

void Router::Impl::settle(const Exchange& exchange, Hold& hold, Attempt& attempt) {
  attempt.usage = exchange.usage;
  if (exchange.usage && (exchange.price || exchange.usage->cost_usd)) {
    attempt.cost = cost_of(*exchange.usage, exchange.price.value_or(Price{}));
  } else if (!exchange.usage && !exchange.output) {
    attempt.cost = NanoUsd{};
  } else if (exchange.price) {
    attempt.cost =
        estimate(exchange.request_bytes, static_cast<std::int64_t>(exchange.output_bytes / 3 + 1),
                 *exchange.price);
  }
  hold.settle(attempt.cost.value_or(NanoUsd{}));
}

io::Task<std::optional<Trouble>> Router::Impl::attempt(Call& call, const Provider& provider,
                                                       const Route& route) {
  Exchange exchange;
  exchange.provider = &provider;
  exchange.route = &route;
  exchange.codec = wire::codec_of(provider.dialect);
  exchange.quirks = &wire::quirks_of(provider.name, provider.base_url);
  exchange.price = hub.config().price(call.spec, route);
  Result<std::string> secret = key(provider);
  if (!secret) {
    Trouble trouble = stop(std::move(secret.error()));
    trouble.next_route = true;
    co_return trouble;
  }
  exchange.key = std::move(*secret);
  Result<std::string> body = encode(call, exchange, static_cast<bool>(call.options.on_text));
  if (!body) co_return stop(std::move(body.error()));
  exchange.request_bytes = body->size();

  AdaptiveLimit& gate = limit(provider, route);
  io::CancelToken token = call.options.cancel;
  Result<io::Permit> permit = co_await gate.gate().acquire(token);
  if (!permit) co_return stop(std::move(permit.error()));
  Hold hold;
  if (call.options.purse != nullptr) {
    if (!exchange.price && call.options.purse->limit() &&
        provider.authentication != Authentication::kNone) {
      co_return stop(
          {Kind::kBudget,
           fmt::format("the price of {} is not known, so a budget cannot be kept", route.name()),
           "give it one: [models.NAME] price = { input = ..., output = ... } in dollars per "
           "million tokens"});
    }
    std::int64_t tokens = 0;
    if (call.chat) {
      const std::int64_t usual =
          provider.dialect == wire::Dialect::kAnthropic ? kAnthropicOutputTokens : kOutputTokens;
      tokens = call.chat->max_tokens.value_or(usual) *
               std::max<std::int64_t>(1, call.chat->n.value_or(1));
    }
    Result<Hold> held = call.options.purse->reserve(
        estimate(exchange.request_bytes, tokens, exchange.price.value_or(Price{})));
    if (!held) co_return stop(std::move(held.error()));
    hold = std::move(*held);
  }

  Attempt made;
  made.route = route.name();
  made.start = core.clock().system_now();
  exchange.sent = core.clock().steady_now();
  std::optional<Trouble> trouble = co_await send(call, exchange, made, std::move(*body));
  const SteadyTime now = core.clock().steady_now();
  made.latency = std::chrono::duration_cast<std::chrono::microseconds>(now - exchange.sent);
  settle(exchange, hold, made);
  if (trouble) {
    hide(*trouble, exchange.key);
    made.error = trouble->error;
    const bool overload = exchange.status == 429 || exchange.status == 503 ||
                          exchange.status == 529 || trouble->error.kind == Kind::kRateLimited;
    if (overload) gate.refused(exchange.sent, now);
  } else {
    gate.succeeded();
  }
  call.attempts.push_back(std::move(made));
  co_return trouble;
}

io::Task<std::optional<Trouble>> Router::Impl::send(Call& call, Exchange& exchange,
                                                    Attempt& attempt, std::string body) {
  const bool streamed = static_cast<bool>(call.options.on_text);
  io::HttpRequest request = http_request(call, exchange, std::move(body), streamed);
  std::optional<Trouble> trouble;
  if (streamed) {
    trouble = co_await send_streamed(call, exchange, attempt, std::move(request));
  } else {
    trouble = co_await send_whole(call, exchange, std::move(request));
  }
  co_return trouble;
}

}  // namespace sighter::models
