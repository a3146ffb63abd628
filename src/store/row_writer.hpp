#pragma once
// Batches to tables. Used by the writer's thread alone, inside its transactions. For this room
// only.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "store/call_statement.hpp"
#include "store/rows.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace sighter::store {

// When a response expires of which only its removal is left to do.
inline constexpr SystemTime kRemoved{};

// The ids of texts and hashes that rows refer to, remembered so that each is looked up once. What
// was added in a transaction that failed is forgotten again.
class Interner {
 public:
  Interner(Connection& connection, std::string find_sql, std::string add_sql);
  Result<std::int64_t> id_of(std::string_view value, bool is_blob);
  void committed() { added_.clear(); }
  void rolled_back();

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  Connection& connection_;
  std::string find_sql_;
  std::string add_sql_;
  std::unordered_map<std::string, std::int64_t, TextHash, std::equal_to<>> known_;
  std::vector<std::string> added_;
};

class RowWriter {
 public:
  explicit RowWriter(Connection& connection);

  // To be called first in each transaction.
  Status begin();
  // Whether a batch is nothing but calls, which write_calls() writes cheaper.
  static bool only_calls(const Batch& batch);
  // Writes calls; `written` says of each whether it was, or there already. After an error the
  // transaction must be rolled back.
  Status write_calls(std::span<const CallRow* const> rows, std::vector<bool>& written);
  // Writes the rows. kNotFound, kConflict and kInvalid are found before the first row is written;
  // after any other error the transaction must be rolled back.
  Result<Receipt> write(const Batch& batch);
  void committed();
  void rolled_back();
  // To be called after calls were deleted.
  void forget_calls() { calls_.clear(); }

 private:
  Status find_references(const Batch& batch);
  Status find_call(const Id& id, std::string_view what);
  Status check_feedback(const FeedbackRow& row);
  Result<std::optional<std::int64_t>> name(std::string_view text);
  Result<CallNames> names_of(const CallRow& row);
  Status note_written(std::span<const CallRow* const> rows, std::vector<bool>& written);
  Result<std::optional<std::int64_t>> config_id(const std::optional<Digest>& hash);
  Result<std::int64_t> run_row(const Id& id);
  std::optional<std::int64_t> call_row(const Id& id) const;

  Status write_config(const ConfigRow& row);
  Status write_call(const CallRow& row, bool remember);
  Status write_attempt(const AttemptRow& row);
  Status write_output(const OutputRow& row);
  Status write_score(const ScoreRow& row);
  Status write_feedback(const FeedbackRow& row);
  Status write_response(const ResponseRow& row);
  Status write_run(const RunRow& row);
  Status write_verdict(const VerdictRow& row);
  Status insert(Statement& statement);  // counts what was written
  template <class Rows, class Write>
  Status write_each(const Rows& rows, Write&& write);

  Connection& connection_;
  Interner names_;
  Interner configs_;
  Interner bodies_;
  std::unordered_map<Id, std::int64_t> calls_;  // rows of calls that others refer to
  std::unordered_set<Id> coming_;               // calls of the batch being written
  Receipt receipt_;
  std::int64_t version_ = 0;  // of the data; another one: other processes have written
};

// The first bytes of a metric's hash, as the table holds it.
std::int64_t metric_key(const Digest& metric);

}  // namespace sighter::store
