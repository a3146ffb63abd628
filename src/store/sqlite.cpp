#include "store/sqlite.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "store/store.hpp"

namespace sighter::store {
namespace {

constexpr std::size_t kStatementsMax = 128;
constexpr int kStepsBetween = 2000;  // of the database's machine, between two looks at the clock

// The library counts what it allocates, under a lock for each block, for whoever asks; nobody does.
// It refuses to be told so once it is in use, which is no matter.
void prepare_library() {
  static const int told = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(told);
}

bool says_full(int system_code) {
  return system_code == ENOSPC || system_code == EDQUOT || system_code == EFBIG;
}

}  // namespace

Error sqlite_error(sqlite3* db, int code, std::string_view path) {
  // SQLite keeps the system's error for most failures, but not for that of a COMMIT.
  const int kept = db != nullptr ? sqlite3_system_errno(db) : 0;
  const int system_code = kept == 0 && says_full(errno) ? errno : kept;
  const int primary = code & 0xff;
  const bool io = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN;
  if (primary == SQLITE_FULL || (io && says_full(system_code))) {
    return {Kind::kIo, fmt::format("the store {} cannot grow: the disk or its quota is full", path),
            "free some space and run the same command again; what was finished is stored"};
  }
  switch (primary) {
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return {Kind::kForbidden,
              fmt::format("the store {} cannot be written: it is read-only", path),
              "check who owns the file and its folder, and whether the disk is mounted read-only"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Kind::kIo, fmt::format("{} is damaged, or is not a store of this program", path),
              "'sighter store check' lists what is wrong; to go on, move the file away or put a "
              "backup in its place"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Kind::kUnavailable,
              fmt::format("the store {} is locked by another process for too long", path),
              "see which process holds it open, then run the same command again"};
    case SQLITE_INTERRUPT:
      return {Kind::kTimeout, "looking through the store took too long and was stopped",
              "narrow it: since and until, or a function"};
    case SQLITE_TOOBIG:
      return {Kind::kTooLarge, fmt::format("a row for the store {} is too large", path), ""};
    case SQLITE_NOMEM:
      return {Kind::kUnavailable, fmt::format("no memory left for the store {}", path), ""};
    case SQLITE_CONSTRAINT:
      return {
          Kind::kConflict,
          fmt::format("a row contradicts what the store {} holds: {}", path, sqlite3_errmsg(db)),
          ""};
    default:
      break;
  }
  std::string words = sqlite3_errstr(code);
  if (io && system_code != 0) words += ": " + std::generic_category().message(system_code);
  if (!io && db != nullptr) words = sqlite3_errmsg(db);
  const Kind kind = io ? Kind::kIo : Kind::kInternal;
  const bool denied = system_code == EACCES || system_code == EPERM || system_code == EROFS;
  return {io && denied ? Kind::kForbidden : kind,
          fmt::format("cannot use the store {}: {}", path, words),
          io ? "check that its folder exists, who owns it, and the disk" : ""};
}

Statement::Statement(sqlite3* db, PreparedText& prepared, const std::string* path)
    : db_(db), statement_(prepared.statement), prepared_(&prepared), path_(path) {
  CHECK(!prepared.lent);
  prepared.lent = true;
}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      statement_(other.statement_),
      prepared_(std::exchange(other.prepared_, nullptr)),
      path_(other.path_),
      parameter_(other.parameter_),
      column_(other.column_),
      failed_(other.failed_),
      used_(other.used_) {}

Statement::~Statement() {
  if (prepared_ == nullptr) return;
  reset();
  prepared_->lent = false;
}

void Statement::check(int code) {
  used_ = true;
  if (code != SQLITE_OK && failed_ == 0) failed_ = code;
}

Statement& Statement::null() {
  check(sqlite3_bind_null(statement_, ++parameter_));
  return *this;
}

Statement& Statement::integer(std::int64_t value) {
  check(sqlite3_bind_int64(statement_, ++parameter_, value));
  return *this;
}

Statement& Statement::integer(std::optional<std::int64_t> value) {
  return value ? integer(*value) : null();
}

Statement& Statement::real(double value) {
  check(sqlite3_bind_double(statement_, ++parameter_, value));
  return *this;
}

Statement& Statement::text(std::string_view value) {
  // A null pointer would bind NULL.
  const char* data = value.empty() ? "" : value.data();
  check(sqlite3_bind_text64(statement_, ++parameter_, data, value.size(), SQLITE_STATIC,
                            SQLITE_UTF8));
  return *this;
}

Statement& Statement::text_or_null(std::string_view value) {
  return value.empty() ? null() : text(value);
}

Statement& Statement::blob(std::span<const std::uint8_t> value) {
  check(sqlite3_bind_blob64(statement_, ++parameter_, value.data(), value.size(), SQLITE_STATIC));
  return *this;
}

Statement& Statement::id_or_null(const Id& id) {
  return id.is_nil() ? null() : blob(id.bytes);
}

Result<bool> Statement::step() {
  column_ = 0;
  errno = 0;
  used_ = true;
  const int code = failed_ != 0 ? failed_ : sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return std::unexpected(sqlite_error(db_, code, *path_));
}

Status Statement::run() {
  const Result<bool> row = step();
  reset();
  if (!row) return std::unexpected(row.error());
  return {};
}

void Statement::reset() {
  if (!used_) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  parameter_ = 0;
  column_ = 0;
  failed_ = 0;
  used_ = false;
}

bool Statement::next_is_null() const {
  return sqlite3_column_type(statement_, column_) == SQLITE_NULL;
}

std::int64_t Statement::integer() {
  return sqlite3_column_int64(statement_, column_++);
}

std::optional<std::int64_t> Statement::integer_or_none() {
  if (!next_is_null()) return integer();
  ++column_;
  return std::nullopt;
}

double Statement::real() {
  return sqlite3_column_double(statement_, column_++);
}

std::string Statement::text() {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column_));
  const int size = sqlite3_column_bytes(statement_, column_++);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

std::string Statement::blob() {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column_));
  const int size = sqlite3_column_bytes(statement_, column_++);
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

Id Statement::id() {
  Id id;
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column_));
  const int size = sqlite3_column_bytes(statement_, column_++);
  if (data != nullptr && size == 16) std::copy_n(data, 16, id.bytes.begin());
  return id;
}

Connection::Connection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}

Connection::~Connection() {
  forget_idle_statements();
  CHECK(statements_.empty());
  sqlite3_close(db_);
}

void Connection::forget_idle_statements() {
  for (auto at = statements_.begin(); at != statements_.end();) {
    if (at->second.lent) {
      ++at;
      continue;
    }
    sqlite3_finalize(at->second.statement);
    at = statements_.erase(at);
  }
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& path, Mode mode,
                                                     const Settings& settings) {
  prepare_library();
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  if (mode == Mode::kCreate) flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (mode == Mode::kWrite) flags |= SQLITE_OPEN_READWRITE;
  if (mode == Mode::kRead || mode == Mode::kReadImmutable) flags |= SQLITE_OPEN_READONLY;
  // As a URI, so that the file may be declared immutable; '?', '#' and '%' of the path are escaped.
  std::string uri = "file:";
  for (const char c : std::filesystem::absolute(path).string()) {
    if (c == '?' || c == '#' || c == '%') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  if (mode == Mode::kReadImmutable) uri += "?immutable=1";
  sqlite3* db = nullptr;
  const char* vfs = settings.vfs.empty() ? nullptr : settings.vfs.c_str();
  const int code = sqlite3_open_v2(uri.c_str(), &db, flags, vfs);
  std::unique_ptr<Connection> connection(new Connection(db, path.string()));
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(db, code, path.string()));
  sqlite3_busy_timeout(db, settings.busy_ms);
  // A damaged or hostile file must not make SQL of its own run, nor reach beyond its cells.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  const Status safe = connection->run(
      "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON");
  if (!safe) return std::unexpected(safe.error());
  return connection;
}

Result<Statement> Connection::prepare(std::string_view sql) {
  const auto known = statements_.find(sql);
  if (known != statements_.end()) return Statement(db_, known->second, &path_);
  if (statements_.size() >= kStatementsMax) forget_idle_statements();
  sqlite3_stmt* statement = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, &tail);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(db_, code, path_));
  CHECK(statement != nullptr);
  PreparedText& prepared = statements_[std::string(sql)];
  prepared.statement = statement;
  return Statement(db_, prepared, &path_);
}

Status Connection::run(const char* script) {
  errno = 0;
  const int code = sqlite3_exec(db_, script, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(db_, code, path_));
  return {};
}

Result<std::int64_t> Connection::integer_of(std::string_view sql) {
  Result<Statement> statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->integer() : 0;
}

void Connection::stop_when(std::function<bool()> enough) {
  enough_ = std::move(enough);
  const auto ask = [](void* self) -> int {
    return static_cast<Connection*>(self)->enough_() ? 1 : 0;
  };
  if (enough_) {
    sqlite3_progress_handler(db_, kStepsBetween, ask, this);
  } else {
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
  }
}

void Connection::check_references(bool check) {
  const int code = sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, check ? 1 : 0, nullptr);
  CHECK(code == SQLITE_OK);
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(db_) == 0;
}
std::int64_t Connection::changes() const {
  return sqlite3_changes64(db_);
}
std::int64_t Connection::last_row() const {
  return sqlite3_last_insert_rowid(db_);
}

bool Connection::may_succeed_later(const Error& error) {
  return error.kind == Kind::kIo || error.kind == Kind::kForbidden ||
         error.kind == Kind::kUnavailable;
}

std::string_view engine_version() {
  return sqlite3_libversion();
}

}  // namespace sighter::store
