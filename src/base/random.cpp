#include "base/random.hpp"

#include <openssl/rand.h>

#include <bit>

#include "base/check.hpp"

namespace sighter {

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15u;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    word = z ^ (z >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
  CHECK(bound > 0);
  const std::uint64_t reject_under = (0 - bound) % bound;
  while (true) {
    const std::uint64_t x = next();
    if (x >= reject_under) return x % bound;
  }
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

void secure_random(std::span<unsigned char> out) {
  CHECK(RAND_bytes(out.data(), static_cast<int>(out.size())) == 1);
}

std::uint64_t secure_seed() {
  unsigned char bytes[8];
  secure_random(bytes);
  std::uint64_t seed = 0;
  for (unsigned char byte : bytes) seed = seed << 8 | byte;
  return seed;
}

}  // namespace sighter
