#include <fmt/format.h>

#include <cmath>

#include "local/logits.hpp"
#include "local/model_state.hpp"
#include "local/token_tree.hpp"

namespace sighter::local {

namespace {

// The tokens of every item, as the tree wants them.
Result<std::vector<TokenPath>> paths_of(const Engine& engine, const ScoreRequest& request) {
  const auto prefix = tokens_of(engine, request.prefix);
  if (!prefix) return std::unexpected(prefix.error());
  const std::vector<Token> before = engine.before_prompt();
  std::vector<TokenPath> paths;
  for (const ScoreItem& item : request.items) {
    TokenPath path;
    const auto context = tokens_of(engine, item.context);
    if (!context) return std::unexpected(context.error());
    const auto text = tokens_of(engine, {item.text});
    if (!text) return std::unexpected(text.error());
    path.tokens = *prefix;
    path.tokens.insert(path.tokens.end(), context->begin(), context->end());
    if (path.tokens.size() < before.size() ||
        !std::equal(before.begin(), before.end(), path.tokens.begin()))
      path.tokens.insert(path.tokens.begin(), before.begin(), before.end());
    if (path.tokens.empty()) path.tokens.push_back(engine.start_token());
    path.scored_from = path.tokens.size();
    path.tokens.insert(path.tokens.end(), text->begin(), text->end());
    paths.push_back(std::move(path));
  }
  return paths;
}

class Scoring {
 public:
  Scoring(Context& context, const std::stop_token& cancel, ScoreReply& reply)
      : context_(context), cancel_(cancel), reply_(reply) {}

  // Sequence 0 holds the trunk, and keeps it for the next request; each item has a sequence of its
  // own, from 1 on, but when there is only one.
  Status run(const TokenTree& tree) {
    std::vector<Token> trunk;
    for (std::size_t i = 0; i < tree.trunk; ++i) trunk.push_back(tree.nodes[i].token);
    const std::size_t reused = context_.reuse(trunk, tree.reusable);
    reply_.prompt_tokens += static_cast<int>(tree.nodes.size());
    reply_.cached_tokens += static_cast<int>(reused);
    Session& session = context_.session();
    const bool alone = tree.items == 1;
    if (!alone) session.copy_to(1, tree.items);
    const Status done = decode(tree, reused, alone);
    if (!done) {
      context_.forget();
      return done;
    }
    for (int i = 1; i <= tree.items && !alone; ++i) session.keep(i, 0);
    context_.set_held(std::move(trunk));
    return {};
  }

 private:
  Status decode(const TokenTree& tree, std::size_t start, bool alone) {
    const auto chunk_max = static_cast<std::size_t>(context_.session().batch_tokens());
    std::vector<BatchToken> batch;
    while (start < tree.nodes.size()) {
      const std::size_t end = std::min(tree.nodes.size(), start + chunk_max);
      batch.clear();
      for (std::size_t i = start; i < end; ++i) {
        const TokenNode& node = tree.nodes[i];
        const int first = alone || i < tree.trunk ? 0 : node.first_item + 1;
        const int last = alone ? 0 : node.last_item + 1;
        batch.push_back({node.token, node.position, first, last, !node.questions.empty()});
      }
      if (Status done = context_.session().decode(batch, cancel_); !done) return done;
      for (std::size_t i = start; i < end; ++i)
        if (Status answered = answer(tree.nodes[i], i - start); !answered) return answered;
      start = end;
    }
    return {};
  }

  Status answer(const TokenNode& node, std::size_t index) {
    if (node.questions.empty()) return {};
    const auto logits = context_.session().logits(index);
    const double total = log_sum_exp(logits);
    if (!std::isfinite(total))
      return fail(Kind::kInvalid, "the model computed no numbers", "its file is probably damaged");
    for (const TokenQuestion& question : node.questions)
      reply_.logprobs[question.item] += std::min(
          0.0, static_cast<double>(logits[static_cast<std::size_t>(question.token)]) - total);
    return {};
  }

  Context& context_;
  const std::stop_token& cancel_;
  ScoreReply& reply_;
};

}  // namespace

Result<ScoreReply> score(Model::State& state, const ScoreRequest& request) {
  if (!state.contexts)
    return fail(Kind::kUnsupported,
                fmt::format("{} is an embedding model: it cannot score text", state.info.name),
                "use a language model here");
  const auto paths = paths_of(*state.engine, request);
  if (!paths) return std::unexpected(paths.error());
  ScoreReply reply;
  reply.logprobs.assign(paths->size(), 0.0);
  for (const TokenPath& path : *paths) {
    reply.tokens.push_back(static_cast<int>(path.tokens.size() - path.scored_from));
    if (const Status ok = fits(state.info, path.tokens.size() - 1, 0); !ok)
      return std::unexpected(ok.error());
  }
  std::vector<Token> beginning;
  for (const TokenPath& path : *paths)
    if (path.scored_from < path.tokens.size()) {
      beginning = path.tokens;
      break;
    }
  if (beginning.empty()) return reply;
  auto context = state.contexts->acquire(beginning, request.cancel);
  if (!context) return std::unexpected(context.error());
  const Session& session = (*context)->session();
  const int items_max = std::max(1, session.sequences_max() - 1);
  Scoring scoring(**context, request.cancel, reply);
  for (const TokenTree& tree :
       token_trees(*paths, items_max, static_cast<std::size_t>(state.info.context_tokens)))
    if (const Status done = scoring.run(tree); !done) return std::unexpected(done.error());
  return reply;
}

}  // namespace sighter::local
