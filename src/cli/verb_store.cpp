// sighter store prune | backup | check | size | erase

#include <unistd.h>

#include "cli/arguments.hpp"
#include "cli/session.hpp"
#include "cli/table.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {
namespace {

struct Opened {
  RealClock clock;
  functions::Project project;
  std::filesystem::path file;
  std::unique_ptr<store::Store> store;
};

Result<std::unique_ptr<Opened>> open_store(const Arguments& arguments, bool read_only) {
  auto opened = std::make_unique<Opened>();
  Result<functions::Project> project = load_project(arguments);
  if (!project) return std::unexpected(project.error());
  opened->project = std::move(*project);
  opened->file = store_file_of(opened->project);
  std::error_code code;
  if (!std::filesystem::exists(opened->file, code))
    return fail(Kind::kNotFound, fmt::format("there is no store at {} yet", opened->file.string()),
                "it is made by the first call: sighter fire ...");
  store::Options options;
  options.read_only = read_only;
  Result<std::unique_ptr<store::Store>> store =
      store::Store::open(opened->file, opened->clock, options);
  if (!store) return std::unexpected(store.error());
  opened->store = std::move(*store);
  return opened;
}

std::string bytes_words(std::int64_t bytes) {
  const double size = static_cast<double>(bytes);
  if (size >= 1e9) return fmt::format("{:.1f} GB", size / 1e9);
  if (size >= 1e6) return fmt::format("{:.1f} MB", size / 1e6);
  return fmt::format("{:.1f} kB", size / 1e3);
}

Result<int> print_size(Terminal& terminal, Opened& opened, bool json) {
  Result<store::StoreSize> size = opened.store->size();
  if (!size) return std::unexpected(size.error());
  if (json) {
    Json tables = Json::array();
    for (const store::TableSize& table : size->tables)
      tables.as_array().push_back(
          Json::object({{"table", table.table}, {"rows", table.rows}, {"bytes", table.bytes}}));
    terminal.out(json_write(Json::object({{"file", opened.file.string()},
                                          {"file_bytes", size->file_bytes},
                                          {"used_bytes", size->used_bytes},
                                          {"tables", std::move(tables)}})) +
                 "\n");
    return 0;
  }
  Table table({{"table"}, {"rows", true}, {"size", true}});
  for (const store::TableSize& row : size->tables)
    table.row({{row.table}, {fmt::format("{}", row.rows)}, {bytes_words(row.bytes)}});
  table.print(terminal);
  terminal.out(fmt::format("{}: {}, {} of it used\n", opened.file.string(),
                           bytes_words(size->file_bytes), bytes_words(size->used_bytes)));
  return 0;
}

Result<int> check(Terminal& terminal, Opened& opened, bool json) {
  Result<std::vector<std::string>> findings = opened.store->check();
  if (!findings) return std::unexpected(findings.error());
  if (json) {
    Json list = Json::array();
    for (const std::string& finding : *findings) list.as_array().push_back(finding);
    terminal.out(
        json_write(Json::object({{"ok", findings->empty()}, {"findings", std::move(list)}})) +
        "\n");
  } else if (findings->empty()) {
    terminal.out("the store is sound\n");
  } else {
    for (const std::string& finding : *findings) terminal.out(finding + "\n");
    terminal.out("make a backup (sighter store backup FILE) before anything else\n");
  }
  return findings->empty() ? 0 : 1;
}

// Nothing is deleted unasked where there is somebody to ask.
bool go_on(const Arguments& arguments, Terminal& terminal, std::string_view question) {
  if (arguments.flag("yes") || !::isatty(0) || !terminal.err_is_terminal()) return true;
  return terminal.confirm(question);
}

Result<int> prune(const Arguments& arguments, Terminal& terminal, Opened& opened, bool json) {
  store::PruneRequest request;
  request.keep = opened.project.store.keep;
  request.bytes_max = opened.project.store.bytes_max;
  if (const auto keep = arguments.text("keep")) {
    Result<std::chrono::seconds> parsed = store::parse_keep(*keep);
    if (!parsed) return std::unexpected(parsed.error());
    request.keep = *parsed;
  }
  if (const auto size = arguments.text("max-size")) {
    Result<std::int64_t> parsed = store::parse_bytes(*size);
    if (!parsed) return std::unexpected(parsed.error());
    request.bytes_max = *parsed;
  }
  if (!request.keep && !request.bytes_max)
    return fail(Kind::kInvalid, "how much shall be kept?",
                "--keep 90d, --max-size 2GB, or [store] keep in sighter.toml");
  if (arguments.flag("dry-run")) {
    store::CallFilter old;
    if (request.keep) old.until = opened.clock.system_now() - *request.keep;
    Result<std::vector<store::Aggregate>> sums =
        opened.store->aggregate(old, store::GroupBy::kNothing);
    if (!sums) return std::unexpected(sums.error());
    const std::int64_t calls = request.keep && !sums->empty() ? sums->front().calls : 0;
    terminal.out(json ? json_write(Json::object({{"calls_too_old", calls}})) + "\n"
                      : fmt::format("{} calls are older than what is kept\n", calls));
    return 0;
  }
  if (!go_on(arguments, terminal, "Delete old calls for good?")) return 0;
  Result<store::Erased> erased = opened.store->prune(request);
  if (!erased) return std::unexpected(erased.error());
  terminal.out(json ? json_write(Json::object(
                          {{"calls", erased->calls}, {"other_rows", erased->other_rows}})) +
                          "\n"
                    : fmt::format("{} calls and {} other rows removed\n", erased->calls,
                                  erased->other_rows));
  return 0;
}

Result<int> erase(const Arguments& arguments, Terminal& terminal, Opened& opened, bool json) {
  const auto tags = arguments.pairs("tag");
  if (tags.empty())
    return fail(Kind::kInvalid, "which calls?", "sighter store erase --tag user=42");
  const auto& [name, value] = tags.front();
  store::CallFilter filter;
  filter.tags.emplace_back(name, value);
  Result<std::vector<store::Aggregate>> sums =
      opened.store->aggregate(filter, store::GroupBy::kNothing);
  if (!sums) return std::unexpected(sums.error());
  const std::int64_t bearing = sums->empty() ? 0 : sums->front().calls;
  if (arguments.flag("dry-run")) {
    terminal.out(json ? json_write(Json::object({{"calls", bearing}})) + "\n"
                      : fmt::format("{} calls bear the tag\n", bearing));
    return 0;
  }
  if (!go_on(arguments, terminal,
             fmt::format("Erase {} calls for good, and what they called?", bearing)))
    return 0;
  Result<store::Erased> erased = opened.store->erase(name, value);
  if (!erased) return std::unexpected(erased.error());
  terminal.out(
      json ? json_write(
                 Json::object({{"calls", erased->calls}, {"other_rows", erased->other_rows}})) +
                 "\n"
           : fmt::format("{} calls and {} other rows erased\n", erased->calls, erased->other_rows));
  return 0;
}

}  // namespace

Result<int> run_store(const Arguments& arguments, Terminal& terminal) {
  const std::string_view what = arguments.child() != nullptr ? arguments.child()->name : "size";
  Result<std::unique_ptr<Opened>> opened = open_store(arguments, what == "size" || what == "check");
  if (!opened) return std::unexpected(opened.error());
  const bool json = arguments.flag("json");
  if (what == "size") return print_size(terminal, **opened, json);
  if (what == "check") return check(terminal, **opened, json);
  if (what == "prune") return prune(arguments, terminal, **opened, json);
  if (what == "erase") return erase(arguments, terminal, **opened, json);
  const std::string target = *arguments.positional("FILE");
  if (Status copied = (*opened)->store->backup(target); !copied)
    return std::unexpected(copied.error());
  terminal.out(json ? json_write(Json::object({{"file", target}})) + "\n"
                    : fmt::format("copied to {}\n", target));
  return 0;
}

}  // namespace sighter::cli
