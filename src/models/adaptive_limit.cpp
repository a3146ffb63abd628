#include "models/adaptive_limit.hpp"

#include <algorithm>

namespace sighter::models {

AdaptiveLimit::AdaptiveLimit(io::Core& core, std::size_t most)
    : most_(std::max<std::size_t>(1, most)), gate_(core, std::min(kStart, most_)) {}

void AdaptiveLimit::succeeded() {
  const std::size_t size = gate_.size();
  if (gate_.used() < size || size >= most_) return;
  if (slow_start_ || ++successes_ >= size) {
    successes_ = 0;
    gate_.set_size(size + 1);
  }
}

void AdaptiveLimit::refused(SteadyTime sent, SteadyTime now) {
  if (cut_ && sent <= *cut_) return;
  cut_ = now;
  slow_start_ = false;
  successes_ = 0;
  gate_.set_size(std::max<std::size_t>(1, gate_.size() / 2));
}

}  // namespace sighter::models
