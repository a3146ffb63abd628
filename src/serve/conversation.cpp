#include "serve/conversation.hpp"

#include <algorithm>

#include "serve/stream.hpp"
#include "wire/codec.hpp"
#include "wire/embeddings.hpp"

namespace sighter::serve {
namespace {

// What the first byte of a member's value must be, so that a wrong type is refused here, by name,
// also where the bytes would be relayed. 'n' stands for a number, 'b' for true or false, 'x' for a
// text or a list.
struct MemberType {
  std::string_view name;
  char type;
  bool required = false;
};

constexpr MemberType kChatTypes[] = {{"model", '"', true},
                                     {"messages", '[', true},
                                     {"stream", 'b'},
                                     {"temperature", 'n'},
                                     {"top_p", 'n'},
                                     {"max_tokens", 'n'},
                                     {"n", 'n'},
                                     {"seed", 'n'},
                                     {"tools", '['},
                                     {"logit_bias", '{'},
                                     {"logprobs", 'b'},
                                     {"max_completion_tokens", 'n'},
                                     {"stop", 'x'},
                                     {"response_format", '{'},
                                     {"stream_options", '{'}};
constexpr MemberType kMessagesTypes[] = {
    {"model", '"', true},    {"messages", '[', true}, {"max_tokens", 'n', true},
    {"stream", 'b'},         {"temperature", 'n'},    {"top_p", 'n'},
    {"top_k", 'n'},          {"tools", '['},          {"system", 'x'},
    {"stop_sequences", '['}, {"metadata", '{'},       {"thinking", '{'}};
constexpr MemberType kResponsesTypes[] = {{"model", '"', true},
                                          {"input", 'x'},
                                          {"stream", 'b'},
                                          {"temperature", 'n'},
                                          {"top_p", 'n'},
                                          {"tools", '['},
                                          {"text", '{'},
                                          {"store", 'b'},
                                          {"instructions", 'x'},
                                          {"previous_response_id", '"'},
                                          {"max_output_tokens", 'n'},
                                          {"metadata", '{'},
                                          {"background", 'b'}};

constexpr MemberType kEmbeddingTypes[] = {
    {"model", '"', true}, {"input", 'x', true}, {"dimensions", 'n'}, {"encoding_format", '"'}};
constexpr MemberType kCountTypes[] = {{"model", '"', true}, {"messages", '[', true}};
constexpr MemberType kCompletionTypes[] = {
    {"model", '"', true}, {"prompt", 'x'}, {"stream", 'b'}, {"max_tokens", 'n'}};

std::span<const MemberType> types_of(wire::Dialect dialect, models::Endpoint endpoint) {
  if (endpoint == models::Endpoint::kEmbeddings) return kEmbeddingTypes;
  if (endpoint == models::Endpoint::kCountTokens) return kCountTypes;
  if (endpoint == models::Endpoint::kCompletions) return kCompletionTypes;
  if (dialect == wire::Dialect::kAnthropic) return kMessagesTypes;
  if (dialect == wire::Dialect::kOpenAiResponses) return kResponsesTypes;
  return kChatTypes;
}

bool fits(std::string_view value, char type) {
  const char c = value.front();
  switch (type) {
    case 'n':
      return c == '-' || (c >= '0' && c <= '9');
    case 'b':
      return c == 't' || c == 'f';
    case 'x':
      return c == '"' || c == '[';
    default:
      return c == type;
  }
}

std::string_view words_of(char type) {
  switch (type) {
    case 'n':
      return "a number";
    case 'b':
      return "true or false";
    case 'x':
      return "a string or an array";
    case '[':
      return "an array";
    case '{':
      return "an object";
    default:
      return "a string";
  }
}

Status check_types(const JsonBody& body, wire::Dialect dialect, models::Endpoint endpoint) {
  for (const MemberType& member : types_of(dialect, endpoint)) {
    const std::optional<std::string_view> value = body.envelope.raw(body.text, member.name);
    if (!value || (*value == "null" && !member.required)) {
      if (!member.required) continue;
      return fail(Kind::kInvalid, fmt::format("{}: is required", member.name));
    }
    if (!fits(*value, member.type))
      return fail(Kind::kInvalid,
                  fmt::format("{}: must be {}", member.name, words_of(member.type)));
  }
  return {};
}

// Headers that change what a provider does. Nothing else of a client's headers goes on.
constexpr std::string_view kPassedOn[] = {"anthropic-version", "anthropic-beta",
                                          "openai-beta",       "openai-organization",
                                          "openai-project",    "idempotency-key"};

std::vector<std::string> words(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view word = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (!word.empty()) out.emplace_back(word);
  }
  return out;
}

void count(Exchange& exchange, const models::ClientResult& result) {
  Metrics& metrics = exchange.door.metrics;
  if (result.usage) metrics.add_usage(*result.usage);
  if (result.cost) metrics.add_cost(*result.cost);
  if (!result.attempts.empty() && result.attempts.back().first_token)
    metrics.add_first_token(*result.attempts.back().first_token);
}

// The reply in the client's dialect; what it loses is added to the result.
std::string encode(const Exchange& exchange, const models::ClientRequest& request, const Id& call,
                   models::ClientResult& result) {
  wire::EncodeOptions options;
  options.now_s = std::chrono::floor<std::chrono::seconds>(exchange.door.clock.system_now())
                      .time_since_epoch()
                      .count();
  if (result.reply->id.empty()) result.reply->id = made_id(request.dialect, call);
  wire::Encoded encoded = wire::codec_of(request.dialect)->encode_reply(*result.reply, options);
  add_losses(result, encoded);
  return std::move(encoded.body);
}

// Dollars in full digits, never "6e-05".
std::string dollars(NanoUsd cost) {
  constexpr std::int64_t kOne = 1'000'000'000;
  std::string out = std::to_string(cost.value / kOne);
  std::int64_t rest = cost.value % kOne;
  if (rest <= 0) return out;
  out += '.';
  for (std::int64_t digit = kOne / 10; rest > 0; digit /= 10) {
    out += static_cast<char>('0' + rest / digit);
    rest %= digit;
  }
  return out;
}

io::Task<void> send_whole(Exchange& exchange, const models::ClientRequest& request,
                          functions::Answered& answered, std::string encoded) {
  models::ClientResult& result = answered.result;
  std::string body = std::move(encoded);
  std::string type = "application/json";
  int status = 200;
  if (result.relayed) {
    body = std::move(result.raw);
    status = result.raw_status;
    if (!result.raw_type.empty()) type = std::move(result.raw_type);
  } else if (result.embedding) {
    const std::optional<bool> base64 =
        request.embedding ? std::optional(request.embedding->encoding_format == "base64")
                          : std::nullopt;
    body = wire::openai_embeddings::encode_reply(*result.embedding, {}, base64);
  }
  add_call_headers(exchange.headers, answered.call, result);
  if (result.cost) exchange.headers.add("x-sighter-cost-usd", dollars(*result.cost));
  co_await send_text(exchange, status, std::move(type), std::move(body));
}

}  // namespace

Status check_model_name(std::string_view name) {
  if (name.empty()) return fail(Kind::kInvalid, "model: must be the name of a model");
  if (name.size() > kNameBytesMax)
    return fail(Kind::kInvalid,
                fmt::format("model: the name has {} bytes, and {} at most are taken", name.size(),
                            kNameBytesMax));
  const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), control))
    return fail(Kind::kInvalid, "model: the name holds a control character");
  return {};
}

Result<std::string> model_of(const models::ClientRequest& request) {
  Result<std::optional<std::string>> model = request.envelope.string(request.body, "model");
  std::string name = model && *model ? std::move(**model) : std::string();
  if (Status good = check_model_name(name); !good) return std::unexpected(good.error());
  return name;
}

io::Headers passed_on(const io::Headers& headers) {
  io::Headers out;
  for (const auto& [name, value] : headers.fields()) {
    for (const std::string_view passed : kPassedOn) {
      if (!io::equals_ignoring_case(name, passed)) continue;
      // Several lines of one name are one list (RFC 9110, section 5.3).
      const std::optional<std::string_view> before = out.get(passed);
      out.set(passed, before ? fmt::format("{}, {}", *before, value) : std::string(value));
    }
  }
  return out;
}

// The body's own list is for this program alone.
Status take_allow_drop(models::ClientRequest& request) {
  constexpr std::string_view kName = "allow_drop";
  const std::optional<std::string_view> raw = request.envelope.raw(request.body, kName);
  if (!raw) return {};
  const Result<Json> list = json_parse(*raw);
  if (!list || !list->is_array())
    return fail(Kind::kInvalid, "allow_drop: must be a list of parameters' names");
  for (const Json& name : list->as_array()) {
    if (!name.is_string())
      return fail(Kind::kInvalid, "allow_drop: must be a list of parameters' names");
    request.allow_drop.push_back(name.as_string());
  }
  request.body = request.envelope.edited(request.body, {{kName, std::nullopt}});
  Result<wire::Envelope> without = wire::Envelope::scan(request.body);
  if (!without) return std::unexpected(std::move(without.error()));
  request.envelope = std::move(*without);
  return {};
}

Result<models::ClientRequest> client_request(const Exchange& exchange, JsonBody body,
                                             wire::Dialect dialect, models::Endpoint endpoint) {
  if (Status good = check_types(body, dialect, endpoint); !good)
    return std::unexpected(good.error());
  models::ClientRequest request;
  request.endpoint = endpoint;
  request.dialect = dialect;
  Result<std::optional<bool>> stream = body.envelope.boolean(body.text, "stream");
  if (!stream) return std::unexpected(stream.error());
  // Nothing else is ever told in events.
  const bool streams =
      endpoint == models::Endpoint::kChat || endpoint == models::Endpoint::kCompletions;
  request.stream = streams && stream->value_or(false);
  request.body = std::move(body.text);
  request.envelope = std::move(body.envelope);
  const io::Headers& headers = exchange.request.headers();
  request.headers = passed_on(headers);
  request.allow_drop = exchange.door.settings.allow_drop;
  for (const std::string_view list : headers.all("x-sighter-allow-drop")) {
    for (std::string& word : words(list)) request.allow_drop.push_back(std::move(word));
  }
  if (Status taken = take_allow_drop(request); !taken)
    return std::unexpected(std::move(taken.error()));
  return request;
}

io::Task<void> converse(Exchange& exchange, models::ClientRequest&& request, std::string model) {
  functions::AnswerOptions options;
  options.call = exchange.door.shared.next_id();
  options.cancel = exchange.request.gone();
  options.record = exchange.door.settings.record;
  if (!exchange.door.key.empty()) options.key = "serve";
  std::optional<ClientStream> stream;
  std::optional<PassedStream> passed;
  const bool head = exchange.request.method() == "HEAD";
  if (request.endpoint == models::Endpoint::kOther) {
    if (!head) options.sink = &passed.emplace(exchange, options.call);
  } else if (request.stream) {
    options.sink = &stream.emplace(exchange, request, options.call);
  }
  std::string encoded;
  const Id call = options.call;
  // Before the row is made, so that it tells what the reply lost too.
  options.on_answer = [&](models::ClientResult& result) {
    if (stream) {
      stream->add_lost(result);
    } else if (result.reply && !result.relayed && !result.error) {
      encoded = encode(exchange, request, call, result);
    }
  };
  functions::Answered answered =
      co_await exchange.engine.answer(request, std::move(model), std::move(options));
  const models::ClientResult& result = answered.result;
  count(exchange, result);
  if (stream) co_await stream->close(result);
  if (passed) co_await passed->close(result);
  if (exchange.responder.started()) co_return;
  if (result.error) {
    add_call_headers(exchange.headers, answered.call, result);
    co_await send_failure(exchange, result);
    co_return;
  }
  co_await send_whole(exchange, request, answered, std::move(encoded));
}

}  // namespace sighter::serve
