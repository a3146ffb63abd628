#include "cli/verbs_run.hpp"

#include <string_view>

#include "base/check.hpp"

namespace sighter::cli {
namespace {

struct Run {
  std::string_view verb;
  VerbFunction function;
};

constexpr Run kRuns[] = {
    {"init", run_init},
    {"fire", run_fire},
    {"ready", run_ready},
    {"serve", run_serve},
    {"log", run_log},
    {"store", run_store},
    {"doctor", run_doctor},
    {"demo", run_demo},
    {"completions", run_completions},
    {"man", run_man},
    {"help", run_help},
    {"version", run_version},
};

VerbFunction find(std::string_view verb) {
  for (const Run& run : kRuns) {
    if (run.verb == verb) return run.function;
  }
  return nullptr;
}

}  // namespace

text::Verbs linked_verbs() {
  text::Verbs verbs;
  for (const text::Verb& verb : text::all_verbs()) {
    if (find(verb.name)) verbs.push_back(&verb);
  }
  return verbs;
}

VerbFunction function_of(const text::Verb& verb) {
  const VerbFunction function = find(verb.name);
  CHECK(function != nullptr);
  return function;
}

}  // namespace sighter::cli
