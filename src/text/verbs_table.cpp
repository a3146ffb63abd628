// The rows of the table. Constant data only: nothing here runs at start.

#include "text/verbs.hpp"

namespace sighter::text {
namespace {

using enum ValueType;

constexpr std::string_view kColorWords[] = {"auto", "always", "never"};
constexpr std::string_view kClaimWords[] = {"traffic", "cases"};
constexpr std::string_view kStatusWords[] = {"ok", "error", "cancelled", "interrupted", "broken"};
constexpr std::string_view kShellWords[] = {"bash", "zsh", "fish"};

constexpr Option kJson{.name = "json",
                       .help = "print JSON for programs, and nothing else, on standard output"};
constexpr Option kYes{.name = "yes", .letter = 'y', .help = "do it without asking"};
constexpr Option kTags{.name = "tag",
                       .type = kPair,
                       .value = "NAME=VALUE",
                       .help = "only calls with this tag",
                       .repeatable = true};

constexpr Option kGlobal[] = {
    {.name = "project",
     .type = kFolder,
     .value = "DIR",
     .help = "the project's folder",
     .otherwise = "the nearest folder upwards that holds sighter.toml"},
    {.name = "color",
     .type = kWord,
     .value = "WHEN",
     .help = "colours and styles: auto, always or never",
     .otherwise = "auto: on a terminal, unless NO_COLOR is set",
     .words = kColorWords},
    {.name = "quiet", .letter = 'q', .help = "no progress and no remarks, only results and errors"},
    {.name = "verbose", .letter = 'v', .help = "tell more about what is done"},
    {.name = "help", .letter = 'h', .help = "show help, for a verb when one is named"},
    {.name = "version", .letter = 'V', .help = "show the version"},
};

// ---- init
// ------------------------------------------------------------------------------------------

constexpr Positional kInitPositionals[] = {
    {.name = "DIR", .type = kFolder, .help = "where to make it; the current folder when left out"},
};
constexpr Example kInitExamples[] = {
    {"sighter init", "in the current folder"},
    {"sighter init desk && cd desk && sighter ready triage",
     "a new folder, and a first verdict in it"},
};

// ---- fire
// ------------------------------------------------------------------------------------------

constexpr Positional kFirePositionals[] = {
    {.name = "FUNCTION|TEXT",
     .type = kFunction,
     .help = "a function of the project; or, with --model, the prompt itself"},
    {.name = "INPUT",
     .help =
         "the function's input, as text or JSON; standard input when left out; behind a prompt, "
         "- sends standard input along"},
};
constexpr Option kFireOptions[] = {
    {.name = "model",
     .letter = 'm',
     .type = kText,
     .value = "MODEL",
     .help = "the model: PROVIDER/NAME, or a name of [models]"},
    {.name = "variant",
     .type = kText,
     .value = "NAME",
     .help = "which body of the function, or 'all', side by side",
     .otherwise = "the function's own choice"},
    {.name = "image",
     .type = kFile,
     .value = "FILE",
     .help = "send an image along",
     .repeatable = true},
    {.name = "system",
     .type = kText,
     .value = "TEXT",
     .help = "instructions that come before the prompt"},
    {.name = "temperature",
     .type = kNumber,
     .value = "NUMBER",
     .help = "0 for the most likely words, more for variety",
     .otherwise = "the model's own",
     .least = 0,
     .most = 2},
    {.name = "max-tokens",
     .type = kInteger,
     .value = "COUNT",
     .help = "the longest answer, in tokens",
     .otherwise = "the model's own",
     .least = 1,
     .most = 10'000'000},
    {.name = "in",
     .type = kFile,
     .value = "FILE",
     .help = "rows to apply it to: JSON Lines, CSV or TSV"},
    {.name = "out",
     .type = kFile,
     .value = "FILE",
     .help = "where the rows' answers go, as JSON Lines; started again, it goes on where it was"},
    {.name = "parallel",
     .type = kInteger,
     .value = "COUNT",
     .help = "rows at a time",
     .otherwise = "64",
     .least = 1,
     .most = 4096},
    {.name = "tag",
     .type = kPair,
     .value = "NAME=VALUE",
     .help = "keep this tag with the call",
     .repeatable = true},
    {.name = "dry-run", .help = "only say what it would call and cost: of a prompt, or with --in"},
    {.name = "no-stream", .help = "show the answer when it is complete"},
    kJson,
};
constexpr Example kFireExamples[] = {
    {"sighter fire \"Name three uses of a brick\" -m openai/gpt-5-mini",
     "a prompt; works outside a project too"},
    {"sighter fire triage \"I was charged twice\"", "a function of the project"},
    {"sighter fire triage \"I was charged twice\" --variant all",
     "each of its bodies, side by side"},
    {"sighter fire \"What is on this picture?\" -m anthropic/claude-sonnet-4-5 --image receipt.png",
     "text and an image"},
    {"sighter fire triage --in tickets.jsonl --out answers.jsonl",
     "many rows; may be stopped and started again"},
    {"cat letter.txt | sighter fire summary", "the input from standard input"},
    {"sighter fire \"Sum up:\" - -m small < letter.txt", "a prompt and standard input behind it"},
};

// ---- ready
// -----------------------------------------------------------------------------------------

constexpr Positional kReadyPositionals[] = {
    {.name = "FUNCTION|FILE",
     .type = kFunctionOrFile,
     .help = "a function of the project; or a file of cases (CSV, TSV, JSON Lines), from which one "
             "is made",
     .required = true},
};
constexpr Option kReadyOptions[] = {
    {.name = "variant",
     .type = kText,
     .value = "NAME",
     .help = "only this body",
     .otherwise = "all of them",
     .repeatable = true},
    {.name = "model",
     .letter = 'm',
     .type = kText,
     .value = "MODEL",
     .help = "a prompt to this model as a further body"},
    {.name = "claim",
     .type = kWord,
     .value = "WHICH",
     .help = "traffic: READY or NOT READY for future inputs; cases: PASS or FAIL on these cases",
     .otherwise = "traffic",
     .words = kClaimWords},
    {.name = "metric",
     .type = kText,
     .value = "NAME",
     .help = "how an output is scored",
     .otherwise = "the bar's own, or exact"},
    {.name = "at-least",
     .type = kNumber,
     .value = "SCORE",
     .help = "the bar: the mean score to reach",
     .otherwise = "the bar's own, or 0.90",
     .least = 0,
     .most = 1},
    {.name = "confidence",
     .type = kNumber,
     .value = "SHARE",
     .help = "how sure a verdict about traffic must be",
     .otherwise = "the bar's own, or 0.95",
     .least = 0.5,
     .most = 0.999999},
    {.name = "full", .help = "run every case, also when the verdict is certain"},
    {.name = "limit",
     .type = kInteger,
     .value = "COUNT",
     .help = "only so many cases, drawn by the seed",
     .otherwise = "all",
     .least = 1,
     .most = 1e12},
    {.name = "seed",
     .type = kInteger,
     .value = "NUMBER",
     .help = "the order in which cases are run",
     .otherwise = "1",
     .least = 0,
     .most = 9e15},
    {.name = "parallel",
     .type = kInteger,
     .value = "COUNT",
     .help = "cases at a time",
     .otherwise = "64",
     .least = 1,
     .most = 4096},
    {.name = "budget",
     .type = kMoney,
     .value = "USD",
     .help = "stop before more than this is spent",
     .otherwise = "the function's budget_usd"},
    {.name = "fresh", .help = "call again, also where an answer is stored"},
    {.name = "dry-run", .help = "only say what it would call and cost"},
    {.name = "wrong",
     .type = kInteger,
     .value = "COUNT",
     .help = "list the failures, the most telling first",
     .otherwise = "20 when no COUNT is given",
     .least = 1,
     .most = 1e12,
     .value_optional = true},
    {.name = "input",
     .type = kList,
     .value = "COLUMNS",
     .help = "of a file: the columns that are the input",
     .otherwise = "all but the expectation",
     .repeatable = true},
    {.name = "expect",
     .type = kText,
     .value = "COLUMN",
     .help = "of a file: the column that holds the right answer",
     .otherwise = "one of that name (expect, label, ...), or the last"},
    {.name = "labels",
     .type = kList,
     .value = "LABELS",
     .help = "of a file: the answers are one of these, such as yes,no",
     .otherwise = "found, if few values repeat",
     .repeatable = true},
    {.name = "text", .help = "of a file: the answers are free text"},
    {.name = "keep",
     .type = kText,
     .value = "NAME",
     .help = "of a file: write the function that is made from it into the project"},
    kYes,
    kJson,
};
constexpr Example kReadyExamples[] = {
    {"sighter ready triage", "every body of the function against its bar"},
    {"sighter ready tickets.csv -m openai/gpt-5-mini",
     "from a file to a verdict: makes the function, asks once"},
    {"sighter ready tickets.csv -m openai/gpt-5-mini --keep tickets",
     "the same, kept in functions/tickets, to be changed by hand"},
    {"sighter ready triage --dry-run", "calls, tokens, dollars and time, before anything is spent"},
    {"sighter ready triage --wrong 20", "what went wrong, the most telling first"},
    {"sighter ready triage --claim cases --json", "for CI: exit code 0 for PASS, 100 for FAIL"},
    {"sighter ready triage --variant gpt --at-least 0.95 --budget 2",
     "one body against another bar, for at most two dollars"},
};

// ---- log
// -------------------------------------------------------------------------------------------

constexpr Positional kLogPositionals[] = {
    {.name = "ID", .help = "show this one call with all that it called, as a tree"},
};
constexpr Option kLogOptions[] = {
    {.name = "function", .type = kFunction, .value = "NAME", .help = "only calls of this function"},
    {.name = "variant", .type = kText, .value = "NAME", .help = "only calls of this body"},
    {.name = "model",
     .letter = 'm',
     .type = kText,
     .value = "MODEL",
     .help = "only calls of this model"},
    {.name = "status",
     .type = kWord,
     .value = "STATUS",
     .help = "only calls that ended so: ok, error, cancelled, interrupted or broken",
     .words = kStatusWords},
    {.name = "since",
     .type = kText,
     .value = "WHEN",
     .help = "only from then on: 2h, 3d, 2026-11-23 or 2026-11-23T09:25:00Z"},
    {.name = "until", .type = kText, .value = "WHEN", .help = "only before then"},
    kTags,
    {.name = "contains",
     .type = kText,
     .value = "TEXT",
     .help = "only calls whose input or output holds this text"},
    {.name = "wrong", .help = "only calls that a metric scored below 1"},
    {.name = "limit",
     .letter = 'n',
     .type = kInteger,
     .value = "COUNT",
     .help = "how many, the newest first",
     .otherwise = "20",
     .least = 1,
     .most = 1e12},
    kJson,
};
constexpr Example kLogExamples[] = {
    {"sighter log", "the latest calls"},
    {"sighter log 0199b2c4", "one call, by the start of its id"},
    {"sighter log --function triage --status error --since 2d", "what failed in two days"},
    {"sighter log --contains refund --limit 1000 --json > calls.jsonl",
     "for other programs: one JSON object a line"},
};

// ---- store
// -----------------------------------------------------------------------------------------

constexpr Option kPruneOptions[] = {
    {.name = "keep",
     .type = kText,
     .value = "AGE",
     .help = "delete calls that are older, such as 90d or 12h",
     .otherwise = "keep of [store]"},
    {.name = "max-size",
     .type = kText,
     .value = "SIZE",
     .help = "delete the oldest calls beyond this size, such as 500MB",
     .otherwise = "max_size of [store]"},
    {.name = "dry-run", .help = "only say what it would delete"},
    kYes,
    kJson,
};
constexpr Example kPruneExamples[] = {
    {"sighter store prune", "what [store] in sighter.toml says"},
    {"sighter store prune --keep 30d --dry-run", "how much would go"},
};
constexpr Positional kBackupPositionals[] = {
    {.name = "FILE",
     .type = kFile,
     .help = "where the copy goes; never an existing file",
     .required = true},
};
constexpr Option kOnlyJson[] = {kJson};
constexpr Example kBackupExamples[] = {
    {"sighter store backup calls.sqlite", "a consistent copy, also while others write"},
};
constexpr Example kCheckExamples[] = {
    {"sighter store check", "exit code 0 when all is well"},
};
constexpr Example kSizeExamples[] = {
    {"sighter store size", "calls, outputs, bytes, oldest and newest"},
};
constexpr Option kEraseOptions[] = {
    {.name = "tag",
     .type = kPair,
     .value = "NAME=VALUE",
     .help = "erase the calls with this tag, and all that they called"},
    {.name = "dry-run", .help = "only say what it would erase"},
    kYes,
    kJson,
};
constexpr Example kEraseExamples[] = {
    {"sighter store erase --tag customer=4711", "what is known of one customer"},
};
constexpr Verb kStoreChildren[] = {
    {.name = "prune",
     .summary = "delete old calls",
     .about = "Deletes calls by age and by the size of the store, the oldest first. Without "
              "options it does what [store] in sighter.toml says.",
     .options = kPruneOptions,
     .examples = kPruneExamples},
    {.name = "backup",
     .summary = "copy the store into a file",
     .about = "Writes a consistent copy while other processes go on reading and writing.",
     .positionals = kBackupPositionals,
     .options = kOnlyJson,
     .examples = kBackupExamples},
    {.name = "check",
     .summary = "check that the store is whole",
     .about = "Reads the whole store and reports whatever is damaged or contradicts itself.",
     .options = kOnlyJson,
     .examples = kCheckExamples},
    {.name = "size",
     .summary = "say how much is stored",
     .about = "How many calls and outputs there are, how much room they take, the oldest and the "
              "newest.",
     .options = kOnlyJson,
     .examples = kSizeExamples},
    {.name = "erase",
     .summary = "erase all calls with a tag",
     .about = "Erases the calls that bear the tag, and whatever they called, so that "
              "nothing of them can be read from the store's files.",
     .options = kEraseOptions,
     .examples = kEraseExamples},
};

// ---- the rest
// --------------------------------------------------------------------------------------

constexpr Option kServeOptions[] = {
    {.name = "listen",
     .type = kText,
     .value = "HOST:PORT",
     .help = "where to listen; port 0 takes a free one",
     .otherwise = "[serve] listen, else 127.0.0.1:7777"},
    {.name = "ops-listen",
     .type = kText,
     .value = "HOST:PORT",
     .help = "where health and metrics listen beside it; port 0 takes a free one, off does without",
     .otherwise = "[serve] ops_listen, else 127.0.0.1:7778"},
    {.name = "open",
     .help = "listen beyond this machine without a key: everybody who reaches the port can spend"},
};
constexpr Example kServeExamples[] = {
    {"sighter serve", "on http://127.0.0.1:7777"},
    {"sighter serve --listen 127.0.0.1:0", "on a free port, which it prints"},
};
constexpr Example kDoctorExamples[] = {
    {"sighter doctor", "what works and what does not, with what to do about it"},
};
constexpr Option kDemoOptions[] = {
    {.name = "seed",
     .type = kInteger,
     .value = "NUMBER",
     .help = "what is drawn",
     .otherwise = "1",
     .least = 0,
     .most = 9e15},
    kJson,
};
constexpr Positional kCompletionsPositionals[] = {
    {.name = "SHELL",
     .type = kWord,
     .help = "bash, zsh or fish",
     .words = kShellWords,
     .required = true},
};
constexpr Example kCompletionsExamples[] = {
    {"sighter completions bash > ~/.local/share/bash-completion/completions/sighter", "for bash"},
    {"sighter completions zsh > ~/.zfunc/_sighter",
     "for zsh, with ~/.zfunc in fpath before compinit"},
    {"sighter completions fish > ~/.config/fish/completions/sighter.fish", "for fish"},
};
constexpr Example kManExamples[] = {
    {"sighter man | man -l -", "read it"},
    {"sighter man > ~/.local/share/man/man1/sighter.1", "keep it"},
};
constexpr Positional kHelpPositionals[] = {
    {.name = "VERB", .type = kVerb, .help = "the verb, and its sub-command", .repeatable = true},
};
constexpr Option kHelpOptions[] = {
    {.name = "markdown", .help = "the whole reference as Markdown"},
};
constexpr Example kHelpExamples[] = {
    {"sighter help ready", "the same as sighter ready --help"},
    {"sighter help --markdown > command_line.md", "the reference as a document"},
};
constexpr Example kVersionExamples[] = {
    {"sighter version", "the same as sighter --version"},
};

constexpr Verb kVerbs[] = {
    {.name = "init",
     .summary = "make a project that runs at once",
     .about = "Writes a small project with comments: settings, one function with its cases and "
              "bodies that need no key, and an AGENTS.md that tells a coding agent how to work on "
              "it. Files that exist are never overwritten.",
     .positionals = kInitPositionals,
     .options = kOnlyJson,
     .examples = kInitExamples},
    {.name = "fire",
     .summary = "call a model or a function",
     .about = "Sends a prompt to a model, or an input to a function of the project, and prints the "
              "answer as it comes. Behind it, one line tells the model, tokens, dollars, time and "
              "the id under which 'sighter log' shows the call.\n\n"
              "Standard input may hold text, a JSON object, or many rows as JSON Lines; the rows' "
              "answers come out as JSON Lines in the same order.",
     .positionals = kFirePositionals,
     .options = kFireOptions,
     .examples = kFireExamples},
    {.name = "ready",
     .alias = "eval",
     .summary = "find out whether it is good enough to ship",
     .about = "Applies each body of a function to its cases, scores the outputs and says, for "
              "each, whether it reaches the bar: READY, NOT READY or UNDECIDED about future "
              "traffic like these cases; with --claim cases PASS or FAIL about these cases alone. "
              "It stops as soon as the verdict is certain. Stopped or killed, it goes on where it "
              "was and pays for nothing twice.\n\n"
              "Exit codes: 0 READY or PASS, 100 NOT READY or FAIL, 101 UNDECIDED, 1 error, 2 wrong "
              "usage.",
     .positionals = kReadyPositionals,
     .options = kReadyOptions,
     .examples = kReadyExamples},
    {.name = "serve",
     .summary = "open the door: a gateway that existing SDKs can talk to",
     .about =
         "Answers the OpenAI and Anthropic SDKs, whose base URL is all that has to change, with "
         "the project's models and functions, and keeps every call. [serve] of sighter.toml "
         "has the settings.\n\n"
         "The first Ctrl-C (or SIGTERM) lets running requests finish; the second stops at once, "
         "and what was under way is found at the next start.",
     .options = kServeOptions,
     .examples = kServeExamples},
    {.name = "log",
     .summary = "look at the calls that were made",
     .about =
         "Lists the stored calls, the newest first, or shows one of them with all that it called.",
     .positionals = kLogPositionals,
     .options = kLogOptions,
     .examples = kLogExamples},
    {.name = "store",
     .summary = "keep the stored calls in order",
     .about = "Every call is a row in one file, by default .sighter/store.db of the project.",
     .children = kStoreChildren},
    {.name = "doctor",
     .summary = "see what works here and what is missing",
     .about = "Checks the project, the store, the keys (never shown), the providers and the local "
              "model, and says for each thing that is wrong what to do.",
     .options = kOnlyJson,
     .examples = kDoctorExamples},
    {.name = "completions",
     .summary = "make your shell complete verbs and options",
     .about = "Prints a script for the shell.",
     .positionals = kCompletionsPositionals,
     .examples = kCompletionsExamples},
    {.name = "man",
     .summary = "print the manual page",
     .about = "Prints the manual page in the form that man reads.",
     .examples = kManExamples},
    {.name = "help",
     .summary = "show help",
     .about = "Shows what there is, or how to use one verb.",
     .positionals = kHelpPositionals,
     .options = kHelpOptions,
     .examples = kHelpExamples},
    {.name = "version",
     .summary = "show the version",
     .about = "Prints the name and the version.",
     .options = kOnlyJson,
     .examples = kVersionExamples},
    {.name = "demo",
     .summary = "show the bundled example's way from no labels to a verdict",
     .about = "Runs the comparison that ./run prints, in the project of the current folder.",
     .options = kDemoOptions,
     .hidden = true},
};

constexpr LaterVerb kLater[] = {
    {"label", "", "judge outputs blindly, until a verdict is certain"},
    {"compare", "", "two runs or two bodies against each other"},
    {"aim", "optimize", "make a function better and cheaper"},
    {"ui", "", "the web page"},
    {"spend", "", "what was spent, on what"},
    {"key", "", "hand out keys"},
    {"import", "", "read other tools' projects"},
    {"export", "", "write data for other tools"},
    {"code", "", "agents that change code in a sandbox"},
    {"flow", "", "functions joined by wires"},
    {"sheet", "", "a spreadsheet whose columns are functions"},
    {"learn", "", "cited answers and cards"},
    {"write", "", "writing with tracked suggestions"},
};

}  // namespace

std::span<const Verb> all_verbs() {
  return kVerbs;
}
std::span<const LaterVerb> later_verbs() {
  return kLater;
}
std::span<const Option> global_options() {
  return kGlobal;
}
std::span<const std::string_view> completion_shells() {
  return kShellWords;
}

}  // namespace sighter::text
