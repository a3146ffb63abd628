// Help and the reference, made from the table.

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "text/verbs.hpp"

namespace sighter::text {
namespace {

// The words of a paragraph in lines that end before `width`, from `indent` on. The first line
// starts behind what the caller has written already.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t column = indent;
  bool first = true;
  std::size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const std::size_t columns = display_width(word);
    if (!first && column + 1 + columns > width) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns;
    first = false;
    at = end;
  }
  return out;
}

std::string paragraphs(std::string_view text, std::size_t width) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    out += wrapped(text.substr(0, end), 0, width) + "\n\n";
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
  }
  return out;
}

// "-m, --model MODEL" or "    --json"
std::string option_form(const Option& option) {
  std::string form = option.letter ? fmt::format("-{}, --{}", option.letter, option.name)
                                   : fmt::format("    --{}", option.name);
  if (option.type == ValueType::kFlag) return form;
  if (option.value_optional) return form + fmt::format(" [{}]", option.value);
  return form + fmt::format(" {}", option.value);
}

std::string option_help(const Option& option) {
  std::string help(option.help);
  if (option.repeatable) help += "; may be repeated";
  if (!option.otherwise.empty()) help += fmt::format(" (default: {})", option.otherwise);
  return help;
}

std::string positional_form(const Positional& positional) {
  std::string form(positional.name);
  if (positional.repeatable) form += "...";
  return positional.required ? form : "[" + form + "]";
}

struct Line {
  std::string left, right;
};

// Two columns; the right one wraps, and starts on a line of its own where the left one is too long.
std::string two_columns(const std::vector<Line>& lines, const HelpLook& look) {
  std::size_t left = 0;
  for (const Line& line : lines) left = std::max(left, line.left.size());
  left = std::min(left, look.width / 3 + 2);
  const std::size_t indent = left + 4;
  std::string out;
  for (const Line& line : lines) {
    out += fmt::format("  {}{}{}", look.bold, line.left, look.off);
    if (line.left.size() > left) {
      out += '\n';
      out.append(indent, ' ');
    } else {
      out.append(left - line.left.size() + 2, ' ');
    }
    out += wrapped(line.right, indent, look.width) + "\n";
  }
  return out;
}

std::string title(std::string_view text, const HelpLook& look) {
  return fmt::format("{}{}{}\n", look.bold, text, look.off);
}

std::vector<Line> option_lines(std::span<const Option> options) {
  std::vector<Line> lines;
  for (const Option& option : options) lines.push_back({option_form(option), option_help(option)});
  return lines;
}

std::string examples_text(std::span<const Example> examples, const HelpLook& look) {
  std::string out;
  for (const Example& example : examples) {
    out += fmt::format("  {}\n", example.command);
    out += fmt::format("      {}{}{}\n", look.dim, wrapped(example.does, 6, look.width), look.off);
  }
  return out;
}

std::string verb_name(const Verb& verb, const Verb* child) {
  return child ? fmt::format("{} {}", verb.name, child->name) : std::string(verb.name);
}

}  // namespace

std::string usage_line(const Verb& verb, const Verb* child) {
  std::string line = "sighter " + verb_name(verb, child);
  const Verb& last = child ? *child : verb;
  if (!last.children.empty()) return line + " COMMAND [options]";
  for (const Positional& positional : last.positionals) line += " " + positional_form(positional);
  return line + " [options]";
}

std::string help_overview(const Verbs& verbs, const HelpLook& look) {
  std::string out = "Prove that a model is good enough, before and after you ship it.\n\n";
  out += title("Usage", look) + "  sighter VERB [arguments] [options]\n\n";
  out += title("Verbs", look);
  std::vector<Line> lines;
  for (const Verb* verb : verbs) {
    if (!verb->hidden) lines.push_back({std::string(verb->name), std::string(verb->summary)});
  }
  out += two_columns(lines, look) + "\n";
  out += title("Options of every verb", look);
  out += two_columns(option_lines(global_options()), look) + "\n";
  out += fmt::format("{}'sighter VERB --help' shows a verb's arguments, options and examples.{}\n",
                     look.dim, look.off);
  return out;
}

std::string help_verb(const Verb& verb, const Verb* child, const HelpLook& look) {
  const Verb& last = child ? *child : verb;
  const std::string name = "sighter " + verb_name(verb, child);
  std::string out = wrapped(fmt::format("{} - {}", name, last.summary), 0, look.width) + "\n\n";
  out.replace(0, name.size(), fmt::format("{}{}{}", look.bold, name, look.off));
  out += title("Usage", look) + "  " + wrapped(usage_line(verb, child), 4, look.width) + "\n\n";
  out += paragraphs(last.about, look.width);
  if (!last.children.empty()) {
    std::vector<Line> lines;
    for (const Verb& each : last.children) {
      lines.push_back({std::string(each.name), std::string(each.summary)});
    }
    out += title("Commands", look) + two_columns(lines, look) + "\n";
  }
  if (!last.positionals.empty()) {
    std::vector<Line> lines;
    for (const Positional& each : last.positionals) {
      lines.push_back({std::string(each.name), std::string(each.help)});
    }
    out += title("Arguments", look) + two_columns(lines, look) + "\n";
  }
  if (!last.options.empty()) {
    out += title("Options", look) + two_columns(option_lines(last.options), look) + "\n";
  }
  out += title("Options of every verb", look);
  out += two_columns(option_lines(global_options()), look);
  if (!last.examples.empty()) {
    out += "\n" + title("Examples", look) + examples_text(last.examples, look);
  }
  if (!verb.alias.empty()) out += fmt::format("\nAlso called 'sighter {}'.\n", verb.alias);
  return out;
}

namespace {

// Text that Markdown shows as it is inside a table cell.
std::string escaped_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '*' || c == '_' || c == '<') out += '\\';
    out += c;
  }
  return out;
}

// A code span in a table cell: the bar is the one character that ends the cell.
std::string code_cell(std::string_view text) {
  std::string out = "`";
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out + "`";
}

std::string markdown_options(std::span<const Option> options) {
  std::string out = "| option | meaning | default |\n|---|---|---|\n";
  for (const Option& option : options) {
    std::string form = option_form(option);
    form.erase(0, form.find('-'));
    std::string help(option.help);
    if (option.repeatable) help += "; may be repeated";
    out += fmt::format("| {} | {} | {} |\n", code_cell(form), escaped_cell(help),
                       escaped_cell(option.otherwise));
  }
  return out + "\n";
}

void markdown_verb(std::string& out, const Verb& verb, const Verb* child) {
  const Verb& last = child ? *child : verb;
  out += fmt::format("{} sighter {}\n\n", child ? "###" : "##", verb_name(verb, child));
  out += fmt::format("```\n{}\n```\n\n{}\n\n", usage_line(verb, child), last.about);
  if (!verb.alias.empty()) out += fmt::format("Also called `sighter {}`.\n\n", verb.alias);
  if (!last.positionals.empty()) {
    out += "| argument | meaning |\n|---|---|\n";
    for (const Positional& each : last.positionals) {
      out += fmt::format("| {} | {} |\n", code_cell(each.name), escaped_cell(each.help));
    }
    out += "\n";
  }
  if (!last.options.empty()) out += markdown_options(last.options);
  if (!last.examples.empty()) {
    out += "```sh\n";
    for (const Example& example : last.examples) {
      out += fmt::format("# {}\n{}\n", example.does, example.command);
    }
    out += "```\n\n";
  }
  for (const Verb& each : last.children) markdown_verb(out, verb, &each);
}

}  // namespace

std::string reference_markdown(const Verbs& verbs) {
  std::string out =
      "# The command line\n\n"
      "Made by `sighter help --markdown`; a test compares the two.\n\n"
      "```\nsighter VERB [arguments] [options]\n```\n\n"
      "Exit codes: 0 done, READY or PASS; 1 error; 2 wrong usage; 100 NOT READY or FAIL;\n"
      "101 UNDECIDED; 130 stopped by Ctrl-C, 143 by SIGTERM.\n\n"
      "| verb | what it does |\n|---|---|\n";
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    out += fmt::format("| [{0}](#sighter-{0}) | {1} |\n", verb->name, escaped_cell(verb->summary));
  }
  out += "\n## Options of every verb\n\n" + markdown_options(global_options());
  for (const Verb* verb : verbs) {
    if (!verb->hidden) markdown_verb(out, *verb, nullptr);
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace sighter::text
