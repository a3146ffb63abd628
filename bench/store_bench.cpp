// How fast rows are stored: call rows of 1 kB into a table with its two secondary indexes, after a
// million rows are there, each commit flushed to the disk.
//
//   store_bench [FOLDER [ROWS_BEFORE [ROWS_TIMED]]]
//
// Prints rows per second and the time from append to acknowledgement and of the commits themselves,
// then the look-ups by fingerprint and by id.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "store/store.hpp"

namespace {

using namespace sighter;
using namespace sighter::store;
using Now = std::chrono::steady_clock;

double ms_since(Now::time_point start) {
  return std::chrono::duration<double, std::milli>(Now::now() - start).count();
}

double quantile(std::vector<double>& values, double fraction) {
  if (values.empty()) return 0.0;
  const auto at = values.begin() +
                  static_cast<std::ptrdiff_t>(fraction * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, at);
  return *at;
}

[[noreturn]] void die(const Error& error) {
  std::fprintf(stderr, "store_bench: %s\n", error.message().c_str());
  std::exit(1);
}

Batch make_batch(IdMaker& ids, const Clock& clock, Random& random, bool with_output) {
  Batch batch;
  CallRow row;
  row.id = ids.next();
  row.trace = ids.next();  // so that the index by trace grows too
  row.function = "triage";
  row.variant = random.below(2) == 0 ? "gpt" : "nearest";
  row.start = clock.system_now();
  row.latency = Micros(400'000 + static_cast<std::int64_t>(random.below(100'000)));
  row.tokens = Tokens{420, 12, 0, 0, 0};
  row.cost = NanoUsd{129'000};
  row.model = "gpt-small";
  row.route = "openai/gpt-5-mini";
  row.finish_reason = "stop";
  row.input.reserve(800);
  row.input = "{\"text\":\"";
  while (row.input.size() < 780) row.input += static_cast<char>('a' + random.below(26));
  row.input += "\"}";
  row.output = "\"billing\"";
  row.extras = "{\"system_fingerprint\":\"fp_0123456789\"}";
  if (with_output) {
    OutputRow output;
    output.fingerprint = sha256(row.id.to_string());
    output.body = sha256("body");
    output.call = row.id;
    batch.outputs.push_back(output);
  }
  batch.calls.push_back(std::move(row));
  return batch;
}

struct Times {
  std::mutex mutex;
  std::vector<double> acknowledged_ms;
};

// Appends `batches`, one row (and what hangs on it) at a time, as fast as the queue takes them.
double append_all(Store& store, std::vector<Batch> batches, Times* times) {
  const auto start = Now::now();
  for (Batch& batch : batches) {
    const auto appended = Now::now();
    Completion done;
    if (times != nullptr) {
      done = [times, appended](const Result<Receipt>& r) {
        if (!r) die(r.error());
        times->acknowledged_ms.push_back(ms_since(appended));
      };
    }
    while (true) {
      Batch copy = batch;
      const Status s = store.append(std::move(copy), Durability::kRelaxed, done);
      if (s) break;
      if (s.error().kind != Kind::kUnavailable) die(s.error());
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  if (Status s = store.flush(); !s) die(s.error());
  return ms_since(start) / 1000.0;
}

void bulk(Store& store, IdMaker& ids, const Clock& clock, Random& random, std::int64_t rows) {
  const auto start = Now::now();
  for (std::int64_t i = 0; i < rows;) {
    std::vector<Batch> batches;
    for (int k = 0; k < 20'000 && i < rows; ++k, ++i) {
      batches.push_back(make_batch(ids, clock, random, true));
    }
    append_all(store, std::move(batches), nullptr);
  }
  const double seconds = ms_since(start) / 1000.0;
  std::printf("filled                %8lld rows + outputs  %9.0f rows/s (made and stored)\n",
              static_cast<long long>(rows), static_cast<double>(2 * rows) / seconds);
}

// Waits for each commit in `threads` threads, as an evaluation of that many cases at a time does.
void durable(Store& store, IdMaker& ids, const Clock& clock, int threads, int rows_each) {
  std::vector<double> all;
  std::mutex mutex;
  std::vector<std::thread> pool;
  const auto start = Now::now();
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      Random random(static_cast<std::uint64_t>(t) + 77);
      std::vector<double> own;
      for (int i = 0; i < rows_each; ++i) {
        Batch batch = make_batch(ids, clock, random, true);
        const auto begun = Now::now();
        const auto receipt = store.commit(std::move(batch));
        if (!receipt) die(receipt.error());
        own.push_back(ms_since(begun));
      }
      const std::lock_guard lock(mutex);
      all.insert(all.end(), own.begin(), own.end());
    });
  }
  for (std::thread& thread : pool) thread.join();
  const double seconds = ms_since(start) / 1000.0;
  const double p50 = quantile(all, 0.5);
  const double p99 = quantile(all, 0.99);
  std::printf(
      "waited for, %3d at a time  %9.0f calls/s (call + output)  p50 %.2f ms  p99 %.2f ms\n",
      threads, static_cast<double>(all.size()) / seconds, p50, p99);
}

void look_up(Store& store, const std::vector<Id>& known) {
  Random random(5);
  constexpr int kLookups = 200'000;
  auto start = Now::now();
  int found = 0;
  for (int i = 0; i < kLookups; ++i) {
    const Id& id = known[random.below(known.size())];
    const auto row = store.find_output(sha256(id.to_string()), 0);
    if (!row) die(row.error());
    found += *row ? 1 : 0;
  }
  const double hit = kLookups / (ms_since(start) / 1000.0);
  start = Now::now();
  for (int i = 0; i < kLookups; ++i) (void)store.find_output(sha256(std::to_string(i)), 0);
  const double miss = kLookups / (ms_since(start) / 1000.0);
  std::printf("find_output, one thread  hit %.0f/s (%d found)  miss %.0f/s\n", hit, found, miss);
}

}  // namespace

int main(int count, char** words) {
  const std::filesystem::path folder =
      count > 1 ? words[1] : std::filesystem::temp_directory_path();
  const std::int64_t before = count > 2 ? std::atoll(words[2]) : 1'000'000;
  const std::int64_t timed = count > 3 ? std::atoll(words[3]) : 200'000;
  const std::filesystem::path path = folder / "sighter-store-bench.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  const RealClock clock;
  IdMaker ids(clock);
  Random random(1);
  auto opened = Store::open(path, clock);
  if (!opened) die(opened.error());
  Store& store = **opened;
  bulk(store, ids, clock, random, before);

  std::vector<Batch> batches;
  std::vector<Id> known;
  for (std::int64_t i = 0; i < timed; ++i) {
    batches.push_back(make_batch(ids, clock, random, false));
  }
  Times times;
  times.acknowledged_ms.reserve(batches.size());
  const WriterState state_before = store.writer();
  const double seconds = append_all(store, std::move(batches), &times);
  const WriterState state = store.writer();
  std::printf(
      "append, rows of 1 kB  %8lld rows  %9.0f rows/s  %.0f rows a commit\n",
      static_cast<long long>(timed), static_cast<double>(timed) / seconds,
      static_cast<double>(timed) / static_cast<double>(state.commits - state_before.commits));
  const double commit_p50 = static_cast<double>(state.commit_p50.count()) / 1000.0;
  const double commit_p99 = static_cast<double>(state.commit_p99.count()) / 1000.0;
  std::printf("  commit              p50 %.2f ms  p99 %.2f ms\n", commit_p50, commit_p99);
  for (const int threads : {1, 16, 64}) durable(store, ids, clock, threads, 20'000 / threads);
  for (int i = 0; i < 20'000; ++i) {
    Batch batch = make_batch(ids, clock, random, true);
    known.push_back(batch.calls[0].id);
    if (Status s = store.append(std::move(batch), Durability::kRelaxed); !s) die(s.error());
  }
  if (Status s = store.flush(); !s) die(s.error());
  look_up(store, known);
  struct rusage usage {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("resident at most      %.0f MB\n", static_cast<double>(usage.ru_maxrss) / 1024.0);
  opened->reset();
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  return 0;
}
