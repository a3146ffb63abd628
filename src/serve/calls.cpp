// Looking at the calls that were made.

#include <charconv>

#include "functions/call_json.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kPageDefault = 50;
constexpr std::size_t kPageMax = 200;

struct Asked {
  store::CallFilter filter;
  std::size_t limit = kPageDefault;
  std::optional<Id> before;
};

std::unexpected<Error> wrong(std::string_view name, std::string_view must) {
  return fail(Kind::kInvalid, fmt::format("{}: must be {}", name, must));
}

Result<std::optional<Id>> id_of(std::string_view query, std::string_view name) {
  const std::optional<std::string> text = query_value(query, name);
  if (!text || text->empty()) return std::nullopt;
  const std::optional<Id> id = Id::parse(*text);
  if (!id) return wrong(name, "an id");
  return id;
}

Result<Asked> asked_of(std::string_view query, SystemTime now) {
  Asked asked;
  asked.filter.function = query_value(query, "function");
  asked.filter.variant = query_value(query, "variant");
  asked.filter.model = query_value(query, "model");
  asked.filter.contains = query_value(query, "contains").value_or("");
  if (const auto status = query_value(query, "status")) {
    asked.filter.status = store::call_status_from(*status);
    if (!asked.filter.status) return wrong("status", "ok, error, cancelled, interrupted or broken");
  }
  if (const auto tag = query_value(query, "tag")) {
    const std::size_t equals = tag->find('=');
    if (equals == tag->npos) return wrong("tag", "NAME=VALUE");
    asked.filter.tags.emplace_back(tag->substr(0, equals), tag->substr(equals + 1));
  }
  for (const char* name : {"since", "until"}) {
    const auto text = query_value(query, name);
    if (!text) continue;
    const Result<std::chrono::seconds> ago = store::parse_keep(*text);
    if (!ago) return wrong(name, "how long ago: \"2h\", \"7d\"");
    (std::string_view(name) == "since" ? asked.filter.since : asked.filter.until) = now - *ago;
  }
  Result<std::optional<Id>> trace = id_of(query, "trace");
  if (!trace) return std::unexpected(trace.error());
  asked.filter.trace = *trace;
  Result<std::optional<Id>> before = id_of(query, "before");
  if (!before) return std::unexpected(before.error());
  asked.before = *before;
  if (const auto text = query_value(query, "limit")) {
    const auto [end, code] =
        std::from_chars(text->data(), text->data() + text->size(), asked.limit);
    if (code != std::errc() || end != text->data() + text->size() || asked.limit < 1 ||
        asked.limit > kPageMax)
      return wrong("limit", fmt::format("a number from 1 to {}", kPageMax));
  }
  return asked;
}

Error no_store() {
  return {Kind::kUnavailable, "nothing is stored here", {}};
}

}  // namespace

io::Task<void> list_calls(Exchange& exchange) {
  store::Store* store = exchange.door.shared.store();
  Result<Asked> asked = asked_of(exchange.request.query(), exchange.door.clock.system_now());
  if (!asked || store == nullptr) {
    Error error = asked ? no_store() : std::move(asked.error());
    co_await send_error(exchange, std::move(error));
    co_return;
  }
  auto look = [store, wanted = std::move(*asked)]() -> Result<store::CallPage> {
    return store->list(wanted.filter, wanted.limit, wanted.before);
  };
  Result<store::CallPage> page =
      co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  if (!page) {
    co_await send_error(exchange, std::move(page.error()));
    co_return;
  }
  Json calls = Json::array();
  for (const store::CallRow& row : page->calls)
    calls.as_array().push_back(functions::call_json(row));
  Json answer = Json::object();
  answer.as_object().set("calls", std::move(calls));
  answer.as_object().set("next", page->next ? Json(page->next->to_string()) : Json());
  std::string body = json_write(answer);
  co_await send_json(exchange, 200, std::move(body));
}

io::Task<void> show_call(Exchange& exchange) {
  store::Store* store = exchange.door.shared.store();
  const std::optional<Id> id = Id::parse(exchange.path_value);
  if (!id || store == nullptr) {
    Error error{Kind::kNotFound, fmt::format("there is no call '{}'", exchange.path_value), {}};
    co_await send_error(exchange, std::move(error));
    co_return;
  }
  auto look = [store, wanted = *id]() { return store->show(wanted); };
  Result<store::CallTree> tree =
      co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  if (!tree) {
    co_await send_error(exchange, std::move(tree.error()));
    co_return;
  }
  std::string body = json_write(functions::tree_json(*tree));
  co_await send_json(exchange, 200, std::move(body));
}

}  // namespace sighter::serve
