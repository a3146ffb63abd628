#pragma once
// Which bytes may stand where in an HTTP header. For this room's sources only.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sighter::io {

// RFC 9110, section 5.6.2: what names and methods are made of.
inline constexpr std::array<bool, 256> kTokenCharacters = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  return table;
}();

inline bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!kTokenCharacters[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

// What values are made of, and reasons: no control character but the tab.
inline constexpr std::array<bool, 256> kTextCharacters = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0x20; c < 256; ++c) table[c] = c != 0x7f;
  table['\t'] = true;
  return table;
}();

inline bool is_field_text(std::string_view text) {
  const auto plain = [](std::string_view part) {
    for (const char c : part) {
      if (!kTextCharacters[static_cast<unsigned char>(c)]) return false;
    }
    return true;
  };
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  constexpr std::size_t kRun = sizeof kOnes;
  // Where a word has no mark, all of it is plain; a mark may also stand for a tab.
  const auto marked = [](const char* at) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    const std::uint64_t deleted = word ^ (kOnes * 0x7f);
    return ((((word - kOnes * 0x20) & ~word) | ((deleted - kOnes) & ~deleted)) & kHighs) != 0;
  };
  if (text.size() < kRun) return plain(text);
  for (std::size_t at = 0;; at += kRun) {
    at = std::min(at, text.size() - kRun);  // the last word begins inside the one before it
    if (marked(text.data() + at) && !plain(text.substr(at, kRun))) return false;
    if (at + kRun == text.size()) return true;
  }
}

}  // namespace sighter::io
