// Sums and quantiles, and what the file says about itself.

#include <algorithm>
#include <limits>
#include <map>

#include "store/row_reader.hpp"

namespace sighter::store {
namespace {

// Latencies in a 32-bit number of microseconds (71 minutes at most), so that a million calls take
// 4 MB.
struct Sums {
  Aggregate sums;
  std::vector<std::uint32_t> latencies;
};

// Nearest rank: the smallest value that at least `percent` of all are not above.
Micros quantile(std::vector<std::uint32_t>& values, std::size_t percent) {
  if (values.empty()) return Micros(0);
  const std::size_t rank = std::max<std::size_t>((values.size() * percent + 99) / 100, 1);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank - 1);
  std::ranges::nth_element(values, at);
  return Micros(*at);
}

std::string_view columns_of(GroupBy by) {
  switch (by) {
    case GroupBy::kNothing:
      return "0, 0";
    case GroupBy::kFunction:
      return "ifnull(call.function, 0), 0";
    case GroupBy::kVariant:
      return "ifnull(call.function, 0), ifnull(call.variant, 0)";
    case GroupBy::kModel:
      return "ifnull(call.model, 0), 0";
    case GroupBy::kKey:
      return "ifnull(call.key, 0), 0";
    case GroupBy::kDay:
      return "call.start_us / 86400000000, 0";
  }
  return "0, 0";
}

// The largest amount there is, where the sum does not fit.
void add(NanoUsd& sum, NanoUsd more) {
  if (!__builtin_add_overflow(sum.value, more.value, &sum.value)) return;
  using Limits = std::numeric_limits<std::int64_t>;
  sum.value = more.value < 0 ? Limits::min() : Limits::max();
}

void add(Sums& group, Statement& s) {
  Aggregate& sums = group.sums;
  ++sums.calls;
  const bool ok = s.integer() == static_cast<int>(CallStatus::kOk);
  if (!ok) ++sums.failed;
  const bool cache_hit = s.integer() != 0;
  if (cache_hit) ++sums.cache_hits;
  const std::int64_t latency = s.integer();
  const std::optional<std::int64_t> cost = s.integer_or_none();
  if (!cost) ++sums.unpriced;
  add(sums.cost, NanoUsd{cost.value_or(0)});
  sums.tokens.input += s.integer();
  sums.tokens.output += s.integer();
  sums.tokens.cached += s.integer();
  sums.tokens.cache_write += s.integer();
  sums.tokens.reasoning += s.integer();
  if (ok && !cache_hit) {
    group.latencies.push_back(
        static_cast<std::uint32_t>(std::clamp<std::int64_t>(latency, 0, UINT32_MAX)));
  }
}

}  // namespace

Result<std::string> RowReader::group_name(GroupBy by, std::int64_t first, std::int64_t second) {
  if (by == GroupBy::kNothing) return std::string();
  if (by == GroupBy::kDay) {
    const SystemTime day{std::chrono::duration_cast<Micros>(std::chrono::days(first))};
    return iso8601(day).substr(0, 10);
  }
  const auto of = [&](std::int64_t id) { return name(id == 0 ? std::nullopt : std::optional(id)); };
  Result<std::string> text = of(first);
  if (!text || by != GroupBy::kVariant || second == 0) return text;
  const Result<std::string> variant = of(second);
  if (!variant) return variant;
  return *text + "/" + *variant;
}

Result<std::vector<Aggregate>> RowReader::aggregate(const CallFilter& filter, GroupBy by) {
  const Condition where = condition_of(filter);
  const std::string sql = fmt::format(
      "SELECT {}, call.status, call.cache_hit, call.latency_us, call.cost_nano_usd,"
      " call.tokens_input, call.tokens_output, call.tokens_cached, call.tokens_cache_write,"
      " call.tokens_reasoning FROM call WHERE {}",
      columns_of(by), where.sql);
  std::map<std::pair<std::int64_t, std::int64_t>, Sums> groups;
  {
    Result<Statement> s = connection_->prepare(sql);
    if (!s) return std::unexpected(s.error());
    where.bind(*s);
    while (true) {
      const Result<bool> row = s->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      const std::int64_t first = s->integer();
      const std::int64_t second = s->integer();
      add(groups[{first, second}], *s);
    }
  }
  std::vector<Aggregate> aggregates;
  for (auto& [key, group] : groups) {
    Result<std::string> text = group_name(by, key.first, key.second);
    if (!text) return std::unexpected(text.error());
    group.sums.group = std::move(*text);
    group.sums.p50 = quantile(group.latencies, 50);
    group.sums.p95 = quantile(group.latencies, 95);
    aggregates.push_back(std::move(group.sums));
  }
  std::ranges::sort(aggregates, {}, &Aggregate::group);
  return aggregates;
}

Result<std::vector<std::string>> RowReader::check() {
  std::vector<std::string> findings;
  Result<Statement> s = connection_->prepare("PRAGMA integrity_check(100)");
  if (!s) return std::unexpected(s.error());
  while (true) {
    const Result<bool> row = s->step();
    if (!row) {
      // What cannot even be walked is a finding, not a failure of the check.
      findings.push_back(row.error().what);
      return findings;
    }
    if (!*row) break;
    std::string finding = s->text();
    if (finding != "ok") findings.push_back(std::move(finding));
  }
  Result<Statement> keys = connection_->prepare(
      "SELECT \"table\", count(*), parent FROM pragma_foreign_key_check GROUP BY 1, 3");
  if (!keys) return std::unexpected(keys.error());
  while (true) {
    const Result<bool> row = keys->step();
    if (!row) {
      findings.push_back(row.error().what);
      return findings;
    }
    if (!*row) return findings;
    const std::string table = keys->text();
    const std::int64_t count = keys->integer();
    findings.push_back(
        fmt::format("{} rows of {} refer to rows of {} that are gone", count, table, keys->text()));
  }
}

Result<StoreSize> RowReader::size() {
  StoreSize size;
  const Result<std::int64_t> page = connection_->integer_of("PRAGMA page_size");
  if (!page) return std::unexpected(page.error());
  const Result<std::int64_t> pages = connection_->integer_of("PRAGMA page_count");
  if (!pages) return std::unexpected(pages.error());
  const Result<std::int64_t> free = connection_->integer_of("PRAGMA freelist_count");
  if (!free) return std::unexpected(free.error());
  size.file_bytes = *page * *pages;
  size.used_bytes = *page * (*pages - *free);
  {
    Result<Statement> s = connection_->prepare(
        "SELECT t.name, (SELECT sum(d.pgsize) FROM dbstat AS d WHERE d.aggregate=TRUE AND d.name IN"
        " (SELECT name FROM sqlite_schema WHERE tbl_name=t.name)) FROM sqlite_schema AS t"
        " WHERE t.type='table' ORDER BY 2 DESC");
    if (!s) return std::unexpected(s.error());
    while (true) {
      const Result<bool> row = s->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) break;
      TableSize table;
      table.table = s->text();
      table.bytes = s->integer();
      size.tables.push_back(std::move(table));
    }
  }
  for (TableSize& table : size.tables) {
    const auto rows =
        connection_->integer_of(fmt::format("SELECT count(*) FROM \"{}\"", table.table));
    if (!rows) return std::unexpected(rows.error());
    table.rows = *rows;
  }
  return size;
}

}  // namespace sighter::store
