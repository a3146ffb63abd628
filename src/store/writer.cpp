#include "store/writer.hpp"

#include <algorithm>
#include <future>

namespace sighter::store {
namespace {
constexpr std::size_t kCommitTimes = 1024;
}

Writer::Writer(std::unique_ptr<Connection> connection, const Options& options)
    : options_(options), connection_(std::move(connection)), rows_(*connection_), queue_(options) {
  connection_->check_references(false);  // RowWriter does, cheaper
  thread_ = std::thread([this] { loop(); });
}

Writer::~Writer() {
  (void)close();
}

Status Writer::close() {
  const bool first = !std::exchange(closed_, true);
  if (!first) return {};
  queue_.close();
  thread_.join();
  if (lost_rows_ == 0) return {};
  const Error why = trouble_.value_or(Error{});
  return fail(why.kind, fmt::format("{} rows could not be stored: {}", lost_rows_, why.what),
              why.hint);
}

WriterState Writer::state() const {
  WriterState state;
  state.queued_rows = queue_.rows();
  state.committed_rows = committed_rows_;
  state.commits = commits_;
  state.refused_rows = refused_rows_;
  std::vector<Micros> times;
  {
    const std::lock_guard lock(mutex_);
    state.trouble = trouble_;
    times = commit_times_;
  }
  if (times.empty()) return state;
  std::ranges::sort(times);
  state.commit_p50 = times[times.size() / 2];
  state.commit_p99 = times[times.size() * 99 / 100];
  return state;
}

Status Writer::run(std::function<Status(Connection&)> task) {
  auto promise = std::make_shared<std::promise<Status>>();
  std::future<Status> future = promise->get_future();
  Item item;
  item.task = [promise, work = std::move(task)](Connection& connection) {
    promise->set_value(work(connection));
  };
  if (queue_.push(std::move(item), false) != Queue::Pushed::kYes) {
    return fail(Kind::kUnavailable, "the store is closed");
  }
  return future.get();
}

void Writer::loop() {
  while (true) {
    std::vector<Item> items = queue_.take();
    if (items.empty()) return;
    if (items.front().task) {
      run_task(items.front());
    } else {
      write_group(std::move(items));
    }
  }
}

// Writes what the items hold. Batches of nothing but calls wait for each other, so that many are
// written at once; whoever may name one of them comes after them.
Status Writer::write(const std::vector<Item>& items, Outcomes& outcomes) {
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].batch) continue;
    if (RowWriter::only_calls(*items[i].batch)) {
      waiting.push_back(i);
      continue;
    }
    if (Status s = write_calls(items, waiting, outcomes); !s) return s;
    outcomes[i] = rows_.write(*items[i].batch);
    // A conflict of a feedback's key is told before anything is written; one that the database
    // reports may come in the middle of a batch.
    const bool refused = !outcomes[i] && (outcomes[i].error().kind == Kind::kNotFound ||
                                          outcomes[i].error().kind == Kind::kInvalid);
    if (!outcomes[i] && !refused) return std::unexpected(outcomes[i].error());
  }
  return write_calls(items, waiting, outcomes);
}

Status Writer::write_calls(const std::vector<Item>& items, std::vector<std::size_t>& waiting,
                           Outcomes& outcomes) {
  std::vector<const CallRow*> rows;
  for (const std::size_t i : waiting) {
    for (const CallRow& row : items[i].batch->calls) rows.push_back(&row);
  }
  std::vector<bool> written;
  if (Status s = rows_.write_calls(rows, written); !s) return s;
  std::size_t next = 0;
  for (const std::size_t i : waiting) {
    for (std::size_t n = items[i].batch->calls.size(); n > 0; --n)
      ++(written[next++] ? outcomes[i]->written : outcomes[i]->known_already);
  }
  waiting.clear();
  return {};
}

// What a task removes takes along what hangs on it.
void Writer::run_task(Item& item) {
  connection_->check_references(true);
  item.task(*connection_);
  connection_->check_references(false);
}

Status Writer::transaction(const std::vector<Item>& items, Outcomes& outcomes) {
  outcomes.assign(items.size(), Receipt{});
  Status s;
  {
    Result<Statement> begin = connection_->prepare("BEGIN IMMEDIATE");
    s = begin ? begin->run() : Status(std::unexpected(begin.error()));
  }
  if (s) s = rows_.begin();
  if (s) s = write(items, outcomes);
  if (s) {
    Result<Statement> commit = connection_->prepare("COMMIT");
    s = commit ? commit->run() : Status(std::unexpected(commit.error()));
  }
  if (s) {
    rows_.committed();
    return s;
  }
  rows_.rolled_back();
  if (connection_->in_transaction()) (void)connection_->run("ROLLBACK");
  return s;
}

void Writer::one_by_one(const std::vector<Item>& items, Outcomes& outcomes) {
  Outcomes all;
  for (const Item& item : items) {
    const Status s = transaction({item}, outcomes);
    all.push_back(s ? std::move(outcomes.front()) : Result<Receipt>(std::unexpected(s.error())));
  }
  outcomes = std::move(all);
}

void Writer::write_group(std::vector<Item> items) {
  Outcomes outcomes;
  const auto start = std::chrono::steady_clock::now();
  const Status s = transaction(items, outcomes);
  const auto took = std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - start);
  if (!s && !Connection::may_succeed_later(s.error()) && items.size() > 1) {
    // One batch spoils the group: find it, and keep the others.
    one_by_one(items, outcomes);
  } else if (!s) {
    outcomes.assign(items.size(), std::unexpected(s.error()));
  }
  settle(std::move(items), std::move(outcomes), took);
}

void Writer::note(const Outcomes& outcomes, std::size_t rows, Micros took) {
  std::optional<Error> trouble;
  for (const Result<Receipt>& outcome : outcomes) {
    if (!outcome && Connection::may_succeed_later(outcome.error())) trouble = outcome.error();
  }
  committed_rows_ += static_cast<std::int64_t>(rows);
  ++commits_;
  const std::lock_guard lock(mutex_);
  trouble_ = trouble;
  if (commit_times_.size() < kCommitTimes) {
    commit_times_.push_back(took);
  } else {
    commit_times_[static_cast<std::size_t>(commits_.load()) % kCommitTimes] = took;
  }
}

void Writer::settle(std::vector<Item> items, Outcomes outcomes, Micros took) {
  std::size_t rows = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (outcomes[i]) rows += items[i].rows;
  }
  note(outcomes, rows, took);
  // Rows go back and those who wait behind them are found before anybody is told: whoever asks
  // again after having been told is then tried anew, not answered with this failure.
  std::vector<Item> again;
  std::size_t ended = 0;  // the first of items and outcomes
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool later = !outcomes[i] && Connection::may_succeed_later(outcomes[i].error());
    if (later && items[i].durability == Durability::kRelaxed) {
      again.push_back(std::move(items[i]));
      continue;
    }
    if (!outcomes[i] && !later) refused_rows_ += static_cast<std::int64_t>(items[i].rows);
    if (ended != i) {
      items[ended] = std::move(items[i]);
      outcomes[ended] = std::move(outcomes[i]);
    }
    ++ended;
  }
  std::vector<Item> behind;
  const bool failed = !again.empty();
  if (failed) {
    queue_.put_back(std::move(again), options_.retry_interval);
    behind = queue_.take_waited_for();
  }
  queue_.forget(std::span(items).first(ended));
  for (std::size_t i = 0; i < ended; ++i) {
    if (items[i].done) items[i].done(std::move(outcomes[i]));
  }
  if (!failed) return;
  const Error why = trouble_.value_or(Error{});
  for (Item& item : behind) abandon(item, why);
  if (queue_.is_closed()) give_up();
}

void Writer::abandon(Item& item, const Error& why) {
  queue_.forget({&item, 1});
  if (item.task) run_task(item);
  if (item.done) item.done(std::unexpected(why));
}

// The last try failed and nobody can wait any longer.
void Writer::give_up() {
  const Error why = trouble_.value_or(Error{});
  for (Item& item : queue_.drain()) {
    lost_rows_ += static_cast<std::int64_t>(item.rows);
    abandon(item, why);
  }
}

}  // namespace sighter::store
