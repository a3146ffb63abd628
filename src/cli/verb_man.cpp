// sighter man

#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {

Result<int> run_man(const Arguments&, Terminal& terminal) {
  terminal.out(text::man_page(linked_verbs(), SIGHTER_VERSION));
  if (terminal.out_is_terminal()) {
    terminal.remark(terminal.styled_err(Style::kDim, "to read it: sighter man | man -l -\n"));
  }
  return 0;
}

}  // namespace sighter::cli
