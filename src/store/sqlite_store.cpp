// The store over SQLite: one writer, a few readers, and the rules by which they meet.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <system_error>

#include "store/reader_pool.hpp"
#include "store/schema.hpp"
#include "store/store.hpp"
#include "store/upkeep.hpp"
#include "store/writer.hpp"

namespace sighter::store {
namespace {

constexpr std::size_t kPageMax = 1'000;
constexpr std::size_t kTreeCallsMax = 20'000;

class SqliteStore final : public Store {
 public:
  SqliteStore(std::filesystem::path path, const Clock& clock, Options options,
              ReaderPool::Open open_reader)
      : path_(std::move(path)),
        clock_(clock),
        options_(std::move(options)),
        readers_(open_reader, options_.readers_max),
        scanners_(open_reader, options_.scanners_max),
        watcher_(open_reader, 1) {}
  ~SqliteStore() override { (void)SqliteStore::close(); }
  void start_writing(std::unique_ptr<Connection> connection) {
    writer_ = std::make_unique<Writer>(std::move(connection), options_);
  }

  using Store::append;
  Status append(std::shared_ptr<const Batch> batch, Durability durability,
                Completion done) override;
  Result<Receipt> commit(Batch batch) override;
  Status flush() override;
  Status close() override;
  WriterState writer() const override;

  Result<std::optional<CallRow>> call(const Id& id) override;
  Result<CallTree> show(const Id& id) override;
  Result<std::optional<CallRow>> find_output(const Digest& fingerprint, int repeat) override;
  Result<std::optional<ScoreValue>> score(const Id& call, const Digest& metric) override;
  Result<std::optional<ResponseRow>> response(std::string_view id) override;
  Result<bool> has_trace(const Id& trace) override;

  Result<CallPage> list(const CallFilter& filter, std::size_t count, std::optional<Id> before,
                        std::optional<std::chrono::milliseconds> patience) override;
  Result<std::vector<Id>> ids_starting(std::string_view text, std::size_t count) override;
  Result<std::vector<Aggregate>> aggregate(const CallFilter& filter, GroupBy by) override {
    return scanners_.with([&](RowReader& reader) { return reader.aggregate(filter, by); });
  }
  Result<std::vector<OutputRow>> outputs_of(const Digest& body) override {
    return readers_.with([&](RowReader& reader) { return reader.outputs_of(body); });
  }
  Result<std::vector<FeedbackRow>> feedback_of(const CallFilter& filter,
                                               std::size_t count) override {
    return scanners_.with([&](RowReader& reader) { return reader.feedback_of(filter, count); });
  }
  Result<std::optional<RunRow>> run(const Id& id) override {
    return readers_.with([&](RowReader& reader) { return reader.run(id); });
  }
  Result<std::vector<RunRow>> runs(std::optional<std::string> function,
                                   std::size_t count) override {
    return readers_.with([&](RowReader& reader) { return reader.runs(function, count); });
  }
  Result<std::vector<VerdictRow>> verdicts(const Id& run) override {
    return readers_.with([&](RowReader& reader) { return reader.verdicts(run); });
  }
  Result<std::optional<ConfigRow>> config(const Digest& hash) override {
    return readers_.with([&](RowReader& reader) { return reader.config(hash); });
  }
  Result<std::int64_t> data_version() override {
    return watcher_.with(
        [](RowReader& reader) { return reader.connection().integer_of("PRAGMA data_version"); });
  }

  Status remove_response(std::string_view id, Completion done) override;
  Result<Erased> erase(std::string_view tag, std::string_view value) override;
  Result<Erased> prune(const PruneRequest& request) override;
  Status backup(const std::filesystem::path& target) override;
  Result<std::vector<std::string>> check() override {
    return scanners_.with([](RowReader& reader) { return reader.check(); });
  }
  Result<StoreSize> size() override;

 private:
  Result<Queue::Pushed> push(std::shared_ptr<const Batch> batch, Durability durability,
                             Completion done, bool wait);
  std::unexpected<Error> not_taken(Queue::Pushed pushed) const;
  Status only_writers() const;
  template <class T>
  Result<T> on_writer(std::function<Result<T>(Connection&)> work);
  void add_queued(CallTree& tree, const std::vector<std::shared_ptr<const Batch>>& queued) const;

  const std::filesystem::path path_;
  const Clock& clock_;
  const Options options_;
  ReaderPool readers_;
  ReaderPool scanners_;
  ReaderPool watcher_;  // of its own: the version a connection reports is relative to itself
  std::unique_ptr<Writer> writer_;  // null when only reading
};

Status SqliteStore::only_writers() const {
  if (writer_) return {};
  return fail(Kind::kForbidden,
              fmt::format("the store {} was opened for reading only", path_.string()));
}

std::unexpected<Error> SqliteStore::not_taken(Queue::Pushed pushed) const {
  if (pushed == Queue::Pushed::kClosed) return fail(Kind::kUnavailable, "the store is closed");
  const WriterState state = writer_->state();
  if (state.trouble) {
    return fail(Kind::kUnavailable,
                fmt::format("{} rows wait to be stored and no more are taken: {}",
                            state.queued_rows, state.trouble->what),
                state.trouble->hint);
  }
  return fail(Kind::kUnavailable,
              fmt::format("{} rows wait to be stored and no more are taken", state.queued_rows),
              "the disk is slower than the calls; try again in a moment");
}

Result<Queue::Pushed> SqliteStore::push(std::shared_ptr<const Batch> batch, Durability durability,
                                        Completion done, bool wait) {
  if (Status s = only_writers(); !s) return std::unexpected(s.error());
  Item item;
  item.rows = batch->row_count();
  item.bytes = batch->byte_count();
  item.batch = std::move(batch);
  item.durability = durability;
  item.done = std::move(done);
  return writer_->queue().push(std::move(item), wait);
}

Status SqliteStore::append(std::shared_ptr<const Batch> batch, Durability durability,
                           Completion done) {
  const auto pushed = push(std::move(batch), durability, std::move(done), false);
  if (!pushed) return std::unexpected(pushed.error());
  if (*pushed == Queue::Pushed::kYes) return {};
  return not_taken(*pushed);
}

Result<Receipt> SqliteStore::commit(Batch batch) {
  auto promise = std::make_shared<std::promise<Result<Receipt>>>();
  std::future<Result<Receipt>> future = promise->get_future();
  const auto pushed = push(
      std::make_shared<const Batch>(std::move(batch)), Durability::kDurable,
      [promise](Result<Receipt> r) { promise->set_value(std::move(r)); }, true);
  if (!pushed) return std::unexpected(pushed.error());
  if (*pushed != Queue::Pushed::kYes) return not_taken(*pushed);
  return future.get();
}

Status SqliteStore::flush() {
  if (!writer_) return {};
  // A barrier is an empty durable batch: it is committed with or after all that came before. Rows
  // that a full disk keeps queued make it fail with them.
  const Result<Receipt> done = commit(Batch{});
  if (!done) return std::unexpected(done.error());
  return {};
}

Status SqliteStore::close() {
  if (!writer_) return {};
  return writer_->close();
}

WriterState SqliteStore::writer() const {
  return writer_ ? writer_->state() : WriterState{};
}

Result<std::optional<CallRow>> SqliteStore::call(const Id& id) {
  if (writer_) {
    if (const auto row = writer_->queue().call(id)) {
      CallRow copy = *row;
      if (copy.trace.is_nil()) copy.trace = copy.id;
      return copy;
    }
  }
  return readers_.with([&](RowReader& reader) { return reader.call(id); });
}

Result<std::optional<CallRow>> SqliteStore::find_output(const Digest& fingerprint, int repeat) {
  if (writer_) {
    if (const auto id = writer_->queue().output_call(fingerprint, repeat)) {
      Result<std::optional<CallRow>> row = call(*id);
      if (row && *row) (*row)->extras = (*row)->request = "";
      return row;
    }
  }
  return readers_.with([&](RowReader& reader) { return reader.output(fingerprint, repeat); });
}

Result<std::optional<ScoreValue>> SqliteStore::score(const Id& call, const Digest& metric) {
  const std::int64_t key = metric_key(metric);
  if (writer_) {
    if (auto value = writer_->queue().score(call, key)) return value;
  }
  return readers_.with([&](RowReader& reader) { return reader.score(call, key); });
}

Result<std::optional<ResponseRow>> SqliteStore::response(std::string_view id) {
  Result<std::optional<ResponseRow>> row = std::nullopt;
  const auto queued = writer_ ? writer_->queue().response(id) : nullptr;
  if (queued) {
    row = *queued;
  } else {
    row = readers_.with([&](RowReader& reader) { return reader.response(id); });
  }
  if (row && *row && (*row)->expires <= clock_.system_now()) return std::nullopt;
  return row;
}

void SqliteStore::add_queued(CallTree& tree,
                             const std::vector<std::shared_ptr<const Batch>>& queued) const {
  const Id& id = tree.call.id;
  const auto known = [](const auto& rows, auto&& same) { return std::ranges::any_of(rows, same); };
  for (const auto& batch : queued) {
    for (const AttemptRow& row : batch->attempts) {
      if (row.call != id) continue;
      if (known(tree.attempts, [&](const auto& a) { return a.number == row.number; })) continue;
      tree.attempts.push_back(row);
    }
    for (const FeedbackRow& row : batch->feedback) {
      const bool of_trace = !row.trace.is_nil() && row.trace == id && tree.call.trace == id;
      if (row.call != id && !of_trace) continue;
      if (known(tree.feedback, [&](const auto& f) { return f.id == row.id; })) continue;
      tree.feedback.push_back(row);
    }
    for (const ScoreRow& row : batch->scores) {
      if (row.call != id) continue;
      const auto same = [&](const ScoreRow& s) {
        return metric_key(s.metric) == metric_key(row.metric);
      };
      std::erase_if(tree.scores, same);
      tree.scores.push_back(row);
    }
  }
}

// Hangs the calls of a trace on their parents, from `tree` down.
void grow(CallTree& tree, std::vector<CallRow>& calls) {
  for (CallRow& row : calls) {
    if (row.parent != tree.call.id || row.id == tree.call.id || row.id.is_nil()) continue;
    tree.children.emplace_back();
    tree.children.back().call = std::move(row);
    row.id = Id{};  // taken
  }
  for (CallTree& child : tree.children) grow(child, calls);
}

template <class Visit>
Status each_node(CallTree& tree, Visit&& visit) {
  if (Status s = visit(tree); !s) return s;
  for (CallTree& child : tree.children) {
    if (Status s = each_node(child, visit); !s) return s;
  }
  return {};
}

Result<CallTree> SqliteStore::show(const Id& id) {
  // What is queued is taken first: a row that is committed meanwhile is then found in the tables.
  std::vector<std::shared_ptr<const Batch>> queued;
  if (writer_) queued = writer_->queue().live();
  Result<std::optional<CallRow>> root = call(id);
  if (!root) return std::unexpected(root.error());
  if (!*root) {
    return fail(Kind::kNotFound, fmt::format("there is no call {}", id.to_string()),
                "'sighter log' lists the calls");
  }
  CallTree tree;
  tree.call = std::move(**root);
  const Id trace = tree.call.trace;
  Result<std::vector<CallRow>> calls =
      readers_.with([&](RowReader& reader) { return reader.trace(trace); });
  if (!calls) return std::unexpected(calls.error());
  for (const auto& batch : queued) {
    for (const CallRow& row : batch->calls) {
      if (row.trace != trace) continue;
      if (!std::ranges::any_of(*calls, [&](const CallRow& c) { return c.id == row.id; })) {
        calls->push_back(row);
      }
    }
  }
  if (calls->size() > kTreeCallsMax) {
    return fail(Kind::kTooLarge,
                fmt::format("the trace of {} has {} calls", id.to_string(), calls->size()),
                "list them with 'sighter log --trace'");
  }
  std::ranges::sort(*calls, {}, &CallRow::id);
  grow(tree, *calls);
  const Status s = readers_.with([&](RowReader& reader) {
    return each_node(tree, [&](CallTree& node) { return reader.details(node); });
  });
  if (!s) return std::unexpected(s.error());
  (void)each_node(tree, [&](CallTree& node) {
    add_queued(node, queued);
    return Status();
  });
  return tree;
}

Result<CallPage> SqliteStore::list(const CallFilter& filter, std::size_t count,
                                   std::optional<Id> before,
                                   std::optional<std::chrono::milliseconds> patience) {
  const std::size_t rows = std::clamp<std::size_t>(count, 1, kPageMax);
  return scanners_.with([&](RowReader& reader) {
    if (patience) {
      const SteadyTime until = clock_.steady_now() + *patience;
      reader.connection().stop_when([this, until] { return clock_.steady_now() >= until; });
    }
    Result<CallPage> page = reader.list(filter, rows, before);
    reader.connection().stop_when({});
    return page;
  });
}

Result<bool> SqliteStore::has_trace(const Id& trace) {
  // What is queued is looked at first: a row that is committed meanwhile is found in the tables.
  if (writer_) {
    for (const auto& batch : writer_->queue().live()) {
      for (const CallRow& row : batch->calls) {
        if ((row.trace.is_nil() ? row.id : row.trace) == trace) return true;
      }
    }
  }
  return readers_.with([&](RowReader& reader) { return reader.has_trace(trace); });
}

Result<std::vector<Id>> SqliteStore::ids_starting(std::string_view text, std::size_t count) {
  constexpr std::string_view kLowest = "00000000-0000-0000-0000-000000000000";
  constexpr std::string_view kHighest = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  const auto filled = [&](std::string_view rest) {
    return Id::parse(std::string(text) +
                     std::string(rest.substr(std::min(text.size(), rest.size()))));
  };
  const auto low = filled(kLowest);
  const auto high = filled(kHighest);
  if (!low || !high) {
    return fail(Kind::kInvalid, fmt::format("'{}' is not the beginning of a call's id", text),
                "ids look like 019b3f52-7c31-7abc-8def-0123456789ab");
  }
  return readers_.with([&](RowReader& reader) { return reader.ids_between(*low, *high, count); });
}

template <class T>
Result<T> SqliteStore::on_writer(std::function<Result<T>(Connection&)> work) {
  if (Status s = only_writers(); !s) return std::unexpected(s.error());
  Result<T> result = fail(Kind::kInternal, "not run");
  const Status s = writer_->run([&](Connection& connection) -> Status {
    result = work(connection);
    writer_->forget_calls();
    return {};
  });
  if (!s) return std::unexpected(s.error());
  return result;
}

Status SqliteStore::remove_response(std::string_view id, Completion done) {
  // A row that expired long ago takes the other one's place, in the queue and in the table.
  ResponseRow gone;
  gone.id = id;
  gone.expires = kRemoved;
  Batch batch;
  batch.responses.push_back(std::move(gone));
  return append(std::make_shared<const Batch>(std::move(batch)), Durability::kRelaxed,
                std::move(done));
}

Result<Erased> SqliteStore::erase(std::string_view tag, std::string_view value) {
  return on_writer<Erased>(
      [&](Connection& connection) { return erase_tagged(connection, tag, value); });
}

Result<Erased> SqliteStore::prune(const PruneRequest& request) {
  return on_writer<Erased>(
      [&](Connection& connection) { return prune_rows(connection, request, clock_.system_now()); });
}

Status SqliteStore::backup(const std::filesystem::path& target) {
  if (Status s = flush(); !s) return s;
  std::error_code code;
  if (std::filesystem::exists(target, code)) {
    return fail(Kind::kConflict, fmt::format("{} exists already", target.string()),
                "name another file for the backup");
  }
  return readers_.with([&](RowReader& reader) { return copy_into(reader.connection(), target); });
}

Result<StoreSize> SqliteStore::size() {
  Result<StoreSize> size = readers_.with([](RowReader& reader) { return reader.size(); });
  if (!size) return size;
  std::error_code code;
  const auto log = std::filesystem::file_size(path_.string() + "-wal", code);
  if (!code) size->file_bytes += static_cast<std::int64_t>(log);
  return size;
}

// --- opening

// The file, empty and for its owner alone, if there is none: it will hold what people said.
Status make_file(const std::filesystem::path& path) {
  if (::mknod(path.c_str(), S_IFREG | 0600, 0) == 0 || errno == EEXIST) return {};
  const int code = errno;
  const std::string folder = path.parent_path().string();
  return fail(code == EACCES || code == EROFS || code == EPERM ? Kind::kForbidden : Kind::kIo,
              fmt::format("cannot create the store {}: {}", path.string(),
                          std::generic_category().message(code)),
              code == ENOENT ? fmt::format("make the folder {}", folder)
                             : fmt::format("check that {} may be written", folder));
}

Result<std::unique_ptr<Connection>> open_writer(const std::filesystem::path& path,
                                                const Options& options) {
  const Connection::Settings settings{options.vfs, static_cast<int>(options.busy_timeout.count())};
  if (Status s = make_file(path); !s) return std::unexpected(s.error());
  auto connection = Connection::open(path, Connection::Mode::kWrite, settings);
  if (!connection) return connection;
  if (Status s = establish(**connection, current_schema(), settings.busy_ms); !s) {
    return std::unexpected(s.error());
  }
  // FULL: a commit is on the disk when it returns. The log goes back to 64 MB after a burst.
  Status s =
      (*connection)
          ->run(
              "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON; PRAGMA wal_autocheckpoint=2000;"
              "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=-32768; PRAGMA "
              "temp_store=MEMORY");
  if (!s) return std::unexpected(s.error());
  return connection;
}

// A store in a folder that cannot be written has no shared memory to read with; when no log lies
// beside it, nobody writes it either, and it may be taken as it is.
bool must_be_immutable(const std::filesystem::path& path) {
  std::filesystem::path folder = path.parent_path();
  if (folder.empty()) folder = ".";
  return ::access(folder.c_str(), W_OK) != 0 &&
         ::access((path.string() + "-wal").c_str(), F_OK) != 0;
}

ReaderPool::Open reader_opener(const std::filesystem::path& path, const Options& options,
                               bool immutable) {
  const Connection::Settings settings{options.vfs, static_cast<int>(options.busy_timeout.count())};
  const auto mode = immutable ? Connection::Mode::kReadImmutable : Connection::Mode::kRead;
  return [path, settings, mode]() -> Result<std::unique_ptr<Connection>> {
    auto connection = Connection::open(path, mode, settings);
    if (!connection) return connection;
    if (Status s = (*connection)->run("PRAGMA cache_size=-8192"); !s) {
      return std::unexpected(s.error());
    }
    return connection;
  };
}

Status must_be_file(const std::filesystem::path& path, bool must_exist) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno != ENOENT || must_exist) {
      return fail(errno == ENOENT ? Kind::kNotFound : Kind::kForbidden,
                  fmt::format("cannot open the store {}: {}", path.string(),
                              std::generic_category().message(errno)));
    }
    return {};
  }
  if (S_ISREG(info.st_mode)) return {};
  return fail(Kind::kInvalid, fmt::format("the store {} is not a file", path.string()));
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& path, const Clock& clock,
                                           Options options) {
  if (Status s = must_be_file(path, options.read_only); !s) return std::unexpected(s.error());
  const bool immutable = options.read_only && must_be_immutable(path);
  const ReaderPool::Open open_reader = reader_opener(path, options, immutable);
  if (options.read_only) {
    const auto connection = open_reader();
    if (!connection) return std::unexpected(connection.error());
    if (Status s = recognise(**connection, current_schema()); !s) {
      return std::unexpected(s.error());
    }
    return std::make_unique<SqliteStore>(path, clock, std::move(options), open_reader);
  }
  auto connection = open_writer(path, options);
  if (!connection) return std::unexpected(connection.error());
  auto store = std::make_unique<SqliteStore>(path, clock, std::move(options), open_reader);
  store->start_writing(std::move(*connection));
  return store;
}

Result<std::vector<std::string>> Store::check_file(const std::filesystem::path& path) {
  if (Status s = must_be_file(path, true); !s) return std::unexpected(s.error());
  const Options options;
  const auto open_reader = reader_opener(path, options, must_be_immutable(path));
  auto connection = open_reader();
  if (!connection) return std::vector<std::string>{connection.error().what};
  Status s = recognise(**connection, current_schema());
  if (!s && s.error().kind == Kind::kConflict) return std::unexpected(s.error());
  if (!s) return std::vector<std::string>{s.error().what};
  return RowReader(std::move(*connection)).check();
}

}  // namespace sighter::store
