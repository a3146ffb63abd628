#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "local/gbnf.hpp"
#include "local/logits.hpp"
#include "local/model_state.hpp"
#include "local/text_out.hpp"

namespace sighter::local {

namespace {

constexpr int kAlternativesMax = 20;
constexpr std::size_t kStopStringsMax = 64;

Status check_range(const char* name, double value, double least, double most) {
  if (value >= least && value <= most) return {};
  return fail(Kind::kInvalid, fmt::format("{} = {} is out of range", name, value),
              fmt::format("use {} to {}", least, most));
}

Status check(const GenerateRequest& request) {
  constexpr double kMany = 1e9;
  for (const Status& status :
       {check_range("max_tokens", request.max_tokens, 0, kMany),
        check_range("temperature", request.temperature, 0, 100),
        check_range("top_p", request.top_p, 0, 1), check_range("min_p", request.min_p, 0, 1),
        check_range("top_k", request.top_k, 0, kMany),
        check_range("logprobs", request.logprobs.value_or(0), 0, kAlternativesMax)})
    if (!status) return status;
  if (request.stop.size() > kStopStringsMax)
    return fail(Kind::kInvalid, fmt::format("{} stop strings are too many", request.stop.size()),
                fmt::format("use at most {}", kStopStringsMax));
  for (const std::string& stop : request.stop)
    if (stop.empty()) return fail(Kind::kInvalid, "a stop string is empty", "leave it out");
  return request.grammar.empty() ? Status{} : check_grammar(request.grammar, request.grammar_root);
}

// One text under way.
class Generation {
 public:
  Generation(Model::State& state, const GenerateRequest& request)
      : engine_(*state.engine),
        request_(request),
        sampler_({request.temperature, request.top_p, request.min_p, request.top_k}, request.seed),
        out_(request.stop) {}

  Status prepare() {
    if (request_.grammar.empty()) return {};
    auto grammar = engine_.grammar(request_.grammar, request_.grammar_root);
    if (!grammar) return std::unexpected(grammar.error());
    grammar_ = std::move(*grammar);
    return {};
  }

  // Writes until something ends it. The context holds the prompt and its log-odds.
  Status write(Context& context, std::size_t room) {
    const auto most = std::min(static_cast<std::size_t>(request_.max_tokens), room);
    reply_.finish = FinishReason::kLength;
    for (std::size_t n = 0; n < most; ++n) {
      if (request_.cancel.stop_requested()) return cancelled();
      const auto logits = context.last_logits();
      const auto token = next(logits);
      if (!token) return std::unexpected(token.error());
      if (engine_.ends_turn(*token)) {
        reply_.finish = FinishReason::kStop;
        break;
      }
      ++reply_.generated_tokens;
      note(*token, logits);
      show(out_.feed(engine_.text_of(*token)));
      if (!out_.stopped_by().empty()) {
        reply_.finish = FinishReason::kStop;
        break;
      }
      if (grammar_)
        if (const Status accepted = grammar_->accept(*token); !accepted) return accepted;
      if (n + 1 == most) break;
      const Status done = context.extend(std::span(&*token, 1), request_.cancel);
      if (!done && done.error().kind == Kind::kCancelled) return cancelled();
      if (!done) return done;
    }
    return {};
  }

  Status cancelled() {
    reply_.finish = FinishReason::kCancelled;
    return {};
  }

  GenerateReply finish() {
    show(out_.finish());
    reply_.stop = out_.stopped_by();
    return std::move(reply_);
  }

  GenerateReply& reply() { return reply_; }

 private:
  // Without a grammar's help first: checking one token is cheap, masking the vocabulary is not.
  // What is refused is drawn again from what is allowed, which gives each allowed token the
  // probability that it has among the allowed ones.
  Result<Token> next(std::span<const float> logits) {
    masked_.clear();
    auto token = sampler_.pick(logits);
    if (token && grammar_ && !grammar_->allows(*token)) {
      mask(logits);
      token = sampler_.pick(masked_);
      if (!token) return fail(Kind::kInternal, "the grammar allows no token of this model here");
    }
    if (!token)
      return fail(Kind::kInvalid, "the model computed no numbers", "its file is probably damaged");
    return *token;
  }

  void mask(std::span<const float> logits) {
    if (!masked_.empty()) return;
    masked_.assign(logits.begin(), logits.end());
    grammar_->mask(masked_);
  }

  void note(Token token, std::span<const float> logits) {
    if (!request_.logprobs) return;
    const double total = log_sum_exp(logits);
    const auto logprob = [&](double logit) { return std::min(0.0, logit - total); };
    TokenLogprob entry;
    entry.text = engine_.text_of(token);
    const double logit = static_cast<double>(logits[static_cast<std::size_t>(token)]);
    entry.logprob = entry.allowed_logprob = logprob(logit);
    if (grammar_) {
      mask(logits);
      entry.allowed_logprob = std::min(0.0, logit - log_sum_exp(masked_));
    }
    for (const auto& [other, value] : largest(logits, static_cast<std::size_t>(*request_.logprobs)))
      entry.likeliest.push_back({engine_.text_of(other), logprob(static_cast<double>(value))});
    reply_.logprobs.push_back(std::move(entry));
  }

  void show(std::string_view text) {
    if (text.empty()) return;
    reply_.text += text;
    if (request_.on_text) request_.on_text(text);
  }

  Engine& engine_;
  const GenerateRequest& request_;
  Sampler sampler_;
  TextOut out_;
  std::unique_ptr<Grammar> grammar_;
  std::vector<float> masked_;  // the log-odds of this step under the grammar; empty: not needed yet
  GenerateReply reply_;
};

}  // namespace

Result<GenerateReply> generate(Model::State& state, const GenerateRequest& request) {
  if (!state.contexts)
    return fail(Kind::kUnsupported,
                fmt::format("{} is an embedding model: it writes no text", state.info.name),
                "use a language model here");
  if (const Status ok = check(request); !ok) return std::unexpected(ok.error());
  const auto prompt = prompt_tokens(*state.engine, request.prompt);
  if (!prompt) return std::unexpected(prompt.error());
  if (const Status ok = fits(state.info, prompt->size(), 0); !ok)
    return std::unexpected(ok.error());

  Generation generation(state, request);
  if (const Status ok = generation.prepare(); !ok) return std::unexpected(ok.error());
  GenerateReply& reply = generation.reply();
  reply.prompt_tokens = static_cast<int>(prompt->size());
  auto context = state.contexts->acquire(*prompt, request.cancel);
  if (!context) {
    if (context.error().kind != Kind::kCancelled) return std::unexpected(context.error());
    reply.finish = FinishReason::kCancelled;
    return generation.finish();
  }
  const std::size_t reused = (*context)->reuse(*prompt, prompt->size() - 1);
  reply.cached_tokens = static_cast<int>(reused);
  Status done = (*context)->extend(std::span(*prompt).subspan(reused), request.cancel);
  if (!done && done.error().kind == Kind::kCancelled) {
    done = generation.cancelled();
  } else if (done) {
    const auto room = static_cast<std::size_t>(state.info.context_tokens) - prompt->size() + 1;
    done = generation.write(**context, room);
  }
  if (!done) {
    (*context)->forget();
    return std::unexpected(done.error());
  }
  return generation.finish();
}

}  // namespace sighter::local
