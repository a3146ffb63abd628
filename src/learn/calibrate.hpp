#pragma once
// Probabilities that mean what they say. Give these functions predictions for examples that the
// model was not fitted to, or the result flatters.

#include <cstdint>
#include <span>
#include <vector>

namespace sighter::learn {

// Logits of n examples, row by row. -infinity marks a class that the model does not know; at least
// one of a row is finite.
struct Logits {
  std::span<const float> values;  // n x classes
  std::size_t classes = 0;
  std::span<const int> labels;  // n, in [0, classes)
};

// Mean of -ln softmax(z / temperature)[label] over the examples whose label has a finite logit; 0
// when there are none.
double negative_log_likelihood(const Logits& logits, double temperature);

// The temperature of least negative log likelihood (Guo et al., "On calibration of modern neural
// networks", ICML 2017), in [0.05, 20], with a weak pull towards 1 (one half ln(T)^2 on the summed
// likelihood) that decides only for a handful of examples. 1 without usable examples.
double fit_temperature(const Logits& logits);

// One of the equally wide bins of a reliability diagram.
struct ReliabilityBin {
  std::size_t count = 0;
  double confidence = 0;  // mean
  double accuracy = 0;
};

// `confidence` in [0, 1] and `correct` (0 or 1) are of the same length; bins at least 1.
std::vector<ReliabilityBin> reliability(std::span<const double> confidence,
                                        std::span<const std::uint8_t> correct, int bins = 15);
// Expected calibration error: mean gap between confidence and accuracy over the bins, weighted by
// count (Naeini et al., AAAI 2015). 0 for no predictions.
double calibration_error(std::span<const double> confidence, std::span<const std::uint8_t> correct,
                         int bins = 15);

}  // namespace sighter::learn
