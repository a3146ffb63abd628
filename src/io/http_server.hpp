#pragma once
// An HTTP/1.1 server for untrusted clients: keep-alive, pipelining (one request at a time, in
// order), limits, a deadline for every wait, refusal of ambiguous framing. Every connection lives
// on one core; several cores share one Listener, one server each.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "io/cancel.hpp"
#include "io/http.hpp"
#include "io/task.hpp"
#include "io/time.hpp"

namespace sighter {
class Log;
}
namespace sighter::io {

class Core;

// A bound and listening socket.
class Listener {
 public:
  // `host` is a numeric address, or "localhost"; port 0 takes a free one.
  static Result<Listener> open(std::string_view host, std::uint16_t port);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();
  // Nobody gets in any more once the servers have closed theirs too; the port's number stays known.
  void close();
  std::uint16_t port() const { return port_; }
  int descriptor() const { return fd_; }

 private:
  Listener(int fd, std::uint16_t port) : fd_(fd), port_(port) {}
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

class ServerGroup;
// For servers of several cores behind one Listener: whichever accepts a connection, the one with
// the fewest gets it. Without it the core that is idle first takes all of a burst.
std::shared_ptr<ServerGroup> make_server_group();

struct HttpServerOptions {
  std::size_t header_bytes_max = limits::kHeaderBytesMax;
  std::size_t body_bytes_max = limits::kRequestBytesMax;
  std::size_t bodies_bytes_max =
      limits::kRequestsBytesMax;         // of all requests; beyond: kUnavailable
  std::size_t connections_max = 20'000;  // beyond: 503 and close
  // Takes the last descriptors of the process too, for who must answer when all else is full.
  // Other servers leave some, and close silent connections for new ones.
  bool essential = false;
  Duration header_timeout = std::chrono::seconds(10);    // first byte to the last of a header
  Duration idle_timeout = std::chrono::seconds(75);      // between two requests
  Duration body_gap_timeout = std::chrono::seconds(30);  // between two pieces of a body
  Duration body_timeout = std::chrono::seconds(300);     // a whole body
  Duration body_patience = std::chrono::seconds(20);     // and a second more for each 1,000 bytes
  Duration write_timeout = std::chrono::seconds(60);     // a client that does not read
  std::string tls_certificate_pem;                       // with its chain; both or neither
  std::string tls_key_pem;
  std::shared_ptr<ServerGroup> group;  // null: keeps what it accepts
  Log* log = nullptr;                  // faults of handlers and of accept
};

// A request and its Responder are used by one coroutine: never a read beside a write.
class ServerRequest {
 public:
  virtual ~ServerRequest() = default;
  virtual std::string_view method() const = 0;
  virtual std::string_view target() const = 0;  // as sent: path and query
  virtual std::string_view path() const = 0;
  virtual std::string_view query() const = 0;  // without '?'
  virtual const Headers& headers() const = 0;
  virtual std::string_view peer() const = 0;  // numeric address
  virtual std::optional<std::uint64_t> content_length() const = 0;
  // The next bytes of the body, valid until the next call; empty at its end. kTooLarge, kTimeout,
  // kInvalid (broken framing), kCancelled (the client went away). "Expect: 100-continue" is
  // answered at the first call.
  virtual Task<Result<std::string_view>> read_some() = 0;
  virtual Task<Result<std::string>> read_body(std::size_t bytes_max = limits::kRequestBytesMax) = 0;
  // Cancelled as soon as the client has gone, also while the handler waits for something else.
  virtual CancelToken gone() const = 0;
};

// Either send(), or start(), write()... and finish(). A handler that returns earlier: nothing said
// becomes a 500; a started reply is cut, so that the client sees it as broken.
class Responder {
 public:
  virtual ~Responder() = default;
  // A whole reply. Content-Length, Date and Connection are set here. Returns when the kernel has
  // it.
  virtual Task<Status> send(int status, Headers headers, std::string body) = 0;
  // Begins a reply without a known length (chunked; until close for HTTP/1.0). The header waits for
  // the first write, so that both leave in one packet. kInvalid for a header with a line break.
  virtual Status start(int status, Headers headers) = 0;
  // One chunk; returns when the kernel has taken it all: a slow client slows its writer.
  virtual Task<Status> write(std::string bytes) = 0;
  // The end of the reply, behind a last chunk where there is one: both leave in one packet.
  virtual Task<Status> finish(std::string last = {}) = 0;
  // Cuts the connection.
  virtual void abort() = 0;
  virtual bool started() const = 0;
};

class HttpServer {
 public:
  using Handler = std::function<Task<void>(ServerRequest&, Responder&)>;

  // `listener` is duplicated. The handler runs on `core`, many at a time.
  HttpServer(Core& core, const Listener& listener, Handler handler, HttpServerOptions options = {});
  // CHECKs that stop() has returned, or that start() was never called.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Begins to accept; kInvalid for a certificate or key that cannot be used. Core's thread, or
  // before anything runs on the core.
  Status start();
  // New connections get the new certificate; running ones keep theirs.
  Status set_certificate(const std::string& certificate_pem, const std::string& key_pem);
  // Stops accepting, closes idle connections, lets running requests finish for `grace`, then
  // cancels them, with kServerStopping, and cuts those that have not said their last words after
  // kLastWords; with a grace of zero at once. Returns when all have ended.
  Task<void> stop(Duration grace);
  static constexpr std::string_view kServerStopping = "the server is stopping";
  static constexpr std::chrono::seconds kLastWords{1};
  std::size_t connections() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace sighter::io
