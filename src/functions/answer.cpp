// One request of a client: in the in-flight file before the upstream is asked, a row behind it.

#include <algorithm>

#include "base/log.hpp"
#include "functions/answer_function.hpp"
#include "functions/body.hpp"
#include "functions/reply_output.hpp"
#include "functions/requests.hpp"
#include "functions/slot.hpp"
#include "functions/stopping.hpp"
#include "wire/codec.hpp"
#include "wire/reply_text.hpp"

namespace sighter::functions {
namespace {

store::CallStatus status_of(const models::ClientResult& result, const io::CancelToken& cancel) {
  if (!result.error) return store::CallStatus::kOk;
  if (is_interruption(*result.error, cancel)) return store::CallStatus::kInterrupted;
  if (result.error->kind == Kind::kCancelled) return store::CallStatus::kCancelled;
  return result.broken ? store::CallStatus::kBroken : store::CallStatus::kError;
}

Json list_of(const std::vector<std::string>& names) {
  Json list = Json::array();
  for (const std::string& name : names) list.as_array().push_back(name);
  return list;
}

// {"attempts": [{"route", "error"}], "dropped": [name], "approximated": [name],
// "estimated": ["usage"]}, each where there is any; "" when nothing failed before the answer,
// nothing was lost and the provider counted the tokens itself.
std::string tried_text(const models::ClientResult& result, RecordLevel level) {
  const bool failed = std::ranges::any_of(
      result.attempts, [](const models::Attempt& attempt) { return attempt.error.has_value(); });
  const bool estimated = result.usage && result.usage->estimated;
  if (!failed && !estimated && result.dropped.empty() && result.approximated.empty()) return {};
  Json list = Json::array();
  for (const models::Attempt& attempt : result.attempts) {
    if (attempt.error)
      list.as_array().push_back(Json::object(
          {{"route", attempt.route},
           {"error", level == RecordLevel::kFull ? attempt.error->what
                                                 : std::string(to_string(attempt.error->kind))}}));
  }
  Json tried = Json::object();
  if (!list.as_array().empty()) tried.as_object().set("attempts", std::move(list));
  if (!result.dropped.empty()) tried.as_object().set("dropped", list_of(result.dropped));
  if (!result.approximated.empty())
    tried.as_object().set("approximated", list_of(result.approximated));
  if (estimated) tried.as_object().set("estimated", list_of({"usage"}));
  return json_write(tried);
}

// Media and the like are kept as they came: what a client sent can be asked again.
std::string input_text(const models::ClientRequest& request) {
  if (request.endpoint == models::Endpoint::kOther && request.envelope.members().empty()) {
    return json_write(Json::object(
        {{"method", request.method}, {"path", request.path}, {"bytes", request.body.size()}}));
  }
  if (request.body.empty())
    return request.chat ? json_write(request_as_input(*request.chat)) : std::string();
  if (!request.envelope.members().empty()) return request.body;
  return json_write(Json::object({{"path", request.path}, {"bytes", request.body.size()}}));
}

// A whole relayed answer of a dialect whose text is found in its bytes: nobody has to decode it.
bool text_is_in_bytes(const models::ClientRequest& request, const AnswerOptions& options) {
  return request.endpoint == models::Endpoint::kChat && options.sink == nullptr &&
         request.dialect == wire::Dialect::kOpenAiChat;
}

// What the reply says (reply_output.hpp).
std::string output_text(const models::ClientRequest& request, const AnswerOptions& options,
                        const models::ClientResult& result) {
  if (result.reply) return json_write(reply_as_output(*result.reply));
  if (result.passed_bytes > 0) return json_write(Json::object({{"bytes", result.passed_bytes}}));
  if (result.error || result.raw.empty()) return {};
  const bool chat = text_is_in_bytes(request, options) && result.relayed;
  if (chat && result.raw_text) {
    const auto [at, size] = *result.raw_text;
    return size == 0 ? "\"\"" : wire::reply_text(std::string_view(result.raw).substr(at, size));
  }
  Result<Json> json = json_parse(result.raw);
  if (!json) return json_write(Json::object({{"bytes", result.raw.size()}}));
  if (!chat) return result.raw;
  const Result<wire::ChatReply> reply =
      wire::codec_of(request.dialect)->decode_reply(std::move(*json), nullptr);
  return reply ? json_write(reply_as_output(*reply)) : result.raw;
}

void fill(store::CallRow& row, const models::ClientRequest& request, const std::string& model,
          const AnswerOptions& options, const Answered& answered, SystemTime start) {
  const models::ClientResult& result = answered.result;
  row.id = answered.call;
  row.parent = options.parent;
  row.trace = options.trace.is_nil() ? answered.call : options.trace;
  row.status = status_of(result, options.cancel);
  if (result.error) {
    row.error_kind = std::string(to_string(result.error->kind));
    row.error = error_text(*result.error, options.record);
  }
  row.start = start;
  row.latency = answered.latency;
  if (!result.attempts.empty()) row.first_token = result.attempts.back().first_token;
  row.tokens = tokens_of(result.usage);
  row.cost = result.cost;
  row.key = options.key;
  row.model = model;
  row.route = result.route;
  row.finish_reason = result.finish_reason;
  if (options.tags.is_object()) row.tags = json_write(options.tags);
  row.tried = tried_text(result, options.record);
  if (options.record == RecordLevel::kFull) {
    row.input = input_text(request);
    row.output = output_text(request, options, result);
  }
}

store::InflightResult settled(const Answered& answered, const io::CancelToken& cancel) {
  const models::ClientResult& result = answered.result;
  store::InflightResult out;
  out.status = status_of(result, cancel);
  out.latency = answered.latency;
  out.tokens = tokens_of(result.usage);
  out.cost = result.cost;
  if (result.error) out.error_kind = to_string(result.error->kind);
  return out;
}

// The slot of a call, settled before the end of a streamed answer leaves: a client that has seen
// the end finds its call ended, whatever happens to this process.
class Settling {
 public:
  Settling(const Clock& clock, SteadyTime begin) : clock_(clock), begin_(begin) {}
  std::optional<Slot> slot;

  void before_end(const models::AnswerEnd& end) {
    store::InflightResult result;
    result.latency =
        std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady_now() - begin_);
    result.tokens = tokens_of(end.usage);
    result.cost = end.cost;
    slot->settle(result);
    told_ = result;
  }
  void settle(const store::InflightResult& result) {
    const bool known = told_ && told_->status == result.status && told_->tokens == result.tokens &&
                       told_->cost == result.cost;
    if (!known) slot->settle(result);
  }

 private:
  const Clock& clock_;
  const SteadyTime begin_;
  std::optional<store::InflightResult> told_;
};

// The call's row on its way, behind the answer. A coroutine of its own: what a row holds needs no
// memory while the upstream is waited for.
io::Task<void> keep(Engine::Impl& engine, const models::ClientRequest& request,
                    const std::string& model, const AnswerOptions& options,
                    const Answered& answered, SystemTime start, Settling& settling) {
  settling.settle(settled(answered, options.cancel));
  auto batch = std::make_shared<store::Batch>();
  fill(batch->calls.emplace_back(), request, model, options, answered, start);
  add_attempts(*batch, answered.call, answered.result.attempts, options.record);
  // Where nothing is stored, the slot stays: the call is found again at the next start.
  store::Completion freed = settling.slot->freed_by_commit();
  Status appended = engine.shared.store->append(batch, store::Durability::kRelaxed, freed);
  if (is_full(appended))
    appended = co_await append_relaxed(engine, std::move(batch), std::move(freed));
  if (!appended)
    engine.shared.log.error("functions",
                            appended.error().in("a call could not be stored").message());
}

store::InflightCall entry_of(const std::string& model, const AnswerOptions& options, const Id& call,
                             SystemTime start) {
  store::InflightCall entry;
  entry.id = call;
  entry.parent = options.parent;
  entry.trace = options.trace.is_nil() ? call : options.trace;
  entry.start = start;
  entry.key = options.key;
  entry.model = model;
  return entry;
}

io::Task<Answered> answer_model(Engine::Impl& engine, models::ClientRequest& request,
                                std::string model, AnswerOptions options) {
  Shared::Impl& shared = engine.shared;
  Answered answered;
  answered.call = options.call.is_nil() ? shared.ids.next() : options.call;
  const bool recorded = options.record != RecordLevel::kNone && shared.store != nullptr;
  const SystemTime start = shared.clock.system_now();
  const SteadyTime begin = shared.clock.steady_now();
  Settling settling(shared.clock, begin);
  if (recorded)
    settling.slot.emplace(shared.inflight, entry_of(model, options, answered.call, start));

  const bool in_bytes = text_is_in_bytes(request, options);
  models::ClientOptions asked;
  asked.purse = options.purse;
  asked.cancel = options.cancel;
  asked.sink = options.sink;
  asked.want_reply =
      options.want_reply || (recorded && options.record == RecordLevel::kFull && !in_bytes);
  if (recorded && options.sink != nullptr)
    asked.before_end = [&settling](const models::AnswerEnd& end) { settling.before_end(end); };
  answered.result = co_await engine.router.answer(request, model, std::move(asked));
  models::ClientResult& result = answered.result;
  if (result.error) {
    if (auto stopped = stopped_error(*result.error, options.cancel)) {
      result.error = std::move(stopped);
      result.broken = result.begun;
    }
  }
  if (options.on_answer) options.on_answer(result);
  answered.latency =
      std::chrono::duration_cast<std::chrono::microseconds>(shared.clock.steady_now() - begin);
  if (recorded) co_await keep(engine, request, model, options, answered, start, settling);
  co_return answered;
}

}  // namespace

io::Task<Answered> Engine::answer(models::ClientRequest& request, std::string model,
                                  AnswerOptions options) {
  if (names_function(model))
    return answer_function(*this, request, std::move(model), std::move(options));
  return answer_model(*impl_, request, std::move(model), std::move(options));
}

}  // namespace sighter::functions
