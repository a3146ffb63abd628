#pragma once
// Where the model that was fitted to all cases of a function is kept: a file of the project,
// .sighter/models/FUNCTION.VARIANT-DIGEST.model, as long as body and cases are the same. Private to
// the room.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "learn/learner.hpp"

namespace sighter::functions {

// Any thread; blocks.
class ModelShelf {
 public:
  // `key` is of whatever the model depends on: another one is another file. With an empty folder
  // nothing is kept. The log outlives it.
  ModelShelf(std::filesystem::path folder, const std::string& name, const Digest& key, Log& log);
  // What is wrong with the file is a warning.
  std::optional<learn::Model> take(const std::vector<std::string>& labels) const;
  // Those of other keys go. What cannot be written is a warning.
  void put(const learn::Model& model) const;

 private:
  std::filesystem::path folder_, file_;
  std::string prefix_;
  Log& log_;
};

}  // namespace sighter::functions
