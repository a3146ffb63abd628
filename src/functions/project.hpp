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

struct Project {
  std::filesystem::path folder;  // empty outside a project
  models::ModelsConfig models;
  StoreSettings store;
  std::vector<Function> functions;  // by name
  Json serve;                       // [serve] as it is

  const Function* find(std::string_view name) const;
  // kNotFound with did you mean.
  Result<const Function*> function(std::string_view name) const;
};

// The folder that holds sighter.toml: `start` or the nearest one above it.
std::optional<std::filesystem::path> find_project(const std::filesystem::path& start);
// Everything in it is read and checked. A broken function is an error that names file:line:column.
Result<Project> read_project(const std::filesystem::path& folder);
// Settings for use outside any project: no functions, rows in the user's state folder.
Project no_project();

}  // namespace sighter::functions
