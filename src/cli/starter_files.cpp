// The project that `sighter init` makes: small, but a whole way from cases to a verdict, without a key.

#include <cstddef>
#include <string_view>

namespace sighter::cli {

struct StarterFile {
  std::string_view path;
  std::string_view content;
};

extern const StarterFile kStarterFiles[];
extern const std::size_t kStarterFileCount;

const StarterFile kStarterFiles[] = {
    {"sighter.toml", R"(# Settings of this project. Well-known providers need only their key in its usual variable:
# OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, GROQ_API_KEY, MISTRAL_API_KEY ...

[models.small]
routes = ["openai/gpt-5-mini"]          # provider/model; a second one is the fall-back

# Any server that speaks the OpenAI dialect:
# [providers.lab]
# base_url = "http://127.0.0.1:8000/v1"

# A model file that runs inside the program:
# [models.local]
# file = "models/any.gguf"
)"},
    {"functions/triage/function.toml", R"(description = "Which team should answer this customer message?"
input  = { text = "string" }
output = { labels = ["billing", "bug", "account"] }

[bar]                                   # what it must reach to ship
metric = "exact"
at_least = 0.80
confidence = 0.95

[run]
budget_usd = 0.50                       # one evaluation never spends more

# A program: JSON Lines in, JSON Lines out.
[variants.rules]
kind = "code"
command = ["python3", "rules.py"]

# A small model fitted to the cases; each case is judged by a model that has not seen it.
[variants.linear]
kind = "learned"
learner = "linear"

# A prompt. Runs once OPENAI_API_KEY is set.
[variants.prompt]
kind = "prompt"
model = "small"
system = "system.md"
user = "{{ input.text }}"
examples = 4                            # the most similar cases, never the judged one
)"},
    {"functions/triage/system.md", R"(You sort customer messages for a small software company. Answer with one label and nothing else.

billing: money that was or will be charged
bug: something does not work as it should
account: signing in, users, profile data
)"},
    {"functions/triage/rules.py", R"PY(import json, sys

WORDS = {
    "billing": ["charged", "invoice", "refund", "paid", "price", "card", "receipt", "tax", "subscription"],
    "account": ["password", "log in", "login", "sign in", "email", "user", "code", "invite", "profile"],
    "bug": ["crash", "error", "broken", "does not", "doesn't", "stuck", "slow", "empty", "freezes"],
}

for line in sys.stdin:
    try:
        text = json.loads(line)["input"]["text"].lower()
        hits = {label: sum(word in text for word in words) for label, words in WORDS.items()}
        answer = {"output": max(hits, key=hits.get)}
    except Exception as problem:
        answer = {"error": str(problem)}
    print(json.dumps(answer), flush=True)
)PY"},
    {"functions/triage/cases.jsonl", R"({"id": "1", "input": {"text": "I was charged twice this month"}, "expect": "billing"}
{"id": "2", "input": {"text": "The export button does nothing since the update"}, "expect": "bug"}
{"id": "3", "input": {"text": "How do I change the e-mail address of my login?"}, "expect": "account"}
{"id": "4", "input": {"text": "Please send the invoice for March again"}, "expect": "billing"}
{"id": "5", "input": {"text": "App crashes when I open a large file"}, "expect": "bug"}
{"id": "6", "input": {"text": "My password reset link has expired"}, "expect": "account"}
{"id": "7", "input": {"text": "Can I get a refund for the unused half year?"}, "expect": "billing"}
{"id": "8", "input": {"text": "The chart stays empty although there is data"}, "expect": "bug"}
{"id": "9", "input": {"text": "We need a second user who can only read"}, "expect": "account"}
{"id": "10", "input": {"text": "Which card is on file? The old one is about to expire"}, "expect": "billing"}
{"id": "11", "input": {"text": "Sync is stuck at 99 percent for an hour"}, "expect": "bug"}
{"id": "12", "input": {"text": "I no longer get the code for signing in"}, "expect": "account"}
{"id": "13", "input": {"text": "VAT is missing on the receipt"}, "expect": "billing"}
{"id": "14", "input": {"text": "Search finds nothing with umlauts in it"}, "expect": "bug"}
{"id": "15", "input": {"text": "Please delete my profile and everything in it"}, "expect": "account"}
{"id": "16", "input": {"text": "Why did the price go up without a word?"}, "expect": "billing"}
{"id": "17", "input": {"text": "Printing cuts off the last line of every page"}, "expect": "bug"}
{"id": "18", "input": {"text": "An employee left, how do I take his seat away?"}, "expect": "account"}
{"id": "19", "input": {"text": "Downgrade me to the free plan before the next payment"}, "expect": "billing"}
{"id": "20", "input": {"text": "Since yesterday every page takes ten seconds"}, "expect": "bug"}
{"id": "21", "input": {"text": "It says my address is already registered, but I never signed up"}, "expect": "account"}
{"id": "22", "input": {"text": "There is a payment on my statement that I cannot place"}, "expect": "billing"}
{"id": "23", "input": {"text": "The dark theme shows black text on black"}, "expect": "bug"}
{"id": "24", "input": {"text": "Locked out after three wrong tries, please help"}, "expect": "account"}
)"},
    {"AGENTS.md", R"(# For coding agents

This is a Sighter project: functions with interchangeable bodies, judged on cases.

- A function is a folder under `functions/`: `function.toml` (contract, bar, variants), prompt templates (Jinja), `cases.jsonl`.
- To improve a function: edit its prompt or its code, then run `sighter ready NAME --json`.
  Exit code 0: READY, stop. 100: NOT READY. 101: UNDECIDED (more cases needed, or the score is too near the bar). 1 or 2: an error, told on standard error.
- `wrong` in that JSON lists the winner's most telling mistakes; `sighter ready NAME --wrong` shows them to people.
- Judge one body with `--variant NAME`. Calls already paid for are read from the store, so running again is cheap.
- Never edit an expectation in `cases.jsonl` to make a score rise. Add cases instead: one JSON object a line, with `id`, `input`, `expect`.
- `sighter fire NAME "text"` tries one input. `sighter log` shows what was called.
- Keys are never written into files: `key = "env:NAME"`.
)"},
    {".gitignore", ".sighter/\n"},
};

const std::size_t kStarterFileCount = sizeof kStarterFiles / sizeof kStarterFiles[0];

}  // namespace sighter::cli
