#pragma once
// The one table of verbs and options. The parser of the command line, --help, the shells'
// completions, the man page, the reference in docs/ and the suggestions for typos all read it, so
// that they cannot disagree. Everything here is constant data without initialisation at start; any
// thread.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sighter::text {

// What a value must look like, and what a shell offers for it.
enum class ValueType {
  kFlag,            // no value
  kText,            // anything
  kWord,            // one of `words`
  kInteger,         // within [least, most]
  kNumber,          // within [least, most]
  kMoney,           // dollars: 0.50 or $0.50; never negative
  kPair,            // NAME=VALUE
  kList,            // A,B,C
  kFile,            // a path
  kFolder,          // a path of a folder
  kFunction,        // a function of the project
  kFunctionOrFile,  // a function of the project, or a file of cases
  kVerb,            // a verb
};

struct Option {
  std::string_view name = {};  // without its dashes
  char letter = 0;             // -m, or 0
  ValueType type = ValueType::kFlag;
  std::string_view value = {};      // what help calls the value; empty for a flag
  std::string_view help = {};       // one line, no full stop
  std::string_view otherwise = {};  // what holds when it is not given, in words; may be empty
  std::span<const std::string_view> words = {};
  double least = 0, most = 0;  // of kInteger and kNumber
  bool repeatable = false;
  bool value_optional = false;  // kInteger alone: `--wrong` and `--wrong 20` are both right
};

// An argument without dashes. The last one may be repeatable.
struct Positional {
  std::string_view name = {};
  ValueType type = ValueType::kText;
  std::string_view help = {};
  std::span<const std::string_view> words = {};
  bool required = false;
  bool repeatable = false;
};

struct Example {
  std::string_view command;
  std::string_view does;
};

struct Verb {
  std::string_view name = {};
  std::string_view alias = {};    // another name for it, or empty
  std::string_view summary = {};  // one line, no full stop
  // Paragraphs, separated by an empty line; wrapped where they are shown.
  std::string_view about = {};
  std::span<const Positional> positionals = {};
  std::span<const Option> options = {};
  std::span<const Example> examples = {};
  // Sub-commands; a verb with children takes one, and no positionals.
  std::span<const Verb> children = {};
  bool hidden = false;  // works, but no list names it
};

// A verb that the product's documents name and that this version does not have.
struct LaterVerb {
  std::string_view name = {};
  std::string_view alias = {};
  std::string_view summary = {};
};

// Every verb that the table describes, in the order in which help lists them. The program has those
// of them that are linked into it; the functions below take that choice.
std::span<const Verb> all_verbs();
std::span<const LaterVerb> later_verbs();
// Options that every verb takes, before or after its name.
std::span<const Option> global_options();

using Verbs = std::vector<const Verb*>;

// By name or alias; nullptr when there is none.
const Verb* find_verb(const Verbs& verbs, std::string_view name);
const Verb* find_child(const Verb& verb, std::string_view name);
// By name (without dashes) among the verb's options and the global ones; nullptr when there is
// none. `verb` may be null: the global ones alone.
const Option* find_option(const Verb* verb, std::string_view name);
const Option* find_option(const Verb* verb, char letter);

// What to say of a word that is no verb: what happened, and what was meant or what there is.
struct Unknown {
  std::string what;
  std::string hint;
};
Unknown unknown_verb(const Verbs& verbs, std::string_view word, std::string_view version);
Unknown unknown_child(const Verb& verb, std::string_view word);
// `option` with its dashes. Says so when another verb has an option of that name.
Unknown unknown_option(const Verbs& verbs, const Verb* verb, std::string_view option);

// Names that a function may not bear, because a verb has a sub-command of that name.
bool is_reserved_name(std::string_view name);

// How help looks: columns to wrap at, and what switches styles on and off (empty: no styles).
struct HelpLook {
  std::size_t width = 80;
  std::string_view bold, dim, off;
};
// `sighter --help`
std::string help_overview(const Verbs& verbs, const HelpLook& look);
// `sighter VERB --help`; `child` may be null.
std::string help_verb(const Verb& verb, const Verb* child, const HelpLook& look);
// "sighter fire [options] [FUNCTION|TEXT] [INPUT]"
std::string usage_line(const Verb& verb, const Verb* child);

// The reference of the command line, for docs/.
std::string reference_markdown(const Verbs& verbs);
// The manual page, for `man -l -`.
std::string man_page(const Verbs& verbs, std::string_view version);
// A completion script. `shell` is one of completion_shells().
std::string completion_script(const Verbs& verbs, std::string_view shell);
std::span<const std::string_view> completion_shells();

}  // namespace sighter::text
