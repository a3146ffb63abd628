// Stands in for llama_api.cpp in a build without llama.cpp.

#include "local/engine.hpp"

namespace sighter::local {

Result<std::unique_ptr<Engine>> load_engine(const std::filesystem::path&) {
  return fail(
      Kind::kUnsupported, "this build has no local model",
      "run tools/local_models.sh llama, then configure and build again with SIGHTER_LOCAL=ON");
}

bool available() {
  return false;
}

std::string engine_description() {
  return "built without llama.cpp";
}

}  // namespace sighter::local
