#include "models/purse.hpp"

namespace sighter::models {

Hold& Hold::operator=(Hold&& other) noexcept {
  if (this == &other) return *this;
  release();
  purse_ = std::exchange(other.purse_, nullptr);
  amount_ = other.amount_;
  return *this;
}

void Hold::settle(NanoUsd actual) {
  if (Purse* purse = std::exchange(purse_, nullptr)) purse->give_back(amount_, actual);
}

void Hold::release() {
  settle(NanoUsd{0});
}

Result<Hold> Purse::reserve(NanoUsd estimate) {
  const std::lock_guard lock(mutex_);
  if (limit_ && spent_ + held_ + estimate > *limit_) {
    if (estimate > *limit_)
      return fail(Kind::kBudget,
                  fmt::format("the budget of {} is too small: one call may cost up to {}",
                              format_usd(*limit_), format_usd(estimate)),
                  "raise budget_usd, or --budget; a lower max_tokens makes a call cheaper");
    return fail(
        Kind::kBudget,
        fmt::format("the budget of {} is used up: {} spent, {} held by calls under way, {} needed",
                    format_usd(*limit_), format_usd(spent_), format_usd(held_),
                    format_usd(estimate)),
        "raise budget_usd, or --budget");
  }
  held_ += estimate;
  return Hold(this, estimate);
}

bool Purse::may_fit_later(NanoUsd estimate) const {
  const std::lock_guard lock(mutex_);
  return limit_ && held_ > NanoUsd{0} && spent_ + estimate <= *limit_;
}

NanoUsd Purse::spent() const {
  const std::lock_guard lock(mutex_);
  return spent_;
}

NanoUsd Purse::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

void Purse::give_back(NanoUsd reserved, NanoUsd actual) {
  const std::lock_guard lock(mutex_);
  held_ -= reserved;
  spent_ += actual;
}

}  // namespace sighter::models
