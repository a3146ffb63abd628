#pragma once
// What a verb works with: the project, the store, one event core with an engine on it, Ctrl-C.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/id.hpp"
#include "base/log.hpp"
#include "functions/engine.hpp"
#include "io/core.hpp"
#include "io/scope.hpp"
#include "io/signals.hpp"
#include "models/router.hpp"
#include "store/inflight.hpp"
#include "store/store.hpp"

namespace sighter::cli {

class Arguments;
class Terminal;

struct SessionOptions {
  bool read_only = false;  // of the store
  bool with_store = true;
  bool with_inflight = false;  // calls that nobody waits for survive a kill
};

class Session {
 public:
  // The project of --project or of the folder upwards; none is no error (then rows go to the user's
  // state folder). Errors of the project's files and of the store.
  static Result<std::unique_ptr<Session>> open(const Arguments& arguments, Terminal& terminal,
                                               SessionOptions options = {});
  ~Session();

  bool in_project() const { return !project_folder_.empty(); }
  const functions::Project& project() const { return shared_->project(); }
  // Says on standard error which functions of the project hold a mistake.
  void tell_broken(Terminal& terminal) const;
  store::Store* store() { return store_.get(); }
  const std::filesystem::path& store_file() const { return store_file_; }
  functions::Engine& engine() { return *engine_; }
  io::Core& core() { return *core_; }
  functions::Shared& shared() { return *shared_; }
  models::Hub& hub() { return *hub_; }
  // Where this process and those before it keep what they have asked and not yet stored.
  std::filesystem::path inflight_folder() const { return store_file_.parent_path() / "in_flight"; }
  const Clock& clock() const { return clock_; }
  Log& log() { return log_; }
  IdMaker& ids() { return ids_; }
  io::StopSignals& signals() { return *signals_; }
  const io::StopSignals& signals() const { return *signals_; }

  template <class T>
  T run(io::Task<T> task) {
    return io::run_blocking(*core_, std::move(task));
  }

 private:
  explicit Session(Level level);
  RealClock clock_;
  Log log_;
  IdMaker ids_{clock_};
  std::filesystem::path project_folder_, store_file_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::Inflight> inflight_;
  std::unique_ptr<io::Core> core_;
  std::unique_ptr<io::StopSignals> signals_;
  std::unique_ptr<models::Hub> hub_;
  std::unique_ptr<functions::Shared> shared_;
  std::unique_ptr<functions::Engine> engine_;
};

// The project that the words and the current folder mean.
Result<functions::Project> load_project(const Arguments& arguments);
// Where its rows are.
std::filesystem::path store_file_of(const functions::Project& project);

}  // namespace sighter::cli
