// The filter that keeps a child off the network (seccomp, Linux 3.17 or newer).
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "io/spawn_linux.hpp"

namespace sighter::io {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;  // unknown: nothing can be refused here
#endif

constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kX32Calls = 0x40000000;  // x86-64's second set of numbers

constexpr sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter result(std::uint32_t value) {
  return BPF_STMT(BPF_RET | BPF_K, value);
}
constexpr sock_filter skip_unless_equal(std::uint32_t value, std::uint8_t skip) {
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

// Calls that would go around socket(): other ways to the network, and other processes' descriptors
// and memory (ours hold the keys).
constexpr std::uint32_t kRefused[] = {
    SYS_io_uring_setup,   SYS_io_uring_enter,    SYS_io_uring_register, SYS_ptrace,
    SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
};

constexpr auto make_filter() {
  std::array<sock_filter, 3 + 2 + 2 * std::size(kRefused) + 6> program{};
  std::size_t n = 0;
  program[n++] = load(offsetof(seccomp_data, arch));
  program[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
  program[n++] = result(SECCOMP_RET_KILL_PROCESS);  // a program of another architecture
  program[n++] = load(offsetof(seccomp_data, nr));
  program[n++] = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32Calls, 3 + 2 * std::size(kRefused), 0);
  for (const std::uint32_t call : kRefused) {
    program[n++] = skip_unless_equal(call, 1);
    program[n++] = result(kRefuse);
  }
  program[n++] = skip_unless_equal(SYS_socket, 3);
  program[n++] = load(offsetof(seccomp_data, args));  // the family: the low half, little-endian
  program[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 1, 0);
  program[n++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1);
  program[n++] = result(SECCOMP_RET_ALLOW);
  program[n++] = result(kRefuse);
  return program;
}

constexpr auto kFilter = make_filter();

}  // namespace

bool refuse_network() {
  if (kArchitecture == 0) {
    errno = ENOSYS;
    return false;
  }
  const sock_fprog program{static_cast<unsigned short>(kFilter.size()),
                           const_cast<sock_filter*>(kFilter.data())};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

Status network_can_be_refused() {
  // A filter at an address that cannot be read: EFAULT where filters exist, else EINVAL.
  if (kArchitecture != 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr) != 0 &&
      errno == EFAULT) {
    return {};
  }
  return fail(Kind::kUnsupported,
              "this kernel cannot keep a program off the network (no seccomp filters)",
              "run it where the kernel can, or allow the program the network: network = true");
}

void keep_memory_private() {
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace sighter::io
