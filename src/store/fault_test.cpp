// Disks that fail: every single step of the file system in turn, a full disk, a file that is
// damaged.

#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <cstring>
#include <fstream>

#include "base/random.hpp"
#include "store/test_child.hpp"
#include "store/test_support.hpp"

namespace sighter::store {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A file system that passes everything on to the usual one, but fails the step number `fail_at`
// (and, when `for_good`, all later ones). Steps are writes, flushes, truncations, openings and
// removals.
struct FaultyFileSystem {
  std::atomic<int> steps{0};
  std::atomic<int> fail_at{0};
  std::atomic<bool> for_good{false};
  std::atomic<int> code{SQLITE_IOERR_WRITE};

  bool fails() {
    const int step = ++steps;
    const int at = fail_at;
    return at > 0 && (step == at || (for_good && step > at));
  }
};

FaultyFileSystem& faults() {
  static FaultyFileSystem instance;
  return instance;
}

struct FaultyFile {
  sqlite3_file base;
  sqlite3_file* real;
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<FaultyFile*>(file)->real;
}
sqlite3_vfs* real_vfs() {
  return sqlite3_vfs_find(nullptr);
}

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods != nullptr ? real(file)->pMethods->xClose(real(file)) : 0;
  sqlite3_free(real(file));
  return code;
}
int read_file(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  return real(f)->pMethods->xRead(real(f), to, n, at);
}
int write_file(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (faults().fails()) {
    // Half of it is written, as a disk does that fills up.
    (void)real(f)->pMethods->xWrite(real(f), from, n / 2, at);
    return faults().code;
  }
  return real(f)->pMethods->xWrite(real(f), from, n, at);
}
int truncate_file(sqlite3_file* f, sqlite3_int64 size) {
  if (faults().fails()) return SQLITE_IOERR_TRUNCATE;
  return real(f)->pMethods->xTruncate(real(f), size);
}
int sync_file(sqlite3_file* f, int flags) {
  if (faults().fails()) return SQLITE_IOERR_FSYNC;
  return real(f)->pMethods->xSync(real(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return real(f)->pMethods->xFileSize(real(f), size);
}
int lock_file(sqlite3_file* f, int kind) {
  return real(f)->pMethods->xLock(real(f), kind);
}
int unlock_file(sqlite3_file* f, int kind) {
  return real(f)->pMethods->xUnlock(real(f), kind);
}
int check_lock(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int file_control(sqlite3_file* f, int op, void* arg) {
  return real(f)->pMethods->xFileControl(real(f), op, arg);
}
int sector_size(sqlite3_file* f) {
  return real(f)->pMethods->xSectorSize(real(f));
}
int characteristics(sqlite3_file* f) {
  return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int at, int n, int flags) {
  return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}
void shm_barrier(sqlite3_file* f) {
  real(f)->pMethods->xShmBarrier(real(f));
}
int shm_unmap(sqlite3_file* f, int remove) {
  return real(f)->pMethods->xShmUnmap(real(f), remove);
}

const sqlite3_io_methods kMethods = {
    2,         close_file,  read_file,  write_file,   truncate_file, sync_file,       file_size,
    lock_file, unlock_file, check_lock, file_control, sector_size,   characteristics, shm_map,
    shm_lock,  shm_barrier, shm_unmap,  nullptr,      nullptr};

int open_file(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
  auto* faulty = reinterpret_cast<FaultyFile*>(file);
  faulty->base.pMethods = nullptr;
  if (faults().fails()) return SQLITE_CANTOPEN;
  faulty->real = static_cast<sqlite3_file*>(sqlite3_malloc(real_vfs()->szOsFile));
  std::memset(faulty->real, 0, static_cast<std::size_t>(real_vfs()->szOsFile));
  const int code = real_vfs()->xOpen(real_vfs(), name, faulty->real, flags, out);
  if (code == SQLITE_OK) {
    faulty->base.pMethods = &kMethods;
  } else {
    sqlite3_free(faulty->real);
  }
  return code;
}
int remove_file(sqlite3_vfs*, const char* name, int sync) {
  if (faults().fails()) return SQLITE_IOERR_DELETE;
  return real_vfs()->xDelete(real_vfs(), name, sync);
}
int access_file(sqlite3_vfs*, const char* name, int flags, int* out) {
  return real_vfs()->xAccess(real_vfs(), name, flags, out);
}
int full_path(sqlite3_vfs*, const char* name, int n, char* out) {
  return real_vfs()->xFullPathname(real_vfs(), name, n, out);
}
int randomness(sqlite3_vfs*, int n, char* out) {
  return real_vfs()->xRandomness(real_vfs(), n, out);
}
int do_not_sleep(sqlite3_vfs*, int micros) {
  return micros;
}
int current_time(sqlite3_vfs*, double* out) {
  return real_vfs()->xCurrentTime(real_vfs(), out);
}
int last_error(sqlite3_vfs*, int n, char* out) {
  return real_vfs()->xGetLastError(real_vfs(), n, out);
}

const char* faulty_vfs() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs v{};
    v.iVersion = 1;
    v.szOsFile = sizeof(FaultyFile);
    v.mxPathname = real_vfs()->mxPathname;
    v.zName = "sighter-faulty";
    v.xOpen = open_file;
    v.xDelete = remove_file;
    v.xAccess = access_file;
    v.xFullPathname = full_path;
    v.xRandomness = randomness;
    v.xSleep = do_not_sleep;
    v.xCurrentTime = current_time;
    v.xGetLastError = last_error;
    return v;
  }();
  static const int registered = sqlite3_vfs_register(&vfs, 0);
  EXPECT_EQ(registered, SQLITE_OK);
  return vfs.zName;
}

// Opens, writes a few batches, prunes, and closes; the ids that were acknowledged and must be kept.
struct Story {
  std::vector<Id> acknowledged;
  int failures = 0;
};

Story tell_story(const std::filesystem::path& path, const SetClock& clock, IdMaker& ids) {
  Story story;
  Options options;
  options.vfs = faulty_vfs();
  options.busy_timeout = std::chrono::milliseconds(50);
  options.retry_interval = std::chrono::milliseconds(1);
  auto store = Store::open(path, clock, options);
  if (!store) {
    ++story.failures;
    return story;
  }
  for (int i = 0; i < 4; ++i) {
    CallRow row = some_call(ids, clock, fmt::format("f{}", i));
    row.output.assign(9'000, 'x');
    Batch batch = batch_of(row);
    batch.outputs.push_back({sha256(row.id.to_string()), 0, sha256("b"), 0, row.id});
    if ((*store)->commit(std::move(batch))) {
      story.acknowledged.push_back(row.id);
    } else {
      ++story.failures;
    }
    if (i == 2 && !(*store)->prune({std::chrono::hours(1), std::nullopt})) ++story.failures;
  }
  const CallRow relaxed = some_call(ids, clock);
  std::atomic<bool> stored{false};
  (void)(*store)->append(batch_of(relaxed), Durability::kRelaxed,
                         [&](const Result<Receipt>& r) { stored = r.has_value(); });
  if (!(*store)->close()) ++story.failures;
  if (stored) story.acknowledged.push_back(relaxed.id);
  return story;
}

class EveryStep : public ::testing::TestWithParam<std::tuple<bool, int>> {};

TEST_P(EveryStep, FailsInTurnAndNothingFinishedIsLost) {
  SetClock clock;
  IdMaker ids(clock);
  const auto [for_good, code] = GetParam();
  faults().for_good = for_good;
  faults().code = code;
  int n = 1;
  for (; n < 2'000; ++n) {
    const TempFolder folder;
    const auto path = folder / "store.db";
    faults().steps = 0;
    faults().fail_at = n;
    const Story story = tell_story(path, clock, ids);
    const bool reached = faults().steps >= n;
    faults().fail_at = 0;
    auto store = Store::open(path, clock);
    ASSERT_TRUE(store) << "step " << n << ": " << store.error().message();
    EXPECT_THAT(*(*store)->check(), IsEmpty()) << "step " << n;
    for (const Id& id : story.acknowledged) {
      ASSERT_TRUE(*(*store)->call(id)) << "step " << n;
      ASSERT_TRUE((*store)->show(id)) << "step " << n;
    }
    if (!reached) {
      EXPECT_EQ(story.failures, 0);
      EXPECT_EQ(story.acknowledged.size(), 5u);
      break;
    }
  }
  EXPECT_GT(n, 40) << "the story has more steps than that";
  EXPECT_LT(n, 2'000);
}

INSTANTIATE_TEST_SUITE_P(Faults, EveryStep,
                         ::testing::Values(std::tuple{false, SQLITE_IOERR_WRITE},
                                           std::tuple{true, SQLITE_IOERR_WRITE},
                                           std::tuple{true, SQLITE_FULL}));

TEST(FullDisk, IsAClearErrorAndWhatWasFinishedStays) {
  const TempFolder folder;
  const SetClock clock;
  IdMaker ids(clock);
  std::vector<Id> acknowledged;
  Options options;
  options.retry_interval = std::chrono::milliseconds(1);
  auto store = open_or_die(folder / "store.db", clock, options);
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small = {600'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::optional<Error> error;
  for (int i = 0; i < 2'000 && !error; ++i) {
    CallRow row = some_call(ids, clock);
    row.output.assign(5'000, 'x');
    const auto receipt = store->commit(batch_of(row));
    if (receipt) {
      acknowledged.push_back(row.id);
    } else {
      error = receipt.error();
    }
  }
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, Kind::kIo);
  EXPECT_THAT(error->what, HasSubstr("full"));
  EXPECT_THAT(error->hint, HasSubstr("free some space"));
  EXPECT_GT(acknowledged.size(), 10u);
  for (const Id& id : acknowledged) ASSERT_TRUE(*store->call(id));
  // With room again, the same store goes on.
  EXPECT_TRUE(store->commit(batch_of(some_call(ids, clock))));
  EXPECT_FALSE(store->writer().trouble);
}

TEST(FullDisk, NoMoreRowsAreTakenThanTheQueueHoldsAndTheErrorSaysWhy) {
  const TempFolder folder;
  const SetClock clock;
  IdMaker ids(clock);
  faults().steps = 0;
  faults().fail_at = 0;
  faults().for_good = true;
  faults().code = SQLITE_FULL;
  Options options;
  options.vfs = faulty_vfs();
  options.queue_rows_max = 3;
  options.commit_interval = std::chrono::milliseconds(0);
  options.retry_interval = std::chrono::hours(1);  // only flush() makes it try again
  auto store = open_or_die(folder / "store.db", clock, options);
  faults().fail_at = faults().steps + 1;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed));
  }
  EXPECT_FALSE(store->flush());
  const Status s = store->append(batch_of(some_call(ids, clock)), Durability::kRelaxed);
  faults().fail_at = 0;
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().kind, Kind::kUnavailable);
  EXPECT_THAT(s.error().what, HasSubstr("full"));
  const Status flushed = store->flush();
  ASSERT_TRUE(flushed) << flushed.error().message();
  EXPECT_EQ(store->list({}, 10)->calls.size(), 3u);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

TEST(DamagedFile, IsAnErrorThatSaysWhatToDo) {
  const TempFolder folder;
  const SetClock clock;
  std::ofstream(folder / "store.db") << std::string(5'000, 'x');
  const auto store = Store::open(folder / "store.db", clock);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().what, HasSubstr("is damaged, or is not a store"));
  EXPECT_THAT(store.error().hint, HasSubstr("sighter store check"));
  const auto findings = Store::check_file(folder / "store.db");
  ASSERT_TRUE(findings);
  EXPECT_EQ(findings->size(), 1u);
}

TEST(DamagedFile, AnyBytesAreAnsweredNotACrash) {
  const TempFolder folder;
  SetClock clock;
  IdMaker ids(clock);
  const auto path = folder / "store.db";
  Id known;
  {
    auto store = open_or_die(path, clock);
    for (int i = 0; i < 60; ++i) {
      CallRow row = some_call(ids, clock, fmt::format("f{}", i % 7));
      row.tags = R"({"user":"42"})";
      Batch batch = batch_of(row);
      batch.outputs.push_back({sha256(row.id.to_string()), 0, sha256("b"), 0, row.id});
      batch.scores.push_back({row.id, sha256("m"), 1.0, "r"});
      batch.feedback.push_back({ids.next(), row.id, {}, "m", "true", "", "", ""});
      ASSERT_TRUE(store->commit(batch));
      known = row.id;
    }
  }
  const std::string good = bytes_of(path);
  Random random(99);
  Options options;
  options.busy_timeout = std::chrono::milliseconds(1);
  options.retry_interval = std::chrono::milliseconds(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  int refused = 0;
  for (int round = 0; round < 400 && std::chrono::steady_clock::now() < end; ++round) {
    std::string bytes = good;
    for (std::uint64_t i = 1 + random.below(30); i > 0; --i) {
      const std::uint64_t at = random.below(random.below(3) == 0 ? 200 : bytes.size());
      bytes[at] = static_cast<char>(random.below(256));
    }
    if (random.below(5) == 0) bytes.resize(random.below(bytes.size()));
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
    std::ofstream(path, std::ios::binary) << bytes;
    auto store = Store::open(path, clock, options);
    if (!store) {
      ++refused;
      EXPECT_FALSE(store.error().what.empty());
      continue;
    }
    (void)(*store)->list({}, 100);
    (void)(*store)->show(known);
    (void)(*store)->find_output(sha256(known.to_string()), 0);
    CallFilter filter;
    filter.function = "f1";
    filter.tags = {{"user", "42"}};
    (void)(*store)->aggregate(filter, GroupBy::kVariant);
    (void)(*store)->feedback_of(filter, 10);
    (void)(*store)->outputs_of(sha256("b"));
    (void)(*store)->commit(batch_of(some_call(ids, clock)));
    (void)(*store)->erase("user", "42");
    (void)(*store)->check();
    (void)(*store)->size();
  }
  EXPECT_GT(refused, 0);
}

// As a user who may not write the folder (a process of root becomes "nobody").
TEST(ReadOnlyChild, DISABLED_Opens) {
  if (::geteuid() == 0 && ::setuid(65534) != 0) return;
  const SetClock clock;
  const std::string path = child_setting("STORE");
  const auto writing = Store::open(path, clock);
  tell_parent(writing ? "written" : writing.error().message());
  tell_parent("\n");
  Options options;
  options.read_only = true;
  const auto reading = Store::open(path, clock, options);
  if (!reading) return tell_parent(reading.error().message());
  const auto page = (*reading)->list({}, 10);
  tell_parent(page ? fmt::format("{} calls", page->calls.size()) : page.error().message());
}

TEST(ReadOnlyFolder, CanBeReadAndWritingIsAClearError) {
  const TempFolder folder;
  const SetClock clock;
  IdMaker ids(clock);
  {
    auto store = open_or_die(folder / "store.db", clock);
    ASSERT_TRUE(store->commit(batch_of(some_call(ids, clock))));
  }
  using std::filesystem::perms;
  const perms read = perms::owner_read | perms::group_read | perms::others_read;
  const perms enter = perms::owner_exec | perms::group_exec | perms::others_exec;
  std::filesystem::permissions(folder / "store.db", read);
  std::filesystem::permissions(folder.path(), read | enter);
  Child child("ReadOnlyChild.Opens", {{"STORE", (folder / "store.db").string()}});
  EXPECT_EQ(child.wait(), 0);
  EXPECT_THAT(child.output(), HasSubstr("read-only"));
  EXPECT_THAT(child.output(), HasSubstr("\n1 calls"));
}

TEST(Opening, AMissingFolderIsNamed) {
  const TempFolder folder;
  const SetClock clock;
  const auto store = Store::open(folder / "none/store.db", clock);
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().hint, HasSubstr("make the folder"));
}

TEST(Opening, AFolderIsNotAStore) {
  const TempFolder folder;
  const SetClock clock;
  const auto store = Store::open(folder.path(), clock);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, Kind::kInvalid);
}

TEST(Opening, ForReadingANonexistentStoreIsNotFoundAndMakesNone) {
  const TempFolder folder;
  const SetClock clock;
  Options options;
  options.read_only = true;
  const auto store = Store::open(folder / "store.db", clock, options);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, Kind::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(folder / "store.db"));
}

TEST(Opening, APathWithSpecialCharactersWorks) {
  const TempFolder folder;
  const SetClock clock;
  IdMaker ids(clock);
  const auto path = folder / "a?b#c%20d é.db";
  auto store = open_or_die(path, clock);
  ASSERT_TRUE(store->commit(batch_of(some_call(ids, clock))));
  EXPECT_TRUE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace sighter::store
