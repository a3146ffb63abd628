#pragma once
// Made-up labelled texts for this room's tests.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/random.hpp"
#include "learn/example.hpp"

namespace sighter::learn {

inline std::vector<std::string> label_names(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(fmt::format("label-{}", i));
  return names;
}

// A word of four letters, the same for the same number.
inline std::string word_of(std::uint64_t number) {
  Random random(number + 1);
  std::string word;
  for (int i = 0; i < 4; ++i) word += static_cast<char>('a' + random.below(26));
  return word;
}

// Texts of eight words: each word tells the label with probability `signal`, else it is one of
// 1,000 that all labels share. The vector is the label's direction plus noise.
inline std::vector<Example> made_up(std::size_t count, int labels, double signal,
                                    std::uint64_t seed) {
  Random random(seed);
  std::vector<Example> out;
  for (std::size_t i = 0; i < count; ++i) {
    Example example;
    example.label = static_cast<int>(random.below(static_cast<std::uint64_t>(labels)));
    for (int w = 0; w < 8; ++w) {
      const bool telling = random.uniform() < signal;
      const std::uint64_t word =
          telling ? 5000 + 10 * static_cast<std::uint64_t>(example.label) + random.below(10)
                  : random.below(1000);
      example.text += (w == 0 ? "" : " ") + word_of(word);
    }
    for (int d = 0; d < 16; ++d) {
      const double noise = random.uniform() - 0.5;
      example.vector.push_back(
          static_cast<float>((d == example.label % 16 ? signal : 0.0) + noise));
    }
    out.push_back(std::move(example));
  }
  return out;
}

}  // namespace sighter::learn
