#pragma once
// What the writer of a stream had no place for so far.

#include <string>
#include <vector>

namespace sighter::wire {

class LostNames {
 public:
  // By name, each once: what the dialect had no place for, and what it said less exactly.
  const std::vector<std::string>& dropped() const { return dropped_; }
  const std::vector<std::string>& approximated() const { return approximated_; }

 protected:
  ~LostNames() = default;
  void note(std::vector<std::string> dropped, std::vector<std::string> approximated);

 private:
  std::vector<std::string> dropped_;
  std::vector<std::string> approximated_;
};

}  // namespace sighter::wire
