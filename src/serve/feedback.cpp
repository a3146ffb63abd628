// What people or programs say of a call afterwards.

#include <algorithm>

#include "base/hash.hpp"
#include "base/similar.hpp"
#include "serve/disk_wait.hpp"
#include "serve/handlers.hpp"
#include "serve/reply.hpp"

namespace sighter::serve {
namespace {

Result<std::string> text_of(const Json& body, std::string_view name) {
  const Json* value = body.find(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return fail(Kind::kInvalid, fmt::format("{}: must be a string", name));
  return value->as_string();
}

Result<Id> target_of(const Json& body, std::string_view name) {
  Result<std::string> text = text_of(body, name);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return Id{};
  const std::optional<Id> id = Id::parse(*text);
  if (!id) return fail(Kind::kInvalid, fmt::format("{}: '{}' is no id", name, *text));
  return *id;
}

Status check_members(const Json& body) {
  static const std::vector<std::string> kKnown = {"call",   "trace", "metric", "value",
                                                  "source", "note",  "key"};
  if (!body.is_object()) return fail(Kind::kInvalid, "request: must be a JSON object");
  for (const auto& [name, value] : body.as_object()) {
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end())
      return fail(Kind::kInvalid, fmt::format("there is no member '{}'", name),
                  did_you_mean(name, kKnown));
  }
  return {};
}

// The same for the same key, also while the first one waits for the disk; its time is that of what
// it is said of. Where that is no id of ours there is no time in it, and `made` stands.
Id id_of_key(const Id& target, std::string_view key, const Id& made) {
  const auto version = [](const Id& id) { return id.bytes[6] >> 4; };
  if (key.empty() || version(target) != version(made)) return made;
  const Digest digest = Sha256().field("feedback").field(key).finish();
  Id id;
  std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
  std::copy_n(target.bytes.begin(), 6, id.bytes.begin());
  id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | (made.bytes[6] & 0xf0));
  id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | (made.bytes[8] & 0xc0));
  return id;
}

Result<store::FeedbackRow> feedback_of(const Json& body, Id id) {
  if (Status known = check_members(body); !known) return std::unexpected(known.error());
  store::FeedbackRow row;
  Result<Id> call = target_of(body, "call");
  if (!call) return std::unexpected(call.error());
  Result<Id> trace = target_of(body, "trace");
  if (!trace) return std::unexpected(trace.error());
  if (call->is_nil() == trace->is_nil())
    return fail(Kind::kInvalid, "call: either a call or a trace must be named");
  row.call = *call;
  row.trace = *trace;
  for (const auto& [name, place] : {std::pair("metric", &row.metric),
                                    {"source", &row.source},
                                    {"note", &row.note},
                                    {"key", &row.client_key}}) {
    Result<std::string> text = text_of(body, name);
    if (!text) return std::unexpected(text.error());
    if (place != &row.note && text->size() > kNameBytesMax)
      return fail(Kind::kInvalid, fmt::format("{}: has {} bytes, and {} at most are taken", name,
                                              text->size(), kNameBytesMax));
    *place = std::move(*text);
  }
  row.id = id_of_key(row.call.is_nil() ? row.trace : row.call, row.client_key, id);
  if (row.metric.empty()) return fail(Kind::kInvalid, "metric: is required");
  const Json* value = body.find("value");
  if (value == nullptr || value->is_null()) return fail(Kind::kInvalid, "value: is required");
  row.value = json_write(*value);
  return row;
}

// The row must name a call or a trace that is there, in the queue or on the disk.
Status check_target(store::Store& store, const store::FeedbackRow& row) {
  if (!row.call.is_nil()) {
    const Result<std::optional<store::CallRow>> known = store.call(row.call);
    if (!known) return std::unexpected(known.error());
    if (!*known)
      return fail(Kind::kNotFound, fmt::format("there is no call '{}'", row.call.to_string()));
  } else {
    const Result<bool> known = store.has_trace(row.trace);
    if (!known) return std::unexpected(known.error());
    if (!*known)
      return fail(Kind::kNotFound, fmt::format("there is no trace '{}'", row.trace.to_string()),
                  "a trace bears the id of its first call, unless the call named another one");
  }
  return {};
}

// What became of it; nullopt: it waits for a disk in trouble, or for another program that holds the
// store, and will be written then.
io::Task<Result<std::optional<store::Receipt>>> keep(Exchange& exchange, store::FeedbackRow row) {
  store::Store* store = exchange.door.shared.store();
  auto look = [store, row] { return check_target(*store, row); };
  Status there = co_await exchange.door.lookups.run(exchange.core(), std::move(look));
  if (!there) co_return std::unexpected(std::move(there.error()));
  store::Batch batch;
  batch.feedback.push_back(std::move(row));
  DiskWait disk(exchange.core());
  Status queued = store->append(std::move(batch), store::Durability::kRelaxed, disk.completion());
  if (!queued) co_return std::unexpected(std::move(queued.error()));
  std::optional<Result<store::Receipt>> receipt = co_await disk.wait(*store);
  if (!receipt) co_return std::nullopt;
  if (!*receipt) co_return std::unexpected(std::move(receipt->error()));
  co_return std::move(**receipt);
}

}  // namespace

io::Task<void> take_feedback(Exchange& exchange) {
  Result<JsonBody> body = co_await read_json_body(exchange);
  if (!body) {
    co_await send_error(exchange, std::move(body.error()));
    co_return;
  }
  const Result<Json> json = json_parse(body->text, "request");
  Result<store::FeedbackRow> row = json ? feedback_of(*json, exchange.door.shared.next_id())
                                        : Result<store::FeedbackRow>(std::unexpected(json.error()));
  store::Store* store = exchange.door.shared.store();
  if (row && store == nullptr) row = fail(Kind::kUnavailable, "nothing is stored here");
  if (!row) {
    co_await send_error(exchange, std::move(row.error()));
    co_return;
  }
  const Id id = row->id;  // of its key, where it has one
  Result<std::optional<store::Receipt>> kept = co_await keep(exchange, std::move(*row));
  if (!kept) {
    co_await send_error(exchange, std::move(kept.error()));
    co_return;
  }
  if (!*kept) {  // whether its key was used before is known later
    std::string waits = json_write(
        Json::object({{"feedback", id.to_string()}, {"known_already", Json()}, {"queued", true}}));
    co_await send_json(exchange, 200, std::move(waits));
    co_return;
  }
  const store::Receipt& receipt = **kept;
  const Id first = receipt.known_feedback.value_or(id);
  std::string answer = json_write(Json::object(
      {{"feedback", first.to_string()}, {"known_already", receipt.known_already > 0}}));
  co_await send_json(exchange, 200, std::move(answer));
}

}  // namespace sighter::serve
