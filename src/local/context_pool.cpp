#include "local/context_pool.hpp"

#include <algorithm>
#include <utility>

namespace sighter::local {

namespace {

// With less in common than this, or half of a short prompt, a context is better left to what it
// holds.
constexpr std::size_t kWorthSharing = 16;

std::size_t common(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

std::size_t Context::reuse(std::span<const Token> prompt, std::size_t most) {
  const std::size_t length = std::min(common(held_, prompt), most);
  if (length == held_.size()) return length;
  if (!session_->keep(0, static_cast<int>(length))) {
    held_.clear();
    return 0;
  }
  held_.resize(length);
  return length;
}

Status Context::extend(std::span<const Token> tokens, const std::stop_token& cancel) {
  const std::size_t before = held_.size();
  std::vector<BatchToken> batch;
  const auto chunk_max = static_cast<std::size_t>(session_->batch_tokens());
  for (std::size_t start = 0; start < tokens.size(); start += chunk_max) {
    const auto chunk = tokens.subspan(start, std::min(chunk_max, tokens.size() - start));
    batch.clear();
    for (const Token token : chunk)
      batch.push_back({token, static_cast<int>(held_.size() + batch.size()), 0, 0, false});
    batch.back().output = start + chunk.size() == tokens.size();
    last_index_ = batch.size() - 1;
    const Status done = session_->decode(batch, cancel);
    if (!done) {
      held_.resize(before);
      if (!session_->keep(0, static_cast<int>(before))) held_.clear();
      return done;
    }
    held_.insert(held_.end(), chunk.begin(), chunk.end());
  }
  return {};
}

void Context::forget() {
  session_->clear();
  held_.clear();
}

ContextPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->give_back(index_);
}

ContextPool::ContextPool(Engine& engine, int contexts_max, const SessionOptions& options)
    : engine_(engine),
      options_(options),
      slots_(static_cast<std::size_t>(std::max(1, contexts_max))) {}

std::optional<std::size_t> ContextPool::choose(std::span<const Token> prompt) const {
  std::optional<std::size_t> best, unmade;
  std::size_t best_common = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.taken) continue;
    if (!slot.context) {
      unmade = unmade.value_or(i);
      continue;
    }
    const std::size_t shared = common(slot.context->held(), prompt);
    if (!best || shared > best_common ||
        (shared == best_common && slot.last_used < slots_[*best].last_used)) {
      best = i;
      best_common = shared;
    }
  }
  if (!best || (unmade && best_common < std::min(kWorthSharing, prompt.size() / 2) &&
                !slots_[*best].context->held().empty()))
    return unmade ? unmade : best;
  return best;
}

Result<ContextPool::Lease> ContextPool::acquire(std::span<const Token> prompt,
                                                const std::stop_token& cancel) {
  std::unique_lock lock(mutex_);
  std::optional<std::size_t> index;
  if (!given_back_.wait(lock, cancel, [&] { return (index = choose(prompt)).has_value(); }))
    return fail(Kind::kCancelled, "cancelled while waiting for a free context");
  Slot& slot = slots_[*index];
  slot.taken = true;
  slot.last_used = ++uses_;
  if (slot.context) return Lease(*this, *index);

  lock.unlock();  // making one takes a while; the slot is taken
  auto session = engine_.open(options_);
  lock.lock();
  if (!session) {
    slot.taken = false;
    given_back_.notify_one();
    return std::unexpected(session.error());
  }
  slot.context = std::make_unique<Context>(std::move(*session));
  return Lease(*this, *index);
}

void ContextPool::give_back(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    slots_[index].taken = false;
  }
  given_back_.notify_one();
}

}  // namespace sighter::local
