#include "io/http_exchange.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"

namespace sighter::io {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kJoinBodyBytesMax = 16'384;           // smaller bodies leave with the header
constexpr auto kAddressPatience = std::chrono::seconds(2);  // before the next address is tried

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out += i + j > bytes.size() ? '=' : kAlphabet[group >> (18 - 6 * j) & 63];
    }
  }
  return out;
}

}  // namespace

std::string in_words(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? fmt::format("{} s", ms / 1000) : fmt::format("{} ms", ms);
}

Result<Route> Route::to(const Url& url, const ProxySettings& proxies) {
  Route route;
  route.url = url;
  route.name = fmt::format("{}:{}", url.host, url.port);
  route.key = url.origin();
  const std::string_view proxy = proxies.proxy_for(url);
  if (proxy.empty()) return route;
  const std::string text = proxy.find("://") == std::string_view::npos
                               ? "http://" + std::string(proxy)
                               : std::string(proxy);
  const Result<Url> parsed = Url::parse(text);
  if (!parsed || parsed->https) {
    return fail(parsed ? Kind::kUnsupported : Kind::kInvalid,
                fmt::format("the proxy for {} is not an http:// URL", url.host),
                "set http_proxy and https_proxy to http://HOST:PORT, or name the host in no_proxy");
  }
  route.proxy = *parsed;
  // Through a proxy a plain request carries its host along: any connection to the proxy will do.
  route.key =
      fmt::format("{} by {} {}", url.https ? route.key : "", parsed->origin(), parsed->user_info);
  return route;
}

std::shared_ptr<Transport> KeptConnections::take(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end()) return nullptr;
  std::shared_ptr<Transport> transport = std::move(found->second.back());
  found->second.pop_back();
  if (found->second.empty()) idle_.erase(found);
  transport->on_end(nullptr);
  transport->on_input(nullptr);
  transport->clear_deadline();
  return transport;
}

void KeptConnections::keep(const std::string& key, std::shared_ptr<Transport> transport) {
  std::vector<std::shared_ptr<Transport>>& kept = idle_[key];
  if (kept.size() >= per_route_max_) return transport->close(Transport::Cut::kLocal);
  Transport* raw = transport.get();
  kept.push_back(std::move(transport));
  raw->on_end([this, key, raw] { drop(key, raw); });
  raw->on_input([raw] { raw->close(Transport::Cut::kLocal); });
  raw->set_deadline(raw->core().timers().now() + idle_max_);
}

void KeptConnections::drop(const std::string& key, const Transport* transport) {
  const auto found = idle_.find(key);
  CHECK(found != idle_.end());
  const auto place = std::ranges::find(found->second, transport, &std::shared_ptr<Transport>::get);
  CHECK(place != found->second.end());
  // Its own alarm or handler may be what calls this: it dies a turn later.
  std::shared_ptr<Transport> last = std::move(*place);
  found->second.erase(place);
  if (found->second.empty()) idle_.erase(found);
  Core& core = last->core();
  core.post([last = std::move(last)] { last->close(Transport::Cut::kLocal); });
}

void KeptConnections::close_all() {
  const auto all = std::exchange(idle_, {});
  for (const auto& [key, kept] : all) {
    for (const auto& transport : kept) {
      transport->on_end(nullptr);
      transport->on_input(nullptr);
      transport->close(Transport::Cut::kLocal);
    }
  }
}

std::size_t KeptConnections::size() const {
  std::size_t count = 0;
  for (const auto& [key, kept] : idle_) count += kept.size();
  return count;
}

Result<std::shared_ptr<boost::asio::ssl::context>> HttpClient::Impl::tls() {
  if (!tls_) {
    auto made = client_tls(options.ca_pem);
    if (!made) return made;
    tls_ = std::move(*made);
  }
  return tls_;
}

Exchange::Exchange(std::shared_ptr<HttpClient::Impl> client, Route route,
                   std::shared_ptr<const HttpRequest> request, const Deadlines& deadlines,
                   SteadyTime total_at, CancelToken token)
    : client_(std::move(client)),
      route_(std::move(route)),
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
  const SteadyTime when = client_->core.timers().now() + limit_of(phase);
  armed_ = when < total_at_ ? phase : Phase::kTotal;
  transport_->set_deadline(std::min(when, total_at_));
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
  const std::string host = route_.url.authority();
  std::string head;
  head.reserve(512);
  head.append(request_->method).append(" ");
  if (plain_proxy) head.append("http://").append(host);
  head.append(route_.url.target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  for (const auto& [name, value] : request_->headers.fields()) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!request_->headers.has(name)) head.append(name).append(": ").append(value).append("\r\n");
  };
  add("User-Agent", client_->options.user_agent);
  if (!route_.url.user_info.empty()) add("Authorization", "Basic " + base64(route_.url.user_info));
  if (plain_proxy && !route_.proxy->user_info.empty()) {
    add("Proxy-Authorization", "Basic " + base64(route_.proxy->user_info));
  }
  if (!request_->body.empty() || (request_->method != "GET" && request_->method != "HEAD")) {
    head.append("Content-Length: ").append(std::to_string(request_->body.size())).append("\r\n");
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
      parser_ = HttpParser(HttpParser::Role::kResponse, client_->options.header_bytes_max);
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
  co_return Status{};
}

bool Exchange::died_unanswered() const {
  return !heard_ && transport_->cut() == Transport::Cut::kNone;
}

Task<Result<std::string_view>> Exchange::read() {
  piece_.clear();
  if (!released_) arm(Phase::kGap);
  for (;;) {
    if (!parser_.body().empty()) {
      // Swapped, so that both buffers keep their memory from one piece to the next.
      piece_.swap(parser_.body());
      if (parser_.done()) release();
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

Task<Status> Exchange::connect(HttpTrace* trace) {
  const SteadyTime began = client_->core.timers().now();
  const Url& first = route_.proxy ? *route_.proxy : route_.url;
  Status done = co_await connect_to(first.host, first.port);
  if (done && route_.url.https) {
    if (route_.proxy) done = co_await open_tunnel();
    if (done) done = co_await handshake();
  }
  trace->connect = client_->core.timers().now() - began;
  co_return done;
}

Task<Status> Exchange::connect_to(std::string host, std::uint16_t port) {
  const SteadyTime connect_at = client_->core.timers().now() + deadlines_.connect;
  armed_ = connect_at < total_at_ ? Phase::kConnect : Phase::kTotal;
  const SteadyTime until = std::min(connect_at, total_at_);
  Result<std::vector<std::string>> addresses =
      co_await client_->resolver.resolve(host, until, token_);
  if (!addresses) {
    Error error = std::move(addresses.error());
    if (error.kind == Kind::kTimeout) error.what = timed_out(armed_).what + ": " + error.what;
    co_return std::unexpected(std::move(error));
  }
  Status connected =
      fail(Kind::kUnavailable, fmt::format("{} has no address", host), "check the host's name");
  for (std::size_t i = 0; i < addresses->size(); ++i) {
    // An address that swallows everything must not use up the time of the others.
    const SteadyTime now = client_->core.timers().now();
    const bool last = i + 1 == addresses->size();
    const SteadyTime patience = last ? until : std::min<SteadyTime>(until, now + kAddressPatience);
    connected = co_await connect_one((*addresses)[i], port, patience);
    if (connected || token_.cancelled() || client_->core.timers().now() >= until) break;
  }
  co_return connected;
}

Task<Status> Exchange::connect_one(std::string address, std::uint16_t port, SteadyTime until) {
  boost::system::error_code not_numeric;
  const ip::address numeric = ip::make_address(address, not_numeric);
  if (not_numeric) {
    co_return fail(Kind::kUnavailable,
                   fmt::format("{} has an address that is none: {}", route_.name, address));
  }
  const std::size_t input_max =
      std::max<std::size_t>(65'536, client_->options.header_bytes_max + 16'384);
  adopt(std::make_shared<Transport>(client_->core, input_max));
  transport_->set_deadline(until);
  transport_->start_connect(ip::tcp::endpoint(numeric, port));
  while (transport_->busy() && !transport_->failed()) co_await transport_->changed();
  if (!transport_->failed()) co_return Status{};
  Error error = failure("cannot be reached");
  if (route_.proxy && error.kind == Kind::kUnavailable) {
    error.what = fmt::format("the proxy {} cannot be reached: {}", route_.proxy->authority(),
                             transport_->fault());
  }
  if (error.kind == Kind::kUnavailable) error.hint = "is it running, and is the port right?";
  co_return std::unexpected(std::move(error));
}

Task<Status> Exchange::open_tunnel() {
  const std::string host = route_.url.origin().substr(std::string_view("https://").size());
  std::string head = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", host, host);
  if (!route_.proxy->user_info.empty()) {
    head += fmt::format("Proxy-Authorization: Basic {}\r\n", base64(route_.proxy->user_info));
  }
  transport_->start_write(head + "\r\n");
  HttpParser reply(HttpParser::Role::kResponse, client_->options.header_bytes_max);
  reply.skip_body();
  const std::string proxy = fmt::format("the proxy {}", route_.proxy->authority());
  while (!reply.header_done()) {
    transport_->read_once();
    co_await transport_->changed();
    const Result<std::size_t> taken = reply.feed(transport_->input());
    if (!taken) co_return std::unexpected(taken.error().in(proxy));
    transport_->consume(*taken);
    if (reply.header_done()) break;
    if (transport_->failed() || transport_->input_ended()) {
      Error error = failure("cannot be reached");
      if (error.kind == Kind::kUnavailable) error.what = proxy + " closed the connection";
      co_return std::unexpected(std::move(error));
    }
  }
  if (reply.status() / 100 != 2 || !transport_->input().empty()) {
    co_return fail(Kind::kUnavailable,
                   fmt::format("{} refused to connect to {}: {} {}", proxy, route_.name,
                               reply.status(), reply.reason()),
                   "check https_proxy, or name the host in no_proxy");
  }
  co_return Status{};
}

Task<Status> Exchange::handshake() {
  auto context = client_->tls();
  if (!context) co_return std::unexpected(context.error());
  transport_->start_handshake(*context, route_.url.host);
  while (transport_->busy() && !transport_->failed()) co_await transport_->changed();
  if (!transport_->failed()) co_return Status{};
  Error error = failure("cannot be reached by TLS");
  if (error.kind == Kind::kUnavailable) {
    error.hint =
        "is it an https server, and is its certificate signed by someone this machine trusts?";
  }
  co_return std::unexpected(std::move(error));
}

}  // namespace sighter::io
