#pragma once
// Ctrl-C and SIGTERM: once asks the verb to finish with what it has, twice ends the process at
// once.

#include <functional>
#include <memory>

namespace sighter::cli {

// At most one at a time (CHECK). `asked` is called at most once, on a thread of its own, where it
// may do whatever a thread may. A second signal ends the process with code 130 (128 + SIGINT),
// without running anything more. The signals' former handlers come back with the destructor.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> asked);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  // True from the first signal on.
  bool asked() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sighter::cli
