#pragma once
// The one door to SQLite: connections and statements that answer with Result. For this room only.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/error.hpp"
#include "base/id.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace sighter::store {

// One entry of a connection's cache; lent to one Statement at a time.
struct PreparedText {
  sqlite3_stmt* statement = nullptr;
  bool lent = false;
};

// A prepared statement, borrowed from its connection's cache. Binding remembers the first failure;
// step() reports it. Text and blobs bound must live until the statement is reset. One thread.
class Statement {
 public:
  Statement(sqlite3* db, PreparedText& prepared, const std::string* path);
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();  // resets it and gives it back

  Statement& null();
  Statement& integer(std::int64_t value);
  Statement& integer(std::optional<std::int64_t> value);
  Statement& real(double value);
  Statement& text(std::string_view value);
  Statement& text_or_null(std::string_view value);  // NULL for the empty one
  Statement& blob(std::span<const std::uint8_t> value);
  Statement& id_or_null(const Id& id);
  Statement& id_or_null(Id&& id) = delete;  // it would be gone when it is read

  // True with a row, false at the end.
  Result<bool> step();
  // Runs a statement that answers no rows, and resets it.
  Status run();
  void reset();

  // The current row; the columns are read in order.
  bool next_is_null() const;
  void skip() { ++column_; }
  std::int64_t integer();
  std::optional<std::int64_t> integer_or_none();
  double real();
  std::string text();
  Id id();  // nil unless it is a blob of 16 bytes
  std::string blob();

 private:
  void check(int code);
  sqlite3* db_;
  sqlite3_stmt* statement_;
  PreparedText* prepared_;
  const std::string* path_;
  int parameter_ = 0;
  int column_ = 0;
  int failed_ = 0;
  bool used_ = false;  // bound or stepped since it was reset
};

// What to say of a SQLite result code. Sets of codes that people can do something about (full disk,
// read-only, damaged, locked) get words of their own.
Error sqlite_error(sqlite3* db, int code, std::string_view path);

class Connection {
 public:
  enum class Mode { kCreate, kWrite, kRead, kReadImmutable };
  struct Settings {
    std::string vfs;
    int busy_ms = 10'000;
  };
  static Result<std::unique_ptr<Connection>> open(const std::filesystem::path& path, Mode mode,
                                                  const Settings& settings);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The statement of this text, prepared once. `sql` must be one statement, and no other Statement
  // of the same text may be alive.
  Result<Statement> prepare(std::string_view sql);
  // Statements without parameters and results.
  Status run(const char* script);
  // The first column of the first row.
  Result<std::int64_t> integer_of(std::string_view sql);

  // Asked every few thousand steps of a statement, on its thread: true stops it, with kTimeout.
  // Empty: nothing does.
  void stop_when(std::function<bool()> enough);

  // Whether rows must name rows that are there, and what names a row goes with it (at first they
  // must). Outside of a transaction.
  void check_references(bool check);
  bool in_transaction() const;
  std::int64_t changes() const;
  std::int64_t last_row() const;
  const std::string& path() const { return path_; }
  // False when trying the same rows again cannot help.
  static bool may_succeed_later(const Error& error);

 private:
  Connection(sqlite3* db, std::string path);
  // Of a statement's size and end: statements are long, few, and differ in them.
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      constexpr std::size_t kEnd = 32;
      const std::size_t size = text.size();
      return std::hash<std::string_view>{}(text.substr(size - std::min(size, kEnd))) + size;
    }
  };
  void forget_idle_statements();
  sqlite3* db_;
  std::string path_;
  std::function<bool()> enough_;
  std::unordered_map<std::string, PreparedText, TextHash, std::equal_to<>> statements_;
};

}  // namespace sighter::store
