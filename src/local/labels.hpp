#pragma once
// Which of a closed set of labels fits an input, by the probabilities of a language model instead
// of its free text. Four ways, none of them best everywhere: let a verdict choose.
//
//   direct      log P(label | prompt with the input)
//   calibrated  direct, minus log P(label | the same prompt without an input): takes away the
//   labels
//               that the model likes whatever it reads (Zhao et al., "Calibrate Before Use", 2021,
//               as pointwise mutual information: Holtzman et al., "Surface Form Competition", 2021)
//   channel     log P(input | label) + log prior (Min et al., "Noisy Channel Language Model
//   Prompting
//               for Few-Shot Text Classification", 2022): a small model's most reliable way
//   grammar     the model writes, and a grammar lets it write nothing but a label
//
// Pure functions over a Scorer; any thread.

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "local/model.hpp"

namespace sighter::local {

enum class LabelScoring { kDirect, kCalibrated, kChannel, kGrammar };
std::string_view to_string(LabelScoring scoring);
std::optional<LabelScoring> label_scoring_from(std::string_view word);
std::vector<std::string> label_scoring_words();

// What is asked, in tokens' order. Spaces at the end of `prompt` move to the front of the labels,
// since tokens carry their space in front.
struct LabelRequest {
  LabelScoring scoring = LabelScoring::kDirect;
  std::vector<std::string> labels;  // at least one, distinct, none empty
  // direct, calibrated, grammar: ends where the label comes next.
  Prompt prompt;
  Prompt prompt_without_input;  // calibrated
  // channel: shared + label_contexts[i] ends where the input comes next.
  Prompt shared;
  std::vector<Prompt> label_contexts;  // as many as labels
  std::string input;
  std::vector<double> log_priors;  // as many as labels, or none: all alike
  std::stop_token cancel;
};

struct LabelReply {
  std::size_t best = 0;               // index of the likeliest label
  std::vector<double> probabilities;  // over the labels; their sum is 1
  int prompt_tokens = 0;
  int cached_tokens = 0;
  int generated_tokens = 0;  // grammar
};

// Remembers log P(label | prompt without input), which is the same for all rows of a prompt. Any
// thread; bounded, the oldest goes first.
class PriorCache {
 public:
  std::optional<std::vector<double>> find(const std::string& key);
  void add(const std::string& key, std::vector<double> logprobs);

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<double>> priors_;
  std::deque<std::string> order_;
};

// `priors` may be null: then every calibrated call computes its own.
Result<LabelReply> score_labels(Scorer& model, const LabelRequest& request, PriorCache* priors);

// GBNF that lets exactly these texts through.
std::string labels_grammar(const std::vector<std::string>& labels);

// The usual prompts, from examples; for bodies that bring no template of their own.
struct LabelExample {
  std::string input;
  std::string label;
};
struct LabelTask {
  std::string instructions;  // may be empty
  std::vector<std::string> labels;
  // What each label stands for, in a few words; as many as labels, or none. Channel scoring shows
  // these in place of the labels: a text is likely after words that say what it is about.
  std::vector<std::string> meanings;
  std::vector<LabelExample> examples;  // in the order in which they are shown
  std::string input_name = "Message";
  std::string label_name = "Label";
};
// Fills in everything but `cancel` and `log_priors`. Line ends in inputs become spaces, so that a
// line stays a line. Nothing of it is markup.
LabelRequest label_request(const LabelTask& task, LabelScoring scoring, std::string_view input);

}  // namespace sighter::local
