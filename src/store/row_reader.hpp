#pragma once
// Tables to rows, over one connection that only reads. One thread at a time. For this room only.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/rows.hpp"
#include "store/sqlite.hpp"
#include "store/store.hpp"

namespace sighter::store {

// A condition on the table `call`, with the values to bind for its question marks.
struct Condition {
  std::string sql;  // "1" when there is none
  std::vector<std::string> texts;
  // In the order of the question marks: a text (index into texts), a number or an id.
  struct Value {
    enum class Type { kText, kNumber, kId } type;
    std::int64_t number = 0;
    Id id;
  };
  std::vector<Value> values;

  void bind(Statement& statement) const;
};
Condition condition_of(const CallFilter& filter);

// The smallest id of this time.
Id first_id_at(SystemTime time);

class RowReader {
 public:
  explicit RowReader(std::unique_ptr<Connection> connection);
  Connection& connection() { return *connection_; }

  Result<std::optional<CallRow>> call(const Id& id);
  Result<std::optional<CallRow>> output(const Digest& fingerprint, int repeat);
  Result<std::optional<ScoreValue>> score(const Id& call, std::int64_t metric);
  Result<std::optional<ResponseRow>> response(std::string_view id);
  Result<std::vector<CallRow>> trace(const Id& trace);  // without the first call; oldest first
  Result<bool> has_trace(const Id& trace);
  Status details(CallTree& tree);  // adds attempts, feedback and scores of its call

  Result<CallPage> list(const CallFilter& filter, std::size_t count, std::optional<Id> before);
  Result<std::vector<Id>> ids_between(const Id& low, const Id& high, std::size_t count);
  Result<std::vector<Aggregate>> aggregate(const CallFilter& filter, GroupBy by);
  Result<std::vector<OutputRow>> outputs_of(const Digest& body);
  Result<std::vector<FeedbackRow>> feedback_of(const CallFilter& filter, std::size_t count);
  Result<std::optional<RunRow>> run(const Id& id);
  Result<std::vector<RunRow>> runs(const std::optional<std::string>& function, std::size_t count);
  Result<std::vector<VerdictRow>> verdicts(const Id& run);
  Result<std::optional<ConfigRow>> config(const Digest& hash);
  Result<std::vector<std::string>> check();
  Result<StoreSize> size();

 private:
  enum class Texts { kAll, kForReuse };
  Result<CallRow> read_call(Statement& statement, Texts texts);
  Result<FeedbackRow> read_feedback(Statement& statement);
  Result<RunRow> read_run(Statement& statement);
  Result<std::string> name(std::optional<std::int64_t> id);
  // False when no row can have the names that the filter wants, since no row has.
  Result<bool> names_known(const CallFilter& filter);
  Result<std::optional<Digest>> config_hash(std::optional<std::int64_t> id);
  Result<std::string> group_name(GroupBy by, std::int64_t first, std::int64_t second);

  std::unique_ptr<Connection> connection_;
  std::unordered_map<std::int64_t, std::string> names_;
  std::unordered_map<std::int64_t, Digest> configs_;
};

}  // namespace sighter::store
