#!/usr/bin/env bash
# The real program as a shell meets it: exit codes, closed and full outputs, no project, no terminal.
# Ends with "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")/../.."
sighter=${SIGHTER:-$PWD/build/release/sighter}
[ -x "$sighter" ] || { echo "no $sighter: build it first, or set SIGHTER"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export HOME=$work/home XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache LC_ALL=C.UTF-8
unset NO_COLOR CLICOLOR_FORCE COLUMNS SIGHTER_CACHE
mkdir -p "$HOME"
passed=0 failed=0 skipped=0

check() { # NAME, of the test command before it
  if [ "$1" = 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "failed: $2"; fi
}

# run CODE WORDS...: the exit code is CODE, nothing looks like a crash; leaves out and err.
run() {
  local wanted=$1 code=0
  shift
  "$sighter" "$@" >out 2>err </dev/null || code=$?
  [ "$code" = "$wanted" ] && ! grep -qE 'terminate called|Sanitizer|core dumped|#0 ' err
  check $? "sighter $* -> $code instead of $wanted: $(head -c 300 err)"
}

says() { grep -qF -- "$1" "$2"; check $? "'$1' in $2: $(head -c 300 "$2")"; }

run 0 --version;            says 'sighter ' out
run 0;                      says 'Verbs' out
run 0 --help;               says 'ready' out
run 0 help fire;            says 'Examples' out
run 2 raedy;                says "did you mean 'sighter ready'?" err
run 2 aim;                   says "has no 'aim' yet" err
run 2 log --frm x;          says "no option '--frm'" err
run 2 ready;                says 'FUNCTION|FILE is missing' err
run 2 completions tcsh;     says 'known: bash, zsh, fish' err
run 0 man;                  says '.TH SIGHTER 1' out
for verb in $("$sighter" help | sed -n '/^Verbs/,/^$/s/^  \([a-z]*\) .*/\1/p'); do run 0 "$verb" --help; done

run 0 help --markdown
cmp -s out "$OLDPWD/docs/command_line.md"; check $? 'docs/command_line.md is what sighter help --markdown prints'

# No colour without a terminal, unless it is asked for.
run 0 --help;               ! grep -q $'\e' out; check $? 'no escape sequences in a pipe'
run 0 --help --color always; grep -q $'\e' out; check $? '--color always'

for shell in bash zsh fish; do
  run 0 completions $shell
  if ! command -v $shell >/dev/null; then skipped=$((skipped + 1)); continue; fi
  $shell -n out; check $? "$shell reads its completion script"
done

# Outputs that do not work.
if [ -w /dev/full ]; then
  code=0; "$sighter" help >/dev/full 2>err || code=$?
  [ $code = 1 ]; check $? "a full disk is exit code 1, not $code"
  says 'No space left' err
fi
code=0; "$sighter" help >&- 2>err || code=$?
[ $code = 1 ]; check $? "a closed standard output is exit code 1, not $code"
"$sighter" help --markdown 2>err | head -1 >out
[ ! -s err ]; check $? "a reader that leaves is no error: $(cat err)"
code=0; "$sighter" --version <&- >out 2>&- || code=$?
[ $code = 0 ]; check $? 'works with standard input and error closed'

# Outside a project, and in a broken one.
run 0 log
run 1 ready triage
mkdir broken && printf '[store\nkeep = 1\n' >broken/sighter.toml
code=0; "$sighter" log --project broken >out 2>err || code=$?
[ $code = 1 ] || [ $code = 2 ]; check $? "a broken sighter.toml is an error, not $code"
says 'sighter.toml:' err

# Nothing but JSON on standard output with --json, also when it fails.
code=0; "$sighter" ready triage --json >out 2>err </dev/null || code=$?
python3 -c 'import json; [json.loads(line) for line in open("out") if line.strip()]' 2>/dev/null
check $? "--json prints JSON when it fails: $(head -c 200 out)"

# A file of rows whose answers stand in its last column, whatever that is called: the learners learn from it.
python3 - "$OLDPWD/examples/support/functions/triage/cases.jsonl" >tickets.csv <<'PY'
import csv, json, sys
rows = csv.writer(sys.stdout)
rows.writerow(["message", "team"])
for line in open(sys.argv[1], encoding="utf-8"):
    case = json.loads(line)
    rows.writerow([case["input"]["text"], case["expect"]])
PY
code=0; "$sighter" ready tickets.csv --full --json >out 2>err </dev/null || code=$?
python3 - <<'PY'
import json
scores = {v["variant"]: v["score"] for v in json.load(open("out"))["variants"]}
raise SystemExit(0 if scores["linear"] > 0.4 and scores["nearest"] > 0.4 else 1)
PY
check $? "learners learn from the last column (exit $code): $(head -c 300 out)"

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
