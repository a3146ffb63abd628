#include "learn/calibrate.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"

namespace sighter::learn {
namespace {

constexpr double kTemperatureMin = 0.05, kTemperatureMax = 20;

// Sum of the losses and how many examples count.
std::pair<double, std::size_t> total_loss(const Logits& logits, double temperature) {
  CHECK(logits.values.size() == logits.labels.size() * logits.classes);
  double sum = 0;
  std::size_t used = 0;
  for (std::size_t i = 0; i < logits.labels.size(); ++i) {
    const auto row = logits.values.subspan(i * logits.classes, logits.classes);
    const float own = row[static_cast<std::size_t>(logits.labels[i])];
    if (!std::isfinite(own)) continue;
    const float top = *std::max_element(row.begin(), row.end());
    float exponentials = 0;
    const auto inverse = static_cast<float>(1 / temperature);
    for (const float logit : row) exponentials += std::exp((logit - top) * inverse);
    sum += std::log(static_cast<double>(exponentials)) -
           (static_cast<double>(own) - static_cast<double>(top)) / temperature;
    ++used;
  }
  return {sum, used};
}

}  // namespace

double negative_log_likelihood(const Logits& logits, double temperature) {
  const auto [sum, used] = total_loss(logits, temperature);
  return used == 0 ? 0 : sum / static_cast<double>(used);
}

double fit_temperature(const Logits& logits) {
  if (total_loss(logits, 1).second == 0) return 1;
  // Convex in 1 / T, hence with one minimum in ln T: golden section search.
  const auto loss = [&](double log_t) {
    return total_loss(logits, std::exp(log_t)).first + 0.5 * log_t * log_t;
  };
  constexpr double kGolden = 0.6180339887498949;
  double low = std::log(kTemperatureMin), high = std::log(kTemperatureMax);
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low);
  double loss_a = loss(a), loss_b = loss(b);
  while (high - low > 1e-3) {
    if (loss_a <= loss_b) {
      high = b;
      b = a;
      loss_b = loss_a;
      a = high - kGolden * (high - low);
      loss_a = loss(a);
    } else {
      low = a;
      a = b;
      loss_a = loss_b;
      b = low + kGolden * (high - low);
      loss_b = loss(b);
    }
  }
  return std::exp((low + high) / 2);
}

std::vector<ReliabilityBin> reliability(std::span<const double> confidence,
                                        std::span<const std::uint8_t> correct, int bins) {
  CHECK(confidence.size() == correct.size() && bins >= 1);
  std::vector<ReliabilityBin> out(static_cast<std::size_t>(bins));
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const double at = std::clamp(confidence[i], 0.0, 1.0) * bins;
    ReliabilityBin& bin = out[std::min(static_cast<std::size_t>(at), out.size() - 1)];
    ++bin.count;
    bin.confidence += confidence[i];
    bin.accuracy += correct[i] != 0 ? 1 : 0;
  }
  for (ReliabilityBin& bin : out) {
    if (bin.count == 0) continue;
    bin.confidence /= static_cast<double>(bin.count);
    bin.accuracy /= static_cast<double>(bin.count);
  }
  return out;
}

double calibration_error(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                         int bins) {
  if (confidence.empty()) return 0;
  double gaps = 0;
  for (const ReliabilityBin& bin : reliability(confidence, correct, bins)) {
    gaps += static_cast<double>(bin.count) * std::fabs(bin.confidence - bin.accuracy);
  }
  return gaps / static_cast<double>(confidence.size());
}

}  // namespace sighter::learn
