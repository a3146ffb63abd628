#include "base/money.hpp"

#include <fmt/format.h>

#include <cmath>

namespace sighter {

std::optional<NanoUsd> NanoUsd::from_usd(double usd) {
  const double nano = usd * 1e9;
  if (!std::isfinite(nano) || std::abs(nano) > 9e18) return std::nullopt;
  return NanoUsd{std::llround(nano)};
}

std::string format_usd(NanoUsd amount) {
  if (amount.value == 0) return "$0";
  const char* sign = amount.value < 0 ? "-" : "";
  const double usd = std::abs(amount.usd());
  if (usd >= 1) return fmt::format("{}${:.2f}", sign, usd);
  const int digits = std::min(9, 1 - static_cast<int>(std::floor(std::log10(usd))));
  std::string text = fmt::format("{}${:.{}f}", sign, usd, std::max(2, digits));
  while (text.size() > 5 && text.back() == '0' && text[text.size() - 3] != '.') text.pop_back();
  return text;
}

}  // namespace sighter
