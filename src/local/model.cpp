#include "local/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "local/gguf.hpp"
#include "local/model_state.hpp"

namespace sighter::local {

namespace {

constexpr int kContextsMax = 64;
constexpr int kThreadsMax = 256;

Status check(const ModelOptions& options) {
  if (options.contexts_max < 1 || options.contexts_max > kContextsMax)
    return fail(Kind::kInvalid, fmt::format("contexts = {} is out of range", options.contexts_max),
                fmt::format("use 1 to {}", kContextsMax));
  if (options.threads < 0 || options.threads > kThreadsMax)
    return fail(Kind::kInvalid, fmt::format("threads = {} is out of range", options.threads),
                fmt::format("use 1 to {}, or 0 to have it measured", kThreadsMax));
  if (options.context_tokens < 0)
    return fail(Kind::kInvalid,
                fmt::format("context_tokens = {} is out of range", options.context_tokens),
                "use 0 for as many as the model was trained for");
  return {};
}

// Several threads are taken only where they are clearly faster right now.
Result<int> measured_threads(Engine& engine, SessionOptions options) {
  const int cores = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 8u));
  options.threads = 1;
  const auto alone = measure(engine, options, {});
  if (!alone) return std::unexpected(alone.error());
  options.threads = cores;
  const auto together = measure(engine, options, {});
  if (!together) return std::unexpected(together.error());
  constexpr double kClearly = 1.25;
  return together->generated_tokens_per_s > kClearly * alone->generated_tokens_per_s ? cores : 1;
}

}  // namespace

Prompt prompt_of(std::string text, bool markup) {
  return {{std::move(text), markup}};
}

Prompt joined(const Prompt& prompt) {
  Prompt out;
  for (const PromptPiece& piece : prompt) {
    if (piece.text.empty()) continue;
    if (!out.empty() && out.back().markup == piece.markup) {
      out.back().text += piece.text;
    } else {
      out.push_back(piece);
    }
  }
  return out;
}

Result<std::vector<Token>> tokens_of(const Engine& engine, const Prompt& prompt) {
  std::vector<Token> tokens;
  for (const PromptPiece& piece : joined(prompt)) {
    const auto more = engine.tokenize(piece.text, piece.markup);
    if (!more) return more;
    tokens.insert(tokens.end(), more->begin(), more->end());
  }
  return tokens;
}

Result<std::vector<Token>> prompt_tokens(const Engine& engine, const Prompt& prompt) {
  auto tokens = tokens_of(engine, prompt);
  if (!tokens) return tokens;
  const std::vector<Token> before = engine.before_prompt();
  if (tokens->size() < before.size() || !std::equal(before.begin(), before.end(), tokens->begin()))
    tokens->insert(tokens->begin(), before.begin(), before.end());
  if (tokens->empty()) tokens->push_back(engine.start_token());
  return tokens;
}

Status fits(const ModelInfo& info, std::size_t tokens, std::size_t more) {
  const auto limit = static_cast<std::size_t>(info.context_tokens);
  if (tokens + more <= limit) return {};
  const std::string hint =
      info.context_tokens < info.trained_tokens
          ? fmt::format("shorten it, or set context_tokens higher (this model: up to {})",
                        info.trained_tokens)
          : "shorten it, or take a model with a larger context";
  return fail(Kind::kTooLarge,
              fmt::format("the prompt has {} tokens; {} holds {}, completion included", tokens,
                          info.name, limit),
              hint);
}

Model::Model(std::unique_ptr<State> state) : state_(std::move(state)) {}
Model::~Model() = default;

Result<std::unique_ptr<Model>> Model::load(const ModelOptions& options) {
  if (const Status ok = check(options); !ok) return std::unexpected(ok.error());
  auto engine = load_engine(options.file);
  if (!engine) return std::unexpected(engine.error());
  return Model::over(std::move(*engine), options);
}

Result<std::unique_ptr<Model>> Model::over(std::unique_ptr<Engine> engine,
                                           const ModelOptions& options) {
  auto state = std::make_unique<State>(std::move(engine));
  ModelInfo& info = state->info;
  info = state->engine->info();
  if (!info.generates && !info.embeds)
    return fail(Kind::kUnsupported,
                fmt::format("{} is a model of a sort that neither generates nor embeds", info.name),
                "use a language model or an embedding model");
  SessionOptions session;
  session.context_tokens = options.context_tokens == 0
                               ? info.trained_tokens
                               : std::min(options.context_tokens, info.trained_tokens);
  session.threads = options.threads;
  session.embeds = !info.generates;
  if (options.threads == 0) {
    const auto threads = measured_threads(*state->engine, session);
    if (!threads) return std::unexpected(threads.error());
    session.threads = *threads;
  }
  info.context_tokens = session.context_tokens;
  info.threads = session.threads;
  if (info.generates) state->contexts.emplace(*state->engine, options.contexts_max, session);
  session.embeds = true;
  if (info.embeds) state->embedders.emplace(*state->engine, options.contexts_max, session);
  return std::unique_ptr<Model>(new Model(std::move(state)));
}

Result<GenerateReply> Model::generate(const GenerateRequest& request) {
  return local::generate(*state_, request);
}

Result<ScoreReply> Model::score(const ScoreRequest& request) {
  return local::score(*state_, request);
}

Result<EmbedReply> Model::embed(const EmbedRequest& request) {
  return local::embed(*state_, request);
}

const ModelInfo& Model::info() const {
  return state_->info;
}

const ChatTemplate& Model::chat_template() const {
  return state_->engine->chat_template();
}

Result<std::vector<std::int32_t>> Model::tokenize(const Prompt& prompt) const {
  return prompt_tokens(*state_->engine, prompt);
}

Result<int> Model::count_tokens(const Prompt& prompt) const {
  const auto tokens = tokenize(prompt);
  if (!tokens) return std::unexpected(tokens.error());
  return static_cast<int>(tokens->size());
}

Result<Speed> Model::measure(int threads, std::stop_token cancel) {
  SessionOptions options;
  options.context_tokens = std::min(state_->info.context_tokens, 512);
  options.threads = threads == 0 ? state_->info.threads : threads;
  options.embeds = !state_->info.generates;
  return local::measure(*state_->engine, options, cancel);
}

}  // namespace sighter::local
