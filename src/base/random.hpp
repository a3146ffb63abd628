#pragma once
// Randomness comes in through constructors: a seed replays a run.

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sighter {

// xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021),
// seeded by splitmix64. Same seed, same numbers, on every machine. Not for secrets. One thread.
class Random {
 public:
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, bound), without modulo bias; bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [0, 1) with 53 bits.
  double uniform();

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_[4];
};

// Bytes of the operating system's generator, for ids, keys and seeds.
void secure_random(std::span<unsigned char> out);
std::uint64_t secure_seed();

}  // namespace sighter
