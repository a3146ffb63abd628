// sighter version, sighter --version

#include "base/json.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {

Result<int> run_version(const Arguments& arguments, Terminal& terminal) {
  const bool json = text::find_option(arguments.verb(), "json") && arguments.flag("json");
  terminal.out(json ? json_write(Json::object({{"version", SIGHTER_VERSION}})) + "\n"
                    : "sighter " SIGHTER_VERSION "\n");
  return 0;
}

}  // namespace sighter::cli
