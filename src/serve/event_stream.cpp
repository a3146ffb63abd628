#include "serve/event_stream.hpp"

#include "io/sse.hpp"

namespace sighter::serve {
EventStream::EventStream(Exchange& exchange)
    : exchange_(exchange), writing_(exchange.core(), 1), scope_(exchange.core()) {}

EventStream::~EventStream() = default;

Status EventStream::begin() {
  exchange_.status = 200;
  io::Headers headers = exchange_.headers;
  headers.add("Content-Type", "text/event-stream; charset=utf-8");
  headers.add("Cache-Control", "no-cache");
  headers.add("X-Accel-Buffering", "no");
  if (Status started = exchange_.responder.start(200, std::move(headers)); !started) return started;
  begun_ = true;
  last_ = exchange_.core().clock().steady_now();
  io::spawn(scope_, "keep alive", keep_alive(this));
  return {};
}

io::Task<Status> EventStream::write(std::string events) {
  Result<io::Permit> permit = co_await writing_.acquire();
  if (!permit) co_return std::unexpected(std::move(permit.error()));
  last_ = exchange_.core().clock().steady_now();
  Status written = co_await exchange_.responder.write(std::move(events));
  co_return written;
}

io::Task<void> EventStream::keep_alive(EventStream* self) {
  io::Core& core = self->exchange_.core();
  const io::CancelToken over = self->over_.token();
  const io::Duration interval = self->exchange_.door.settings.keep_alive;
  for (;;) {
    const SteadyTime when = self->last_ + interval;
    Status slept = co_await core.timers().sleep_until(when, over);
    if (!slept) co_return;
    if (core.clock().steady_now() - self->last_ < interval) continue;
    std::string comment = io::sse_comment("still waiting");
    Status written = co_await self->write(std::move(comment));
    if (!written) co_return;
  }
}

io::Task<void> EventStream::close() {
  over_.cancel("the stream is over");
  co_await scope_.join();
  if (!begun_) co_return;
  Status finished = co_await exchange_.responder.finish();
  (void)finished;  // a client that has gone
}

}  // namespace sighter::serve
