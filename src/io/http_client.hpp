#pragma once
// HTTP/1.1 to other servers: keep-alive, TLS, proxies, four deadlines, whole replies and streams.
// One client a core; everything here on that core's thread.
//
// Errors: kTimeout (which deadline is in the words), kUnavailable (DNS, refused, TLS, proxy),
// kUpstream (what came is no HTTP, or the reply was cut), kTooLarge, kCancelled, kInvalid (bad URL
// or header). The host is named, user names, passwords and queries never are. A status of 400 and
// above is a reply, not an error; redirects are replies too and are not followed.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "io/cancel.hpp"
#include "io/http.hpp"
#include "io/task.hpp"
#include "io/time.hpp"

namespace sighter::io {

class BlockingPool;
class Core;

struct Deadlines {
  Duration connect = limits::kConnectTimeout;       // DNS, TCP, proxy and TLS together
  Duration first_byte = limits::kFirstByteTimeout;  // from connected to the whole reply header
  Duration gap = limits::kGapTimeout;               // between two pieces of the body
  Duration total = limits::kTotalTimeout;           // from the call to the last byte
};

// What happened on the wire, filled in as it happens; also when the request fails.
struct HttpTrace {
  bool reused = false;         // the connection was kept from an earlier request
  bool request_sent = false;   // at least one byte of it left: the other side may have acted on it
  int attempts = 0;            // 2 when a dead kept connection was replaced
  Duration connect{};          // zero when reused
  Duration first_byte{};       // from connected to the reply header
  std::size_t body_bytes = 0;  // of a good reply to a fetch(), as far as it came
};

struct ProxySettings {
  std::string http;                   // URL of the proxy for http: requests, empty for none
  std::string https;                  // the same for https:, by CONNECT
  std::vector<std::string> no_proxy;  // "*", "host", ".domain", "host:port", "10.0.0.0/8"

  // http_proxy, https_proxy, all_proxy, no_proxy; the lower-case name comes before the upper-case.
  static ProxySettings from_environment(const std::function<const char*(const char*)>& get);
  static ProxySettings from_environment();
  // The proxy to use, or "". Loopback addresses and "localhost" never go through a proxy.
  std::string_view proxy_for(const Url& url) const;
};

struct HttpClientOptions {
  ProxySettings proxies;
  std::string ca_pem;  // certificates to trust beside the system's roots
  std::size_t header_bytes_max = limits::kHeaderBytesMax;
  std::size_t idle_per_origin_max = limits::kIdlePerHostMax;
  Duration idle_max = limits::kIdleConnectionMax;
  Duration dns_ttl = std::chrono::seconds(30);
  std::string user_agent = "sighter/" SIGHTER_VERSION;
  // Addresses of a host in the order to try them. Default: the system's resolver.
  std::function<Result<std::vector<std::string>>(const std::string& host)> lookup;
};

// A reply whose body is still coming. Destroying it before the end closes the connection; at the
// end the connection goes back to the pool by itself.
class HttpStream {
 public:
  virtual ~HttpStream() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  virtual const std::string& reason() const = 0;
  // The next bytes as they came, valid until the next read; empty at the clean end. An error when
  // the body is cut short of its length or last chunk, on a deadline, or when cancelled.
  virtual Task<Result<std::string_view>> read() = 0;
};

// Whether the client sets this header of a request by itself; a caller's own is kInvalid.
bool is_own_field(std::string_view name);

class HttpClient {
 public:
  // `dns` resolves names; it and `core` outlive the client.
  HttpClient(Core& core, BlockingPool& dns, HttpClientOptions options = {});
  // Closes the kept connections. Streams end before their client.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The whole reply; kTooLarge beyond `body_bytes_max`.
  Task<Result<HttpReply>> fetch(HttpRequest request, Deadlines deadlines = {},
                                CancelToken token = {}, HttpTrace* trace = nullptr,
                                std::size_t body_bytes_max = limits::kResponseBytesMax);
  // Returns once the reply's header is there (1xx skipped). A request on a kept connection that
  // turns out dead before any byte of a reply is sent once more on a new one. Cancelling closes the
  // socket at once. `trace` lives until this returns.
  Task<Result<std::unique_ptr<HttpStream>>> open(HttpRequest request, Deadlines deadlines = {},
                                                 CancelToken token = {},
                                                 HttpTrace* trace = nullptr);
  std::size_t idle_connections() const;

  struct Impl;

 private:
  Task<Result<std::unique_ptr<HttpStream>>> send(std::shared_ptr<const HttpRequest> request,
                                                 Deadlines deadlines, CancelToken token,
                                                 HttpTrace* trace);
  Task<Result<HttpReply>> read_whole(std::shared_ptr<const HttpRequest> request,
                                     Deadlines deadlines, CancelToken token, HttpTrace* trace,
                                     std::size_t body_bytes_max);
  std::shared_ptr<Impl> impl_;
};

// Version of the TLS library that is linked, such as "3.0.17".
std::string_view tls_version();

}  // namespace sighter::io
