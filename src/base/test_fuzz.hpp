#pragma once

#include <chrono>
#include <cstdlib>

// For tests alone.
namespace sighter {

// How long a fuzz test goes on: as long as it usually does, or, where SIGHTER_FUZZ_MS is set
// (`./test fuzz` sets it), for that many milliseconds.
inline std::chrono::milliseconds fuzz_time(std::chrono::milliseconds usual) {
  const char* given = std::getenv("SIGHTER_FUZZ_MS");
  return given != nullptr ? std::chrono::milliseconds(std::atoll(given)) : usual;
}

// For fuzz tests that count rounds: `const FuzzRounds fuzz(8'000); for (int i = 0; fuzz.has(i);
// ++i)`. So many rounds at least, and as many more as fit into SIGHTER_FUZZ_MS since its
// construction.
class FuzzRounds {
 public:
  explicit FuzzRounds(int least)
      : least_(least), until_(std::chrono::steady_clock::now() + fuzz_time({})) {}

  bool has(int round) const { return round < least_ || std::chrono::steady_clock::now() < until_; }

 private:
  int least_;
  std::chrono::steady_clock::time_point until_;
};

}  // namespace sighter
