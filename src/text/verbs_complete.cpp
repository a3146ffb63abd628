// Completion scripts. They hold the table itself, so that completing starts no process; functions
// are read from the project's folder.

#include <fmt/format.h>

#include "text/verbs.hpp"

namespace sighter::text {
namespace {

// 'text' for any of the three shells' single quotes. Our own table has no other quote than this
// one.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string words_of(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words)
    out += fmt::format("{}{}", out.empty() ? "" : " ", word);
  return out;
}

std::string verb_words(const Verbs& verbs) {
  std::string out;
  for (const Verb* verb : verbs) {
    if (!verb->hidden) out += fmt::format("{}{}", out.empty() ? "" : " ", verb->name);
  }
  return out;
}

std::string child_words(const Verb& verb) {
  std::string out;
  for (const Verb& child : verb.children)
    out += fmt::format("{}{}", out.empty() ? "" : " ", child.name);
  return out;
}

// Calls each(key, verb, sub-command or null) for whatever takes options.
template <class Each>
void for_each_leaf(const Verbs& verbs, Each each) {
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    if (verb->children.empty()) each(std::string(verb->name), *verb);
    for (const Verb& child : verb->children)
      each(fmt::format("{} {}", verb->name, child.name), child);
  }
}

// The shell code, the same for bash and zsh, that prints the functions of the project.
constexpr std::string_view kListFunctions = R"(_sighter_functions() {
  local folder=$PWD file
  while [ -n "$folder" ] && [ ! -f "$folder/sighter.toml" ]; do folder=${folder%/*}; done
  for file in "$folder"/functions/*/function.toml; do
    [ -f "$file" ] || continue
    file=${file%/function.toml}
    printf '%s\n' "${file##*/}"
  done
}
)";

// ---- bash
// ------------------------------------------------------------------------------------------

std::string bash_offer(ValueType type, std::span<const std::string_view> words,
                       const Verbs& verbs) {
  switch (type) {
    case ValueType::kWord:
      return fmt::format("_sighter_words {}", shell_word(words_of(words)));
    case ValueType::kVerb:
      return fmt::format("_sighter_words {}", shell_word(verb_words(verbs)));
    case ValueType::kFile:
      return "_sighter_files -f";
    case ValueType::kFolder:
      return "_sighter_files -d";
    case ValueType::kFunction:
      return "_sighter_words \"$(_sighter_functions)\"";
    case ValueType::kFunctionOrFile:
      return "_sighter_words \"$(_sighter_functions)\"; _sighter_files -f";
    default:
      return ":";
  }
}

std::string bash_flags(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) out += fmt::format(" --{}", option.name);
  return out;
}

// "--model|-m"
std::string bash_pattern(const Option& option) {
  return option.letter ? fmt::format("--{}|-{}", option.name, option.letter)
                       : fmt::format("--{}", option.name);
}

void bash_values(std::string& out, std::string_view key, std::span<const Option> options,
                 const Verbs& verbs) {
  for (const Option& option : options) {
    if (option.type == ValueType::kFlag || option.value_optional) continue;
    std::string pattern;
    if (key.empty()) {
      pattern = fmt::format("*:--{}", option.name);
      if (option.letter) pattern += fmt::format("|*:-{}", option.letter);
    } else {
      pattern = fmt::format("{}:--{}", shell_word(key), option.name);
      if (option.letter) pattern += fmt::format("|{}:-{}", shell_word(key), option.letter);
    }
    out += fmt::format("    {}) {}; return ;;\n", pattern,
                       bash_offer(option.type, option.words, verbs));
  }
}

std::string bash_script(const Verbs& verbs) {
  std::string out = "# Completion of sighter for bash.\n";
  out += kListFunctions;
  out += R"(_sighter_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }
_sighter_files() { local IFS=$'\n'; compopt -o filenames; COMPREPLY+=($(compgen "$1" -- "$cur")); }
_sighter() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} key='' count=0 at word
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=${COMP_WORDS[at]}
    case "$word" in
)";
  std::string with_value;
  const auto note = [&](std::span<const Option> options) {
    for (const Option& option : options) {
      if (option.type == ValueType::kFlag || option.value_optional) continue;
      const std::string pattern = bash_pattern(option);
      if (("|" + with_value + "|").find("|" + pattern + "|") != std::string::npos) continue;
      with_value += (with_value.empty() ? "" : "|") + pattern;
    }
  };
  note(global_options());
  for_each_leaf(verbs, [&](const std::string&, const Verb& leaf) { note(leaf.options); });
  out +=
      fmt::format("      {}) at=$((at + 1)) ;;\n      -*) ;;\n      *)\n        case \"$key\" in\n",
                  with_value);
  out += "          '') key=$word ;;\n";
  for (const Verb* verb : verbs) {
    if (!verb->children.empty())
      out += fmt::format("          {0}) key=\"{0} $word\" ;;\n", verb->name);
  }
  out += "          *) count=$((count + 1)) ;;\n        esac ;;\n    esac\n  done\n";
  std::string aliases;
  for (const Verb* verb : verbs) {
    if (verb->alias.empty()) continue;
    aliases += fmt::format("    {}) key={} ;;\n", verb->alias, verb->name);
  }
  if (!aliases.empty()) out += "  case \"$key\" in\n" + aliases + "  esac\n";
  out += "  case \"$key:$prev\" in\n";
  bash_values(out, "", global_options(), verbs);
  for_each_leaf(verbs, [&](const std::string& key, const Verb& leaf) {
    bash_values(out, key, leaf.options, verbs);
  });
  out += "  esac\n  if [[ $cur == -* ]]; then\n    case \"$key\" in\n";
  const std::string global = bash_flags(global_options());
  for_each_leaf(verbs, [&](const std::string& key, const Verb& leaf) {
    out += fmt::format("      {}) _sighter_words '{}{}' ;;\n", shell_word(key),
                       bash_flags(leaf.options).erase(0, leaf.options.empty() ? 0 : 1), global);
  });
  out += fmt::format("      *) _sighter_words '{}' ;;\n    esac\n    return\n  fi\n",
                     global.substr(1));
  out += "  case \"$key:$count\" in\n";
  out += fmt::format("    :0) _sighter_words '{}' ;;\n", verb_words(verbs));
  for (const Verb* verb : verbs) {
    if (!verb->children.empty()) {
      out += fmt::format("    {}:0) _sighter_words '{}' ;;\n", verb->name, child_words(*verb));
    }
  }
  for_each_leaf(verbs, [&](const std::string& key, const Verb& leaf) {
    for (std::size_t i = 0; i < leaf.positionals.size(); ++i) {
      const Positional& each = leaf.positionals[i];
      const std::string place = each.repeatable ? "*" : std::to_string(i);
      out += fmt::format("    {}:{}) {} ;;\n", shell_word(key), place,
                         bash_offer(each.type, each.words, verbs));
    }
  });
  return out + "  esac\n}\ncomplete -F _sighter sighter\n";
}

// ---- zsh
// -------------------------------------------------------------------------------------------

std::string zsh_action(ValueType type, std::span<const std::string_view> words,
                       const Verbs& verbs) {
  switch (type) {
    case ValueType::kWord:
      return fmt::format("({})", words_of(words));
    case ValueType::kVerb:
      return fmt::format("({})", verb_words(verbs));
    case ValueType::kFile:
      return "_files";
    case ValueType::kFolder:
      return "_files -/";
    case ValueType::kFunction:
      return "_sighter_offer_functions";
    case ValueType::kFunctionOrFile:
      return "_sighter_offer_functions_and_files";
    default:
      return " ";
  }
}

// Text inside an _arguments specification, where brackets and colons mean something.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_options(std::span<const Option> options, const Verbs& verbs) {
  std::string out;
  for (const Option& option : options) {
    std::string rest = fmt::format("[{}]", zsh_text(option.help));
    if (option.type != ValueType::kFlag) {
      rest += fmt::format("{}:{}:{}", option.value_optional ? ":" : "", zsh_text(option.value),
                          zsh_action(option.type, option.words, verbs));
    }
    const std::string star = option.repeatable ? "*" : "";
    out += fmt::format(" \\\n    {}", shell_word(fmt::format("{}--{}{}", star, option.name, rest)));
    if (option.letter)
      out += fmt::format(" \\\n    {}", shell_word(fmt::format("{}-{}{}", star, option.letter, rest)));
  }
  return out;
}

std::string zsh_leaf(const Verb& leaf, const Verbs& verbs) {
  std::string out = "_arguments $globals" + zsh_options(leaf.options, verbs);
  for (std::size_t i = 0; i < leaf.positionals.size(); ++i) {
    const Positional& each = leaf.positionals[i];
    const std::string place = each.repeatable ? "*" : std::to_string(i + 1);
    out +=
        fmt::format(" \\\n    {}", shell_word(fmt::format("{}:{}:{}", place, zsh_text(each.name),
                                                      zsh_action(each.type, each.words, verbs))));
  }
  return out;
}

template <class Item>
std::string zsh_described(const Item& verb) {
  return shell_word(fmt::format("{}:{}", verb.name, zsh_text(verb.summary)));
}

// The function that completes what follows a verb.
std::string zsh_verb(const Verb& verb, const Verbs& verbs) {
  std::string out = fmt::format("_sighter_{}() {{\n", verb.name);
  if (verb.children.empty()) {
    out += "  " + zsh_leaf(verb, verbs) + "\n}\n";
  } else {
    out += "  commands=(\n";
    for (const Verb& child : verb.children) out += fmt::format("    {}\n", zsh_described(child));
    out +=
        "  )\n  _arguments -C $globals '1:command:->command' '*::argument:->rest'\n"
        "  case $state in\n    command) _describe -t commands command commands ;;\n"
        "    rest)\n      case $words[1] in\n";
    for (const Verb& child : verb.children) {
      out += fmt::format("        {}) {} ;;\n", child.name, zsh_leaf(child, verbs));
    }
    out += "      esac ;;\n  esac\n}\n";
  }
  if (verb.alias.empty()) return out;
  return out + fmt::format("_sighter_{}() {{ _sighter_{}; }}\n", verb.alias, verb.name);
}

std::string zsh_script(const Verbs& verbs) {
  std::string out = "#compdef sighter\n# Completion of sighter for zsh.\n";
  out += kListFunctions;
  out += R"sh(_sighter_offer_functions() {
  local -a names
  names=(${(f)"$(_sighter_functions)"})
  compadd -a names
}
_sighter_offer_functions_and_files() { _sighter_offer_functions; _files; }
_sighter() {
  local curcontext="$curcontext" state line
  local -a globals verbs commands
  typeset -A opt_args
)sh";
  out += "  globals=(" + zsh_options(global_options(), verbs) + "\n  )\n  verbs=(\n";
  for (const Verb* verb : verbs) {
    if (!verb->hidden) out += fmt::format("    {}\n", zsh_described(*verb));
  }
  out +=
      "  )\n  _arguments -C $globals '1:verb:->verb' '*::argument:->arguments'\n"
      "  case $state in\n    verb) _describe -t verbs verb verbs ;;\n"
      "    arguments) (( $+functions[_sighter_$words[1]] )) && _sighter_$words[1] ;;\n  esac\n}\n";
  for (const Verb* verb : verbs) {
    if (!verb->hidden) out += zsh_verb(*verb, verbs);
  }
  return out +
         "if [ \"$funcstack[1]\" = _sighter ]; then _sighter \"$@\"; else compdef _sighter "
         "sighter; "
         "fi\n";
}

// ---- fish
// ------------------------------------------------------------------------------------------

std::string fish_offer(ValueType type, std::span<const std::string_view> words,
                       const Verbs& verbs) {
  switch (type) {
    case ValueType::kWord:
      return fmt::format(" -x -a {}", shell_word(words_of(words)));
    case ValueType::kVerb:
      return fmt::format(" -x -a {}", shell_word(verb_words(verbs)));
    case ValueType::kFile:
      return " -r -F";
    case ValueType::kFolder:
      return " -x -a '(__fish_complete_directories)'";
    case ValueType::kFunction:
      return " -x -a '(__sighter_functions)'";
    case ValueType::kFunctionOrFile:
      return " -r -F -a '(__sighter_functions)'";
    default:
      return " -x";
  }
}

std::string fish_option(std::string_view when, const Option& option, const Verbs& verbs) {
  std::string out = "complete -c sighter";
  if (!when.empty()) out += fmt::format(" -n {}", shell_word(when));
  out += fmt::format(" -l {}", option.name);
  if (option.letter) out += fmt::format(" -s {}", option.letter);
  if (option.type != ValueType::kFlag && !option.value_optional) {
    out += fish_offer(option.type, option.words, verbs);
  }
  return out + fmt::format(" -d {}\n", shell_word(option.help));
}

// A condition that holds once the verb (and the sub-command, when there is one) was typed.
std::string fish_seen(const Verb& verb, const Verb* child) {
  std::string out = fmt::format("__fish_seen_subcommand_from {}", verb.name);
  if (!verb.alias.empty()) out += fmt::format(" {}", verb.alias);
  if (child) out += fmt::format("; and __fish_seen_subcommand_from {}", child->name);
  return out;
}

void fish_leaf(std::string& out, const Verb& verb, const Verb* child, const Verbs& verbs) {
  const Verb& leaf = child ? *child : verb;
  const std::string when = fish_seen(verb, child);
  for (const Option& option : leaf.options) out += fish_option(when, option, verbs);
  for (const Positional& each : leaf.positionals) {
    const std::string offer = fish_offer(each.type, each.words, verbs);
    if (offer != " -x") out += fmt::format("complete -c sighter -n {}{}\n", shell_word(when), offer);
  }
}

std::string fish_script(const Verbs& verbs) {
  std::string out = R"(# Completion of sighter for fish.
function __sighter_functions
  set -l folder $PWD
  while test -n "$folder"; and not test -f "$folder/sighter.toml"
    set folder (string replace -r '/[^/]*$' '' -- $folder)
  end
  for file in $folder/functions/*/function.toml
    string replace -r '.*/([^/]*)/function.toml$' '$1' -- $file
  end
end
complete -c sighter -f
)";
  for (const Option& option : global_options()) out += fish_option("", option, verbs);
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    out += fmt::format("complete -c sighter -n __fish_use_subcommand -a {} -d {}\n", verb->name,
                       shell_word(verb->summary));
    if (verb->children.empty()) fish_leaf(out, *verb, nullptr, verbs);
    for (const Verb& child : verb->children) {
      out += fmt::format("complete -c sighter -n {} -a {} -d {}\n",
                         shell_word(fmt::format("{}; and not __fish_seen_subcommand_from {}",
                                            fish_seen(*verb, nullptr), child_words(*verb))),
                         child.name, shell_word(child.summary));
      fish_leaf(out, *verb, &child, verbs);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const Verbs& verbs, std::string_view shell) {
  if (shell == "bash") return bash_script(verbs);
  if (shell == "zsh") return zsh_script(verbs);
  return fish_script(verbs);
}

}  // namespace sighter::text
