#include "models/adaptive_limit.hpp"

#include <algorithm>

namespace sighter::models {

AdaptiveLimit::AdaptiveLimit(io::Core& core, std::size_t most)
    : most_(std::max<std::size_t>(1, most)), gate_(core, std::min(kStart, most_)) {}

void AdaptiveLimit::open_wide(std::size_t most) {
  if (wide_) return;
  wide_ = true;
  most_ = std::max(most_, most);
  if (slow_start_) gate_.set_size(most_);
}

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
  const bool opened = wide_ && slow_start_;
  const std::size_t size = opened ? std::min(gate_.size(), gate_.used()) : gate_.size();
  cut_ = now;
  slow_start_ = false;
  successes_ = 0;
  gate_.set_size(std::max<std::size_t>(1, size / 2));
}

}  // namespace sighter::models
