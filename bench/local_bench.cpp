// Labels by scoring with a model in the process, one prompt and many rows, against a bare llama.cpp
// loop over the same tokens in the same run.
//
//   local_bench MODEL.gguf [ROWS] [ROUNDS]          ROWS = 8, ROUNDS = 5
//
// Ours: from text to probabilities (tokens, choice of a context, tree, decode, log-softmax). Bare:
// the tokens are given, the shared prompt was computed before the clock starts, each row is decoded
// behind it, all labels in one batch; the same log-softmax. Rounds of both alternate; the ratio is
// that of each pair. One thread, one context.

#include <fmt/core.h>
#include <llama.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "local/labels.hpp"
#include "local/logits.hpp"
#include "local/model.hpp"

namespace {

using namespace sighter;
using namespace sighter::local;

constexpr int kContextTokens = 2048;
constexpr int kBatchTokens = 256;
constexpr int kSequences = 64;

// Both sides compute on the calling thread alone, so its processor time is what they cost, also on
// a machine that does other things.
struct Stopwatch {
  static double now(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  double wall_start = now(CLOCK_MONOTONIC);
  double cpu_start = now(CLOCK_THREAD_CPUTIME_ID);
  double wall() const { return now(CLOCK_MONOTONIC) - wall_start; }
  double cpu() const { return now(CLOCK_THREAD_CPUTIME_ID) - cpu_start; }
};

LabelTask support_task() {
  LabelTask task;
  task.labels = {"billing", "bug", "account", "sales", "shipping", "other"};
  const std::vector<std::vector<std::string>> examples = {
      {"I was charged twice for my order last week", "the invoice shows the wrong amount again"},
      {"the app crashes as soon as I open the settings", "export to pdf gives an empty file"},
      {"I cannot log in since I changed my phone", "please delete my profile and all my data"},
      {"do you offer a discount for schools?", "we need a quote for two hundred seats"},
      {"my parcel has been in transit for nine days", "can you send it to my office instead?"},
      {"thank you for the quick help yesterday", "is your office open on public holidays?"}};
  for (std::size_t round = 0; round < 2; ++round)
    for (std::size_t label = 0; label < task.labels.size(); ++label)
      task.examples.push_back({examples[label][round], task.labels[label]});
  return task;
}

std::vector<std::string> messages(int count) {
  const std::vector<std::string> starts = {"hello, ", "Since the last update ", "Hi team! ",
                                           "second try: ", ""};
  const std::vector<std::string> ends = {"my card was billed for a plan that I had cancelled",
                                         "the search box does not find anything any more",
                                         "how do I change the e-mail address of my account?",
                                         "what would the large plan cost for a year?",
                                         "the courier says that the address does not exist",
                                         "where can I read about your privacy rules?",
                                         "I paid by transfer but the order is still shown as open"};
  std::vector<std::string> out;
  for (int i = 0; i < count; ++i) {
    const auto n = static_cast<std::size_t>(i);
    out.push_back(starts[n % starts.size()] + ends[n % ends.size()] + " (case " +
                  std::to_string(100 + i) + ")");
  }
  return out;
}

// The same request as tokens: what comes before the fork, and what each label adds to it.
struct Row {
  std::vector<llama_token> common;
  std::vector<std::vector<llama_token>> tails;
  bool tails_start_scored = true;        // direct: the last common token answers the labels' first
  std::vector<std::size_t> scored_from;  // channel: where in each tail the input begins
};

class Bare {
 public:
  explicit Bare(const char* file) {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
    llama_backend_init();
    model_ = llama_model_load_from_file(file, llama_model_default_params());
    if (model_ == nullptr) return;
    llama_context_params params = llama_context_default_params();
    params.n_ctx = kContextTokens;
    params.n_batch = params.n_ubatch = kBatchTokens;
    params.n_seq_max = kSequences;
    params.n_threads = params.n_threads_batch = 1;
    params.kv_unified = true;
    params.no_perf = true;
    context_ = llama_init_from_model(model_, params);
    batch_ = llama_batch_init(kBatchTokens, 0, 1);
    vocabulary_ = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_)));
  }
  ~Bare() {
    if (context_ != nullptr) {
      llama_batch_free(batch_);
      llama_free(context_);
    }
    if (model_ != nullptr) llama_model_free(model_);
  }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;
  bool good() const { return context_ != nullptr; }

  // Leaves sequence 0 holding `prefix`.
  void hold(const std::vector<llama_token>& prefix) {
    llama_memory_clear(llama_get_memory(context_), false);
    held_ = 0;
    read(prefix, 0);
    held_ = prefix.size();
  }

  // Log-probabilities of the labels of one row. `row.common` begins with what is held.
  std::vector<double> score(const Row& row) {
    llama_memory_t memory = llama_get_memory(context_);
    std::vector<double> sums(row.tails.size(), 0.0);
    llama_memory_seq_rm(memory, 0, static_cast<llama_pos>(held_), -1);
    if (row.common.size() > held_) {
      read(row.common, held_);
      if (row.tails_start_scored) {
        const auto logits = logits_of(batch_.n_tokens - 1);
        const double total = log_sum_exp(logits);
        for (std::size_t i = 0; i < row.tails.size(); ++i)
          sums[i] += at(logits, row.tails[i][0]) - total;
      }
    }
    batch_.n_tokens = 0;
    asked_.clear();
    for (std::size_t i = 0; i < row.tails.size(); ++i) {
      const auto sequence = static_cast<llama_seq_id>(i + 1);
      llama_memory_seq_cp(memory, 0, sequence, -1, -1);
      for (std::size_t t = 0; t + 1 < row.tails[i].size(); ++t) {
        if (batch_.n_tokens == kBatchTokens) flush(sums);
        const bool wanted = row.tails_start_scored || t + 1 >= row.scored_from[i];
        if (wanted) asked_.push_back({i, batch_.n_tokens, row.tails[i][t + 1]});
        add(row.tails[i][t], row.common.size() + t, sequence, wanted);
      }
    }
    flush(sums);
    for (std::size_t i = 0; i < row.tails.size(); ++i)
      llama_memory_seq_rm(memory, static_cast<llama_seq_id>(i + 1), -1, -1);
    return sums;
  }

 private:
  struct Asked {
    std::size_t label;
    int index;
    llama_token token;
  };

  // tokens[from..] into sequence 0, with log-odds of the last.
  void read(const std::vector<llama_token>& tokens, std::size_t from) {
    const std::size_t to = tokens.size();
    while (from < to) {
      const std::size_t end = std::min(to, from + kBatchTokens);
      batch_.n_tokens = 0;
      for (std::size_t i = from; i < end; ++i) add(tokens[i], i, 0, i + 1 == to);
      decode();
      from = end;
    }
  }
  void add(llama_token token, std::size_t position, llama_seq_id sequence, bool output) {
    const int i = batch_.n_tokens++;
    batch_.token[i] = token;
    batch_.pos[i] = static_cast<llama_pos>(position);
    batch_.n_seq_id[i] = 1;
    batch_.seq_id[i][0] = sequence;
    batch_.logits[i] = output;
  }
  void decode() {
    if (llama_decode(context_, batch_) == 0) return;
    fmt::print(stderr, "local_bench: llama_decode failed\n");
    std::exit(1);
  }
  void flush(std::vector<double>& sums) {
    if (batch_.n_tokens == 0) return;
    decode();
    for (const Asked& asked : asked_) {
      const auto logits = logits_of(asked.index);
      sums[asked.label] += at(logits, asked.token) - log_sum_exp(logits);
    }
    asked_.clear();
    batch_.n_tokens = 0;
  }
  std::span<const float> logits_of(int index) const {
    return {llama_get_logits_ith(context_, index), vocabulary_};
  }
  static double at(std::span<const float> logits, llama_token token) {
    return static_cast<double>(logits[static_cast<std::size_t>(token)]);
  }

  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  llama_batch batch_{};
  std::size_t vocabulary_ = 0;
  std::size_t held_ = 0;
  std::vector<Asked> asked_;
};

std::string all_text(const Prompt& prompt) {
  std::string out;
  for (const PromptPiece& piece : prompt) out += piece.text;
  return out;
}

// What the model is given for a request, token by token: pieces are tokenized as the library does
// it.
Row row_of(const Model& model, const LabelRequest& request) {
  const auto tokens = [&](std::string text) {
    return model.tokenize(prompt_of(std::move(text), false)).value();
  };
  const auto cut = [](std::string text) { return text.substr(0, text.find_last_not_of(' ') + 1); };
  Row row;
  if (request.scoring == LabelScoring::kDirect) {
    row.common = tokens(cut(all_text(request.prompt)));
    for (const std::string& label : request.labels) row.tails.push_back(tokens(" " + label));
    return row;
  }
  row.tails_start_scored = false;
  row.common = tokens(all_text(request.shared));
  for (const Prompt& context : request.label_contexts) {
    auto tail = tokens(cut(all_text(context)));
    row.scored_from.push_back(tail.size());
    for (const auto token : tokens(" " + request.input)) tail.push_back(token);
    row.tails.push_back(std::move(tail));
  }
  return row;
}

std::vector<llama_token> shared_beginning(const std::vector<Row>& rows) {
  std::vector<llama_token> shared = rows.front().common;
  for (const Row& row : rows) {
    const auto differs =
        std::mismatch(shared.begin(), shared.end(), row.common.begin(), row.common.end()).first;
    shared.erase(differs, shared.end());
  }
  return shared;
}

struct Outcome {
  double wall_s = 0;
  double cpu_s = 0;
  std::vector<std::size_t> best;
  int computed = 0;
};

Outcome run_ours(Model& model, const std::vector<LabelRequest>& requests) {
  Outcome out;
  const Stopwatch watch;
  for (const LabelRequest& request : requests) {
    const auto reply = score_labels(model, request, nullptr);
    if (!reply) {
      fmt::print(stderr, "local_bench: {}\n", reply.error().message());
      std::exit(1);
    }
    out.best.push_back(reply->best);
    out.computed += reply->prompt_tokens - reply->cached_tokens;
  }
  out.wall_s = watch.wall();
  out.cpu_s = watch.cpu();
  return out;
}

Outcome run_bare(Bare& bare, const std::vector<Row>& rows, std::size_t held) {
  Outcome out;
  const Stopwatch watch;
  for (const Row& row : rows) {
    const auto sums = bare.score(row);
    out.best.push_back(
        static_cast<std::size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin()));
    out.computed += static_cast<int>(row.common.size() - held);
    for (const auto& tail : row.tails) out.computed += static_cast<int>(tail.size()) - 1;
  }
  out.wall_s = watch.wall();
  out.cpu_s = watch.cpu();
  return out;
}

void compare(Model& model, Bare& bare, LabelScoring scoring, int count, int rounds) {
  const LabelTask task = support_task();
  std::vector<LabelRequest> requests;
  std::vector<Row> rows;
  for (const std::string& message : messages(count)) {
    requests.push_back(label_request(task, scoring, message));
    rows.push_back(row_of(model, requests.back()));
  }
  const auto shared = shared_beginning(rows);
  bare.hold(shared);
  run_ours(model, {requests.front()});
  std::vector<double> wall, cpu, ours_s, bare_s;
  Outcome ours, reference;
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 0) reference = run_bare(bare, rows, shared.size());
    ours = run_ours(model, requests);
    if (round % 2 == 1) reference = run_bare(bare, rows, shared.size());
    wall.push_back(ours.wall_s / reference.wall_s);
    cpu.push_back(ours.cpu_s / reference.cpu_s);
    ours_s.push_back(ours.wall_s);
    bare_s.push_back(reference.wall_s);
  }
  for (auto* list : {&wall, &cpu, &ours_s, &bare_s}) std::sort(list->begin(), list->end());
  const auto middle = wall.size() / 2;
  const auto same =
      std::inner_product(ours.best.begin(), ours.best.end(), reference.best.begin(), 0,
                         std::plus<>(), [](std::size_t a, std::size_t b) { return a == b; });
  fmt::print("{}: {} rows behind {} shared tokens, {} rounds\n", to_string(scoring), count,
             shared.size(), rounds);
  fmt::print(
      "  ours / bare, processor time {:.3f} ({:.3f} to {:.3f}), wall {:.3f} ({:.3f} to {:.3f})\n",
      cpu[middle], cpu.front(), cpu.back(), wall[middle], wall.front(), wall.back());
  fmt::print("  ours {:.2f} rows/s, bare {:.2f}; tokens computed {} and {}; same label {} of {}\n",
             count / ours_s[middle], count / bare_s[middle], ours.computed, reference.computed,
             same, count);
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc < 2) {
    fmt::print(stderr, "local_bench MODEL.gguf [ROWS] [ROUNDS]\n");
    return 2;
  }
  ModelOptions options;
  options.file = argv[1];
  options.contexts_max = 1;
  options.context_tokens = kContextTokens;
  auto model = Model::load(options);
  if (!model) {
    fmt::print(stderr, "local_bench: {}\n", model.error().message());
    return 1;
  }
  Bare bare(argv[1]);
  if (!bare.good()) return 1;
  const int rows = argc > 2 ? std::max(1, std::atoi(argv[2])) : 8;
  const int rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 5;
  const auto speed = (*model)->measure();
  if (speed)
    fmt::print("{}: one thread, prompt {:.0f} tokens/s, generation {:.0f} tokens/s\n",
               (*model)->info().description, speed->prompt_tokens_per_s,
               speed->generated_tokens_per_s);
  compare(**model, bare, LabelScoring::kDirect, rows, rounds);
  compare(**model, bare, LabelScoring::kChannel, rows, rounds);
  return 0;
}
