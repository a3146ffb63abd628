#pragma once
// The program from its words to its exit code; main() adds what concerns the process alone.

#include <span>

namespace sighter::cli {

struct TerminalSetup;

// Parses, runs the verb, reports its error, and sees whether all output could be written. Nothing
// is thrown. `setup` says where output goes; colour, --quiet and --verbose come from the words.
int run(std::span<const char* const> words, TerminalSetup setup);

}  // namespace sighter::cli
