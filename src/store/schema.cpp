#include "store/schema.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>

namespace sighter::store {
namespace {

// Texts that repeat are in `name`. A call's trace is NULL where it is the call's own id, so that
// the index by trace holds only calls that were made by others. Long texts stand last: a scan of
// the numbers does not read them.
constexpr const char* kTables = R"sql(
CREATE TABLE name(
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE config(
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE,
  content TEXT
) STRICT;
CREATE TABLE call(
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  parent BLOB,
  trace BLOB,
  function INTEGER REFERENCES name,
  variant INTEGER REFERENCES name,
  config INTEGER REFERENCES config,
  status INTEGER NOT NULL,
  start_us INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  first_token_us INTEGER,
  tokens_input INTEGER,
  tokens_output INTEGER,
  tokens_cached INTEGER,
  tokens_cache_write INTEGER,
  tokens_reasoning INTEGER,
  cost_nano_usd INTEGER,
  cache_hit INTEGER NOT NULL,
  key INTEGER REFERENCES name,
  model INTEGER REFERENCES name,
  route INTEGER REFERENCES name,
  finish_reason INTEGER REFERENCES name,
  error_kind INTEGER REFERENCES name,
  error TEXT,
  tags TEXT,
  tried TEXT,
  input TEXT,
  output TEXT,
  extras TEXT,
  request TEXT
) STRICT;
CREATE INDEX call_by_trace ON call(trace) WHERE trace IS NOT NULL;
CREATE INDEX call_by_function ON call(function, id);
CREATE TABLE attempt(
  call INTEGER NOT NULL REFERENCES call ON DELETE CASCADE,
  number INTEGER NOT NULL,
  route INTEGER REFERENCES name,
  status INTEGER NOT NULL,
  error_kind INTEGER REFERENCES name,
  error TEXT,
  start_us INTEGER NOT NULL,
  latency_us INTEGER NOT NULL,
  first_token_us INTEGER,
  tokens_input INTEGER,
  tokens_output INTEGER,
  tokens_cached INTEGER,
  tokens_cache_write INTEGER,
  tokens_reasoning INTEGER,
  cost_nano_usd INTEGER,
  extras TEXT,
  request TEXT,
  PRIMARY KEY(call, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE body(
  id INTEGER PRIMARY KEY,
  hash BLOB NOT NULL UNIQUE
) STRICT;
CREATE TABLE output(
  fingerprint BLOB NOT NULL,
  repeat INTEGER NOT NULL,
  call INTEGER NOT NULL REFERENCES call ON DELETE CASCADE,
  body INTEGER NOT NULL REFERENCES body,
  case_key INTEGER NOT NULL,
  PRIMARY KEY(fingerprint, repeat)
) STRICT, WITHOUT ROWID;
CREATE INDEX output_by_call ON output(call);
CREATE TABLE score(
  call INTEGER NOT NULL REFERENCES call ON DELETE CASCADE,
  metric INTEGER NOT NULL,
  value REAL NOT NULL,
  reason TEXT,
  PRIMARY KEY(call, metric)
) STRICT, WITHOUT ROWID;
CREATE TABLE feedback(
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  call INTEGER REFERENCES call ON DELETE CASCADE,
  trace BLOB,
  metric INTEGER NOT NULL REFERENCES name,
  source INTEGER REFERENCES name,
  client_key TEXT UNIQUE,
  value TEXT NOT NULL,
  note TEXT,
  CHECK((call IS NULL) <> (trace IS NULL))
) STRICT;
CREATE INDEX feedback_by_call ON feedback(call) WHERE call IS NOT NULL;
CREATE INDEX feedback_by_trace ON feedback(trace) WHERE trace IS NOT NULL;
CREATE TABLE response(
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  call INTEGER REFERENCES call ON DELETE CASCADE,
  previous TEXT,
  created_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  items TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX response_by_call ON response(call) WHERE call IS NOT NULL;
CREATE INDEX response_by_expiry ON response(expires_us);
CREATE TABLE run(
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  kind INTEGER NOT NULL REFERENCES name,
  function INTEGER REFERENCES name,
  config INTEGER REFERENCES config,
  seed INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  finished_us INTEGER,
  asked TEXT,
  result TEXT
) STRICT;
CREATE TABLE verdict(
  run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  variant INTEGER NOT NULL REFERENCES name,
  verdict INTEGER NOT NULL REFERENCES name,
  score REAL NOT NULL,
  low REAL NOT NULL,
  high REAL NOT NULL,
  cases INTEGER NOT NULL,
  cases_total INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  reused INTEGER NOT NULL,
  errors INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  p50_us INTEGER,
  p95_us INTEGER,
  beaten_by INTEGER REFERENCES name,
  detail TEXT,
  PRIMARY KEY(run, variant)
) STRICT, WITHOUT ROWID;
)sql";

std::unexpected<Error> not_ours(const Connection& connection) {
  return fail(Kind::kConflict, fmt::format("{} belongs to another program", connection.path()),
              "name another file for the store");
}

std::unexpected<Error> newer(const Connection& connection, std::int64_t version, int known) {
  return fail(Kind::kConflict,
              fmt::format("the store {} has version {}; this program knows versions up to {}",
                          connection.path(), version, known),
              "update sighter, or name another file for the store");
}

struct Found {
  std::int64_t application = 0;
  std::int64_t version = 0;
  bool empty = true;
};

Result<Found> look_inside(Connection& connection) {
  Found found;
  const Result<std::int64_t> application = connection.integer_of("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  const Result<std::int64_t> version = connection.integer_of("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  const Result<std::int64_t> tables = connection.integer_of("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(tables.error());
  found.application = *application;
  found.version = *version;
  found.empty = *application == 0 && *version == 0 && *tables == 0;
  return found;
}

// The three belong together: another process may be making the store at this moment.
Result<Found> look(Connection& connection) {
  if (connection.in_transaction()) return look_inside(connection);
  if (Status s = connection.run("BEGIN"); !s) return std::unexpected(s.error());
  Result<Found> found = look_inside(connection);
  const Status ended = connection.run(found ? "COMMIT" : "ROLLBACK");
  if (found && !ended) return std::unexpected(ended.error());
  return found;
}

// Runs `work` in a write transaction, with foreign keys unchecked until its end: a migration may
// build tables anew.
template <class Work>
Status in_transaction(Connection& connection, Work&& work) {
  if (Status s = connection.run("PRAGMA foreign_keys=OFF; BEGIN IMMEDIATE"); !s) return s;
  Status done = work();
  if (done) done = connection.run("COMMIT");
  if (!done && connection.in_transaction()) (void)connection.run("ROLLBACK");
  if (Status s = connection.run("PRAGMA foreign_keys=ON"); !s && done) return s;
  return done;
}

Status stamp(Connection& connection, int version) {
  return connection.run(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kApplicationId, version)
          .c_str());
}

Status create(Connection& connection, const Schema& schema) {
  return in_transaction(connection, [&]() -> Status {
    const Result<Found> found = look(connection);
    if (!found) return std::unexpected(found.error());
    if (!found->empty) return {};  // another process was faster
    if (Status s = connection.run(schema.create); !s) return s;
    return stamp(connection, schema.version);
  });
}

Status no_dangling_keys(Connection& connection) {
  const Result<std::int64_t> dangling =
      connection.integer_of("SELECT count(*) FROM pragma_foreign_key_check");
  if (!dangling) return std::unexpected(dangling.error());
  if (*dangling == 0) return {};
  return fail(Kind::kInternal, fmt::format("{} rows of the store {} would lose what they refer to",
                                           *dangling, connection.path()));
}

Status migrate(Connection& connection, const Schema& schema, std::int64_t from) {
  const std::string copy = fmt::format("{}.v{}.bak", connection.path(), from);
  if (Status s = copy_into(connection, copy); !s) {
    Error error = s.error().in("before a store is migrated it is copied, but that failed");
    return std::unexpected(std::move(error));
  }
  return in_transaction(connection, [&]() -> Status {
    const Result<Found> found = look(connection);
    if (!found) return std::unexpected(found.error());
    if (found->version > schema.version) {
      return newer(connection, found->version, schema.version);
    }
    for (const Migration& step : schema.migrations) {
      if (step.to <= found->version) continue;
      if (Status s = connection.run(step.sql); !s) {
        Error error = s.error().in(fmt::format("cannot migrate the store to version {}", step.to));
        error.hint = fmt::format("nothing was changed; a copy is in {}", copy);
        return std::unexpected(std::move(error));
      }
    }
    if (Status s = no_dangling_keys(connection); !s) return s;
    return stamp(connection, schema.version);
  });
}

// The change to WAL needs the file for itself for a moment and does not wait for it by itself.
Status use_wal(Connection& connection, int busy_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_ms);
  while (true) {
    Result<Statement> statement = connection.prepare("PRAGMA journal_mode=WAL");
    if (!statement) return std::unexpected(statement.error());
    const Result<bool> row = statement->step();
    if (row && *row) {
      if (statement->text() == "wal") return {};
      return fail(
          Kind::kUnsupported,
          fmt::format("the store {} is on a file system without shared memory", connection.path()),
          "put the store on a local disk");
    }
    if (!row && row.error().kind != Kind::kUnavailable) return std::unexpected(row.error());
    if (std::chrono::steady_clock::now() >= deadline) {
      return row ? fail(Kind::kIo, fmt::format("cannot use the store {}", connection.path()))
                 : Status(std::unexpected(row.error()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace

const Schema& current_schema() {
  static constexpr Schema kSchema{1, kTables, {}};
  return kSchema;
}

Status establish(Connection& connection, const Schema& schema, int busy_ms) {
  Result<Found> found = look(connection);
  if (!found) return std::unexpected(found.error());
  if (found->empty) {
    // These hold only for a file without tables; the second makes pruned space go back to the disk.
    if (Status s = connection.run("PRAGMA page_size=4096; PRAGMA auto_vacuum=INCREMENTAL"); !s) {
      return s;
    }
  } else if (found->application != kApplicationId) {
    return not_ours(connection);
  }
  if (found->version > schema.version) return newer(connection, found->version, schema.version);
  if (Status s = use_wal(connection, busy_ms); !s) return s;
  if (found->empty) {
    if (Status s = create(connection, schema); !s) return s;
    found = look(connection);
    if (!found) return std::unexpected(found.error());
    if (found->application != kApplicationId) return not_ours(connection);
  }
  if (found->version < schema.version) return migrate(connection, schema, found->version);
  return {};
}

Status recognise(Connection& connection, const Schema& schema) {
  const Result<Found> found = look(connection);
  if (!found) return std::unexpected(found.error());
  if (found->empty) {
    return fail(Kind::kNotFound, fmt::format("the store {} is empty", connection.path()));
  }
  if (found->application != kApplicationId) return not_ours(connection);
  if (found->version > schema.version) return newer(connection, found->version, schema.version);
  if (found->version < schema.version) {
    return fail(Kind::kConflict,
                fmt::format("the store {} has the older version {} and cannot be migrated while "
                            "it is only read",
                            connection.path(), found->version),
                "run any command that writes, such as 'sighter store check', where it may be "
                "written");
  }
  return {};
}

Status copy_into(Connection& connection, const std::filesystem::path& target) {
  const std::string part = target.string() + ".part";
  ::unlink(part.c_str());
  // An empty file of ours first: the copy then has these permissions.
  if (::mknod(part.c_str(), S_IFREG | 0600, 0) != 0) {
    const int code = errno;
    return fail(code == EACCES || code == EROFS ? Kind::kForbidden : Kind::kIo,
                fmt::format("cannot write {}: {}", part, std::generic_category().message(code)),
                "check that its folder exists and may be written");
  }
  Status copied;
  {
    Result<Statement> vacuum = connection.prepare("VACUUM INTO ?");
    if (!vacuum) return std::unexpected(vacuum.error());
    copied = vacuum->text(part).run();
  }
  const int file = copied ? ::open(part.c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (file >= 0) {
    const bool kept = ::fsync(file) == 0;
    ::close(file);
    if (kept && ::rename(part.c_str(), target.c_str()) == 0) return {};
  }
  const int code = errno;
  ::unlink(part.c_str());
  if (!copied)
    return std::unexpected(copied.error().in(fmt::format("cannot copy to {}", target.string())));
  return fail(Kind::kIo, fmt::format("cannot write {}: {}", target.string(),
                                     std::generic_category().message(code)));
}

}  // namespace sighter::store
