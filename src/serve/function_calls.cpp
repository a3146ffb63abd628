// The project's own functions: one input, rows, a stream, or only a look at what would be sent.

#include <algorithm>

#include "io/scope.hpp"
#include "io/sse.hpp"
#include "serve/event_stream.hpp"
#include "serve/function_request.hpp"
#include "serve/handlers.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kRowsAtATime = 16;

void count(Exchange& exchange, const functions::ApplyResult& applied) {
  Metrics& metrics = exchange.door.metrics;
  const std::optional<NanoUsd>& cost = applied ? applied->cost : applied.error().cost;
  if (cost) metrics.add_cost(*cost);
  if (!applied) return;
  if (applied->usage) metrics.add_usage(*applied->usage);
  if (applied->first_token) metrics.add_first_token(*applied->first_token);
}

// Takes rows from the list until none is left; several of these run side by side.
io::Task<void> work_off(Exchange* exchange, const FunctionRequest* asked, std::size_t* next,
                        std::vector<Json>* results) {
  const io::CancelToken gone = exchange->request.gone();
  while (*next < asked->inputs.size() && !gone.cancelled()) {
    const std::size_t row = (*next)++;
    functions::ApplyOptions options = asked->options;
    Json input = asked->inputs[row];
    if (asked->dry_run) {
      Result<functions::Preview> seen = co_await exchange->engine.preview(
          *asked->function, *asked->variant, std::move(input), std::move(options));
      (*results)[row] = seen ? preview_json(*seen) : native_error(seen.error());
      continue;
    }
    functions::ApplyResult applied = co_await exchange->engine.apply(
        *asked->function, *asked->variant, std::move(input), std::move(options));
    count(*exchange, applied);
    (*results)[row] = applied ? result_json(*asked, *applied) : failure_json(applied.error());
  }
}

io::Task<void> answer_rows(Exchange& exchange, FunctionRequest asked) {
  std::vector<Json> results(asked.inputs.size());
  std::size_t next = 0;
  io::Scope scope(exchange.core());
  for (std::size_t i = 0; i < std::min(kRowsAtATime, asked.inputs.size()); ++i)
    io::spawn(scope, "rows", work_off(&exchange, &asked, &next, &results));
  co_await scope.join();
  Json list = Json::array();
  const Error not_begun{Kind::kUnavailable, "the server is stopping", "ask again in a moment"};
  for (Json& result : results)
    list.as_array().push_back(result.is_null() ? native_error(not_begun) : std::move(result));
  Json answer = Json::object();
  answer.as_object().set("results", std::move(list));
  std::string body = json_write(answer);
  co_await send_json(exchange, 200, std::move(body));
}

io::Task<void> answer_dry(Exchange& exchange, FunctionRequest asked) {
  Json input = std::move(asked.inputs.front());
  functions::ApplyOptions options = asked.options;
  Result<functions::Preview> seen = co_await exchange.engine.preview(
      *asked.function, *asked.variant, std::move(input), std::move(options));
  if (!seen) {
    co_await send_error(exchange, std::move(seen.error()));
    co_return;
  }
  Json answer = preview_json(*seen);
  answer.as_object().set("dry_run", true);
  std::string body = json_write(answer);
  co_await send_json(exchange, 200, std::move(body));
}

// What a model writes, as events while it writes them.
class Pieces final : public functions::OutputReader {
 public:
  explicit Pieces(EventStream& stream) : stream_(stream) {}

  io::Task<Status> text(std::string_view piece) override {
    if (!stream_.begun()) {
      Status begun = stream_.begin();
      if (!begun) co_return begun;
    }
    const Json data = Json::object({{"text", piece}});
    std::string event = io::sse_event("delta", json_write(data));
    Status written = co_await stream_.write(std::move(event));
    said_ = true;
    co_return written;
  }
  io::Task<Status> again() override {
    if (!said_) co_return Status{};
    said_ = false;
    std::string event = io::sse_event("again", "{}");
    Status written = co_await stream_.write(std::move(event));
    co_return written;
  }

 private:
  EventStream& stream_;
  bool said_ = false;
};

io::Task<void> answer_streamed(Exchange& exchange, FunctionRequest asked) {
  EventStream stream(exchange);
  stream.expect();
  Pieces pieces(stream);
  asked.options.call = exchange.door.shared.next_id();
  exchange.headers.add("x-sighter-call", asked.options.call.to_string());
  functions::ApplyOptions options = asked.options;
  options.reader = &pieces;
  Json input = std::move(asked.inputs.front());
  functions::ApplyResult applied = co_await exchange.engine.apply(
      *asked.function, *asked.variant, std::move(input), std::move(options));
  count(exchange, applied);
  Status begun;
  if (applied && !stream.begun()) begun = stream.begin();
  if (stream.begun() && begun) {
    if (!applied) exchange.door.metrics.broken_stream();
    const Json last = applied ? result_json(asked, *applied) : failure_json(applied.error());
    std::string event = io::sse_event(applied ? "result" : "error", json_write(last));
    Status written = co_await stream.write(std::move(event));
    (void)written;  // a client that has gone
  }
  co_await stream.close();
  if (!exchange.responder.started() && !applied)
    co_await send_error(exchange, std::move(applied.error().error));
}

io::Task<void> answer_one(Exchange& exchange, FunctionRequest asked) {
  Json input = std::move(asked.inputs.front());
  functions::ApplyOptions options = asked.options;
  functions::ApplyResult applied = co_await exchange.engine.apply(
      *asked.function, *asked.variant, std::move(input), std::move(options));
  count(exchange, applied);
  const Id& call = applied ? applied->call : applied.error().call;
  exchange.headers.add("x-sighter-call", call.to_string());
  if (!applied) {
    co_await send_error(exchange, std::move(applied.error().error));
    co_return;
  }
  std::string answer = json_write(result_json(asked, *applied));
  co_await send_json(exchange, 200, std::move(answer));
}

}  // namespace

io::Task<void> call_function(Exchange& exchange) {
  Result<FunctionRequest> asked = co_await read_function_request(exchange);
  if (asked && !asked->dry_run) {
    functions::ApplyOptions preparing;
    preparing.cancel = exchange.request.gone();
    Status prepared = co_await exchange.engine.prepare(*asked->function, *asked->variant, false,
                                                       std::move(preparing));
    if (!prepared) asked = std::unexpected(std::move(prepared.error()));
  }
  if (!asked) {
    co_await send_error(exchange, std::move(asked.error()));
  } else if (asked->rows) {
    co_await answer_rows(exchange, std::move(*asked));
  } else if (asked->dry_run) {
    co_await answer_dry(exchange, std::move(*asked));
  } else if (asked->stream) {
    co_await answer_streamed(exchange, std::move(*asked));
  } else {
    co_await answer_one(exchange, std::move(*asked));
  }
}

}  // namespace sighter::serve
