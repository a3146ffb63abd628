#include "learn/features.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/utf8.hpp"
#include "learn/synthetic.hpp"

namespace sighter::learn {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> words_of(std::string_view text) {
  Tokens tokens;
  tokenise(text, tokens);
  std::vector<std::string> out;
  for (const Token& token : tokens.tokens) {
    std::string& word = out.emplace_back();
    for (std::uint32_t i = token.begin; i < token.end; ++i) append_utf8(word, tokens.letters[i]);
  }
  return out;
}

TEST(Tokenise, SplitsWordsAndPunctuation) {
  EXPECT_THAT(words_of("Hello,  World! £5"), ElementsAre("hello", ",", "world", "!", "£", "5"));
}

TEST(Tokenise, KeepsInnerApostrophes) {
  EXPECT_THAT(words_of("don't 'quote' Don’t"), ElementsAre("don't", "'", "quote", "'", "don't"));
}

TEST(Tokenise, FoldsCase) {
  EXPECT_THAT(words_of("ÄÖÜ ŁÓDŹ ŽŠ ΑΒΓ ПРИВЕТ Ё ＡＢ"),
              ElementsAre("äöü", "łódź", "žš", "αβγ", "привет", "ё", "ａｂ"));
}

TEST(Tokenise, TakesSpacelessScriptsCharacterByCharacter) {
  EXPECT_THAT(words_of("东京abc"), ElementsAre("东", "京", "abc"));
}

TEST(Tokenise, TakesEmojiAlone) {
  EXPECT_THAT(words_of("ok🙂🙂"), ElementsAre("ok", "🙂", "🙂"));
}

TEST(Tokenise, FindsNothingInSpaces) {
  EXPECT_THAT(words_of(" \t\n\u00a0\u3000"), IsEmpty());
}

TEST(Tokenise, ReadsIllFormedBytesAsReplacements) {
  EXPECT_THAT(words_of("a\xff"
                       "b"),
              ElementsAre("a", "\ufffd", "b"));
}

TEST(Tokenise, TakesNulAsASpace) {
  EXPECT_THAT(words_of(std::string_view("a\0b", 3)), ElementsAre("a", "b"));
}

TEST(GramCounter, CountsRepeats) {
  GramCounter counter;
  const auto grams = counter.count("a a a");  // a x3, "a a" x2, "a _ a" x1
  std::vector<std::uint32_t> counts;
  for (const Gram& gram : grams) counts.push_back(gram.count);
  EXPECT_THAT(counts, ::testing::UnorderedElementsAre(3, 2, 1));
}

TEST(GramCounter, CountsWordsPairsAndLetters) {
  GramCounter counter;
  // "abc": the word, <ab abc bc>, <abc abc>. "de": the word, <de de>, <de>. One pair.
  EXPECT_EQ(counter.count("abc de").size(), 1u + 3 + 2 + 1 + 2 + 1 + 1);
}

TEST(GramCounter, GivesTheSameForTheSameTextWhateverCameBefore) {
  GramCounter used, fresh;
  std::string large;
  for (std::uint64_t i = 0; i < 5000; ++i) large += word_of(i) + " ";
  used.count(large);
  const auto a = used.count("some short text");
  const auto b = fresh.count("some short text");
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].hash, b[i].hash);
}

TEST(GramCounter, HashesAreThoseOfTheFileFormat) {
  // A change here makes model files of version 1 useless.
  GramCounter counter;
  std::uint32_t all = 0;
  for (const Gram& gram : counter.count("Where's my card? 东京")) all = all * 31 + gram.hash;
  EXPECT_EQ(all, 1369773778u);
}

}  // namespace
}  // namespace sighter::learn
