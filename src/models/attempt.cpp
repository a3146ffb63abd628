// One physical request: what is sent, permit, money, and what it cost in the end.

#include "models/attempt.hpp"

#include <algorithm>
#include <span>

#include "models/credentials.hpp"
#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

constexpr auto kPurseLook = std::chrono::milliseconds(10);  // between two looks into a full purse
constexpr std::int64_t kOutputTokens = 4096;                // assumed where no limit is asked for
constexpr std::size_t kBytesOfToken = 3;                    // about, where nobody counted

// The most tokens that the answer may have.
std::int64_t output_tokens_of(const ClientRequest& request, const Provider& provider) {
  if (request.endpoint != Endpoint::kChat && request.endpoint != Endpoint::kCompletions) return 0;
  const std::int64_t usual =
      provider.dialect == wire::Dialect::kAnthropic ? kAnthropicOutputTokens : kOutputTokens;
  const auto product = [](std::int64_t most, std::int64_t n) {
    constexpr std::int64_t kChoicesMax = 1'000'000;  // so that it fits
    return std::clamp<std::int64_t>(most, 0, wire::Usage::kCountMax) *
           std::clamp<std::int64_t>(n, 1, kChoicesMax);
  };
  if (request.chat)
    return product(request.chat->max_tokens.value_or(usual), request.chat->n.value_or(1));
  const auto number = [&](std::string_view name) -> std::optional<std::int64_t> {
    const auto raw = request.envelope.raw(request.body, name);
    if (!raw) return std::nullopt;
    const Result<Json> value = json_parse(*raw);
    return value ? value->to_int() : std::nullopt;
  };
  std::optional<std::int64_t> most = number("max_completion_tokens");
  if (!most) most = number("max_tokens");
  if (!most) most = number("max_output_tokens");
  return product(most.value_or(usual), number("n").value_or(1));
}

bool is_overload(const Exchange& exchange, const Error& error) {
  return exchange.status == 429 || exchange.status == 503 || exchange.status == 529 ||
         error.kind == Kind::kRateLimited;
}

}  // namespace

void add_usage(std::optional<wire::Usage>& sum, const std::optional<wire::Usage>& more) {
  if (!more) return;
  if (!sum) {
    sum = more;
    return;
  }
  sum->input += more->input;
  sum->output += more->output;
  sum->cache_read += more->cache_read;
  sum->cache_write += more->cache_write;
  sum->cache_write_1h += more->cache_write_1h;
  sum->reasoning += more->reasoning;
  sum->audio_input += more->audio_input;
  sum->audio_output += more->audio_output;
  sum->image_input += more->image_input;
  sum->tool_requests += more->tool_requests;
  sum->estimated = sum->estimated || more->estimated;
  sum->cost_usd.reset();
  sum->raw = Json();
}

// On a kept connection that had been closed over there, as far as can be told.
void note_lost(Call& call, Exchange& exchange) {
  for (; exchange.lost + 1 < exchange.trace.attempts; ++exchange.lost) {
    Attempt lost;
    lost.route = exchange.route->name();
    lost.start = exchange.start;
    lost.cost = NanoUsd{};
    lost.error =
        Error{Kind::kUnavailable,
              fmt::format("{}: a connection kept from an earlier request was closed before "
                          "it answered",
                          exchange.provider->name),
              {}};
    call.result.attempts.push_back(std::move(lost));
  }
}

Trouble stop(Error error) {
  return Trouble{.error = std::move(error)};
}

Trouble of_transport(Error error, const Exchange& exchange) {
  // Too large is what the provider sent: no fault of whoever asks.
  if (error.kind == Kind::kTooLarge) error.kind = Kind::kUpstream;
  const Kind kind = error.kind;
  const bool again = is_transient(kind) || kind == Kind::kUpstream;
  Trouble trouble{.error = error.in(exchange.provider->name), .retry = again, .next_route = again};
  const bool here = exchange.provider->name == "ollama";
  if (here && kind == Kind::kUnavailable) {
    trouble.retry = false;  // it does not start by itself
    trouble.error.hint =
        fmt::format("start it with 'ollama serve', and fetch the model once with 'ollama pull {}'",
                    exchange.route->upstream);
  }
  return trouble;
}

io::Deadlines deadlines_of(const Exchange& exchange) {
  const Timeouts& usual = exchange.provider->timeouts;
  const RouteTimeouts& own = exchange.route->timeouts;
  io::Deadlines deadlines;
  deadlines.connect = own.connect.value_or(usual.connect);
  deadlines.first_byte = own.first_byte.value_or(usual.first_byte);
  deadlines.gap = own.gap.value_or(usual.gap);
  deadlines.total = own.total.value_or(usual.total);
  return deadlines;
}

io::Headers limits_of(const io::Headers& headers, bool passed) {
  // How the provider finds this request again, and how long it took there.
  constexpr std::string_view kAlways[] = {"x-request-id", "request-id", "openai-processing-ms"};
  // What the bytes are, where they came from whole or in part, and when to ask again.
  constexpr std::string_view kOfBytes[] = {"content-disposition", "content-encoding",
                                           "content-language",    "content-range",
                                           "accept-ranges",       "etag",
                                           "last-modified",       "expires",
                                           "cache-control",       "retry-after"};
  io::Headers out;
  const auto begins = [](std::string_view name, std::string_view with) {
    return name.size() > with.size() && io::equals_ignoring_case(name.substr(0, with.size()), with);
  };
  const auto one_of = [](std::string_view name, std::span<const std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view known) {
      return io::equals_ignoring_case(name, known);
    });
  };
  for (const auto& [name, value] : headers.fields()) {
    const bool wanted = begins(name, "x-ratelimit-") || begins(name, "anthropic-ratelimit-") ||
                        one_of(name, kAlways) || (passed && one_of(name, kOfBytes));
    if (!wanted) continue;
    out.add(io::in_lower_case(name), value);
  }
  return out;
}

io::Task<Result<Hold>> Router::Impl::reserve(const Call& call, const Exchange& exchange) {
  if (!exchange.price && call.options.purse->limit()) {
    co_return fail(
        Kind::kBudget,
        fmt::format("the price of {} is not known, so a budget cannot be kept",
                    exchange.route->name()),
        "give it one: [models.NAME] price = { input = ..., output = ... } in dollars per "
        "million tokens");
  }
  const std::int64_t tokens = output_tokens_of(*call.request, *exchange.provider);
  const NanoUsd most = estimate(exchange.request_bytes, tokens, exchange.price.value_or(Price{}));
  Purse& purse = *call.options.purse;
  io::CancelToken token = call.options.cancel;
  for (;;) {
    Result<Hold> hold = purse.reserve(most);
    if (hold || !purse.may_fit_later(most)) co_return hold;
    // Those under way hold the most that they may cost, and mostly cost a part of it.
    Status slept = co_await core.timers().sleep_for(kPurseLook, token);
    if (!slept) co_return std::unexpected(std::move(slept.error()));
  }
}

Metered metered(const Call& call, const Exchange& exchange, const Trouble* trouble) {
  Metered attempt;
  const std::optional<wire::Usage>& usage = exchange.usage;
  // What a provider cannot mean goes into no sum.
  const bool doubtful = usage && !is_plausible(*usage);
  // Stopped on this side before anything came back: the provider had it to read, and counts that.
  const bool only_read =
      trouble && trouble->error.kind == Kind::kCancelled && exchange.trace.request_sent;
  if (usage && !doubtful) {
    attempt.usage = usage;
    if (exchange.price || usage->cost_usd)
      attempt.cost = cost_of(*usage, exchange.price.value_or(Price{}));
  } else if (!usage && !exchange.output && !only_read) {
    attempt.cost = NanoUsd{};
  } else {
    wire::Usage about{.estimated = true};
    about.input = static_cast<std::int64_t>(exchange.request_bytes / kBytesOfToken + 1);
    if (exchange.output || usage)
      about.output = static_cast<std::int64_t>(exchange.output_bytes / kBytesOfToken + 1);
    if (exchange.price) {
      attempt.cost = estimate(exchange.request_bytes, about.output, *exchange.price);
    }
    // Of a path that means nothing here nobody knows whether it counts tokens.
    const bool counts = call.request->endpoint != Endpoint::kOther;
    if (counts && (trouble || doubtful)) attempt.usage = std::move(about);
  }
  return attempt;
}

void tell_end(const Call& call, const Exchange& exchange) {
  if (!call.options.before_end) return;
  Metered last = metered(call, exchange, nullptr);
  AnswerEnd end{.usage = std::move(last.usage),
                .cost = sum_of(call.result.attempts),
                .finish_reason = call.result.finish_reason};
  if (end.cost && last.cost) *end.cost += *last.cost;
  if (!last.cost) end.cost.reset();
  for (const Attempt& attempt : call.result.attempts) add_usage(end.usage, attempt.usage);
  call.options.before_end(end);
}

// What later requests decide by: how long it took, and how much longer a request may take at least.
void Router::Impl::measure(const Call& call, const Choice& choice, const Attempt& attempt,
                           bool good) {
  RouteState& state = *choice.state;
  const SteadyTime now = core.clock().steady_now();
  const bool streamed = call.options.sink != nullptr && call.request->stream;
  const std::chrono::microseconds first = attempt.first_token.value_or(attempt.latency);
  const bool beaten = attempt.error && attempt.error->kind == Kind::kCancelled;
  if (good) {
    state.load.observe(streamed ? first : attempt.latency, now);
  } else if (!beaten) {
    state.load.failed(attempt.latency, now);
  }
  if (!good && !beaten) return;
  // Left out, the slow ones that were not waited for would make the route look faster than it is.
  if (streamed) state.first_token.add(first);
  if (!streamed) state.whole_answer.add(attempt.latency);
}

// What is sent, complete; the trouble when it cannot be.
std::optional<Trouble> Router::Impl::prepare(Call& call, const Choice& choice, std::size_t key,
                                             Exchange& exchange) {
  const Provider& provider = *choice.provider;
  const Route& route = *choice.route;
  exchange.provider = &provider;
  exchange.route = &route;
  exchange.codec = wire::codec_of(provider.dialect);
  exchange.quirks = provider.quirks;
  exchange.price = hub.config().price(*call.spec, route);
  exchange.key_reference = key == 0 ? provider.key : provider.more_keys[key - 1];
  Result<std::string> proof = secret(provider, exchange.key_reference);
  Result<Outgoing> out = proof ? outgoing(*call.request, provider, route.upstream, *exchange.quirks)
                               : std::unexpected(std::move(proof.error()));
  if (!out) {
    // Another route may have a key, or be able to express it.
    Trouble trouble = stop(std::move(out.error()));
    trouble.next_route = true;
    return trouble;
  }
  exchange.key = std::move(*proof);
  exchange.out = std::move(*out);
  exchange.request_bytes = exchange.out.http.body.size();
  const bool acts = call.request->endpoint == Endpoint::kOther && call.request->method != "GET";
  exchange.out.http.may_resend = route.may_repeat && !acts;
  add_credentials(provider, exchange.key, exchange.out.http);
  return std::nullopt;
}

io::Task<std::optional<Trouble>> Router::Impl::attempt(Call& call, const Choice& choice,
                                                       std::size_t key) {
  const std::string name = choice.route->name();
  Exchange exchange;
  std::optional<Trouble> trouble = prepare(call, choice, key, exchange);
  if (trouble) co_return trouble;
  AdaptiveLimit& gate = limit(*choice.provider, name, key);
  if (call.request->dialect != wire::Dialect::kNone)
    gate.open_wide(
        static_cast<std::size_t>(choice.provider->parallel_max.value_or(kDoorParallelMax)));
  io::CancelToken token = call.options.cancel;
  // Mostly there is room and no budget, and nobody has to wait.
  std::optional<io::Permit> free;
  if (!token.cancelled()) free = gate.gate().try_acquire();
  Result<io::Permit> permit = free ? std::move(*free) : io::Permit();
  if (!free) permit = co_await gate.gate().acquire(token);
  if (!permit) co_return stop(std::move(permit.error()));
  Result<Hold> hold;
  if (call.options.purse != nullptr) hold = co_await reserve(call, exchange);
  if (!hold) co_return stop(std::move(hold.error()));

  Attempt made;
  made.route = name;
  made.start = exchange.start = core.clock().system_now();
  exchange.sent = core.clock().steady_now();
  choice.state->load.started();
  const bool passed = call.request->endpoint == Endpoint::kOther;
  if (call.options.sink != nullptr && passed) {
    trouble = co_await send_passed(call, exchange);
  } else if (call.options.sink != nullptr && call.request->stream) {
    trouble = co_await send_streamed(call, exchange, made);
  } else {
    trouble = co_await send_whole(call, exchange);
  }
  choice.state->load.ended();
  note_lost(call, exchange);
  const SteadyTime now = core.clock().steady_now();
  made.latency = std::chrono::duration_cast<std::chrono::microseconds>(now - exchange.sent);
  Metered used = metered(call, exchange, trouble ? &*trouble : nullptr);
  made.usage = std::move(used.usage);
  made.cost = used.cost;
  hold->settle(made.cost.value_or(NanoUsd{}));
  // What is paid by the second, by the search or not at all is no business of tokens: the budget
  // counts a guess, and nobody is told that it is what it cost.
  const bool guessed = exchange.output && !exchange.usage && made.cost > NanoUsd{};
  if (guessed && passed) made.cost.reset();
  if (trouble) {
    // What the provider's own key is must not be seen, even where the provider repeats it.
    trouble->error.what = without_secret(std::move(trouble->error.what), exchange.key);
    trouble->error.hint = without_secret(std::move(trouble->error.hint), exchange.key);
    made.error = trouble->error;
    trouble->sent = true;
    const bool turned_down = exchange.status >= 300 && exchange.status < 500;
    trouble->may_have_worked = exchange.trace.request_sent && !turned_down;
    if (is_overload(exchange, trouble->error)) gate.refused(exchange.sent, now);
  } else {
    gate.succeeded();
    call.result.route = made.route;
    call.result.dropped = std::move(exchange.out.dropped);
    call.result.approximated = std::move(exchange.out.approximated);
    call.result.limits = std::move(exchange.limits);
    call.result.said.reset();
  }
  measure(call, choice, made, !trouble);
  call.result.attempts.push_back(std::move(made));
  co_return trouble;
}

std::string tried_words(const std::vector<Attempt>& attempts) {
  constexpr std::size_t kShown = 5;
  constexpr std::size_t kNameMax = 100;
  std::vector<std::string> words;
  for (const Attempt& one : attempts) {
    if (one.error)
      words.push_back(
          fmt::format("{} {}", one.route.substr(0, kNameMax), to_string(one.error->kind)));
  }
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words.size() > 2 * kShown && i == kShown) {
      i = words.size() - kShown;
      out += ", ...";
    }
    if (!out.empty()) out += ", ";
    out += words[i];
  }
  return out;
}

}  // namespace sighter::models
