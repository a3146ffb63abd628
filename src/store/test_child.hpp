#pragma once
// A child process that runs one disabled test of this same binary: real processes for tests that
// kill, without forking a process that has threads.

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

extern char** environ;

namespace sighter::store {

class Child {
 public:
  // `test` is its name without DISABLED_, "Suite.Name"; `settings` become environment variables.
  // What the child prints to descriptor 3 is read by output().
  Child(const std::string& test, const std::map<std::string, std::string>& settings) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    const std::size_t dot = test.find('.');
    std::vector<std::string> words{
        "/proc/self/exe", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
        "--gtest_filter=" + test.substr(0, dot + 1) + "DISABLED_" + test.substr(dot + 1)};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    std::vector<std::string> variables;
    for (char** at = environ; *at != nullptr; ++at) variables.emplace_back(*at);
    for (const auto& [name, value] : settings) variables.push_back(name + "=" + value);
    std::vector<char*> environment;
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    if (ends[0] != 3) posix_spawn_file_actions_addclose(&actions, ends[0]);
    if (ends[1] != 3) posix_spawn_file_actions_addclose(&actions, ends[1]);
    if (::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, arguments.data(),
                      environment.data()) != 0) {
      std::abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
    ::close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Blocks until the child has written `bytes` in all, or is gone.
  void read_until(std::size_t bytes) {
    while (text_.size() < bytes && read_some()) {
    }
  }
  void kill() { ::kill(pid_, SIGKILL); }
  // The exit code, -1 when it was killed; afterwards output() is all it wrote.
  int wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& output() const { return text_; }

 private:
  bool read_some() {
    char buffer[65536];
    const ssize_t count = ::read(output_, buffer, sizeof buffer);
    if (count > 0) text_.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  }
  pid_t pid_ = 0;
  int output_ = -1;
  std::string text_;
};

// In the child: tells the parent.
inline void tell_parent(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(3, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

inline std::string child_setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace sighter::store
