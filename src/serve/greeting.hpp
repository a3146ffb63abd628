#pragma once
// What `sighter serve` says when it starts.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "functions/engine.hpp"
#include "serve/settings.hpp"

namespace sighter::serve {

// Where the door listens, who can reach it, and what to paste into a program: lines for people.
std::string greeting(const Settings& settings, std::uint16_t port,
                     std::optional<std::uint16_t> ops_port);

// What clients would find out one by one: keys and model files that are missing, each with the
// models and variants that want it and what to do. Asks nobody. On the engine's thread.
std::vector<std::string> warnings(const models::ModelsConfig& config, functions::Engine& engine);

}  // namespace sighter::serve
