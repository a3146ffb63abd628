#include "base/hash.hpp"

#include <openssl/evp.h>

#include <bit>
#include <cstring>

#include "base/check.hpp"

namespace sighter {
namespace {

EVP_MD_CTX* context_of(void* context) {
  return static_cast<EVP_MD_CTX*>(context);
}

// Looked up once: OpenSSL 3 searches its providers at each use of EVP_sha256(), which costs more
// than the hash of a short text. Lives as long as the process.
const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return kAlgorithm;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t read_le(const char* at, std::size_t count) {
  std::uint64_t word = 0;
  if (std::endian::native == std::endian::little && count == sizeof word) {
    std::memcpy(&word, at, sizeof word);
    return word;
  }
  for (std::size_t i = 0; i < count; ++i) {
    word |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return word;
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr);
  CHECK(EVP_DigestInit_ex(context_of(context_), sha256_algorithm(), nullptr) == 1);
}

Sha256::~Sha256() {
  EVP_MD_CTX_free(context_of(context_));
}

Sha256& Sha256::add(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha256& Sha256::field(std::string_view bytes) {
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(bytes.size() >> (8 * i));
  add({length, 8});
  return add(bytes);
}

Digest Sha256::finish() {
  Digest digest;
  unsigned size = 0;
  CHECK(EVP_DigestFinal_ex(context_of(context_), digest.data(), &size) == 1);
  CHECK(size == digest.size());
  return digest;
}

Digest sha256(std::string_view bytes) {
  return Sha256().add(bytes).finish();
}

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed) {
  constexpr std::uint64_t kA = 0xa0761d6478bd642fu;
  constexpr std::uint64_t kB = 0xe7037ed1a0b428dbu;
  std::uint64_t state = seed ^ mix(seed ^ kA, bytes.size() ^ kB);
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) state = mix(state ^ read_le(at, 8), kA ^ left);
  return mix(state ^ read_le(at, left), kB ^ bytes.size());
}

}  // namespace sighter
