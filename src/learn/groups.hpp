#pragma once
// Which items belong together, found pair by pair (union-find). Private to the room.

#include <cstdint>
#include <vector>

namespace sighter::learn {

class Groups {
 public:
  explicit Groups(std::size_t items) : parent_(items) {
    for (std::uint32_t i = 0; i < items; ++i) parent_[i] = i;
  }
  bool same(std::uint32_t a, std::uint32_t b) { return root(a) == root(b); }
  void join(std::uint32_t a, std::uint32_t b) {
    a = root(a);
    b = root(b);
    (a < b ? parent_[b] : parent_[a]) = a < b ? a : b;
  }
  // For each item the number of its group, from 0, in order of first appearance.
  std::vector<std::uint32_t> numbers() {
    std::vector<std::uint32_t> out(parent_.size());
    std::uint32_t next = 0;
    for (std::uint32_t i = 0; i < parent_.size(); ++i) {
      const std::uint32_t r = root(i);
      out[i] = r == i ? next++ : out[r];  // a root is the first of its group
    }
    return out;
  }

 private:
  std::uint32_t root(std::uint32_t item) {
    while (parent_[item] != item) item = parent_[item] = parent_[parent_[item]];
    return item;
  }
  std::vector<std::uint32_t> parent_;
};

}  // namespace sighter::learn
