#pragma once
// One client of the HTTP server: reads a request, lets the handler answer it, and again. For this
// room's sources only.

#include <atomic>
#include <list>
#include <memory>
#include <string>

#include "io/http_parser.hpp"
#include "io/http_server.hpp"
#include "io/scope.hpp"
#include "io/transport.hpp"

namespace sighter::io {

class Connection;

// The bytes of the bodies that are under way in all servers of a group.
struct BodyCount {
  std::atomic<std::size_t> used = 0;
};

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                      boost::asio::io_context::executor_type>;
  Impl(Core& c, Handler h, HttpServerOptions o);

  void accept();
  void on_accept(boost::system::error_code error, Transport::Socket socket);
  // A connection that is counted in `taken` already.
  void take(Transport::Socket socket);
  void turn_away(Transport::Socket socket);
  // Closes the connection that has been silent longest between two requests; false: there is none.
  bool close_an_idle_one();
  Task<void> serve(Transport::Socket socket);
  const std::string& date();
  void log_fault(std::string_view what);

  Core& core;
  Handler handler;
  HttpServerOptions options;
  Scope scope;
  Acceptor acceptor;
  Alarm accept_again;
  std::shared_ptr<boost::asio::ssl::context> tls;
  std::list<Connection*> connections;
  std::atomic<std::size_t> taken = 0;  // connections here, or promised by the group
  const std::shared_ptr<BodyCount> bodies;
  bool started = false;
  bool stopping = false;

 private:
  std::string date_;
  std::int64_t date_second_ = -1;
};

class Connection final : public ServerRequest, public Responder {
 public:
  Connection(HttpServer::Impl& server, Transport::Socket socket);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Task<void> serve();
  // Between two requests since when; the end of time while a request is under way.
  SteadyTime idle_since() const { return idle_ ? idle_since_ : SteadyTime::max(); }
  // For stop(): ends it now when no request is under way, else after that one.
  void close_when_idle();
  // Says so to the request that is under way, which may still be answered.
  void cancel(std::string_view reason);
  void cut(std::string_view reason);

  std::string_view method() const override { return parser_.method(); }
  std::string_view target() const override { return parser_.target(); }
  std::string_view path() const override;
  std::string_view query() const override;
  const Headers& headers() const override { return parser_.headers(); }
  std::string_view peer() const override { return peer_; }
  std::optional<std::uint64_t> content_length() const override { return parser_.content_length(); }
  Task<Result<std::string_view>> read_some() override;
  Task<Result<std::string>> read_body(std::size_t bytes_max) override;
  CancelToken gone() const override { return gone_.token(); }

  Task<Status> send(int status, Headers headers, std::string body) override;
  Status start(int status, Headers headers) override;
  Task<Status> write(std::string bytes) override;
  Task<Status> finish(std::string last) override;
  void abort() override { transport_->reset(); }
  bool started() const override { return said_ != Said::kNothing; }

 private:
  enum class Said { kNothing, kBegun, kAll };

  Task<bool> handshake();
  // False when the connection is to be closed.
  Task<bool> read_header();
  Task<bool> serve_one();
  Task<void> run_handler();
  Task<bool> settle_request();
  Task<void> refuse(int status, std::string words);
  Task<void> close_gently();
  Task<Status> sent();
  bool all_sent() const;
  void add_chunk(std::string_view bytes, std::string& out) const;
  // With room for `more` bytes behind it.
  std::string head_of(int status, const Headers& headers, std::size_t more) const;
  int objection() const;  // the status to refuse the request's header with, 0 for none
  Status parse_body();
  bool has_no_body(int status) const;
  bool count_body();
  SteadyTime body_deadline() const;

  HttpServer::Impl& server_;
  std::list<Connection*>::iterator place_;
  std::shared_ptr<Transport> transport_;
  HttpParser parser_;
  std::string peer_;
  CancelSource gone_;
  std::string piece_;
  std::string pending_head_;  // of a started reply, until the first write
  SteadyTime idle_since_{};
  SteadyTime body_began_{};
  std::size_t body_counted_ = 0;  // of this request's body, in the server's count
  Said said_ = Said::kNothing;
  bool idle_ = true;
  bool keep_ = true;
  bool asked_for_body_ = false;
  bool broken_body_ = false;
  bool raw_ = false;   // streamed without chunks, to HTTP/1.0
  bool mute_ = false;  // the reply has a header only
};

}  // namespace sighter::io
