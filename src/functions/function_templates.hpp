#pragma once
// The templates of a prompt body, read from function.toml or beside it. Private to the room.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/toml.hpp"
#include "functions/contract.hpp"
#include "text/template.hpp"

namespace sighter::functions {

// What reading the templates of one function gathers.
struct TemplateReading {
  std::filesystem::path folder;
  const InputContract* input = nullptr;
  Sha256* sources = nullptr;   // fed with every text that is read, included ones too
  std::optional<Error> error;  // the first mistake inside a template, with its own place
};

// The template that `key` of `table` names (a file of the folder, when it ends in .md, .txt or .j2)
// or holds. nullptr when absent or wrong: a missing file is noted at the key, a mistake inside the
// template in `reading`.
std::shared_ptr<const text::Template> read_template(const TomlTable& table, const std::string& key,
                                                    TemplateReading& reading);

}  // namespace sighter::functions
