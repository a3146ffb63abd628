#include "serve/stream.hpp"

#include <algorithm>

#include "io/sse.hpp"

namespace sighter::serve {

std::string as_comments(const io::Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers.fields())
    out += io::sse_comment(fmt::format("{}: {}", name, value));
  return out;
}

std::string as_comments(const wire::LostNames& lost) {
  std::string out;
  if (!lost.dropped().empty()) out += io::sse_comment("sighter dropped " + joined(lost.dropped()));
  if (!lost.approximated().empty())
    out += io::sse_comment("sighter approximated " + joined(lost.approximated()));
  return out;
}

ClientStream::ClientStream(Exchange& exchange, models::ClientRequest& request, Id call)
    : exchange_(exchange), request_(request), call_(call), events_(exchange) {
  events_.expect();
}

ClientStream::~ClientStream() = default;

io::Task<Status> ClientStream::begin(const models::ReplyBegin& begin) {
  const bool waited = events_.begun();  // its headers have gone
  io::Headers late;
  add_call_headers(waited ? late : exchange_.headers, call_, begin);
  told_ = true;
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
  if (!waited) co_return events_.begin();
  std::string told = as_comments(late);
  Status written = co_await events_.write(std::move(told));
  co_return written;
}

io::Task<Status> ClientStream::bytes(std::string_view events) {
  return events_.write(std::string(events));
}

// Where nothing is recorded, nobody can ask for the call's row: the client is told the end with the
// last bytes, and not when the upstream has closed its own.
io::Task<Status> ClientStream::last_bytes(std::string_view events) {
  if (exchange_.door.settings.record != functions::RecordLevel::kNone) return bytes(events);
  return events_.write_last(std::string(events));
}

void ClientStream::add_lost(models::ClientResult& result) const {
  if (!encoder_) return;
  add_names(result.dropped, encoder_->dropped());
  add_names(result.approximated, encoder_->approximated());
}

std::string ClientStream::told_late(const models::ClientResult& result) {
  if (told_ || !events_.begun()) return {};
  told_ = true;
  io::Headers late;
  add_call_headers(late, call_, result);
  return as_comments(late);
}

io::Task<Status> ClientStream::deltas(std::vector<wire::Delta>& deltas) {
  std::string piece;
  for (wire::Delta& delta : deltas) {
    wire::StreamStart* start = std::get_if<wire::StreamStart>(&delta);
    if (start != nullptr && start->id.empty()) start->id = made_id(request_.dialect, call_);
  }
  for (const wire::Delta& delta : deltas) encoder_->write(delta, piece);
  if (piece.empty()) co_return Status{};
  Status written = co_await events_.write(std::move(piece));
  co_return written;
}

io::Task<void> ClientStream::close(const models::ClientResult& result) {
  std::string last;
  if (!events_.begun()) {
    // Nothing was said: the error is a reply of its own.
  } else if (result.error) {
    exchange_.door.metrics.broken_stream();
    if (!result.error_relayed && result.error->kind != Kind::kCancelled) {
      last = told_late(result) + error_event(request_.dialect, wire_error_of(result));
    }
  } else if (result.relayed && !result.end_mark && request_.dialect == wire::Dialect::kOpenAiChat) {
    last = "data: [DONE]\n\n";
  } else if (encoder_) {
    // No header can say it any more; readers of events skip comments.
    last = as_comments(*encoder_);
  }
  if (!last.empty()) {
    Status written = co_await events_.write(std::move(last));
    (void)written;  // a client that has gone
  }
  co_await events_.close();
}

io::Task<Status> PassedStream::begin(const models::ReplyBegin& begin) {
  exchange_.status = begin.status;
  io::Headers headers = exchange_.headers;
  headers.add("Content-Type", begin.type);
  add_call_headers(headers, call_, begin);
  co_return exchange_.responder.start(begin.status, std::move(headers));
}

io::Task<Status> PassedStream::bytes(std::string_view bytes) {
  std::string piece(bytes);
  Status written = co_await exchange_.responder.write(std::move(piece));
  co_return written;
}

io::Task<Status> PassedStream::deltas(std::vector<wire::Delta>& deltas) {
  deltas.clear();
  co_return Status{};
}

io::Task<void> PassedStream::close(const models::ClientResult& result) {
  if (!exchange_.responder.started()) co_return;
  if (result.error) {
    exchange_.door.metrics.broken_stream();
    exchange_.responder.abort();
    co_return;
  }
  Status finished = co_await exchange_.responder.finish();
  (void)finished;  // a client that has gone
}

}  // namespace sighter::serve
