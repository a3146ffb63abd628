#pragma once
// What is kept of one physical request.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/money.hpp"
#include "wire/message.hpp"

namespace sighter::models {

struct Attempt {
  std::string route;  // provider/upstream name, or the local model's name
  SystemTime start{};
  std::chrono::microseconds latency{0};
  std::optional<std::chrono::microseconds> first_token;
  std::optional<wire::Usage> usage;
  std::optional<NanoUsd> cost;  // nullopt: the price is not known
  std::optional<Error> error;
};

// Adds what several requests used. A sum is estimated where a part of it is, and has neither the
// raw JSON nor the charge of any of them.
void add_usage(std::optional<wire::Usage>& sum, const std::optional<wire::Usage>& more);

// The requests that failed, in order, with the word for why: "a/m rate_limited, b/m timeout"; ""
// when none did. Names are cut to 100 bytes, and of more than 10 the first and the last five are
// told.
std::string tried_words(const std::vector<Attempt>& attempts);

}  // namespace sighter::models
