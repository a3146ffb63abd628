#include "io/http_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.hpp"

namespace sighter::io {
namespace {

constexpr std::size_t kInputBytesMax = 65'536;          // read ahead of the handler
constexpr std::size_t kDrainBytesMax = 256 * 1024;      // of a body that the handler left unread
constexpr auto kLinger = std::chrono::seconds(2);       // for the client to read the last answer
constexpr std::uint64_t kBodyBytesPerSecondMin = 1000;  // of a client, on average

}  // namespace

Connection::Connection(HttpServer::Impl& server, Transport::Socket socket)
    : server_(server),
      place_(server.connections.insert(server.connections.end(), this)),
      transport_(std::make_shared<Transport>(
          server.core, std::max(kInputBytesMax, server.options.header_bytes_max + 16'384),
          std::move(socket))),
      parser_(HttpParser::Role::kRequest, server.options.header_bytes_max) {
  boost::system::error_code error;
  const auto endpoint = transport_->socket().remote_endpoint(error);
  if (!error) peer_ = endpoint.address().to_string();
  transport_->set_write_patience(server.options.write_timeout);
  idle_since_ = server.core.timers().now();
}

Connection::~Connection() {
  server_.bodies->used -= body_counted_;
  transport_->close(Transport::Cut::kLocal);
  server_.connections.erase(place_);
}

void Connection::close_when_idle() {
  keep_ = false;
  if (idle_) transport_->close(Transport::Cut::kLocal);
}

void Connection::cancel(std::string_view reason) {
  gone_.cancel(reason);
}

void Connection::cut(std::string_view reason) {
  gone_.cancel(reason);
  transport_->reset();
}

Task<void> Connection::serve() {
  if (server_.tls) {
    const bool shaken = co_await handshake();
    if (!shaken) co_return;
  }
  transport_->start_reading();
  while (keep_) {
    const bool more = co_await serve_one();
    if (!more) break;
  }
  co_await close_gently();
}

Task<bool> Connection::handshake() {
  transport_->set_deadline(server_.core.timers().now() + server_.options.header_timeout);
  transport_->start_handshake(server_.tls, "");
  while (transport_->busy() && !transport_->failed()) co_await transport_->changed();
  co_return !transport_->failed();
}

Task<bool> Connection::read_header() {
  parser_.restart();
  idle_ = true;
  idle_since_ = server_.core.timers().now();
  transport_->set_deadline(idle_since_ + server_.options.idle_timeout);
  for (;;) {
    if (!transport_->input().empty()) {
      const Result<std::size_t> taken = parser_.feed(transport_->input());
      if (!taken) {
        const int status = taken.error().kind == Kind::kTooLarge ? 431 : 400;
        co_await refuse(status, taken.error().what);
        co_return false;
      }
      transport_->consume(*taken);
      if (parser_.header_done()) break;
      if (idle_ && parser_.begun()) {
        idle_ = false;
        transport_->set_deadline(server_.core.timers().now() + server_.options.header_timeout);
      }
    }
    if (transport_->failed() || transport_->input_ended()) co_return false;
    co_await transport_->changed();
  }
  idle_ = false;
  transport_->clear_deadline();
  co_return true;
}

int Connection::objection() const {
  const std::string_view target = parser_.target();
  const bool absolute = target.starts_with("http://") || target.starts_with("https://");
  if (!target.starts_with('/') && !absolute && !(target == "*" && parser_.method() == "OPTIONS")) {
    return 400;
  }
  const auto expect = headers().get("Expect");
  if (expect && !equals_ignoring_case(*expect, "100-continue")) return 417;
  return 0;
}

Task<bool> Connection::serve_one() {
  // Before the header is read: what is no header is answered too.
  said_ = Said::kNothing;
  asked_for_body_ = broken_body_ = raw_ = mute_ = false;
  pending_head_.clear();
  const bool read = co_await read_header();
  if (!read) co_return false;
  if (!parser_.keep_alive()) keep_ = false;
  const int refused = objection();
  if (refused != 0) {
    co_await refuse(refused, "this request cannot be understood");
    co_return false;
  }
  gone_ = CancelSource();
  body_began_ = server_.core.timers().now();
  if (transport_->input_ended() || transport_->failed()) {
    gone_.cancel("the client went away");
  } else {
    transport_->on_end([source = gone_]() mutable { source.cancel("the client went away"); });
  }
  co_await run_handler();
  transport_->on_end(nullptr);
  server_.bodies->used -= std::exchange(body_counted_, 0);
  if (!keep_ || broken_body_ || transport_->failed()) co_return false;
  if (parser_.done()) co_return true;
  const bool more = co_await settle_request();
  co_return more;
}

Task<void> Connection::run_handler() {
  std::string fault;
  try {
    co_await server_.handler(*this, *this);
  } catch (const std::exception& e) {
    fault = e.what();
  }
  if (!fault.empty()) server_.log_fault(fmt::format("the handler of {} failed: {}", path(), fault));
  if (said_ == Said::kAll || transport_->failed()) co_return;
  if (said_ == Said::kBegun) {
    abort();
    co_return;
  }
  if (fault.empty() && !gone_.token().cancelled()) {
    server_.log_fault(fmt::format("the handler of {} gave no answer", path()));
  }
  co_await refuse(500, "internal error");
}

// After an answer that came before the whole body: whether another request can follow.
Task<bool> Connection::settle_request() {
  // A client that was not told to go on may or may not send its body: the framing is lost.
  if (headers().has("Expect") && !asked_for_body_) co_return false;
  const std::uint64_t before = parser_.body_bytes();
  transport_->set_deadline(server_.core.timers().now() + kLinger);
  while (!parser_.done()) {
    const Status parsed = parse_body();
    parser_.body().clear();
    if (!parsed || parser_.body_bytes() - before > kDrainBytesMax) co_return false;
    if (parser_.done()) break;
    if (transport_->failed() || transport_->input_ended()) co_return false;
    co_await transport_->changed();
  }
  transport_->clear_deadline();
  co_return true;
}

Task<void> Connection::refuse(int status, std::string words) {
  keep_ = false;
  Headers plain;
  plain.add("Content-Type", "text/plain; charset=utf-8");
  const Status ignored = co_await send(status, std::move(plain), std::move(words) + "\n");
  (void)ignored;
}

// Closing at once, with bytes of the client unread, would reset the connection and take our last
// answer with it.
Task<void> Connection::close_gently() {
  if (transport_->failed() || transport_->input_ended()) co_return;
  transport_->set_deadline(server_.core.timers().now() + kLinger);
  while (transport_->busy() && !transport_->failed()) co_await transport_->changed();
  transport_->start_shutdown();
  std::size_t drained = 0;
  while (!transport_->failed() && !transport_->input_ended() && drained < kDrainBytesMax) {
    drained += transport_->input().size();
    transport_->consume(transport_->input().size());
    co_await transport_->changed();
  }
}

std::string_view Connection::path() const {
  std::string_view target = parser_.target();
  if (!target.starts_with('/')) {
    const std::size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return target;
    const std::size_t slash = target.find('/', scheme + 3);
    if (slash == std::string_view::npos) return "/";
    target.remove_prefix(slash);
  }
  return target.substr(0, target.find('?'));
}

std::string_view Connection::query() const {
  const std::string_view target = parser_.target();
  const std::size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

// Feeds what has come of the body.
Status Connection::parse_body() {
  if (transport_->input().empty() || parser_.done()) return {};
  const Result<std::size_t> taken = parser_.feed(transport_->input());
  if (!taken) {
    broken_body_ = true;
    return std::unexpected(taken.error());
  }
  transport_->consume(*taken);
  return {};
}

Task<Result<std::string_view>> Connection::read_some() {
  const HttpServerOptions& options = server_.options;
  piece_.clear();
  if (parser_.content_length().value_or(0) > options.body_bytes_max) {
    co_return fail(Kind::kTooLarge,
                   fmt::format("the request has more than {} bytes", options.body_bytes_max));
  }
  for (;;) {
    const Status parsed = parse_body();
    if (!parsed) co_return std::unexpected(parsed.error());
    if (parser_.body_bytes() > options.body_bytes_max) {
      broken_body_ = true;
      co_return fail(Kind::kTooLarge,
                     fmt::format("the request has more than {} bytes", options.body_bytes_max));
    }
    if (!count_body()) {
      broken_body_ = true;
      co_return fail(Kind::kUnavailable, "too many bytes of requests are under way",
                     "try again a little later");
    }
    if (!parser_.body().empty() || parser_.done()) break;
    if (transport_->cut() == Transport::Cut::kDeadline) {
      co_return fail(Kind::kTimeout, "the client sent its request too slowly");
    }
    if (transport_->failed() || transport_->input_ended()) {
      co_return fail(Kind::kCancelled, "the client went away");
    }
    if (!asked_for_body_ && said_ == Said::kNothing && headers().has("Expect")) {
      asked_for_body_ = true;
      transport_->start_write("HTTP/1.1 100 Continue\r\n\r\n");
      const Status ok = co_await sent();
      if (!ok) co_return std::unexpected(ok.error());
      continue;
    }
    transport_->set_deadline(body_deadline());
    co_await transport_->changed();
    transport_->clear_deadline();
  }
  asked_for_body_ = true;
  piece_.swap(parser_.body());
  co_return std::string_view(piece_);
}

// Whether all bodies together, with what has come of this one, are small enough.
bool Connection::count_body() {
  const std::size_t more = static_cast<std::size_t>(parser_.body_bytes()) - body_counted_;
  body_counted_ += more;
  return (server_.bodies->used += more) <= server_.options.bodies_bytes_max;
}

// Whoever sends a byte now and then must not hold a place for as long as a large body may take.
SteadyTime Connection::body_deadline() const {
  const HttpServerOptions& options = server_.options;
  const auto earned = std::chrono::milliseconds(
      static_cast<std::int64_t>(parser_.body_bytes() * 1000 / kBodyBytesPerSecondMin));
  return std::min({server_.core.timers().now() + options.body_gap_timeout,
                   body_began_ + options.body_timeout,
                   body_began_ + options.body_patience + earned});
}

Task<Result<std::string>> Connection::read_body(std::size_t bytes_max) {
  std::string body;
  const std::uint64_t promised = parser_.content_length().value_or(0);
  if (promised > bytes_max) {
    co_return fail(Kind::kTooLarge, fmt::format("the request has more than {} bytes", bytes_max));
  }
  for (;;) {
    Result<std::string_view> piece = co_await read_some();
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > bytes_max) {
      co_return fail(Kind::kTooLarge, fmt::format("the request has more than {} bytes", bytes_max));
    }
    // Memory is given for what has come, never for what was only promised.
    if (body.empty()) {
      body.swap(piece_);
    } else {
      body.append(*piece);
    }
  }
}

bool Connection::has_no_body(int status) const {
  return status / 100 == 1 || status == 204 || status == 304;
}

std::string Connection::head_of(int status, const Headers& headers, std::size_t more) const {
  std::string head;
  head.reserve(kHeadBytesUsual + more);
  head.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  head.append(reason_of(status)).append("\r\n");
  headers.write_to(head);
  head.append("Date: ").append(server_.date()).append("\r\n");
  if (!keep_) {
    head.append("Connection: close\r\n");
  } else if (!parser_.version_1_1()) {
    head.append("Connection: keep-alive\r\n");
  }
  return head;
}

// The usual case, without a coroutine of its own.
bool Connection::all_sent() const {
  return !transport_->busy() && !transport_->failed() && transport_->write_fault().empty();
}

// Waits until the kernel has taken what was handed to the transport.
Task<Status> Connection::sent() {
  while (transport_->busy() && !transport_->failed() && transport_->write_fault().empty()) {
    co_await transport_->changed();
  }
  if (transport_->cut() == Transport::Cut::kDeadline) {
    co_return fail(Kind::kTimeout, "the client does not read its answer");
  }
  if (transport_->failed() || !transport_->write_fault().empty()) {
    co_return fail(Kind::kCancelled, "the client went away");
  }
  co_return Status{};
}

Task<Status> Connection::send(int status, Headers headers, std::string body) {
  CHECK(said_ == Said::kNothing);
  const Status good = check_fields(headers);
  if (!good) co_return good;
  said_ = Said::kAll;
  if (server_.stopping) keep_ = false;
  std::string head = head_of(status, headers, std::min(body.size(), kJoinBodyBytesMax));
  if (!has_no_body(status)) {
    head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  head.append("\r\n");
  std::shared_ptr<const std::string> rest;
  if (parser_.method() == "HEAD" || has_no_body(status)) {
    body.clear();
  } else if (body.size() <= kJoinBodyBytesMax) {
    head.append(body);
  } else {
    rest = std::make_shared<const std::string>(std::move(body));
  }
  transport_->start_write(std::move(head), std::move(rest));
  if (all_sent()) co_return Status{};
  const Status done = co_await sent();
  co_return done;
}

Status Connection::start(int status, Headers headers) {
  CHECK(said_ == Said::kNothing);
  const Status good = check_fields(headers);
  if (!good) return good;
  said_ = Said::kBegun;
  raw_ = !parser_.version_1_1();
  mute_ = parser_.method() == "HEAD" || has_no_body(status);
  if (raw_ || server_.stopping) keep_ = false;
  pending_head_ = head_of(status, headers, 0);
  if (!raw_ && !has_no_body(status)) pending_head_.append("Transfer-Encoding: chunked\r\n");
  pending_head_.append("\r\n");
  return {};
}

void Connection::add_chunk(std::string_view bytes, std::string& out) const {
  if (mute_ || bytes.empty()) return;
  if (raw_) {
    out.append(bytes);
    return;
  }
  constexpr std::size_t kFrame = 24;  // its length in digits, line ends, the end of the reply
  out.reserve(out.size() + bytes.size() + kFrame);
  char digits[2 * sizeof(std::size_t)];
  const auto end = std::to_chars(digits, digits + sizeof digits, bytes.size(), 16).ptr;
  out.append(digits, end).append("\r\n").append(bytes).append("\r\n");
}

Task<Status> Connection::write(std::string bytes) {
  CHECK(said_ == Said::kBegun);
  std::string out = std::exchange(pending_head_, {});
  add_chunk(bytes, out);
  if (!out.empty()) transport_->start_write(std::move(out));
  if (all_sent()) co_return Status{};
  const Status done = co_await sent();
  co_return done;
}

Task<Status> Connection::finish(std::string last) {
  CHECK(said_ == Said::kBegun);
  said_ = Said::kAll;
  std::string out = std::exchange(pending_head_, {});
  add_chunk(last, out);
  if (!mute_ && !raw_) out.append("0\r\n\r\n");
  if (!out.empty()) transport_->start_write(std::move(out));
  if (all_sent()) co_return Status{};
  const Status done = co_await sent();
  co_return done;
}

}  // namespace sighter::io
