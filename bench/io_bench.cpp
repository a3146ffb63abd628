// How fast the HTTP client and server are over loopback: requests a second and latency, one core
// for the client, one for the server.
//
//   io_bench [requests] [connections] [reply bytes]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "io/blocking_pool.hpp"
#include "io/http_client.hpp"
#include "io/http_server.hpp"
#include "io/scope.hpp"

namespace {

using namespace sighter;
using namespace sighter::io;

struct Work {
  HttpClient& client;
  const Clock& clock;
  std::string url;
  std::size_t reply_bytes;
  std::vector<std::int64_t> took_ns;
  std::size_t left;
  std::size_t wrong = 0;
};

Task<void> ask(Work& work) {
  while (work.left > 0) {
    --work.left;
    HttpRequest request{.method = "POST", .url = work.url, .body = std::string(484, 'q')};
    request.headers.add("Content-Type", "application/json");
    request.headers.add("Authorization", "Bearer 0123456789");
    const SteadyTime before = work.clock.steady_now();
    const Result<HttpReply> reply = co_await work.client.fetch(std::move(request));
    work.took_ns.push_back((work.clock.steady_now() - before).count());
    if (!reply || reply->body.size() != work.reply_bytes) ++work.wrong;
  }
}

struct Answer {
  std::size_t bytes;
  Task<void> operator()(ServerRequest& request, Responder& responder) const {
    return answer(bytes, request, responder);
  }
  static Task<void> answer(std::size_t bytes, ServerRequest& request, Responder& responder) {
    const Result<std::string> body = co_await request.read_body();
    Headers headers{{"Content-Type", "application/json"}};
    std::string text(body ? bytes : 0, 'r');
    const Status sent = co_await responder.send(200, std::move(headers), std::move(text));
    (void)sent;
  }
};

std::size_t argument(int count, char** words, int index, std::size_t otherwise) {
  return index < count ? std::strtoull(words[index], nullptr, 10) : otherwise;
}

}  // namespace

int main(int count, char** words) {
  const std::size_t requests = argument(count, words, 1, 200'000);
  const std::size_t connections = argument(count, words, 2, 64);
  const std::size_t reply_bytes = argument(count, words, 3, 757);
  const RealClock clock;
  Cores cores("bench", 2, clock);
  BlockingPool dns("dns", 1, 16);
  const Result<Listener> listener = Listener::open("127.0.0.1", 0);
  if (!listener) return fmt::print("{}\n", listener.error().message()), 1;
  HttpServer server(cores[0], *listener, Answer{reply_bytes});
  cores[0].call([&] { (void)server.start(); });
  {
    HttpClient client(cores[1], dns);
    Work work{client,      clock, fmt::format("http://127.0.0.1:{}/v1", listener->port()),
              reply_bytes, {},    requests};
    work.took_ns.reserve(requests + connections);
    Scope scope(cores[1]);
    const SteadyTime before = clock.steady_now();
    for (std::size_t i = 0; i < connections; ++i) spawn(scope, "client", ask(work));
    run_blocking(cores[1], scope.join());
    const double seconds = std::chrono::duration<double>(clock.steady_now() - before).count();
    std::ranges::sort(work.took_ns);
    const auto at = [&](double share) {
      const auto index = static_cast<double>(work.took_ns.size() - 1) * share;
      return static_cast<double>(work.took_ns[static_cast<std::size_t>(index)]) / 1000.0;
    };
    fmt::print(
        "{} requests, {} connections, {} bytes: {:.0f} requests/s, p50 {:.0f} us, p99 {:.0f} us, "
        "{} wrong\n",
        work.took_ns.size(), connections, reply_bytes,
        static_cast<double>(work.took_ns.size()) / seconds, at(0.5), at(0.99), work.wrong);
    if (work.wrong > 0) std::exit(1);
  }
  run_blocking(cores[0], server.stop(std::chrono::seconds(1)));
  return 0;
}
