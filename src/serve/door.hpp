#pragma once
// What the front doors of all cores share, and one request on its way through one of them. Private
// to the room.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "functions/engine.hpp"
#include "io/blocking_pool.hpp"
#include "io/http_server.hpp"
#include "serve/metrics.hpp"
#include "serve/settings.hpp"

namespace sighter {
class Log;
}

namespace sighter::serve {

// Listings that wait while others are under way; beyond: 503 at once.
inline constexpr std::size_t kListingsWaitingMax = 8;

// Any thread.
struct Door {
  Door(Settings the_settings, std::string the_key, functions::Shared& the_shared,
       models::Hub& the_hub, const Clock& the_clock, Log& the_log);

  const Settings settings;
  const std::string key;  // the secret; empty: open to whoever reaches the port
  functions::Shared& shared;
  models::Hub& hub;
  const Clock& clock;
  Log& log;
  Metrics metrics;
  std::atomic<bool> stopping = false;
  io::BlockingPool lookups;   // what waits for the disk, by id
  io::BlockingPool listings;  // what may look through all that is stored
};

// One request. Lives in the coroutine that answers it; its core's thread only.
struct Exchange {
  Door& door;
  functions::Engine& engine;
  io::ServerRequest& request;
  io::Responder& responder;
  // In whose words errors are said; kNone: the program's own.
  wire::Dialect dialect = wire::Dialect::kNone;
  std::string path_value{};  // what stood in the path's place for a name or an id, decoded
  io::Headers headers{};     // of whatever is answered: CORS, x-sighter-*
  int status = 0;            // that was answered, for the metrics

  io::Core& core() const { return engine.core(); }
};

}  // namespace sighter::serve
