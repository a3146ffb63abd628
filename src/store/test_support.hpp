#pragma once
// What the tests of this room share: a folder that goes away, a clock that is set, rows.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "store/store.hpp"

namespace sighter::store {

class TempFolder {
 public:
  TempFolder() {
    static std::atomic<int> number{0};
    path_ = std::filesystem::temp_directory_path() /
            fmt::format("sighter-store-test-{}-{}", ::getpid(), number++);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class SetClock final : public Clock {
 public:
  SystemTime system_now() const override { return SystemTime(Micros(now_us)); }
  SteadyTime steady_now() const override { return SteadyTime(Micros(now_us)); }
  std::atomic<std::int64_t> now_us{1'790'000'000'000'000};
};

inline std::unique_ptr<Store> open_or_die(const std::filesystem::path& path, const Clock& clock,
                                          Options options = {}) {
  auto store = Store::open(path, clock, std::move(options));
  if (!store) {
    ADD_FAILURE() << store.error().message();
    std::abort();
  }
  return std::move(*store);
}

inline CallRow some_call(IdMaker& ids, const Clock& clock, std::string function = "triage",
                         std::string variant = "gpt") {
  CallRow row;
  row.id = ids.next();
  row.function = std::move(function);
  row.variant = std::move(variant);
  row.start = clock.system_now();
  row.latency = Micros(1500);
  row.model = "gpt-small";
  row.input = R"({"text":"I was charged twice"})";
  row.output = R"("billing")";
  return row;
}

inline Batch batch_of(CallRow row) {
  Batch batch;
  batch.calls.push_back(std::move(row));
  return batch;
}

}  // namespace sighter::store
