#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

#include "base/hash.hpp"
#include "learn/features.hpp"
#include "learn/groups.hpp"
#include "learn/similar.hpp"

namespace sighter::learn {
namespace {

constexpr double kTwinShare = 0.8;  // Jaccard

using Shingles = std::vector<std::uint32_t>;  // ascending, each once

// Character trigrams of the words, one space between and at both ends. Text without words (only
// punctuation or emoji) is taken as it is.
Shingles shingles_of(std::string_view text, Tokens& tokens) {
  tokenise(text, tokens);
  std::u32string flat;
  for (const bool words : {true, false}) {
    for (const Token& token : tokens.tokens) {
      if (words && !is_word(tokens.letters[token.begin])) continue;
      flat += U' ';
      flat.append(tokens.letters.data() + token.begin, token.end - token.begin);
    }
    if (!flat.empty()) break;
  }
  Shingles out;
  if (flat.empty()) return out;
  flat += U' ';
  for (std::size_t i = 0; i + 3 <= flat.size(); ++i) {
    std::uint64_t hash = flat[i];
    hash = hash << 21 | flat[i + 1];
    hash = hash << 21 | flat[i + 2];
    out.push_back(static_cast<std::uint32_t>((hash * 0x9e3779b97f4a7c15u) >> 32));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

// Both ascending under one order.
bool alike(const Shingles& a, const Shingles& b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty();
  const std::size_t both_max = std::min(a.size(), b.size());
  const auto enough = [&](std::size_t both) {
    return static_cast<double>(both) >=
           kTwinShare * static_cast<double>(a.size() + b.size() - both);
  };
  if (!enough(both_max)) return false;
  std::size_t both = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const std::uint32_t x = a[i], y = b[j];
    both += x == y ? 1 : 0;
    i += x <= y ? 1 : 0;
    j += y <= x ? 1 : 0;
    if (!enough(both + std::min(a.size() - i, b.size() - j))) return false;
  }
  return enough(both);
}

// Renames shingles so that the rare ones come first; a prefix then says most about a text. How many
// there are.
std::size_t rare_first(std::vector<Shingles>& sets) {
  std::unordered_map<std::uint32_t, std::uint32_t> seen_in;
  for (const Shingles& set : sets) {
    for (const std::uint32_t shingle : set) ++seen_in[shingle];
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;  // how often, which
  order.reserve(seen_in.size());
  for (const auto& [shingle, count] : seen_in) order.emplace_back(count, shingle);
  std::sort(order.begin(), order.end());
  for (std::uint32_t i = 0; i < order.size(); ++i) seen_in[order[i].second] = i;
  for (Shingles& set : sets) {
    for (std::uint32_t& shingle : set) shingle = seen_in[shingle];
    std::sort(set.begin(), set.end());
  }
  return order.size();
}

// Two sets that are alike share one of their first size - ceil(0.8 size) + 1 members.
std::size_t prefix_of(const Shingles& set) {
  const auto needed =
      static_cast<std::size_t>(std::ceil(kTwinShare * static_cast<double>(set.size()) - 1e-9));
  return set.size() - needed + 1;
}

}  // namespace

bool near_duplicate(std::string_view a, std::string_view b) {
  Tokens tokens;
  return alike(shingles_of(a, tokens), shingles_of(b, tokens));
}

std::vector<std::uint32_t> near_duplicate_groups(std::span<const std::string_view> texts) {
  Groups groups(texts.size());
  Tokens tokens;
  std::vector<Shingles> sets;          // different ones
  std::vector<std::uint32_t> text_of;  // a text that has the set
  std::unordered_map<std::uint64_t, std::uint32_t> first_with;
  for (std::uint32_t i = 0; i < texts.size(); ++i) {
    Shingles set = shingles_of(texts[i], tokens);
    const std::string_view bytes(reinterpret_cast<const char*>(set.data()),
                                 set.size() * sizeof(std::uint32_t));
    const auto [at, fresh] = first_with.try_emplace(hash64(bytes), i);
    if (!fresh) {
      groups.join(at->second, i);
      continue;
    }
    sets.push_back(std::move(set));
    text_of.push_back(i);
  }
  const std::size_t shingles = rare_first(sets);
  std::vector<std::uint32_t> by_size(sets.size());
  for (std::uint32_t i = 0; i < by_size.size(); ++i) by_size[i] = i;
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](auto a, auto b) { return sets[a].size() < sets[b].size(); });
  std::vector<std::vector<std::uint32_t>> with(shingles);   // sets by member of their prefix
  std::vector<std::uint32_t> met(sets.size(), UINT32_MAX);  // last set that was compared with it
  for (const std::uint32_t i : by_size) {
    if (sets[i].empty()) continue;
    const std::size_t prefix = prefix_of(sets[i]);
    for (std::size_t p = 0; p < prefix; ++p) {
      std::vector<std::uint32_t>& others = with[sets[i][p]];
      for (const std::uint32_t j : others) {
        if (met[j] == i) continue;
        met[j] = i;
        if (groups.same(text_of[i], text_of[j]) || !alike(sets[i], sets[j])) continue;
        groups.join(text_of[i], text_of[j]);
      }
      others.push_back(i);
    }
  }
  return groups.numbers();
}

}  // namespace sighter::learn
