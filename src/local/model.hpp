#pragma once
// A language model that runs in this process, from a GGUF file.
//
// Calls block for as long as the computation takes (milliseconds to minutes) and may come from any
// number of threads: run them on a bounded pool, never on an event core. A model owns a bounded
// pool of contexts; a call that finds none free waits for one. Every wait and every computation
// ends soon after `cancel` is requested (within one step of the graph, some milliseconds).
//
// Each context keeps what it computed for its last prompt, and a call gets the context whose prompt
// begins most like its own: rows of one prompt pay for the shared beginning once.
//
// A build without llama.cpp has the same interface; Model::load answers kUnsupported there.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sighter::local {

class Engine;  // engine.hpp

// True when this build can run models.
bool available();
// "llama.cpp 0.5.0", or why there is none; for `sighter doctor`.
std::string engine_description();

struct ModelOptions {
  std::filesystem::path file;
  int contexts_max = 2;  // calls that run at once; each has its own memory for the prompt
  // Of one context. 0: measured when the model is loaded, on the machine as busy as it then is. The
  // library's threads spin while they wait for each other: more than one is slow beside other work.
  int threads = 1;
  // Tokens that a prompt and its completion may have together; 0 or more than the model was trained
  // for: the model's own limit. Memory grows with it.
  int context_tokens = 4096;
};

// A prompt is a list of pieces. In a piece with `markup` the spelling of a special token
// ("<|im_start|>") is that token; elsewhere it is only text, so data cannot end its own turn.
// Pieces are tokenized one by one; neighbours of the same sort are one piece.
struct PromptPiece {
  std::string text;
  bool markup = true;
};
using Prompt = std::vector<PromptPiece>;
Prompt prompt_of(std::string text, bool markup = true);

struct Alternative {
  std::string text;
  double logprob = 0;
};

struct TokenLogprob {
  std::string text;    // bytes; one token may be part of a character
  double logprob = 0;  // natural logarithm, of the model's own distribution: before the
                       // temperature, the cuts (top_p ...) and the grammar
  double allowed_logprob = 0;          // the same among the tokens that the grammar allowed here
  std::vector<Alternative> likeliest;  // the n likeliest tokens, best first
};

struct GenerateRequest {
  Prompt prompt;
  int max_tokens = 256;
  double temperature = 1.0;  // 0: always the likeliest
  double top_p = 1.0;        // the least set of likeliest tokens that holds this much probability
  double min_p = 0.0;        // only tokens at least this likely, relative to the likeliest
  int top_k = 0;             // only the k likeliest; 0: all
  std::uint64_t seed = 0;    // the same seed, request, file and processor give the same text
  std::vector<std::string> stop;  // text ends before the first of these; none of them is empty
  std::string grammar;            // GBNF; empty: anything
  std::string grammar_root = "root";
  std::optional<int> logprobs;  // report log-probabilities, with this many alternatives (0..20)
  // Called on the calling thread with whole UTF-8 characters, in order; together they are the
  // reply's text. Nothing that may become a stop string is handed out before it is certain.
  std::function<void(std::string_view)> on_text;
  std::stop_token cancel;
};

enum class FinishReason {
  kStop,       // the model ended its turn, or a stop string came
  kLength,     // max_tokens, or the context is full
  kCancelled,  // the reply holds what there was
};

struct GenerateReply {
  std::string text;  // valid UTF-8: what is not becomes U+FFFD
  FinishReason finish = FinishReason::kStop;
  std::string stop;  // the stop string that ended it, or empty
  int prompt_tokens = 0;
  int cached_tokens = 0;  // of the prompt, computed earlier and reused
  int generated_tokens = 0;
  std::vector<TokenLogprob> logprobs;  // of generated tokens, the end of turn not among them
};

// log P(text | prefix, context). Items share the prefix; beginnings that several have in common
// (of contexts and texts too) are computed once, and all are computed together.
struct ScoreItem {
  Prompt context;  // comes after the prefix, is not scored itself
  PromptPiece text = {{}, false};
};
struct ScoreRequest {
  Prompt prefix;
  std::vector<ScoreItem> items;
  std::stop_token cancel;
};
struct ScoreReply {
  std::vector<double> logprobs;  // natural logarithm; 0 for an empty text
  std::vector<int> tokens;       // how many tokens each text has
  int prompt_tokens = 0;         // distinct tokens of all items, those of shared beginnings once
  int cached_tokens = 0;         // of these, computed earlier and reused
};

struct EmbedRequest {
  std::vector<std::string> texts;
  std::stop_token cancel;
  bool whole = false;  // a text longer than the model reads is kTooLarge, and not cut
};
struct EmbedReply {
  std::vector<std::vector<float>> vectors;  // of length one (L2), in the order of the texts
  int tokens = 0;
  std::vector<std::size_t> truncated;  // texts longer than the model reads: only the start counted
};

struct ModelInfo {
  std::string name;          // as the file says, else the file's name
  std::string architecture;  // "llama", "bert", ...
  std::string description;   // "llama, 135M parameters, Q4_1"
  std::string license;       // as the file says, else empty
  std::uint64_t parameters = 0;
  std::uint64_t file_bytes = 0;
  int trained_tokens = 0;  // the context length that the model was made for
  int context_tokens = 0;  // the one that this program gives it
  int vocabulary = 0;
  int embedding_length = 0;
  int threads = 1;
  bool generates = false;  // generate and score work
  bool embeds = false;     // embed works
};

// What a chat template needs; the caller renders it (text/). Empty where the file has none.
struct ChatTemplate {
  std::string text;
  std::string bos_token;
  std::string eos_token;
};

struct Speed {
  int threads = 1;
  double prompt_tokens_per_s = 0;
  double generated_tokens_per_s = 0;
};

// What label scoring asks of a model; its tests have one without weights.
class Scorer {
 public:
  virtual ~Scorer() = default;
  virtual Result<GenerateReply> generate(const GenerateRequest& request) = 0;
  virtual Result<ScoreReply> score(const ScoreRequest& request) = 0;
};

class Model final : public Scorer {
 public:
  // kNotFound, kInvalid (not GGUF, cut short, unknown kind of model), kUnsupported, kUnavailable
  // (no memory). The weights are mapped from the file, which must not change while the model lives.
  static Result<std::unique_ptr<Model>> load(const ModelOptions& options);
  ~Model() override;  // after the last call has returned
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // kTooLarge: the prompt does not fit; says how long it is and what the limit is.
  // kInvalid: a parameter out of its range, or a bad grammar, with line and column.
  // kUnsupported: an embedding model.
  Result<GenerateReply> generate(const GenerateRequest& request) override;
  Result<ScoreReply> score(const ScoreRequest& request) override;  // cancelled: kCancelled
  // kUnsupported: a model that was not made for it.
  Result<EmbedReply> embed(const EmbedRequest& request);

  const ModelInfo& info() const;
  const ChatTemplate& chat_template() const;
  Result<std::vector<std::int32_t>> tokenize(const Prompt& prompt) const;
  Result<int> count_tokens(const Prompt& prompt) const;
  // About half a second of work; `threads` 0: as the model is set.
  Result<Speed> measure(int threads = 0, std::stop_token cancel = {});
  // For this room alone: the parts, and a model over an engine that tests made.
  struct State;
  static Result<std::unique_ptr<Model>> over(std::unique_ptr<Engine> engine,
                                             const ModelOptions& options);

 private:
  explicit Model(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sighter::local
