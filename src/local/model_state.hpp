#pragma once
// What a Model consists of, for the files that implement its parts.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "local/context_pool.hpp"
#include "local/engine.hpp"
#include "local/model.hpp"

namespace sighter::local {

struct Model::State {
  explicit State(std::unique_ptr<Engine> weights) : engine(std::move(weights)) {}

  std::unique_ptr<Engine> engine;
  ModelInfo info;
  std::optional<ContextPool> contexts;   // to generate and score
  std::optional<ContextPool> embedders;  // to embed
};

// Neighbours of the same sort joined, empty ones left out.
Prompt joined(const Prompt& prompt);
// The tokens of the pieces, one after the other, with nothing around them.
Result<std::vector<Token>> tokens_of(const Engine& engine, const Prompt& prompt);
// The same with what the model wants in front, unless the prompt spells it already.
Result<std::vector<Token>> prompt_tokens(const Engine& engine, const Prompt& prompt);
// kTooLarge unless `tokens` fit into a context with room for `more`.
Status fits(const ModelInfo& info, std::size_t tokens, std::size_t more);

Result<GenerateReply> generate(Model::State& state, const GenerateRequest& request);
Result<ScoreReply> score(Model::State& state, const ScoreRequest& request);
Result<EmbedReply> embed(Model::State& state, const EmbedRequest& request);
Result<Speed> measure(Engine& engine, const SessionOptions& options, const std::stop_token& cancel);

}  // namespace sighter::local
