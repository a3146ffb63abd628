// What was acknowledged is there: after SIGKILL, with several processes and threads, while the
// writer is held up.

#include <set>
#include <thread>

#include "base/random.hpp"
#include "store/schema.hpp"
#include "store/sqlite.hpp"
#include "store/test_child.hpp"
#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kIdText = 36;

std::vector<Id> ids_in(const std::string& text) {
  std::vector<Id> ids;
  for (std::size_t at = 0; at + kIdText <= text.size(); at += kIdText) {
    const auto id = Id::parse(text.substr(at, kIdText));
    if (id) ids.push_back(*id);
  }
  return ids;
}

// Holds the write lock of a store, as another process would.
class Lock {
 public:
  explicit Lock(const std::filesystem::path& path)
      : connection_(*Connection::open(path, Connection::Mode::kWrite, {})) {
    EXPECT_TRUE(connection_->run("BEGIN IMMEDIATE"));
  }
  ~Lock() { (void)connection_->run("ROLLBACK"); }

 private:
  std::unique_ptr<Connection> connection_;
};

class QueueTest : public ::testing::Test {
 protected:
  TempFolder folder;
  SetClock clock;
  IdMaker ids{clock};
  std::filesystem::path path = folder / "store.db";
};

TEST_F(QueueTest, LookUpsSeeRowsThatTheWriterHasNotWritten) {
  const auto store = open_or_die(path, clock);
  auto lock = std::make_unique<Lock>(path);
  const CallRow root = some_call(ids, clock);
  CallRow child = some_call(ids, clock);
  child.parent = child.trace = root.id;
  Batch batch;
  batch.calls = {root, child};
  batch.outputs.push_back({sha256("f"), 0, sha256("b"), 1, root.id});
  batch.scores.push_back({root.id, sha256("m"), 0.5, "why"});
  ResponseRow response;
  response.id = "resp_1";
  response.expires = clock.system_now() + std::chrono::hours(1);
  batch.responses.push_back(response);
  ASSERT_TRUE(store->append(batch, Durability::kRelaxed));
  Batch feedback;
  feedback.feedback.push_back({ids.next(), root.id, {}, "thumbs", "true", "", "", ""});
  ASSERT_TRUE(store->append(feedback, Durability::kRelaxed));
  ASSERT_TRUE(*store->call(root.id));
  EXPECT_EQ((*store->call(root.id))->trace, root.id);
  EXPECT_EQ((*store->find_output(sha256("f"), 0))->id, root.id);
  EXPECT_EQ((*store->score(root.id, sha256("m")))->reason, "why");
  EXPECT_TRUE(*store->response("resp_1"));
  const auto tree = store->show(root.id);
  ASSERT_TRUE(tree);
  EXPECT_THAT(tree->children, SizeIs(1));
  EXPECT_THAT(tree->feedback, SizeIs(1));
  EXPECT_THAT(tree->scores, SizeIs(1));
  EXPECT_THAT(store->list({}, 10)->calls, IsEmpty());
  lock.reset();
  ASSERT_TRUE(store->flush());
  EXPECT_THAT(store->list({}, 10)->calls, SizeIs(2));
  EXPECT_THAT(store->show(root.id)->feedback, SizeIs(1));
}

TEST_F(QueueTest, WhatIsQueuedAfterALookUpIsFoundByTheNext) {
  const auto store = open_or_die(path, clock);
  auto lock = std::make_unique<Lock>(path);
  const CallRow first = some_call(ids, clock, "first");
  const CallRow second = some_call(ids, clock, "second");
  ASSERT_TRUE(store->append(batch_of(first), Durability::kRelaxed));
  ASSERT_TRUE(*store->call(first.id));
  ASSERT_TRUE(store->append(batch_of(second), Durability::kRelaxed));
  EXPECT_EQ((*store->call(second.id))->function, "second");
  EXPECT_EQ((*store->call(first.id))->function, "first");
  lock.reset();
  ASSERT_TRUE(store->flush());
  // The same place in the queue with another row, and the first ones in the tables.
  lock = std::make_unique<Lock>(path);
  const CallRow third = some_call(ids, clock, "third");
  ASSERT_TRUE(store->append(batch_of(third), Durability::kRelaxed));
  EXPECT_EQ((*store->call(third.id))->function, "third");
  EXPECT_EQ((*store->call(first.id))->function, "first");
}

TEST_F(QueueTest, AFullQueueRefusesAndDoesNotWait) {
  Options options;
  options.queue_rows_max = 4;
  const auto store = open_or_die(path, clock, options);
  auto lock = std::make_unique<Lock>(path);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed));
  }
  const Status s = store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().kind, Kind::kUnavailable);
  lock.reset();
  ASSERT_TRUE(store->flush());
  EXPECT_TRUE(store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed));
}

TEST_F(QueueTest, AQueueOfTooManyBytesRefuses) {
  Options options;
  options.queue_bytes_max = 10'000;
  const auto store = open_or_die(path, clock, options);
  const Lock lock(path);
  CallRow large = some_call(ids, clock);
  large.output = std::string(9'900, 'x');
  ASSERT_TRUE(store->append(batch_of(large), Durability::kRelaxed));
  EXPECT_FALSE(store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed));
}

TEST_F(QueueTest, AHeldLockIsAnErrorThatSaysSo) {
  Options options;
  options.busy_timeout = std::chrono::milliseconds(20);
  const auto store = open_or_die(path, clock, options);
  const Lock lock(path);
  const auto receipt = store->commit(batch_of(some_call(ids, clock)));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, Kind::kUnavailable);
  EXPECT_THAT(receipt.error().what, HasSubstr("locked by another process"));
  EXPECT_TRUE(store->writer().trouble);
}

TEST_F(QueueTest, RelaxedRowsAreTriedAgainAfterTrouble) {
  Options options;
  options.busy_timeout = std::chrono::milliseconds(5);
  options.retry_interval = std::chrono::milliseconds(1);
  const auto store = open_or_die(path, clock, options);
  auto lock = std::make_unique<Lock>(path);
  const CallRow row = some_call(ids, clock);
  ASSERT_TRUE(store->append(batch_of(row), Durability::kRelaxed));
  EXPECT_FALSE(store->flush());
  lock.reset();
  ASSERT_TRUE(store->flush());
  EXPECT_FALSE(store->writer().trouble);
  EXPECT_THAT(store->list({}, 10)->calls, SizeIs(1));
}

TEST_F(QueueTest, ClosingTellsHowManyRowsAreLost) {
  Options options;
  options.busy_timeout = std::chrono::milliseconds(5);
  const auto store = open_or_die(path, clock, options);
  const Lock lock(path);
  std::atomic<int> failed{0};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed,
                              [&](const Result<Receipt>& r) { failed += r ? 0 : 1; }));
  }
  const Status s = store->close();
  ASSERT_FALSE(s);
  EXPECT_THAT(s.error().what, HasSubstr("3 rows could not be stored"));
  EXPECT_EQ(failed, 3);
}

TEST_F(QueueTest, ABadBatchDoesNotSpoilItsGroup) {
  const auto store = open_or_die(path, clock);
  auto lock = std::make_unique<Lock>(path);
  std::atomic<int> stored{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 20; ++i) {
    Batch batch = batch_of(some_call(ids, clock));
    if (i == 7) batch.scores.push_back({ids.next(), sha256("m"), 1.0, ""});
    if (i == 9 || i == 11) {
      batch.feedback.push_back(
          {ids.next(), {}, ids.next(), "m", i == 9 ? "true" : "false", "", "", "same key"});
    }
    ASSERT_TRUE(store->append(batch, Durability::kRelaxed,
                              [&](const Result<Receipt>& r) { ++(r ? stored : refused); }));
  }
  lock.reset();
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(stored, 18);
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(store->writer().refused_rows, 4);
  EXPECT_THAT(store->list({}, 100)->calls, SizeIs(18));
}

TEST_F(QueueTest, ManyThreadsWriteAndLookUp) {
  const auto store = open_or_die(path, clock);
  constexpr int kThreads = 4;
  constexpr int kRows = 200;
  std::atomic<int> missing{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRows; ++i) {
        const CallRow row = some_call(ids, clock, fmt::format("f{}", t));
        Batch batch = batch_of(row);
        const Digest fingerprint = sha256(fmt::format("{}-{}", t, i));
        batch.outputs.push_back({fingerprint, 0, sha256("b"), 0, row.id});
        if (i % 3 == 0) {
          if (!store->commit(std::move(batch))) ++missing;
        } else if (!store->append(std::move(batch), Durability::kRelaxed)) {
          ++missing;
        }
        const auto found = store->find_output(fingerprint, 0);
        if (!found || !*found || (*found)->id != row.id) ++missing;
        if (i % 50 == 0 && !store->show(row.id)) ++missing;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(store->flush());
  EXPECT_EQ(missing, 0);
  const auto sums = store->aggregate({}, GroupBy::kNothing);
  EXPECT_EQ((*sums)[0].calls, kThreads * kRows);
}

// Commits calls for ever and tells each id once it is acknowledged.
TEST(StoreChild, DISABLED_CommitsUntilKilled) {
  const SetClock clock;
  const RealClock real;
  IdMaker ids(real);
  const auto store = open_or_die(child_setting("STORE"), clock);
  const int count = std::atoi(child_setting("COUNT").c_str());
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; count == 0 || i < count; ++i) {
        const CallRow row = some_call(ids, clock);
        Batch batch = batch_of(row);
        batch.outputs.push_back({sha256(row.id.to_string()), 0, sha256("b"), 0, row.id});
        if (store->commit(std::move(batch))) tell_parent(row.id.to_string());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(QueueTest, NothingAcknowledgedIsLostToSigkill) {
  Random random(20261123);
  std::set<Id> acknowledged;
  for (int round = 0; round < 6; ++round) {
    Child child("StoreChild.CommitsUntilKilled", {{"STORE", path.string()}, {"COUNT", "0"}});
    child.read_until(kIdText * (1 + random.below(300)));
    child.kill();
    EXPECT_EQ(child.wait(), -1);
    for (const Id& id : ids_in(child.output())) {
      EXPECT_TRUE(acknowledged.insert(id).second) << "told twice";
    }
    const auto store = open_or_die(path, clock);
    for (const Id& id : acknowledged) {
      ASSERT_TRUE(*store->call(id)) << id.to_string() << " in round " << round;
      ASSERT_TRUE(*store->find_output(sha256(id.to_string()), 0));
    }
    EXPECT_THAT(*store->check(), IsEmpty());
  }
  EXPECT_GE(acknowledged.size(), 6u);
}

TEST_F(QueueTest, TwoProcessesWriteOneStore) {
  const std::map<std::string, std::string> settings{{"STORE", path.string()}, {"COUNT", "60"}};
  Child first("StoreChild.CommitsUntilKilled", settings);
  Child second("StoreChild.CommitsUntilKilled", settings);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_EQ(second.wait(), 0);
  const auto store = open_or_die(path, clock);
  std::vector<Id> all = ids_in(first.output());
  const std::vector<Id> others = ids_in(second.output());
  all.insert(all.end(), others.begin(), others.end());
  EXPECT_THAT(all, SizeIs(2 * 3 * 60));
  for (const Id& id : all) EXPECT_TRUE(*store->call(id));
  EXPECT_EQ((*store->aggregate({}, GroupBy::kNothing))[0].calls, 2 * 3 * 60);
}

}  // namespace
}  // namespace sighter::store
