#pragma once
// Two quantiles. Private to the room but for what threshold.hpp exports.

namespace sighter::learn {

// The value that Student's t with `freedom` degrees exceeds in size with probability 1 -
// confidence.
double student_t_two_sided(double confidence, int freedom);

}  // namespace sighter::learn
