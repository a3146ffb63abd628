#pragma once
// Memory of coroutine frames. A request takes the same twenty or so frames again and again, some of
// them larger than what allocators give out quickly: a thread keeps a few of each size.

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SIGHTER_FRAME_POOL 0  // so that a frame that is used after its end is seen
#else
#define SIGHTER_FRAME_POOL 1
#endif

namespace sighter::io {

class FramePool {
 public:
  static void* take(std::size_t bytes) {
    const std::size_t row = row_of(bytes);
    if (row >= kRows) return ::operator new(bytes);
    Row& kept = rows_[row];
    if (kept.first == nullptr) return ::operator new((row + 1) * kStep);
    Free* const frame = kept.first;
    kept.first = frame->next;
    --kept.count;
    return frame;
  }
  // `bytes` as they were asked for.
  static void give(void* frame, std::size_t bytes) noexcept {
    const std::size_t row = row_of(bytes);
    if (row >= kRows) return ::operator delete(frame, bytes);
    Row& kept = rows_[row];
    if (kept.count >= kKeptMax) return ::operator delete(frame, (row + 1) * kStep);
    kept.first = ::new (frame) Free{kept.first};
    ++kept.count;
  }
  // What this thread keeps is given back; before it ends.
  static void drop() noexcept {
    for (std::size_t row = 0; row < kRows; ++row) {
      while (Free* const frame = rows_[row].first) {
        rows_[row].first = frame->next;
        ::operator delete(frame, (row + 1) * kStep);
      }
      rows_[row].count = 0;
    }
  }

 private:
  static constexpr std::size_t kStep = SIGHTER_FRAME_POOL ? 64 : 1;
  static constexpr std::size_t kRows = SIGHTER_FRAME_POOL ? 48 : 0;  // frames up to 3 KB
  static constexpr std::uint32_t kKeptMax = 16;                      // of one size
  struct Free {
    Free* next;
  };
  struct Row {
    Free* first;
    std::uint32_t count;
  };
  static std::size_t row_of(std::size_t bytes) { return (bytes - 1) / kStep; }
  inline static constinit thread_local std::array<Row, kRows> rows_{};
};

}  // namespace sighter::io
