#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>
#include <exception>

#include "cli/run.hpp"
#include "cli/terminal.hpp"

namespace {

// A descriptor 0, 1 or 2 that is closed would be given to the next file that is opened, and output
// would end up inside it. Opened so, reading gives nothing and writing fails with a message.
void occupy_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1) (void)!::open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
  }
}

// An exception on a thread of its own has nobody above it to report it.
[[noreturn]] void end_without_trace() {
  static constexpr char kText[] =
      "error: a fault of sighter: it had to stop; what was finished is stored\n";
  (void)!::write(2, kText, sizeof kText - 1);
  ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  occupy_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  std::set_terminate(end_without_trace);
  const char* const* words = argv;
  const std::size_t count = argc > 0 ? static_cast<std::size_t>(argc) - 1 : 0;
  return sighter::cli::run({words + (argc > 0 ? 1 : 0), count}, {});
}
