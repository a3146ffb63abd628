#pragma once
// What is inside a Hub. For this room's sources only.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "io/blocking_pool.hpp"
#include "local/labels.hpp"
#include "local/model.hpp"
#include "models/route_state.hpp"
#include "models/router.hpp"
#include "text/template.hpp"

namespace sighter::models {

// One file, loaded once for all cores. `model` and `chat` are set under the mutex and then stay.
struct LoadedModel {
  std::mutex mutex;
  std::unique_ptr<local::Model> model;
  std::optional<text::Template> chat;  // how it wants conversations to be written
  local::PriorCache priors;
};

struct Hub::Impl {
  Impl(ModelsConfig models_config, const Clock& the_clock, Log& the_log, std::size_t local_threads);
  // Blocks while the file is loaded. The answer lives as long as the hub.
  Result<LoadedModel*> load(const ModelSpec& spec);

  const ModelsConfig config;
  const Clock& clock;
  Log& log;
  RouteStates routes;
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<LoadedModel>> loaded;  // by file and settings
  // Last, so that what runs on them has ended before the models go.
  io::BlockingPool local_pool;
  io::BlockingPool dns_pool;
};

}  // namespace sighter::models
