#include "store/row_reader.hpp"

#include <algorithm>

#include "store/row_writer.hpp"

namespace sighter::store {
namespace {

// The columns in the order in which read_call() takes them.
constexpr std::string_view kCallColumns =
    "call.id, call.parent, call.trace, call.function, call.variant, call.config, call.status,"
    " call.start_us, call.latency_us, call.first_token_us, call.tokens_input, call.tokens_output,"
    " call.tokens_cached, call.tokens_cache_write, call.tokens_reasoning, call.cost_nano_usd,"
    " call.cache_hit, call.key, call.model, call.route, call.finish_reason, call.error_kind,"
    " call.error, call.tags, call.tried, call.input, call.output";
constexpr std::string_view kMoreTexts = ", call.extras, call.request";
constexpr std::string_view kFeedbackColumns =
    "feedback.id, (SELECT c.id FROM call AS c WHERE c.row=feedback.call), feedback.trace,"
    " feedback.metric, feedback.source, feedback.client_key, feedback.value, feedback.note";
constexpr std::string_view kRunColumns =
    "run.id, run.kind, run.function, run.config, run.seed, run.started_us, run.finished_us,"
    " run.asked, run.result";
constexpr std::size_t kNamesMax = 65'536;

SystemTime time_of(std::int64_t micros) {
  return SystemTime(Micros(micros));
}

std::optional<Micros> micros_of(std::optional<std::int64_t> value) {
  if (!value) return std::nullopt;
  return Micros(*value);
}

std::optional<Tokens> read_tokens(Statement& s) {
  const std::optional<std::int64_t> input = s.integer_or_none();
  Tokens tokens{input.value_or(0), s.integer(), s.integer(), s.integer(), s.integer()};
  if (!input) return std::nullopt;
  return tokens;
}

std::optional<NanoUsd> read_cost(Statement& s) {
  const std::optional<std::int64_t> cost = s.integer_or_none();
  if (!cost) return std::nullopt;
  return NanoUsd{*cost};
}

CallStatus status_of(std::int64_t value) {
  return value >= 0 && value <= 4 ? static_cast<CallStatus>(value) : CallStatus::kError;
}

std::span<const std::uint8_t> fingerprint_of(const Digest& digest) {
  return std::span(digest).first(16);
}

void take_prefix(Digest& digest, std::string_view bytes) {
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
}

// The first row that `read` makes of the statement's, or nullopt.
template <class Read>
auto first_of(Statement& s, Read&& read)
    -> Result<std::optional<typename std::remove_cvref_t<decltype(read(s))>::value_type>> {
  const Result<bool> row = s.step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  auto value = read(s);
  if (!value) return std::unexpected(value.error());
  return std::move(*value);
}

template <class Read>
auto all_of(Statement& s, Read&& read)
    -> Result<std::vector<typename std::remove_cvref_t<decltype(read(s))>::value_type>> {
  std::vector<typename std::remove_cvref_t<decltype(read(s))>::value_type> rows;
  while (true) {
    const Result<bool> row = s.step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return rows;
    auto value = read(s);
    if (!value) return std::unexpected(value.error());
    rows.push_back(std::move(*value));
  }
}

}  // namespace

RowReader::RowReader(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

Result<std::string> RowReader::name(std::optional<std::int64_t> id) {
  if (!id) return std::string();
  const auto known = names_.find(*id);
  if (known != names_.end()) return known->second;
  Result<Statement> s = connection_->prepare("SELECT text FROM name WHERE id=?");
  if (!s) return std::unexpected(s.error());
  s->integer(*id);
  const Result<bool> row = s->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::string();
  if (names_.size() >= kNamesMax) names_.clear();
  return names_.emplace(*id, s->text()).first->second;
}

Result<std::optional<Digest>> RowReader::config_hash(std::optional<std::int64_t> id) {
  if (!id) return std::nullopt;
  const auto known = configs_.find(*id);
  if (known != configs_.end()) return known->second;
  Result<Statement> s = connection_->prepare("SELECT hash FROM config WHERE id=?");
  if (!s) return std::unexpected(s.error());
  s->integer(*id);
  const Result<bool> row = s->step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  Digest hash{};
  take_prefix(hash, s->blob());
  return configs_.emplace(*id, hash).first->second;
}

Result<CallRow> RowReader::read_call(Statement& s, Texts texts) {
  CallRow row;
  row.id = s.id();
  row.parent = s.id();
  row.trace = s.id();
  if (row.trace.is_nil()) row.trace = row.id;
  const auto function = s.integer_or_none();
  const auto variant = s.integer_or_none();
  const auto config = config_hash(s.integer_or_none());
  if (!config) return std::unexpected(config.error());
  row.config = *config;
  row.status = status_of(s.integer());
  row.start = time_of(s.integer());
  row.latency = Micros(s.integer());
  row.first_token = micros_of(s.integer_or_none());
  row.tokens = read_tokens(s);
  row.cost = read_cost(s);
  row.cache_hit = s.integer() != 0;
  std::string* const targets[] = {&row.function, &row.variant,       &row.key,       &row.model,
                                  &row.route,    &row.finish_reason, &row.error_kind};
  for (std::size_t i = 0; i < std::size(targets); ++i) {
    const auto id = i == 0 ? function : i == 1 ? variant : s.integer_or_none();
    Result<std::string> text = name(id);
    if (!text) return std::unexpected(text.error());
    *targets[i] = std::move(*text);
  }
  row.error = s.text();
  row.tags = s.text();
  row.tried = s.text();
  row.input = s.text();
  row.output = s.text();
  if (texts == Texts::kForReuse) return row;
  row.extras = s.text();
  row.request = s.text();
  return row;
}

Result<std::optional<CallRow>> RowReader::call(const Id& id) {
  static const std::string sql =
      fmt::format("SELECT {}{} FROM call WHERE id=?", kCallColumns, kMoreTexts);
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  s->blob(id.bytes);
  return first_of(*s, [&](Statement& row) { return read_call(row, Texts::kAll); });
}

Result<std::optional<CallRow>> RowReader::output(const Digest& fingerprint, int repeat) {
  static const std::string sql = fmt::format(
      "SELECT {} FROM output JOIN call ON call.row=output.call WHERE fingerprint=? AND repeat=?",
      kCallColumns);
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  s->blob(fingerprint_of(fingerprint)).integer(repeat);
  return first_of(*s, [&](Statement& row) { return read_call(row, Texts::kForReuse); });
}

Result<std::optional<ScoreValue>> RowReader::score(const Id& call, std::int64_t metric) {
  Result<Statement> s = connection_->prepare(
      "SELECT value, reason FROM score WHERE call=(SELECT row FROM call WHERE id=?) AND metric=?");
  if (!s) return std::unexpected(s.error());
  s->blob(call.bytes).integer(metric);
  return first_of(*s, [](Statement& row) -> Result<ScoreValue> {
    ScoreValue value;
    value.value = row.real();
    value.reason = row.text();
    return value;
  });
}

Result<std::optional<ResponseRow>> RowReader::response(std::string_view id) {
  Result<Statement> s = connection_->prepare(
      "SELECT id, (SELECT id FROM call WHERE row=response.call), previous, created_us, expires_us,"
      " items, body FROM response WHERE id=?");
  if (!s) return std::unexpected(s.error());
  s->text(id);
  return first_of(*s, [](Statement& row) -> Result<ResponseRow> {
    ResponseRow r;
    r.id = row.text();
    r.call = row.id();
    r.previous = row.text();
    r.created = time_of(row.integer());
    r.expires = time_of(row.integer());
    r.items = row.text();
    r.body = row.text();
    return r;
  });
}

Result<std::vector<CallRow>> RowReader::trace(const Id& trace) {
  static const std::string sql =
      fmt::format("SELECT {}{} FROM call WHERE trace=? ORDER BY id", kCallColumns, kMoreTexts);
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  s->blob(trace.bytes);
  return all_of(*s, [&](Statement& row) { return read_call(row, Texts::kAll); });
}

Result<bool> RowReader::has_trace(const Id& trace) {
  Result<Statement> s = connection_->prepare(
      "SELECT EXISTS(SELECT 1 FROM call WHERE trace=?1)"
      " OR EXISTS(SELECT 1 FROM call WHERE id=?2 AND trace IS NULL)");
  if (!s) return std::unexpected(s.error());
  s->blob(trace.bytes).blob(trace.bytes);
  const Result<bool> row = s->step();
  if (!row) return std::unexpected(row.error());
  return s->integer() != 0;
}

Result<FeedbackRow> RowReader::read_feedback(Statement& s) {
  FeedbackRow row;
  row.id = s.id();
  row.call = s.id();
  row.trace = s.id();
  Result<std::string> metric = name(s.integer_or_none());
  if (!metric) return std::unexpected(metric.error());
  row.metric = std::move(*metric);
  Result<std::string> source = name(s.integer_or_none());
  if (!source) return std::unexpected(source.error());
  row.source = std::move(*source);
  row.client_key = s.text();
  row.value = s.text();
  row.note = s.text();
  return row;
}

Status RowReader::details(CallTree& tree) {
  const Id& id = tree.call.id;
  {
    Result<Statement> s = connection_->prepare(
        "SELECT number, route, status, error_kind, error, start_us, latency_us, first_token_us,"
        " tokens_input, tokens_output, tokens_cached, tokens_cache_write, tokens_reasoning,"
        " cost_nano_usd, extras, request FROM attempt WHERE call=(SELECT row FROM call WHERE id=?)"
        " ORDER BY number");
    if (!s) return std::unexpected(s.error());
    s->blob(id.bytes);
    auto rows = all_of(*s, [&](Statement& row) -> Result<AttemptRow> {
      AttemptRow r;
      r.call = id;
      r.number = static_cast<int>(row.integer());
      Result<std::string> route = name(row.integer_or_none());
      if (!route) return std::unexpected(route.error());
      r.route = std::move(*route);
      r.status = status_of(row.integer());
      Result<std::string> kind = name(row.integer_or_none());
      if (!kind) return std::unexpected(kind.error());
      r.error_kind = std::move(*kind);
      r.error = row.text();
      r.start = time_of(row.integer());
      r.latency = Micros(row.integer());
      r.first_token = micros_of(row.integer_or_none());
      r.tokens = read_tokens(row);
      r.cost = read_cost(row);
      r.extras = row.text();
      r.request = row.text();
      return r;
    });
    if (!rows) return std::unexpected(rows.error());
    tree.attempts = std::move(*rows);
  }
  {
    // A trace's feedback hangs on its first call.
    static const std::string sql = fmt::format(
        "SELECT {} FROM feedback WHERE call=(SELECT row FROM call WHERE id=?1) OR trace=?2"
        " ORDER BY id",
        kFeedbackColumns);
    Result<Statement> s = connection_->prepare(sql);
    if (!s) return std::unexpected(s.error());
    s->blob(id.bytes);
    const Id of_trace = tree.call.trace == id ? id : Id{};
    s->id_or_null(of_trace);
    auto rows = all_of(*s, [&](Statement& row) { return read_feedback(row); });
    if (!rows) return std::unexpected(rows.error());
    tree.feedback = std::move(*rows);
  }
  Result<Statement> s = connection_->prepare(
      "SELECT metric, value, reason FROM score WHERE call=(SELECT row FROM call WHERE id=?)");
  if (!s) return std::unexpected(s.error());
  s->blob(id.bytes);
  auto rows = all_of(*s, [&](Statement& row) -> Result<ScoreRow> {
    ScoreRow r;
    r.call = id;
    const auto key = static_cast<std::uint64_t>(row.integer());
    for (std::size_t i = 0; i < 8; ++i)
      r.metric[i] = static_cast<std::uint8_t>(key >> (56 - 8 * i));
    r.value = row.real();
    r.reason = row.text();
    return r;
  });
  if (!rows) return std::unexpected(rows.error());
  tree.scores = std::move(*rows);
  return {};
}

Result<bool> RowReader::names_known(const CallFilter& filter) {
  for (const auto* wanted : {&filter.function, &filter.variant, &filter.model, &filter.key}) {
    if (!*wanted || (*wanted)->empty()) continue;
    Result<Statement> s = connection_->prepare("SELECT 1 FROM name WHERE text=?");
    if (!s) return std::unexpected(s.error());
    s->text(**wanted);
    const Result<bool> row = s->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return false;
  }
  return true;
}

Result<CallPage> RowReader::list(const CallFilter& filter, std::size_t count,
                                 std::optional<Id> before) {
  const Result<bool> known = names_known(filter);
  if (!known) return std::unexpected(known.error());
  if (!*known) return CallPage{};
  const Condition where = condition_of(filter);
  const std::string sql =
      fmt::format("SELECT {}{} FROM call WHERE {}{} ORDER BY call.id DESC LIMIT ?", kCallColumns,
                  kMoreTexts, where.sql, before ? " AND call.id<?" : "");
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  where.bind(*s);
  if (before) s->blob(before->bytes);
  s->integer(static_cast<std::int64_t>(count) + 1);
  auto rows = all_of(*s, [&](Statement& row) { return read_call(row, Texts::kAll); });
  if (!rows) return std::unexpected(rows.error());
  CallPage page{std::move(*rows), std::nullopt};
  if (page.calls.size() > count) {
    page.calls.pop_back();
    page.next = page.calls.back().id;
  }
  return page;
}

Result<std::vector<Id>> RowReader::ids_between(const Id& low, const Id& high, std::size_t count) {
  Result<Statement> s =
      connection_->prepare("SELECT id FROM call WHERE id>=? AND id<=? ORDER BY id LIMIT ?");
  if (!s) return std::unexpected(s.error());
  s->blob(low.bytes).blob(high.bytes).integer(static_cast<std::int64_t>(count));
  return all_of(*s, [](Statement& row) -> Result<Id> { return row.id(); });
}

Result<std::vector<OutputRow>> RowReader::outputs_of(const Digest& body) {
  Result<Statement> s = connection_->prepare(
      "SELECT output.fingerprint, output.repeat, output.case_key, call.id FROM output"
      " JOIN call ON call.row=output.call WHERE output.body=(SELECT id FROM body WHERE hash=?)");
  if (!s) return std::unexpected(s.error());
  s->blob(fingerprint_of(body));
  return all_of(*s, [&](Statement& row) -> Result<OutputRow> {
    OutputRow r;
    take_prefix(r.fingerprint, row.blob());
    r.repeat = static_cast<int>(row.integer());
    r.body = body;
    r.case_key = static_cast<std::uint64_t>(row.integer());
    r.call = row.id();
    return r;
  });
}

Result<std::vector<FeedbackRow>> RowReader::feedback_of(const CallFilter& filter,
                                                        std::size_t count) {
  const Condition where = condition_of(filter);
  const std::string sql = fmt::format(
      "SELECT {} FROM feedback JOIN call ON call.row=feedback.call WHERE {}"
      " ORDER BY feedback.id DESC LIMIT ?",
      kFeedbackColumns, where.sql);
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  where.bind(*s);
  s->integer(static_cast<std::int64_t>(count));
  return all_of(*s, [&](Statement& row) { return read_feedback(row); });
}

Result<RunRow> RowReader::read_run(Statement& s) {
  RunRow row;
  row.id = s.id();
  Result<std::string> kind = name(s.integer_or_none());
  if (!kind) return std::unexpected(kind.error());
  row.kind = std::move(*kind);
  Result<std::string> function = name(s.integer_or_none());
  if (!function) return std::unexpected(function.error());
  row.function = std::move(*function);
  const auto config = config_hash(s.integer_or_none());
  if (!config) return std::unexpected(config.error());
  row.config = *config;
  row.seed = static_cast<std::uint64_t>(s.integer());
  row.started = time_of(s.integer());
  if (const auto finished = s.integer_or_none()) row.finished = time_of(*finished);
  row.asked = s.text();
  row.result = s.text();
  return row;
}

Result<std::optional<RunRow>> RowReader::run(const Id& id) {
  static const std::string sql = fmt::format("SELECT {} FROM run WHERE id=?", kRunColumns);
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  s->blob(id.bytes);
  return first_of(*s, [&](Statement& row) { return read_run(row); });
}

Result<std::vector<RunRow>> RowReader::runs(const std::optional<std::string>& function,
                                            std::size_t count) {
  const std::string sql =
      fmt::format("SELECT {} FROM run WHERE {} ORDER BY id DESC LIMIT ?", kRunColumns,
                  function ? "function IS (SELECT id FROM name WHERE text=?)" : "1");
  Result<Statement> s = connection_->prepare(sql);
  if (!s) return std::unexpected(s.error());
  if (function) s->text(*function);
  s->integer(static_cast<std::int64_t>(count));
  return all_of(*s, [&](Statement& row) { return read_run(row); });
}

Result<std::vector<VerdictRow>> RowReader::verdicts(const Id& run) {
  Result<Statement> s = connection_->prepare(
      "SELECT variant, verdict, beaten_by, score, low, high, cases, cases_total, calls, reused,"
      " errors, cost_nano_usd, p50_us, p95_us, detail FROM verdict"
      " WHERE run=(SELECT row FROM run WHERE id=?)");
  if (!s) return std::unexpected(s.error());
  s->blob(run.bytes);
  return all_of(*s, [&](Statement& row) -> Result<VerdictRow> {
    VerdictRow r;
    r.run = run;
    for (std::string* target : {&r.variant, &r.verdict, &r.beaten_by}) {
      Result<std::string> text = name(row.integer_or_none());
      if (!text) return std::unexpected(text.error());
      *target = std::move(*text);
    }
    r.score = row.real();
    r.low = row.real();
    r.high = row.real();
    r.cases = row.integer();
    r.cases_total = row.integer();
    r.calls = row.integer();
    r.reused = row.integer();
    r.errors = row.integer();
    r.cost = NanoUsd{row.integer()};
    r.p50 = micros_of(row.integer_or_none());
    r.p95 = micros_of(row.integer_or_none());
    r.detail = row.text();
    return r;
  });
}

Result<std::optional<ConfigRow>> RowReader::config(const Digest& hash) {
  Result<Statement> s =
      connection_->prepare("SELECT content FROM config WHERE hash=? AND content IS NOT NULL");
  if (!s) return std::unexpected(s.error());
  s->blob(hash);
  return first_of(*s, [&](Statement& row) -> Result<ConfigRow> {
    return ConfigRow{hash, row.text()};
  });
}

}  // namespace sighter::store
