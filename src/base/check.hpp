#pragma once
// CHECK(x): an invariant of this program, on in release builds too. Never for input from outside.

namespace sighter {
[[noreturn]] void check_failed(const char* expression, const char* file, int line);
}  // namespace sighter

#define CHECK(expression)                                                    \
  (static_cast<bool>(expression)                                             \
       ? static_cast<void>(0)                                                \
       : ::sighter::check_failed(#expression, __FILE_NAME__, __LINE__))

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif
