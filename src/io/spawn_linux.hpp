#pragma once
// Starting a child with everything the sandbox asks for. For this room's sources only.

#include "base/error.hpp"
#include "io/subprocess.hpp"

namespace sighter::io {

// Descriptors of a running child; the caller owns them. All are close-on-exec.
struct Child {
  int pid = -1;
  int pidfd = -1;
  int input = -1;  // our ends of its pipes
  int output = -1;
  int error = -1;
};

Result<Child> spawn_child(const ProcessSpec& spec);

// Installs, in the calling thread (the child, before it runs its program), the filter that keeps it
// off the network; false with errno when the kernel cannot. Safe after vfork.
bool refuse_network();

}  // namespace sighter::io
