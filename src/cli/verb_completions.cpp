// sighter completions SHELL

#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {

Result<int> run_completions(const Arguments& arguments, Terminal& terminal) {
  terminal.out(text::completion_script(linked_verbs(), *arguments.positional("SHELL")));
  return 0;
}

}  // namespace sighter::cli
