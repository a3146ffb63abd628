#include "io/spawn_linux.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sighter::io {
namespace {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read;
  Fd write;
};

// Both ends at 3 or above, so that putting them at 0, 1 and 2 overwrites none of them.
bool open_pipe(Pipe& out) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  out.read = Fd(ends[0]);
  out.write = Fd(ends[1]);
  for (Fd* fd : {&out.read, &out.write}) {
    if (fd->get() >= 3) continue;
    Fd higher(::fcntl(fd->get(), F_DUPFD_CLOEXEC, 3));
    if (higher.get() < 0) return false;
    *fd = std::move(higher);
  }
  return true;
}

enum class Step : int { kFolder, kLimits, kDescriptors, kPrivileges, kNetwork, kProgram };

struct Report {
  Step step;
  int code;
};

// Everything the child needs, prepared before it exists: after vfork nothing may be allocated.
struct Plan {
  std::string program;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const char* folder = nullptr;
  std::vector<std::pair<int, rlimit>> limits;
  int input = -1;
  int output = -1;
  int error = -1;
  int report = -1;
  bool network = false;
  pid_t parent = -1;
};

[[noreturn]] void give_up(const Plan& plan, Step step) {
  const Report report{step, errno};
  (void)!::write(plan.report, &report, sizeof report);
  ::_exit(127);
}

void close_others_on_exec() {
  if (::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  const long most = ::sysconf(_SC_OPEN_MAX);
  for (int fd = 3; fd < (most > 0 && most < 65'536 ? most : 65'536); ++fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
}

// In the child, in the parent's memory: system calls only.
[[noreturn]] void become(const Plan& plan) {
  ::setpgid(0, 0);
  struct sigaction fresh {};
  fresh.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 65; ++signal) ::sigaction(signal, &fresh, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no orphans when we are killed
  if (::getppid() != plan.parent) ::_exit(127);
  if (::dup2(plan.input, 0) < 0 || ::dup2(plan.output, 1) < 0 || ::dup2(plan.error, 2) < 0) {
    give_up(plan, Step::kDescriptors);
  }
  close_others_on_exec();
  if (plan.folder && ::chdir(plan.folder) != 0) give_up(plan, Step::kFolder);
  for (const auto& [what, limit] : plan.limits) {
    if (::setrlimit(static_cast<__rlimit_resource>(what), &limit) != 0) {
      give_up(plan, Step::kLimits);
    }
  }
  // Not even root's child may look into our memory and environment (keep_memory_private()). Others
  // may not anyway, and have nothing to give up.
  for (const int capability : {CAP_SYS_PTRACE, CAP_SYS_ADMIN, CAP_PERFMON})
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up(plan, Step::kPrivileges);
  if (!plan.network && !refuse_network()) give_up(plan, Step::kNetwork);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  give_up(plan, Step::kProgram);
}

// A function of its own: the child may not return from the frame that called vfork.
[[gnu::noinline]] pid_t divide(const Plan& plan) {
  const pid_t pid = ::vfork();
  if (pid == 0) become(plan);
  return pid;
}

Error no_resources(std::string_view what) {
  return Error{Kind::kUnavailable,
               fmt::format("cannot start a program: {}: {}", what, std::strerror(errno)),
               "the system has run out of processes, descriptors or memory"};
}

bool is_program(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// The program's path, by the PATH that the child will have.
Result<std::string> find_program(const ProcessSpec& spec) {
  const std::string& name = spec.command.front();
  if (name.find('/') != std::string::npos) return name;
  std::string_view path = "/usr/local/bin:/usr/bin:/bin";
  for (const std::string& entry : spec.environment) {
    if (entry.starts_with("PATH=")) path = std::string_view(entry).substr(5);
  }
  while (!path.empty()) {
    const std::size_t colon = path.find(':');
    const std::string_view folder = path.substr(0, colon);
    path = colon == std::string_view::npos ? std::string_view() : path.substr(colon + 1);
    // An empty entry would mean the current folder; that is asked for by "./name".
    const std::string candidate = fmt::format("{}/{}", folder, name);
    if (!folder.empty() && is_program(candidate)) return candidate;
  }
  return fail(Kind::kNotFound, fmt::format("there is no program '{}' in PATH", name),
              "install it, or write its path");
}

Error what_failed(const ProcessSpec& spec, const Report& report) {
  const std::string& name = spec.command.front();
  const char* why = std::strerror(report.code);
  switch (report.step) {
    case Step::kFolder:
      return {Kind::kInvalid, fmt::format("cannot run '{}' in {}: {}", name, spec.folder, why), {}};
    case Step::kLimits:
      return {Kind::kInvalid, fmt::format("cannot limit '{}': {}", name, why),
              "a limit may not be above the one this process has itself"};
    case Step::kNetwork:
    case Step::kPrivileges:
      return {
          Kind::kUnsupported,
          fmt::format("this kernel cannot keep '{}' off the network: {}", name, why),
          "run it where the kernel has seccomp filters, or allow it the network: network = true"};
    case Step::kProgram:
      if (report.code == ENOENT) {
        return {Kind::kNotFound,
                fmt::format("there is no program '{}', or not the interpreter it names", name),
                {}};
      }
      return {Kind::kInvalid, fmt::format("cannot run '{}': {}", name, why),
              report.code == EACCES ? "make it executable: chmod +x" : ""};
    case Step::kDescriptors:
      break;
  }
  return {Kind::kUnavailable, fmt::format("cannot run '{}': {}", name, why), {}};
}

void add_limit(Plan& plan, int what, std::uint64_t value) {
  rlimit ours{};
  if (value == 0 || ::getrlimit(static_cast<__rlimit_resource>(what), &ours) != 0) return;
  // Ours may be lower already, and only root could raise it.
  const rlim_t most = std::min<rlim_t>(value, ours.rlim_max);
  plan.limits.emplace_back(what, rlimit{most, most});
}

Plan make_plan(const ProcessSpec& spec, std::string program) {
  Plan plan;
  plan.program = std::move(program);
  for (const std::string& word : spec.command) {
    plan.arguments.push_back(const_cast<char*>(word.c_str()));
  }
  plan.arguments.push_back(nullptr);
  for (const std::string& entry : spec.environment) {
    plan.environment.push_back(const_cast<char*>(entry.c_str()));
  }
  plan.environment.push_back(nullptr);
  if (!spec.folder.empty()) plan.folder = spec.folder.c_str();
  plan.limits.emplace_back(RLIMIT_CORE, rlimit{0, 0});
  add_limit(plan, RLIMIT_AS, spec.limits.memory_bytes);
  add_limit(plan, RLIMIT_CPU, spec.limits.cpu_seconds);
  add_limit(plan, RLIMIT_NOFILE, spec.limits.open_files);
  add_limit(plan, RLIMIT_FSIZE, spec.limits.file_bytes);
  plan.network = spec.network;
  plan.parent = ::getpid();
  return plan;
}

Status check_spec(const ProcessSpec& spec) {
  if (spec.command.empty() || spec.command.front().empty()) {
    return fail(Kind::kInvalid, "there is no command to run");
  }
  for (const auto* list : {&spec.command, &spec.environment}) {
    for (const std::string& word : *list) {
      if (word.find('\0') != std::string::npos) {
        return fail(Kind::kInvalid, "a command or its environment holds a NUL");
      }
    }
  }
  return {};
}

}  // namespace

Result<Child> spawn_child(const ProcessSpec& spec) {
  const Status good = check_spec(spec);
  if (!good) return std::unexpected(good.error());
  Result<std::string> program = find_program(spec);
  if (!program) return std::unexpected(program.error());
  Plan plan = make_plan(spec, std::move(*program));
  Pipe input, output, error, report;
  if (!open_pipe(input) || !open_pipe(output) || !open_pipe(error) || !open_pipe(report)) {
    return std::unexpected(no_resources("no pipe"));
  }
  plan.input = input.read.get();
  plan.output = output.write.get();
  plan.error = error.write.get();
  plan.report = report.write.get();

  // No handler of ours may run in the child while it borrows our memory.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = divide(plan);
  const int divide_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = divide_errno;
  if (pid < 0) return std::unexpected(no_resources("no process"));
  ::setpgid(pid, pid);  // whoever of the two comes first

  report.write = Fd();
  Report failed{};
  ssize_t got = 0;
  do {
    got = ::read(report.read.get(), &failed, sizeof failed);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof failed) {
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(what_failed(spec, failed));
  }
  Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (pidfd.get() < 0) {
    const Error why = no_resources("no descriptor of the process");
    ::kill(-pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return std::unexpected(why);
  }
  for (const Fd* fd : {&input.write, &output.read, &error.read}) {
    ::fcntl(fd->get(), F_SETFL, ::fcntl(fd->get(), F_GETFL) | O_NONBLOCK);
  }
  return Child{pid, pidfd.release(), input.write.release(), output.read.release(),
               error.read.release()};
}

std::vector<std::string> child_environment(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  const auto add = [&out](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr) out.push_back(name + "=" + value);
  };
  for (const char* name : {"PATH", "HOME", "LANG"}) add(name);
  for (const std::string& name : names) {
    if (name != "PATH" && name != "HOME" && name != "LANG") add(name);
  }
  return out;
}

}  // namespace sighter::io
