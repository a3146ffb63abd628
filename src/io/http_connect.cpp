// How the HTTP client comes by a connection: kept ones, new ones, proxies and TLS.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "io/http_exchange.hpp"

namespace sighter::io {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kRoutesMax = 256;                     // addresses that are remembered
constexpr auto kAddressPatience = std::chrono::seconds(2);  // before the next address is tried

}  // namespace

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

Result<Route> Route::to(const Url& url, const ProxySettings& proxies) {
  Route route;
  route.url = url;
  route.name = fmt::format("{}:{}", url.host, url.port);
  route.key = url.origin();
  route.authority = url.authority();
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

Result<std::shared_ptr<const Route>> HttpClient::Impl::route_to(const std::string& address) {
  if (const auto found = routes_.find(address); found != routes_.end()) return found->second;
  const Result<Url> url = Url::parse(address);
  if (!url) return std::unexpected(url.error());
  Result<Route> route = Route::to(*url, options.proxies);
  if (!route) return std::unexpected(std::move(route.error()));
  if (routes_.size() >= kRoutesMax) routes_.clear();
  return routes_[address] = std::make_shared<const Route>(std::move(*route));
}

std::shared_ptr<Transport> KeptConnections::take(const std::string& key) {
  const auto found = idle_.find(key);
  if (found == idle_.end() || found->second.empty()) return nullptr;
  std::shared_ptr<Transport> transport = std::move(found->second.back());
  found->second.pop_back();  // an empty list stays: it is filled again in a moment
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
  raw->on_end([this, raw] { drop(raw); });
  raw->on_input([raw] { raw->close(Transport::Cut::kLocal); });
  raw->set_deadline(raw->core().timers().now() + idle_max_);
}

void KeptConnections::drop(const Transport* transport) {
  const auto holds = [transport](const auto& kept) { return kept.get() == transport; };
  for (auto at = idle_.begin(); at != idle_.end(); ++at) {
    const auto place = std::ranges::find_if(at->second, holds);
    if (place == at->second.end()) continue;
    // Its own alarm or handler may be what calls this: it dies a turn later.
    std::shared_ptr<Transport> last = std::move(*place);
    at->second.erase(place);
    if (at->second.empty()) idle_.erase(at);
    Core& core = last->core();
    core.post([last = std::move(last)] { last->close(Transport::Cut::kLocal); });
    return;
  }
  CHECK(false);
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
  if (transport_->starved()) {
    co_return fail(Kind::kInternal,
                   fmt::format("{} cannot be reached: {}", route_.name, transport_->fault()),
                   "let the process open more files (ulimit -n)");
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
        "is it an https server, and is its certificate signed by someone this machine trusts? "
        "SSL_CERT_FILE=root.pem names a root of your own";
  }
  co_return std::unexpected(std::move(error));
}

}  // namespace sighter::io
