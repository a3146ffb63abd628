// An answer of a path that means nothing here: its bytes go on as they come, and a copy is looked
// through for the usage.

#include <charconv>

#include "io/sse.hpp"
#include "models/router_impl.hpp"

namespace sighter::models {
namespace {

// An answer of a known length up to this one is waited for: it goes on with its length, and may be
// asked for again elsewhere when it breaks.
constexpr std::size_t kWaitedForMax = 1u << 20;
constexpr std::string_view kEvents = "text/event-stream";

// The usage of a reply, or of the response inside an event.
void read_usage(std::string_view text, Exchange& exchange) {
  if (text.find("\"usage\"") == text.npos) return;
  const Result<Json> json = json_parse(text, "answer");
  if (!json || !json->is_object()) return;
  const Json* usage = json->find("usage");
  if (const Json* inner = json->find("response"); usage == nullptr && inner != nullptr)
    usage = inner->find("usage");
  if (usage == nullptr) return;
  if (std::optional<wire::Usage> read = any_usage(*usage)) exchange.usage = std::move(read);
}

// Counts what passes. What it cannot read is not counted, and passes all the same.
class Meter {
 public:
  Meter(Exchange& exchange, std::string_view type)
      : exchange_(exchange),
        events_wanted_(type.starts_with(kEvents)),
        whole_wanted_(type.starts_with("application/json")) {}

  void feed(std::string_view bytes) {
    if (events_wanted_) {
      events_.feed(bytes);
      read_events(false);
    } else if (whole_wanted_) {
      whole_wanted_ = whole_.size() + bytes.size() <= kWaitedForMax;
      if (whole_wanted_) whole_ += bytes;
    }
  }
  void end() {
    if (events_wanted_) read_events(true);
    if (whole_wanted_) read_usage(whole_, exchange_);
  }

 private:
  void read_events(bool ended) {
    for (bool more = true; more && events_wanted_;) {
      Result<std::optional<io::SseEvent>> event = ended ? events_.finish() : events_.next();
      events_wanted_ = event.has_value();
      more = events_wanted_ && event->has_value();
      if (more) read_usage((*event)->data, exchange_);
      if (ended) break;
    }
  }

  Exchange& exchange_;
  bool events_wanted_, whole_wanted_;
  io::SseReader events_;
  std::string whole_;
};

bool is_short(const io::Headers& headers, std::string_view type) {
  const auto length = headers.get("content-length");
  std::size_t bytes = 0;
  if (!length || type.starts_with(kEvents)) return false;
  const char* end = length->data() + length->size();
  return std::from_chars(length->data(), end, bytes).ptr == end && bytes <= kWaitedForMax;
}

}  // namespace

io::Task<std::optional<Trouble>> Router::Impl::pass_on(Call& call, Exchange& exchange,
                                                       io::HttpStream& stream) {
  const std::string type(stream.headers().get("content-type").value_or("application/octet-stream"));
  Meter meter(exchange, type);
  ReplySink& sink = *call.options.sink;
  ReplyBegin known = reply_begin(call, exchange);
  known.relayed = true;
  known.status = exchange.status;
  known.type = type;
  exchange.output = true;
  call.result.begun = call.result.relayed = true;
  Status given = co_await sink.begin(known);
  while (given) {
    Result<std::string_view> bytes = co_await stream.read();
    if (!bytes) {
      Trouble trouble = of_transport(bytes.error().in("the answer broke"), exchange);
      call.result.broken = trouble.error.kind != Kind::kCancelled;
      co_return trouble;
    }
    if (bytes->empty()) break;
    call.result.passed_bytes += bytes->size();
    meter.feed(*bytes);
    given = co_await sink.bytes(*bytes);
  }
  meter.end();
  if (!given) {
    given.error().kind = Kind::kCancelled;
    co_return stop(std::move(given.error()));
  }
  co_return std::nullopt;
}

io::Task<std::optional<Trouble>> Router::Impl::send_passed(Call& call, Exchange& exchange) {
  const io::Deadlines deadlines = deadlines_of(exchange);
  io::CancelToken token = call.options.cancel;
  Result<std::unique_ptr<io::HttpStream>> opened =
      co_await client.open(std::move(exchange.out.http), deadlines, token, &exchange.trace);
  if (!opened) co_return of_transport(std::move(opened.error()), exchange);
  io::HttpStream& stream = **opened;
  exchange.status = stream.status();
  exchange.limits = limits_of(stream.headers(), true);
  const bool good = exchange.status >= 200 && exchange.status < 300;
  const std::string_view type = stream.headers().get("content-type").value_or("");
  if (good && !is_short(stream.headers(), type)) {
    std::optional<Trouble> trouble = co_await pass_on(call, exchange, stream);
    co_return trouble;
  }
  std::optional<Trouble> trouble = co_await whole_of_stream(call, exchange, stream, true);
  co_return trouble;
}

}  // namespace sighter::models
