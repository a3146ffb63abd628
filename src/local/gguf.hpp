#pragma once
// Reads the description at the start of a GGUF file (version 2 and 3), without the weights: to say
// clearly what is wrong with a file before llama.cpp sees it, and what model it holds.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/error.hpp"

namespace sighter::local {

struct GgufHeader {
  std::map<std::string, std::string> strings;
  std::map<std::string, std::int64_t> integers;  // booleans too, as 0 and 1
  std::int64_t tensors = 0;
  std::uint64_t file_bytes = 0;

  std::string string(const std::string& key) const;  // empty when absent
  std::optional<std::int64_t> integer(const std::string& key) const;
};

// kNotFound, kIo (a folder, no permission), kInvalid: not a GGUF file, an unknown version, a broken
// description, or shorter than the description says (an interrupted download); says by how much.
Result<GgufHeader> read_gguf_header(const std::filesystem::path& file);

}  // namespace sighter::local
