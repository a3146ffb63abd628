#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace sighter {

void check_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "sighter: internal fault: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace sighter
