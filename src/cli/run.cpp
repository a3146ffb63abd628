#include "cli/run.hpp"

#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"
#include "io/subprocess.hpp"

namespace sighter::cli {
namespace {

bool wants_json(const Arguments& arguments) {
  const text::Verb* verb = arguments.child() ? arguments.child() : arguments.verb();
  return text::find_option(verb, "json") && arguments.flag("json");
}

// For people on standard error; with --json for programs, too, as the last object on standard
// output.
int report(Terminal& terminal, const Error& error, bool json) {
  if (json) {
    const Json told = Json::object(
        {{"kind", to_string(error.kind)}, {"message", error.what}, {"hint", error.hint}});
    terminal.out(json_write(Json::object({{"error", told}})) + "\n");
  }
  terminal.error(error);
  return exit_code(error.kind);
}

Result<int> run_verb(const Arguments& arguments, Terminal& terminal) {
  if (arguments.flag("version")) return run_version(arguments, terminal);
  if (arguments.help() || !arguments.verb()) return run_help(arguments, terminal);
  return function_of(*arguments.verb())(arguments, terminal);
}

// Exceptions end here: what can go wrong for a reason is a Result, this is a bug or no memory.
Result<int> run_guarded(const Arguments& arguments, Terminal& terminal) {
  try {
    return run_verb(arguments, terminal);
  } catch (const std::bad_alloc&) {
    return fail(Kind::kUnavailable, "out of memory",
                "what was finished is stored; try fewer rows at a time (--parallel)");
  } catch (const std::exception& exception) {
    return fail(Kind::kInternal, fmt::format("a fault of sighter: {}", exception.what()),
                "what was finished is stored; please report this");
  }
}

}  // namespace

int run(std::span<const char* const> words, TerminalSetup setup) {
  io::keep_memory_private();
  Result<Arguments> arguments = parse_arguments(words, linked_verbs());
  if (!arguments) {
    Terminal terminal(std::move(setup));
    return report(terminal, arguments.error(), false);
  }
  setup.color = arguments->color();
  setup.quiet = arguments->flag("quiet");
  setup.verbose = arguments->flag("verbose");
  Terminal terminal(std::move(setup));
  const Result<int> result = run_guarded(*arguments, terminal);
  int code = result ? *result : report(terminal, result.error(), wants_json(*arguments));
  if (const Status written = terminal.flush(); !written) {
    terminal.error(written.error());
    if (code == 0) code = 1;
  }
  return code;
}

}  // namespace sighter::cli
