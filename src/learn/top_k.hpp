#pragma once
// The k most similar of many. Private to the room.

#include <algorithm>
#include <vector>

#include "learn/similar.hpp"

namespace sighter::learn {

class TopK {
 public:
  TopK(std::size_t k, const Exclude& exclude) : k_(k), exclude_(exclude) {}

  // Asks `exclude` only about what would come in.
  void offer(Neighbour candidate) {
    if (k_ == 0 || (heap_.size() == k_ && !nearer(candidate, heap_.front()))) return;
    if (exclude_ && exclude_(candidate.index)) return;
    if (heap_.size() == k_) {
      std::pop_heap(heap_.begin(), heap_.end(), nearer);
      heap_.pop_back();
    }
    heap_.push_back(candidate);
    std::push_heap(heap_.begin(), heap_.end(), nearer);
  }

  std::vector<Neighbour> take() {
    std::sort_heap(heap_.begin(), heap_.end(), nearer);
    return std::move(heap_);
  }

 private:
  static bool nearer(const Neighbour& a, const Neighbour& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.index < b.index;
  }

  std::size_t k_;
  const Exclude& exclude_;
  std::vector<Neighbour> heap_;  // the least similar in front
};

}  // namespace sighter::learn
