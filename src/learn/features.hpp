#pragma once
// Text as counted n-grams: words, pairs of neighbouring words, pairs with one word between, and 3
// or 4 neighbouring characters of a word with its edges marked. Each is named by a 32-bit hash;
// among 100,000 of them about one pair collides.
//
// Tokens: runs of letters, digits, combining marks and inner apostrophes; every other visible
// character by itself; every character of scripts written without spaces (Han, Kana, Thai, Lao,
// Khmer, Myanmar) by itself, so that word pairs serve as character pairs there. Case is folded for
// Latin, Greek, Cyrillic, Armenian and full-width letters. Ill-formed UTF-8 is read as U+FFFD.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace sighter::learn {

struct Token {
  std::uint32_t begin = 0;  // into Tokens::letters
  std::uint32_t end = 0;
};

struct Tokens {
  std::vector<char32_t> letters;  // of all tokens, one after the other, case folded
  std::vector<Token> tokens;
};

// Whether a token that starts with this character is a word (or a character of a spaceless script),
// not punctuation or a symbol. The character is case folded.
bool is_word(char32_t letter);

// Replaces `out`.
void tokenise(std::string_view text, Tokens& out);

struct Gram {
  std::uint32_t hash = 0;
  std::uint32_t count = 0;
};

// Counts the n-grams of texts, one after the other; keeps its buffers. One thread.
// The hashes are part of the model file's format: change them, and its version must change.
class GramCounter {
 public:
  // Different hashes, in order of first appearance; valid until the next call.
  std::span<const Gram> count(std::string_view text);

 private:
  void add(std::uint64_t state);
  void grow();
  Tokens tokens_;
  std::vector<Gram> grams_;
  std::vector<std::uint32_t>
      slots_;  // open addressing into grams_, by hash; 0 = free, else index + 1
};

}  // namespace sighter::learn
