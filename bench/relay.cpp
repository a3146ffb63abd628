// The least that a relay on our own HTTP server and client can cost: takes a request, sends its
// body on, passes the answer back as it comes. What `sighter serve` costs beyond this is its own
// work.
//
//   relay UPSTREAM_PORT [cores=2]
//
// Prints its port on the first line and runs until its standard input ends.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "io/http_server.hpp"
#include "io/scope.hpp"

namespace {

using namespace sighter;
using namespace sighter::io;

struct Relay {
  HttpClient* client;
  std::string base;
  Task<void> operator()(ServerRequest& request, Responder& responder) const {
    return relay(client, base, request, responder);
  }
  static Task<void> relay(HttpClient* client, std::string base, ServerRequest& request,
                          Responder& responder) {
    Result<std::string> body = co_await request.read_body();
    if (!body) co_return;
    HttpRequest onward{.method = "POST", .url = std::move(base), .body = std::move(*body)};
    onward.url.append(request.target());
    onward.headers.add("Content-Type", "application/json");
    onward.headers.add("Authorization", "Bearer 0123456789");
    CancelToken gone = request.gone();
    const Deadlines deadlines;
    Result<std::unique_ptr<HttpStream>> opened =
        co_await client->open(std::move(onward), deadlines, std::move(gone));
    Headers headers;
    if (!opened) {
      const Status sent = co_await responder.send(502, std::move(headers), "no answer\n");
      (void)sent;
      co_return;
    }
    HttpStream& stream = **opened;
    if (const auto type = stream.headers().get("Content-Type"))
      headers.add("Content-Type", std::string(*type));
    if (!stream.headers().has("Content-Length")) {
      co_await pass_on(stream, std::move(headers), responder);
      co_return;
    }
    std::string whole;
    for (;;) {
      Result<std::string_view> piece = co_await stream.read();
      if (!piece) co_return;
      if (piece->empty()) break;
      whole.append(*piece);
    }
    const int status = stream.status();
    const Status sent = co_await responder.send(status, std::move(headers), std::move(whole));
    (void)sent;
  }
  static Task<void> pass_on(HttpStream& stream, Headers headers, Responder& responder) {
    Status status = responder.start(stream.status(), std::move(headers));
    while (status) {
      Result<std::string_view> piece = co_await stream.read();
      if (!piece) co_return;
      if (piece->empty()) break;
      std::string bytes(*piece);
      status = co_await responder.write(std::move(bytes));
    }
    if (status) status = co_await responder.finish();
  }
};

}  // namespace

int main(int count, char** words) {
  if (count < 2) return fmt::print("see the head of relay.cpp\n"), 2;
  const std::size_t cores_wanted = count > 2 ? std::strtoull(words[2], nullptr, 10) : 2;
  const RealClock clock;
  BlockingPool dns("dns", 1, 1024);
  const Result<Listener> listener = Listener::open("127.0.0.1", 0);
  if (!listener) return fmt::print("{}\n", listener.error().message()), 1;
  Cores cores("relay", cores_wanted, clock);
  std::vector<std::unique_ptr<HttpClient>> clients;
  std::vector<std::unique_ptr<HttpServer>> servers;
  const std::shared_ptr<ServerGroup> group = make_server_group();
  for (std::size_t i = 0; i < cores.size(); ++i) {
    clients.push_back(std::make_unique<HttpClient>(cores[i], dns));
    const Relay handler{clients.back().get(), fmt::format("http://127.0.0.1:{}", words[1])};
    HttpServerOptions options;
    options.group = group;
    servers.push_back(std::make_unique<HttpServer>(cores[i], *listener, handler, options));
    HttpServer* server = servers.back().get();
    cores[i].call([server] { (void)server->start(); });
  }
  fmt::print("{}\n", listener->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  for (std::size_t i = 0; i < cores.size(); ++i) {
    run_blocking(cores[i], servers[i]->stop(std::chrono::milliseconds(100)));
  }
  return 0;
}
