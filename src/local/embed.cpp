#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "local/model_state.hpp"

namespace sighter::local {

namespace {

// Tokens computed at once. All texts of a batch look at each other's places, to no effect but time,
// so a larger batch is not a faster one.
constexpr std::size_t kBatchTokens = 256;

void normalize(std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * static_cast<double>(x);
  if (sum <= 0) return;
  const auto scale = static_cast<float>(1 / std::sqrt(sum));
  for (float& x : vector) x *= scale;
}

Result<std::vector<Token>> embed_tokens(const Engine& engine, const std::string& text) {
  auto tokens = prompt_tokens(engine, prompt_of(text, false));
  if (!tokens) return tokens;
  const std::vector<Token> after = engine.after_prompt();
  tokens->insert(tokens->end(), after.begin(), after.end());
  return tokens;
}

// Drops from the middle, so that the closing token stays.
bool truncate(std::vector<Token>& tokens, std::size_t most, std::size_t closing) {
  if (tokens.size() <= most) return false;
  tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(most - closing),
               tokens.end() - static_cast<std::ptrdiff_t>(closing));
  return true;
}

}  // namespace

Result<EmbedReply> embed(Model::State& state, const EmbedRequest& request) {
  if (!state.embedders)
    return fail(
        Kind::kUnsupported,
        fmt::format("{} is a language model: it has no embeddings of texts", state.info.name),
        "use an embedding model, for example all-MiniLM-L6-v2");
  auto context = state.embedders->acquire({}, request.cancel);
  if (!context) return std::unexpected(context.error());
  Session& session = (*context)->session();
  const auto tokens_max = static_cast<std::size_t>(session.batch_tokens());

  EmbedReply reply;
  reply.vectors.resize(request.texts.size());
  std::vector<std::vector<Token>> texts;
  const std::size_t closing = state.engine->after_prompt().size();
  for (std::size_t i = 0; i < request.texts.size(); ++i) {
    auto tokens = embed_tokens(*state.engine, request.texts[i]);
    if (!tokens) return std::unexpected(tokens.error());
    if (request.whole && tokens->size() > tokens_max)
      return fail(Kind::kTooLarge,
                  fmt::format("input[{}]: has {} tokens; {} reads {}", i, tokens->size(),
                              state.info.name, tokens_max),
                  "shorten it, embed it in parts, or take a model that reads more");
    if (truncate(*tokens, tokens_max, closing)) reply.truncated.push_back(i);
    reply.tokens += static_cast<int>(tokens->size());
    texts.push_back(std::move(*tokens));
  }

  // Texts of similar length go together.
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return texts[a].size() < texts[b].size(); });
  const auto texts_max = static_cast<std::size_t>(session.sequences_max());
  for (std::size_t start = 0; start < order.size();) {
    std::vector<std::vector<Token>> batch;
    std::size_t tokens = 0;
    while (start + batch.size() < order.size() && batch.size() < texts_max) {
      const auto& next = texts[order[start + batch.size()]];
      if (!batch.empty() && tokens + next.size() > std::min(kBatchTokens, tokens_max)) break;
      tokens += next.size();
      batch.push_back(next);
    }
    auto vectors = session.embed(batch, request.cancel);
    if (!vectors) return std::unexpected(vectors.error());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      normalize((*vectors)[i]);
      reply.vectors[order[start + i]] = std::move((*vectors)[i]);
    }
    start += batch.size();
  }
  return reply;
}

}  // namespace sighter::local
