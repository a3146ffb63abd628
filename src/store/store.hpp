#pragma once
// The rows of a project or of a user, behind one interface: nothing here says which database keeps
// them. Every method may be called from any thread; all but append() and writer() may wait for the
// disk, so call them from a pool, not from a core.
//
// Writing: one writer thread commits groups. append() never waits; commit() waits until the rows
// are on the disk. What is queued is already visible to call(), show(), find_output(), scores(),
// response() and has_trace(); listings and aggregates see what is committed (flush() first where
// that matters). Several processes may use one store.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/limits.hpp"
#include "store/rows.hpp"

namespace sighter::store {

// What became of a batch. A row that was there already (a call, a feedback's client key) is not
// written again and not an error.
struct Receipt {
  std::int64_t written = 0;
  std::int64_t known_already = 0;
  // The feedback that bears the client key already, where there was one; of several the last.
  std::optional<Id> known_feedback{};
};

// Called once, on the writer's thread, after the rows are on the disk or have failed; must be short
// and must not call the store's waiting methods.
using Completion = std::function<void(Result<Receipt>)>;

enum class Durability {
  kDurable,  // somebody waits: the group closes at once; a disk error fails the batch
  kRelaxed,  // nobody waits: the group closes at kCommitIntervalMax or kCommitRowsMax; after a disk
             // error the rows stay queued and are tried again
};

struct Options {
  bool read_only = false;
  std::size_t queue_rows_max = limits::kStoreQueueRowsMax;
  std::size_t queue_bytes_max = 256u << 20;
  std::size_t group_rows_max = 256;  // rows of one commit when the queue is long
  std::chrono::milliseconds commit_interval = limits::kCommitIntervalMax;
  std::chrono::milliseconds busy_timeout{10'000};   // for other processes' write locks
  std::chrono::milliseconds retry_interval{1'000};  // of relaxed rows after a disk error
  int readers_max = 4;                              // connections for look-ups by id
  int scanners_max = 2;                             // and for what may look through all there is
  // The name of a virtual file system of the database library; tests make it fail.
  std::string vfs;
};

// Which calls; every field that is set must hold.
struct CallFilter {
  std::optional<std::string> function;  // "" selects plain model requests
  std::optional<std::string> variant;
  std::optional<CallStatus> status;
  std::optional<std::string> model;  // as it was asked for, or as the route that answered
  std::optional<std::string> key;
  std::optional<SystemTime> since;  // started at or after
  std::optional<SystemTime> until;  // started before
  std::optional<Id> trace;
  std::optional<NanoUsd> cost_least;
  std::optional<Micros> latency_least;
  std::vector<std::pair<std::string, std::string>> tags;
  std::string contains;     // in input, output or error; ASCII letters in either case
  bool roots_only = false;  // leave out calls that another call made
};

struct CallPage {
  std::vector<CallRow> calls;  // newest first
  std::optional<Id> next;      // pass as `before` for the next page; nullopt: this was the last
};

struct ScoreValue {
  double value = 0.0;
  std::string reason;
};

struct CallTree {
  CallRow call;
  std::vector<AttemptRow> attempts;
  std::vector<FeedbackRow> feedback;  // of the call; for the first call of a trace, the trace's too
  std::vector<ScoreRow> scores;       // `metric` holds 8 bytes, then zeros
  std::vector<CallTree> children;     // oldest first
};

enum class GroupBy { kNothing, kFunction, kVariant, kModel, kKey, kDay };

struct Aggregate {
  std::string group;  // a function, "function/variant", a model, a key, 2026-11-23; "" for none
  std::int64_t calls = 0;
  std::int64_t failed = 0;  // every status but ok
  std::int64_t cache_hits = 0;
  std::int64_t unpriced = 0;  // calls of unknown cost
  Tokens tokens;
  NanoUsd cost;   // of calls and of their further attempts
  Micros p50{0};  // latency by nearest rank, of calls that ended ok and were no cache hits
  Micros p95{0};
};

struct Erased {
  std::int64_t calls = 0;
  std::int64_t other_rows = 0;  // feedback on traces, runs, expired responses
};

struct TableSize {
  std::string table;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;  // with its indexes
};

struct StoreSize {
  std::int64_t file_bytes = 0;  // the file and its log
  std::int64_t used_bytes = 0;  // without free pages
  std::vector<TableSize> tables;
};

struct PruneRequest {
  std::optional<std::chrono::seconds> keep;  // remove what is older
  std::optional<std::int64_t> bytes_max;     // then the oldest, until the used bytes fit
};

struct WriterState {
  std::size_t queued_rows = 0;
  std::int64_t committed_rows = 0;
  std::int64_t commits = 0;
  Micros commit_p50{0};  // time of the last 1,024 commits
  Micros commit_p99{0};
  std::int64_t refused_rows = 0;  // told to `done`: rows that contradict the store or each other
  std::optional<Error> trouble;   // the last commit failed with this: not fit to take more rows
};

class Store {
 public:
  // Opens or creates the store at `path` (its folder must exist); `clock` must outlive it. A store
  // of an older version is copied to PATH.v<N>.bak and migrated; a newer one is refused
  // (kConflict); a file that is not a store, or is damaged, is an error that says what to do. With
  // read_only nothing is created or migrated, and a store in a read-only folder can be read.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path, const Clock& clock,
                                             Options options = {});
  virtual ~Store() = default;  // commits what is queued; see close()

  // --- writing
  // Queues the rows and returns at once. kUnavailable when the queue is full (it names the reason
  // when the disk is the reason); then `done` is not called.
  Status append(Batch batch, Durability durability, Completion done = {}) {
    return append(std::make_shared<const Batch>(std::move(batch)), durability, std::move(done));
  }
  // The same for who would try again, without a copy.
  virtual Status append(std::shared_ptr<const Batch> batch, Durability durability,
                        Completion done) = 0;
  // Queues (waiting for room) and waits for the commit. kNotFound: a row names an unknown call.
  // kConflict: a feedback's client key was used for something else.
  virtual Result<Receipt> commit(Batch batch) = 0;
  // Waits until everything appended before is committed; the error that keeps it from being so.
  virtual Status flush() = 0;
  // Commits what is queued, stops the writer; later appends fail. The error names how many rows
  // could not be stored.
  virtual Status close() = 0;
  virtual WriterState writer() const = 0;

  // --- look-ups that see the queue
  virtual Result<std::optional<CallRow>> call(const Id& id) = 0;
  // With its children, attempts, feedback and scores. kNotFound.
  virtual Result<CallTree> show(const Id& id) = 0;
  // The call whose output may be used again; texts `request` and `extras` are left out.
  virtual Result<std::optional<CallRow>> find_output(const Digest& fingerprint, int repeat) = 0;
  virtual Result<std::optional<ScoreValue>> score(const Id& call, const Digest& metric) = 0;
  virtual Result<std::optional<ResponseRow>> response(std::string_view id) = 0;  // not once expired
  // Whether any call is of this trace.
  virtual Result<bool> has_trace(const Id& trace) = 0;

  // --- queries on what is committed
  // Newest first, at most `count` (1 to 1000), those before the cursor. Times, functions and traces
  // are found by an index; with any other filter all rows between `since` and `until` are looked
  // through, the newest first, until the page is full. kTimeout after `patience`, where one is
  // given. Listings and aggregates wait for each other, never a look-up by id for them.
  virtual Result<CallPage> list(const CallFilter& filter, std::size_t count,
                                std::optional<Id> before = {},
                                std::optional<std::chrono::milliseconds> patience = {}) = 0;
  // Ids whose text starts so ("019b3f"), oldest first, at most `count`.
  virtual Result<std::vector<Id>> ids_starting(std::string_view text, std::size_t count) = 0;
  virtual Result<std::vector<Aggregate>> aggregate(const CallFilter& filter, GroupBy by) = 0;
  virtual Result<std::vector<OutputRow>> outputs_of(const Digest& body) = 0;
  virtual Result<std::vector<FeedbackRow>> feedback_of(const CallFilter& filter,
                                                       std::size_t count) = 0;
  virtual Result<std::optional<RunRow>> run(const Id& id) = 0;
  virtual Result<std::vector<RunRow>> runs(std::optional<std::string> function,
                                           std::size_t count) = 0;  // newest first
  virtual Result<std::vector<VerdictRow>> verdicts(const Id& run) = 0;
  virtual Result<std::optional<ConfigRow>> config(const Digest& hash) = 0;
  // Another value when anyone has changed the store since the last call.
  virtual Result<std::int64_t> data_version() = 0;

  // --- upkeep
  // Queues the removal, as append() does: from then on response() does not find it. Of several rows
  // with one id the last one appended counts.
  virtual Status remove_response(std::string_view id, Completion done) = 0;
  // Removes calls with that tag, the calls they made, and all that hangs on them; what is removed
  // is overwritten, in the log too.
  virtual Result<Erased> erase(std::string_view tag, std::string_view value) = 0;
  virtual Result<Erased> prune(const PruneRequest& request) = 0;
  // A consistent copy while others write. kConflict when the target exists.
  virtual Status backup(const std::filesystem::path& target) = 0;
  // What is wrong with the file, one finding a line; empty when nothing is.
  virtual Result<std::vector<std::string>> check() = 0;
  // The same for a file that open() refuses.
  static Result<std::vector<std::string>> check_file(const std::filesystem::path& path);
  virtual Result<StoreSize> size() = 0;
};

// "90d", "12h", "30m", "2w"; kInvalid for anything else.
Result<std::chrono::seconds> parse_keep(std::string_view text);
// "500MB", "2GB", "1.5 GiB", "1000000"; kInvalid for anything else.
Result<std::int64_t> parse_bytes(std::string_view text);

// Version of the database library that is linked, such as "3.40.1".
std::string_view engine_version();

}  // namespace sighter::store
