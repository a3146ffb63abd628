#pragma once
// A toy in place of llama.cpp, for tests of what this room does around it. A token is a byte. The
// log-odds of the next token depend on all tokens before it, in order, so that a mistake in what a
// sequence holds changes every number. It counts what it computes and refuses what llama.cpp would.

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "local/engine.hpp"

namespace sighter::local {

inline constexpr Token kFakeEnd = 0;  // ends a turn
inline constexpr std::size_t kFakeVocabulary = 256;

// What all sessions of an engine did, and what they shall do.
struct FakeWork {
  std::atomic<int> decoded = 0;  // tokens
  std::atomic<int> batches = 0;
  std::atomic<int> sessions = 0;
  int fail_at_batch = -1;                     // this batch (from 0) fails with kInternal
  std::stop_source* stop_at_batch = nullptr;  // cancelled from within a batch
  std::string writes;  // not empty: after "prompt" the likeliest continuation is this, then the end
  std::size_t prompt_bytes = 0;
};

inline std::vector<float> fake_logits(const FakeWork& work, const std::string& history) {
  std::vector<float> logits(kFakeVocabulary);
  for (std::size_t i = 0; i < kFakeVocabulary; ++i)
    logits[i] = static_cast<float>(hash64(history, i) % 1000) / 250.0f;
  if (!work.writes.empty() && history.size() >= work.prompt_bytes) {
    const std::size_t at = history.size() - work.prompt_bytes;
    logits[at < work.writes.size() ? static_cast<unsigned char>(work.writes[at]) : kFakeEnd] = 30;
  }
  return logits;
}

class FakeSession final : public Session {
 public:
  FakeSession(FakeWork& work, int context_tokens) : work_(work), context_tokens_(context_tokens) {
    ++work_.sessions;
  }

  Status decode(std::span<const BatchToken> tokens, const std::stop_token& cancel) override {
    const int number = work_.batches++;
    if (tokens.empty() || static_cast<int>(tokens.size()) > batch_tokens())
      return fail(Kind::kInternal, "a batch of an impossible size");
    outputs_.clear();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const BatchToken& token = tokens[i];
      const std::string before = held_[token.first_sequence];
      for (int s = token.first_sequence; s <= token.last_sequence; ++s) {
        if (s >= sequences_max()) return fail(Kind::kInternal, "no such sequence");
        if (held_[s] != before || static_cast<int>(before.size()) != token.position)
          return fail(Kind::kInternal, "sequences that differ, or a gap");
        held_[s] += static_cast<char>(token.token);
      }
      if (token.output) outputs_[i] = fake_logits(work_, before + static_cast<char>(token.token));
      ++work_.decoded;
      if (static_cast<int>(before.size()) >= context_tokens_) return fail(Kind::kTooLarge, "full");
    }
    if (number == work_.fail_at_batch) return fail(Kind::kInternal, "made to fail");
    if (work_.stop_at_batch != nullptr) work_.stop_at_batch->request_stop();
    if (cancel.stop_requested()) return fail(Kind::kCancelled, "cancelled");
    return {};
  }

  std::span<const float> logits(std::size_t index) const override { return outputs_.at(index); }
  bool keep(int sequence, int length) override {
    held_[sequence].resize(std::min(held_[sequence].size(), static_cast<std::size_t>(length)));
    return true;
  }
  void copy_to(int first_sequence, int last_sequence) override {
    for (int s = first_sequence; s <= last_sequence; ++s) held_[s] = held_[0];
  }
  void clear() override { held_.clear(); }
  Result<std::vector<std::vector<float>>> embed(std::span<const std::vector<Token>> texts,
                                                const std::stop_token&) override {
    std::vector<std::vector<float>> out;
    for (const auto& text : texts) out.push_back({static_cast<float>(text.size()), 1.0f});
    ++work_.batches;
    return out;
  }
  int batch_tokens() const override { return 8; }
  int context_tokens() const override { return context_tokens_; }
  int sequences_max() const override { return 4; }

 private:
  FakeWork& work_;
  int context_tokens_;
  std::map<int, std::string> held_;
  std::map<std::size_t, std::vector<float>> outputs_;
};

class FakeEngine final : public Engine {
 public:
  // `before` stands for the token that a vocabulary puts before every prompt.
  explicit FakeEngine(FakeWork& work, bool embeds = false, std::vector<Token> before = {})
      : work_(work), before_(std::move(before)) {
    info_.name = "fake";
    info_.trained_tokens = 64;
    info_.vocabulary = static_cast<int>(kFakeVocabulary);
    info_.generates = !embeds;
    info_.embeds = embeds;
  }
  const ModelInfo& info() const override { return info_; }
  const ChatTemplate& chat_template() const override { return template_; }
  Result<std::vector<Token>> tokenize(std::string_view text, bool) const override {
    std::vector<Token> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  std::vector<Token> before_prompt() const override { return before_; }
  std::vector<Token> after_prompt() const override { return {}; }
  Token start_token() const override { return 1; }
  std::string text_of(Token token) const override {
    return std::string(1, static_cast<char>(token));
  }
  bool ends_turn(Token token) const override { return token == kFakeEnd; }
  Result<std::unique_ptr<Session>> open(const SessionOptions& options) override {
    return std::make_unique<FakeSession>(work_, options.context_tokens);
  }
  Result<std::unique_ptr<Grammar>> grammar(const std::string&, const std::string&) const override {
    return fail(Kind::kUnsupported, "the fake has no grammar");
  }

 private:
  FakeWork& work_;
  std::vector<Token> before_;
  ModelInfo info_;
  ChatTemplate template_;
};

}  // namespace sighter::local
