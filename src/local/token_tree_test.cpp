#include "local/token_tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sighter::local {
namespace {

TokenPath path(const std::string& given, const std::string& scored) {
  TokenPath out;
  for (const char c : given + scored) out.tokens.push_back(c);
  out.scored_from = given.size();
  return out;
}

// "abc" as "a0-1 b0-1 c1-1": token, first and last item.
std::string spelled(const TokenTree& tree) {
  std::string out;
  for (const TokenNode& node : tree.nodes)
    out += std::string(out.empty() ? "" : " ") + static_cast<char>(node.token) +
           std::to_string(node.first_item) + "-" + std::to_string(node.last_item);
  return out;
}

TEST(TokenTree, SharesBeginningsAndLeavesOutLastTokens) {
  const auto trees =
      token_trees(std::vector{path("ab", "cd"), path("ab", "ce"), path("ax", "y")}, 8, 100);
  ASSERT_EQ(trees.size(), 1u);
  EXPECT_EQ(spelled(trees[0]), "a0-2 b0-1 c0-1 x2-2");
  EXPECT_EQ(trees[0].trunk, 1u);
}

TEST(TokenTree, AsksEachTokenOnceWhereItComes) {
  const auto trees = token_trees(std::vector{path("ab", "cd"), path("ab", "ce")}, 8, 100);
  const auto& nodes = trees[0].nodes;
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_TRUE(nodes[0].questions.empty());
  ASSERT_EQ(nodes[1].questions.size(), 2u);  // 'c', for both
  ASSERT_EQ(nodes[2].questions.size(), 2u);
  EXPECT_EQ(nodes[2].questions[0].token, 'd');
  EXPECT_EQ(nodes[2].questions[1].token, 'e');
  EXPECT_EQ(nodes[2].questions[1].item, 1u);
}

TEST(TokenTree, MemoryIsReusableUpToTheFirstQuestion) {
  const auto trees = token_trees(std::vector{path("abc", "x"), path("abc", "y")}, 8, 100);
  EXPECT_EQ(trees[0].trunk, 3u);
  EXPECT_EQ(trees[0].reusable, 2u);
}

TEST(TokenTree, ATextThatBeginsAnotherKeepsItsOwnQuestions) {
  const auto trees = token_trees(std::vector{path("p", "bug"), path("p", "bug report")}, 8, 100);
  ASSERT_EQ(trees.size(), 1u);
  std::size_t questions = 0;
  for (const TokenNode& node : trees[0].nodes) questions += node.questions.size();
  EXPECT_EQ(questions, 3u + 10u);
  EXPECT_EQ(trees[0].nodes.size(), 1u + 9u);
}

TEST(TokenTree, NothingToScoreMakesNoTree) {
  EXPECT_TRUE(token_trees(std::vector{path("abc", "")}, 8, 100).empty());
}

TEST(TokenTree, SplitsByItemsAndByNodes) {
  std::vector<TokenPath> paths;
  for (char c = 'a'; c < 'k'; ++c) paths.push_back(path("p", std::string{c, c, c}));
  EXPECT_EQ(token_trees(paths, 4, 100).size(), 3u);
  for (const TokenTree& tree : token_trees(paths, 100, 7)) EXPECT_LE(tree.nodes.size(), 7u);
}

}  // namespace
}  // namespace sighter::local
