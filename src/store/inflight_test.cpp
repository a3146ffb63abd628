#include "store/inflight.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "base/random.hpp"
#include "store/test_child.hpp"
#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

InflightCall some_inflight(IdMaker& ids) {
  InflightCall call;
  call.id = ids.next();
  call.start = SystemTime(Micros(1'790'000'000'000'000));
  call.reserved = NanoUsd{5'000};
  call.key = "alice";
  call.function = "triage";
  call.variant = "gpt";
  call.model = "openai/gpt-5-mini";
  return call;
}

class InflightTest : public ::testing::Test {
 protected:
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      count += entry.is_regular_file() ? 1 : 0;
    }
    return count;
  }
  TempFolder folder;
  SetClock clock;
  IdMaker ids{clock};
};

TEST_F(InflightTest, AnOpenCallBecomesAnInterruptedRowAtItsReservedCost) {
  const InflightCall call = some_inflight(ids);
  {
    auto inflight = Inflight::open(folder.path(), 8);
    ASSERT_TRUE(inflight) << inflight.error().message();
    ASSERT_TRUE((*inflight)->begin(call));
  }
  const auto left = Leftovers::collect(folder.path());
  ASSERT_TRUE(left);
  ASSERT_THAT(left->rows(), SizeIs(1));
  const CallRow& row = left->rows()[0];
  EXPECT_EQ(row.id, call.id);
  EXPECT_EQ(row.status, CallStatus::kInterrupted);
  EXPECT_EQ(row.cost, NanoUsd{5'000});
  EXPECT_EQ(row.key, "alice");
  EXPECT_EQ(row.function, "triage");
  EXPECT_EQ(row.variant, "gpt");
  EXPECT_EQ(row.model, "openai/gpt-5-mini");
  EXPECT_EQ(row.start, call.start);
}

TEST_F(InflightTest, WhatAnInterruptedCallWithoutABudgetCostIsNotKnown) {
  InflightCall call = some_inflight(ids);
  call.reserved = NanoUsd{};
  {
    auto inflight = Inflight::open(folder.path(), 8);
    ASSERT_TRUE(inflight) << inflight.error().message();
    ASSERT_TRUE((*inflight)->begin(call));
  }
  const auto left = Leftovers::collect(folder.path());
  ASSERT_TRUE(left);
  ASSERT_THAT(left->rows(), SizeIs(1));
  EXPECT_FALSE(left->rows()[0].cost);
  EXPECT_THAT(left->rows()[0].error, HasSubstr("not known"));
}

TEST_F(InflightTest, ASettledCallKeepsWhatItCost) {
  {
    auto inflight = Inflight::open(folder.path(), 8);
    const auto slot = (*inflight)->begin(some_inflight(ids));
    (*inflight)->settle(
        *slot, {CallStatus::kBroken, Micros(77), Tokens{1, 2, 3, 4, 5}, NanoUsd{9}, "upstream"});
  }
  const auto left = Leftovers::collect(folder.path());
  ASSERT_THAT(left->rows(), SizeIs(1));
  EXPECT_EQ(left->rows()[0].status, CallStatus::kBroken);
  EXPECT_EQ(left->rows()[0].error_kind, "upstream");
  EXPECT_THAT(left->rows()[0].error, HasSubstr("before the row was stored"));
  EXPECT_EQ(left->rows()[0].latency, Micros(77));
  EXPECT_EQ(left->rows()[0].tokens, (Tokens{1, 2, 3, 4, 5}));
  EXPECT_EQ(left->rows()[0].cost, NanoUsd{9});
}

TEST_F(InflightTest, ACallThatEndedWellIsFoundAgainAsSuch) {
  {
    auto inflight = Inflight::open(folder.path(), 8);
    const auto slot = (*inflight)->begin(some_inflight(ids));
    (*inflight)->settle(*slot, {CallStatus::kOk, Micros(77), Tokens{1, 2, 3, 4, 5}, {}, {}});
    const auto other = (*inflight)->begin(some_inflight(ids));
    (*inflight)->settle(*other, {CallStatus::kOk, Micros(1), {}, {}, {}});
    (*inflight)->settle(*other, {CallStatus::kCancelled, Micros(2), {}, {}, "cancelled"});
  }
  const auto left = Leftovers::collect(folder.path());
  ASSERT_THAT(left->rows(), SizeIs(2));
  const CallRow& row = left->rows()[0];
  EXPECT_EQ(row.status, CallStatus::kOk);
  EXPECT_EQ(row.error, "");
  EXPECT_EQ(row.error_kind, "");
  EXPECT_EQ(row.tokens, (Tokens{1, 2, 3, 4, 5}));
  EXPECT_EQ(row.cost, std::nullopt);
  EXPECT_THAT(row.tried, HasSubstr("found_again"));
  EXPECT_EQ(left->rows()[1].status, CallStatus::kCancelled) << "what was settled last";
  EXPECT_EQ(left->rows()[1].tokens, std::nullopt);
}

TEST_F(InflightTest, AnEndedCallLeavesNothing) {
  {
    auto inflight = Inflight::open(folder.path(), 8);
    const auto slot = (*inflight)->begin(some_inflight(ids));
    EXPECT_EQ((*inflight)->in_use(), 1u);
    (*inflight)->end(*slot);
    EXPECT_EQ((*inflight)->in_use(), 0u);
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(InflightTest, AFullFileRefuses) {
  auto inflight = Inflight::open(folder.path(), 2);
  const auto first = (*inflight)->begin(some_inflight(ids));
  ASSERT_TRUE((*inflight)->begin(some_inflight(ids)));
  const auto third = (*inflight)->begin(some_inflight(ids));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, Kind::kUnavailable);
  (*inflight)->end(*first);
  EXPECT_TRUE((*inflight)->begin(some_inflight(ids)));
}

TEST_F(InflightTest, LongNamesAreCut) {
  InflightCall call = some_inflight(ids);
  const std::string long_name(500, 'x');
  call.key = call.function = call.variant = call.model = long_name;
  {
    auto inflight = Inflight::open(folder.path(), 2);
    ASSERT_TRUE((*inflight)->begin(call));
  }
  const auto left = Leftovers::collect(folder.path());
  EXPECT_EQ(left->rows()[0].key, std::string(39, 'x'));
  EXPECT_EQ(left->rows()[0].function, std::string(63, 'x'));
  EXPECT_EQ(left->rows()[0].model, std::string(95, 'x'));
}

TEST_F(InflightTest, AFileWhoseOwnerLivesIsLeftAlone) {
  auto inflight = Inflight::open(folder.path(), 2);
  ASSERT_TRUE((*inflight)->begin(some_inflight(ids)));
  const auto left = Leftovers::collect(folder.path());
  ASSERT_TRUE(left);
  EXPECT_THAT(left->rows(), IsEmpty());
}

TEST_F(InflightTest, WhatIsDiscardedIsNotFoundAgain) {
  {
    auto inflight = Inflight::open(folder.path(), 2);
    ASSERT_TRUE((*inflight)->begin(some_inflight(ids)));
  }
  {
    const auto kept = Leftovers::collect(folder.path());
    EXPECT_THAT(kept->rows(), SizeIs(1));
    EXPECT_THAT(Leftovers::collect(folder.path())->rows(), IsEmpty()) << "taken by two at once";
  }
  auto again = Leftovers::collect(folder.path());
  ASSERT_THAT(again->rows(), SizeIs(1));
  ASSERT_TRUE(again->discard());
  EXPECT_EQ(files(), 0u);
}

TEST_F(InflightTest, NoFolderIsNothingLeft) {
  const auto left = Leftovers::collect(folder / "none");
  ASSERT_TRUE(left);
  EXPECT_THAT(left->rows(), IsEmpty());
}

TEST_F(InflightTest, TornSlotsAreCountedAndNeverTakenForCalls) {
  {
    auto inflight = Inflight::open(folder.path(), 4);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE((*inflight)->begin(some_inflight(ids)));
  }
  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(512 * 2 + 40);
    bytes.put('!');
  }
  const auto left = Leftovers::collect(folder.path());
  ASSERT_TRUE(left);
  EXPECT_THAT(left->rows(), SizeIs(3));
  EXPECT_EQ(left->damaged(), 1);
}

TEST_F(InflightTest, AnyBytesAreReadWithoutACrash) {
  Random random(7);
  std::string good;
  {
    auto inflight = Inflight::open(folder.path(), 4);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*inflight)->begin(some_inflight(ids)));
  }
  const auto file = std::filesystem::directory_iterator(folder.path())->path();
  {
    std::ifstream in(file, std::ios::binary);
    good.assign(std::istreambuf_iterator<char>(in), {});
  }
  for (int round = 0; round < 500; ++round) {
    std::string bytes = good;
    for (std::uint64_t i = random.below(20); i > 0; --i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    const auto left = Leftovers::collect(folder.path());
    ASSERT_TRUE(left);
    ASSERT_LE(left->rows().size(), 3u);
  }
}

TEST_F(InflightTest, ThreadsShareTheSlots) {
  auto inflight = Inflight::open(folder.path(), 16);
  std::atomic<int> refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2'000; ++i) {
        const auto slot = (*inflight)->begin(some_inflight(ids));
        if (!slot) {
          ++refused;
          continue;
        }
        (*inflight)->settle(*slot, {});
        (*inflight)->end(*slot);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ((*inflight)->in_use(), 0u);
}

// Begins and ends calls for ever as a gateway does, telling what it begins and what it has stored.
TEST(InflightChild, DISABLED_WorksUntilKilled) {
  const RealClock clock;
  IdMaker ids(clock);
  const std::string folder = child_setting("FOLDER");
  const auto store = open_or_die(folder + "/store.db", clock);
  auto inflight = Inflight::open(folder + "/inflight", 64);
  while (true) {
    const InflightCall call = some_inflight(ids);
    const auto slot = (*inflight)->begin(call);
    if (!slot) continue;  // all slots wait for the disk
    tell_parent(call.id.to_string());
    (*inflight)->settle(*slot, {CallStatus::kOk, Micros(5), Tokens{1, 1, 0, 0, 0}, NanoUsd{2}, {}});
    CallRow row = some_call(ids, clock);
    row.id = call.id;
    const bool taken = store
                           ->append(batch_of(row), Durability::kRelaxed,
                                    [&, s = *slot](const Result<Receipt>& r) {
                                      if (r) (*inflight)->end(s);
                                    })
                           .has_value();
    if (!taken) (*inflight)->end(*slot);
  }
}

TEST_F(InflightTest, SigkillLosesNoCallAndStoresNoneTwice) {
  Random random(42);
  std::set<std::string> begun;
  std::int64_t interrupted = 0;
  for (int round = 0; round < 6; ++round) {
    Child child("InflightChild.WorksUntilKilled", {{"FOLDER", folder.path().string()}});
    child.read_until(36 * (1 + random.below(400)));
    child.kill();
    child.wait();
    const std::string& told = child.output();
    for (std::size_t at = 0; at + 36 <= told.size(); at += 36) begun.insert(told.substr(at, 36));
    const auto store = open_or_die(folder / "store.db", clock);
    auto left = Leftovers::collect(folder / "inflight");
    ASSERT_TRUE(left);
    EXPECT_EQ(left->damaged(), 0);
    Batch batch;
    batch.calls = left->rows();
    const auto receipt = store->commit(batch);
    ASSERT_TRUE(receipt);
    interrupted += receipt->written;
    ASSERT_TRUE(left->discard());
    for (const std::string& id : begun) {
      ASSERT_TRUE(*store->call(*Id::parse(id))) << id << " in round " << round;
    }
  }
  const auto store = open_or_die(folder / "store.db", clock);
  const auto sums = store->aggregate({}, GroupBy::kNothing);
  // A call may be told of before the pipe is read, or begun and not yet told.
  EXPECT_GE((*sums)[0].calls, static_cast<std::int64_t>(begun.size()));
  EXPECT_LE((*sums)[0].calls, static_cast<std::int64_t>(begun.size()) + 6);
  EXPECT_GT(interrupted, 0);
}

}  // namespace
}  // namespace sighter::store
