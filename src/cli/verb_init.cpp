// sighter init [DIR]: a project that runs at once. Never overwrites.

#include "base/file.hpp"
#include "base/json.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {

struct StarterFile {
  std::string_view path;
  std::string_view content;
};
extern const StarterFile kStarterFiles[];
extern const std::size_t kStarterFileCount;

Result<int> run_init(const Arguments& arguments, Terminal& terminal) {
  const std::filesystem::path folder = arguments.positional("DIR").value_or(".");
  const bool json = arguments.flag("json");
  Json files = Json::array();
  int made = 0;
  for (std::size_t i = 0; i < kStarterFileCount; ++i) {
    const StarterFile& file = kStarterFiles[i];
    const std::filesystem::path path = folder / file.path;
    if (Status folders = make_folders(path.parent_path().empty() ? "." : path.parent_path());
        !folders)
      return std::unexpected(folders.error());
    const Status created = create_file(path, file.content);
    if (!created && created.error().kind != Kind::kConflict)
      return std::unexpected(created.error());
    made += created.has_value() ? 1 : 0;
    const std::string name = path.lexically_normal().string();
    files.as_array().push_back(Json::object({{"file", name}, {"made", created.has_value()}}));
    if (!json) terminal.out(fmt::format("{}  {}\n", created ? "made" : "kept", name));
  }
  if (json) {
    terminal.out(json_write(Json::object({{"folder", folder.string()}, {"files", files}})) + "\n");
    return 0;
  }
  const bool here = folder == ".";
  const std::string enter = here ? "" : fmt::format("cd {} && ", folder.string());
  terminal.out(fmt::format(
      "\nNext:\n  {}sighter ready triage\n  {}sighter fire triage \"I was charged twice\"\n  then "
      "edit functions/triage/cases.jsonl: your own messages, your own labels\n",
      enter, enter));
  if (made == 0) terminal.remark("everything was there already: nothing was changed\n");
  return 0;
}

}  // namespace sighter::cli
