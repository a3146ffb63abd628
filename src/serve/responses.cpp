// The door of OpenAI Responses, over any upstream: what a response goes on from is kept here, and
// the end of a reply is given only once it can be found again.

#include <charconv>

#include "base/log.hpp"
#include "io/sse.hpp"
#include "serve/conversation.hpp"
#include "serve/disk_wait.hpp"
#include "serve/handlers.hpp"
#include "serve/stream.hpp"
#include "wire/openai_responses.hpp"
#include "wire/openai_responses_state.hpp"
#include "wire/reply_builder.hpp"

namespace sighter::serve {
namespace {

namespace state = wire::openai_responses;

constexpr std::chrono::hours kKept{30 * 24};  // as long as OpenAI keeps a response
constexpr int kTruncationsMax = 6;            // each halves the conversation

// Passes a stream on and keeps its end back, until the response is stored.
class HeldStream final : public models::ReplySink {
 public:
  HeldStream(ClientStream& stream, std::string id) : stream_(stream), id_(std::move(id)) {}

  io::Task<Status> begin(const models::ReplyBegin& begin) override {
    Status begun = co_await stream_.begin(begin);
    co_return begun;
  }

  io::Task<Status> bytes(std::string_view events) override {
    // Whole events come; the one that ends the response, and what follows it, wait.
    const std::size_t end = held_bytes_.empty() ? end_event(events) : 0;
    held_bytes_ += events.substr(end);
    const std::string_view now = events.substr(0, end);
    if (now.empty()) co_return Status{};
    next_number_ = state::number_after(now).value_or(next_number_);
    Status written = co_await stream_.bytes(now);
    co_return written;
  }

  io::Task<Status> deltas(std::vector<wire::Delta>& deltas) override {
    for (wire::Delta& delta : deltas) {
      wire::StreamStart* start = std::get_if<wire::StreamStart>(&delta);
      if (start != nullptr && start->dialect != wire::Dialect::kOpenAiResponses) start->id = id_;
      builder_.add(delta);
    }
    if (!deltas.empty() && std::holds_alternative<wire::End>(deltas.back())) {
      deltas.pop_back();
      held_end_ = true;
    }
    Status written = co_await stream_.deltas(deltas);
    co_return written;
  }

  // What the stream said, as a response; null where it did not come to its end.
  Json response(const wire::EncodeOptions& options) const {
    if (held_end_) {
      const wire::Encoded encoded = state::encode_reply(builder_.reply(), options);
      Result<Json> json = json_parse(encoded.body);
      return json ? std::move(*json) : Json();
    }
    std::optional<Json> found = ended_by(held_bytes_);
    return found ? std::move(*found) : Json();
  }

  // The stream was cut: said in the dialect's own event, with the number that comes next.
  io::Task<Status> broke(wire::WireError error, bool relayed) {
    Status written;
    if (relayed) {
      const std::string event = state::error_event(error, next_number_);
      written = co_await stream_.bytes(event);
    } else {
      std::vector<wire::Delta> last;
      last.emplace_back(wire::StreamError{std::move(error)});
      written = co_await stream_.deltas(last);
    }
    co_return written;
  }

  io::Task<Status> release() {
    Status written;
    if (held_end_) {
      std::vector<wire::Delta> last;
      last.emplace_back(wire::End{});
      written = co_await stream_.deltas(last);
    } else if (!held_bytes_.empty()) {
      written = co_await stream_.bytes(held_bytes_);
    }
    co_return written;
  }

 private:
  // Where the last event of a response begins; the size where none does.
  static std::size_t end_event(std::string_view events) {
    std::size_t at = 0;
    while (at < events.size()) {
      std::size_t end = std::min(events.find("\n\n", at), events.find("\n\r\n", at));
      end = end == events.npos ? events.size() : events.find('\n', end + 1) + 1;
      if (ended_by(events.substr(at, end - at))) return at;
      at = end;
    }
    return events.size();
  }

  // The response that this event ends; nullopt where it is another event.
  static std::optional<Json> ended_by(std::string_view event) {
    if (event.find("response.completed") == event.npos &&
        event.find("response.incomplete") == event.npos)
      return std::nullopt;
    io::SseReader reader;
    reader.feed(event);
    Result<std::optional<io::SseEvent>> one = reader.next();
    if (!one || !*one) return std::nullopt;
    return state::final_response((*one)->name, (*one)->data);
  }

  ClientStream& stream_;
  const std::string id_;
  wire::ReplyBuilder builder_;
  std::string held_bytes_;
  bool held_end_ = false;
  std::int64_t next_number_ = 0;
};

struct Asked {
  std::string body;  // says everything itself
  std::string model;
  std::string previous;  // the response it goes on from; empty: none
  bool keep = true;
  bool truncate = false;
  Id trace{};           // of the first asking, once there was one
  std::size_t cut = 0;  // items of the conversation that truncation has left out
};

std::size_t items_in(const Json& body) {
  const Json* input = body.find("input");
  return input != nullptr && input->is_array() ? input->as_array().size() : 0;
}

io::Task<Result<std::optional<store::ResponseRow>>> find_response(Exchange& exchange,
                                                                  std::string id) {
  store::Store* store = exchange.door.shared.store();
  if (store == nullptr) co_return std::optional<store::ResponseRow>();
  auto look = [store, wanted = std::move(id)]() -> Result<std::optional<store::ResponseRow>> {
    return store->response(wanted);
  };
  auto row = co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  co_return row;
}

// Items of our own that the input refers to are put in their places. The upstream knows none of
// them.
io::Task<Status> resolve_items(Exchange& exchange, JsonBody& body) {
  store::Store* store = exchange.door.shared.store();
  Result<Json> json = json_parse(body.text, "request");
  if (!json) co_return std::unexpected(std::move(json.error()));
  if (store == nullptr) co_return Status{};
  Result<std::optional<std::string>> previous =
      body.envelope.string(body.text, "previous_response_id");
  const std::string before = previous ? previous->value_or("") : std::string();
  auto look = [store, asked = std::move(*json), before]() mutable -> Result<Json> {
    std::vector<std::string> ids = state::referenced_responses(asked);
    if (!before.empty()) ids.insert(ids.begin(), before);
    for (const std::string& id : ids) {
      const Result<std::optional<store::ResponseRow>> row = store->response(id);
      if (!row) return std::unexpected(row.error());
      if (!*row) continue;
      Status resolved = state::resolve_references(asked, id, (*row)->items, id == before);
      if (!resolved) return std::unexpected(std::move(resolved.error()));
    }
    return std::move(asked);
  };
  Result<Json> resolved = co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  if (!resolved) co_return std::unexpected(std::move(resolved.error()));
  body.text = json_write(*resolved);
  Result<wire::Envelope> envelope = wire::Envelope::scan(body.text);
  if (!envelope) co_return std::unexpected(std::move(envelope.error()));
  body.envelope = std::move(*envelope);
  co_return Status{};
}

// Reads what concerns the door, and puts what was said before in front. nullopt: it has answered.
io::Task<std::optional<Asked>> read_asked(Exchange& exchange, JsonBody body) {
  Asked asked;
  const auto text = [&](std::string_view name) -> std::string {
    Result<std::optional<std::string>> value = body.envelope.string(body.text, name);
    return value && *value ? std::move(**value) : std::string();
  };
  const auto flag = [&](std::string_view name) -> std::optional<bool> {
    Result<std::optional<bool>> value = body.envelope.boolean(body.text, name);
    return value ? *value : std::nullopt;
  };
  asked.model = text("model");
  asked.previous = text("previous_response_id");
  asked.truncate = text("truncation") == "auto";
  // Whatever is recorded of calls: the client asked for it, or can say store: false.
  asked.keep = flag("store").value_or(true) && exchange.door.shared.store() != nullptr;
  if (Status good = check_model_name(asked.model); !good) {
    co_await send_error(exchange, std::move(good.error()));
    co_return std::nullopt;
  }
  if (flag("background").value_or(false)) {
    Error refused{
        Kind::kInvalid, "background: true is not supported; ask without it, or streamed", {}};
    co_await send_error(exchange, std::move(refused));
    co_return std::nullopt;
  }
  if (body.text.find("\"item_reference\"") != body.text.npos) {
    Status resolved = co_await resolve_items(exchange, body);
    if (!resolved) {
      co_await send_error(exchange, std::move(resolved.error()));
      co_return std::nullopt;
    }
  }
  if (asked.previous.empty()) {
    asked.body = std::move(body.text);
    co_return asked;
  }
  std::string id = asked.previous;
  auto row = co_await find_response(exchange, std::move(id));
  if (!row) {
    co_await send_error(exchange, std::move(row.error()));
    co_return std::nullopt;
  }
  if (!*row) {
    std::string words = state::previous_not_found(asked.previous);
    co_await send_json(exchange, 400, std::move(words));
    co_return std::nullopt;
  }
  Result<Json> json = json_parse(body.text, "request");
  Result<Json> whole =
      json ? state::continued(std::move(*json), (*row)->items) : std::unexpected(json.error());
  if (!whole) {
    co_await send_error(exchange, std::move(whole.error()));
    co_return std::nullopt;
  }
  asked.body = json_write(*whole);
  co_return asked;
}

Result<models::ClientRequest> request_of(const Exchange& exchange, const Asked& asked) {
  Result<wire::Envelope> envelope = wire::Envelope::scan(asked.body);
  if (!envelope) return std::unexpected(envelope.error());
  JsonBody body{asked.body, std::move(*envelope)};
  Result<models::ClientRequest> request =
      client_request(exchange, std::move(body), wire::Dialect::kOpenAiResponses);
  if (!request) return request;
  if (Status decoded = request->decode_chat(); !decoded) return std::unexpected(decoded.error());
  state::take_over(*request->chat, asked.previous);
  return request;
}

// So that whoever has its end can look it up, also when the process ends right after it: returns
// once the row is on the disk, or when that takes too long. Not storing it is no error of the
// request.
io::Task<void> store_response(Exchange& exchange, const Asked& asked, Id call,
                              const Json& response) {
  const std::string* id = response.find_string("id");
  if (!asked.keep || id == nullptr || id->empty()) co_return;
  Result<Json> body = json_parse(asked.body);
  if (!body) co_return;
  store::ResponseRow row;
  row.id = *id;
  // A call that is not recorded is no row that this one could belong to.
  if (exchange.door.settings.record != functions::RecordLevel::kNone) row.call = call;
  row.previous = asked.previous;
  row.created = exchange.door.clock.system_now();
  row.expires = row.created + kKept;
  row.items = state::items_of_exchange(*body, response);
  Json shown = response;
  state::set_identity(shown, row.id, asked.previous);
  row.body = json_write(shown);
  store::Batch batch;
  batch.responses.push_back(std::move(row));
  store::Store& store = *exchange.door.shared.store();
  DiskWait disk(exchange.core());
  const Status kept =
      store.append(std::move(batch), store::Durability::kRelaxed, disk.completion());
  if (!kept) {
    exchange.door.log.warning("serve", "a response is not kept: " + kept.error().what);
    co_return;
  }
  const std::optional<Result<store::Receipt>> receipt = co_await disk.wait(store);
  if (receipt && !*receipt)
    exchange.door.log.warning("serve", "a response is not kept: " + receipt->error().what);
}

wire::EncodeOptions encode_options(const Exchange& exchange, const models::ClientRequest& request) {
  wire::EncodeOptions options;
  options.now_s = std::chrono::floor<std::chrono::seconds>(exchange.door.clock.system_now())
                      .time_since_epoch()
                      .count();
  if (request.chat) options.request = &*request.chat;
  return options;
}

io::Task<void> send_whole(Exchange& exchange, const Asked& asked, functions::Answered answered,
                          std::string encoded) {
  models::ClientResult& result = answered.result;
  std::string body = std::move(encoded);
  Json response;
  if (result.relayed) {
    body = std::move(result.raw);
    if (Result<Json> json = json_parse(body)) response = std::move(*json);
    Result<wire::Envelope> envelope = wire::Envelope::scan(body);
    if (envelope && !asked.previous.empty()) {
      std::vector<wire::Envelope::Edit> edits;
      edits.push_back({"previous_response_id", json_quote(asked.previous)});
      body = envelope->edited(body, edits);
    }
  } else if (result.reply) {
    if (Result<Json> json = json_parse(body)) response = std::move(*json);
  }
  co_await store_response(exchange, asked, answered.call, response);
  add_call_headers(exchange.headers, answered.call, result);
  if (result.cost)
    exchange.headers.add("x-sighter-cost-usd", fmt::format("{}", result.cost->usd()));
  co_await send_json(exchange, 200, std::move(body));
}

void count(Exchange& exchange, const models::ClientResult& result) {
  Metrics& metrics = exchange.door.metrics;
  if (result.usage) metrics.add_usage(*result.usage);
  if (result.cost) metrics.add_cost(*result.cost);
  if (!result.attempts.empty() && result.attempts.back().first_token)
    metrics.add_first_token(*result.attempts.back().first_token);
}

// The error of a stream whose headers have gone.
io::Task<void> tell_broken(ClientStream& stream, HeldStream& held,
                           const models::ClientResult& result) {
  const std::string late = stream.told_late(result);
  Status written;
  if (!late.empty()) written = co_await stream.bytes(late);
  wire::WireError error = wire_error_of(result);
  const bool as_bytes = result.relayed || !result.begun;
  if (written) written = co_await held.broke(std::move(error), as_bytes);
  (void)written;  // a client that has gone
}

// One asking. False: the conversation is longer than the model takes, and nothing was answered.
io::Task<bool> ask(Exchange& exchange, Asked& asked, bool last) {
  Result<models::ClientRequest> request = request_of(exchange, asked);
  if (!request) {
    co_await send_error(exchange, std::move(request.error()));
    co_return true;
  }
  functions::AnswerOptions options;
  options.call = exchange.door.shared.next_id();
  if (asked.trace.is_nil()) asked.trace = options.call;
  options.trace = asked.trace;
  options.cancel = exchange.request.gone();
  options.record = exchange.door.settings.record;
  if (!exchange.door.key.empty()) options.key = "serve";
  if (asked.cut > 0) exchange.headers.set("x-sighter-truncated", std::to_string(asked.cut));
  const std::string id = "resp_" + options.call.to_string();
  std::optional<ClientStream> stream;
  std::optional<HeldStream> held;
  if (request->stream) {
    stream.emplace(exchange, *request, options.call);
    options.sink = &held.emplace(*stream, id);
  }
  std::string model = asked.model;
  std::string encoded;
  // Before the row is made, so that it tells what the reply lost too.
  options.on_answer = [&](models::ClientResult& answer) {
    if (stream) {
      stream->add_lost(answer);
    } else if (answer.reply && !answer.relayed && !answer.error) {
      if (answer.reply->dialect != wire::Dialect::kOpenAiResponses) answer.reply->id = id;
      wire::Encoded body = state::encode_reply(*answer.reply, encode_options(exchange, *request));
      add_losses(answer, body);
      encoded = std::move(body.body);
    }
  };
  functions::Answered answered =
      co_await exchange.engine.answer(*request, std::move(model), std::move(options));
  const models::ClientResult& result = answered.result;
  count(exchange, result);
  if (stream) {
    const bool tell = result.error && exchange.responder.started() && !result.error_relayed &&
                      result.error->kind != Kind::kCancelled;
    if (tell) {
      co_await tell_broken(*stream, *held, result);
      answered.result.error_relayed = true;
    }
    if (!result.error) {
      const wire::EncodeOptions encode = encode_options(exchange, *request);
      const Json response = held->response(encode);
      co_await store_response(exchange, asked, answered.call, response);
      Status released = co_await held->release();
      (void)released;  // a client that has gone
    }
    co_await stream->close(result);
  }
  if (exchange.responder.started()) co_return true;
  if (result.error) {
    if (!last && result.error->kind == Kind::kTooLarge) co_return false;
    add_call_headers(exchange.headers, answered.call, result);
    co_await send_failure(exchange, result);
    co_return true;
  }
  co_await send_whole(exchange, asked, std::move(answered), std::move(encoded));
  co_return true;
}

// "?stream=true&starting_after=N": a stored response as events again.
struct Replay {
  bool stream = false;
  std::int64_t after = -1;
};

Result<Replay> replay_of(const Exchange& exchange) {
  const std::string query(exchange.request.query());
  Replay replay;
  const std::optional<std::string> stream = query_value(query, "stream");
  if (stream && *stream != "true" && *stream != "false")
    return fail(Kind::kInvalid, "stream: must be true or false");
  replay.stream = stream == "true";
  if (const auto after = query_value(query, "starting_after")) {
    const char* end = after->data() + after->size();
    const auto read = std::from_chars(after->data(), end, replay.after);
    if (read.ec != std::errc() || read.ptr != end || replay.after < 0)
      return fail(Kind::kInvalid, "starting_after: must be the number of an event");
    if (!replay.stream) return fail(Kind::kInvalid, "starting_after: is for stream=true");
  }
  return replay;
}

Result<std::string> events_of(const Exchange& exchange, const std::string& body,
                              const Replay& replay) {
  Result<Json> json = json_parse(body, "the stored response");
  if (!json) return std::unexpected(std::move(json.error()));
  const std::int64_t now_s =
      std::chrono::floor<std::chrono::seconds>(exchange.door.clock.system_now())
          .time_since_epoch()
          .count();
  return state::events_of(std::move(*json), replay.after, now_s);
}

}  // namespace

io::Task<void> answer_responses(Exchange& exchange) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  if (!body) {
    co_await send_error(exchange, std::move(body.error()));
    co_return;
  }
  std::optional<Asked> asked = co_await read_asked(exchange, std::move(*body));
  if (!asked) co_return;
  for (int i = 0;; ++i) {
    Json shorter;
    bool can = false;
    std::size_t before = 0;
    if (asked->truncate && i < kTruncationsMax) {
      if (Result<Json> json = json_parse(asked->body)) shorter = std::move(*json);
      before = items_in(shorter);
      can = state::truncate_turns(shorter);
    }
    const bool last = !can;
    const bool done = co_await ask(exchange, *asked, last);
    if (done) co_return;
    asked->cut += before - std::min(before, items_in(shorter));
    asked->body = json_write(shorter);
  }
}

io::Task<void> show_response(Exchange& exchange) {
  std::string id = exchange.path_value;
  auto row = co_await find_response(exchange, std::move(id));
  if (!row) {
    co_await send_error(exchange, std::move(row.error()));
    co_return;
  }
  std::string body =
      *row ? std::move((*row)->body) : state::response_not_found(exchange.path_value);
  const int status = *row ? 200 : 404;
  Result<Replay> replay = replay_of(exchange);
  if (!replay) {
    co_await send_error(exchange, std::move(replay.error()));
    co_return;
  }
  if (!*row || !replay->stream) {
    co_await send_json(exchange, status, std::move(body));
    co_return;
  }
  Result<std::string> events = events_of(exchange, body, *replay);
  if (!events) {
    co_await send_error(exchange, std::move(events.error()));
    co_return;
  }
  std::string type = "text/event-stream";
  co_await send_text(exchange, 200, std::move(type), std::move(*events));
}

io::Task<void> list_input_items(Exchange& exchange) {
  std::string id = exchange.path_value;
  auto row = co_await find_response(exchange, std::move(id));
  if (!row) {
    co_await send_error(exchange, std::move(row.error()));
    co_return;
  }
  if (!*row) {
    std::string body = state::response_not_found(exchange.path_value);
    co_await send_json(exchange, 404, std::move(body));
    co_return;
  }
  state::Page page;
  const std::string query(exchange.request.query());
  if (const auto limit = query_value(query, "limit")) {
    const char* end = limit->data() + limit->size();
    const auto read = std::from_chars(limit->data(), end, page.limit);
    if (read.ec != std::errc() || read.ptr != end) page.limit = 0;  // refused by its range
  }
  const std::string order = query_value(query, "order").value_or("desc");
  page.descending = order == "desc";
  if (auto after = query_value(query, "after")) page.after = std::move(*after);
  if (auto before = query_value(query, "before")) page.before = std::move(*before);
  Result<std::string> items =
      order == "asc" || order == "desc"
          ? state::input_items(exchange.path_value, (*row)->items, page)
          : Result<std::string>(fail(Kind::kInvalid, "order: must be asc or desc"));
  if (!items) {
    co_await send_error(exchange, std::move(items.error()));
    co_return;
  }
  co_await send_json(exchange, 200, std::move(*items));
}

io::Task<void> delete_response(Exchange& exchange) {
  store::Store* store = exchange.door.shared.store();
  std::string id = exchange.path_value;
  auto row = co_await find_response(exchange, std::move(id));
  if (!row) {
    co_await send_error(exchange, std::move(row.error()));
    co_return;
  }
  const bool found = row->has_value();
  if (found) {
    // From here on nobody finds it; that the disk has heard of it is waited for, but not long.
    DiskWait disk(exchange.core());
    Status removed = store->remove_response(exchange.path_value, disk.completion());
    std::optional<Result<store::Receipt>> receipt;
    if (removed) receipt = co_await disk.wait(*store);
    if (receipt && !*receipt) removed = std::unexpected(receipt->error());
    if (!removed) {
      co_await send_error(exchange, std::move(removed.error()));
      co_return;
    }
  }
  std::string body = found ? state::deleted_body(exchange.path_value)
                           : state::response_not_found(exchange.path_value);
  const int status = found ? 200 : 404;
  co_await send_json(exchange, status, std::move(body));
}

}  // namespace sighter::serve
