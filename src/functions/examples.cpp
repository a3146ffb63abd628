#include "functions/examples.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "base/random.hpp"
#include "functions/case_check.hpp"
#include "learn/folds.hpp"

namespace sighter::functions {
namespace {

void add_text(std::string& out, const Json& value) {
  if (!value.is_string() || value.as_string().starts_with("data:")) return;
  if (!out.empty()) out += '\n';
  out += value.as_string();
}

int label_index(const OutputContract& output, const Json& expect) {
  if (output.form() != OutputContract::Form::kLabels) return -1;
  const auto& labels = output.labels();
  return static_cast<int>(std::find(labels.begin(), labels.end(), expect.as_string()) -
                          labels.begin());
}

// The first example of each label, then the second of each ...; without labels as they come.
std::vector<std::uint32_t> labels_in_turn(const std::vector<std::uint32_t>& order,
                                          const std::vector<learn::Example>& examples) {
  std::vector<std::pair<std::size_t, std::uint32_t>> turns;  // which turn, which example
  std::unordered_map<int, std::size_t> seen;
  for (const std::uint32_t index : order) {
    const int label = examples[index].label;
    turns.emplace_back(label < 0 ? 0 : seen[label]++, index);
  }
  std::stable_sort(turns.begin(), turns.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::uint32_t> out;
  for (const auto& turn : turns) out.push_back(turn.second);
  return out;
}

}  // namespace

std::string input_text(const Json& input) {
  std::string out;
  if (input.is_string()) return input.as_string();
  if (!input.is_object()) return json_write(input);
  if (const Json* messages = input.find("messages"); messages != nullptr && messages->is_array()) {
    for (const Json& message : messages->as_array()) {
      if (const Json* content = message.find("content")) add_text(out, *content);
    }
    return out;
  }
  for (const auto& [name, value] : input.as_object()) add_text(out, value);
  return out;
}

Result<std::shared_ptr<const ExampleSet>> ExampleSet::read(const Function& function) {
  if (function.cases.empty()) {
    return fail(Kind::kNotFound, fmt::format("the function '{}' has no cases", function.name),
                "add cases.jsonl to its folder: {\"input\": {...}, \"expect\": ...}");
  }
  Result<CaseFile> file = CaseFile::open(function.cases, function.case_columns);
  if (!file) return std::unexpected(file.error());
  auto set = std::make_shared<ExampleSet>();
  // The same bytes read as other columns are other examples.
  Sha256 digest;
  digest.field(hex(file->digest())).field(function.case_columns.expect);
  for (const std::string& column : function.case_columns.input) digest.field(column);
  set->digest_ = digest.finish();
  for (std::size_t i = 0; i < file->size(); ++i) {
    Result<Case> row = file->at(i);
    if (!row) return std::unexpected(row.error());
    if (!row->expect) continue;
    Result<Json> input = admit_case(function, *file, i, *row, true);
    if (!input) return std::unexpected(input.error());
    learn::Example example;
    example.text = input_text(*input);
    example.label = label_index(function.output, *row->expect);
    example.cluster = row->cluster;
    set->by_key_.emplace(file->key(i), static_cast<std::uint32_t>(set->cases_.size()));
    set->examples_.push_back(std::move(example));
    set->cases_.push_back(
        {file->key(i), std::move(row->id), std::move(*input), std::move(*row->expect)});
  }
  std::vector<std::uint32_t> all(set->cases_.size());
  std::iota(all.begin(), all.end(), 0u);
  set->in_turn_ = labels_in_turn(all, set->examples_);
  set->groups_ = learn::groups_of(set->examples_);
  std::vector<std::string_view> texts;
  for (const learn::Example& example : set->examples_) texts.emplace_back(example.text);
  set->index_.emplace(texts);
  return std::shared_ptr<const ExampleSet>(std::move(set));
}

std::optional<std::uint32_t> ExampleSet::find(std::uint64_t key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint32_t> ExampleSet::twin(std::string_view text) const {
  for (const learn::Neighbour& near : index_->top_k(text, 8)) {
    if (learn::near_duplicate(text, examples_[near.index].text)) return near.index;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> ExampleSet::choose(std::string_view text,
                                              const ExampleQuery& query) const {
  std::unordered_set<std::uint64_t> only;
  if (query.only) only.insert(query.only->begin(), query.only->end());
  const std::optional<std::uint32_t> held =
      query.held_out == 0 ? std::nullopt : find(query.held_out);
  const auto left_out = [&](std::uint32_t index) {
    if (query.only && !only.contains(cases_[index].key)) return true;
    if (held && groups_[index] == groups_[*held]) return true;
    return learn::near_duplicate(text, examples_[index].text);
  };
  const auto count = static_cast<std::size_t>(std::max(query.count, 0));
  std::vector<std::uint32_t> chosen;
  if (query.choice == ExampleChoice::kSimilar) {
    for (const learn::Neighbour& near : index_->top_k(text, count, left_out))
      chosen.push_back(near.index);
    std::reverse(chosen.begin(), chosen.end());
    return chosen;
  }
  if (query.choice == ExampleChoice::kFixed && query.ids != nullptr && !query.ids->empty()) {
    for (const std::string& id : *query.ids) {
      for (std::uint32_t i = 0; i < cases_.size(); ++i) {
        if (cases_[i].id == id && !left_out(i)) chosen.push_back(i);
      }
    }
    return chosen;
  }
  std::vector<std::uint32_t> order = in_turn_;
  if (query.choice == ExampleChoice::kRandom) {
    std::iota(order.begin(), order.end(), 0u);
    Random random(hash64(text, 11));  // the same input gets the same examples
    random.shuffle(order);
  } else if (query.only) {
    // The turns of a part are its own.
    std::erase_if(order, [&](std::uint32_t index) { return !only.contains(cases_[index].key); });
    std::sort(order.begin(), order.end());
    order = labels_in_turn(order, examples_);
  }
  for (const std::uint32_t index : order) {
    if (chosen.size() >= count) break;
    if (!left_out(index)) chosen.push_back(index);
  }
  return chosen;
}

}  // namespace sighter::functions
