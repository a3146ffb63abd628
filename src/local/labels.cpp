#include "local/labels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

namespace sighter::local {

namespace {

constexpr std::size_t kPriorsMax = 1024;
constexpr std::size_t kLabelTokensMax = 256;  // of a label that is written, not scored
constexpr std::array<std::string_view, 4> kWords = {"direct", "calibrated", "channel", "grammar"};

Status check(const LabelRequest& request) {
  if (request.labels.empty())
    return fail(Kind::kInvalid, "there are no labels", "name at least one");
  std::set<std::string_view> seen;
  for (const std::string& label : request.labels) {
    if (label.empty()) return fail(Kind::kInvalid, "a label is empty", "give it a name");
    if (!seen.insert(label).second)
      return fail(Kind::kInvalid, fmt::format("label '{}' is there twice", label));
  }
  if (request.scoring == LabelScoring::kChannel &&
      request.label_contexts.size() != request.labels.size())
    return fail(Kind::kInternal, "channel scoring without a context for each label");
  if (!request.log_priors.empty() && request.log_priors.size() != request.labels.size())
    return fail(Kind::kInternal, "priors that are not as many as the labels");
  return {};
}

// Takes the spaces from the end of a prompt.
std::string take_spaces(Prompt& prompt) {
  std::string spaces;
  while (!prompt.empty()) {
    std::string& text = prompt.back().text;
    while (!text.empty() && text.back() == ' ') {
      spaces += ' ';
      text.pop_back();
    }
    if (!text.empty()) break;
    prompt.pop_back();
  }
  return spaces;
}

std::string key_of(const Prompt& prompt, const std::vector<std::string>& labels) {
  std::string key;
  for (const PromptPiece& piece : prompt)
    key += fmt::format("{}{}:{}", piece.markup ? 'm' : 't', piece.text.size(), piece.text);
  for (const std::string& label : labels) key += fmt::format("l{}:{}", label.size(), label);
  return key;
}

// e^x / sum of e^x, and which is largest.
LabelReply reply_of(const std::vector<double>& scores) {
  LabelReply reply;
  const auto top = std::max_element(scores.begin(), scores.end());
  reply.best = static_cast<std::size_t>(top - scores.begin());
  double sum = 0;
  for (const double score : scores) {
    reply.probabilities.push_back(std::exp(score - *top));
    sum += reply.probabilities.back();
  }
  for (double& p : reply.probabilities) p /= sum;
  return reply;
}

void add_counts(LabelReply& reply, const ScoreReply& scored) {
  reply.prompt_tokens = scored.prompt_tokens;
  reply.cached_tokens = scored.cached_tokens;
}

Result<LabelReply> direct(Scorer& model, const LabelRequest& request, PriorCache* priors) {
  const std::size_t n = request.labels.size();
  const bool calibrated = request.scoring == LabelScoring::kCalibrated;
  Prompt prompt = request.prompt;
  Prompt bare = request.prompt_without_input;
  const std::string spaces = take_spaces(prompt);
  const std::string bare_spaces = take_spaces(bare);

  std::optional<std::vector<double>> prior;
  std::string key;
  if (calibrated && priors != nullptr) {
    key = key_of(request.prompt_without_input, request.labels);
    prior = priors->find(key);
  }
  ScoreRequest ask;
  ask.cancel = request.cancel;
  for (const std::string& label : request.labels)
    ask.items.push_back({prompt, {spaces + label, false}});
  // What both prompts begin with is computed once, since they are asked for together.
  if (calibrated && !prior)
    for (const std::string& label : request.labels)
      ask.items.push_back({bare, {bare_spaces + label, false}});
  const auto scored = model.score(ask);
  if (!scored) return std::unexpected(scored.error());

  std::vector<double> scores(scored->logprobs.begin(),
                             scored->logprobs.begin() + static_cast<std::ptrdiff_t>(n));
  if (calibrated && !prior) {
    prior.emplace(scored->logprobs.begin() + static_cast<std::ptrdiff_t>(n),
                  scored->logprobs.end());
    if (priors != nullptr) priors->add(key, *prior);
  }
  for (std::size_t i = 0; i < n && calibrated; ++i) scores[i] -= (*prior)[i];
  LabelReply reply = reply_of(scores);
  add_counts(reply, *scored);
  return reply;
}

Result<LabelReply> channel(Scorer& model, const LabelRequest& request) {
  ScoreRequest ask;
  ask.prefix = request.shared;
  ask.cancel = request.cancel;
  for (const Prompt& context : request.label_contexts) {
    Prompt before = context;
    const std::string spaces = take_spaces(before);
    ask.items.push_back({std::move(before), {spaces + request.input, false}});
  }
  const auto scored = model.score(ask);
  if (!scored) return std::unexpected(scored.error());
  std::vector<double> scores = scored->logprobs;
  for (std::size_t i = 0; i < request.log_priors.size(); ++i) scores[i] += request.log_priors[i];
  LabelReply reply = reply_of(scores);
  add_counts(reply, *scored);
  return reply;
}

// The model writes the likeliest label. Its probability is that of each token among those that the
// grammar allowed; what is left is spread over the other labels, of which nothing is known.
Result<LabelReply> grammar(Scorer& model, const LabelRequest& request) {
  GenerateRequest ask;
  ask.prompt = request.prompt;
  const std::string spaces = take_spaces(ask.prompt);
  std::vector<std::string> texts;
  for (const std::string& label : request.labels) texts.push_back(spaces + label);
  ask.grammar = labels_grammar(texts);
  ask.temperature = 0;
  ask.max_tokens = static_cast<int>(kLabelTokensMax);
  ask.logprobs = 0;
  ask.cancel = request.cancel;
  const auto written = model.generate(ask);
  if (!written) return std::unexpected(written.error());
  if (written->finish == FinishReason::kCancelled) return fail(Kind::kCancelled, "cancelled");
  const auto found = std::find(texts.begin(), texts.end(), written->text);
  if (found == texts.end())
    return fail(Kind::kUpstream,
                fmt::format("the model wrote '{}', which is no label", written->text),
                "labels may be too long to be written; use scoring = \"direct\"");
  LabelReply reply;
  reply.best = static_cast<std::size_t>(found - texts.begin());
  double logprob = 0;
  for (const TokenLogprob& token : written->logprobs) logprob += token.allowed_logprob;
  const std::size_t others = texts.size() - 1;
  // It was chosen greedily, so no other label counts as likelier.
  const double least = 1.0 / static_cast<double>(texts.size());
  const double probability = others == 0 ? 1.0 : std::max(std::exp(logprob), least);
  reply.probabilities.assign(texts.size(),
                             others == 0 ? 0.0 : (1 - probability) / static_cast<double>(others));
  reply.probabilities[reply.best] = probability;
  reply.prompt_tokens = written->prompt_tokens;
  reply.cached_tokens = written->cached_tokens;
  reply.generated_tokens = written->generated_tokens;
  return reply;
}

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

std::string_view to_string(LabelScoring scoring) {
  return kWords[static_cast<std::size_t>(scoring)];
}

std::optional<LabelScoring> label_scoring_from(std::string_view word) {
  const auto found = std::find(kWords.begin(), kWords.end(), word);
  if (found == kWords.end()) return std::nullopt;
  return static_cast<LabelScoring>(found - kWords.begin());
}

std::vector<std::string> label_scoring_words() {
  return {kWords.begin(), kWords.end()};
}

std::optional<std::vector<double>> PriorCache::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = priors_.find(key);
  if (found == priors_.end()) return std::nullopt;
  return found->second;
}

void PriorCache::add(const std::string& key, std::vector<double> logprobs) {
  const std::lock_guard lock(mutex_);
  if (!priors_.emplace(key, std::move(logprobs)).second) return;
  order_.push_back(key);
  if (order_.size() <= kPriorsMax) return;
  priors_.erase(order_.front());
  order_.pop_front();
}

Result<LabelReply> score_labels(Scorer& model, const LabelRequest& request, PriorCache* priors) {
  if (const Status ok = check(request); !ok) return std::unexpected(ok.error());
  switch (request.scoring) {
    case LabelScoring::kDirect:
    case LabelScoring::kCalibrated:
      return direct(model, request, priors);
    case LabelScoring::kChannel:
      return channel(model, request);
    case LabelScoring::kGrammar:
      return grammar(model, request);
  }
  return fail(Kind::kInternal, "unknown label scoring");
}

std::string labels_grammar(const std::vector<std::string>& labels) {
  std::string out = "root ::=";
  for (std::size_t i = 0; i < labels.size(); ++i) {
    out += i == 0 ? " \"" : " | \"";
    for (const char c : labels[i]) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        out += '\\';
        out += c;
      } else if (byte < 0x20 || byte == 0x7f) {
        out += fmt::format("\\x{:02x}", byte);
      } else {
        out += c;
      }
    }
    out += '"';
  }
  return out + "\n";
}

LabelRequest label_request(const LabelTask& task, LabelScoring scoring, std::string_view input) {
  LabelRequest request;
  request.scoring = scoring;
  request.labels = task.labels;
  request.input = one_line(input);
  const bool channel = scoring == LabelScoring::kChannel;

  const auto shown = [&](const std::string& label) -> const std::string& {
    const auto at = std::find(task.labels.begin(), task.labels.end(), label) - task.labels.begin();
    const auto index = static_cast<std::size_t>(at);
    return channel && index < task.meanings.size() ? task.meanings[index] : label;
  };
  std::string start = task.instructions.empty() ? std::string() : task.instructions + "\n\n";
  if (!channel)
    start += fmt::format("{} is one of: {}.\n\n", task.label_name, fmt::join(task.labels, ", "));
  for (const LabelExample& example : task.examples) {
    const std::string text = one_line(example.input);
    start += channel ? fmt::format("{}: {}\n{}: {}\n\n", task.label_name, shown(example.label),
                                   task.input_name, text)
                     : fmt::format("{}: {}\n{}: {}\n\n", task.input_name, text, task.label_name,
                                   example.label);
  }
  request.shared = prompt_of(start, false);
  if (channel) {
    for (const std::string& label : task.labels)
      request.label_contexts.push_back(prompt_of(
          fmt::format("{}: {}\n{}: ", task.label_name, shown(label), task.input_name), false));
    return request;
  }
  const auto ask = [&](std::string_view text) {
    return prompt_of(fmt::format("{}{}: {}\n{}: ", start, task.input_name, text, task.label_name),
                     false);
  };
  request.prompt = ask(request.input);
  request.prompt_without_input = ask("");
  return request;
}

}  // namespace sighter::local
