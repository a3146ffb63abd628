#include "store/row_writer.hpp"

#include <algorithm>
#include <cmath>

namespace sighter::store {
namespace {

constexpr std::size_t kNamesMax = 65'536;  // remembered, not stored
constexpr std::size_t kCallsMax = 16'384;
constexpr std::size_t kFingerprintBytes = 16;

std::int64_t micros(SystemTime time) {
  return time.time_since_epoch().count();
}

std::optional<std::int64_t> micros(const std::optional<Micros>& time) {
  if (!time) return std::nullopt;
  return time->count();
}

}  // namespace

std::int64_t metric_key(const Digest& metric) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) key = key << 8 | metric[i];
  return static_cast<std::int64_t>(key);
}

Interner::Interner(Connection& connection, std::string find_sql, std::string add_sql)
    : connection_(connection), find_sql_(std::move(find_sql)), add_sql_(std::move(add_sql)) {}

Result<std::int64_t> Interner::id_of(std::string_view value, bool is_blob) {
  const auto known = known_.find(value);
  if (known != known_.end()) return known->second;
  std::string text(value);
  const auto bind = [&](Statement& s) {
    if (is_blob) {
      s.blob({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    } else {
      s.text(text);
    }
  };
  std::int64_t id = 0;
  {
    Result<Statement> find = connection_.prepare(find_sql_);
    if (!find) return std::unexpected(find.error());
    bind(*find);
    const Result<bool> row = find->step();
    if (!row) return std::unexpected(row.error());
    if (*row) id = find->integer();
  }
  if (id == 0) {
    Result<Statement> add = connection_.prepare(add_sql_);
    if (!add) return std::unexpected(add.error());
    bind(*add);
    if (Status s = add->run(); !s) return std::unexpected(s.error());
    id = connection_.last_row();
    added_.push_back(text);
  }
  if (known_.size() >= kNamesMax) known_.clear();
  known_.emplace(std::move(text), id);
  return id;
}

void Interner::rolled_back() {
  for (const std::string& text : added_) known_.erase(text);
  added_.clear();
}

RowWriter::RowWriter(Connection& connection)
    : connection_(connection),
      names_(connection, "SELECT id FROM name WHERE text=?", "INSERT INTO name(text) VALUES(?)"),
      configs_(connection, "SELECT id FROM config WHERE hash=?",
               "INSERT INTO config(hash) VALUES(?)"),
      bodies_(connection, "SELECT id FROM body WHERE hash=?", "INSERT INTO body(hash) VALUES(?)") {}

void RowWriter::committed() {
  names_.committed();
  configs_.committed();
  bodies_.committed();
}

void RowWriter::rolled_back() {
  names_.rolled_back();
  configs_.rolled_back();
  bodies_.rolled_back();
  calls_.clear();
}

// References are checked here and not by the database (it looks up every name of a call anew):
// names, bodies and configurations are never removed, runs are looked up, and a call that was
// looked up is there until somebody removes it. Our own upkeep says so; of other processes the
// version tells.
Status RowWriter::begin() {
  const Result<std::int64_t> version = connection_.integer_of("PRAGMA data_version");
  if (!version) return std::unexpected(version.error());
  if (std::exchange(version_, *version) != *version) calls_.clear();
  return {};
}

bool RowWriter::only_calls(const Batch& batch) {
  return !batch.calls.empty() && batch.calls.size() == batch.row_count();
}

Result<Receipt> RowWriter::write(const Batch& batch) {
  receipt_ = {};
  if (calls_.size() > kCallsMax) calls_.clear();
  const bool remember = !batch.attempts.empty() || !batch.outputs.empty() ||
                        !batch.scores.empty() || !batch.feedback.empty() ||
                        !batch.responses.empty();
  coming_.clear();
  if (remember) {
    for (const CallRow& row : batch.calls) coming_.insert(row.id);
  }
  Status s = find_references(batch);
  if (s) s = write_each(batch.configs, [&](const auto& row) { return write_config(row); });
  if (s) s = write_each(batch.calls, [&](const auto& row) { return write_call(row, remember); });
  if (s) s = write_each(batch.attempts, [&](const auto& row) { return write_attempt(row); });
  if (s) s = write_each(batch.outputs, [&](const auto& row) { return write_output(row); });
  if (s) s = write_each(batch.scores, [&](const auto& row) { return write_score(row); });
  if (s) s = write_each(batch.feedback, [&](const auto& row) { return write_feedback(row); });
  if (s) s = write_each(batch.responses, [&](const auto& row) { return write_response(row); });
  if (s) s = write_each(batch.runs, [&](const auto& row) { return write_run(row); });
  if (s) s = write_each(batch.verdicts, [&](const auto& row) { return write_verdict(row); });
  if (!s) return std::unexpected(s.error());
  return receipt_;
}

template <class Rows, class Write>
Status RowWriter::write_each(const Rows& rows, Write&& write) {
  for (const auto& row : rows) {
    if (Status s = write(row); !s) return s;
  }
  return {};
}

Status RowWriter::find_references(const Batch& batch) {
  for (const AttemptRow& r : batch.attempts) {
    if (Status s = find_call(r.call, "an attempt"); !s) return s;
  }
  for (const OutputRow& r : batch.outputs) {
    if (Status s = find_call(r.call, "an output"); !s) return s;
  }
  for (const ScoreRow& r : batch.scores) {
    if (Status s = find_call(r.call, "a score"); !s) return s;
    if (!std::isfinite(r.value)) return fail(Kind::kInvalid, "a score must be a finite number");
  }
  for (const FeedbackRow& r : batch.feedback) {
    if (Status s = check_feedback(r); !s) return s;
  }
  for (const ResponseRow& r : batch.responses) {
    if (r.call.is_nil()) continue;
    if (Status s = find_call(r.call, "a response"); !s) return s;
  }
  for (const VerdictRow& r : batch.verdicts) {
    if (r.variant.empty() || r.verdict.empty()) {
      return fail(Kind::kInvalid, "a verdict row must name its variant and its verdict");
    }
    if (!std::isfinite(r.score) || !std::isfinite(r.low) || !std::isfinite(r.high)) {
      return fail(Kind::kInvalid, "a verdict's score and bounds must be finite numbers");
    }
    if (std::ranges::any_of(batch.runs, [&](const RunRow& run) { return run.id == r.run; })) {
      continue;
    }
    const Result<std::int64_t> run = run_row(r.run);
    if (!run) return std::unexpected(run.error());
  }
  return {};
}

Status RowWriter::find_call(const Id& id, std::string_view what) {
  if (calls_.contains(id) || coming_.contains(id)) return {};
  Result<Statement> find = connection_.prepare("SELECT row FROM call WHERE id=?");
  if (!find) return std::unexpected(find.error());
  find->blob(id.bytes);
  const Result<bool> row = find->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) {
    return fail(Kind::kNotFound,
                fmt::format("{} names the call {}, which is not stored", what, id.to_string()));
  }
  calls_.emplace(id, find->integer());
  return {};
}

Status RowWriter::check_feedback(const FeedbackRow& row) {
  if (row.call.is_nil() == row.trace.is_nil()) {
    return fail(Kind::kInvalid, "feedback belongs to one call or to one trace");
  }
  if (row.metric.empty()) return fail(Kind::kInvalid, "feedback must name a metric");
  if (!row.call.is_nil()) {
    if (Status s = find_call(row.call, "feedback"); !s) return s;
  }
  if (row.client_key.empty()) return {};
  Result<Statement> find = connection_.prepare(
      "SELECT (SELECT id FROM call WHERE row=feedback.call), trace,"
      " (SELECT text FROM name WHERE id=metric), value FROM feedback WHERE client_key=?");
  if (!find) return std::unexpected(find.error());
  find->text(row.client_key);
  const Result<bool> known = find->step();
  if (!known) return std::unexpected(known.error());
  if (!*known) return {};
  const bool same = find->id() == row.call && find->id() == row.trace &&
                    find->text() == row.metric && find->text() == row.value;
  if (same) return {};
  return fail(Kind::kConflict,
              fmt::format("the key '{}' was used for other feedback", row.client_key),
              "use a new key for new feedback");
}

Result<std::optional<std::int64_t>> RowWriter::name(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const Result<std::int64_t> id = names_.id_of(text, false);
  if (!id) return std::unexpected(id.error());
  return *id;
}

Result<std::optional<std::int64_t>> RowWriter::config_id(const std::optional<Digest>& hash) {
  if (!hash) return std::nullopt;
  const Result<std::int64_t> id =
      configs_.id_of({reinterpret_cast<const char*>(hash->data()), hash->size()}, true);
  if (!id) return std::unexpected(id.error());
  return *id;
}

Result<std::int64_t> RowWriter::run_row(const Id& id) {
  Result<Statement> find = connection_.prepare("SELECT row FROM run WHERE id=?");
  if (!find) return std::unexpected(find.error());
  find->blob(id.bytes);
  const Result<bool> row = find->step();
  if (!row) return std::unexpected(row.error());
  if (*row) return find->integer();
  return fail(Kind::kNotFound,
              fmt::format("a verdict names the run {}, which is not stored", id.to_string()));
}

std::optional<std::int64_t> RowWriter::call_row(const Id& id) const {
  const auto at = calls_.find(id);
  if (at == calls_.end()) return std::nullopt;
  return at->second;
}

Status RowWriter::insert(Statement& statement) {
  if (Status s = statement.run(); !s) return s;
  ++(connection_.changes() > 0 ? receipt_.written : receipt_.known_already);
  return {};
}

Status RowWriter::write_config(const ConfigRow& row) {
  const Result<std::optional<std::int64_t>> id = config_id(row.hash);
  if (!id) return std::unexpected(id.error());
  Result<Statement> s =
      connection_.prepare("UPDATE config SET content=? WHERE id=? AND content IS NULL");
  if (!s) return std::unexpected(s.error());
  s->text(row.content).integer(**id);
  return insert(*s);
}

Result<CallNames> RowWriter::names_of(const CallRow& row) {
  CallNames names;
  const std::pair<std::string_view, CallNames::Name*> texts[] = {
      {row.function, &names.function},
      {row.variant, &names.variant},
      {row.key, &names.key},
      {row.model, &names.model},
      {row.route, &names.route},
      {row.finish_reason, &names.finish_reason},
      {row.error_kind, &names.error_kind},
  };
  for (const auto& [text, id] : texts) {
    const auto found = name(text);
    if (!found) return std::unexpected(found.error());
    *id = *found;
  }
  const auto config = config_id(row.config);
  if (!config) return std::unexpected(config.error());
  names.config = *config;
  return names;
}

Status RowWriter::write_calls(std::span<const CallRow* const> rows, std::vector<bool>& written) {
  written.clear();
  while (!rows.empty()) {
    const bool together = rows.size() >= kCallsTogether;
    const auto some = rows.first(together ? kCallsTogether : 1);
    rows = rows.subspan(some.size());
    CallColumns columns = CallColumns::kFew;
    CallNames names[kCallsTogether];
    for (std::size_t i = 0; i < some.size(); ++i) {
      Result<CallNames> found = names_of(*some[i]);
      if (!found) return std::unexpected(found.error());
      names[i] = *found;
      if (columns_of(*some[i]) == CallColumns::kAll) columns = CallColumns::kAll;
    }
    {
      Result<Statement> s = connection_.prepare(insert_calls(columns, together));
      if (!s) return std::unexpected(s.error());
      for (std::size_t i = 0; i < some.size(); ++i) bind_call(*s, columns, *some[i], names[i]);
      if (Status done = s->run(); !done) return done;
    }
    if (Status done = note_written(some, written); !done) return done;
  }
  return {};
}

// What became of the rows of the last statement.
Status RowWriter::note_written(std::span<const CallRow* const> rows, std::vector<bool>& written) {
  const std::int64_t changes = connection_.changes();
  const bool all = changes == static_cast<std::int64_t>(rows.size());
  if (all || changes == 0) {
    written.insert(written.end(), rows.size(), all);
    return {};
  }
  // Some were there already: the others have the highest numbers.
  const std::int64_t before = connection_.last_row() - changes;
  std::unordered_set<std::int64_t> seen;
  for (const CallRow* row : rows) {
    Result<Statement> find = connection_.prepare("SELECT row FROM call WHERE id=?");
    if (!find) return std::unexpected(find.error());
    const Result<bool> found = find->blob(row->id.bytes).step();
    if (!found) return std::unexpected(found.error());
    const std::int64_t number = *found ? find->integer() : 0;
    written.push_back(number > before && seen.insert(number).second);
  }
  return {};
}

Status RowWriter::write_call(const CallRow& row, bool remember) {
  const Result<CallNames> names = names_of(row);
  if (!names) return std::unexpected(names.error());
  const CallColumns columns = columns_of(row);
  Result<Statement> s = connection_.prepare(insert_calls(columns, false));
  if (!s) return std::unexpected(s.error());
  bind_call(*s, columns, row, *names);
  if (Status done = insert(*s); !done) return done;
  if (!remember) return {};
  if (connection_.changes() > 0) {
    calls_[row.id] = connection_.last_row();
    return {};
  }
  coming_.erase(row.id);  // it is in the table already: look it up there
  return find_call(row.id, "a batch");
}

Status RowWriter::write_attempt(const AttemptRow& row) {
  const auto route = name(row.route);
  if (!route) return std::unexpected(route.error());
  const auto error_kind = name(row.error_kind);
  if (!error_kind) return std::unexpected(error_kind.error());
  Result<Statement> s = connection_.prepare(
      "INSERT INTO attempt(call, number, route, status, error_kind, error, start_us, latency_us,"
      " first_token_us, tokens_input, tokens_output, tokens_cached, tokens_cache_write,"
      " tokens_reasoning, cost_nano_usd, extras, request)"
      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  if (!s) return std::unexpected(s.error());
  s->integer(call_row(row.call)).integer(row.number).integer(*route);
  s->integer(static_cast<int>(row.status)).integer(*error_kind).text_or_null(row.error);
  s->integer(micros(row.start)).integer(row.latency.count()).integer(micros(row.first_token));
  bind_usage(*s, row.tokens, row.cost);
  s->text_or_null(row.extras).text_or_null(row.request);
  return insert(*s);
}

Status RowWriter::write_output(const OutputRow& row) {
  const Result<std::int64_t> body =
      bodies_.id_of({reinterpret_cast<const char*>(row.body.data()), kFingerprintBytes}, true);
  if (!body) return std::unexpected(body.error());
  // The first output stands: what was paid for once is what is used again.
  Result<Statement> s = connection_.prepare(
      "INSERT INTO output(fingerprint, repeat, call, body, case_key) VALUES(?,?,?,?,?)"
      " ON CONFLICT DO NOTHING");
  if (!s) return std::unexpected(s.error());
  s->blob(std::span(row.fingerprint).first(kFingerprintBytes)).integer(row.repeat);
  s->integer(call_row(row.call)).integer(*body);
  s->integer(static_cast<std::int64_t>(row.case_key));
  return insert(*s);
}

Status RowWriter::write_score(const ScoreRow& row) {
  Result<Statement> s = connection_.prepare(
      "INSERT INTO score(call, metric, value, reason) VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET"
      " value=excluded.value, reason=excluded.reason");
  if (!s) return std::unexpected(s.error());
  s->integer(call_row(row.call)).integer(metric_key(row.metric)).real(row.value);
  s->text_or_null(row.reason);
  return insert(*s);
}

Status RowWriter::write_feedback(const FeedbackRow& row) {
  const auto metric = name(row.metric);
  if (!metric) return std::unexpected(metric.error());
  const auto source = name(row.source);
  if (!source) return std::unexpected(source.error());
  Result<Statement> s = connection_.prepare(
      "INSERT INTO feedback(id, call, trace, metric, source, client_key, value, note)"
      " VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
  if (!s) return std::unexpected(s.error());
  s->blob(row.id.bytes).integer(row.call.is_nil() ? std::nullopt : call_row(row.call));
  s->id_or_null(row.trace).integer(*metric).integer(*source).text_or_null(row.client_key);
  s->text(row.value).text_or_null(row.note);
  if (Status done = insert(*s); !done || connection_.changes() > 0) return done;
  if (row.client_key.empty()) return {};
  Result<Statement> first = connection_.prepare("SELECT id FROM feedback WHERE client_key=?");
  if (!first) return std::unexpected(first.error());
  first->text(row.client_key);
  const Result<bool> found = first->step();
  if (!found) return std::unexpected(found.error());
  if (*found) receipt_.known_feedback = first->id();
  return {};
}

Status RowWriter::write_response(const ResponseRow& row) {
  if (row.expires == kRemoved) {
    Result<Statement> s = connection_.prepare("DELETE FROM response WHERE id=?");
    if (!s) return std::unexpected(s.error());
    s->text(row.id);
    return insert(*s);
  }
  // An upstream that gives one id twice means the later one.
  Result<Statement> s = connection_.prepare(
      "INSERT INTO response(id, call, previous, created_us, expires_us, items, body)"
      " VALUES(?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET call=excluded.call,"
      " previous=excluded.previous, created_us=excluded.created_us,"
      " expires_us=excluded.expires_us, items=excluded.items, body=excluded.body");
  if (!s) return std::unexpected(s.error());
  s->text(row.id).integer(row.call.is_nil() ? std::nullopt : call_row(row.call));
  s->text_or_null(row.previous).integer(micros(row.created)).integer(micros(row.expires));
  s->text(row.items).text(row.body);
  return insert(*s);
}

Status RowWriter::write_run(const RunRow& row) {
  const auto kind = name(row.kind.empty() ? std::string_view("run") : row.kind);
  if (!kind) return std::unexpected(kind.error());
  const auto function = name(row.function);
  if (!function) return std::unexpected(function.error());
  const auto config = config_id(row.config);
  if (!config) return std::unexpected(config.error());
  Result<Statement> s = connection_.prepare(
      "INSERT INTO run(id, kind, function, config, seed, started_us, finished_us, asked, result)"
      " VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET kind=excluded.kind,"
      " function=excluded.function, config=excluded.config, seed=excluded.seed,"
      " started_us=excluded.started_us, finished_us=excluded.finished_us, asked=excluded.asked,"
      " result=excluded.result");
  if (!s) return std::unexpected(s.error());
  s->blob(row.id.bytes).integer(*kind).integer(*function).integer(*config);
  s->integer(static_cast<std::int64_t>(row.seed)).integer(micros(row.started));
  s->integer(row.finished ? std::optional(micros(*row.finished)) : std::nullopt);
  s->text_or_null(row.asked).text_or_null(row.result);
  return insert(*s);
}

Status RowWriter::write_verdict(const VerdictRow& row) {
  const Result<std::int64_t> run = run_row(row.run);
  if (!run) return std::unexpected(run.error());
  const std::string_view texts[] = {row.variant, row.verdict, row.beaten_by};
  std::optional<std::int64_t> ids[std::size(texts)];
  for (std::size_t i = 0; i < std::size(texts); ++i) {
    const auto id = name(texts[i]);
    if (!id) return std::unexpected(id.error());
    ids[i] = *id;
  }
  Result<Statement> s = connection_.prepare(
      "INSERT OR REPLACE INTO verdict(run, variant, verdict, score, low, high, cases, cases_total,"
      " calls, reused, errors, cost_nano_usd, p50_us, p95_us, beaten_by, detail)"
      " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
  if (!s) return std::unexpected(s.error());
  s->integer(*run).integer(ids[0]).integer(ids[1]).real(row.score).real(row.low).real(row.high);
  s->integer(row.cases).integer(row.cases_total).integer(row.calls).integer(row.reused);
  s->integer(row.errors).integer(row.cost.value).integer(micros(row.p50)).integer(micros(row.p95));
  s->integer(ids[2]).text_or_null(row.detail);
  return insert(*s);
}

}  // namespace sighter::store
