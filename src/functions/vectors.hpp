#pragma once
// Embeddings of a function's cases, kept in .sighter/cache so that only new texts are embedded.
// Private to the room.

#include <filesystem>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "models/config.hpp"

namespace sighter::functions {

// What tells one embedding model from another: its name, its routes, or its file's path, size and
// time.
std::string embedding_identity(const models::ModelSpec& spec);

// A file of vectors by the digest of their text: "sightvec", u32 version, u32 dimensions, u64
// count, then 32 bytes of digest and the floats of each, then SHA-256 of all before it.
// Little-endian. One thread. A file that is damaged or of another model reads as an empty one.
class VectorCache {
 public:
  VectorCache(const std::filesystem::path& folder, const std::string& identity);
  const std::vector<float>* find(std::string_view text) const;
  void add(std::string_view text, std::vector<float> vector);
  // Replaces the file; nothing to do when nothing was added.
  Status save();

 private:
  void load();
  std::filesystem::path path_;
  std::unordered_map<std::string, std::vector<float>> vectors_;
  bool changed_ = false;
};

}  // namespace sighter::functions
