// Calls that one statement writes, and references that this room checks in the database's place.

#include <vector>

#include "store/sqlite.hpp"
#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::Each;
using ::testing::IsEmpty;

class TogetherTest : public ::testing::Test {
 protected:
  // A plain model request: the columns of all others are empty.
  CallRow plain_call() {
    CallRow row;
    row.id = ids.next();
    row.trace = row.id;
    row.start = clock.system_now();
    row.latency = Micros(70);
    row.first_token = Micros(60);
    row.tokens = Tokens{5, 4, 3, 2, 1};
    row.cost = NanoUsd{9};
    row.key = "serve";
    row.model = "gpt-small";
    row.route = "openai/gpt";
    row.finish_reason = "stop";
    row.input = R"({"messages":[]})";
    row.output = "\"text\"";
    return row;
  }
  // Appends the rows, each a batch of its own, so that one commit takes them all.
  std::vector<Result<Receipt>> append(Store& store, const std::vector<CallRow>& rows) {
    std::vector<Result<Receipt>> told(rows.size());
    {
      const auto lock = Connection::open(path, Connection::Mode::kWrite, {});
      EXPECT_TRUE((*lock)->run("BEGIN IMMEDIATE"));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_TRUE(store.append(batch_of(rows[i]), Durability::kRelaxed,
                                 [&told, i](Result<Receipt> r) { told[i] = std::move(r); }));
      }
      EXPECT_TRUE((*lock)->run("ROLLBACK"));
    }
    EXPECT_TRUE(store.flush());
    return told;
  }

  TempFolder folder;
  SetClock clock;
  IdMaker ids{clock};
  std::filesystem::path path = folder / "store.db";
};

TEST_F(TogetherTest, EveryRowOfALongQueueReadsAsItWasWritten) {
  const auto store = open_or_die(path, clock);
  std::vector<CallRow> rows;
  for (int i = 0; i < 75; ++i) {
    rows.push_back(plain_call());
    rows.back().latency = Micros(i);
    if (i % 3 == 0) rows.back().first_token.reset();
    if (i % 5 == 0) rows.back().cost.reset();
    if (i % 7 == 0) rows.back().tokens.reset();
  }
  // Among those of one statement, one that fills every column.
  CallRow& full = rows[20];
  full.parent = rows[19].id;
  full.trace = rows[18].id;
  full.function = "f";
  full.variant = "v";
  full.config = sha256("c");
  full.status = CallStatus::kError;
  full.error_kind = "timeout";
  full.error = "too late";
  full.tags = R"({"a":"b"})";
  full.tried = "{}";
  full.extras = "[1]";
  full.request = "raw";
  for (const auto& told : append(*store, rows)) EXPECT_EQ(told->written, 1);
  for (const CallRow& row : rows) {
    const auto found = store->call(row.id);
    ASSERT_TRUE(found && *found);
    const CallRow& kept = **found;
    EXPECT_EQ(kept.latency, row.latency);
    EXPECT_EQ(kept.first_token, row.first_token);
    EXPECT_EQ(kept.tokens, row.tokens);
    EXPECT_EQ(kept.cost.has_value(), row.cost.has_value());
    EXPECT_EQ(kept.parent, row.parent);
    EXPECT_EQ(kept.trace, row.trace);
    EXPECT_EQ(kept.status, row.status);
    EXPECT_EQ(kept.config, row.config);
    const auto texts = [](const CallRow& r) {
      return std::vector<std::string>{r.function,      r.variant,    r.key,    r.model,  r.route,
                                      r.finish_reason, r.error_kind, r.error,  r.tags,   r.tried,
                                      r.input,         r.output,     r.extras, r.request};
    };
    EXPECT_EQ(texts(kept), texts(row));
  }
}

TEST_F(TogetherTest, WhatWasThereAlreadyIsToldApart) {
  const auto store = open_or_die(path, clock);
  std::vector<CallRow> rows;
  for (int i = 0; i < 40; ++i) rows.push_back(plain_call());
  ASSERT_TRUE(store->commit(batch_of(rows[3])));
  ASSERT_TRUE(store->commit(batch_of(rows[17])));
  rows[9] = rows[8];  // the second of the same statement
  const auto told = append(*store, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool known = i == 3 || i == 9 || i == 17;
    EXPECT_EQ(told[i]->written, known ? 0 : 1) << i;
    EXPECT_EQ(told[i]->known_already, known ? 1 : 0) << i;
  }
  EXPECT_EQ(store->aggregate({}, GroupBy::kNothing)->front().calls, 39);
}

TEST_F(TogetherTest, ARowThatNamesACallOfTheSameCommitFindsIt) {
  const auto store = open_or_die(path, clock);
  const CallRow row = plain_call();
  std::vector<Result<Receipt>> told(2);
  {
    const auto lock = Connection::open(path, Connection::Mode::kWrite, {});
    ASSERT_TRUE((*lock)->run("BEGIN IMMEDIATE"));
    ASSERT_TRUE(store->append(batch_of(row), Durability::kRelaxed,
                              [&](Result<Receipt> r) { told[0] = std::move(r); }));
    Batch score;
    score.scores.push_back({row.id, sha256("m"), 1.0, ""});
    ASSERT_TRUE(store->append(score, Durability::kRelaxed,
                              [&](Result<Receipt> r) { told[1] = std::move(r); }));
    ASSERT_TRUE((*lock)->run("ROLLBACK"));
  }
  ASSERT_TRUE(store->flush());
  EXPECT_THAT(told, Each(::testing::Truly([](const auto& r) { return r && r->written == 1; })));
}

TEST_F(TogetherTest, ACallThatAnotherProcessRemovedIsNotNamed) {
  const auto store = open_or_die(path, clock);
  const CallRow row = plain_call();
  Batch batch = batch_of(row);
  batch.scores.push_back({row.id, sha256("m"), 1.0, ""});  // its place is remembered
  ASSERT_TRUE(store->commit(std::move(batch)));
  {
    const auto other = open_or_die(path, clock);
    PruneRequest all;
    all.keep = std::chrono::seconds(0);
    clock.now_us += 1'000'000;
    ASSERT_EQ(other->prune(all)->calls, 1);
  }
  Batch late;
  late.scores.push_back({row.id, sha256("m"), 0.5, ""});
  const auto receipt = store->commit(std::move(late));
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, Kind::kNotFound);
  EXPECT_THAT(*store->check(), IsEmpty());
}

TEST_F(TogetherTest, WhatHangsOnARemovedCallGoesWithItAfterOtherRowsWereWritten) {
  const auto store = open_or_die(path, clock);
  CallRow row = plain_call();
  row.tags = R"({"user":"42"})";
  Batch batch = batch_of(row);
  batch.scores.push_back({row.id, sha256("m"), 1.0, ""});
  ASSERT_TRUE(store->commit(std::move(batch)));
  ASSERT_EQ(store->erase("user", "42")->calls, 1);
  EXPECT_FALSE(*store->score(row.id, sha256("m")));
  ASSERT_TRUE(store->commit(batch_of(plain_call())));
  EXPECT_THAT(*store->check(), IsEmpty());
}

}  // namespace
}  // namespace sighter::store
