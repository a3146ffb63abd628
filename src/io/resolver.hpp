#pragma once
// Addresses of hosts: asked for on a pool's thread, once for all who wait, and kept for a while.
// For this room's sources only; core's thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "io/cancel.hpp"
#include "io/task.hpp"
#include "io/time.hpp"

namespace sighter::io {

class BlockingPool;
class Core;

class Resolver {
 public:
  using Lookup = std::function<Result<std::vector<std::string>>(const std::string& host)>;

  // The system's resolver when `lookup` is empty. Addresses are kept for `ttl`, errors are not.
  Resolver(Core& core, BlockingPool& pool, Lookup lookup, Duration ttl);

  // Numeric addresses in the order to try them; a numeric host is its own. kTimeout after `until`,
  // kCancelled: the question itself goes on, and its answer is kept.
  Task<Result<std::vector<std::string>>> resolve(std::string host, SteadyTime until,
                                                 CancelToken token);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace sighter::io
