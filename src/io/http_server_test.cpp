#include "io/http_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/log.hpp"
#include "io/blocking_pool.hpp"
#include "io/core.hpp"
#include "io/http_client.hpp"
#include "io/scope.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;
using testing::Loop;

// A client of plain system calls: it can say anything, in any pieces.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
  }
  ~RawClient() { close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void say(std::string_view bytes) {
    ASSERT_EQ(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  void say_no_more() { ::shutdown(fd_, SHUT_WR); }
  // Until something can be heard; false when nothing comes within 10 s.
  bool wait_for_bytes() {
    pollfd waiting{fd_, POLLIN, 0};
    return ::poll(&waiting, 1, 10'000) == 1;
  }
  // What has come so far; appends "<closed>" or "<reset>" once.
  const std::string& hear() {
    char buffer[65'536];
    while (!ended_) {
      const ssize_t n = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) {
        heard_.append(buffer, static_cast<std::size_t>(n));
        continue;
      }
      if (n < 0 && errno == EAGAIN) break;
      heard_ += n == 0 ? "<closed>" : "<reset>";
      ended_ = true;
    }
    return heard_;
  }

 private:
  int fd_;
  std::string heard_;
  bool ended_ = false;
};

Task<void> responder_says(Responder& responder) {
  Headers headers;
  std::string body = "here";
  const Status sent = co_await responder.send(200, std::move(headers), std::move(body));
  EXPECT_TRUE(sent.has_value());
}

struct Handled {
  std::string method, path, query, body;
};

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : listener(*Listener::open("127.0.0.1", 0)) {}
  ~HttpServerTest() override {
    if (server) loop.run(server->stop(Duration::zero()));
  }
  void serve(HttpServer::Handler handler, HttpServerOptions options = {}) {
    options.log = &log;
    server = std::make_unique<HttpServer>(loop.core(), listener, std::move(handler), options);
    ASSERT_TRUE(server->start().has_value());
  }
  static Task<void> echo(HttpServerTest* self, ServerRequest& request, Responder& responder) {
    Handled handled{std::string(request.method()), std::string(request.path()),
                    std::string(request.query()), ""};
    Result<std::string> body = co_await request.read_body();
    if (body) handled.body = *body;
    const int status = body ? 200 : http_status(body.error().kind);
    std::string text = body ? handled.body : body.error().what;
    self->handled.push_back(std::move(handled));
    Headers headers{{"Content-Type", "text/plain"}};
    const Status sent = co_await responder.send(status, std::move(headers), std::move(text));
    self->last_sent = sent;
  }
  void serve_echo(HttpServerOptions options = {}) {
    serve([this](ServerRequest& a, Responder& b) { return echo(this, a, b); }, options);
  }

  Loop loop;
  Listener listener;
  std::vector<std::string> logged;
  Log log{Level::kDebug, [this](Level, std::string_view, std::string_view message) {
            logged.emplace_back(message);
          }};
  std::unique_ptr<HttpServer> server;
  std::vector<Handled> handled;
  Status last_sent;
};

const std::string kGet = "GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n";
const std::string kDate = "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n";

TEST_F(HttpServerTest, AnswersInOnePieceWithDateAndLength) {
  serve_echo();
  RawClient client(listener.port());
  client.say("POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  loop.settle();
  EXPECT_EQ(client.hear(), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n" + kDate +
                               "Content-Length: 5\r\n\r\nhello");
  ASSERT_EQ(handled.size(), 1u);
  EXPECT_EQ(handled[0].path, "/a%20b");
  EXPECT_EQ(handled[0].query, "c=d");
}

TEST_F(HttpServerTest, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  serve_echo();
  RawClient client(listener.port());
  std::string many;
  for (int i = 0; i < 50; ++i) {
    many += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n" +
            std::string(1, static_cast<char>('a' + i % 26));
  }
  client.say(many);
  loop.settle();
  ASSERT_EQ(handled.size(), 50u);
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(handled[i].path, "/" + std::to_string(i));
  EXPECT_EQ(server->connections(), 1u);
}

TEST_F(HttpServerTest, ARequestCutAtEveryByteIsTheSame) {
  serve_echo();
  const std::string bytes =
      "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    RawClient client(listener.port());
    client.say(std::string_view(bytes).substr(0, cut));
    loop.settle();
    ASSERT_EQ(client.hear(), "") << cut;
    client.say(std::string_view(bytes).substr(cut));
    loop.settle();
    ASSERT_TRUE(client.hear().ends_with("\r\n\r\nabc")) << cut;
  }
}

TEST_F(HttpServerTest, ConnectionCloseIsObeyedAndHttp10IsNotKept) {
  serve_echo();
  RawClient closing(listener.port());
  closing.say("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  loop.settle();
  EXPECT_NE(closing.hear().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(closing.hear().ends_with("<closed>"));
  RawClient old(listener.port());
  old.say("GET / HTTP/1.0\r\n\r\n");
  loop.settle();
  EXPECT_TRUE(old.hear().ends_with("<closed>"));
}

TEST_F(HttpServerTest, ABadRequestIsAnsweredAndTheConnectionClosed) {
  serve_echo();
  for (const char* bad :
       {"GARBAGE\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET x HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    RawClient client(listener.port());
    client.say(bad);
    client.say(kGet);  // what a smuggler hopes to be taken for a request
    loop.settle();
    EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 400 Bad Request\r\n")) << client.hear();
    EXPECT_TRUE(client.hear().ends_with("<closed>")) << client.hear();
  }
  EXPECT_TRUE(handled.empty());
}

TEST_F(HttpServerTest, WhatIsNoRequestBehindARequestIsAnsweredTooAndTheConnectionClosed) {
  serve_echo();
  for (const std::string& bad : {std::string("{x\r\n\r\n"), std::string("GET x\r\n\r\n"),
                                 "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(70'000, 'x')}) {
    for (const bool at_once : {true, false}) {
      RawClient client(listener.port());
      client.say(kGet);
      if (!at_once) loop.settle();
      client.say(bad);
      loop.settle();
      EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 200 OK\r\n")) << client.hear();
      EXPECT_NE(client.hear().find("HTTP/1.1 4"), std::string::npos) << client.hear();
      loop.advance(2s);
      EXPECT_EQ(server->connections(), 0u);
    }
  }
}

TEST_F(HttpServerTest, AHeaderTooLargeIs431) {
  serve_echo();
  RawClient client(listener.port());
  client.say("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(70'000, 'x'));
  loop.settle();
  EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 431 ")) << client.hear();
}

TEST_F(HttpServerTest, ABodyTooLargeIsRefusedByLengthAndByCount) {
  HttpServerOptions options;
  options.body_bytes_max = 10;
  serve_echo(options);
  RawClient promised(listener.port());
  promised.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n");
  loop.settle();
  EXPECT_TRUE(promised.hear().starts_with("HTTP/1.1 413 ")) << promised.hear();
  RawClient chunked(listener.port());
  chunked.say(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n");
  loop.settle();
  EXPECT_TRUE(chunked.hear().starts_with("HTTP/1.1 413 ")) << chunked.hear();
}

TEST_F(HttpServerTest, ExpectContinueIsAnsweredWhenTheBodyIsWanted) {
  serve_echo();
  RawClient client(listener.port());
  client.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  loop.settle();
  EXPECT_EQ(client.hear(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.say("ok");
  loop.settle();
  EXPECT_TRUE(client.hear().ends_with("\r\n\r\nok"));
  RawClient odd(listener.port());
  odd.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: tea\r\n\r\n");
  loop.settle();
  EXPECT_TRUE(odd.hear().starts_with("HTTP/1.1 417 "));
}

Task<void> refuse_unread(ServerRequest&, Responder& responder) {
  Headers none;
  std::string text = "no";
  const Status sent = co_await responder.send(401, std::move(none), std::move(text));
  (void)sent;
}

TEST_F(HttpServerTest, AnUnreadBodyIsDrainedOrTheConnectionClosed) {
  serve(refuse_unread);
  RawClient small(listener.port());
  small.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" + kGet);
  loop.settle();
  EXPECT_FALSE(small.hear().ends_with("<closed>"));
  EXPECT_EQ(server->connections(), 1u);
  RawClient expecting(listener.port());
  expecting.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  loop.settle();
  EXPECT_TRUE(expecting.hear().starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(expecting.hear().ends_with("<closed>"));
  RawClient large(listener.port());
  large.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n" +
            std::string(100'000, 'x'));
  loop.settle();
  loop.advance(5s);
  EXPECT_TRUE(large.hear().starts_with("HTTP/1.1 401 "));
  EXPECT_NE(large.hear().find("<"), std::string::npos) << "closed";
}

// Deadlines by the fake clock.

TEST_F(HttpServerTest, ASlowHeaderIsCutHoweverSteadilyItComes) {
  serve_echo();
  RawClient client(listener.port());
  client.say("GET / HTTP/1.1\r\nHost: x\r\n");
  loop.settle();
  for (int i = 0; i < 9; ++i) {
    client.say("X: y\r\n");
    loop.advance(1s);
    ASSERT_EQ(client.hear(), "") << i;
  }
  loop.advance(1s);
  EXPECT_NE(client.hear().find("<"), std::string::npos);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, ASilentConnectionIsClosedAfterTheIdleTime) {
  serve_echo();
  RawClient client(listener.port());
  client.say(kGet);
  loop.advance(75s - 1ms);
  EXPECT_EQ(server->connections(), 1u);
  loop.advance(1ms);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, ASlowBodyIsCut) {
  serve_echo();
  RawClient client(listener.port());
  client.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
  loop.advance(30s);
  EXPECT_EQ(server->connections(), 0u);
  ASSERT_EQ(handled.size(), 1u);
}

TEST_F(HttpServerTest, ABodyThatTricklesForEverIsCut) {
  serve_echo();
  RawClient client(listener.port());
  client.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    client.say("x");
    loop.advance(5s - 1ms);
  }
  EXPECT_EQ(server->connections(), 1u);
  loop.advance(1s);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, ABodyThatComesSteadilyHasUntilTheLimitOfTheWhole) {
  serve_echo();
  RawClient client(listener.port());
  client.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 29; ++i) {
    client.say(std::string(20'000, 'x'));
    loop.advance(10s);
  }
  EXPECT_EQ(server->connections(), 1u);
  loop.advance(10s);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, AllBodiesTogetherHaveALimit) {
  HttpServerOptions options;
  options.bodies_bytes_max = 100'000;
  serve_echo(options);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n";
  RawClient first(listener.port());
  first.say(head + std::string(50'000, 'x'));
  loop.settle();
  RawClient second(listener.port());
  second.say(head + std::string(60'000, 'x'));
  loop.settle();
  EXPECT_TRUE(second.hear().starts_with("HTTP/1.1 503 ")) << second.hear();
  first.say(std::string(10'000, 'x'));
  loop.settle();
  EXPECT_TRUE(first.hear().starts_with("HTTP/1.1 200 ")) << first.hear();
  // What has been answered counts no more.
  RawClient third(listener.port());
  third.say(head + std::string(60'000, 'x') + head + std::string(60'000, 'x'));
  loop.settle();
  EXPECT_EQ(third.hear().find("HTTP/1.1 503 "), std::string::npos) << third.hear().substr(0, 200);
}

Task<void> stream_forever(bool* stopped, ServerRequest&, Responder& responder) {
  Headers headers{{"Content-Type", "text/event-stream"}};
  const Status started = responder.start(200, std::move(headers));
  EXPECT_TRUE(started.has_value());
  for (;;) {
    std::string bytes(100'000, 'x');
    const Status written = co_await responder.write(std::move(bytes));
    if (!written) {
      *stopped = true;
      co_return;
    }
  }
}

TEST_F(HttpServerTest, AClientThatDoesNotReadStopsItsWriterAndIsCutInTheEnd) {
  bool stopped = false;
  serve([&stopped](ServerRequest& a, Responder& b) { return stream_forever(&stopped, a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  EXPECT_FALSE(stopped) << "held back, not failed";
  loop.advance(60s - 1ms);
  EXPECT_FALSE(stopped);
  loop.advance(1ms);
  EXPECT_TRUE(stopped);
  EXPECT_EQ(server->connections(), 0u);
}

TEST_F(HttpServerTest, AClientThatReadsSlowlyIsNotTakenForOneThatDoesNot) {
  bool stopped = false;
  serve([&stopped](ServerRequest& a, Responder& b) { return stream_forever(&stopped, a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  for (int i = 0; i < 4; ++i) {
    loop.advance(50s);
    const std::size_t before = client.hear().size();  // all that has come
    EXPECT_TRUE(loop.wait_until([&] { return client.hear().size() > before; }));
  }
  EXPECT_FALSE(stopped);
  loop.advance(121s);
  EXPECT_TRUE(stopped);
}

// Streams.

Task<void> stream_two(HttpServerTest*, Core& core, ServerRequest&, Responder& responder) {
  Headers headers{{"Content-Type", "text/event-stream"}};
  Status ok = responder.start(200, std::move(headers));
  std::string first = "data: 1\n\n";
  ok = co_await responder.write(std::move(first));
  ok = co_await core.timers().sleep_for(1s);
  std::string second = "data: 2\n\n";
  ok = co_await responder.write(std::move(second));
  ok = co_await responder.finish();
}

TEST_F(HttpServerTest, AStreamsHeaderLeavesWithItsFirstChunk) {
  serve([this](ServerRequest& a, Responder& b) { return stream_two(this, loop.core(), a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  EXPECT_EQ(client.hear(), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + kDate +
                               "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n");
  loop.advance(1s);
  EXPECT_TRUE(client.hear().ends_with("9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
  client.say(kGet);
  loop.advance(1s);
  EXPECT_TRUE(client.hear().ends_with("0\r\n\r\n")) << "the connection is kept";
}

TEST_F(HttpServerTest, AStreamToHttp10EndsWithTheConnection) {
  serve([this](ServerRequest& a, Responder& b) { return stream_two(this, loop.core(), a, b); });
  RawClient client(listener.port());
  client.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  loop.advance(1s);
  EXPECT_TRUE(client.hear().ends_with("\r\n\r\ndata: 1\n\ndata: 2\n\n<closed>")) << client.hear();
}

Task<void> break_off(ServerRequest&, Responder& responder) {
  Headers none;
  Status ok = responder.start(200, std::move(none));
  std::string first = "data: 1\n\n";
  ok = co_await responder.write(std::move(first));
}

TEST_F(HttpServerTest, AStreamThatItsHandlerLeftUnfinishedIsSeenAsBroken) {
  serve(break_off);
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  EXPECT_EQ(client.hear().find("0\r\n\r\n"), std::string::npos);
  EXPECT_TRUE(client.hear().ends_with("<reset>"));
}

TEST_F(HttpServerTest, AHeaderWithALineBreakIsRefused) {
  Status refused;
  struct Bad {
    static Task<void> handle(Status* out, ServerRequest&, Responder& responder) {
      Headers bad{{"X-A", "a\r\nSet-Cookie: b"}};
      *out = responder.start(200, bad);
      Headers good;
      std::string text = "ok";
      const Status sent = co_await responder.send(200, std::move(good), std::move(text));
      (void)sent;
    }
  };
  serve([&refused](ServerRequest& a, Responder& b) { return Bad::handle(&refused, a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  EXPECT_FALSE(refused.has_value());
  EXPECT_EQ(client.hear().find("Set-Cookie"), std::string::npos);
}

// Handlers that fail, clients that leave.

Task<void> says_nothing(ServerRequest&, Responder&) {
  co_return;
}
Task<void> throws(ServerRequest&, Responder&) {
  throw std::runtime_error("a fault");
  co_return;
}

TEST_F(HttpServerTest, AHandlerThatSaysNothingOrFailsBecomesA500) {
  for (const HttpServer::Handler& handler :
       {HttpServer::Handler(says_nothing), HttpServer::Handler(throws)}) {
    serve(handler);
    RawClient client(listener.port());
    client.say(kGet);
    loop.settle();
    EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 500 ")) << client.hear();
    loop.run(server->stop(Duration::zero()));
    server.reset();
  }
  EXPECT_EQ(logged, (std::vector<std::string>{"the handler of /a gave no answer",
                                              "the handler of /a failed: a fault"}));
}

Task<void> wait_until_gone(bool* gone, Core& core, ServerRequest& request, Responder&) {
  const Status slept = co_await core.timers().sleep_for(1h, request.gone());
  *gone = !slept;
}

TEST_F(HttpServerTest, AClientThatGoesIsNoticedThoughItSaidMoreThanIsReadAhead) {
  bool gone = false;
  serve([&](ServerRequest& a, Responder& b) { return wait_until_gone(&gone, loop.core(), a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  client.say(std::string(110'000, 'x'));  // what the kernel has room for
  loop.settle();
  EXPECT_FALSE(gone);
  client.close();
  loop.advance(100ms);
  EXPECT_TRUE(gone);
}

TEST_F(HttpServerTest, AHandlerHearsAtOnceThatItsClientHasGone) {
  bool gone = false;
  serve([&](ServerRequest& a, Responder& b) { return wait_until_gone(&gone, loop.core(), a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  EXPECT_FALSE(gone);
  client.close();
  loop.settle();
  EXPECT_TRUE(gone);
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_TRUE(logged.empty());
}

TEST_F(HttpServerTest, AClientThatOnlyHalfClosesStillGetsItsAnswer) {
  serve_echo();
  RawClient client(listener.port());
  client.say(kGet);
  client.say_no_more();
  loop.settle();
  EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 200 OK"));
  EXPECT_TRUE(client.hear().ends_with("<closed>"));
}

TEST_F(HttpServerTest, BeyondTheLimitOfConnectionsIs503) {
  HttpServerOptions options;
  options.connections_max = 1;
  serve_echo(options);
  RawClient first(listener.port());
  first.say(kGet);
  loop.settle();
  RawClient second(listener.port());
  loop.settle();
  EXPECT_TRUE(second.hear().starts_with("HTTP/1.1 503 ")) << second.hear();
  first.close();
  loop.settle();
  RawClient third(listener.port());
  third.say(kGet);
  loop.settle();
  EXPECT_TRUE(third.hear().starts_with("HTTP/1.1 200 ")) << third.hear();
}

TEST(ServerGroup, ConnectionsAreSharedEquallyWhicheverCoreAccepts) {
  const RealClock clock;
  const Listener listener = *Listener::open("127.0.0.1", 0);
  Cores cores("group", 2, clock);
  const std::shared_ptr<ServerGroup> group = make_server_group();
  std::vector<std::unique_ptr<HttpServer>> servers;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    HttpServerOptions options;
    options.group = group;
    auto handler = [](ServerRequest&, Responder& responder) { return responder_says(responder); };
    servers.push_back(std::make_unique<HttpServer>(cores[i], listener, handler, options));
    cores[i].call([&] { ASSERT_TRUE(servers[i]->start().has_value()); });
  }
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(listener.port()));
    clients.back()->say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(clients.back()->wait_for_bytes());
    EXPECT_TRUE(clients.back()->hear().starts_with("HTTP/1.1 200"));
  }
  for (std::size_t i = 0; i < cores.size(); ++i) {
    cores[i].call([&] { EXPECT_EQ(servers[i]->connections(), 10u); });
    run_blocking(cores[i], servers[i]->stop(Duration::zero()));
    cores[i].call([&] { servers[i].reset(); });
  }
}

TEST_F(HttpServerTest, StoppingLetsRunningRequestsFinishAndClosesIdleConnections) {
  serve([this](ServerRequest& a, Responder& b) { return stream_two(this, loop.core(), a, b); });
  RawClient idle(listener.port());
  RawClient running(listener.port());
  running.say(kGet);
  loop.settle();
  struct Stop {
    static Task<bool> now(HttpServer& server) {
      co_await server.stop(10s);
      co_return true;
    }
  };
  auto stopped = loop.start(Stop::now(*server));
  EXPECT_FALSE(stopped.done());
  EXPECT_TRUE(idle.hear().ends_with("<closed>"));
  loop.advance(1s);
  running.close();
  loop.settle();
  EXPECT_TRUE(stopped.done());
}

TEST_F(HttpServerTest, StoppingCutsWhatDoesNotEndInTime) {
  bool gone = false;
  serve([&](ServerRequest& a, Responder& b) { return wait_until_gone(&gone, loop.core(), a, b); });
  RawClient client(listener.port());
  client.say(kGet);
  loop.settle();
  struct Stop {
    static Task<bool> now(HttpServer& server) {
      co_await server.stop(10s);
      co_return true;
    }
  };
  auto stopped = loop.start(Stop::now(*server));
  loop.advance(10s - 1ms);
  EXPECT_FALSE(stopped.done());
  EXPECT_FALSE(gone);
  loop.advance(1ms);
  EXPECT_TRUE(gone) << "told first, so that its client can be";
  loop.advance(1s);
  EXPECT_TRUE(stopped.done());
}

TEST(Listener, APortThatIsTakenIsAConflict) {
  const Result<Listener> first = Listener::open("127.0.0.1", 0);
  ASSERT_TRUE(first.has_value());
  const Result<Listener> second = Listener::open("127.0.0.1", first->port());
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, Kind::kConflict);
  EXPECT_EQ(Listener::open("no-address", 0).error().kind, Kind::kInvalid);
}

TEST(HttpServer, TwoCoresServeOneListener) {
  const RealClock clock;
  Cores cores("serve", 2, clock);
  const Listener listener = *Listener::open("127.0.0.1", 0);
  std::vector<std::unique_ptr<HttpServer>> servers;
  for (std::size_t i = 0; i < cores.size(); ++i) {
    servers.push_back(std::make_unique<HttpServer>(cores[i], listener, refuse_unread));
    cores[i].call([&] { ASSERT_TRUE(servers[i]->start().has_value()); });
  }
  {
    Core client_core("client", clock);
    BlockingPool dns("dns", 1, 4);
    HttpClient client(client_core, dns);
    struct Many {
      static Task<int> ask(HttpClient& client, std::string url) {
        int good = 0;
        for (int i = 0; i < 200; ++i) {
          HttpRequest request{.url = url};
          const Result<HttpReply> reply = co_await client.fetch(std::move(request));
          good += reply && reply->status == 401 ? 1 : 0;
        }
        co_return good;
      }
      static Task<void> keep(HttpClient& client, std::string url, std::atomic<int>& good) {
        const int got = co_await ask(client, std::move(url));
        good += got;
      }
    };
    std::atomic<int> good = 0;
    Scope scope(client_core);
    const std::string url = "http://127.0.0.1:" + std::to_string(listener.port()) + "/";
    for (int i = 0; i < 8; ++i) spawn(scope, "client", Many::keep(client, url, good));
    run_blocking(client_core, scope.join());
    EXPECT_EQ(good, 1600);
  }
  for (std::size_t i = 0; i < cores.size(); ++i) run_blocking(cores[i], servers[i]->stop(1s));
}

}  // namespace
}  // namespace sighter::io
