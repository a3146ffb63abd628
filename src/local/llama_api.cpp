// All of the program's calls to llama.cpp, whose interface drifts between versions: a new version
// is met here and nowhere else. Written for 0.5 (the one tools/local_models.sh builds).
//
// The library reports failures by words in its log; they are collected per thread while a call is
// under way and become part of the error. Nothing of it is printed.

#include <fmt/format.h>
#include <ggml-cpu.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>

#include "local/engine.hpp"
#include "local/gguf.hpp"

namespace sighter::local {

namespace {

// The library plans its memory for batches whose length is a multiple of the number of sequences;
// with another one it ends the process for an embedding model.
constexpr int kSequencesMax = 64;
constexpr int kBatchTokens = 4 * kSequencesMax;
constexpr int kEmbedBatchTokensMax = 2048;

// ---- the library's words ------------------------------------------------------------------------

thread_local std::string* words_of_this_thread = nullptr;

void collect(ggml_log_level level, const char* text, void*) {
  if (words_of_this_thread == nullptr) return;
  if (level != GGML_LOG_LEVEL_ERROR && level != GGML_LOG_LEVEL_CONT) return;
  if (words_of_this_thread->size() < 2000) words_of_this_thread->append(text);
}

// Collects errors while it lives.
class Words {
 public:
  Words() : before_(std::exchange(words_of_this_thread, &text_)) {}
  ~Words() { words_of_this_thread = before_; }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;

  // The first line, without the names of functions in front of it.
  std::string first() const {
    std::string line = text_.substr(0, text_.find('\n'));
    for (std::size_t colon = line.find(": "); colon != std::string::npos; colon = line.find(": ")) {
      const std::string_view front = std::string_view(line).substr(0, colon);
      if (front.find(' ') != std::string_view::npos || front.find('_') == std::string_view::npos)
        break;
      line.erase(0, colon + 2);
    }
    return line;
  }

 private:
  std::string text_;
  std::string* before_;
};

// The library wants this once a process, before anything else.
void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    llama_log_set(collect, nullptr);
    llama_backend_init();
  });
}

bool cancel_requested(void* token) {
  const auto* cancel = *static_cast<const std::stop_token**>(token);
  return cancel != nullptr && cancel->stop_requested();
}

// ---- session ------------------------------------------------------------------------------------

struct FreeBatch {
  void operator()(llama_batch* batch) const {
    llama_batch_free(*batch);
    delete batch;
  }
};
struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};
struct FreePool {
  void operator()(ggml_threadpool* pool) const { ggml_threadpool_free(pool); }
};
struct FreeSampler {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

class LlamaSession final : public Session {
 public:
  LlamaSession(llama_model* model, int vocabulary, bool branches, bool embeds)
      : model_(model),
        vocabulary_(vocabulary),
        sequences_(branches ? kSequencesMax : 1),
        embeds_(embeds) {}

  Status open(const SessionOptions& options) {
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<std::uint32_t>(options.context_tokens);
    int batch = embeds_ ? std::min(options.context_tokens, kEmbedBatchTokensMax) : kBatchTokens;
    if (batch < kSequencesMax) sequences_ = 1;
    batch -= batch % sequences_;
    params.n_batch = params.n_ubatch = static_cast<std::uint32_t>(batch);
    params.n_seq_max = static_cast<std::uint32_t>(sequences_);
    params.n_threads = params.n_threads_batch = options.threads;
    params.embeddings = embeds_;
    params.no_perf = true;
    params.kv_unified = true;  // sequences share the cells of what they have in common
    params.abort_callback = cancel_requested;
    params.abort_callback_data = &cancel_;
    const Words words;
    context_.reset(llama_init_from_model(model_, params));
    if (!context_)
      return fail(Kind::kUnavailable,
                  fmt::format("no memory for a context of {} tokens: {}", options.context_tokens,
                              words.first()),
                  "set a smaller context_tokens, or fewer contexts");
    batch_.reset(new llama_batch(llama_batch_init(batch, 0, sequences_)));
    batch_tokens_ = batch;
    return start_threads(options.threads);
  }

  Status decode(std::span<const BatchToken> tokens, const std::stop_token& cancel) override {
    batch_->n_tokens = 0;
    for (const BatchToken& token : tokens)
      add(token.token, token.position, token.first_sequence, token.last_sequence, token.output);
    return run(cancel);
  }

  std::span<const float> logits(std::size_t index) const override {
    const float* found = llama_get_logits_ith(context_.get(), static_cast<std::int32_t>(index));
    if (found == nullptr) return {};
    return {found, static_cast<std::size_t>(vocabulary_)};
  }

  bool keep(int sequence, int length) override {
    if (llama_memory_seq_rm(memory(), sequence, length, -1)) return true;
    llama_memory_seq_rm(memory(), sequence, -1, -1);
    return length == 0;
  }

  void copy_to(int first_sequence, int last_sequence) override {
    for (int to = first_sequence; to <= last_sequence; ++to)
      llama_memory_seq_cp(memory(), 0, to, -1, -1);
  }

  void clear() override {
    if (memory() != nullptr) llama_memory_clear(memory(), false);
  }

  Result<std::vector<std::vector<float>>> embed(std::span<const std::vector<Token>> texts,
                                                const std::stop_token& cancel) override {
    clear();
    batch_->n_tokens = 0;
    for (std::size_t text = 0; text < texts.size(); ++text)
      for (std::size_t at = 0; at < texts[text].size(); ++at)
        add(texts[text][at], static_cast<int>(at), static_cast<int>(text), static_cast<int>(text),
            true);
    if (const Status done = run(cancel); !done) return std::unexpected(done.error());
    const auto length = static_cast<std::size_t>(llama_model_n_embd_out(model_));
    std::vector<std::vector<float>> vectors;
    for (std::size_t text = 0; text < texts.size(); ++text) {
      const float* vector =
          llama_get_embeddings_seq(context_.get(), static_cast<llama_seq_id>(text));
      if (vector == nullptr) return fail(Kind::kInternal, "the model gave no embedding");
      vectors.emplace_back(vector, vector + length);
    }
    return vectors;
  }

  int batch_tokens() const override { return batch_tokens_; }
  int context_tokens() const override { return static_cast<int>(llama_n_ctx_seq(context_.get())); }
  int sequences_max() const override { return sequences_; }

 private:
  llama_memory_t memory() const { return llama_get_memory(context_.get()); }

  // Helpers that sleep between batches; the library's own would be started anew for each.
  Status start_threads(int threads) {
    if (threads <= 1) return {};
    ggml_threadpool_params params = ggml_threadpool_params_default(threads);
    params.poll = 0;
    threads_.reset(ggml_threadpool_new(&params));
    if (!threads_) return fail(Kind::kUnavailable, fmt::format("cannot start {} threads", threads));
    llama_attach_threadpool(context_.get(), threads_.get(), nullptr);
    return {};
  }

  void add(Token token, int position, int first_sequence, int last_sequence, bool output) {
    const std::int32_t i = batch_->n_tokens++;
    batch_->token[i] = token;
    batch_->pos[i] = position;
    batch_->n_seq_id[i] = last_sequence - first_sequence + 1;
    for (int s = first_sequence; s <= last_sequence; ++s) batch_->seq_id[i][s - first_sequence] = s;
    batch_->logits[i] = output;
  }

  Status run(const std::stop_token& cancel) {
    if (cancel.stop_requested()) return fail(Kind::kCancelled, "cancelled");
    cancel_ = &cancel;
    const Words words;
    const std::int32_t code = memory() != nullptr ? llama_decode(context_.get(), *batch_)
                                                  : llama_encode(context_.get(), *batch_);
    cancel_ = nullptr;
    if (code == 0) return {};
    if (cancel.stop_requested()) return fail(Kind::kCancelled, "cancelled");
    if (code == 1)
      return fail(Kind::kTooLarge, "the context of the model is full",
                  "set a larger context_tokens");
    return fail(Kind::kInternal,
                fmt::format("llama.cpp could not compute (code {}): {}", code, words.first()));
  }

  llama_model* model_;
  int vocabulary_;
  int sequences_;
  bool embeds_;
  int batch_tokens_ = 0;
  const std::stop_token* cancel_ = nullptr;  // of the call under way; read by the abort callback
  std::unique_ptr<ggml_threadpool, FreePool> threads_;  // outlives the context
  std::unique_ptr<llama_context, FreeContext> context_;
  std::unique_ptr<llama_batch, FreeBatch> batch_;
};

// ---- grammar ------------------------------------------------------------------------------------

class LlamaGrammar final : public Grammar {
 public:
  LlamaGrammar(const llama_vocab* vocab, std::unique_ptr<llama_sampler, FreeSampler> sampler)
      : vocab_(vocab),
        sampler_(std::move(sampler)),
        entries_(static_cast<std::size_t>(llama_vocab_n_tokens(vocab))) {}

  bool allows(Token token) override {
    if (hidden(token)) return false;
    llama_token_data entry{token, 0.0f, 0.0f};
    llama_token_data_array array{&entry, 1, -1, false};
    llama_sampler_apply(sampler_.get(), &array);
    return std::isfinite(entry.logit);
  }

  void mask(std::span<float> logits) override {
    for (std::size_t i = 0; i < entries_.size(); ++i)
      entries_[i] = {static_cast<Token>(i), logits[i], 0.0f};
    llama_token_data_array array{entries_.data(), entries_.size(), -1, false};
    llama_sampler_apply(sampler_.get(), &array);
    for (std::size_t i = 0; i < array.size; ++i) {
      const llama_token_data& entry = array.data[i];
      logits[static_cast<std::size_t>(entry.id)] =
          hidden(entry.id) ? -std::numeric_limits<float>::infinity() : entry.logit;
    }
  }

  Status accept(Token token) override {
    try {
      llama_sampler_accept(sampler_.get(), token);
    } catch (const std::exception& problem) {
      return fail(Kind::kInternal, fmt::format("the grammar lost its place: {}", problem.what()));
    }
    return {};
  }

 private:
  // Special tokens have a spelling that a grammar may match, but they are not text.
  bool hidden(Token token) const {
    return llama_vocab_is_control(vocab_, token) && !llama_vocab_is_eog(vocab_, token);
  }

  const llama_vocab* vocab_;
  std::unique_ptr<llama_sampler, FreeSampler> sampler_;
  std::vector<llama_token_data> entries_;
};

// ---- engine -------------------------------------------------------------------------------------

class LlamaEngine final : public Engine {
 public:
  LlamaEngine(std::unique_ptr<llama_model, FreeModel> model, const std::filesystem::path& file,
              const GgufHeader& header)
      : model_(std::move(model)), vocab_(llama_model_get_vocab(model_.get())) {
    describe(file, header);
    const char* text = llama_model_chat_template(model_.get(), nullptr);
    template_ = {text == nullptr ? "" : text, spelling(llama_vocab_bos(vocab_)),
                 spelling(llama_vocab_eos(vocab_))};
    // Such vocabularies put a space in front of every text that they are given.
    puts_space_ = llama_vocab_type(vocab_) == LLAMA_VOCAB_TYPE_SPM;
  }

  const ModelInfo& info() const override { return info_; }
  const ChatTemplate& chat_template() const override { return template_; }

  Result<std::vector<Token>> tokenize(std::string_view text, bool markup) const override {
    if (!puts_space_ || text.empty()) return tokens_of(text, markup);
    // Behind a line end the added space does no harm; both are cut off again.
    const auto front = tokens_of("\n", false);
    auto all = tokens_of("\n" + std::string(text), markup);
    if (!front || !all) return all;
    if (all->size() < front->size() || !std::equal(front->begin(), front->end(), all->begin()))
      return tokens_of(text, markup);
    all->erase(all->begin(), all->begin() + static_cast<std::ptrdiff_t>(front->size()));
    return all;
  }

  std::vector<Token> before_prompt() const override {
    const Token bos = llama_vocab_bos(vocab_);
    if (!llama_vocab_get_add_bos(vocab_) || bos == LLAMA_TOKEN_NULL) return {};
    return {bos};
  }

  std::vector<Token> after_prompt() const override {
    if (llama_vocab_get_add_sep(vocab_) && llama_vocab_sep(vocab_) != LLAMA_TOKEN_NULL)
      return {llama_vocab_sep(vocab_)};
    if (llama_vocab_get_add_eos(vocab_) && llama_vocab_eos(vocab_) != LLAMA_TOKEN_NULL)
      return {llama_vocab_eos(vocab_)};
    return {};
  }

  Token start_token() const override {
    const Token bos = llama_vocab_bos(vocab_);
    if (bos != LLAMA_TOKEN_NULL) return bos;
    const Token eos = llama_vocab_eos(vocab_);
    return eos != LLAMA_TOKEN_NULL ? eos : 0;
  }

  std::string text_of(Token token) const override { return piece(token, false); }
  bool ends_turn(Token token) const override { return llama_vocab_is_eog(vocab_, token); }

  Result<std::unique_ptr<Session>> open(const SessionOptions& options) override {
    const bool branches =
        !llama_model_is_recurrent(model_.get()) && !llama_model_is_hybrid(model_.get());
    auto session =
        std::make_unique<LlamaSession>(model_.get(), info_.vocabulary, branches, options.embeds);
    if (const Status opened = session->open(options); !opened)
      return std::unexpected(opened.error());
    return session;
  }

  Result<std::unique_ptr<Grammar>> grammar(const std::string& text,
                                           const std::string& root) const override {
    const Words words;
    std::unique_ptr<llama_sampler, FreeSampler> sampler(
        llama_sampler_init_grammar(vocab_, text.c_str(), root.c_str()));
    if (!sampler) return fail(Kind::kInvalid, fmt::format("bad grammar: {}", words.first()));
    return std::make_unique<LlamaGrammar>(vocab_, std::move(sampler));
  }

 private:
  std::string piece(Token token, bool special) const {
    std::string text(64, '\0');
    const auto put = [&] {
      return llama_token_to_piece(vocab_, token, text.data(),
                                  static_cast<std::int32_t>(text.size()), 0, special);
    };
    std::int32_t length = put();
    if (length < 0) {
      text.resize(static_cast<std::size_t>(-length));
      length = put();
    }
    text.resize(static_cast<std::size_t>(std::max(0, length)));
    return text;
  }

  std::string spelling(Token token) const {
    return token == LLAMA_TOKEN_NULL ? "" : piece(token, true);
  }

  Result<std::vector<Token>> tokens_of(std::string_view text, bool markup) const {
    if (text.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max() / 2))
      return fail(Kind::kTooLarge, "a prompt of more than 1 GB");
    std::vector<Token> tokens(text.size() + 8);
    const std::int32_t count =
        llama_tokenize(vocab_, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                       static_cast<std::int32_t>(tokens.size()), false, markup);
    if (count < 0) return fail(Kind::kInternal, "llama.cpp could not split a text into tokens");
    tokens.resize(static_cast<std::size_t>(count));
    return tokens;
  }

  void describe(const std::filesystem::path& file, const GgufHeader& header) {
    info_.architecture = header.string("general.architecture");
    info_.name = header.string("general.name");
    if (info_.name.empty()) info_.name = file.stem().string();
    info_.license = header.string("general.license");
    info_.parameters = llama_model_n_params(model_.get());
    info_.description = fmt::format("{}, {:.0f}M parameters, {}", info_.architecture,
                                    static_cast<double>(info_.parameters) / 1e6,
                                    llama_ftype_name(llama_model_ftype(model_.get())));
    info_.file_bytes = header.file_bytes;
    info_.trained_tokens = llama_model_n_ctx_train(model_.get());
    info_.vocabulary = llama_vocab_n_tokens(vocab_);
    info_.embedding_length = llama_model_n_embd_out(model_.get());
    const auto pooling = header.integer(info_.architecture + ".pooling_type").value_or(0);
    info_.embeds = pooling >= LLAMA_POOLING_TYPE_MEAN && pooling <= LLAMA_POOLING_TYPE_LAST;
    info_.generates = header.integer(info_.architecture + ".attention.causal").value_or(1) != 0 &&
                      llama_model_has_decoder(model_.get()) &&
                      !llama_model_has_encoder(model_.get()) && pooling != LLAMA_POOLING_TYPE_RANK;
  }

  std::unique_ptr<llama_model, FreeModel> model_;
  const llama_vocab* vocab_;
  ModelInfo info_;
  ChatTemplate template_;
  bool puts_space_ = false;
};

}  // namespace

Result<std::unique_ptr<Engine>> load_engine(const std::filesystem::path& file) {
  start_library();
  const auto header = read_gguf_header(file);
  if (!header) return std::unexpected(header.error());
  const Words words;
  std::unique_ptr<llama_model, FreeModel> model(
      llama_model_load_from_file(file.c_str(), llama_model_default_params()));
  if (!model)
    return fail(Kind::kInvalid,
                fmt::format("llama.cpp cannot load {}: {}", file.string(), words.first()),
                "the file may be damaged, or need a newer llama.cpp than this build has");
  return std::make_unique<LlamaEngine>(std::move(model), file, *header);
}

bool available() {
  return true;
}

std::string engine_description() {
  return fmt::format("llama.cpp {}", llama_version());
}

}  // namespace sighter::local
