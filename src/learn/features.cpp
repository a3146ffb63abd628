#include "learn/features.hpp"

#include <algorithm>

#include "base/utf8.hpp"

namespace sighter::learn {
namespace {

enum class Class : std::uint8_t { kSpace, kLetter, kApostrophe, kAlone };

bool between(char32_t c, char32_t low, char32_t high) {
  return c >= low && c <= high;
}

char32_t fold(char32_t c) {
  if (c < 0x80) return between(c, 'A', 'Z') ? c + 32 : c;
  if (c == 0x2018 || c == 0x2019 || c == 0x02bc) return '\'';
  if (c < 0x180) {
    if (between(c, 0xc0, 0xde)) return c == 0xd7 ? c : c + 32;
    if (c == 0x130) return 'i';
    if (c == 0x178) return 0xff;
    const bool odd_is_upper = between(c, 0x139, 0x148) || between(c, 0x179, 0x17e);
    if (c >= 0x100 && c != 0x131 && c != 0x138 && c != 0x149 && c != 0x17f) {
      return ((c & 1) != 0) == odd_is_upper ? c + 1 : c;
    }
    return c;
  }
  if (between(c, 0x391, 0x3a9) || between(c, 0x410, 0x42f)) return c + 32;
  if (between(c, 0x400, 0x40f)) return c + 80;
  if (between(c, 0x531, 0x556)) return c + 48;
  if (between(c, 0xff21, 0xff3a)) return c + 32;
  return c;
}

// Scripts written without spaces between words.
bool is_spaceless(char32_t c) {
  return between(c, 0x0e00, 0x0eff) || between(c, 0x1000, 0x109f) || between(c, 0x1780, 0x17ff) ||
         between(c, 0x2e80, 0x2fff) || between(c, 0x3005, 0x3007) || between(c, 0x3040, 0x30ff) ||
         between(c, 0x3400, 0x9fff) || between(c, 0xf900, 0xfaff) || between(c, 0x20000, 0x3ffff);
}

Class class_of(char32_t c) {
  if (c < 0x80) {
    if (between(c, 'a', 'z') || between(c, '0', '9')) return Class::kLetter;
    if (c == '\'') return Class::kApostrophe;
    return c <= ' ' || c == 0x7f ? Class::kSpace : Class::kAlone;
  }
  if (c < 0xc0) {
    if (c <= 0xa0 || c == 0xad) return Class::kSpace;
    return c == 0xaa || c == 0xb5 || c == 0xba ? Class::kLetter : Class::kAlone;
  }
  if (c == 0xd7 || c == 0xf7) return Class::kAlone;
  if (between(c, 0x2000, 0x200a) || between(c, 0x2028, 0x2029) || c == 0x202f || c == 0x205f ||
      c == 0x3000 || c == 0xfeff || c == 0x1680 || between(c, 0xfe00, 0xfe0f)) {
    return Class::kSpace;
  }
  if (between(c, 0x200b, 0x200d)) return Class::kSpace;
  const bool symbol = between(c, 0x2010, 0x2bff) || between(c, 0x3001, 0x303f) ||
                      between(c, 0xff01, 0xff0f) || between(c, 0xff1a, 0xff20) ||
                      between(c, 0xff3b, 0xff40) || between(c, 0xff5b, 0xff65) ||
                      between(c, 0x1f000, 0x1faff) || c == 0xfffd || is_spaceless(c);
  return symbol ? Class::kAlone : Class::kLetter;
}

// One step of a polynomial hash over code points; `finish` makes all bits depend on all.
std::uint64_t step(std::uint64_t state, std::uint64_t value) {
  return (state ^ value) * 0x9e3779b97f4a7c15u;
}

std::uint32_t finish(std::uint64_t state) {
  state ^= state >> 32;
  state *= 0xd6e8feb86659fd93u;
  return static_cast<std::uint32_t>(state >> 32);
}

constexpr std::uint64_t kWord = 0x1b873593u, kPair = 0x85ebca6bu, kGap = 0xc2b2ae35u,
                        kLetters = 0xcc9e2d51u;
constexpr std::size_t kLettersMin = 3, kLettersMax = 4;
constexpr char32_t kEdgeLeft = 0x110000, kEdgeRight = 0x110001;

}  // namespace

bool is_word(char32_t letter) {
  return class_of(letter) == Class::kLetter || is_spaceless(letter);
}

void tokenise(std::string_view text, Tokens& out) {
  out.letters.clear();
  out.tokens.clear();
  bool inside = false;  // the last token is a run of letters that may go on
  std::size_t at = 0;
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const char32_t c = fold(byte < 0x80 ? text[at++] : next_code_point(text, at));
    Class what = class_of(c);
    if (what == Class::kApostrophe) {
      const auto next = at < text.size() ? static_cast<unsigned char>(text[at]) : ' ';
      const bool inner = inside && (next >= 0x80 || class_of(fold(next)) == Class::kLetter);
      what = inner ? Class::kLetter : Class::kAlone;
    }
    if (what == Class::kSpace) {
      inside = false;
      continue;
    }
    const auto begin = static_cast<std::uint32_t>(out.letters.size());
    out.letters.push_back(c);
    if (what == Class::kLetter && inside) {
      ++out.tokens.back().end;
    } else {
      out.tokens.push_back({begin, begin + 1});
      inside = what == Class::kLetter;
    }
  }
}

void GramCounter::grow() {
  const std::size_t size = std::max<std::size_t>(512, slots_.size() * 2);
  slots_.assign(size, 0);
  for (std::size_t i = 0; i < grams_.size(); ++i) {
    std::size_t slot = grams_[i].hash & (size - 1);
    while (slots_[slot] != 0) slot = (slot + 1) & (size - 1);
    slots_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

void GramCounter::add(std::uint64_t state) {
  const std::uint32_t hash = finish(state);
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (grams_[slots_[slot] - 1].hash == hash) {
      ++grams_[slots_[slot] - 1].count;
      return;
    }
  }
  grams_.push_back({hash, 1});
  slots_[slot] = static_cast<std::uint32_t>(grams_.size());
  if (grams_.size() * 2 > slots_.size()) grow();
}

std::span<const Gram> GramCounter::count(std::string_view text) {
  tokenise(text, tokens_);
  if (slots_.size() > 512 && grams_.size() * 16 < slots_.size()) slots_.resize(512);
  grams_.clear();
  std::fill(slots_.begin(), slots_.end(), 0);
  if (slots_.empty()) grow();
  std::uint64_t one_before = 0, two_before = 0;  // of the words at the left; 0 = none
  for (const Token& token : tokens_.tokens) {
    const std::size_t length = token.end - token.begin;
    const char32_t* letters = tokens_.letters.data() + token.begin;
    std::uint64_t word = kWord;
    for (std::size_t i = 0; i < length; ++i) word = step(word, letters[i]);
    add(word);
    if (one_before != 0) add(step(step(kPair, one_before), word));
    if (two_before != 0) add(step(step(kGap, two_before), word));
    two_before = one_before;
    one_before = word | 1;
    if (length == 1) continue;  // "<a>" says no more than the word does
    const auto letter = [&](std::size_t i) {
      return i == 0 ? kEdgeLeft : i <= length ? letters[i - 1] : kEdgeRight;
    };
    for (std::size_t from = 0; from + kLettersMin <= length + 2; ++from) {
      std::uint64_t state = kLetters;
      const std::size_t end = std::min(from + kLettersMax, length + 2);
      for (std::size_t i = from; i < end; ++i) {
        state = step(state, letter(i));
        if (i + 1 - from >= kLettersMin) add(state);
      }
    }
  }
  return grams_;
}

}  // namespace sighter::learn
