#include "testing/scripted_upstream.hpp"

#include <fmt/format.h>

#include <list>

#include "base/check.hpp"
#include "io/http_parser.hpp"
#include "io/http_server.hpp"
#include "io/scope.hpp"
#include "io/transport.hpp"

namespace sighter::testing {
namespace {

using io::HttpParser;
using io::Task;
using io::Transport;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::ip::tcp,
                                                    boost::asio::io_context::executor_type>;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string header_lines(int status, const std::string& content_type, const io::Headers& headers) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n", status, io::reason_of(status));
  if (!content_type.empty()) head += "Content-Type: " + content_type + "\r\n";
  for (const auto& [name, value] : headers.fields()) head += fmt::format("{}: {}\r\n", name, value);
  return head;
}

std::string chunk(std::string_view bytes) {
  return bytes.empty() ? "" : fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

// The bytes of the steps that only send some.
std::string bytes_of(const Step& step) {
  return std::visit(Overloaded{
                        [](const step::Reply& s) {
                          return header_lines(s.status, s.content_type, s.headers) +
                                 fmt::format("Content-Length: {}\r\n\r\n", s.body.size()) + s.body;
                        },
                        [](const step::Start& s) {
                          return header_lines(s.status, s.content_type, s.headers) +
                                 "Transfer-Encoding: chunked\r\n\r\n";
                        },
                        [](const step::Chunk& s) { return chunk(s.bytes); },
                        [](const step::End&) { return std::string("0\r\n\r\n"); },
                        [](const step::Raw& s) { return s.bytes; },
                        [](const auto&) { return std::string(); },
                    },
                    step);
}

}  // namespace

struct ScriptedUpstream::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(io::Core& c) : core(c), scope(c), acceptor(c.impl().context) {}

  void accept();
  Task<void> serve(Transport::Socket socket);
  Task<bool> read_request(Transport& transport, int connection);
  Task<bool> run(Transport& transport, Script script);
  Task<bool> run_step(Transport& transport, Step step);
  Task<bool> send(Transport& transport, std::string bytes);
  Task<bool> repeat(Transport& transport, std::string bytes);
  Script script_for(const SeenRequest& request);

  io::Core& core;
  io::Scope scope;
  Acceptor acceptor;
  std::uint16_t port = 0;
  std::deque<Script> scripts;
  std::function<Script(const SeenRequest&)> otherwise;
  std::deque<SeenRequest> requests;
  std::list<Transport*> open;
  int accepted = 0;
};

void ScriptedUpstream::Impl::accept() {
  acceptor.async_accept(
      [self = shared_from_this()](boost::system::error_code error, Transport::Socket socket) {
        if (error) return;
        io::spawn(self->scope, "scripted upstream", self->serve(std::move(socket)));
        self->accept();
      });
}

Script ScriptedUpstream::Impl::script_for(const SeenRequest& request) {
  if (!scripts.empty()) {
    Script script = std::move(scripts.front());
    scripts.pop_front();
    return script;
  }
  if (otherwise) return otherwise(request);
  return {step::Reply{500, R"({"error":{"message":"the script has come to its end"}})"}};
}

Task<void> ScriptedUpstream::Impl::serve(Transport::Socket socket) {
  const std::shared_ptr<Impl> self = shared_from_this();
  const auto transport = std::make_shared<Transport>(core, std::size_t{1} << 20, std::move(socket));
  const auto place = open.insert(open.end(), transport.get());
  const int connection = ++accepted;
  transport->start_reading();
  for (;;) {
    const bool read = co_await read_request(*transport, connection);
    if (!read) break;
    SeenRequest& request = requests.back();
    Script script = script_for(request);
    const bool goes_on = co_await run(*transport, std::move(script));
    request.answered = goes_on;
    request.peer_closed =
        !goes_on && transport->cut() == Transport::Cut::kNone &&
        (transport->failed() || transport->input_ended() || !transport->write_fault().empty());
    if (!goes_on) break;
  }
  transport->close(Transport::Cut::kLocal);
  open.erase(place);
}

Task<bool> ScriptedUpstream::Impl::read_request(Transport& transport, int connection) {
  HttpParser parser(HttpParser::Role::kRequest, 1u << 20);
  while (!parser.done()) {
    if (!transport.input().empty()) {
      const Result<std::size_t> taken = parser.feed(transport.input());
      if (!taken) co_return false;
      transport.consume(*taken);
      if (parser.done()) break;
      if (*taken > 0) continue;
    }
    if (transport.failed() || transport.input_ended()) co_return false;
    co_await transport.changed();
  }
  SeenRequest request;
  request.method = parser.method();
  request.target = parser.target();
  request.headers = parser.headers();
  request.body = parser.body();
  request.connection = connection;
  requests.push_back(std::move(request));
  co_return true;
}

// True when the connection can take another request.
Task<bool> ScriptedUpstream::Impl::run(Transport& transport, Script script) {
  for (Step& step : script) {
    const bool goes_on = co_await run_step(transport, std::move(step));
    if (!goes_on) co_return false;
  }
  co_return true;
}

Task<bool> ScriptedUpstream::Impl::run_step(Transport& transport, Step step) {
  if (std::holds_alternative<step::Close>(step)) {
    transport.close(Transport::Cut::kLocal);
    co_return false;
  }
  if (std::holds_alternative<step::Reset>(step)) {
    transport.reset();
    co_return false;
  }
  if (std::holds_alternative<step::Stall>(step)) {
    while (!transport.failed() && !transport.input_ended()) co_await transport.changed();
    co_return false;
  }
  if (const auto* wait = std::get_if<step::Wait>(&step)) {
    io::CancelSource gone;
    transport.on_end([gone]() mutable { gone.cancel("the peer closed"); });
    if (transport.failed() || transport.input_ended()) gone.cancel("the peer closed");
    const Status slept = co_await core.timers().sleep_for(wait->time, gone.token());
    transport.on_end(nullptr);
    co_return slept.has_value();
  }
  if (std::holds_alternative<step::EndlessHeader>(step)) {
    bool goes_on = co_await send(transport, "HTTP/1.1 200 OK\r\n");
    if (goes_on)
      goes_on = co_await repeat(transport, "X-Filler: " + std::string(1000, 'x') + "\r\n");
    co_return goes_on;
  }
  if (const auto* endless = std::get_if<step::EndlessBody>(&step)) {
    const bool goes_on = co_await repeat(transport, chunk(endless->bytes));
    co_return goes_on;
  }
  const bool sent = co_await send(transport, bytes_of(step));
  co_return sent;
}

Task<bool> ScriptedUpstream::Impl::send(Transport& transport, std::string bytes) {
  transport.start_write(std::move(bytes));
  while (transport.busy() && !transport.failed() && transport.write_fault().empty()) {
    co_await transport.changed();
  }
  co_return !transport.failed() && transport.write_fault().empty();
}

Task<bool> ScriptedUpstream::Impl::repeat(Transport& transport, std::string bytes) {
  bool goes_on = true;
  while (goes_on) {
    goes_on = co_await send(transport, bytes);
    // A turn for the others between two pieces: the reader lives on the same core.
    io::Waiter waiter(core);
    core.post([&waiter] { waiter.wake(); });
    co_await waiter.wait();
    if (transport.input_ended()) goes_on = false;
  }
  co_return false;
}

ScriptedUpstream::ScriptedUpstream(io::Core& core) : impl_(std::make_shared<Impl>(core)) {
  core.call([this] {
    using boost::asio::ip::tcp;
    const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    impl_->acceptor.open(any.protocol());
    impl_->acceptor.bind(any);
    impl_->acceptor.listen();
    impl_->port = impl_->acceptor.local_endpoint().port();
    impl_->accept();
  });
}

ScriptedUpstream::~ScriptedUpstream() {
  impl_->core.call([this] {
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    for (Transport* transport : impl_->open) transport->close(Transport::Cut::kLocal);
  });
  io::run_blocking(impl_->core, impl_->scope.join());
}

std::uint16_t ScriptedUpstream::port() const {
  return impl_->port;
}
std::string ScriptedUpstream::url(std::string_view path) const {
  return fmt::format("http://127.0.0.1:{}{}", impl_->port, path);
}
void ScriptedUpstream::add(Script script) {
  impl_->scripts.push_back(std::move(script));
}
void ScriptedUpstream::otherwise(std::function<Script(const SeenRequest&)> make) {
  impl_->otherwise = std::move(make);
}
const std::deque<SeenRequest>& ScriptedUpstream::requests() const {
  return impl_->requests;
}
int ScriptedUpstream::connections() const {
  return impl_->accepted;
}
int ScriptedUpstream::open_connections() const {
  return static_cast<int>(impl_->open.size());
}

Script reply_json(std::string body) {
  return {step::Reply{.body = std::move(body)}};
}

Script reply_html(int status, std::string body) {
  return {step::Reply{status, std::move(body), "text/html; charset=utf-8"}};
}

Script reply_rate_limited(std::string retry_after) {
  step::Reply reply{429, R"({"error":{"message":"slow down","type":"rate_limit_error"}})"};
  reply.headers.add("Retry-After", std::move(retry_after));
  return {std::move(reply)};
}

Script reply_stream(std::vector<std::string> chunks) {
  Script script{step::Start{}};
  for (std::string& bytes : chunks) script.push_back(step::Chunk{std::move(bytes)});
  script.push_back(step::End{});
  return script;
}

Script reply_short(std::size_t promised, std::string body) {
  return {step::Raw{fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                "Content-Length: {}\r\n\r\n{}",
                                promised, body)},
          step::Close{}};
}

}  // namespace sighter::testing
