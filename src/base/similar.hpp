#pragma once
// "did you mean": the nearest of the names that would have been right.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sighter {

// Optimal string alignment distance (insert, delete, replace, swap neighbours), case ignored.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The nearest candidate within a third of the word's length (at least 1), or "".
std::string closest(std::string_view word, std::span<const std::string> candidates);
// "did you mean 'x'?" or "known: a, b, c" (the latter when nothing is near; at most 12 names).
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

}  // namespace sighter
