// Looking at the calls that were made.

#include <algorithm>
#include <charconv>
#include <set>

#include "base/similar.hpp"
#include "functions/call_json.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

constexpr std::size_t kPageDefault = 50;
constexpr std::size_t kPageMax = 200;
constexpr std::chrono::seconds kPatience{5};  // with one listing

struct Asked {
  store::CallFilter filter;
  std::size_t limit = kPageDefault;
  std::optional<Id> before;
};

std::unexpected<Error> wrong(std::string_view name, std::string_view must) {
  return fail(Kind::kInvalid, fmt::format("{}: must be {}", name, must));
}

Result<Id> id_of(std::string_view name, const std::string& text) {
  const std::optional<Id> id = Id::parse(text);
  if (!id) return wrong(name, "an id");
  return *id;
}

Result<SystemTime> time_of(std::string_view name, const std::string& text, SystemTime now) {
  const Result<std::chrono::seconds> ago = store::parse_keep(text);
  if (!ago) return wrong(name, "how long ago: \"2h\", \"7d\"");
  return now - *ago;
}

Status take_tag(const std::string& text, store::CallFilter& filter) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) return wrong("tag", "NAME=VALUE");
  filter.tags.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  return {};
}

Status take_limit(const std::string& text, std::size_t& limit) {
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, limit);
  if (read.ec != std::errc() || read.ptr != end || limit < 1 || limit > kPageMax)
    return wrong("limit", fmt::format("a number from 1 to {}", kPageMax));
  return {};
}

// One parameter of the query.
Status take(const std::string& name, const std::string& text, SystemTime now, Asked& asked) {
  store::CallFilter& filter = asked.filter;
  if (name == "function") {
    filter.function = text;
  } else if (name == "variant") {
    filter.variant = text;
  } else if (name == "model") {
    filter.model = text;
  } else if (name == "contains") {
    filter.contains = text;
  } else if (name == "tag") {
    return take_tag(text, filter);
  } else if (name == "limit") {
    return take_limit(text, asked.limit);
  } else if (name == "status") {
    filter.status = store::call_status_from(text);
    if (!filter.status) return wrong("status", "ok, error, cancelled, interrupted or broken");
  } else if (name == "since" || name == "until") {
    const Result<SystemTime> time = time_of(name, text, now);
    if (!time) return std::unexpected(time.error());
    (name == "since" ? filter.since : filter.until) = *time;
  } else if (name == "trace" || name == "before") {
    const Result<Id> id = id_of(name, text);
    if (!id) return std::unexpected(id.error());
    (name == "trace" ? filter.trace : asked.before) = *id;
  }
  return {};
}

// What is not understood is refused: all calls would look like an answer.
Result<Asked> asked_of(std::string_view query, SystemTime now) {
  const Result<Query> all = query_of(query);
  if (!all) return std::unexpected(all.error());
  static const std::vector<std::string> kKnown(std::begin(kCallQuery), std::end(kCallQuery));
  Asked asked;
  std::set<std::string> seen;
  for (const auto& [name, text] : *all) {
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end())
      return fail(Kind::kInvalid, fmt::format("there is no filter '{}'", name),
                  did_you_mean(name, kKnown));
    if (name != "tag" && !seen.insert(name).second)
      return fail(Kind::kInvalid, fmt::format("{}: is given twice", name));
    if (Status taken = take(name, text, now, asked); !taken) return std::unexpected(taken.error());
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
  if (exchange.door.listings.waiting() >= kListingsWaitingMax) {
    Error full{Kind::kUnavailable, "too many listings are under way", "try again a little later"};
    co_await send_error(exchange, std::move(full));
    co_return;
  }
  auto look = [store, wanted = std::move(*asked)]() -> Result<store::CallPage> {
    return store->list(wanted.filter, wanted.limit, wanted.before, kPatience);
  };
  io::CancelToken gone = exchange.request.gone();
  Result<store::CallPage> page =
      co_await exchange.door.listings.run(exchange.core(), std::move(look), std::move(gone));
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
