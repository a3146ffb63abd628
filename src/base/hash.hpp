#pragma once
// SHA-256, for fingerprints, configuration hashes and checksums of files.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sighter {

using Digest = std::array<std::uint8_t, 32>;

// Feed pieces, then finish once. `field` also feeds the length, so that ("ab","c") != ("a","bc").
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Sha256& add(std::string_view bytes);
  Sha256& field(std::string_view bytes);
  Digest finish();

 private:
  void* context_;
};

Digest sha256(std::string_view bytes);
std::string hex(std::span<const std::uint8_t> bytes);

// A fast 64-bit hash for tables and features (wyhash-style mixing); the same on every machine.
std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace sighter
