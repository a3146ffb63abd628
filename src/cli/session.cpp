#include "cli/session.hpp"

#include <thread>

#include "base/file.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "serve/settings.hpp"

namespace sighter::cli {

namespace {

// A mistake in [serve] is told by every verb, as any other of the project's, and with its place.
Status check_serve(const functions::Project& project) {
  const Result<serve::Settings> settings = serve::read_settings(project.serve, project.folder);
  if (settings) return {};
  const Error& error = settings.error();
  std::string where = "sighter.toml";
  std::size_t longest = 0;
  for (const auto& [key, place] : project.serve_places) {
    const bool meant =
        key.empty() || error.what.contains("] " + key) || error.what.contains("'" + key + "'");
    if (!meant || key.size() < longest) continue;
    longest = key.size();
    where = place;
  }
  return std::unexpected(error.in(where));
}

}  // namespace

Result<functions::Project> load_project(const Arguments& arguments) {
  const std::optional<std::string> named = arguments.text("project");
  std::optional<std::filesystem::path> folder;
  if (named) {
    folder = *named;
    std::error_code code;
    if (!std::filesystem::exists(*folder / "sighter.toml", code)) {
      return fail(Kind::kNotFound, fmt::format("{} holds no sighter.toml", *named),
                  fmt::format("sighter init {}", *named));
    }
  } else {
    std::error_code code;
    folder = functions::find_project(std::filesystem::current_path(code));
  }
  if (!folder) return functions::no_project();
  Result<functions::Project> project = functions::read_project(*folder);
  if (!project) return project;
  if (Status good = check_serve(*project); !good) return std::unexpected(good.error());
  return project;
}

std::filesystem::path store_file_of(const functions::Project& project) {
  if (!project.store.file.empty()) return project.store.file;
  return project.folder.empty() ? user_state_folder() / "store.db"
                                : project.folder / ".sighter" / "store.db";
}

Session::Session(Level level) : log_(level) {}

void Session::tell_broken(Terminal& terminal) const {
  for (const functions::BrokenFunction& one : project().broken)
    terminal.remark(fmt::format("left out, since it holds a mistake: {}\n", one.why.what));
}

Result<std::unique_ptr<Session>> Session::open(const Arguments& arguments, Terminal& terminal,
                                               SessionOptions options) {
  Result<functions::Project> project = load_project(arguments);
  if (!project) return std::unexpected(project.error());
  std::unique_ptr<Session> session(
      new Session(terminal.verbose() ? Level::kInfo : Level::kWarning));
  session->project_folder_ = project->folder;
  session->store_file_ = store_file_of(*project);
  if (options.with_store) {
    if (Status made = make_folders(session->store_file_.parent_path()); !made && !options.read_only)
      return std::unexpected(made.error());
    store::Options store_options;
    store_options.read_only = options.read_only;
    Result<std::unique_ptr<store::Store>> store =
        store::Store::open(session->store_file_, session->clock_, store_options);
    if (!store) return std::unexpected(store.error());
    session->store_ = std::move(*store);
  }
  if (options.with_inflight) {
    Result<std::unique_ptr<store::Inflight>> inflight =
        store::Inflight::open(session->inflight_folder());
    if (!inflight) return std::unexpected(inflight.error());
    session->inflight_ = std::move(*inflight);
  }
  const std::size_t processors = std::max(1u, std::thread::hardware_concurrency());
  session->core_ = std::make_unique<io::Core>("main", session->clock_);
  Session* s = session.get();
  models::ModelsConfig models = project->models;
  s->core_->call([s] { s->signals_ = std::make_unique<io::StopSignals>(*s->core_); });
  s->hub_ = std::make_unique<models::Hub>(std::move(models), s->clock_, s->log_, processors);
  s->shared_ = std::make_unique<functions::Shared>(std::move(*project), *s->hub_, s->store_.get(),
                                                   s->clock_, s->log_, s->inflight_.get());
  s->core_->call([s] { s->engine_ = std::make_unique<functions::Engine>(*s->core_, *s->shared_); });
  return session;
}

Session::~Session() {
  if (core_) {
    core_->call([this] {
      engine_.reset();
      signals_.reset();
    });
  }
  shared_.reset();
  hub_.reset();
  core_.reset();
  // The in-flight file after the store: a slot is free once its row is committed.
  if (store_) {
    const Status closed = store_->close();
    if (!closed) log_.error("store", closed.error().what);
  }
}

}  // namespace sighter::cli
