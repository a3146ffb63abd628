#pragma once
// A project folder, read once into one immutable snapshot.

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "functions/function.hpp"
#include "models/config.hpp"

namespace sighter::functions {

struct StoreSettings {
  std::filesystem::path file;                // .sighter/store.db, or below the state folder
  std::optional<std::chrono::seconds> keep;  // [store] keep = "90d"
  std::optional<std::int64_t> bytes_max;     // [store] max_size = "2GB"
};

// One whose files hold a mistake: whoever asks for it is told, and the others go on.
struct BrokenFunction {
  std::string name;
  Error why;  // names file:line:column
};

struct Project {
  std::filesystem::path folder;  // empty outside a project
  models::ModelsConfig models;
  StoreSettings store;
  std::vector<Function> functions;  // by name
  std::vector<BrokenFunction> broken;
  Json serve;  // [serve] as it is
  // "file:line:column" of [serve] (under "") and of each value in it.
  std::map<std::string, std::string> serve_places;

  const Function* find(std::string_view name) const;
  // kNotFound with did you mean; the mistake of one that is broken.
  Result<const Function*> function(std::string_view name) const;
};

// The folder that holds sighter.toml: `start` or the nearest one above it.
std::optional<std::filesystem::path> find_project(const std::filesystem::path& start);
// Everything in it is read and checked. A mistake in sighter.toml is an error that names
// file:line:column; one of a function, or of a function that it calls, is in `broken`.
Result<Project> read_project(const std::filesystem::path& folder);
// Settings for use outside any project: no functions, rows in the user's state folder.
Project no_project();

}  // namespace sighter::functions
