// TLS of client and server, against each other, with certificates made here.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "io/http_server.hpp"
#include "io/transport.hpp"
#include "testing/certificate.hpp"
#include "testing/loop.hpp"

namespace sighter::io {
namespace {

using namespace std::chrono_literals;
using testing::Certificate;
using testing::Loop;
using testing::make_certificate;

Task<void> answer(ServerRequest& request, Responder& responder) {
  const Result<std::string> body = co_await request.read_body();
  Headers headers;
  std::string text = body ? "got " + std::to_string(body->size()) : body.error().what;
  const Status sent = co_await responder.send(200, std::move(headers), std::move(text));
  (void)sent;
}

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() : listener(*Listener::open("127.0.0.1", 0)), dns("dns", 1, 4) {}
  ~TlsTest() override {
    client.reset();
    if (server) loop.run(server->stop(Duration::zero()));
  }
  void serve(const Certificate& certificate, HttpServer::Handler handler = answer) {
    HttpServerOptions options;
    options.tls_certificate_pem = certificate.pem;
    options.tls_key_pem = certificate.key;
    server = std::make_unique<HttpServer>(loop.core(), listener, std::move(handler), options);
    ASSERT_TRUE(server->start().has_value());
  }
  void trust(const std::string& ca_pem, ProxySettings proxies = {}) {
    HttpClientOptions options;
    options.ca_pem = ca_pem;
    options.proxies = std::move(proxies);
    options.lookup = [](const std::string&) {
      std::vector<std::string> here{"127.0.0.1"};
      return Result<std::vector<std::string>>(here);
    };
    client = std::make_unique<HttpClient>(loop.core(), dns, std::move(options));
  }
  Result<HttpReply> fetch(const std::string& host, std::string body = "") {
    HttpRequest request{.method = "POST",
                        .url = "https://" + host + ":" + std::to_string(listener.port()) + "/",
                        .body = std::move(body)};
    auto running = loop.start(client->fetch(std::move(request), {}, {}, &trace));
    EXPECT_TRUE(loop.wait_until([&] { return running.done(); }));
    return running.value();
  }

  Loop loop;
  Listener listener;
  BlockingPool dns;
  std::unique_ptr<HttpServer> server;
  std::unique_ptr<HttpClient> client;
  HttpTrace trace;
};

TEST_F(TlsTest, ACertificateOfAKnownSignerIsTaken) {
  const Certificate certificate = make_certificate("DNS:api.example,IP:127.0.0.1");
  serve(certificate);
  trust(certificate.pem);
  const Result<HttpReply> by_name = fetch("api.example", "hello");
  ASSERT_TRUE(by_name.has_value()) << by_name.error().what;
  EXPECT_EQ(by_name->body, "got 5");
  const Result<HttpReply> by_address = fetch("127.0.0.1");
  EXPECT_TRUE(by_address.has_value()) << by_address.error().what;
}

TEST_F(TlsTest, LargeBodiesAndKeptConnectionsWorkUnderTls) {
  const Certificate certificate = make_certificate("DNS:api.example");
  serve(certificate);
  trust(certificate.pem);
  for (int i = 0; i < 3; ++i) {
    const Result<HttpReply> reply = fetch("api.example", std::string(3'000'000, 'x'));
    ASSERT_TRUE(reply.has_value()) << reply.error().what;
    EXPECT_EQ(reply->body, "got 3000000");
    EXPECT_EQ(trace.reused, i > 0);
  }
}

TEST_F(TlsTest, AnUnknownSignerIsRefused) {
  serve(make_certificate("DNS:api.example"));
  trust("");
  const Result<HttpReply> reply = fetch("api.example");
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, Kind::kUnavailable);
  EXPECT_NE(reply.error().what.find("its certificate is not trusted: self-signed certificate"),
            std::string::npos)
      << reply.error().what;
  EXPECT_FALSE(trace.request_sent);
}

TEST_F(TlsTest, ACertificateForAnotherNameIsRefused) {
  const Certificate certificate = make_certificate("DNS:other.example");
  serve(certificate);
  trust(certificate.pem);
  const Result<HttpReply> reply = fetch("api.example");
  ASSERT_FALSE(reply.has_value());
  EXPECT_NE(reply.error().what.find("hostname mismatch"), std::string::npos) << reply.error().what;
}

TEST_F(TlsTest, AnExpiredCertificateIsRefused) {
  const Certificate certificate = make_certificate("DNS:api.example", 60);
  serve(certificate);
  trust(certificate.pem);
  const Result<HttpReply> reply = fetch("api.example");
  ASSERT_FALSE(reply.has_value());
  EXPECT_NE(reply.error().what.find("certificate has expired"), std::string::npos)
      << reply.error().what;
}

TEST_F(TlsTest, AServerWithoutTlsIsToldSo) {
  server = std::make_unique<HttpServer>(loop.core(), listener, answer);
  ASSERT_TRUE(server->start().has_value());
  trust("");
  const Result<HttpReply> reply = fetch("api.example");
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().kind, Kind::kUnavailable);
  EXPECT_NE(reply.error().what.find("cannot be reached by TLS"), std::string::npos);
}

TEST_F(TlsTest, ANewCertificateHoldsForNewConnections) {
  serve(make_certificate("DNS:old.example"));
  const Certificate renewed = make_certificate("DNS:api.example");
  ASSERT_TRUE(server->set_certificate(renewed.pem, renewed.key).has_value());
  trust(renewed.pem);
  EXPECT_TRUE(fetch("api.example").has_value());
}

TEST_F(TlsTest, AKeyThatDoesNotFitIsRefusedAtTheStart) {
  HttpServerOptions options;
  options.tls_certificate_pem = make_certificate("DNS:a").pem;
  options.tls_key_pem = make_certificate("DNS:a").key;
  HttpServer unfit(loop.core(), listener, answer, options);
  EXPECT_EQ(unfit.start().error().kind, Kind::kInvalid);
  loop.run(unfit.stop(Duration::zero()));
}

// A proxy of a few lines: takes CONNECT, then carries bytes both ways.
class Tunnel {
 public:
  Tunnel(Core& core, std::uint16_t target) : core_(core), target_(target), scope_(core) {
    using boost::asio::ip::tcp;
    const tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    acceptor_.open(any.protocol());
    acceptor_.bind(any);
    acceptor_.listen();
    port = acceptor_.local_endpoint().port();
    acceptor_.async_accept([this](boost::system::error_code error, Transport::Socket socket) {
      if (!error) spawn(scope_, "tunnel", carry(std::move(socket)));
    });
  }
  ~Tunnel() { run_blocking(core_, scope_.join()); }
  std::uint16_t port = 0;
  std::string heard;

 private:
  Task<void> carry(Transport::Socket socket) {
    const auto near = std::make_shared<Transport>(core_, 1u << 20, std::move(socket));
    const auto far = std::make_shared<Transport>(core_, 1u << 20);
    near->start_reading();
    while (near->input().find("\r\n\r\n") == std::string_view::npos) co_await near->changed();
    heard = near->input();
    near->consume(heard.size());
    far->start_connect({boost::asio::ip::address_v4::loopback(), target_});
    while (far->busy()) co_await far->changed();
    far->start_reading();
    near->start_write("HTTP/1.1 200 Connection established\r\n\r\n");
    Waiter moved(core_);
    for (Transport* side : {near.get(), far.get()}) {
      side->on_input([&moved] { moved.wake(); });
      side->on_end([&moved] { moved.wake(); });
    }
    while (!near->failed() && !far->failed() && !near->input_ended() && !far->input_ended()) {
      move_on(*near, *far);
      move_on(*far, *near);
      co_await moved.wait();
    }
    near->close(Transport::Cut::kLocal);
    far->close(Transport::Cut::kLocal);
  }
  static void move_on(Transport& from, Transport& to) {
    if (from.input().empty() || to.busy()) return;
    to.start_write(std::string(from.input()));
    from.consume(from.input().size());
  }

  Core& core_;
  std::uint16_t target_;
  Scope scope_;
  boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>
      acceptor_{core_.impl().context};
};

TEST_F(TlsTest, GoesThroughAProxyByConnect) {
  const Certificate certificate = make_certificate("DNS:api.example");
  serve(certificate);
  Tunnel tunnel(loop.core(), listener.port());
  ProxySettings proxies;
  proxies.https = "http://me:pass@127.0.0.1:" + std::to_string(tunnel.port);
  trust(certificate.pem, proxies);
  const Result<HttpReply> reply = fetch("api.example", "hello");
  ASSERT_TRUE(reply.has_value()) << reply.error().what;
  EXPECT_EQ(reply->body, "got 5");
  const std::string target = "api.example:" + std::to_string(listener.port());
  EXPECT_EQ(tunnel.heard, "CONNECT " + target + " HTTP/1.1\r\nHost: " + target +
                              "\r\nProxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n");
  client.reset();
  loop.run(server->stop(Duration::zero()));
  server.reset();
}

}  // namespace
}  // namespace sighter::io
