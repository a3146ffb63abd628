// An answer that comes as a stream: events split, counted, and handed on as they come.

#include <algorithm>

#include "io/event_stream.hpp"
#include "io/sse.hpp"
#include "models/credentials.hpp"
#include "models/router_impl.hpp"
#include "wire/relay.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::models {
namespace {

// How long the upstream has to close its reply after its own end mark.
constexpr auto kEndPatience = std::chrono::seconds(1);
// Of the beginning of a stream that is held: Responses repeat the request's instructions there.
constexpr std::size_t kHeldBytesMax = 256u << 10;

std::size_t output_of(const wire::Delta& delta) {
  if (const auto* text = std::get_if<wire::TextDelta>(&delta)) return text->text.size();
  if (const auto* thought = std::get_if<wire::ThinkingDelta>(&delta)) return thought->text.size();
  if (const auto* piece = std::get_if<wire::ArgumentsDelta>(&delta)) return piece->text.size();
  if (const auto* words = std::get_if<wire::RefusalDelta>(&delta)) return words->text.size();
  if (const auto* start = std::get_if<wire::BlockStart>(&delta)) {
    if (const auto* text = start->block.as<wire::Text>()) return text->text.size();
  }
  return 0;
}

// What is relayed is held back only where that serves a purpose.
bool may_go_elsewhere(const Call& call) {
  const Routing& routing = call.spec->routing;
  return call.spec->routes.size() > 1 || !routing.fallback.empty() || routing.hedge.enabled;
}

// The chunks of legacy Completions are those of Chat, whatever the provider speaks elsewhere.
const wire::Codec& codec_of(const Call& call, const Exchange& exchange) {
  const bool completions = call.request->endpoint == Endpoint::kCompletions;
  return completions ? *wire::codec_of(wire::Dialect::kOpenAiChat) : *exchange.codec;
}

// A whole answer of legacy Completions has the shape of the stream's chunks.
std::string one_event(std::string_view body) {
  std::string out = "data: ";
  for (const char c : body) {
    if (c == '\n') {
      out += "\ndata: ";
    } else if (c != '\r') {  // between members, where only white space can be
      out += c;
    }
  }
  return out + "\n\ndata: [DONE]\n\n";
}

// Reads one stream of one provider into one sink.
class StreamReader {
 public:
  // `framed`: the events come in Amazon's binary messages, else as server-sent ones.
  StreamReader(io::Core& core, Call& call, Exchange& exchange, Attempt& attempt, bool framed)
      : core_(core),
        call_(call),
        exchange_(exchange),
        attempt_(attempt),
        relay_(exchange.out.relay && !framed),
        shown_(relay_ && !may_go_elsewhere(call)),
        decoder_(codec_of(call, exchange).stream_decoder(exchange.quirks)) {
    if (call.options.want_reply || !relay_) builder_.emplace();
    if (framed) frames_.emplace();
  }

  io::Task<std::optional<Trouble>> run(io::HttpStream& stream, io::Alarm& patience) {
    while (!ended_ && !broken_) {
      Result<std::string_view> bytes = co_await stream.read();
      if (!bytes) {
        // What came behind a complete answer, or did not come, is nobody's loss.
        if (complete_) break;
        broken_ = std::move(bytes.error());
        break;
      }
      ended_ = bytes->empty();
      if (complete_) continue;
      take(*bytes);
      Status given = co_await give();
      if (!given) {
        given.error().kind = Kind::kCancelled;
        finish_counting();
        co_return stop(std::move(given.error()));
      }
      if (said_) break;
      if (complete_) patience.set_after(kEndPatience);
    }
    co_return outcome();
  }

 private:
  void take(std::string_view bytes) {
    if (frames_) return take_frames(bytes);
    if (!ended_) events_.feed(bytes);
    const std::size_t whole = out_.size();
    for (bool more = true; more && !broken_ && !complete_ && !said_;) {
      Result<std::optional<io::SseEvent>> event = ended_ ? events_.finish() : events_.next();
      if (!event) {
        broken_ = std::move(event.error());
        return;
      }
      more = event->has_value() && !ended_;
      if (event->has_value()) on_event(**event);
    }
    if (!ended_ || complete_ || said_) return;
    if (!broken_) end_of_events();
    if (complete_ && relay_) call_.result.end_mark = false;
    // Cut inside of its last event: what is left of that would be read as an event all the same.
    if (!complete_) out_.resize(whole);
  }

  void end_of_events() {
    Status end = decoder_->end(fresh_);
    if (!end) {
      broken_ = std::move(end.error());
      return;
    }
    count_fresh();
  }

  void take_frames(std::string_view bytes) {
    frames_->feed(bytes);
    while (!broken_ && !complete_ && !said_) {
      Result<std::optional<io::EventMessage>> message = frames_->next();
      if (!message) {
        broken_ = std::move(message.error());
        return;
      }
      if (!*message) break;
      on_message(**message);
    }
    if (!ended_ || broken_ || complete_ || said_) return;
    Status cut = frames_->finish();
    if (cut) return end_of_events();
    broken_ = std::move(cut.error());
  }

  void on_message(const io::EventMessage& message) {
    const std::string_view type = message.header(":message-type");
    Status fed;
    if (type == "error") {  // it has its words in headers
      std::string said =
          without_secret(std::string(message.header(":error-message")), exchange_.key);
      const Json words = Json::object(
          {{"message", std::move(said)}, {"code", std::string(message.header(":error-code"))}});
      fed = decoder_->feed("error", json_write(words), fresh_);
    } else {
      const bool exception = type == "exception";
      const std::string said =
          exception ? without_secret(std::string(message.payload), exchange_.key) : std::string();
      fed = decoder_->feed(message.header(exception ? ":exception-type" : ":event-type"),
                           exception ? std::string_view(said) : message.payload, fresh_);
    }
    if (!fed) broken_ = std::move(fed.error());
    count_fresh();
  }

  void on_event(io::SseEvent event) {
    const bool more = wire::holds_more_than_content(call_.request->dialect, event.name, event.data);
    std::string data, raw;
    if (more && exchange_.key.size() >= kSecretBytesMin && event.data.contains(exchange_.key)) {
      // An error that repeats the provider's key.
      event.data = data = without_secret(std::string(event.data), exchange_.key);
      event.raw = raw = without_secret(std::string(event.raw), exchange_.key);
    }
    const bool quiet = relay_ && !shown_ && !more &&
                       wire::may_hold_nothing(call_.request->dialect, event.name, event.data);
    if (builder_ || more || quiet) {
      Status fed = builder_ ? decoder_->feed(event.name, event.data, fresh_)
                            : decoder_->feed_relayed(event.name, event.data, fresh_);
      if (!fed) broken_ = std::move(fed.error());
      count_fresh();
    } else {
      output(3);  // about one token
    }
    if (!relay_) return;
    if (!more && !quiet) shown_ = true;
    pass_on(event, more);
  }

  void pass_on(const io::SseEvent& event, bool more) {
    const bool hidden = more && exchange_.out.hide_usage && wire::is_usage_chunk(event.data);
    // An error before anything was shown is no answer: it may be asked for elsewhere.
    const bool nothing = !shown_ || (!call_.result.begun && out_.empty());
    const bool kept = broken_ || (said_ && nothing);
    if (!hidden && !kept) {
      out_.append(event.raw);
      if (ended_) out_ += "\n\n";
      call_.result.error_relayed = said_.has_value();
      if (out_.size() > kHeldBytesMax) shown_ = true;
    }
  }

  void output(std::size_t bytes) {
    if (bytes == 0) return;
    if (!attempt_.first_token)
      attempt_.first_token = std::chrono::duration_cast<std::chrono::microseconds>(
          core_.clock().steady_now() - exchange_.sent);
    exchange_.output = true;
    exchange_.output_bytes += bytes;
  }

  // What the fresh deltas tell about the answer as a whole.
  void count_fresh() {
    // Before the rest: what stands beside a bad end in its event is nothing to show.
    for (std::size_t i = counted_; i < fresh_.size() && !relay_; ++i) {
      const auto* finish = std::get_if<wire::Finish>(&fresh_[i]);
      if (finish != nullptr && finish->reason.kind == wire::FinishReason::Kind::kError)
        failed_ = wire::failure_of(finish->reason);
    }
    for (std::size_t i = counted_; i < fresh_.size(); ++i) {
      wire::Delta& delta = fresh_[i];
      output(output_of(delta));
      if (const auto* usage = std::get_if<wire::UsageDelta>(&delta)) exchange_.usage = usage->usage;
      if (auto* start = std::get_if<wire::StreamStart>(&delta)) {
        if (start->usage) exchange_.usage = start->usage;
        if (start->model.empty()) start->model = exchange_.route->upstream;
      }
      if (const auto* finish = std::get_if<wire::Finish>(&delta); finish && finish->choice == 0)
        call_.result.finish_reason = word_of(finish->reason);
      if (const auto* error = std::get_if<wire::StreamError>(&delta)) said_ = error->error;
      if (std::holds_alternative<wire::End>(delta)) {
        complete_ = !failed_;
        complete_events_ = true;
        if (failed_) said_ = std::move(failed_);
      }
      if (!shown_ && !said_ && !failed_) shown_ = call_.options.sink->shows(delta);
      if (builder_) builder_->add(delta);
    }
    if (relay_) fresh_.clear();
    counted_ = fresh_.size();
  }

  io::Task<Status> give() {
    if (relay_) {
      if (out_.empty() || !shown_) co_return Status{};
      if (!call_.result.begun) {
        Status begun = co_await begin();
        if (!begun) co_return begun;
      }
      ReplySink& sink = *call_.options.sink;
      Status given;
      if (complete_) tell_end(call_, exchange_);
      if (complete_ && !ended_) {
        given = co_await sink.last_bytes(out_);
      } else {
        given = co_await sink.bytes(out_);
      }
      out_.clear();
      co_return given;
    }
    if (said_ || failed_) std::erase_if(fresh_, is_bad_end);
    if (fresh_.empty() || !shown_) co_return Status{};
    if (!call_.result.begun) {
      Status begun = co_await begin();
      if (!begun) co_return begun;
    }
    if (complete_) tell_end(call_, exchange_);
    Status given = co_await call_.options.sink->deltas(fresh_);
    fresh_.clear();
    counted_ = 0;
    co_return given;
  }

  // What the stream is not shown to end with: the error is told by whoever knows that no other
  // route is asked.
  static bool is_bad_end(const wire::Delta& delta) {
    const auto* finish = std::get_if<wire::Finish>(&delta);
    return std::holds_alternative<wire::StreamError>(delta) ||
           std::holds_alternative<wire::End>(delta) ||
           (finish != nullptr && finish->reason.kind == wire::FinishReason::Kind::kError);
  }

  io::Task<Status> begin() {
    ReplyBegin known = reply_begin(call_, exchange_);
    known.relayed = relay_;
    call_.result.begun = true;
    call_.result.relayed = relay_;
    Status begun = co_await call_.options.sink->begin(known);
    co_return begun;
  }

  // An answer that did not come to its end: its provider has counted more than it could say.
  void finish_counting() {
    if (complete_ || !exchange_.usage) return;
    const auto came = static_cast<std::int64_t>(exchange_.output_bytes / 3);
    if (came <= exchange_.usage->output) return;
    exchange_.usage->output = came;
    exchange_.usage->estimated = true;
  }

  std::optional<Trouble> outcome() {
    if (complete_ && !broken_) {
      if (builder_) {
        builder_->end();
        call_.result.reply = builder_->take();
      }
      return std::nullopt;
    }
    finish_counting();
    if (builder_ && call_.result.begun) call_.result.reply = builder_->take();
    std::optional<Trouble> trouble;
    if (said_) {
      trouble = stop(said_->to_error(exchange_.provider->name));
      // What the model itself made a mess of is asked of another one.
      const bool theirs = !complete_events_;
      trouble->retry =
          theirs && (is_transient(trouble->error.kind) || trouble->error.kind == Kind::kUpstream);
      trouble->next_route = true;
      trouble->retry_after = said_->retry_after;
      call_.result.said = std::move(said_);
    } else {
      if (!broken_) broken_ = Error{Kind::kUpstream, "it ended before its end mark", {}};
      const bool ours = broken_->kind == Kind::kCancelled || broken_->kind == Kind::kTimeout;
      if (!ours) broken_->kind = Kind::kUpstream;
      trouble = of_transport(broken_->in("the stream broke"), exchange_);
    }
    if (call_.result.begun && trouble->error.kind != Kind::kCancelled) call_.result.broken = true;
    return trouble;
  }

  io::Core& core_;
  Call& call_;
  Exchange& exchange_;
  Attempt& attempt_;
  const bool relay_;
  bool shown_;  // something came that the client is to see: nothing is held any more
  io::SseReader events_;
  std::optional<io::EventStreamReader> frames_;
  std::unique_ptr<wire::StreamDecoder> decoder_;
  std::optional<wire::ReplyBuilder> builder_;
  std::vector<wire::Delta> fresh_;  // not given to the sink yet
  std::size_t counted_ = 0;         // of these
  std::string out_;                 // relayed: whole events for the sink
  std::optional<Error> broken_;
  Boxed<wire::WireError> said_;    // the provider's own error event
  Boxed<wire::WireError> failed_;  // its finish reason, until its stream ends: usage may follow
  bool complete_ = false;
  bool complete_events_ = false;  // also where the answer failed
  bool ended_ = false;
};

}  // namespace

ReplyBegin reply_begin(Call& call, Exchange& exchange) {
  note_lost(call, exchange);
  ReplyBegin known;
  known.route = exchange.route->name();
  known.attempts = static_cast<int>(call.result.attempts.size()) + 1;
  known.tried = tried_words(call.result.attempts);
  known.dropped = exchange.out.dropped;
  known.approximated = exchange.out.approximated;
  known.limits = exchange.limits;
  return known;
}

io::Task<std::optional<Trouble>> Router::Impl::send_streamed(Call& call, Exchange& exchange,
                                                             Attempt& attempt) {
  const io::Deadlines deadlines = deadlines_of(exchange);
  const io::CancelSource over(call.options.cancel);
  io::Alarm patience(core.timers(),
                     [source = over]() mutable { source.cancel("the answer was complete"); });
  io::CancelToken token = over.token();
  Result<std::unique_ptr<io::HttpStream>> opened =
      co_await client.open(std::move(exchange.out.http), deadlines, token, &exchange.trace);
  if (!opened) co_return of_transport(std::move(opened.error()), exchange);
  io::HttpStream& stream = **opened;
  exchange.status = stream.status();
  exchange.limits = limits_of(stream.headers(), false);
  const bool good = exchange.status >= 200 && exchange.status < 300;
  const std::string_view type = stream.headers().get("content-type").value_or("text/event-stream");
  const bool framed = type.starts_with(io::kEventStreamType);
  if (good && (framed || type.starts_with("text/event-stream"))) {
    StreamReader reader(core, call, exchange, attempt, framed);
    std::optional<Trouble> trouble = co_await reader.run(stream, patience);
    co_return trouble;
  }
  // A server that does not stream answers with a whole reply.
  std::optional<Trouble> trouble = co_await whole_of_stream(call, exchange, stream, false);
  const bool completion = call.request->endpoint == Endpoint::kCompletions;
  if (trouble || !(completion || call.result.reply)) co_return trouble;
  ReplyBegin known = reply_begin(call, exchange);
  known.relayed = completion;
  call.result.begun = true;
  Status given = co_await call.options.sink->begin(known);
  if (given) tell_end(call, exchange);
  if (given && completion) {
    const std::string events = one_event(call.result.raw);
    given = co_await call.options.sink->bytes(events);
  } else if (given) {
    std::vector<wire::Delta> deltas = wire::deltas_of(*call.result.reply);
    given = co_await call.options.sink->deltas(deltas);
  }
  if (!given) {
    given.error().kind = Kind::kCancelled;
    co_return stop(std::move(given.error()));
  }
  co_return std::nullopt;
}

}  // namespace sighter::models
