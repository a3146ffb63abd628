#include "io/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "io/http_exchange.hpp"

namespace sighter::io {
namespace {

// Set by the client: a caller's own would contradict it.
constexpr std::string_view kOwnFields[] = {"Host",
                                           "Content-Length",
                                           "Connection",
                                           "Expect",
                                           "Upgrade",
                                           "Transfer-Encoding",
                                           "TE",
                                           "Trailer",
                                           "Keep-Alive",
                                           "Proxy-Connection",
                                           "Proxy-Authorization"};

Status check_request(const HttpRequest& request) {
  const bool good_method =
      !request.method.empty() &&
      std::ranges::all_of(request.method, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!good_method) return fail(Kind::kInvalid, "the HTTP method is not a word in capitals");
  for (const std::string_view name : kOwnFields) {
    if (request.headers.has(name)) {
      return fail(Kind::kInvalid, fmt::format("the header {} cannot be set", name),
                  "the HTTP client sets it by itself");
    }
  }
  return check_fields(request.headers);
}

class Stream final : public HttpStream {
 public:
  explicit Stream(std::unique_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  int status() const override { return exchange_->parser().status(); }
  const Headers& headers() const override { return exchange_->parser().headers(); }
  const std::string& reason() const override { return exchange_->parser().reason(); }
  Task<Result<std::string_view>> read() override { return exchange_->read(); }
  Headers take_headers() { return std::move(exchange_->parser().headers()); }
  std::string take_piece() { return exchange_->take_piece(); }

 private:
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace

bool is_own_field(std::string_view name) {
  return std::ranges::any_of(kOwnFields,
                             [&](std::string_view own) { return equals_ignoring_case(name, own); });
}

HttpClient::HttpClient(Core& core, BlockingPool& dns, HttpClientOptions options)
    : impl_(std::make_shared<Impl>(core, dns, std::move(options))) {}

HttpClient::~HttpClient() {
  impl_->core.call([this] {
    impl_->pool.close_all();
    impl_.reset();
  });
}

std::size_t HttpClient::idle_connections() const {
  return impl_->pool.size();
}

Task<Result<std::unique_ptr<HttpStream>>> HttpClient::open(HttpRequest request, Deadlines deadlines,
                                                           CancelToken token, HttpTrace* trace) {
  return send(std::make_shared<const HttpRequest>(std::move(request)), deadlines, std::move(token),
              trace);
}

Task<Result<std::unique_ptr<HttpStream>>> HttpClient::send(
    std::shared_ptr<const HttpRequest> request, Deadlines deadlines, CancelToken token,
    HttpTrace* trace) {
  const std::shared_ptr<Impl> impl = impl_;
  CHECK(impl->core.on_thread());
  HttpTrace unseen;
  HttpTrace& seen = trace ? *trace : unseen;
  seen = HttpTrace{};
  if (token.cancelled()) co_return std::unexpected(token.error());
  const Status good = check_request(*request);
  if (!good) co_return std::unexpected(good.error());
  Result<std::shared_ptr<const Route>> route = impl->route_to(request->url);
  if (!route) co_return std::unexpected(std::move(route.error()));

  const SteadyTime total_at = impl->core.timers().now() + deadlines.total;
  for (bool may_reuse = request->may_resend;; may_reuse = false) {
    auto exchange = std::make_unique<Exchange>(impl, *route, request, deadlines, total_at, token);
    ++seen.attempts;
    seen.reused = may_reuse && exchange->take_kept();
    if (!seen.reused) {
      Status connected = co_await exchange->connect(&seen);
      if (!connected) co_return std::unexpected(std::move(connected.error()));
    }
    Status answered = co_await exchange->ask(&seen);
    if (answered) {
      auto stream = std::make_unique<Stream>(std::move(exchange));
      co_return std::unique_ptr<HttpStream>(std::move(stream));
    }
    // A kept connection that the other side had closed already: nobody has seen the request.
    if (!seen.reused || !exchange->died_unanswered()) {
      co_return std::unexpected(std::move(answered.error()));
    }
  }
}

Task<Result<HttpReply>> HttpClient::fetch(HttpRequest request, Deadlines deadlines,
                                          CancelToken token, HttpTrace* trace,
                                          std::size_t body_bytes_max) {
  return read_whole(std::make_shared<const HttpRequest>(std::move(request)), deadlines,
                    std::move(token), trace, body_bytes_max);
}

Task<Result<HttpReply>> HttpClient::read_whole(std::shared_ptr<const HttpRequest> request,
                                               Deadlines deadlines, CancelToken token,
                                               HttpTrace* trace, std::size_t body_bytes_max) {
  Result<std::unique_ptr<HttpStream>> opened =
      co_await send(request, deadlines, std::move(token), trace);
  if (!opened) co_return std::unexpected(std::move(opened.error()));
  Stream& stream = static_cast<Stream&>(**opened);  // send() makes no other
  HttpReply reply;
  reply.status = stream.status();
  reply.reason = stream.reason();
  reply.headers = stream.take_headers();
  for (;;) {
    Result<std::string_view> piece = co_await stream.read();
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return reply;
    const bool good = reply.status >= 200 && reply.status < 300;
    if (trace != nullptr && good) trace->body_bytes += piece->size();
    if (reply.body.size() + piece->size() > body_bytes_max) {
      co_return fail(Kind::kTooLarge,
                     fmt::format("{} answered with more than {} bytes",
                                 Url::parse(request->url)->authority(), body_bytes_max));
    }
    if (reply.body.empty()) {
      reply.body = stream.take_piece();
    } else {
      reply.body.append(*piece);
    }
  }
}

}  // namespace sighter::io
