// An answer that comes as a whole: read, judged, counted.

#include "models/count_tokens.hpp"
#include "models/credentials.hpp"
#include "models/router_impl.hpp"
#include "wire/openai_chat.hpp"
#include "wire/openai_responses.hpp"
#include "wire/relay.hpp"

namespace sighter::models {
namespace {

constexpr std::size_t kErrorBytesMax = 1u << 20;

std::string first_words(std::string_view body) {
  std::string words;
  for (const char c : body.substr(0, 80))
    words += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? ' ' : c;
  return words;
}

// A reply that holds nothing but an error, though its status is good.
bool is_error(const Json& json) {
  const Json* error = json.find("error");
  return error != nullptr && !error->is_null() && json.find("choices") == nullptr &&
         json.find("content") == nullptr && json.find("output") == nullptr;
}

void keep_relayed(ClientResult& result, const Exchange& exchange, std::string body,
                  const io::Headers& headers) {
  result.relayed = true;
  result.raw = std::move(body);
  result.raw_status = exchange.status;
  result.raw_type = std::string(headers.get("content-type").value_or("application/json"));
}

// A good status, and what is no JSON, or none of an object.
Trouble no_object(const Exchange& exchange, bool json, std::string_view body) {
  Trouble trouble =
      stop({Kind::kUpstream,
            fmt::format("{} answered {} with what is no JSON{}: {}", exchange.provider->name,
                        exchange.status, json ? " object" : "",
                        body.empty() ? "nothing" : first_words(body)),
            "check base_url: is this the address of the API?"});
  trouble.next_route = true;
  return trouble;
}

// Embeddings, legacy completions, counts of tokens: only the usage is read.
void read_usage(const Json& json, Exchange& exchange) {
  exchange.output = true;
  if (const Json* usage = json.find("usage")) exchange.usage = any_usage(*usage);
}

Status read_completion(const Json& json, bool as_event, ClientResult& result, Exchange& exchange) {
  const Json* choices = json.find("choices");
  if (as_event && (choices == nullptr || !choices->is_array()))
    return fail(Kind::kUpstream, "choices: must be an array");
  read_usage(json, exchange);
  const Json* first = choices == nullptr ? nullptr : choices->at(0);
  const std::string* finish = first == nullptr ? nullptr : first->find_string("finish_reason");
  if (finish != nullptr) result.finish_reason = *finish;
  return {};
}

Status read_chat(Json json, std::size_t bytes, ClientResult& result, Exchange& exchange) {
  exchange.output = true;
  exchange.output_bytes = bytes;
  Result<wire::ChatReply> reply = exchange.codec->decode_reply(std::move(json), exchange.quirks);
  if (!reply) return std::unexpected(std::move(reply.error()));
  exchange.output_bytes = reply->text().size();
  exchange.usage = reply->usage;
  if (const auto failed = exchange.out.relay ? std::nullopt : wire::failure_of(*reply))
    return fail(failed->kind, failed->message);
  if (reply->model.empty()) reply->model = exchange.route->upstream;
  if (!reply->choices.empty())
    result.finish_reason = word_of(reply->choices.front().settled_finish());
  result.reply = std::move(*reply);
  return {};
}

Status read_embedding(Json json, std::size_t bytes, ClientResult& result, Exchange& exchange) {
  exchange.output = true;
  exchange.output_bytes = bytes;
  const bool gemini = exchange.provider->dialect == wire::Dialect::kGemini;
  Result<wire::EmbeddingReply> reply =
      gemini ? wire::gemini_embeddings::decode_reply(std::move(json), exchange.route->upstream)
             : wire::openai_embeddings::decode_reply(std::move(json));
  if (!reply) return std::unexpected(std::move(reply.error()));
  exchange.output_bytes = 0;
  exchange.usage = reply->usage;
  result.embedding = std::move(*reply);
  return {};
}

}  // namespace

std::optional<wire::Usage> any_usage(const Json& usage) {
  if (!usage.is_object()) return std::nullopt;
  if (usage.find("prompt_tokens") != nullptr) return wire::openai_chat::decode_usage(usage);
  if (usage.find("input_tokens") == nullptr && usage.find("output_tokens") == nullptr) {
    // Of rerankers and embedders: all of it was read.
    const Json* total = usage.find("total_tokens");
    const std::optional<std::int64_t> tokens = total == nullptr ? std::nullopt : total->to_int();
    if (!tokens || *tokens < 0) return std::nullopt;
    wire::Usage read;
    read.input = *tokens;
    read.raw = usage;
    return read;
  }
  return wire::openai_responses::decode_usage(usage);
}

std::string word_of(const wire::FinishReason& finish) {
  return finish.kind == wire::FinishReason::Kind::kNone ? finish.word
                                                        : std::string(to_string(finish.kind));
}

// The answer is an error of the provider's.
std::optional<Trouble> Router::Impl::refused(Call& call, const Exchange& exchange,
                                             const io::Headers& headers, std::string_view body) {
  // A good status says nothing of an error.
  const bool good = exchange.status >= 200 && exchange.status < 300;
  wire::WireError said = exchange.codec->decode_error(
      good ? 0 : exchange.status, without_secret(std::string(body), exchange.key));
  if (good) said.status = http_status(said.kind);
  Trouble trouble = stop(said.to_error(exchange.provider->name));
  if (said.message.empty()) {
    said.message =
        fmt::format("{} answered {} with an empty body", exchange.provider->name, exchange.status);
    trouble.error.what = said.message;
  }
  if (exchange.status >= 300 && exchange.status < 400) {
    trouble.error.kind = Kind::kUpstream;
    trouble.error.hint = fmt::format(
        "base_url of the provider '{}' leads elsewhere; give the address that it leads to",
        exchange.provider->name);
    // A redirect says nothing; nor is it an answer that a client could use.
    said.status = 502;
    said.message = fmt::format("{} answered {}, a redirect, which is not followed",
                               exchange.provider->name, exchange.status);
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
  if (kind == Kind::kUnauthorized && exchange.key_reference.starts_with("env:")) {
    trouble.error.hint = fmt::format("check {}", exchange.key_reference.substr(4));
  }
  call.result.retry_after = trouble.retry_after;
  call.result.limits = limits_of(headers, false);
  call.result.said = std::move(said);
  return trouble;
}

// A whole answer of status 2xx.
std::optional<Trouble> Router::Impl::take_body(Call& call, Exchange& exchange, std::string body,
                                               const io::Headers& headers) {
  ClientResult& result = call.result;
  const std::string& name = exchange.provider->name;
  const ClientRequest& request = *call.request;
  exchange.limits = limits_of(headers, request.endpoint == Endpoint::kOther);
  const bool unread =
      exchange.out.relay && request.endpoint == Endpoint::kChat && !call.options.want_reply;
  if (const auto facts =
          unread ? wire::relayed_facts(exchange.provider->dialect, body) : std::nullopt) {
    exchange.output = true;
    exchange.output_bytes = body.size();
    exchange.usage = facts->usage;
    result.finish_reason = word_of(facts->finish);
    result.raw_text = facts->text;
    keep_relayed(result, exchange, std::move(body), headers);
    return std::nullopt;
  }
  Result<Json> json = json_parse(body, name);
  if (request.endpoint == Endpoint::kOther && !(json && json->is_object())) {
    exchange.output = true;
    keep_relayed(result, exchange, std::move(body), headers);
    return std::nullopt;
  }
  if (!json || !json->is_object()) return no_object(exchange, json.has_value(), body);
  if (request.endpoint != Endpoint::kOther && is_error(*json))
    return refused(call, exchange, headers, body);
  const bool chat = request.endpoint == Endpoint::kChat;
  const wire::Dialect dialect = exchange.provider->dialect;
  Status read;
  if (request.endpoint == Endpoint::kCountTokens && dialect != wire::Dialect::kAnthropic) {
    Result<std::string> count = counted(dialect, *json);
    if (count) {
      body = std::move(*count);
    } else {
      read = std::unexpected(std::move(count.error()));
    }
  }
  if (!read) {
    // told below
  } else if (chat) {
    read = read_chat(std::move(*json), body.size(), result, exchange);
  } else if (!exchange.out.relay && request.endpoint == Endpoint::kEmbeddings) {
    read = read_embedding(std::move(*json), body.size(), result, exchange);
  } else if (request.endpoint == Endpoint::kCompletions) {
    read = read_completion(*json, request.stream, result, exchange);
  } else {
    read_usage(*json, exchange);
  }
  if (!read) {
    Trouble trouble = stop(read.error().in(fmt::format("{} answered {}", name, exchange.status)));
    trouble.retry = trouble.error.kind == Kind::kRateLimited;  // nothing was made, nor paid for
    trouble.next_route = true;
    return trouble;
  }
  const bool as_it_is = exchange.out.relay || request.endpoint == Endpoint::kCountTokens ||
                        request.endpoint == Endpoint::kCompletions;
  if (as_it_is) {
    keep_relayed(result, exchange, std::move(body), headers);
    if (!call.options.want_reply) result.reply.reset();
  }
  return std::nullopt;
}

io::Task<std::optional<Trouble>> Router::Impl::send_whole(Call& call, Exchange& exchange) {
  const io::Deadlines deadlines = deadlines_of(exchange);
  io::CancelToken token = call.options.cancel;
  Result<io::HttpReply> reply =
      co_await client.fetch(std::move(exchange.out.http), deadlines, token, &exchange.trace);
  if (!reply) {
    exchange.output = exchange.trace.body_bytes > 0;
    exchange.output_bytes = exchange.trace.body_bytes;
    co_return of_transport(std::move(reply.error()), exchange);
  }
  exchange.status = reply->status;
  if (reply->status < 200 || reply->status >= 300)
    co_return refused(call, exchange, reply->headers, reply->body);
  co_return take_body(call, exchange, std::move(reply->body), reply->headers);
}

// The whole body of an answer whose header is read already.
io::Task<std::optional<Trouble>> Router::Impl::whole_of_stream(Call& call, Exchange& exchange,
                                                               io::HttpStream& stream,
                                                               bool as_it_is) {
  const bool good = exchange.status >= 200 && exchange.status < 300;
  std::string body;
  for (;;) {
    Result<std::string_view> bytes = co_await stream.read();
    if (!bytes) {
      exchange.output = good && !body.empty();
      exchange.output_bytes = body.size();
      co_return of_transport(std::move(bytes.error()), exchange);
    }
    if (bytes->empty()) break;
    body += *bytes;
    if (!good && body.size() > kErrorBytesMax) break;
    if (body.size() > limits::kResponseBytesMax) {
      Trouble large = stop({Kind::kUpstream,
                            fmt::format("{}: the answer is larger than {} bytes",
                                        exchange.provider->name, limits::kResponseBytesMax),
                            {}});
      large.next_route = true;
      co_return large;
    }
  }
  if (!good) co_return refused(call, exchange, stream.headers(), body);
  // A client that waits for events cannot be given it as it is.
  if (!as_it_is) exchange.out.relay = false;
  co_return take_body(call, exchange, std::move(body), stream.headers());
}

}  // namespace sighter::models
