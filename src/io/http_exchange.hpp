#pragma once
// The inside of the HTTP client, for this room's sources only: where a request goes (Route), the
// connections that are kept (KeptConnections), and one request with its reply (Exchange).

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/http_client.hpp"
#include "io/http_parser.hpp"
#include "io/resolver.hpp"
#include "io/transport.hpp"

namespace sighter::io {

struct Route {
  Url url;
  std::optional<Url> proxy;
  std::string key;        // connections of the same key are interchangeable
  std::string name;       // host:port, for messages
  std::string authority;  // url.authority()

  // kInvalid, kUnsupported for a proxy that cannot be used.
  static Result<Route> to(const Url& url, const ProxySettings& proxies);
};

class KeptConnections {
 public:
  KeptConnections(std::size_t per_route_max, Duration idle_max)
      : per_route_max_(per_route_max), idle_max_(idle_max) {}
  // The one used last, nullptr when there is none.
  std::shared_ptr<Transport> take(const std::string& key);
  // It leaves by itself when the other side closes it or says something, or after the idle time.
  void keep(const std::string& key, std::shared_ptr<Transport> transport);
  void close_all();
  std::size_t size() const;

 private:
  void drop(const Transport* transport);
  std::size_t per_route_max_;
  Duration idle_max_;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Transport>>> idle_;
};

struct HttpClient::Impl {
  Impl(Core& c, BlockingPool& dns, HttpClientOptions o)
      : core(c),
        options(std::move(o)),
        resolver(c, dns, options.lookup, options.dns_ttl),
        pool(options.idle_per_origin_max, options.idle_max) {}
  Core& core;
  HttpClientOptions options;
  Resolver resolver;
  KeptConnections pool;

  // Made at the first use: the system's certificates take some milliseconds to read.
  Result<std::shared_ptr<boost::asio::ssl::context>> tls();
  // Where an address leads. Read once: mostly the same few are asked.
  Result<std::shared_ptr<const Route>> route_to(const std::string& address);

 private:
  std::unordered_map<std::string, std::shared_ptr<const Route>> routes_;  // by address
  std::shared_ptr<boost::asio::ssl::context> tls_;
};

class Exchange {
 public:
  Exchange(std::shared_ptr<HttpClient::Impl> client, std::shared_ptr<const Route> route,
           std::shared_ptr<const HttpRequest> request, const Deadlines& deadlines,
           SteadyTime total_at, CancelToken token);
  // Closes the connection unless the reply was read to its end.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Takes a kept connection; false when there is none.
  bool take_kept();
  Task<Status> connect(HttpTrace* trace);
  // Sends the request and waits for the reply's header.
  Task<Status> ask(HttpTrace* trace);
  // As HttpStream::read().
  Task<Result<std::string_view>> read();
  // What read() gave out last, with its memory.
  std::string take_piece() { return std::move(piece_); }
  // The other side closed before it said a single byte, so soon that it had closed before the
  // request came there.
  bool died_unanswered() const;
  HttpParser& parser() { return parser_; }

 private:
  enum class Phase { kConnect, kFirstByte, kGap, kTotal };

  void adopt(std::shared_ptr<Transport> transport);
  void arm(Phase phase);
  // While nobody reads: it is not the other side that keeps us waiting.
  void rest();
  Duration limit_of(Phase phase) const;
  Error timed_out(Phase phase) const;
  Error failure(std::string_view doing) const;
  Task<Status> connect_to(std::string host, std::uint16_t port);
  Task<Status> connect_one(std::string address, std::uint16_t port, SteadyTime until);
  Task<Status> open_tunnel();
  Task<Status> handshake();
  std::string request_head() const;
  // Feeds what has come; true when it changed something.
  Result<bool> parse();
  void release();

  std::shared_ptr<HttpClient::Impl> client_;
  std::shared_ptr<const Route> route_held_;
  const Route& route_;
  std::shared_ptr<const HttpRequest> request_;
  Deadlines deadlines_;
  SteadyTime total_at_;
  SteadyTime asked_at_{};
  CancelToken token_;
  CancelRegistration registration_;
  std::shared_ptr<Transport> transport_;
  HttpParser parser_;
  Phase armed_ = Phase::kConnect;
  bool heard_ = false;  // a byte of a reply has come
  bool released_ = false;
  std::string piece_;  // what read() gave out last
};

std::string base64(std::string_view bytes);
// "10 s", "250 ms"
std::string in_words(Duration duration);

}  // namespace sighter::io
