#include "local/token_tree.hpp"

#include <algorithm>
#include <numeric>

namespace sighter::local {

namespace {

std::size_t common(std::span<const Token> a, std::span<const Token> b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

// What has to be read of a text: all but its last token.
std::span<const Token> body(const TokenPath& path) {
  return std::span(path.tokens).first(path.tokens.size() - 1);
}

TokenTree tree_of(std::span<const TokenPath> paths, std::span<const std::size_t> order) {
  TokenTree tree;
  tree.items = static_cast<int>(order.size());
  std::vector<std::size_t> way;  // nodes of the current text, by position
  for (std::size_t i = 0; i < order.size(); ++i) {
    const TokenPath& path = paths[order[i]];
    const std::size_t shared =
        i == 0 ? 0 : std::min(common(body(paths[order[i - 1]]), body(path)), way.size());
    way.resize(shared);
    for (const std::size_t node : way) tree.nodes[node].last_item = static_cast<int>(i);
    for (std::size_t at = shared; at < body(path).size(); ++at) {
      way.push_back(tree.nodes.size());
      tree.nodes.push_back(
          {path.tokens[at], static_cast<int>(at), static_cast<int>(i), static_cast<int>(i), {}});
    }
    for (std::size_t at = path.scored_from; at < path.tokens.size(); ++at)
      tree.nodes[way[at - 1]].questions.push_back({order[i], path.tokens[at]});
  }
  while (tree.trunk < tree.nodes.size() &&
         tree.nodes[tree.trunk].position == static_cast<int>(tree.trunk) &&
         tree.nodes[tree.trunk].first_item == 0 &&
         tree.nodes[tree.trunk].last_item == tree.items - 1)
    ++tree.trunk;
  while (tree.reusable < tree.trunk && tree.nodes[tree.reusable].questions.empty()) ++tree.reusable;
  return tree;
}

}  // namespace

std::vector<TokenTree> token_trees(std::span<const TokenPath> paths, int items_max,
                                   std::size_t nodes_max) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (paths[i].scored_from < paths[i].tokens.size()) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return paths[a].tokens != paths[b].tokens ? paths[a].tokens < paths[b].tokens : a < b;
  });

  std::vector<TokenTree> trees;
  std::size_t start = 0;
  while (start < order.size()) {
    std::size_t end = start;
    std::size_t nodes = 0;
    while (end < order.size() && static_cast<int>(end - start) < items_max) {
      const auto next = body(paths[order[end]]);
      const std::size_t more =
          next.size() - (end == start ? 0 : common(body(paths[order[end - 1]]), next));
      if (end > start && nodes + more > nodes_max) break;
      nodes += more;
      ++end;
    }
    trees.push_back(tree_of(paths, std::span(order).subspan(start, end - start)));
    start = end;
  }
  return trees;
}

}  // namespace sighter::local
