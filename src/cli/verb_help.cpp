// sighter help, sighter --help, sighter VERB --help

#include <algorithm>

#include "cli/arguments.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs_run.hpp"

namespace sighter::cli {
namespace {

constexpr std::size_t kProseColumnsMax = 100;

text::HelpLook look_of(const Terminal& terminal) {
  text::HelpLook look;
  look.width = std::min(terminal.width(), kProseColumnsMax);
  if (terminal.out_styles()) {
    look.bold = style_on(Style::kBold);
    look.dim = style_on(Style::kDim);
    look.off = style_off();
  }
  return look;
}

}  // namespace

Result<int> run_help(const Arguments& arguments, Terminal& terminal) {
  const text::Verbs verbs = linked_verbs();
  const text::Verb* verb = arguments.verb();
  const text::Verb* child = arguments.child();
  if (verb && verb->name == "help" && !arguments.help()) {
    if (arguments.flag("markdown")) {
      terminal.out(text::reference_markdown(verbs));
      return 0;
    }
    const std::vector<std::string> words = arguments.positionals("VERB");
    verb = words.empty() ? nullptr : text::find_verb(verbs, words[0]);
    if (!words.empty() && !verb) {
      const text::Unknown unknown = text::unknown_verb(verbs, words[0], SIGHTER_VERSION);
      return fail(Kind::kInvalid, unknown.what, unknown.hint);
    }
    child = words.size() > 1 ? text::find_child(*verb, words[1]) : nullptr;
    if (words.size() > 2 || (words.size() > 1 && !child)) {
      if (verb->children.empty()) return fail(Kind::kInvalid, "'sighter help' takes one verb here");
      const text::Unknown unknown = text::unknown_child(*verb, words[words.size() > 2 ? 2 : 1]);
      return fail(Kind::kInvalid, unknown.what, unknown.hint);
    }
  }
  const text::HelpLook look = look_of(terminal);
  terminal.out(verb ? text::help_verb(*verb, child, look) : text::help_overview(verbs, look));
  return 0;
}

}  // namespace sighter::cli
