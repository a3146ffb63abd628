#include "learn/similar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "learn/synthetic.hpp"

namespace sighter::learn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

std::vector<std::uint32_t> indices(const std::vector<Neighbour>& neighbours) {
  std::vector<std::uint32_t> out;
  for (const Neighbour& neighbour : neighbours) out.push_back(neighbour.index);
  return out;
}

const std::vector<std::string> kTexts = {
    "my card was declined at the shop", "how do I change my password",
    "the card machine declined my card", "where is my parcel", ""};

TEST(LexicalIndex, PutsTheMostSimilarFirst) {
  const LexicalIndex index(views(kTexts));
  const auto found = index.top_k("card declined", 3);
  ASSERT_GE(found.size(), 2u);
  EXPECT_EQ(found[0].index + found[1].index, 2u);  // 0 and 2, in either order
  EXPECT_NE(found[0].index, 1u);
  EXPECT_GE(found[0].similarity, found[1].similarity);
}

TEST(LexicalIndex, FindsATextItselfWithSimilarityOne) {
  const LexicalIndex index(views(kTexts));
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto found = index.top_k(kTexts[i], 1);
    EXPECT_EQ(found.at(0).index, i);
    EXPECT_NEAR(found[0].similarity, 1, 1e-5);
  }
}

TEST(LexicalIndex, FindsLettersInCommonDespiteTypos) {
  const LexicalIndex index(views(kTexts));
  EXPECT_EQ(index.top_k("pasword chnage", 1).at(0).index, 1u);
}

TEST(LexicalIndex, LeavesOutWhatItIsTold) {
  const LexicalIndex index(views(kTexts));
  const auto found = index.top_k(kTexts[0], 8, [](std::uint32_t i) { return i == 0; });
  EXPECT_THAT(indices(found), ::testing::Not(::testing::Contains(0)));
  EXPECT_EQ(found.at(0).index, 2u);
}

TEST(LexicalIndex, FindsNothingForTextWithoutCommonGrams) {
  const LexicalIndex index(views(kTexts));
  EXPECT_THAT(index.top_k("ξένη γλώσσα", 5), IsEmpty());
  EXPECT_THAT(index.top_k("", 5), IsEmpty());
  EXPECT_THAT(LexicalIndex(std::span<const std::string_view>()).top_k("x", 5), IsEmpty());
}

TEST(LexicalIndex, AgreesWithSearchingAll) {
  std::vector<std::string> texts;
  for (const Example& example : made_up(300, 5, 0.5, 1)) texts.push_back(example.text);
  const LexicalIndex index(views(texts));
  for (std::size_t i = 0; i < 300; i += 17) {
    const auto all = index.top_k(texts[i], 300);
    const auto some = index.top_k(texts[i], 7);
    ASSERT_EQ(some.size(), 7u);
    for (std::size_t j = 0; j < 7; ++j) {
      EXPECT_EQ(some[j].index, all[j].index);
      EXPECT_EQ(some[j].similarity, all[j].similarity);
    }
  }
}

struct Twins {
  const char* a;
  const char* b;
  bool alike;
};

class NearDuplicate : public ::testing::TestWithParam<Twins> {};

TEST_P(NearDuplicate, IsSymmetricAndAsExpected) {
  const Twins& twins = GetParam();
  EXPECT_EQ(near_duplicate(twins.a, twins.b), twins.alike) << twins.a << " | " << twins.b;
  EXPECT_EQ(near_duplicate(twins.b, twins.a), twins.alike);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, NearDuplicate,
    ::testing::Values(Twins{"Where is my card?", "where is  my card", true}, Twins{"", "", true},
                      Twins{"", "a", false}, Twins{"", " \n", true}, Twins{"???", "!!!", false},
                      Twins{"??", "??", true}, Twins{"ÜBER GRÖSSE", "über grösse", true},
                      Twins{"How long do EU transfers actually take? I bought something online",
                            "How long do EU transfers take? I bought something online", true},
                      Twins{"Where is my card?", "Where is my parcel?", false},
                      Twins{"what is 3+4", "what is 5+2", false}, Twins{"yes", "no", false},
                      Twins{"カードが届きません", "カードが届きません。", true},
                      Twins{"カードが届きません", "パスワードを忘れました", false},
                      Twins{"don’t charge me twice", "don't charge me twice", true}));

TEST(NearDuplicateGroups, AgreesWithComparingAllPairs) {
  // Variants of 24 texts with a word replaced now and then.
  Random random(4);
  std::vector<std::string> texts;
  for (int i = 0; i < 120; ++i) {
    std::string text;
    for (int w = 0; w < 9; ++w) {
      const bool other = random.uniform() < 0.06;
      text += word_of(other ? random.below(50)
                            : 1000 + 9 * static_cast<std::uint64_t>(i % 24) +
                                  static_cast<std::uint64_t>(w)) +
              " ";
    }
    texts.push_back(text);
  }
  std::vector<std::uint32_t> expected(120);  // by closing over pairs until nothing changes
  for (std::uint32_t i = 0; i < 120; ++i) expected[i] = i;
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < 120; ++i) {
      for (std::size_t j = 0; j < 120; ++j) {
        if (expected[j] >= expected[i] || !near_duplicate(texts[i], texts[j])) continue;
        expected[i] = expected[j];
        changed = true;
      }
    }
  }
  const auto found = near_duplicate_groups(views(texts));
  std::size_t joined = 0;
  for (std::size_t i = 0; i < 120; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      ASSERT_EQ(found[i] == found[j], expected[i] == expected[j]) << texts[i] << "|" << texts[j];
      joined += found[i] == found[j];
    }
  }
  EXPECT_GT(joined, 30u);  // the case is not empty
}

TEST(NearDuplicateGroups, NumbersByFirstAppearance) {
  const std::vector<std::string_view> texts = {"alpha beta", "gamma", "Alpha, beta!", "", "delta"};
  EXPECT_THAT(near_duplicate_groups(texts), ElementsAre(0, 1, 0, 2, 3));
}

std::vector<std::span<const float>> spans(const std::vector<std::vector<float>>& vectors) {
  return {vectors.begin(), vectors.end()};
}

TEST(VectorIndex, OrdersByCosineCloseToTheExactOne) {
  std::vector<std::vector<float>> vectors;
  Random random(2);
  for (int i = 0; i < 100; ++i) {
    std::vector<float> vector;
    for (int d = 0; d < 50; ++d) vector.push_back(static_cast<float>(random.uniform() - 0.4));
    vectors.push_back(vector);
  }
  const auto index = VectorIndex::build(spans(vectors));
  ASSERT_TRUE(index);
  const auto found = index->top_k(vectors[3], 100);
  ASSERT_EQ(found->size(), 100u);
  for (const Neighbour& neighbour : *found) {
    double product = 0, a = 0, b = 0;
    for (std::size_t d = 0; d < 50; ++d) {
      const double x = vectors[3][d], y = vectors[neighbour.index][d];
      product += x * y;
      a += x * x;
      b += y * y;
    }
    EXPECT_NEAR(neighbour.similarity, product / std::sqrt(a * b), 0.01);
  }
  EXPECT_EQ(index->top_k(vectors[3], 1)->at(0).index, 3u);
}

TEST(VectorIndex, TakesZerosAndHugeValues) {
  const std::vector<std::vector<float>> vectors = {{0, 0}, {3e38f, 3e38f}, {1e-38f, 0}};
  const auto index = VectorIndex::build(spans(vectors));
  const std::vector<float> query = {1, 1};
  const auto found = index->top_k(query, 3);
  EXPECT_EQ(found->at(0).index, 1u);
  EXPECT_NEAR(found->at(0).similarity, 1, 1e-3);
  EXPECT_EQ(found->at(2).similarity, 0);
}

TEST(VectorIndex, RefusesWhatCannotBeCompared) {
  EXPECT_EQ(VectorIndex::build({}).error().kind, Kind::kInvalid);
  const std::vector<std::vector<float>> uneven = {{1, 2}, {1}};
  EXPECT_THAT(VectorIndex::build(spans(uneven)).error().what, HasSubstr("embedding 1"));
  const std::vector<std::vector<float>> infinite = {{1, std::numeric_limits<float>::infinity()}};
  EXPECT_FALSE(VectorIndex::build(spans(infinite)));
  const std::vector<std::vector<float>> good = {{1, 2}};
  const std::vector<float> longer = {1, 2, 3};
  EXPECT_FALSE(VectorIndex::build(spans(good))->top_k(longer, 1));
}

TEST(NearDuplicateVectors, ComparesByAngle) {
  const std::vector<float> a = {1, 2, 3}, twice = {2, 4, 6}, other = {3, 2, 1}, zero = {0, 0, 0};
  EXPECT_TRUE(near_duplicate(a, twice));
  EXPECT_FALSE(near_duplicate(a, other));
  EXPECT_FALSE(near_duplicate(a, zero));
}

}  // namespace
}  // namespace sighter::learn
