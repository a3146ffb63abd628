#include <chrono>

#include "local/logits.hpp"
#include "local/model_state.hpp"

namespace sighter::local {

namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t kPromptTokens = 96;
constexpr int kGeneratedTokens = 24;

double per_second(std::size_t count, Steady::time_point since) {
  const double seconds = std::chrono::duration<double>(Steady::now() - since).count();
  return static_cast<double>(count) / std::max(seconds, 1e-9);
}

Result<std::vector<Token>> sample_prompt(const Engine& engine) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += "The parcel that I ordered last week has not arrived yet. ";
  auto tokens = prompt_tokens(engine, prompt_of(text, false));
  if (tokens && tokens->size() > kPromptTokens) tokens->resize(kPromptTokens);
  return tokens;
}

}  // namespace

Result<Speed> measure(Engine& engine, const SessionOptions& options,
                      const std::stop_token& cancel) {
  const auto prompt = sample_prompt(engine);
  if (!prompt) return std::unexpected(prompt.error());
  auto session = engine.open(options);
  if (!session) return std::unexpected(session.error());
  Speed speed;
  speed.threads = options.threads;
  if (options.embeds) {
    // The first batch also pays for setting up; the second is measured.
    for (int round = 0; round < 2; ++round) {
      const auto start = Steady::now();
      if (auto done = (*session)->embed({&*prompt, 1}, cancel); !done)
        return std::unexpected(done.error());
      speed.prompt_tokens_per_s = per_second(prompt->size(), start);
    }
    return speed;
  }
  Context context(std::move(*session));
  if (Status done = context.extend(std::span(*prompt).first(8), cancel); !done)
    return std::unexpected(done.error());
  auto start = Steady::now();
  if (Status done = context.extend(std::span(*prompt).subspan(8), cancel); !done)
    return std::unexpected(done.error());
  speed.prompt_tokens_per_s = per_second(prompt->size() - 8, start);
  start = Steady::now();
  for (int i = 0; i < kGeneratedTokens; ++i) {
    const auto likeliest = largest(context.last_logits(), 1);
    if (likeliest.empty())
      return fail(Kind::kInvalid, "the model computed no numbers", "its file is probably damaged");
    if (Status done = context.extend({&likeliest.front().first, 1}, cancel); !done)
      return std::unexpected(done.error());
  }
  speed.generated_tokens_per_s = per_second(static_cast<std::size_t>(kGeneratedTokens), start);
  return speed;
}

}  // namespace sighter::local
