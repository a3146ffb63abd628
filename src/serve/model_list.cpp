// Which models can be asked, in the words of whoever asks.

#include <algorithm>

#include "functions/answer_function.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

std::vector<std::string> names_of(Exchange& exchange) {
  std::vector<std::string> names;
  for (const auto& [name, spec] : exchange.door.hub.config().models()) names.push_back(name);
  for (const functions::Function& function : exchange.door.shared.project().functions)
    names.push_back("function/" + function.name);
  return names;
}

Status known_model(Exchange& exchange, const std::string& name) {
  if (functions::names_function(name))
    return functions::check_function_name(exchange.door.shared.project(), name);
  const Result<models::ModelSpec> spec =
      exchange.door.hub.config().find(name, models::Asker::kClient);
  return spec ? Status{} : Status(std::unexpected(spec.error()));
}

bool asks_anthropic(const Exchange& exchange) {
  return exchange.request.headers().has("anthropic-version");
}

Json entry(const std::string& name, bool anthropic) {
  if (anthropic) {
    return Json::object({{"type", "model"},
                         {"id", name},
                         {"display_name", name},
                         {"created_at", "1970-01-01T00:00:00Z"}});
  }
  return Json::object({{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "sighter"}});
}

}  // namespace

io::Task<void> list_models(Exchange& exchange) {
  const bool anthropic = asks_anthropic(exchange);
  const std::vector<std::string> names = names_of(exchange);
  Json data = Json::array();
  for (const std::string& name : names) data.as_array().push_back(entry(name, anthropic));
  Json answer = Json::object();
  if (!anthropic) answer.as_object().set("object", "list");
  answer.as_object().set("data", std::move(data));
  if (anthropic) {
    answer.as_object().set("has_more", false);
    answer.as_object().set("first_id", names.empty() ? Json() : Json(names.front()));
    answer.as_object().set("last_id", names.empty() ? Json() : Json(names.back()));
  }
  std::string body = json_write(answer);
  co_await send_json(exchange, 200, std::move(body));
}

io::Task<void> show_model(Exchange& exchange) {
  const bool anthropic = asks_anthropic(exchange);
  if (anthropic) exchange.dialect = wire::Dialect::kAnthropic;
  const std::string& name = exchange.path_value;
  const std::vector<std::string> names = names_of(exchange);
  const bool listed = std::find(names.begin(), names.end(), name) != names.end();
  if (!listed) {
    // "provider/name" and "function/NAME/VARIANT" are models too, though no list has them.
    Status known = known_model(exchange, name);
    if (!known) {
      co_await send_error(exchange, std::move(known.error()));
      co_return;
    }
  }
  std::string body = json_write(entry(name, anthropic));
  co_await send_json(exchange, 200, std::move(body));
}

}  // namespace sighter::serve
