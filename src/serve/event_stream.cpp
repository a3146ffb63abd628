#include "serve/event_stream.hpp"

#include "io/sse.hpp"

namespace sighter::serve {
EventStream::EventStream(Exchange& exchange)
    : exchange_(exchange), quiet_(exchange.core().timers(), [this] { on_quiet(); }) {}

EventStream::~EventStream() = default;

void EventStream::expect() {
  quiet_.set_after(exchange_.door.settings.keep_alive);
}

Status EventStream::begin() {
  if (begun_) return {};
  exchange_.status = 200;
  io::Headers headers = exchange_.headers;
  headers.add("Content-Type", "text/event-stream; charset=utf-8");
  headers.add("Cache-Control", "no-cache");
  headers.add("X-Accel-Buffering", "no");
  if (Status started = exchange_.responder.start(200, std::move(headers)); !started) return started;
  begun_ = true;
  quiet_.set_after(exchange_.door.settings.keep_alive);
  return {};
}

io::Task<Status> EventStream::write(std::string events) {
  if (comments_) co_await comments_->join();
  writing_ = true;
  Status written = co_await exchange_.responder.write(std::move(events));
  writing_ = false;
  quiet_.set_after(exchange_.door.settings.keep_alive);
  co_return written;
}

io::Task<Status> EventStream::write_last(std::string events) {
  quiet_.clear();
  if (comments_) co_await comments_->join();
  finished_ = true;
  Status written = co_await exchange_.responder.finish(std::move(events));
  co_return written;
}

// Nothing was said for a while. An event that the client is slow to take is sign enough.
void EventStream::on_quiet() {
  quiet_.set_after(exchange_.door.settings.keep_alive);
  if (writing_) return;
  if (!begun_ && !begin()) {
    quiet_.clear();
    return;
  }
  if (!comments_) comments_.emplace(exchange_.core());
  if (comments_->running() == 0) io::spawn(*comments_, "keep alive", comment(this));
}

io::Task<void> EventStream::comment(EventStream* self) {
  std::string text = io::sse_comment("still waiting");
  Status written = co_await self->exchange_.responder.write(std::move(text));
  if (!written) self->quiet_.clear();
}

io::Task<void> EventStream::close() {
  quiet_.clear();
  if (comments_) co_await comments_->join();
  if (!begun_ || finished_) co_return;
  Status finished = co_await exchange_.responder.finish();
  (void)finished;  // a client that has gone
}

}  // namespace sighter::serve
