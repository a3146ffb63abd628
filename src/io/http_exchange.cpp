#include "io/http_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace sighter::io {
namespace {

constexpr auto kUnseen = std::chrono::seconds(1);  // the longest way of a connection's end

}  // namespace

std::string in_words(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

Exchange::Exchange(std::shared_ptr<HttpClient::Impl> client, std::shared_ptr<const Route> route,
                   std::shared_ptr<const HttpRequest> request, const Deadlines& deadlines,
                   SteadyTime total_at, CancelToken token)
    : client_(std::move(client)),
      route_held_(std::move(route)),
      route_(*route_held_),
      request_(std::move(request)),
      deadlines_(deadlines),
      total_at_(total_at),
      token_(std::move(token)),
      parser_(HttpParser::Role::kResponse, client_->options.header_bytes_max) {
  if (request_->method == "HEAD") parser_.skip_body();
}

Exchange::~Exchange() {
  if (transport_ && !released_) transport_->close(Transport::Cut::kLocal);
}

void Exchange::adopt(std::shared_ptr<Transport> transport) {
  transport_ = std::move(transport);
  registration_ = token_.on_cancel(client_->core, [weak = transport_->weak_from_this()] {
    if (const auto alive = weak.lock()) alive->close(Transport::Cut::kCancelled);
  });
}

bool Exchange::take_kept() {
  std::shared_ptr<Transport> kept = client_->pool.take(route_.key);
  if (!kept) return false;
  adopt(std::move(kept));
  return true;
}

Duration Exchange::limit_of(Phase phase) const {
  switch (phase) {
    case Phase::kConnect:
      return deadlines_.connect;
    case Phase::kFirstByte:
      return deadlines_.first_byte;
    case Phase::kGap:
      return deadlines_.gap;
    case Phase::kTotal:
      break;
  }
  return deadlines_.total;
}

void Exchange::arm(Phase phase) {
  // From the question to the first byte of the answer's body, not of its header.
  const SteadyTime from = phase == Phase::kFirstByte ? asked_at_ : client_->core.timers().now();
  const SteadyTime when = from + limit_of(phase);
  armed_ = when < total_at_ ? phase : Phase::kTotal;
  transport_->set_deadline(std::min(when, total_at_));
}

void Exchange::rest() {
  armed_ = Phase::kTotal;
  transport_->set_deadline(total_at_);
}

Error Exchange::timed_out(Phase phase) const {
  const std::string limit = in_words(limit_of(phase));
  switch (phase) {
    case Phase::kConnect:
      return {Kind::kTimeout,
              fmt::format("{} accepted no connection within {}", route_.name, limit),
              "is the address right, and is the network there?"};
    case Phase::kFirstByte:
      return {Kind::kTimeout, fmt::format("{} gave no answer within {}", route_.name, limit), {}};
    case Phase::kGap:
      return {Kind::kTimeout,
              fmt::format("{} fell silent for {} in the middle of its answer", route_.name, limit),
              {}};
    case Phase::kTotal:
      break;
  }
  return {Kind::kTimeout,
          fmt::format("{} did not finish its answer within {} in total", route_.name, limit),
          {}};
}

// What to tell when the connection has failed or ended while we were `doing`.
Error Exchange::failure(std::string_view doing) const {
  switch (transport_->cut()) {
    case Transport::Cut::kDeadline:
      return timed_out(armed_);
    case Transport::Cut::kCancelled:
      return token_.error();
    default:
      break;
  }
  const std::string& why = transport_->failed() ? transport_->fault() : transport_->write_fault();
  return {
      Kind::kUnavailable,
      fmt::format("{} {}: {}", route_.name, doing, why.empty() ? "it closed the connection" : why),
      {}};
}

std::string Exchange::request_head() const {
  const bool plain_proxy = route_.proxy && !route_.url.https;
  const std::string& host = route_.authority;
  std::string head;
  const std::size_t body = request_->body.size();
  head.reserve(kHeadBytesUsual + (body <= kJoinBodyBytesMax ? body : 0));
  head.append(request_->method).append(" ");
  if (plain_proxy) head.append("http://").append(host);
  head.append(route_.url.target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  request_->headers.write_to(head);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!request_->headers.has(name)) head.append(name).append(": ").append(value).append("\r\n");
  };
  add("User-Agent", client_->options.user_agent);
  if (!route_.url.user_info.empty()) add("Authorization", "Basic " + base64(route_.url.user_info));
  if (plain_proxy && !route_.proxy->user_info.empty()) {
    add("Proxy-Authorization", "Basic " + base64(route_.proxy->user_info));
  }
  if (body > 0 || (request_->method != "GET" && request_->method != "HEAD")) {
    head.append("Content-Length: ").append(std::to_string(body)).append("\r\n");
  }
  head.append("\r\n");
  return head;
}

Result<bool> Exchange::parse() {
  bool changed = false;
  while (!transport_->input().empty() && !parser_.done()) {
    Result<std::size_t> taken = parser_.feed(transport_->input());
    heard_ = true;
    if (!taken) {
      Error error = taken.error().in(route_.name + " answered");
      error.kind = Kind::kUpstream;
      return std::unexpected(std::move(error));
    }
    const int status = parser_.status();
    const bool interim = parser_.header_done() && status >= 100 && status < 200;
    transport_->consume(*taken);
    if (interim) {
      if (status == 101) {
        return fail(Kind::kUpstream, route_.name + " switched to a protocol nobody asked for");
      }
      parser_.restart();
      if (request_->method == "HEAD") parser_.skip_body();
    }
    if (*taken == 0) break;
    changed = true;
  }
  return changed;
}

Task<Status> Exchange::ask(HttpTrace* trace) {
  const SteadyTime began = client_->core.timers().now();
  const std::uint64_t written_before = transport_->bytes_written();
  asked_at_ = began;
  arm(Phase::kFirstByte);
  transport_->start_reading();
  std::string head = request_head();
  std::shared_ptr<const std::string> body;
  if (request_->body.size() <= kJoinBodyBytesMax) {
    head.append(request_->body);
  } else {
    body = std::shared_ptr<const std::string>(request_, &request_->body);
  }
  transport_->start_write(std::move(head), std::move(body));
  for (;;) {
    // Under TLS the bytes may wait inside; what was handed over counts as sent.
    trace->request_sent = trace->request_sent || transport_->bytes_written() > written_before;
    const Result<bool> parsed = parse();
    if (!parsed) co_return std::unexpected(parsed.error());
    if (parser_.header_done()) break;
    if (transport_->failed()) co_return std::unexpected(failure("did not answer"));
    if (transport_->input_ended()) {
      if (!heard_) co_return std::unexpected(failure("did not answer"));
      Error error = parser_.end_of_input().error().in(route_.name);
      co_return std::unexpected(std::move(error));
    }
    co_await transport_->changed();
  }
  trace->first_byte = client_->core.timers().now() - began;
  rest();
  co_return Status{};
}

bool Exchange::died_unanswered() const {
  const bool soon = client_->core.timers().now() - asked_at_ < kUnseen;
  return !heard_ && soon && transport_->cut() == Transport::Cut::kNone;
}

Task<Result<std::string_view>> Exchange::read() {
  piece_.clear();
  if (!released_) arm(parser_.body_bytes() > 0 ? Phase::kGap : Phase::kFirstByte);
  for (;;) {
    if (!parser_.body().empty()) {
      // Swapped, so that both buffers keep their memory from one piece to the next.
      piece_.swap(parser_.body());
      if (parser_.done()) {
        release();
      } else {
        rest();
      }
      co_return std::string_view(piece_);
    }
    if (parser_.done()) {
      release();
      co_return std::string_view();
    }
    if (token_.cancelled()) co_return std::unexpected(token_.error());
    const Result<bool> parsed = parse();
    if (!parsed) co_return std::unexpected(parsed.error());
    if (!parser_.body().empty() || parser_.done()) continue;
    if (transport_->failed()) {
      Error error = failure("broke off its answer");
      if (error.kind == Kind::kUnavailable) error.kind = Kind::kUpstream;
      co_return std::unexpected(std::move(error));
    }
    if (transport_->input_ended()) {
      const Status ended = parser_.end_of_input();
      if (!ended) {
        co_return std::unexpected(ended.error().in(route_.name + " broke off its answer"));
      }
      continue;
    }
    co_await transport_->changed();
  }
}

void Exchange::release() {
  if (released_) return;
  released_ = true;
  registration_ = {};
  const bool clean = parser_.keep_alive() && !transport_->busy() && !transport_->failed() &&
                     !transport_->input_ended() && transport_->input().empty() &&
                     transport_->write_fault().empty();
  if (clean) {
    client_->pool.keep(route_.key, transport_);
  } else {
    transport_->close(Transport::Cut::kLocal);
  }
}

}  // namespace sighter::io
