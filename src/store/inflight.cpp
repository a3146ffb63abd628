#include "store/inflight.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/check.hpp"
#include "base/file.hpp"

namespace sighter::store {
namespace {

// On disk: a header of one slot's size, then the slots. Numbers are little-endian as the machine's
// own; a file never leaves its machine. Every name is its length, then its bytes.
constexpr char kMagic[8] = {'S', 'G', 'H', 'T', 'F', 'L', 'Y', '2'};
constexpr std::size_t kSlotBytes = 512;
constexpr std::string_view kSuffix = ".inflight";

constexpr std::string_view kFoundAgain =
    R"({"found_again":"the process ended before the row was stored: input and output are lost"})";

enum State : std::uint32_t { kFree = 0, kWriting = 1, kOpen = 2, kSettled = 3 };

struct OpenPart {
  std::uint8_t id[16];
  std::uint8_t parent[16];
  std::uint8_t trace[16];
  std::int64_t start_us;
  std::int64_t reserved_nano;
  char key[40];
  char function[64];
  char variant[64];
  char model[96];
};

struct SettledPart {
  std::int64_t status;
  std::int64_t latency_us;
  std::int64_t tokens[5];  // below zero: not known
  std::int64_t cost_nano;
  char error_kind[24];
};

// The state is what makes a part valid, so it is stored last, with release order: a process killed
// between two stores leaves the state of the first. The checksums are for a machine that lost
// power.
struct Slot {
  std::atomic<std::uint32_t> state;
  std::uint32_t reserved;
  std::uint64_t open_sum;
  std::uint64_t settled_sum;
  OpenPart open;
  SettledPart settled;
};
static_assert(sizeof(Slot) <= kSlotBytes && std::atomic<std::uint32_t>::is_always_lock_free);

struct Header {
  char magic[8];
  std::uint32_t slots;
  std::uint32_t slot_bytes;
};

template <class Part>
std::uint64_t sum_of(const Part& part) {
  return hash64({reinterpret_cast<const char*>(&part), sizeof part}, 0x5167687465720001);
}

template <std::size_t N>
void put(char (&target)[N], std::string_view text) {
  static_assert(N <= 256);
  const std::size_t size = std::min(text.size(), N - 1);
  target[0] = static_cast<char>(static_cast<unsigned char>(size));
  if (size > 0) std::memcpy(target + 1, text.data(), size);  // an empty view may point nowhere
}

template <std::size_t N>
std::string get(const char (&source)[N]) {
  const std::size_t size = std::min<std::size_t>(static_cast<unsigned char>(source[0]), N - 1);
  return std::string(source + 1, size);
}

std::unexpected<Error> failed(std::string_view doing, const std::filesystem::path& path, int code) {
  const bool full = code == ENOSPC || code == EDQUOT || code == EFBIG;
  const bool denied = code == EACCES || code == EPERM || code == EROFS;
  return fail(
      denied ? Kind::kForbidden : Kind::kIo,
      fmt::format("cannot {} the in-flight file {}: {}", doing, path.string(),
                  std::generic_category().message(code)),
      full ? "free some space and start again" : "check that its folder exists and may be written");
}

// A file mapped whole, held by a lock that ends with the process or with this object.
class Mapping {
 public:
  ~Mapping() {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
    if (fd_ >= 0) ::close(fd_);
  }
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool lock() { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }
  bool map(std::size_t bytes) {
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED) return false;
    memory_ = memory;
    bytes_ = bytes;
    return true;
  }
  Header& header() { return *static_cast<Header*>(memory_); }
  Slot& slot(std::uint32_t index) {
    char* base = static_cast<char*>(memory_) + kSlotBytes * (std::size_t{index} + 1);
    return *std::launder(reinterpret_cast<Slot*>(base));
  }

  int fd_ = -1;

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

class MappedInflight final : public Inflight {
 public:
  MappedInflight(std::filesystem::path path, std::unique_ptr<Mapping> mapping, std::uint32_t slots)
      : path_(std::move(path)), mapping_(std::move(mapping)), slots_(slots), next_(slots) {
    for (std::uint32_t i = 0; i < slots; ++i) next_[i].store(i + 1, std::memory_order_relaxed);
  }
  ~MappedInflight() override {
    if (in_use_ == 0) ::unlink(path_.c_str());
  }

  Result<Inflight::Slot> begin(const InflightCall& call) override {
    const std::uint32_t index = pop();
    if (index == slots_) {
      return fail(Kind::kUnavailable,
                  fmt::format("{} calls are in flight and no more are taken", slots_),
                  "try again in a moment");
    }
    in_use_.fetch_add(1, std::memory_order_relaxed);
    store::Slot& slot = mapping_->slot(index);
    CHECK(slot.state.load(std::memory_order_relaxed) == kFree);
    slot.state.store(kWriting, std::memory_order_release);
    // Made apart: another core wrote the slot last, and what is only written is not waited for.
    OpenPart open{};
    std::memcpy(open.id, call.id.bytes.data(), 16);
    std::memcpy(open.parent, call.parent.bytes.data(), 16);
    std::memcpy(open.trace, call.trace.bytes.data(), 16);
    open.start_us = call.start.time_since_epoch().count();
    open.reserved_nano = call.reserved.value;
    put(open.key, call.key);
    put(open.function, call.function);
    put(open.variant, call.variant);
    put(open.model, call.model);
    slot.open_sum = sum_of(open);
    slot.open = open;
    slot.state.store(kOpen, std::memory_order_release);
    return index;
  }

  void settle(Inflight::Slot index, const InflightResult& result) override {
    store::Slot& slot = mapping_->slot(index);
    CHECK(index < slots_ && slot.state.load(std::memory_order_relaxed) >= kOpen);
    const Tokens t = result.tokens.value_or(Tokens{-1, -1, -1, -1, -1});
    SettledPart settled{static_cast<std::int64_t>(result.status),
                        result.latency.count(),
                        {t.input, t.output, t.cached, t.cache_write, t.reasoning},
                        result.cost.value_or(NanoUsd{-1}).value,
                        {}};
    put(settled.error_kind, result.error_kind);
    slot.state.store(kOpen, std::memory_order_release);
    slot.settled_sum = sum_of(settled);
    slot.settled = settled;
    slot.state.store(kSettled, std::memory_order_release);
  }

  void end(Inflight::Slot index) override {
    CHECK(index < slots_);
    store::Slot& slot = mapping_->slot(index);
    CHECK(slot.state.load(std::memory_order_relaxed) >= kOpen);
    slot.state.store(kFree, std::memory_order_release);
    in_use_.fetch_sub(1, std::memory_order_relaxed);
    push(index);
  }

  std::uint32_t in_use() const override { return in_use_.load(std::memory_order_relaxed); }

 private:
  // A stack of free slots (Treiber): the head holds an index and, against its coming back
  // unnoticed, a count of changes.
  std::uint32_t pop() {
    std::uint64_t head = head_.load(std::memory_order_acquire);
    while (true) {
      const auto index = static_cast<std::uint32_t>(head);
      if (index == slots_) return slots_;
      const std::uint32_t next = next_[index].load(std::memory_order_relaxed);
      const std::uint64_t changed = ((head >> 32) + 1) << 32 | next;
      if (head_.compare_exchange_weak(head, changed, std::memory_order_acq_rel)) return index;
    }
  }
  void push(std::uint32_t index) {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    while (true) {
      next_[index].store(static_cast<std::uint32_t>(head), std::memory_order_relaxed);
      const std::uint64_t changed = ((head >> 32) + 1) << 32 | index;
      if (head_.compare_exchange_weak(head, changed, std::memory_order_acq_rel)) return;
    }
  }

  const std::filesystem::path path_;
  const std::unique_ptr<Mapping> mapping_;
  const std::uint32_t slots_;
  std::vector<std::atomic<std::uint32_t>> next_;
  std::atomic<std::uint64_t> head_{0};
  std::atomic<std::uint32_t> in_use_{0};
};

// nullopt where the slot holds no call; `damaged` counts those that should.
std::optional<CallRow> row_of(const Slot& slot, int& damaged) {
  const std::uint32_t state = slot.state.load(std::memory_order_acquire);
  if (state == kFree || state == kWriting) return std::nullopt;
  if ((state != kOpen && state != kSettled) || slot.open_sum != sum_of(slot.open)) {
    ++damaged;
    return std::nullopt;
  }
  CallRow row;
  std::copy_n(slot.open.id, 16, row.id.bytes.begin());
  std::copy_n(slot.open.parent, 16, row.parent.bytes.begin());
  std::copy_n(slot.open.trace, 16, row.trace.bytes.begin());
  row.start = SystemTime(Micros(slot.open.start_us));
  row.key = get(slot.open.key);
  row.function = get(slot.open.function);
  row.variant = get(slot.open.variant);
  row.model = get(slot.open.model);
  const bool settled = state == kSettled && slot.settled_sum == sum_of(slot.settled) &&
                       slot.settled.status >= 0 && slot.settled.status <= 4;
  if (!settled) {
    row.status = CallStatus::kInterrupted;
    row.error_kind = to_string(Kind::kInternal);
    const bool reserved = slot.open.reserved_nano > 0;  // of a budget
    if (reserved) row.cost = NanoUsd{slot.open.reserved_nano};
    row.error =
        reserved ? "the process ended while the call was in flight; its cost is what was reserved"
                 : "the process ended while the call was in flight; what it cost is not known";
    return row;
  }
  const SettledPart& end = slot.settled;
  row.status = static_cast<CallStatus>(end.status);
  row.tried = kFoundAgain;
  if (row.status != CallStatus::kOk) {
    row.error_kind = get(end.error_kind);
    row.error = "the process ended before the row was stored";
  }
  row.latency = Micros(end.latency_us);
  if (end.tokens[0] >= 0)
    row.tokens = Tokens{end.tokens[0], end.tokens[1], end.tokens[2], end.tokens[3], end.tokens[4]};
  if (end.cost_nano >= 0) row.cost = NanoUsd{end.cost_nano};
  return row;
}

}  // namespace

Result<std::unique_ptr<Inflight>> Inflight::open(const std::filesystem::path& folder,
                                                 std::uint32_t slots) {
  CHECK(slots > 0);
  if (Status s = make_folders(folder); !s) return std::unexpected(s.error());
  // A process may open several; the first free name is taken.
  for (int number = 0;; ++number) {
    const auto path = folder / fmt::format("{}-{}{}", ::getpid(), number, kSuffix);
    auto mapping = std::make_unique<Mapping>();
    // Under a name that collect() does not look at, until it is locked and whole.
    const auto part = path.string() + fmt::format(".{}.part", number);
    ::unlink(part.c_str());
    mapping->fd_ = ::open(part.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (mapping->fd_ < 0) return failed("create", part, errno);
    const std::size_t bytes = kSlotBytes * (std::size_t{slots} + 1);
    // Room on the disk is taken now: a store into a page without it would kill the process.
    int code =
        mapping->lock() ? ::posix_fallocate(mapping->fd_, 0, static_cast<off_t>(bytes)) : errno;
    if (code == 0 && !mapping->map(bytes)) code = errno;
    if (code == 0) {
      Header header{{}, slots, static_cast<std::uint32_t>(kSlotBytes)};
      std::memcpy(header.magic, kMagic, sizeof kMagic);
      mapping->header() = header;
      // Unlike rename(), link() fails when the name is taken.
      if (::link(part.c_str(), path.c_str()) != 0) code = errno;
    }
    ::unlink(part.c_str());
    if (code == EEXIST) continue;
    if (code != 0) return failed("create", path, code);
    return std::make_unique<MappedInflight>(path, std::move(mapping), slots);
  }
}

struct Leftovers::File {
  std::filesystem::path path;
  Mapping mapping;
};

Leftovers::Leftovers() = default;
Leftovers::Leftovers(Leftovers&&) noexcept = default;
Leftovers& Leftovers::operator=(Leftovers&&) noexcept = default;
Leftovers::~Leftovers() = default;

Result<Leftovers> Leftovers::collect(const std::filesystem::path& folder) {
  Leftovers found;
  std::error_code error;
  std::filesystem::directory_iterator at(folder, error);
  if (error == std::errc::no_such_file_or_directory) return found;
  if (error) return failed("read the folder of", folder, error.value());
  for (; at != std::filesystem::directory_iterator(); at.increment(error)) {
    if (error) return failed("read the folder of", folder, error.value());
    if (!at->path().native().ends_with(kSuffix)) continue;
    auto file = std::make_unique<File>();
    file->path = at->path();
    file->mapping.fd_ = ::open(file->path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file->mapping.fd_ < 0 || !file->mapping.lock())
      continue;  // gone meanwhile, or its owner lives
    struct stat info {};
    const bool whole = ::fstat(file->mapping.fd_, &info) == 0 && S_ISREG(info.st_mode) &&
                       static_cast<std::size_t>(info.st_size) >= 2 * kSlotBytes;
    // A file that its owner removed while we waited for the lock has no name any more.
    if (whole && info.st_nlink == 0) continue;
    const auto bytes = whole ? static_cast<std::size_t>(info.st_size) : 0;
    const bool ours = whole && file->mapping.map(bytes) &&
                      std::memcmp(file->mapping.header().magic, kMagic, sizeof kMagic) == 0 &&
                      file->mapping.header().slot_bytes == kSlotBytes;
    if (!ours) ++found.damaged_;
    const std::size_t slots =
        ours ? std::min<std::size_t>(file->mapping.header().slots, bytes / kSlotBytes - 1) : 0;
    for (std::size_t i = 0; i < slots; ++i) {
      auto row = row_of(file->mapping.slot(static_cast<std::uint32_t>(i)), found.damaged_);
      if (row) found.rows_.push_back(std::move(*row));
    }
    found.files_.push_back(std::move(file));
  }
  std::ranges::sort(found.rows_, {}, &CallRow::id);
  return found;
}

Status Leftovers::discard() {
  for (const auto& file : files_) {
    if (::unlink(file->path.c_str()) != 0 && errno != ENOENT)
      return failed("remove", file->path, errno);
  }
  files_.clear();
  rows_.clear();
  return {};
}

}  // namespace sighter::store
