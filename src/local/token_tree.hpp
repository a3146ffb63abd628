#pragma once
// The texts of one score request as a tree, so that a beginning that several of them share is
// computed once, whether it is shared by all or by a few. Pure; one thread.

#include <cstdint>
#include <span>
#include <vector>

#include "local/engine.hpp"

namespace sighter::local {

// One text to score: tokens[scored_from..] given all before them; scored_from is at least 1.
struct TokenPath {
  std::vector<Token> tokens;
  std::size_t scored_from = 1;
};

// Asked of one node: log P(token | the path to the node) is part of item's score.
struct TokenQuestion {
  std::size_t item = 0;
  Token token = 0;
};

struct TokenNode {
  Token token = 0;
  int position = 0;
  int first_item = 0;  // of the items of this tree, in its own order
  int last_item = 0;
  std::vector<TokenQuestion> questions;
};

// Nodes in an order in which each comes after the one before it in its text. The last token of a
// text has no node: it is only asked for, never read.
struct TokenTree {
  std::vector<TokenNode> nodes;
  int items = 0;
  // The first `trunk` nodes are the beginning that all items share.
  std::size_t trunk = 0;
  // Trunk nodes before this one are not asked anything: their memory suffices.
  std::size_t reusable = 0;
};

// One or more trees that together ask for every path with something to score. No tree has more than
// items_max items or nodes_max nodes, but one path alone may be longer: the caller checks that
// first.
std::vector<TokenTree> token_trees(std::span<const TokenPath> paths, int items_max,
                                   std::size_t nodes_max);

}  // namespace sighter::local
