#include "learn/folds.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "base/check.hpp"
#include "base/random.hpp"
#include "learn/groups.hpp"
#include "learn/similar.hpp"

namespace sighter::learn {
namespace {

// Vectors are compared pair by pair, up to this many; beyond it only equal ones are found.
constexpr std::size_t kVectorPairsMax = 10'000;

void join_by_vector(std::span<const Example> examples, std::span<const std::uint32_t> which,
                    Groups& groups) {
  if (which.size() <= kVectorPairsMax) {
    for (std::size_t i = 0; i < which.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (groups.same(which[i], which[j])) continue;
        if (near_duplicate(std::span<const float>(examples[which[i]].vector),
                           std::span<const float>(examples[which[j]].vector))) {
          groups.join(which[j], which[i]);
        }
      }
    }
    return;
  }
  std::vector<std::uint32_t> order(which.begin(), which.end());
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return examples[a].vector < examples[b].vector; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (examples[order[i]].vector == examples[order[i - 1]].vector) {
      groups.join(order[i - 1], order[i]);
    }
  }
}

}  // namespace

std::vector<std::uint32_t> groups_of(std::span<const Example> examples) {
  Groups groups(examples.size());
  std::unordered_map<std::string_view, std::uint32_t> first_of_cluster;
  std::vector<std::uint32_t> with_text, with_vector;
  std::vector<std::string_view> texts;
  for (std::uint32_t i = 0; i < examples.size(); ++i) {
    const Example& example = examples[i];
    if (!example.cluster.empty()) {
      const auto [at, fresh] = first_of_cluster.try_emplace(example.cluster, i);
      if (!fresh) groups.join(at->second, i);
    }
    if (!example.text.empty() || example.vector.empty()) {
      with_text.push_back(i);
      texts.push_back(example.text);
    } else {
      with_vector.push_back(i);
    }
  }
  const std::vector<std::uint32_t> twins = near_duplicate_groups(texts);
  std::vector<std::uint32_t> first_of_twins;
  for (std::size_t i = 0; i < twins.size(); ++i) {
    if (twins[i] == first_of_twins.size()) {
      first_of_twins.push_back(with_text[i]);
    } else {
      groups.join(first_of_twins[twins[i]], with_text[i]);
    }
  }
  join_by_vector(examples, with_vector, groups);
  return groups.numbers();
}

std::vector<int> assign_folds(std::span<const Example> examples,
                              std::span<const std::uint32_t> group, int k, std::uint64_t seed) {
  CHECK(group.size() == examples.size());
  if (examples.empty()) return {};
  const std::size_t group_count = *std::max_element(group.begin(), group.end()) + std::size_t{1};
  const auto folds =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::max(k, 1)), 1, group_count);
  int labels = 0;
  std::vector<std::vector<std::uint32_t>> members(group_count);
  for (std::uint32_t i = 0; i < examples.size(); ++i) {
    members[group[i]].push_back(i);
    labels = std::max(labels, examples[i].label + 1);
  }
  // Large groups first, equals in random order; each to the fold that has least of its labels.
  std::vector<std::uint32_t> order(group_count);
  for (std::uint32_t g = 0; g < group_count; ++g) order[g] = g;
  Random random(seed);
  random.shuffle(order);
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return members[a].size() > members[b].size(); });
  std::vector<std::uint32_t> of_label(folds * static_cast<std::size_t>(labels), 0);
  std::vector<std::uint32_t> total(folds, 0);
  std::vector<int> fold(examples.size(), 0);
  std::size_t empty = folds;
  for (std::size_t at = 0; at < order.size(); ++at) {
    std::size_t best = 0;
    std::pair<std::uint64_t, std::uint32_t> best_cost{UINT64_MAX, 0};
    const bool must_fill = order.size() - at <= empty;  // no fold stays empty
    for (std::size_t f = 0; f < folds; ++f) {
      if (must_fill && total[f] > 0) continue;
      std::uint64_t same = 0;
      for (const std::uint32_t i : members[order[at]]) {
        same += of_label[f * static_cast<std::size_t>(labels) +
                         static_cast<std::size_t>(examples[i].label)];
      }
      const std::pair cost{same, total[f]};
      if (cost < best_cost) {
        best = f;
        best_cost = cost;
      }
    }
    empty -= total[best] == 0 ? 1 : 0;
    for (const std::uint32_t i : members[order[at]]) {
      fold[i] = static_cast<int>(best);
      ++of_label[best * static_cast<std::size_t>(labels) +
                 static_cast<std::size_t>(examples[i].label)];
      ++total[best];
    }
  }
  return fold;
}

Result<std::vector<Prediction>> out_of_fold(std::span<const Example> examples,
                                            std::span<const std::string> labels,
                                            const LearnerOptions& options, int k,
                                            std::stop_token stop, const Progress& progress) {
  CHECK(k >= 2);
  std::vector<Prediction> out(examples.size());
  std::vector<int> fold;
  for (const Example& example : examples) {
    if (example.label >= 0) continue;
    return fail(Kind::kInvalid, "an example bears no label", "leave it out");
  }
  if (!examples.empty()) {
    fold = assign_folds(examples, groups_of(examples), k, options.seed);
    if (*std::max_element(fold.begin(), fold.end()) == 0) {
      return fail(Kind::kInvalid,
                  fmt::format("all {} examples are twins of one another or of one cluster: none "
                              "can test what was learned from the others",
                              examples.size()),
                  "add different examples");
    }
  }
  const int folds = fold.empty() ? 1 : *std::max_element(fold.begin(), fold.end()) + 1;
  for (int held = 0; held < folds; ++held) {
    std::vector<Example> others;
    std::vector<std::uint32_t> place;  // of each of them in `examples`
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (fold[i] == held) continue;
      others.push_back(examples[i]);
      place.push_back(static_cast<std::uint32_t>(i));
    }
    const auto model = fit(others, labels, options, stop, [&](double share) {
      if (progress) progress((held + share) / folds);
    });
    if (!model) return std::unexpected(model.error());
    for (std::size_t i = 0; i < examples.size(); ++i) {
      if (fold[i] != held) continue;
      auto prediction = model->predict(examples[i].text, examples[i].vector);
      if (!prediction) return std::unexpected(prediction.error());
      for (Neighbour& neighbour : prediction->neighbours) neighbour.index = place[neighbour.index];
      out[i] = std::move(*prediction);
    }
  }
  return out;
}

}  // namespace sighter::learn
