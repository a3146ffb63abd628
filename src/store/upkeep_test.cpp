// Versions, copies, pruning, erasure.

#include <fstream>

#include "store/schema.hpp"
#include "store/sqlite.hpp"
#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class UpkeepTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> raw() {
    return std::move(*Connection::open(path, Connection::Mode::kCreate, {}));
  }
  bool any_file_contains(std::string_view text) const {
    for (const char* suffix : {"", "-wal"}) {
      std::ifstream in(path.string() + suffix, std::ios::binary);
      const std::string bytes(std::istreambuf_iterator<char>(in), {});
      if (bytes.find(text) != std::string::npos) return true;
    }
    return false;
  }

  TempFolder folder;
  SetClock clock;
  IdMaker ids{clock};
  std::filesystem::path path = folder / "store.db";
};

constexpr const char* kOldTables = "CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT) STRICT;";
constexpr Migration kSteps[] = {
    {2, "ALTER TABLE note ADD COLUMN stars INTEGER; UPDATE note SET stars = 3;"},
    {3, "CREATE TABLE more(note INTEGER REFERENCES note) STRICT; INSERT INTO more VALUES(1);"}};
constexpr Migration kBadSteps[] = {{2, "ALTER TABLE note ADD COLUMN stars INTEGER;"},
                                   {3, "INSERT INTO nowhere VALUES(1);"}};
constexpr Migration kDanglingSteps[] = {
    {2, "CREATE TABLE more(note INTEGER REFERENCES note) STRICT; INSERT INTO more VALUES(77);"}};

TEST_F(UpkeepTest, AnOlderVersionIsCopiedAndMigratedStepByStep) {
  {
    auto old = raw();
    ASSERT_TRUE(establish(*old, {1, kOldTables, {}}, 100));
    ASSERT_TRUE(old->run("INSERT INTO note(text) VALUES('kept')"));
  }
  {
    auto now = raw();
    const Status s = establish(*now, {3, "", kSteps}, 100);
    ASSERT_TRUE(s) << s.error().message();
    EXPECT_EQ(*now->integer_of("SELECT stars FROM note WHERE text='kept'"), 3);
    EXPECT_EQ(*now->integer_of("SELECT count(*) FROM more"), 1);
    EXPECT_EQ(*now->integer_of("PRAGMA user_version"), 3);
  }
  path += ".v1.bak";
  auto copy = raw();
  EXPECT_EQ(*copy->integer_of("PRAGMA user_version"), 1);
  EXPECT_EQ(*copy->integer_of("SELECT count(*) FROM note"), 1);
}

TEST_F(UpkeepTest, AMigrationThatFailsChangesNothing) {
  {
    auto old = raw();
    ASSERT_TRUE(establish(*old, {1, kOldTables, {}}, 100));
  }
  auto now = raw();
  const Status s = establish(*now, {3, "", kBadSteps}, 100);
  ASSERT_FALSE(s);
  EXPECT_THAT(s.error().what, HasSubstr("version 3"));
  EXPECT_THAT(s.error().hint, HasSubstr("nothing was changed"));
  EXPECT_EQ(*now->integer_of("PRAGMA user_version"), 1);
  EXPECT_EQ(*now->integer_of("SELECT count(*) FROM pragma_table_info('note')"), 2);
}

TEST_F(UpkeepTest, AMigrationThatLosesReferencesChangesNothing) {
  {
    auto old = raw();
    ASSERT_TRUE(establish(*old, {1, kOldTables, {}}, 100));
  }
  auto now = raw();
  EXPECT_FALSE(establish(*now, {2, "", kDanglingSteps}, 100));
  EXPECT_EQ(*now->integer_of("PRAGMA user_version"), 1);
}

TEST_F(UpkeepTest, WithoutRoomForACopyNothingIsMigrated) {
  {
    auto old = raw();
    ASSERT_TRUE(establish(*old, {1, kOldTables, {}}, 100));
  }
  std::filesystem::create_directory(path.string() + ".v1.bak");
  auto now = raw();
  const Status s = establish(*now, {3, "", kSteps}, 100);
  ASSERT_FALSE(s);
  EXPECT_THAT(s.error().what, HasSubstr("copied"));
  EXPECT_EQ(*now->integer_of("PRAGMA user_version"), 1);
}

TEST_F(UpkeepTest, ANewerVersionIsRefusedInWords) {
  open_or_die(path, clock).reset();
  ASSERT_TRUE(raw()->run("PRAGMA user_version=99"));
  for (const bool read_only : {false, true}) {
    Options options;
    options.read_only = read_only;
    const auto store = Store::open(path, clock, options);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().kind, Kind::kConflict);
    EXPECT_THAT(store.error().what, HasSubstr("has version 99"));
    EXPECT_THAT(store.error().hint, HasSubstr("update sighter"));
  }
}

TEST_F(UpkeepTest, AnotherProgramsFileIsRefusedAndLeftAsItIs) {
  {
    auto other = raw();
    ASSERT_TRUE(other->run("CREATE TABLE theirs(x)"));
  }
  const auto store = Store::open(path, clock);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, Kind::kConflict);
  EXPECT_THAT(store.error().what, HasSubstr("another program"));
  EXPECT_EQ(*raw()->integer_of("SELECT count(*) FROM sqlite_schema"), 1);
}

TEST_F(UpkeepTest, ABackupIsAStoreOfItsOwn) {
  auto store = open_or_die(path, clock);
  const CallRow row = some_call(ids, clock);
  ASSERT_TRUE(store->append(batch_of(row), Durability::kRelaxed));
  const Status s = store->backup(folder / "copy.db");
  ASSERT_TRUE(s) << s.error().message();
  const auto copy = open_or_die(folder / "copy.db", clock);
  EXPECT_TRUE(*copy->call(row.id));
  EXPECT_EQ(store->backup(folder / "copy.db").error().kind, Kind::kConflict);
  const auto nowhere = store->backup(folder / "none/copy.db");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().what, HasSubstr("none/copy.db"));
}

TEST_F(UpkeepTest, PruningByAgeRemovesWhatIsOlderWithAllThatHangsOnIt) {
  auto store = open_or_die(path, clock);
  const CallRow old = some_call(ids, clock);
  Batch batch = batch_of(old);
  batch.outputs.push_back({sha256("f"), 0, sha256("b"), 0, old.id});
  batch.scores.push_back({old.id, sha256("m"), 1.0, ""});
  batch.feedback.push_back({ids.next(), old.id, {}, "m", "true", "", "", "k"});
  ASSERT_TRUE(store->commit(batch));
  clock.now_us += std::int64_t{91} * 86'400 * 1'000'000;
  const CallRow young = some_call(ids, clock);
  ASSERT_TRUE(store->commit(batch_of(young)));
  const auto pruned = store->prune({std::chrono::hours(24 * 90), std::nullopt});
  ASSERT_TRUE(pruned) << pruned.error().message();
  EXPECT_EQ(pruned->calls, 1);
  EXPECT_FALSE(*store->call(old.id));
  EXPECT_FALSE(*store->find_output(sha256("f"), 0));
  EXPECT_TRUE(*store->call(young.id));
  EXPECT_THAT(*store->check(), IsEmpty());
}

TEST_F(UpkeepTest, PruningToASizeRemovesTheOldestAndGivesTheSpaceBack) {
  auto store = open_or_die(path, clock);
  std::vector<Id> added;
  for (int i = 0; i < 6'000; ++i) {
    CallRow row = some_call(ids, clock);
    row.output.assign(900, 'x');
    added.push_back(row.id);
    ASSERT_TRUE(store->append(batch_of(std::move(row)), Durability::kRelaxed));
  }
  ASSERT_TRUE(store->flush());
  const std::int64_t limit = 4'000'000;
  const auto pruned = store->prune({std::nullopt, limit});
  ASSERT_TRUE(pruned);
  EXPECT_GT(pruned->calls, 0);
  EXPECT_LT(pruned->calls, 6'000);
  EXPECT_FALSE(*store->call(added.front()));
  EXPECT_TRUE(*store->call(added.back()));
  EXPECT_LE(store->size()->used_bytes, limit);
  EXPECT_LE(std::filesystem::file_size(path), static_cast<std::uintmax_t>(limit));
}

TEST_F(UpkeepTest, PruningASmallStoreTakesNoMoreThanTheSurplus) {
  auto store = open_or_die(path, clock);
  for (int i = 0; i < 400; ++i) {
    CallRow row = some_call(ids, clock);
    row.output.assign(900, 'x');
    ASSERT_TRUE(store->append(batch_of(std::move(row)), Durability::kRelaxed));
  }
  ASSERT_TRUE(store->flush());
  const std::int64_t limit = store->size()->used_bytes * 95 / 100;
  const auto pruned = store->prune({std::nullopt, limit});
  ASSERT_TRUE(pruned);
  EXPECT_GE(pruned->calls, 15);
  EXPECT_LE(pruned->calls, 60);
  EXPECT_LE(store->size()->used_bytes, limit);
}

TEST_F(UpkeepTest, ErasureRemovesTaggedCallsAndTheCallsTheyMadeFromEveryFile) {
  auto store = open_or_die(path, clock);
  CallRow root = some_call(ids, clock);
  root.tags = R"({"user":"42"})";
  root.input = R"({"text":"my name is Zaphod"})";
  CallRow child = some_call(ids, clock);
  child.parent = child.trace = root.id;
  child.output = R"("Zaphod wants a refund")";
  CallRow grandchild = some_call(ids, clock);
  grandchild.parent = child.id;
  grandchild.trace = root.id;
  CallRow other = some_call(ids, clock);
  other.tags = R"({"user":"421"})";
  Batch batch;
  batch.calls = {root, child, grandchild, other};
  batch.outputs.push_back({sha256("f"), 0, sha256("b"), 0, child.id});
  batch.scores.push_back({child.id, sha256("m"), 1.0, "Zaphod"});
  batch.feedback.push_back({ids.next(), {}, root.id, "m", "\"Zaphod\"", "", "", ""});
  ASSERT_TRUE(store->commit(batch));
  EXPECT_TRUE(any_file_contains("Zaphod"));
  const auto erased = store->erase("user", "42");
  ASSERT_TRUE(erased) << erased.error().message();
  EXPECT_EQ(erased->calls, 3);
  EXPECT_EQ(erased->other_rows, 1);
  EXPECT_FALSE(*store->call(grandchild.id));
  EXPECT_TRUE(*store->call(other.id));
  EXPECT_FALSE(*store->find_output(sha256("f"), 0));
  EXPECT_FALSE(any_file_contains("Zaphod"));
  EXPECT_THAT(*store->check(), IsEmpty());
}

TEST_F(UpkeepTest, ErasureCoversRowsThatWereQueued) {
  auto store = open_or_die(path, clock);
  CallRow row = some_call(ids, clock);
  row.tags = R"({"user":"42"})";
  ASSERT_TRUE(store->append(batch_of(row), Durability::kRelaxed));
  EXPECT_EQ(store->erase("user", "42")->calls, 1);
  EXPECT_FALSE(*store->call(row.id));
}

TEST_F(UpkeepTest, CheckFindsRowsThatRefersToNothing) {
  auto store = open_or_die(path, clock);
  ASSERT_TRUE(store->commit(batch_of(some_call(ids, clock))));
  EXPECT_THAT(*store->check(), IsEmpty());
  ASSERT_TRUE(raw()->run(
      "PRAGMA foreign_keys=OFF; INSERT INTO score(call, metric, value) VALUES(999, 1, 1.0)"));
  EXPECT_THAT(*store->check(), Contains(HasSubstr("1 rows of score refer to rows of call")));
}

TEST_F(UpkeepTest, CallHasAtMostTwoSecondaryIndexes) {
  open_or_die(path, clock).reset();
  EXPECT_EQ(*raw()->integer_of("SELECT count(*) FROM sqlite_schema WHERE type='index' AND"
                               " tbl_name='call' AND sql IS NOT NULL"),
            2);
}

TEST_F(UpkeepTest, EveryTableIsStrict) {
  open_or_die(path, clock).reset();
  EXPECT_EQ(*raw()->integer_of("SELECT count(*) FROM pragma_table_list WHERE schema='main' AND"
                               " name NOT LIKE 'sqlite_%' AND strict=0"),
            0);
}

}  // namespace
}  // namespace sighter::store
