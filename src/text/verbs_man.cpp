// The manual page, in man(7) macros.

#include <fmt/format.h>

#include "text/verbs.hpp"

namespace sighter::text {
namespace {

// Text that roff shows as it is: backslashes, dashes and leading dots and quotes mean something to
// it.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      default:
        out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

std::string about(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    out += roff(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    out += ".PP\n";
    text = text.substr(end + 2);
  }
  return out;
}

std::string option_entry(const Option& option) {
  std::string out = ".TP\n";
  if (option.letter) out += fmt::format("\\fB\\-{}\\fR, ", option.letter);
  out += fmt::format("\\fB{}\\fR", roff(fmt::format("--{}", option.name)));
  if (option.type != ValueType::kFlag) {
    const std::string value = fmt::format("\\fI{}\\fR", roff(option.value));
    out += option.value_optional ? " [" + value + "]" : " " + value;
  }
  std::string help(option.help);
  if (option.repeatable) help += "; may be repeated";
  out += "\n" + roff(help);
  if (!option.otherwise.empty()) out += fmt::format(" (default: {})", roff(option.otherwise));
  return out + "\n";
}

void verb_entry(std::string& out, const Verb& verb, const Verb* child) {
  const Verb& last = child ? *child : verb;
  out += fmt::format(".SS {}\n", roff(usage_line(verb, child)));
  out += about(last.about);
  if (!verb.alias.empty()) out += fmt::format(".PP\nAlso called \\fB{}\\fR.\n", roff(verb.alias));
  for (const Positional& each : last.positionals) {
    out += fmt::format(".TP\n\\fI{}\\fR\n{}\n", roff(each.name), roff(each.help));
  }
  for (const Option& option : last.options) out += option_entry(option);
  if (!last.examples.empty()) {
    out += ".PP\nExamples:\n.RS\n.nf\n";
    for (const Example& example : last.examples) {
      out += fmt::format("# {}\n{}\n", roff(example.does), roff(example.command));
    }
    out += ".fi\n.RE\n";
  }
  for (const Verb& each : last.children) verb_entry(out, verb, &each);
}

}  // namespace

std::string man_page(const Verbs& verbs, std::string_view version) {
  std::string out =
      fmt::format(".TH SIGHTER 1 \"\" \"sighter {}\" \"User Commands\"\n", roff(version));
  out += ".SH NAME\nsighter \\- prove that a model is good enough, before and after you ship it\n";
  out += ".SH SYNOPSIS\n\\fBsighter\\fR \\fIVERB\\fR [arguments] [options]\n.SH VERBS\n";
  for (const Verb* verb : verbs) {
    if (!verb->hidden) verb_entry(out, *verb, nullptr);
  }
  out += ".SH OPTIONS OF EVERY VERB\n";
  for (const Option& option : global_options()) out += option_entry(option);
  out +=
      ".SH ENVIRONMENT\n"
      ".TP\n\\fBNO_COLOR\\fR\nWhen set and not empty: no colours.\n"
      ".TP\n\\fBCLICOLOR_FORCE\\fR\nWhen set and not 0: colours, also into a pipe.\n"
      ".TP\n\\fBCOLUMNS\\fR\nThe width of what is no terminal.\n"
      ".TP\n\\fBXDG_STATE_HOME\\fR, \\fBXDG_CACHE_HOME\\fR\nWhere calls made outside a project, "
      "and what was fetched, are kept.\n";
  out +=
      ".SH EXIT STATUS\n"
      ".TP\n0\ndone, READY or PASS\n.TP\n1\nerror\n.TP\n2\nwrong usage\n"
      ".TP\n100\nNOT READY or FAIL\n.TP\n101\nUNDECIDED\n.TP\n130\nstopped by a second Ctrl\\-C\n";
  out +=
      ".SH FILES\n"
      ".TP\nsighter.toml\nthe project: store, providers, models\n"
      ".TP\nfunctions/NAME/function.toml\na function: contract, bar, bodies\n"
      ".TP\n\\&.sighter/\nwhat was stored; not for git\n";
  return out;
}

}  // namespace sighter::text
