// What a supervisor asks: is it alive, can it take requests, what has it done.

#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {

io::Task<void> show_health(Exchange& exchange) {
  std::string body = R"({"status":"ok"})";
  co_await send_json(exchange, 200, std::move(body));
}

io::Task<void> show_readiness(Exchange& exchange) {
  Json problems = Json::array();
  if (store::Store* store = exchange.door.shared.store()) {
    const store::WriterState writer = store->writer();
    // Whoever asks needs no key: where the store lies is for the log.
    if (writer.trouble)
      problems.as_array().push_back(Json(fmt::format(
          "calls cannot be stored ({}); the log says more", to_string(writer.trouble->kind))));
  }
  if (exchange.door.stopping) problems.as_array().push_back(Json("stopping"));
  const bool ready = problems.as_array().empty();
  Json answer = Json::object({{"status", ready ? "ready" : "not ready"}});
  if (!ready) answer.as_object().set("problems", std::move(problems));
  std::string body = json_write(answer);
  const int status = ready ? 200 : 503;
  co_await send_json(exchange, status, std::move(body));
}

io::Task<void> show_metrics(Exchange& exchange) {
  store::Store* store = exchange.door.shared.store();
  std::optional<store::WriterState> writer;
  if (store != nullptr) writer = store->writer();
  std::string body = exchange.door.metrics.text(writer ? &*writer : nullptr);
  std::string type = "text/plain; version=0.0.4; charset=utf-8";
  co_await send_text(exchange, 200, std::move(type), std::move(body));
}

}  // namespace sighter::serve
