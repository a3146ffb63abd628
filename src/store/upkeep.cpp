#include "store/upkeep.hpp"

#include <thread>

#include "store/row_reader.hpp"

namespace sighter::store {
namespace {

constexpr std::int64_t kChunkCalls = 2'000;  // of one transaction, so that others get their turn
constexpr std::int64_t kFewCalls = 8;
constexpr std::int64_t kChunkPages = 2'000;

// Runs one statement, bound by `bind`, and says how many rows it changed.
template <class Bind>
Result<std::int64_t> change(Connection& connection, std::string_view sql, Bind&& bind) {
  Result<Statement> s = connection.prepare(sql);
  if (!s) return std::unexpected(s.error());
  bind(*s);
  if (Status done = s->run(); !done) return std::unexpected(done.error());
  return connection.changes();
}

Result<std::int64_t> used_bytes(Connection& connection) {
  const auto page = connection.integer_of("PRAGMA page_size");
  if (!page) return page;
  const auto pages = connection.integer_of("PRAGMA page_count");
  if (!pages) return pages;
  const auto free = connection.integer_of("PRAGMA freelist_count");
  if (!free) return free;
  return *page * (*pages - *free);
}

// Copies the log into the file and empties it, so that what was removed is not in the log either.
// Readers of older states are waited for, a little.
Status empty_log(Connection& connection) {
  Status s;
  for (int turn = 0; turn < 20; ++turn) {
    Result<Statement> checkpoint = connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!checkpoint) return std::unexpected(checkpoint.error());
    const Result<bool> row = checkpoint->step();
    if (row && *row && checkpoint->integer() == 0) return {};
    if (!row && row.error().kind != Kind::kUnavailable) return std::unexpected(row.error());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return fail(Kind::kUnavailable,
              fmt::format("the rows are removed, but a reader keeps the log of {} in use",
                          connection.path()),
              "end other commands that use the store, then run the same command again");
}

// Gives free pages back to the file system.
Status shrink(Connection& connection) {
  while (true) {
    const auto before = connection.integer_of("PRAGMA freelist_count");
    if (!before) return std::unexpected(before.error());
    if (*before == 0) return {};
    // The pragma frees one page a step; as a script it runs to its end.
    const std::string sql = fmt::format("PRAGMA incremental_vacuum({})", kChunkPages);
    if (Status s = connection.run(sql.c_str()); !s) return s;
    const auto after = connection.integer_of("PRAGMA freelist_count");
    if (!after) return std::unexpected(after.error());
    if (*after >= *before) return {};
  }
}

Result<std::int64_t> prune_older(Connection& connection, const Id& bound) {
  std::int64_t calls = 0;
  while (true) {
    const auto removed = change(
        connection,
        "DELETE FROM call WHERE row IN (SELECT row FROM call WHERE id<? ORDER BY id LIMIT ?)",
        [&](Statement& s) { s.blob(bound.bytes).integer(kChunkCalls); });
    if (!removed) return removed;
    calls += *removed;
    if (*removed < kChunkCalls) return calls;
  }
}

// How many of the oldest calls to take away at once: those that the surplus amounts to if all are
// about as large, at least kFewCalls, since a page is given back only when its last row has gone.
Result<std::int64_t> surplus_calls(Connection& connection, std::int64_t used, std::int64_t most) {
  const auto all = connection.integer_of("SELECT count(*) FROM call");
  if (!all) return all;
  const double share = static_cast<double>(used - most) / static_cast<double>(used);
  const auto surplus = static_cast<std::int64_t>(static_cast<double>(*all) * share);
  return std::clamp(surplus, kFewCalls, kChunkCalls);
}

Result<std::int64_t> prune_to_size(Connection& connection, std::int64_t bytes_max) {
  std::int64_t calls = 0;
  while (true) {
    const auto used = used_bytes(connection);
    if (!used) return used;
    if (*used <= bytes_max) return calls;
    const auto chunk = surplus_calls(connection, *used, bytes_max);
    if (!chunk) return chunk;
    const auto removed = change(
        connection, "DELETE FROM call WHERE row IN (SELECT row FROM call ORDER BY id LIMIT ?)",
        [&](Statement& s) { s.integer(*chunk); });
    if (!removed) return removed;
    calls += *removed;
    if (*removed == 0) return calls;  // the rest is not calls
  }
}

// Counts what `sql` removes into `count`.
Status add_change(Connection& connection, std::string_view sql, std::int64_t& count,
                  const std::function<void(Statement&)>& bind) {
  const auto removed = change(connection, sql, bind);
  if (!removed) return std::unexpected(removed.error());
  count += *removed;
  return {};
}

}  // namespace

Result<Erased> erase_tagged(Connection& connection, std::string_view tag, std::string_view value) {
  Erased erased;
  // The tagged calls and, down the tree, every call that they made.
  constexpr std::string_view kDoomed =
      "CREATE TEMP TABLE IF NOT EXISTS doomed(row INTEGER PRIMARY KEY, trace BLOB)";
  constexpr std::string_view kCollect =
      "WITH RECURSIVE d(row, id, trace) AS ("
      " SELECT row, id, ifnull(trace, id) FROM call WHERE CASE WHEN json_valid(tags) THEN"
      "  EXISTS(SELECT 1 FROM json_each(tags) AS t WHERE t.key=? AND CAST(t.value AS TEXT)=?)"
      "  ELSE 0 END"
      " UNION SELECT c.row, c.id, c.trace FROM d JOIN call AS c ON c.trace=d.trace AND "
      "c.parent=d.id)"
      " INSERT INTO doomed SELECT row, iif(trace=id, id, NULL) FROM d";
  Status s = connection.run(std::string(kDoomed).c_str());
  if (s) s = connection.run("BEGIN IMMEDIATE");
  std::int64_t collected = 0;
  const auto nothing = [](Statement&) {};
  if (s) {
    s = add_change(connection, kCollect, collected,
                   [&](Statement& statement) { statement.text(tag).text(value); });
  }
  if (s) {
    s = add_change(connection, "DELETE FROM feedback WHERE trace IN (SELECT trace FROM doomed)",
                   erased.other_rows, nothing);
  }
  if (s) {
    s = add_change(connection, "DELETE FROM call WHERE row IN (SELECT row FROM doomed)",
                   erased.calls, nothing);
  }
  if (s) s = connection.run("DELETE FROM doomed; COMMIT");
  if (!s) {
    if (connection.in_transaction()) (void)connection.run("ROLLBACK");
    return std::unexpected(s.error());
  }
  if (s = shrink(connection); !s) return std::unexpected(s.error());
  if (s = empty_log(connection); !s) return std::unexpected(s.error());
  return erased;
}

Result<Erased> prune_rows(Connection& connection, const PruneRequest& request, SystemTime now) {
  Erased erased;
  Status s =
      add_change(connection, "DELETE FROM response WHERE expires_us<?", erased.other_rows,
                 [&](Statement& statement) { statement.integer(now.time_since_epoch().count()); });
  if (!s) return std::unexpected(s.error());
  if (request.keep) {
    const Id bound = first_id_at(now - *request.keep);
    const auto calls = prune_older(connection, bound);
    if (!calls) return std::unexpected(calls.error());
    erased.calls += *calls;
    const auto bind = [&](Statement& statement) { statement.blob(bound.bytes); };
    s = add_change(connection, "DELETE FROM feedback WHERE trace IS NOT NULL AND id<?",
                   erased.other_rows, bind);
    if (s) s = add_change(connection, "DELETE FROM run WHERE id<?", erased.other_rows, bind);
    if (!s) return std::unexpected(s.error());
  }
  if (request.bytes_max) {
    const auto calls = prune_to_size(connection, *request.bytes_max);
    if (!calls) return std::unexpected(calls.error());
    erased.calls += *calls;
  }
  if (s = shrink(connection); !s) return std::unexpected(s.error());
  // The log is emptied when nobody reads; that it is not now is no failure of pruning.
  if (s = connection.run("PRAGMA wal_checkpoint(TRUNCATE)");
      !s && s.error().kind != Kind::kUnavailable) {
    return std::unexpected(s.error());
  }
  return erased;
}

}  // namespace sighter::store
