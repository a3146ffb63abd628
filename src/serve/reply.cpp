#include "serve/reply.hpp"

#include <algorithm>
#include <cmath>

#include "base/utf8.hpp"
#include "io/sse.hpp"
#include "wire/codec.hpp"

namespace sighter::serve {
std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (std::string_view name : names) {
    const std::size_t room = kJoinedBytesMax - std::min(kJoinedBytesMax, out.size());
    const bool fits = name.size() + 2 <= room;
    // The row has all of them; of a single one at least its beginning is told.
    if (!fits && !out.empty()) return out + ", ...";
    if (!fits) name = name.substr(0, kJoinedBytesMax);
    if (!out.empty()) out += ", ";
    // A header holds no line break and no byte beyond ASCII.
    for (const char c : name)
      out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e ? '?' : c;
    if (!fits) return out + ", ...";
  }
  return out;
}

namespace {

const wire::Codec& codec_for_errors(wire::Dialect dialect) {
  const wire::Codec* codec = wire::codec_of(dialect);
  return codec != nullptr ? *codec : *wire::codec_of(wire::Dialect::kOpenAiChat);
}

int status_of(const wire::WireError& error) {
  return error.status >= 400 && error.status <= 599 ? error.status : http_status(error.kind);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

io::Task<void> send_wire_error(Exchange& exchange, wire::WireError error) {
  const int status = status_of(error);
  if (status == 429 || status == 503 || status == 529) {
    const auto wait = error.retry_after.value_or(std::chrono::seconds(1));
    const double seconds = std::chrono::duration<double>(wait).count();
    exchange.headers.set("Retry-After", fmt::format("{}", std::max(1.0, std::ceil(seconds))));
  }
  if (status == 401) exchange.headers.add("WWW-Authenticate", "Bearer");
  std::string body = error_body(exchange.dialect, error);
  co_await send_json(exchange, status, std::move(body));
}

}  // namespace

io::Task<void> send_text(Exchange& exchange, int status, std::string type, std::string body) {
  exchange.status = status;
  io::Headers headers = std::move(exchange.headers);
  if (!type.empty()) headers.add("Content-Type", std::move(type));
  // A client that has gone is no fault of ours, and nobody is left to be told.
  const Status sent = co_await exchange.responder.send(status, std::move(headers), std::move(body));
  (void)sent;
}

io::Task<void> send_json(Exchange& exchange, int status, std::string body) {
  return send_text(exchange, status, "application/json", std::move(body));
}

io::Task<void> send_error(Exchange& exchange, Error error) {
  wire::WireError said = wire::to_wire_error(error);
  if (exchange.dialect == wire::Dialect::kNone) said.raw = native_error(error);
  co_await send_wire_error(exchange, std::move(said));
}

wire::WireError wire_error_of(const models::ClientResult& result) {
  wire::WireError said;
  if (result.said) {
    said = *result.said;
  } else {
    said = wire::to_wire_error(
        result.error.value_or(Error{Kind::kInternal, "no answer and no reason", {}}));
    // What no server here can do is the request's fault: asking again would not help.
    if (said.kind == Kind::kUnsupported) {
      said.kind = Kind::kInvalid;
      said.status = http_status(said.kind);
    }
    // No provider said it: its key is missing here, and the client's own is good.
    if (said.kind == Kind::kUnauthorized) {
      said.kind = Kind::kUnavailable;
      said.status = http_status(said.kind);
    }
  }
  if (!said.retry_after) said.retry_after = result.retry_after;
  return said;
}

io::Task<void> send_failure(Exchange& exchange, const models::ClientResult& result) {
  wire::WireError said = wire_error_of(result);
  co_await send_wire_error(exchange, std::move(said));
}

Json native_error(const Error& error) {
  Json said = Json::object({{"kind", to_string(error.kind)}, {"message", error.what}});
  if (!error.hint.empty()) said.as_object().set("hint", error.hint);
  return Json::object({{"error", std::move(said)}});
}

std::string error_body(wire::Dialect dialect, const wire::WireError& error) {
  if (dialect == wire::Dialect::kNone) {
    const bool ready = error.dialect == wire::Dialect::kNone && error.raw.is_object();
    return json_write(ready ? error.raw : native_error({error.kind, error.message, {}}));
  }
  return codec_for_errors(dialect).encode_error(error);
}

std::string error_event(wire::Dialect dialect, const wire::WireError& error) {
  const std::string body = error_body(dialect, error);
  return io::sse_event(dialect == wire::Dialect::kAnthropic ? "error" : "", body);
}

void add_call_headers(io::Headers& headers, const Id& call, const models::ReplyBegin& begin) {
  if (!call.is_nil()) headers.add("x-sighter-call", call.to_string());
  if (!begin.route.empty()) headers.add("x-sighter-route", joined({begin.route}));
  if (begin.attempts > 0) headers.add("x-sighter-attempts", std::to_string(begin.attempts));
  if (!begin.tried.empty()) headers.add("x-sighter-tried", joined({begin.tried}));
  if (!begin.dropped.empty()) headers.add("x-sighter-dropped", joined(begin.dropped));
  if (!begin.approximated.empty())
    headers.add("x-sighter-approximated", joined(begin.approximated));
  for (const auto& [name, value] : begin.limits.fields()) headers.add(name, value);
}

void add_call_headers(io::Headers& headers, const Id& call, const models::ClientResult& result) {
  models::ReplyBegin told;
  told.route = result.route.empty() && !result.attempts.empty() ? result.attempts.back().route
                                                                : result.route;
  told.attempts = static_cast<int>(result.attempts.size());
  told.tried = models::tried_words(result.attempts);
  told.dropped = result.dropped;
  told.approximated = result.approximated;
  told.limits = result.limits;
  add_call_headers(headers, call, told);
}

void add_names(std::vector<std::string>& to, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
  }
}

void add_losses(models::ClientResult& result, const wire::Encoded& encoded) {
  add_names(result.dropped, encoded.dropped);
  add_names(result.approximated, encoded.approximated);
}

std::string made_id(wire::Dialect dialect, const Id& call) {
  return (dialect == wire::Dialect::kAnthropic ? "msg_" : "chatcmpl-") + call.to_string();
}

io::Task<Result<JsonBody>> read_json_body(Exchange& exchange) {
  Result<std::string> text = co_await exchange.request.read_body();
  if (!text) co_return std::unexpected(std::move(text.error()));
  Result<wire::Envelope> envelope = wire::Envelope::scan(*text);
  if (!envelope) co_return std::unexpected(std::move(envelope.error()));
  co_return JsonBody{std::move(*text), std::move(*envelope)};
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = text.size() - i > 2 ? hex_digit(text[i + 1]) : -1;
      const int low = text.size() - i > 2 ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  if (find_invalid_utf8(out)) return std::nullopt;
  return out;
}

Result<Query> query_of(std::string_view query) {
  Query out;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = percent_decoded(pair.substr(0, equals), true);
    if (!name) return fail(Kind::kInvalid, "a parameter's name is no text in UTF-8");
    std::optional<std::string> value =
        percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!value)
      return fail(Kind::kInvalid,
                  fmt::format("{}: is no text in UTF-8, or holds a control character or a '%' "
                              "that begins no escape",
                              *name));
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) != name) continue;
    return percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
  }
  return std::nullopt;
}

}  // namespace sighter::serve
