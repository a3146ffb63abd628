#include <map>

#include "base/limits.hpp"
#include "functions/body.hpp"
#include "functions/slot.hpp"
#include "functions/stopping.hpp"
#include "io/time.hpp"
#include "io/waiter.hpp"

namespace sighter::functions {
namespace {

store::CallStatus status_of(const Error& error) {
  return error.kind == Kind::kCancelled ? store::CallStatus::kCancelled : store::CallStatus::kError;
}

// {"attempts": [...], "confidence": 0.9, "probabilities": [...]}; "" when there is nothing to tell.
std::string tried_text(const Outcome& outcome) {
  Json tried = Json::object();
  if (!outcome.tried.as_array().empty()) tried.as_object().set("attempts", outcome.tried);
  if (outcome.usage && outcome.usage->estimated)
    tried.as_object().set("estimated", Json::array({"usage"}));
  if (outcome.confidence) tried.as_object().set("confidence", *outcome.confidence);
  if (!outcome.probabilities.empty()) {
    Json list = Json::array();
    for (double p : outcome.probabilities) list.as_array().push_back(p);
    tried.as_object().set("probabilities", std::move(list));
  }
  return tried.as_object().empty() ? std::string() : json_write(tried);
}

store::CallStatus status_of(const Outcome& outcome, const io::CancelToken& cancel) {
  if (outcome.output) return store::CallStatus::kOk;
  if (is_interruption(outcome.output.error(), cancel)) return store::CallStatus::kInterrupted;
  const store::CallStatus status = status_of(outcome.output.error());
  return outcome.broken && status == store::CallStatus::kError ? store::CallStatus::kBroken
                                                               : status;
}

store::CallRow call_row(const Record& what, const Outcome& outcome) {
  const Call& call = *what.call;
  store::CallRow row;
  row.id = call.id;
  row.parent = call.options.parent;
  row.trace = call.trace;
  row.start = what.start;
  row.latency = what.latency;
  row.first_token = outcome.first_token;
  row.tokens = tokens_of(outcome.usage);
  row.cost = outcome.cost;
  row.model = outcome.model;
  row.route = outcome.route;
  if (row.route.empty() && !outcome.attempts.empty()) row.route = outcome.attempts.back().route;
  row.finish_reason = outcome.finish_reason;
  row.key = call.options.key;
  const bool full = call.options.record == RecordLevel::kFull;
  if (full) {
    row.tried = tried_text(outcome);
    row.input = json_write(call.input);
    row.extras = outcome.extras;
  }
  if (call.function != nullptr) row.function = call.function->name;
  if (call.variant != nullptr) row.variant = call.variant->name;
  if (call.variant != nullptr) row.config = call.variant->digest;
  if (call.options.tags.is_object()) row.tags = json_write(call.options.tags);
  if (outcome.output) {
    if (full) row.output = json_write(outcome.kept.is_null() ? *outcome.output : outcome.kept);
  } else {
    row.status = status_of(outcome, call.options.cancel);
    row.error_kind = std::string(to_string(outcome.output.error().kind));
    row.error = error_text(outcome.output.error(), call.options.record);
  }
  return row;
}

store::AttemptRow attempt_row(const Id& call, int number, const models::Attempt& attempt,
                              RecordLevel level) {
  store::AttemptRow row;
  row.call = call;
  row.number = number;
  row.route = attempt.route;
  row.start = attempt.start;
  row.latency = attempt.latency;
  row.first_token = attempt.first_token;
  row.tokens = tokens_of(attempt.usage);
  row.cost = attempt.cost;
  if (attempt.error) {
    row.status = status_of(*attempt.error);
    row.error_kind = std::string(to_string(attempt.error->kind));
    row.error = error_text(*attempt.error, level);
  }
  return row;
}

store::ConfigRow config_row(const Function& function, const Variant& variant) {
  Json content = Json::object(
      {{"function", function.name}, {"variant", variant.name}, {"kind", variant.kind()}});
  if (const auto* prompt = std::get_if<PromptBody>(&variant.body)) {
    content.as_object().set("model", prompt->model);
    content.as_object().set("examples", prompt->examples);
    content.as_object().set("parameters", prompt->parameters);
  }
  return {variant.digest, json_write(content)};
}

// What the writer's thread tells the core.
struct Committed {
  explicit Committed(io::Core& core) : waiter(core) {}
  io::Waiter waiter;
  std::optional<Status> status;
};

io::Task<Status> append(Engine::Impl& engine, store::Batch batch, bool durable, Slot& slot) {
  store::Store& store = *engine.shared.store;
  if (durable) {
    auto committed = std::make_shared<Committed>(engine.core);
    io::Core* core = &engine.core;
    Status queued = store.append(
        std::move(batch), store::Durability::kDurable,
        [committed, core](Result<store::Receipt> receipt) {
          Status status = receipt ? Status{} : Status(std::unexpected(receipt.error()));
          core->post([committed, status = std::move(status)]() mutable {
            committed->status = std::move(status);
            committed->waiter.wake();
          });
        });
    if (!queued) co_return queued;
    while (!committed->status) co_await committed->waiter.wait();
    if (*committed->status) slot.end();
    co_return *committed->status;
  }
  store::Completion freed = slot.freed_by_commit();
  auto shared = std::make_shared<const store::Batch>(std::move(batch));
  Status queued = co_await append_relaxed(engine, std::move(shared), std::move(freed));
  co_return queued;
}

}  // namespace

std::optional<store::Tokens> tokens_of(const std::optional<wire::Usage>& usage) {
  if (!usage) return std::nullopt;
  return store::Tokens{usage->input, usage->output, usage->cache_read, usage->cache_write,
                       usage->reasoning};
}

std::string error_text(const Error& error, RecordLevel level) {
  if (level != RecordLevel::kFull) return {};
  return error.hint.empty() ? error.what : error.message();
}

void add_attempts(store::Batch& batch, const Id& call, const std::vector<models::Attempt>& attempts,
                  RecordLevel level) {
  for (std::size_t i = 1; i < attempts.size(); ++i)
    batch.attempts.push_back(attempt_row(call, static_cast<int>(i) + 1, attempts[i], level));
}

bool is_full(const Status& appended) {
  return !appended && appended.error().kind == Kind::kUnavailable;
}

io::Task<Status> append_relaxed(Engine::Impl& engine, std::shared_ptr<const store::Batch> batch,
                                store::Completion done) {
  store::Store& store = *engine.shared.store;
  // A full queue means that the disk is slower than the calls: the calls wait for it.
  constexpr int kTriesMax = 2000;
  Status queued;
  for (int i = 0; i < kTriesMax; ++i) {
    queued = store.append(batch, store::Durability::kRelaxed, done);
    if (!is_full(queued)) co_return queued;
    Status slept = co_await engine.core.timers().sleep_for(std::chrono::milliseconds(5));
    if (!slept) co_return slept;
  }
  co_return queued;
}

void add_cost(std::optional<NanoUsd>& sum, const std::optional<NanoUsd>& more) {
  if (sum && more)
    *sum += *more;
  else
    sum.reset();
}

io::Task<Status> record(Engine::Impl& engine, Record what, const Outcome& outcome, Slot& slot) {
  const Call& call = *what.call;
  if (engine.shared.store == nullptr || call.options.record == RecordLevel::kNone)
    co_return Status{};
  store::InflightResult settled;
  settled.status = status_of(outcome, call.options.cancel);
  settled.latency = what.latency;
  settled.tokens = tokens_of(outcome.usage);
  settled.cost = outcome.cost;
  if (!outcome.output) settled.error_kind = to_string(outcome.output.error().kind);
  slot.settle(settled);
  store::Batch batch;
  store::CallRow row = call_row(what, outcome);
  add_attempts(batch, call.id, outcome.attempts, call.options.record);
  if (call.variant != nullptr && engine.shared.first_of(call.variant->digest)) {
    batch.configs.push_back(config_row(*call.function, *call.variant));
  }
  // What is not kept cannot be used again.
  if (outcome.output && what.fingerprint && call.options.record == RecordLevel::kFull) {
    const Digest body = call.variant != nullptr ? call.variant->digest : Digest{};
    const std::uint64_t key =
        call.options.held_out != 0 ? call.options.held_out : hash64(row.input, 2);
    batch.outputs.push_back({*what.fingerprint, call.options.repeat, body, key, call.id});
  }
  batch.calls.push_back(std::move(row));
  Status appended = co_await append(engine, std::move(batch), call.options.durable, slot);
  co_return appended;
}

Result<Applied> applied_from(const store::CallRow& row, const Variant& variant,
                             const Digest& fingerprint) {
  Applied applied;
  applied.call = row.id;
  applied.variant = variant.name;
  Result<Json> output = json_parse(row.output, "stored output");
  if (!output) return std::unexpected(output.error());
  applied.output = std::move(*output);
  applied.cost = row.cost;
  applied.latency = row.latency;
  applied.first_token = row.first_token;
  applied.model = row.route;
  applied.reused = true;
  applied.fingerprint = fingerprint;
  if (row.tokens) {
    wire::Usage usage;
    usage.input = row.tokens->input;
    usage.output = row.tokens->output;
    usage.cache_read = row.tokens->cached;
    usage.cache_write = row.tokens->cache_write;
    usage.reasoning = row.tokens->reasoning;
    applied.usage = usage;
  }
  if (row.tried.empty()) return applied;
  const Result<Json> tried = json_parse(row.tried, "stored call");
  if (!tried) return applied;
  if (const Json* confidence = tried->find("confidence"))
    applied.confidence = confidence->to_double();
  if (const Json* list = tried->find("probabilities"); list != nullptr && list->is_array()) {
    for (const Json& p : list->as_array())
      applied.probabilities.push_back(p.to_double().value_or(0.0));
  }
  return applied;
}

}  // namespace sighter::functions
