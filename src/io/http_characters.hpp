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

// True when there is no control character but the tab.
inline bool is_field_text(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  const auto plain = [](char c) {
    return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t';
  };
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t size = std::min(text.size(), sizeof word);
    std::memcpy(&word, text.data(), size);
    const std::uint64_t deleted = word ^ (kOnes * 0x7f);
    // Only a whole word without any mark is sure to be plain.
    const std::uint64_t marks =
        (((word - kOnes * 0x20) & ~word) | ((deleted - kOnes) & ~deleted)) & kHighs;
    if (size < sizeof word || marks != 0) {
      for (const char c : text.substr(0, size)) {
        if (!plain(c)) return false;
      }
    }
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace sighter::io
