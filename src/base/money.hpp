#pragma once
// Money is an integer number of nano-dollars (1e-9 US dollars): sums are exact, and a token at
// $0.000001 per thousand still counts.

#include <cstdint>
#include <optional>
#include <string>

namespace sighter {

struct NanoUsd {
  std::int64_t value = 0;

  // Rounded to the nearest nano-dollar; nullopt when it is not finite or does not fit.
  static std::optional<NanoUsd> from_usd(double usd);
  double usd() const { return static_cast<double>(value) * 1e-9; }
  auto operator<=>(const NanoUsd&) const = default;
  NanoUsd& operator+=(NanoUsd other) { value += other.value; return *this; }
  NanoUsd& operator-=(NanoUsd other) { value -= other.value; return *this; }
  friend NanoUsd operator+(NanoUsd a, NanoUsd b) { return {a.value + b.value}; }
  friend NanoUsd operator-(NanoUsd a, NanoUsd b) { return {a.value - b.value}; }
};

// "$0", "$0.0000123", "$0.012", "$1.25": at least two significant digits, no trailing noise.
std::string format_usd(NanoUsd amount);

}  // namespace sighter
