#pragma once
// The seam between this room and the library that computes: llama_api.cpp implements it with
// llama.cpp, engine_fake.hpp with a toy, for tests. Nothing else in the program includes llama.h.
//
// An Engine holds the weights and may be used from any thread. A Session holds the memory of one
// context, a Grammar the state of one text; each is used by one thread at a time.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "local/model.hpp"

namespace sighter::local {

using Token = std::int32_t;

// One token of a batch. It belongs to the sequences first_sequence..last_sequence, which must all
// hold exactly the same `position` tokens before it.
struct BatchToken {
  Token token = 0;
  int position = 0;
  int first_sequence = 0;
  int last_sequence = 0;
  bool output = false;  // its log-odds of the next token are wanted
};

struct SessionOptions {
  int context_tokens = 0;
  int threads = 1;
  bool embeds = false;
};

class Session {
 public:
  virtual ~Session() = default;
  // At most batch_tokens() tokens. kCancelled: what sequences hold beyond their old length is
  // undefined, keep() repairs it.
  virtual Status decode(std::span<const BatchToken> tokens, const std::stop_token& cancel) = 0;
  // Log-odds over the vocabulary after token `index` of the last batch, which wanted them. Valid
  // until the next decode.
  virtual std::span<const float> logits(std::size_t index) const = 0;
  // Forgets what `sequence` holds beyond `length`. False: the model cannot do that; then the whole
  // sequence is forgotten.
  virtual bool keep(int sequence, int length) = 0;
  // Makes these sequences, which are empty, hold what sequence 0 holds.
  virtual void copy_to(int first_sequence, int last_sequence) = 0;
  virtual void clear() = 0;
  // One vector for each text (its tokens), pooled as the model does it, not normalized. All of them
  // together are at most batch_tokens() tokens, and at most sequences_max() texts.
  virtual Result<std::vector<std::vector<float>>> embed(std::span<const std::vector<Token>> texts,
                                                        const std::stop_token& cancel) = 0;
  virtual int batch_tokens() const = 0;
  virtual int context_tokens() const = 0;
  virtual int sequences_max() const = 0;  // 1: sequences cannot share what they hold
};

class Grammar {
 public:
  virtual ~Grammar() = default;
  virtual bool allows(Token token) = 0;
  virtual void mask(std::span<float> logits) = 0;  // -infinity where it does not allow
  virtual Status accept(Token token) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const ModelInfo& info() const = 0;  // but for context_tokens and threads
  virtual const ChatTemplate& chat_template() const = 0;
  // `text` as it stands in the middle of a prompt: no token is added to it.
  virtual Result<std::vector<Token>> tokenize(std::string_view text, bool markup) const = 0;
  // Tokens that the model wants around every prompt, often none.
  virtual std::vector<Token> before_prompt() const = 0;
  virtual std::vector<Token> after_prompt() const = 0;  // embedding models
  // A token to start from where there is nothing before the text.
  virtual Token start_token() const = 0;
  virtual std::string text_of(Token token) const = 0;  // bytes; empty for special tokens
  virtual bool ends_turn(Token token) const = 0;
  virtual Result<std::unique_ptr<Session>> open(const SessionOptions& options) = 0;
  // kInvalid when the library does not take it.
  virtual Result<std::unique_ptr<Grammar>> grammar(const std::string& text,
                                                   const std::string& root) const = 0;
};

// kUnsupported in a build without llama.cpp.
Result<std::unique_ptr<Engine>> load_engine(const std::filesystem::path& file);

}  // namespace sighter::local
