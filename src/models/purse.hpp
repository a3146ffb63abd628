#pragma once
// A limit on spending that every attempt asks first: reserve what it may cost at most, then settle
// what it did cost. Any thread.

#include <mutex>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/money.hpp"

namespace sighter::models {

class Purse;

// Money that is set aside. Gives back what was not settled when it goes.
class Hold {
 public:
  Hold() = default;
  Hold(Hold&& other) noexcept
      : purse_(std::exchange(other.purse_, nullptr)), amount_(other.amount_) {}
  Hold& operator=(Hold&& other) noexcept;
  ~Hold() { release(); }
  // The true cost, once known; it may be more than was reserved.
  void settle(NanoUsd actual);
  void release();

 private:
  friend class Purse;
  Hold(Purse* purse, NanoUsd amount) : purse_(purse), amount_(amount) {}
  Purse* purse_ = nullptr;
  NanoUsd amount_;
};

class Purse {
 public:
  // nullopt: no limit; it only counts.
  explicit Purse(std::optional<NanoUsd> limit = {}) : limit_(limit) {}
  Purse(const Purse&) = delete;
  Purse& operator=(const Purse&) = delete;

  // kBudget when spent + held + estimate would exceed the limit.
  Result<Hold> reserve(NanoUsd estimate);
  // Whether that may be otherwise once calls under way have settled for less than they hold.
  bool may_fit_later(NanoUsd estimate) const;
  NanoUsd spent() const;
  NanoUsd held() const;
  std::optional<NanoUsd> limit() const { return limit_; }

 private:
  friend class Hold;
  void give_back(NanoUsd reserved, NanoUsd actual);

  const std::optional<NanoUsd> limit_;
  mutable std::mutex mutex_;
  NanoUsd spent_;
  NanoUsd held_;
};

}  // namespace sighter::models
