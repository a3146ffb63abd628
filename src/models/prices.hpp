#pragma once
// What tokens cost.

#include <optional>
#include <string>
#include <string_view>

#include "base/money.hpp"
#include "wire/message.hpp"

namespace sighter::models {

// Dollars per million tokens. Input that was read from or written to the provider's cache costs its
// own price; nullopt: the same as input.
struct Price {
  double input = 0;
  double output = 0;
  std::optional<double> cache_read;
  std::optional<double> cache_write;
};

// The bundled table (data/prices.toml), by provider and upstream name. A dated name
// ("claude-haiku-4-5-20251001") is found by the longest listed name that it begins with.
std::optional<Price> listed_price(std::string_view provider, std::string_view upstream);
// The day on which the table was put together: "2026-11-23".
std::string_view price_table_date();

// Whether a provider can mean it: no count is doubtful, negative or above Usage::kCountMax, and
// what it says it charged is from nothing to Usage::kCostUsdMax. What is not plausible is no usage
// at all.
bool is_plausible(const wire::Usage& usage);

// Exact to a nano-dollar, halves away from zero. What the provider says it charged comes first.
NanoUsd cost_of(const wire::Usage& usage, const Price& price);
// The most that a request can cost before its answer is known: input tokens by length of the text
// (3 bytes a token, rounded up), output by the limit asked for.
NanoUsd estimate(std::size_t input_bytes, std::int64_t output_tokens_max, const Price& price);

}  // namespace sighter::models
