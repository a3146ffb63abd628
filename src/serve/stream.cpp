#include "serve/stream.hpp"

#include "io/sse.hpp"

namespace sighter::serve {
namespace {

// Between comments to a client that waits: below what the usual proxies call dead.
constexpr auto kKeepAliveInterval = std::chrono::seconds(15);

}  // namespace

ClientStream::ClientStream(Exchange& exchange, models::ClientRequest& request, Id call)
    : exchange_(exchange),
      request_(request),
      call_(call),
      writing_(exchange.core(), 1),
      scope_(exchange.core()) {}

ClientStream::~ClientStream() = default;

io::Task<Status> ClientStream::begin(const models::ReplyBegin& begin) {
  exchange_.status = 200;
  io::Headers headers = exchange_.headers;
  headers.add("Content-Type", "text/event-stream; charset=utf-8");
  headers.add("Cache-Control", "no-cache");
  headers.add("X-Accel-Buffering", "no");
  add_call_headers(headers, call_, begin.route, static_cast<std::size_t>(begin.attempts),
                   begin.dropped, begin.approximated, begin.limits);
  if (!begin.relayed) {
    if (!request_.chat) {
      Status decoded = request_.decode_chat();
      if (!decoded) co_return decoded;
    }
    wire::EncodeOptions options;
    options.now_s = std::chrono::floor<std::chrono::seconds>(exchange_.door.clock.system_now())
                        .time_since_epoch()
                        .count();
    encoder_ = wire::codec_of(request_.dialect)->stream_encoder(*request_.chat, options);
  }
  Status started = exchange_.responder.start(200, std::move(headers));
  if (!started) co_return started;
  last_ = exchange_.core().clock().steady_now();
  io::spawn(scope_, "keep alive", keep_alive(this));
  co_return Status{};
}

io::Task<Status> ClientStream::write(std::string bytes) {
  Result<io::Permit> permit = co_await writing_.acquire();
  if (!permit) co_return std::unexpected(std::move(permit.error()));
  last_ = exchange_.core().clock().steady_now();
  Status written = co_await exchange_.responder.write(std::move(bytes));
  co_return written;
}

io::Task<Status> ClientStream::bytes(std::string_view events) {
  std::string piece(events);
  Status written = co_await write(std::move(piece));
  co_return written;
}

io::Task<Status> ClientStream::deltas(std::vector<wire::Delta>& deltas) {
  std::string piece;
  for (const wire::Delta& delta : deltas) encoder_->write(delta, piece);
  if (piece.empty()) co_return Status{};
  Status written = co_await write(std::move(piece));
  co_return written;
}

io::Task<void> ClientStream::keep_alive(ClientStream* self) {
  io::Core& core = self->exchange_.core();
  const io::CancelToken over = self->over_.token();
  for (;;) {
    const SteadyTime when = self->last_ + kKeepAliveInterval;
    Status slept = co_await core.timers().sleep_until(when, over);
    if (!slept) co_return;
    if (core.clock().steady_now() - self->last_ < kKeepAliveInterval) continue;
    std::string comment = io::sse_comment("still waiting");
    Status written = co_await self->write(std::move(comment));
    if (!written) co_return;
  }
}

io::Task<void> ClientStream::close(const models::ClientResult& result) {
  over_.cancel("the stream is over");
  co_await scope_.join();
  if (!exchange_.responder.started()) co_return;
  std::string last;
  if (result.error) {
    exchange_.door.metrics.broken_stream();
    if (!result.error_relayed && result.error->kind != Kind::kCancelled) {
      last = error_event(request_.dialect, wire_error_of(result));
    }
  } else if (result.relayed && !result.end_mark && request_.dialect == wire::Dialect::kOpenAiChat) {
    last = "data: [DONE]\n\n";
  }
  if (!last.empty()) {
    Status written = co_await exchange_.responder.write(std::move(last));
    if (!written) co_return;
  }
  Status finished = co_await exchange_.responder.finish();
  (void)finished;
}

}  // namespace sighter::serve
