// Which models can be asked, in the words of whoever asks.

#include <algorithm>
#include <charconv>

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

struct Page {
  std::size_t from = 0, to = 0;
  bool more = false;  // in the direction that was asked for
};

// Anthropic's lists come in pages; without a limit all of it is one.
Result<Page> page_of(const std::vector<std::string>& names, const std::string& query) {
  constexpr std::size_t kLimitMax = 1000;
  Page page{0, names.size(), false};
  std::size_t limit = names.size();
  if (const auto text = query_value(query, "limit")) {
    const char* end = text->data() + text->size();
    const auto read = std::from_chars(text->data(), end, limit);
    if (read.ec != std::errc() || read.ptr != end || limit < 1 || limit > kLimitMax)
      return fail(Kind::kInvalid, fmt::format("limit: must be a number from 1 to {}", kLimitMax));
  }
  const std::optional<std::string> after = query_value(query, "after_id");
  const std::optional<std::string> before = query_value(query, "before_id");
  if (after && before)
    return fail(Kind::kInvalid, "before_id: cannot be given together with after_id");
  if (const auto& id = after ? after : before) {
    const auto found = std::find(names.begin(), names.end(), *id);
    if (found == names.end())
      return fail(Kind::kInvalid,
                  fmt::format("{}: names no model of the list", after ? "after_id" : "before_id"));
    const auto at = static_cast<std::size_t>(found - names.begin());
    (after ? page.from : page.to) = after ? at + 1 : at;
  }
  page.more = page.to - page.from > limit;
  if (page.more) (before ? page.from : page.to) = before ? page.to - limit : page.from + limit;
  return page;
}

}  // namespace

io::Task<void> list_models(Exchange& exchange) {
  const bool anthropic = asks_anthropic(exchange);
  if (anthropic) exchange.dialect = wire::Dialect::kAnthropic;
  const std::vector<std::string> names = names_of(exchange);
  Result<Page> page = anthropic ? page_of(names, std::string(exchange.request.query()))
                                : Result<Page>(Page{0, names.size(), false});
  if (!page) {
    co_await send_error(exchange, std::move(page.error()));
    co_return;
  }
  Json data = Json::array();
  for (std::size_t i = page->from; i < page->to; ++i)
    data.as_array().push_back(entry(names[i], anthropic));
  Json answer = Json::object();
  if (!anthropic) answer.as_object().set("object", "list");
  answer.as_object().set("data", std::move(data));
  if (anthropic) {
    const bool some = page->from < page->to;
    answer.as_object().set("has_more", page->more);
    answer.as_object().set("first_id", some ? Json(names[page->from]) : Json());
    answer.as_object().set("last_id", some ? Json(names[page->to - 1]) : Json());
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
