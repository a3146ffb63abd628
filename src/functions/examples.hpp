#pragma once
// The labelled cases of a function as learners and prompts use them. Private to the room.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.hpp"
#include "functions/function.hpp"
#include "learn/example.hpp"
#include "learn/similar.hpp"

namespace sighter::functions {

// The string members of an input, one a line (data: URLs left out); of a conversation, what was
// said.
std::string input_text(const Json& input);

using Subset = std::shared_ptr<const std::vector<std::uint64_t>>;  // keys of cases; null: all

struct KnownCase {
  std::uint64_t key = 0;
  std::string id;
  Json input;  // in its full form
  Json expect;
};

// Which examples a prompt asks for.
struct ExampleQuery {
  int count = 0;
  ExampleChoice choice = ExampleChoice::kSimilar;
  const std::vector<std::string>* ids = nullptr;  // kFixed; empty: the first of each label in turn
  std::uint64_t held_out = 0;
  Subset only = {};
};

// Immutable once read; any thread.
class ExampleSet {
 public:
  // Blocks. Cases without an expectation are left out. kInvalid names the case whose input or
  // expectation does not fit the contract; kNotFound: the function has no cases.
  static Result<std::shared_ptr<const ExampleSet>> read(const Function& function);

  const std::vector<KnownCase>& cases() const { return cases_; }
  // Text, label (-1 where the output is no label) and cluster of each case.
  const std::vector<learn::Example>& examples() const { return examples_; }
  const std::vector<std::uint32_t>& groups() const { return groups_; }
  const Digest& digest() const { return digest_; }
  std::optional<std::uint32_t> find(std::uint64_t key) const;
  // A case that says nearly the same as `text`; nullopt when none does.
  std::optional<std::uint32_t> twin(std::string_view text) const;
  // In the order in which they are shown: the most similar one last. Never the case that is held
  // out, one of its group, or a near-duplicate of `text`.
  std::vector<std::uint32_t> choose(std::string_view text, const ExampleQuery& query) const;

 private:
  std::vector<KnownCase> cases_;
  std::vector<learn::Example> examples_;
  std::vector<std::uint32_t> groups_;
  std::vector<std::uint32_t> in_turn_;  // each label in turn
  std::unordered_map<std::uint64_t, std::uint32_t> by_key_;
  std::optional<learn::LexicalIndex> index_;
  Digest digest_{};
};

}  // namespace sighter::functions
