#pragma once
// Which function runs which verb. A verb that has no line in verbs_run.cpp does not exist: help,
// completions, the man page and the parser all start from linked_verbs().
//
// To add a verb: its row in text/verbs_table.cpp, its file cli/verb_NAME.cpp, its line in
// verbs_run.cpp.

#include "base/error.hpp"
#include "text/verbs.hpp"

namespace sighter::cli {

class Arguments;
class Terminal;

// The process's exit code, or the error that main prints (and turns into 1 or 2). What the verb
// prints goes to the terminal alone; main flushes it and sees whether all of it could be written.
using VerbFunction = Result<int> (*)(const Arguments&, Terminal&);

Result<int> run_init(const Arguments& arguments, Terminal& terminal);
Result<int> run_fire(const Arguments& arguments, Terminal& terminal);
Result<int> run_ready(const Arguments& arguments, Terminal& terminal);
Result<int> run_serve(const Arguments& arguments, Terminal& terminal);
Result<int> run_log(const Arguments& arguments, Terminal& terminal);
Result<int> run_store(const Arguments& arguments, Terminal& terminal);
Result<int> run_doctor(const Arguments& arguments, Terminal& terminal);
Result<int> run_demo(const Arguments& arguments, Terminal& terminal);
Result<int> run_help(const Arguments& arguments, Terminal& terminal);
Result<int> run_version(const Arguments& arguments, Terminal& terminal);
Result<int> run_completions(const Arguments& arguments, Terminal& terminal);
Result<int> run_man(const Arguments& arguments, Terminal& terminal);

// The verbs of text::all_verbs() that this program has, in that order.
text::Verbs linked_verbs();
// CHECKs that the verb is linked.
VerbFunction function_of(const text::Verb& verb);

}  // namespace sighter::cli
