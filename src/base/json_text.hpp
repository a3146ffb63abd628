#pragma once
// For those who go through the text of JSON strings: many bytes at a time where nothing is special.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace sighter {

// White space between tokens (RFC 8259, section 2).
inline constexpr bool is_json_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// How many of the kJsonRun bytes at `bytes` come before the first quote, backslash, control
// character or byte that is not ASCII.
#ifdef __SSE2__
inline constexpr std::size_t kJsonRun = 16;
inline std::size_t json_plain_bytes(const char* bytes) {
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
  // As signed numbers, bytes that are not ASCII are below the space too.
  const __m128i marks = _mm_or_si128(_mm_cmplt_epi8(text, _mm_set1_epi8(' ')),
                                     _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')),
                                                  _mm_cmpeq_epi8(text, _mm_set1_epi8('\\'))));
  const auto bits = static_cast<std::uint32_t>(_mm_movemask_epi8(marks));
  return static_cast<std::size_t>(std::countr_zero(bits | 1u << kJsonRun));
}
#else
inline constexpr std::size_t kJsonRun = 8;
inline std::size_t json_plain_bytes(const char* bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
  // Of the marks only the lowest is sure: what is subtracted may borrow from the bytes above it.
  const auto zero_byte = [](std::uint64_t x) { return (x - kOnes) & ~x & kHighs; };
  const std::uint64_t control = (word - kOnes * 0x20) & ~word & kHighs;
  const std::uint64_t marks = (word & kHighs) | control | zero_byte(word ^ (kOnes * '"')) |
                              zero_byte(word ^ (kOnes * '\\'));
  return static_cast<std::size_t>(std::countr_zero(marks)) / 8;
}
#endif

}  // namespace sighter
