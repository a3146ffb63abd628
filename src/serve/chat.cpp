// The doors whose requests name a model in their JSON: OpenAI Chat Completions and Embeddings,
// Anthropic Messages and its counting of tokens.

#include "serve/conversation.hpp"
#include "serve/handlers.hpp"

namespace sighter::serve {
namespace {

io::Task<void> answer(Exchange& exchange, models::Endpoint endpoint) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  if (!body) {
    co_await send_error(exchange, std::move(body.error()));
    co_return;
  }
  Result<models::ClientRequest> request =
      client_request(exchange, std::move(*body), exchange.dialect, endpoint);
  if (!request) {
    co_await send_error(exchange, std::move(request.error()));
    co_return;
  }
  Result<std::string> model = model_of(*request);
  if (!model) {
    co_await send_error(exchange, std::move(model.error()));
    co_return;
  }
  co_await converse(exchange, std::move(*request), std::move(*model));
}

}  // namespace

io::Task<void> answer_chat(Exchange& exchange) {
  return answer(exchange, models::Endpoint::kChat);
}
io::Task<void> answer_messages(Exchange& exchange) {
  return answer(exchange, models::Endpoint::kChat);
}
io::Task<void> answer_embeddings(Exchange& exchange) {
  return answer(exchange, models::Endpoint::kEmbeddings);
}
io::Task<void> count_tokens(Exchange& exchange) {
  return answer(exchange, models::Endpoint::kCountTokens);
}

}  // namespace sighter::serve
