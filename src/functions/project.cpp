#include "functions/project.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/limits.hpp"
#include "base/similar.hpp"
#include "base/toml.hpp"
#include "store/store.hpp"

namespace sighter::functions {
namespace {

StoreSettings read_store(const TomlTable& table, const std::filesystem::path& folder) {
  StoreSettings settings;
  settings.file = folder / table.string("file", ".sighter/store.db");
  if (const auto keep = table.string("keep")) {
    const Result<std::chrono::seconds> parsed = store::parse_keep(*keep);
    if (parsed)
      settings.keep = *parsed;
    else
      table.mistake("keep", parsed.error().what, parsed.error().hint);
  }
  if (const auto size = table.string("max_size")) {
    const Result<std::int64_t> parsed = store::parse_bytes(*size);
    if (parsed)
      settings.bytes_max = *parsed;
    else
      table.mistake("max_size", parsed.error().what, parsed.error().hint);
  }
  return settings;
}

Status read_functions(const std::filesystem::path& folder, Project& project) {
  std::error_code code;
  std::vector<std::filesystem::path> folders;
  for (std::filesystem::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code)) {
    std::error_code ignored;
    if (std::filesystem::exists(it->path() / "function.toml", ignored))
      folders.push_back(it->path());
  }
  if (code && code != std::errc::no_such_file_or_directory) {
    return fail(Kind::kIo, fmt::format("cannot read {}: {}", folder.string(), code.message()));
  }
  std::sort(folders.begin(), folders.end());
  for (const std::filesystem::path& path : folders) {
    std::string name = path.filename().string();
    Result<Function> function = read_function(path, name);
    if (function) {
      project.functions.push_back(std::move(*function));
    } else {
      project.broken.push_back({std::move(name), std::move(function.error())});
    }
  }
  return {};
}

// Models and tools are known only once the whole project is read.
Status check_prompt(const Project& project, const Variant& variant) {
  const auto* prompt = std::get_if<PromptBody>(&variant.body);
  const auto* learned = std::get_if<LearnedBody>(&variant.body);
  const std::string model = prompt != nullptr    ? prompt->model
                            : learned != nullptr ? learned->embedding_model
                                                 : "";
  if (!model.empty()) {
    if (const auto spec = project.models.find(model); !spec) {
      return std::unexpected(spec.error().in(variant.where));
    }
  }
  if (prompt == nullptr) return {};
  for (const std::string& tool : prompt->tools) {
    if (const auto found = project.function(tool); !found) {
      return std::unexpected(found.error().in(fmt::format("{}: tools", variant.where)));
    }
    if (project.find(tool)->variants.empty()) {
      return fail(Kind::kInvalid,
                  fmt::format("{}: the tool '{}' has no variant", variant.where, tool));
    }
  }
  return {};
}

Status check_function(const Project& project, const Function& function) {
  for (const Variant& variant : function.variants) {
    if (Status good = check_prompt(project, variant); !good) return good;
  }
  return {};
}

// Until what is left needs nothing that is broken.
void set_broken_aside(Project& project) {
  for (std::size_t i = 0; i < project.functions.size();) {
    Status good = check_function(project, project.functions[i]);
    if (good) {
      ++i;
      continue;
    }
    project.broken.push_back({project.functions[i].name, std::move(good.error())});
    project.functions.erase(project.functions.begin() + static_cast<std::ptrdiff_t>(i));
    i = 0;
  }
}

}  // namespace

const Function* Project::find(std::string_view name) const {
  const auto found = std::find_if(functions.begin(), functions.end(),
                                  [&](const Function& f) { return f.name == name; });
  return found == functions.end() ? nullptr : &*found;
}

Result<const Function*> Project::function(std::string_view name) const {
  if (const Function* found = find(name)) return found;
  for (const BrokenFunction& one : broken) {
    if (one.name == name) return std::unexpected(one.why);
  }
  std::vector<std::string> names;
  for (const Function& f : functions) names.push_back(f.name);
  return fail(Kind::kNotFound, fmt::format("there is no function '{}'", name),
              names.empty() ? "the project has none: create functions/NAME/function.toml"
                            : did_you_mean(name, names));
}

std::optional<std::filesystem::path> find_project(const std::filesystem::path& start) {
  std::error_code code;
  std::filesystem::path folder = std::filesystem::absolute(start, code).lexically_normal();
  while (!code && !folder.empty()) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(folder / "sighter.toml", ignored)) return folder;
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  return std::nullopt;
}

Result<Project> read_project(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "sighter.toml";
  Result<std::string> text = read_text_file(path, limits::kConfigBytesMax);
  if (!text) return std::unexpected(text.error());
  auto document = toml_parse(*text, path.string());
  if (!document) return std::unexpected(document.error());
  const TomlTable root = (*document)->root();
  Project project;
  project.folder = folder;
  project.models.read(root, folder);
  project.store = read_store(root.table("store"), folder);
  project.serve = root.json("serve").value_or(Json());
  if (!project.serve.is_null() && !project.serve.is_object())
    root.mistake("serve", "'serve' must be a table", "[serve]");
  if (project.serve.is_object()) {
    const TomlTable serve = root.table("serve");
    project.serve_places[""] = serve.where();
    for (const std::string& key : serve.keys()) project.serve_places[key] = serve.where(key);
  }
  if (Status good = (*document)->finish(); !good) return std::unexpected(good.error());
  if (Status good = read_functions(folder / "functions", project); !good)
    return std::unexpected(good.error());
  set_broken_aside(project);
  return project;
}

Project no_project() {
  Project project;
  project.store.file = user_state_folder() / "store.db";
  return project;
}

}  // namespace sighter::functions
