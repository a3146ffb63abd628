#include "io/http_server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <ctime>
#include <utility>

#include "base/check.hpp"
#include "base/log.hpp"
#include "io/http_connection.hpp"
#include "io/server_group.hpp"

namespace sighter::io {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kSilent = std::chrono::milliseconds(100);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // when descriptors have run out

}  // namespace

Result<Listener> Listener::open(std::string_view host, std::uint16_t port) {
  const std::string name(host == "localhost" ? "127.0.0.1" : host);
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(name, error);
  if (error) {
    return fail(Kind::kInvalid, fmt::format("'{}' is no address to listen on", host),
                "use 127.0.0.1, 0.0.0.0, ::1, :: or another numeric address of this machine");
  }
  const tcp::endpoint endpoint(address, port);
  const int fd =
      ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  Listener listener(fd, port);
  const int yes = 1;
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  if (fd < 0 || ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd, SOMAXCONN) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size) != 0) {
    const int code = errno;
    return fail(
        code == EADDRINUSE ? Kind::kConflict : Kind::kUnavailable,
        fmt::format("cannot listen on {}:{}: {}", host, port,
                    boost::system::system_category().message(code)),
        code == EADDRINUSE ? "another program has this port: stop it, or take another port" : "");
  }
  const in_port_t chosen = bound.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                               : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port;
  listener.port_ = ntohs(chosen);
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

Listener::~Listener() {
  close();
}

void Listener::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::shared_ptr<ServerGroup> make_server_group() {
  return std::make_shared<ServerGroup>();
}

HttpServer::Impl::Impl(Core& c, Handler h, HttpServerOptions o)
    : core(c),
      handler(std::move(h)),
      options(std::move(o)),
      scope(c),
      acceptor(c.impl().context),
      accept_again(c.timers(), [this] { accept(); }),
      bodies(options.group ? options.group->bodies : std::make_shared<BodyCount>()) {}

void HttpServer::Impl::log_fault(std::string_view what) {
  if (options.log) options.log->error("io", what);
}

// The form of RFC 9110, section 5.6.7, made once a second.
const std::string& HttpServer::Impl::date() {
  const std::time_t second = std::chrono::floor<std::chrono::seconds>(core.clock().system_now())
                                 .time_since_epoch()
                                 .count();
  if (second != date_second_) {
    constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm t{};
    ::gmtime_r(&second, &t);
    date_ = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[t.tm_wday], t.tm_mday,
                        kMonths[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    date_second_ = second;
  }
  return date_;
}

void HttpServer::Impl::accept() {
  if (stopping) return;
  acceptor.async_accept(
      [self = shared_from_this()](boost::system::error_code error, Transport::Socket socket) {
        self->on_accept(error, std::move(socket));
      });
}

void HttpServer::Impl::on_accept(boost::system::error_code error, Transport::Socket socket) {
  if (stopping) return;
  if (error == asio::error::no_descriptors || error == asio::error::no_buffer_space ||
      error == asio::error::no_memory || error.value() == ENFILE) {
    if (close_an_idle_one()) return accept();
    log_fault("cannot accept a connection: " + error.message());
    accept_again.set_after(kAcceptPause);
    return;
  }
  if (!error && !options.essential && is_of_the_last(socket.native_handle(), Side::kClient)) {
    const auto protocol = socket.local_endpoint(error).protocol();
    if (error || !close_an_idle_one()) {
      turn_away(std::move(socket));
      return accept();
    }
    // Into the place that has become free, so that the last ones stay free.
    const int fd = ::fcntl(socket.native_handle(), F_DUPFD_CLOEXEC, 3);
    socket.close(error);
    socket = Transport::Socket(core.impl().context);
    if (fd >= 0) socket.assign(protocol, fd, error);
    if (fd < 0 || error) return accept();
  }
  if (!error && options.group) {
    if (!options.group->hand_over(*this, socket)) take(std::move(socket));
  } else if (!error) {
    ++taken;
    take(std::move(socket));
  }
  accept();
}

void HttpServer::Impl::take(Transport::Socket socket) {
  if (connections.size() < options.connections_max) {
    spawn(scope, "http connection", serve(std::move(socket)));
    return;
  }
  --taken;
  turn_away(std::move(socket));
}

bool HttpServer::Impl::close_an_idle_one() {
  // Who has just come was not silent for long.
  const SteadyTime before = core.timers().now() - kSilent;
  const auto silent = std::ranges::find_if(connections, [&](const Connection* connection) {
    return connection->idle_since() <= before;
  });
  if (silent == connections.end()) return false;
  (*silent)->close_when_idle();
  return true;
}

void HttpServer::Impl::turn_away(Transport::Socket socket) {
  if (tls) return;
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  constexpr std::string_view kFull =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n"
      "Retry-After: 1\r\n\r\n";
  socket.write_some(asio::buffer(kFull), ignored);
}

Task<void> HttpServer::Impl::serve(Transport::Socket socket) {
  const std::shared_ptr<Impl> self = shared_from_this();
  {
    Connection connection(*this, std::move(socket));
    co_await connection.serve();
  }
  --taken;
}

HttpServer::HttpServer(Core& core, const Listener& listener, Handler handler,
                       HttpServerOptions options)
    : impl_(std::make_shared<Impl>(core, std::move(handler), std::move(options))) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(listener.descriptor(), reinterpret_cast<sockaddr*>(&bound), &size);
  const int fd = ::fcntl(listener.descriptor(), F_DUPFD_CLOEXEC, 3);
  boost::system::error_code error;
  impl_->acceptor.assign(bound.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
  if (error && fd >= 0) ::close(fd);
}

HttpServer::~HttpServer() {
  CHECK(impl_->connections.empty() && !impl_->acceptor.is_open());
}

Status HttpServer::start() {
  if (!impl_->acceptor.is_open()) {
    return fail(Kind::kUnavailable, "cannot listen: no descriptors are left");
  }
  const HttpServerOptions& options = impl_->options;
  if (!options.tls_certificate_pem.empty() || !options.tls_key_pem.empty()) {
    Status set = set_certificate(options.tls_certificate_pem, options.tls_key_pem);
    if (!set) return set;
  }
  impl_->started = true;
  if (options.group) options.group->join(impl_);
  impl_->accept();
  return {};
}

Status HttpServer::set_certificate(const std::string& certificate_pem, const std::string& key_pem) {
  auto made = server_tls(certificate_pem, key_pem);
  if (!made) return std::unexpected(made.error());
  impl_->tls = std::move(*made);
  return {};
}

namespace {

struct CutAll {
  HttpServer::Impl* server;
  void operator()() const {
    for (Connection* connection : server->connections) connection->cut(HttpServer::kServerStopping);
  }
};

struct CancelAll {
  HttpServer::Impl* server;
  Alarm* cut;
  void operator()() const {
    for (Connection* connection : server->connections)
      connection->cancel(HttpServer::kServerStopping);
    cut->set_after(HttpServer::kLastWords);
  }
};

}  // namespace

Task<void> HttpServer::stop(Duration grace) {
  const std::shared_ptr<Impl> impl = impl_;
  impl->stopping = true;
  if (impl->options.group) impl->options.group->leave(impl.get());
  impl->accept_again.clear();
  boost::system::error_code ignored;
  impl->acceptor.close(ignored);
  for (Connection* connection : impl->connections) connection->close_when_idle();
  const CutAll cut_all{impl.get()};
  Alarm cut(impl->core.timers(), cut_all);
  Alarm patience(impl->core.timers(), CancelAll{impl.get(), &cut});
  if (grace <= Duration::zero()) {
    cut_all();
  } else {
    patience.set_after(grace);
  }
  co_await impl->scope.join();
}

std::size_t HttpServer::connections() const {
  return impl_->connections.size();
}

}  // namespace sighter::io
