#include "store/store.hpp"

#include <latch>
#include <thread>

#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreTest : public ::testing::Test {
 protected:
  CallRow add(CallRow row) {
    const auto receipt = store->commit(batch_of(row));
    EXPECT_TRUE(receipt) << receipt.error().message();
    return row;
  }
  CallRow add_call(std::string function = "triage", std::string variant = "gpt") {
    clock.now_us += 1'000'000;
    return add(some_call(ids, clock, std::move(function), std::move(variant)));
  }
  std::vector<Id> listed(const CallFilter& filter, std::size_t count = 100) {
    const auto page = store->list(filter, count);
    EXPECT_TRUE(page) << page.error().message();
    std::vector<Id> found;
    for (const CallRow& row : page->calls) found.push_back(row.id);
    return found;
  }

  TempFolder folder;
  SetClock clock;
  IdMaker ids{clock};
  std::unique_ptr<Store> store = open_or_die(folder / "store.db", clock);
};

TEST_F(StoreTest, EveryFieldOfACallComesBack) {
  CallRow row = some_call(ids, clock);
  row.parent = ids.next();
  row.trace = ids.next();
  row.config = sha256("config");
  row.status = CallStatus::kBroken;
  row.error_kind = "upstream";
  row.error = "cut off\nin the middle";
  row.latency = Micros(123'456);
  row.first_token = Micros(4567);
  row.tokens = Tokens{10, 20, 3, 4, 5};
  row.cost = NanoUsd{987'654'321};
  row.cache_hit = true;
  row.key = "key-1";
  row.route = "openai/gpt-5-mini";
  row.finish_reason = "length";
  row.tags = R"({"user":"42"})";
  row.tried = R"([{"route":"lab/x","status":429}])";
  row.extras = R"({"system_fingerprint":"fp_1"})";
  row.request = std::string("{\"a\":\0}", 7);
  add(row);
  const auto found = store->call(row.id);
  ASSERT_TRUE(found && *found);
  const CallRow& got = **found;
  EXPECT_EQ(got.id, row.id);
  EXPECT_EQ(got.parent, row.parent);
  EXPECT_EQ(got.trace, row.trace);
  EXPECT_EQ(got.function, row.function);
  EXPECT_EQ(got.variant, row.variant);
  EXPECT_EQ(got.config, row.config);
  EXPECT_EQ(got.status, row.status);
  EXPECT_EQ(got.error_kind, row.error_kind);
  EXPECT_EQ(got.error, row.error);
  EXPECT_EQ(got.start, row.start);
  EXPECT_EQ(got.latency, row.latency);
  EXPECT_EQ(got.first_token, row.first_token);
  EXPECT_EQ(got.tokens, row.tokens);
  EXPECT_EQ(got.cost, row.cost);
  EXPECT_EQ(got.cache_hit, row.cache_hit);
  EXPECT_EQ(got.key, row.key);
  EXPECT_EQ(got.model, row.model);
  EXPECT_EQ(got.route, row.route);
  EXPECT_EQ(got.finish_reason, row.finish_reason);
  EXPECT_EQ(got.tags, row.tags);
  EXPECT_EQ(got.tried, row.tried);
  EXPECT_EQ(got.input, row.input);
  EXPECT_EQ(got.output, row.output);
  EXPECT_EQ(got.extras, row.extras);
  EXPECT_EQ(got.request, row.request);
}

TEST_F(StoreTest, WhatNobodyKnewComesBackAsUnknown) {
  const CallRow row = add_call();
  const auto found = store->call(row.id);
  ASSERT_TRUE(found && *found);
  EXPECT_FALSE((*found)->tokens);
  EXPECT_FALSE((*found)->cost);
  EXPECT_FALSE((*found)->first_token);
  EXPECT_FALSE((*found)->config);
  EXPECT_TRUE((*found)->parent.is_nil());
  EXPECT_EQ((*found)->trace, row.id);
}

TEST_F(StoreTest, AnUnknownIdIsNoError) {
  const auto found = store->call(ids.next());
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST_F(StoreTest, RowsSurviveReopening) {
  const CallRow row = add_call();
  store.reset();
  store = open_or_die(folder / "store.db", clock);
  const auto found = store->call(row.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->output, row.output);
}

TEST_F(StoreTest, ACallGivenAgainIsKnownAlready) {
  const CallRow row = add_call();
  const auto receipt = store->commit(batch_of(row));
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->written, 0);
  EXPECT_EQ(receipt->known_already, 1);
}

TEST_F(StoreTest, RowsThatNameACallGivenAgainAreStored) {
  const CallRow row = add_call();
  Batch batch = batch_of(row);
  batch.scores.push_back({row.id, sha256("m"), 1.0, ""});
  ASSERT_TRUE(store->commit(batch));
  const auto score = store->score(row.id, sha256("m"));
  ASSERT_TRUE(score && *score);
  EXPECT_EQ((*score)->value, 1.0);
}

TEST_F(StoreTest, AStoredOutputIsFoundByFingerprintAndRepeat) {
  const CallRow row = some_call(ids, clock);
  Batch batch = batch_of(row);
  batch.outputs.push_back({sha256("f"), 2, sha256("body"), 77, row.id});
  ASSERT_TRUE(store->commit(batch));
  const auto found = store->find_output(sha256("f"), 2);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->id, row.id);
  EXPECT_EQ((*found)->output, row.output);
  EXPECT_FALSE(*store->find_output(sha256("f"), 1));
  EXPECT_FALSE(*store->find_output(sha256("g"), 2));
}

TEST_F(StoreTest, TheFirstOutputOfAFingerprintStands) {
  const CallRow first = some_call(ids, clock);
  const CallRow second = some_call(ids, clock);
  for (const CallRow& row : {first, second}) {
    Batch batch = batch_of(row);
    batch.outputs.push_back({sha256("f"), 0, sha256("body"), 77, row.id});
    ASSERT_TRUE(store->commit(batch));
  }
  EXPECT_EQ((*store->find_output(sha256("f"), 0))->id, first.id);
}

TEST_F(StoreTest, OutputsAreListedByBody) {
  for (int i = 0; i < 3; ++i) {
    const CallRow row = some_call(ids, clock);
    Batch batch = batch_of(row);
    batch.outputs.push_back({sha256(std::to_string(i)), 0, sha256(i < 2 ? "a" : "b"),
                             static_cast<std::uint64_t>(i), row.id});
    ASSERT_TRUE(store->commit(batch));
  }
  EXPECT_THAT(*store->outputs_of(sha256("a")), SizeIs(2));
  EXPECT_THAT(*store->outputs_of(sha256("none")), IsEmpty());
}

TEST_F(StoreTest, AScoreGivenAgainReplacesTheFirst) {
  const CallRow row = add_call();
  for (const double value : {0.25, 0.75}) {
    Batch batch;
    batch.scores.push_back({row.id, sha256("exact"), value, "because"});
    ASSERT_TRUE(store->commit(batch));
  }
  const auto score = store->score(row.id, sha256("exact"));
  ASSERT_TRUE(score && *score);
  EXPECT_EQ((*score)->value, 0.75);
  EXPECT_EQ((*score)->reason, "because");
  EXPECT_FALSE(*store->score(row.id, sha256("other")));
}

TEST_F(StoreTest, AScoreOfAnUnknownCallIsRefusedAndNothingOfItsBatchIsWritten) {
  const CallRow row = some_call(ids, clock);
  Batch batch = batch_of(row);
  batch.scores.push_back({ids.next(), sha256("exact"), 1.0, ""});
  const auto receipt = store->commit(batch);
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, Kind::kNotFound);
  EXPECT_FALSE(*store->call(row.id));
}

TEST_F(StoreTest, FeedbackWithTheSameClientKeyIsStoredOnce) {
  const CallRow row = add_call();
  for (int i = 0; i < 2; ++i) {
    Batch batch;
    batch.feedback.push_back({ids.next(), row.id, {}, "thumbs", "true", "user", "", "key-1"});
    const auto receipt = store->commit(batch);
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->known_already, i);
    const std::vector<FeedbackRow> kept = store->show(row.id)->feedback;
    ASSERT_THAT(kept, SizeIs(1));
    EXPECT_EQ(receipt->known_feedback, i == 0 ? std::nullopt : std::optional(kept[0].id));
  }
}

TEST_F(StoreTest, AClientKeyUsedForOtherFeedbackIsAConflict) {
  const CallRow row = add_call();
  Batch batch;
  batch.feedback.push_back({ids.next(), row.id, {}, "thumbs", "true", "user", "", "key-1"});
  ASSERT_TRUE(store->commit(batch));
  batch.feedback[0].id = ids.next();
  batch.feedback[0].value = "false";
  const auto receipt = store->commit(batch);
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, Kind::kConflict);
}

TEST_F(StoreTest, FeedbackBelongsToACallOrToATrace) {
  Batch batch;
  batch.feedback.push_back({ids.next(), {}, {}, "thumbs", "true", "", "", ""});
  const auto receipt = store->commit(batch);
  ASSERT_FALSE(receipt);
  EXPECT_EQ(receipt.error().kind, Kind::kInvalid);
}

TEST_F(StoreTest, ShowIsATreeWithAllThatHangsOnEachCall) {
  const CallRow root = add_call("flow");
  CallRow child = some_call(ids, clock, "triage");
  child.parent = child.trace = root.id;
  CallRow grandchild = some_call(ids, clock, "judge");
  grandchild.parent = child.id;
  grandchild.trace = root.id;
  Batch batch;
  batch.calls = {grandchild, child};
  AttemptRow attempt;
  attempt.call = child.id;
  attempt.route = "lab/x";
  attempt.status = CallStatus::kError;
  attempt.error_kind = "timeout";
  batch.attempts = {attempt};
  batch.feedback.push_back({ids.next(), {}, root.id, "solved", "true", "user", "thanks", ""});
  batch.scores.push_back({grandchild.id, sha256("exact"), 0.5, "half"});
  ASSERT_TRUE(store->commit(batch));
  const auto tree = store->show(root.id);
  ASSERT_TRUE(tree) << tree.error().message();
  ASSERT_THAT(tree->children, SizeIs(1));
  EXPECT_EQ(tree->children[0].call.id, child.id);
  ASSERT_THAT(tree->children[0].children, SizeIs(1));
  EXPECT_EQ(tree->children[0].children[0].call.function, "judge");
  ASSERT_THAT(tree->feedback, SizeIs(1));
  EXPECT_EQ(tree->feedback[0].note, "thanks");
  ASSERT_THAT(tree->children[0].attempts, SizeIs(1));
  EXPECT_EQ(tree->children[0].attempts[0].error_kind, "timeout");
  ASSERT_THAT(tree->children[0].children[0].scores, SizeIs(1));
  EXPECT_EQ(tree->children[0].children[0].scores[0].value, 0.5);
}

TEST_F(StoreTest, ShowOfAnUnknownCallSaysWhereToLook) {
  const auto tree = store->show(ids.next());
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().kind, Kind::kNotFound);
  EXPECT_THAT(tree.error().hint, HasSubstr("sighter log"));
}

TEST_F(StoreTest, ListingIsNewestFirstAndPaged) {
  std::vector<Id> added;
  for (int i = 0; i < 5; ++i) added.insert(added.begin(), add_call().id);
  const auto first = store->list({}, 2);
  ASSERT_TRUE(first && first->next);
  EXPECT_EQ(first->calls[0].id, added[0]);
  const auto second = store->list({}, 2, first->next);
  ASSERT_TRUE(second && second->next);
  EXPECT_EQ(second->calls[0].id, added[2]);
  const auto third = store->list({}, 2, second->next);
  ASSERT_TRUE(third);
  EXPECT_THAT(third->calls, SizeIs(1));
  EXPECT_FALSE(third->next);
}

TEST_F(StoreTest, EachFilterSelects) {
  const CallRow plain = add_call("", "");
  CallRow rich = some_call(ids, clock, "extract", "local");
  clock.now_us += 10'000'000;
  rich.id = ids.next();
  rich.start = clock.system_now();
  rich.status = CallStatus::kError;
  rich.error = "Überlast";
  rich.model = "smol";
  rich.route = "lab/smol-2";
  rich.key = "alice";
  rich.cost = NanoUsd{500};
  rich.latency = Micros(9'000);
  rich.tags = R"({"user":"42","a \"quoted\" key":"x%_y"})";
  rich.input = R"({"text":"Where is my INVOICE, 100%_off?"})";
  rich.parent = plain.id;
  rich.trace = plain.id;
  add(rich);
  const auto only_rich = [&](auto&& set) {
    CallFilter filter;
    set(filter);
    EXPECT_THAT(listed(filter), ElementsAre(rich.id));
  };
  only_rich([](CallFilter& f) { f.function = "extract"; });
  only_rich([](CallFilter& f) { f.variant = "local"; });
  only_rich([](CallFilter& f) { f.status = CallStatus::kError; });
  only_rich([](CallFilter& f) { f.model = "smol"; });
  only_rich([](CallFilter& f) { f.model = "lab/smol-2"; });
  only_rich([](CallFilter& f) { f.key = "alice"; });
  only_rich([](CallFilter& f) { f.cost_least = NanoUsd{500}; });
  only_rich([](CallFilter& f) { f.latency_least = Micros(9'000); });
  only_rich([](CallFilter& f) { f.tags = {{"user", "42"}}; });
  only_rich([](CallFilter& f) { f.tags = {{"a \"quoted\" key", "x%_y"}}; });
  only_rich([](CallFilter& f) { f.contains = "invoice, 100%_"; });
  only_rich([](CallFilter& f) { f.contains = "berlast"; });
  only_rich([&](CallFilter& f) { f.since = rich.start; });
  CallFilter filter;
  filter.until = rich.start;
  EXPECT_THAT(listed(filter), ElementsAre(plain.id));
  filter = {};
  filter.function = "";
  EXPECT_THAT(listed(filter), ElementsAre(plain.id));
  filter = {};
  filter.roots_only = true;
  EXPECT_THAT(listed(filter), ElementsAre(plain.id));
  filter = {};
  filter.trace = plain.id;
  EXPECT_THAT(listed(filter), ElementsAre(rich.id, plain.id));
  filter = {};
  filter.function = "no such function";
  EXPECT_THAT(listed(filter), IsEmpty());
}

// Time stands until somebody waits for it.
class WaitingClock final : public Clock {
 public:
  SystemTime system_now() const override { return SystemTime(std::chrono::hours(500'000)); }
  SteadyTime steady_now() const override {
    if (asked.fetch_add(1) == 0) return SteadyTime{};  // a listing begins
    reached.count_down();
    released.wait();
    return SteadyTime(std::chrono::hours(1));
  }
  mutable std::atomic<int> asked{0};
  mutable std::latch reached{1};
  mutable std::latch released{1};
};

TEST(StoreListing, EndsWhenItsPatienceDoesAndKeepsNoLookUpByIdWaiting) {
  TempFolder folder;
  SetClock ids_clock;
  IdMaker ids{ids_clock};
  WaitingClock clock;
  Options options;
  options.readers_max = options.scanners_max = 1;
  const auto store = open_or_die(folder / "store.db", clock, options);
  Batch batch;
  for (int i = 0; i < 2'000; ++i) batch.calls.push_back(some_call(ids, ids_clock));
  const Id id = batch.calls[1'000].id;
  ASSERT_TRUE(store->commit(batch));
  CallFilter filter;
  filter.contains = "nobody said this";
  Result<CallPage> page;
  std::jthread listing([&] { page = store->list(filter, 10, {}, std::chrono::seconds(5)); });
  clock.reached.wait();
  EXPECT_EQ((*store->call(id))->id, id);
  EXPECT_TRUE(store->show(id));
  EXPECT_TRUE(*store->has_trace(id));
  clock.released.count_down();
  listing.join();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, Kind::kTimeout);
  EXPECT_THAT(page.error().hint, HasSubstr("since"));
  EXPECT_THAT(store->list(filter, 10)->calls, IsEmpty()) << "the next one is not stopped";
}

TEST_F(StoreTest, ATraceIsFoundQueuedAndStored) {
  const CallRow root = add_call();
  CallRow child = some_call(ids, clock);
  child.trace = ids.next();
  const Id unknown = ids.next();
  for (const bool stored : {false, true}) {
    if (stored) {
      add(child);
    } else {
      ASSERT_TRUE(store->append(batch_of(child), Durability::kRelaxed));
    }
    EXPECT_TRUE(*store->has_trace(root.id));
    EXPECT_TRUE(*store->has_trace(child.trace));
    EXPECT_FALSE(*store->has_trace(child.id)) << "it is of another trace";
    EXPECT_FALSE(*store->has_trace(unknown));
  }
}

TEST_F(StoreTest, TagsThatAreNotJsonMatchNothing) {
  CallRow row = some_call(ids, clock);
  row.tags = "{user: 42";
  add(row);
  CallFilter filter;
  filter.tags = {{"user", "42"}};
  EXPECT_THAT(listed(filter), IsEmpty());
}

TEST_F(StoreTest, IdsAreFoundByTheirBeginning) {
  const CallRow row = add_call();
  const std::string text = row.id.to_string();
  for (const std::size_t length : {1u, 8u, 9u, 20u, 36u}) {
    const auto found = store->ids_starting(text.substr(0, length), 5);
    ASSERT_TRUE(found) << length;
    EXPECT_THAT(*found, ElementsAre(row.id)) << length;
  }
  EXPECT_EQ(store->ids_starting("xyz", 5).error().kind, Kind::kInvalid);
}

TEST_F(StoreTest, AggregatesCountAndUseNearestRank) {
  for (int i = 1; i <= 20; ++i) {
    CallRow row = some_call(ids, clock, "f", i <= 10 ? "a" : "b");
    row.latency = Micros(i * 1000);
    row.cost = NanoUsd{i};
    row.tokens = Tokens{i, 1, 0, 0, 0};
    add(row);
  }
  CallRow failed = some_call(ids, clock, "f", "a");
  failed.status = CallStatus::kError;
  failed.latency = Micros(99'000);
  add(failed);
  const auto all = store->aggregate({}, GroupBy::kNothing);
  ASSERT_TRUE(all);
  ASSERT_THAT(*all, SizeIs(1));
  EXPECT_EQ((*all)[0].calls, 21);
  EXPECT_EQ((*all)[0].failed, 1);
  EXPECT_EQ((*all)[0].unpriced, 1);
  EXPECT_EQ((*all)[0].cost, NanoUsd{210});
  EXPECT_EQ((*all)[0].tokens.input, 210);
  EXPECT_EQ((*all)[0].p50, Micros(10'000));
  EXPECT_EQ((*all)[0].p95, Micros(19'000));
  const auto by_variant = store->aggregate({}, GroupBy::kVariant);
  ASSERT_THAT(*by_variant, SizeIs(2));
  EXPECT_EQ((*by_variant)[1].group, "f/b");
  EXPECT_EQ((*by_variant)[1].cost, NanoUsd{155});
  EXPECT_EQ((*store->aggregate({}, GroupBy::kDay))[0].group,
            iso8601(clock.system_now()).substr(0, 10));
}

TEST_F(StoreTest, ARunIsReplacedByItsLaterRowAndKeepsItsVerdicts) {
  Batch batch;
  RunRow run;
  run.id = ids.next();
  run.kind = "ready";
  run.function = "triage";
  run.seed = 0xffff'ffff'ffff'ffff;
  run.started = clock.system_now();
  run.asked = R"({"full":false})";
  batch.runs = {run};
  ASSERT_TRUE(store->commit(batch));
  run.finished = clock.system_now() + Micros(5);
  run.result = R"({"verdict":"READY"})";
  batch.runs = {run};
  VerdictRow verdict;
  verdict.run = run.id;
  verdict.variant = "gpt";
  verdict.verdict = "READY";
  verdict.score = 0.96;
  verdict.low = 0.93;
  verdict.high = 0.98;
  verdict.cases = verdict.cases_total = 300;
  verdict.cost = NanoUsd{12'000'000};
  verdict.p95 = Micros(900'000);
  batch.verdicts = {verdict};
  ASSERT_TRUE(store->commit(batch));
  const auto found = store->run(run.id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->finished, run.finished);
  EXPECT_EQ((*found)->seed, run.seed);
  EXPECT_EQ((*found)->asked, run.asked);
  EXPECT_EQ((*found)->result, run.result);
  const auto verdicts = store->verdicts(run.id);
  ASSERT_THAT(*verdicts, SizeIs(1));
  EXPECT_EQ((*verdicts)[0].verdict, "READY");
  EXPECT_EQ((*verdicts)[0].low, 0.93);
  EXPECT_EQ((*verdicts)[0].p95, verdict.p95);
  EXPECT_FALSE((*verdicts)[0].p50);
  EXPECT_THAT(*store->runs("triage", 10), SizeIs(1));
  EXPECT_THAT(*store->runs("other", 10), IsEmpty());
}

TEST_F(StoreTest, AConfigurationMayBeNamedBeforeItIsStored) {
  CallRow row = some_call(ids, clock);
  row.config = sha256("c");
  add(row);
  EXPECT_FALSE(*store->config(sha256("c")));
  Batch batch;
  batch.configs = {{sha256("c"), R"({"a":1})"}};
  ASSERT_TRUE(store->commit(batch));
  ASSERT_TRUE(*store->config(sha256("c")));
  EXPECT_EQ((*store->config(sha256("c")))->content, R"({"a":1})");
  EXPECT_EQ((*store->call(row.id))->config, sha256("c"));
}

TEST_F(StoreTest, AResponseIsFoundUntilItExpires) {
  Batch batch;
  ResponseRow row;
  row.id = "resp_1";
  row.created = clock.system_now();
  row.expires = clock.system_now() + std::chrono::hours(1);
  row.items = "[]";
  row.body = "{}";
  batch.responses = {row};
  ASSERT_TRUE(store->commit(batch));
  EXPECT_TRUE(*store->response("resp_1"));
  clock.now_us += 3'600'000'000;
  EXPECT_FALSE(*store->response("resp_1"));
}

TEST_F(StoreTest, ADeletedResponseIsGone) {
  Batch batch;
  ResponseRow row;
  row.id = "resp_1";
  row.expires = clock.system_now() + std::chrono::hours(1);
  batch.responses = {row};
  ASSERT_TRUE(store->commit(batch));
  ASSERT_TRUE(store->remove_response("resp_1", {}));
  EXPECT_FALSE(*store->response("resp_1")) << "in the queue";
  ASSERT_TRUE(store->flush());
  EXPECT_FALSE(*store->response("resp_1")) << "in the table";
  // Queued and removed in one group.
  batch.responses[0].id = "resp_2";
  ASSERT_TRUE(store->append(batch, Durability::kRelaxed));
  ASSERT_TRUE(store->remove_response("resp_2", {}));
  EXPECT_FALSE(*store->response("resp_2"));
  ASSERT_TRUE(store->flush());
  EXPECT_FALSE(*store->response("resp_2"));
}

TEST_F(StoreTest, OfTwoResponsesWithOneIdTheLaterOneCounts) {
  Batch batch;
  ResponseRow row;
  row.id = "resp_1";
  row.expires = clock.system_now() + std::chrono::hours(1);
  for (const char* body : {"1", "2", "3"}) {
    row.body = body;
    batch.responses = {row};
    ASSERT_TRUE(store->append(batch, Durability::kRelaxed));
    EXPECT_EQ((*store->response("resp_1"))->body, body) << "in the queue";
    if (row.body == "1") continue;  // the first two are one group
    ASSERT_TRUE(store->flush());
    EXPECT_EQ((*store->response("resp_1"))->body, body) << "in the table";
  }
}

TEST_F(StoreTest, DataVersionChangesWithTheStore) {
  const auto before = store->data_version();
  ASSERT_TRUE(before);
  EXPECT_EQ(*store->data_version(), *before);
  add_call();
  EXPECT_NE(*store->data_version(), *before);
}

TEST_F(StoreTest, SizeNamesEveryTable) {
  add_call();
  const auto size = store->size();
  ASSERT_TRUE(size) << size.error().message();
  EXPECT_GT(size->file_bytes, 4096);
  EXPECT_LE(size->used_bytes, size->file_bytes);
  const auto call = std::ranges::find(size->tables, "call", &TableSize::table);
  ASSERT_NE(call, size->tables.end());
  EXPECT_EQ(call->rows, 1);
  EXPECT_GE(call->bytes, 4 * 4096);
}

TEST_F(StoreTest, AppendsAfterCloseAreRefused) {
  ASSERT_TRUE(store->close());
  const Status s = store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().kind, Kind::kUnavailable);
}

TEST_F(StoreTest, ClosingCommitsWhatIsQueued) {
  std::vector<Id> appended;
  for (int i = 0; i < 1000; ++i) {
    const CallRow row = some_call(ids, clock);
    appended.push_back(row.id);
    ASSERT_TRUE(store->append(batch_of(row), Durability::kRelaxed));
  }
  store.reset();
  store = open_or_die(folder / "store.db", clock);
  for (const Id& id : appended) EXPECT_TRUE(*store->call(id));
}

TEST_F(StoreTest, AnotherStoreOnTheSameFileSeesWhatIsCommitted) {
  const auto other = open_or_die(folder / "store.db", clock);
  const CallRow row = add_call();
  EXPECT_TRUE(*other->call(row.id));
  const CallRow back = some_call(ids, clock);
  ASSERT_TRUE(other->commit(batch_of(back)));
  EXPECT_TRUE(*store->call(back.id));
}

TEST_F(StoreTest, TheFileIsForItsOwnerAlone) {
  add_call();
  const auto mode = std::filesystem::status(folder / "store.db").permissions();
  EXPECT_EQ(mode & std::filesystem::perms::mask,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Words, SpansAndSizes) {
  EXPECT_EQ(*parse_keep("90d"), std::chrono::hours(24 * 90));
  EXPECT_EQ(*parse_keep("2 w"), std::chrono::hours(24 * 14));
  EXPECT_EQ(*parse_keep("1.5h"), std::chrono::minutes(90));
  EXPECT_EQ(*parse_bytes("500MB"), 500'000'000);
  EXPECT_EQ(*parse_bytes("1.5 GiB"), 1'610'612'736);
  EXPECT_EQ(*parse_bytes("0"), 0);
  for (const char* bad : {"", "d", "90", "90x", "-1d", "1.2.3d", ".d", "0s", "9999999999y"}) {
    EXPECT_FALSE(parse_keep(bad)) << bad;
  }
  for (const char* bad : {"", "MB", "1 XB", "-5", "1e9", "99999999999TB"}) {
    EXPECT_FALSE(parse_bytes(bad)) << bad;
  }
}

}  // namespace
}  // namespace sighter::store
