#!/usr/bin/env bash
# Two real models' recorded answers to 1,319 problems, served over HTTP: the full run's counts, the
# early stop, and that a run that was killed pays for nothing twice. Skips where the recordings are absent.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
sighter=${SIGHTER:-$top/build/release/sighter}
shared=$top/../shared
passed=0 failed=0 skipped=0
finish() { echo "$passed passed, $failed failed, $skipped skipped"; [ "$failed" = 0 ]; exit; }
if [ ! -f "$shared/data/gsm8k_replies/replies.jsonl" ] || ! command -v node >/dev/null; then
  echo "skipped: the recorded replies or node are not here"
  skipped=1
  finish
fi
work=$(mktemp -d)
upstream=
end() { [ -z "$upstream" ] || kill "$upstream" 2>/dev/null; rm -rf "$work"; }
trap end EXIT
check() { # WORDS CONDITION...
  local words=$1; shift
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "failed: $words"; fi
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
node "$shared/tools/recorded_upstream.mjs" --port "$port" --latency-ms 10 >"$work/upstream.log" 2>&1 &
upstream=$!
for _ in $(seq 100); do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
  sleep 0.1
done
mkdir -p "$work/functions/gsm"
cat >"$work/sighter.toml" <<T
[providers.recorded]
base_url = "http://127.0.0.1:$port/v1"
[models.gpt4]
routes = ["recorded/gpt-4-1106-preview"]
price = { input = 10, output = 30 }
[models.mixtral]
routes = ["recorded/mixtral-8x7b-instruct"]
price = { input = 0.6, output = 0.6 }
T
cat >"$work/functions/gsm/function.toml" <<'T'
input = { question = "string" }
output = "text"
[bar]
metric = "final_number"
at_least = 0.70
[variants.gpt4]
kind = "prompt"
model = "gpt4"
user = "{{ input.question }}"
[variants.mixtral]
kind = "prompt"
model = "mixtral"
user = "{{ input.question }}"
T
python3 - "$shared/data/gsm8k_replies/replies.jsonl" "$work/functions/gsm/cases.jsonl" <<'P'
import json, sys
with open(sys.argv[2], "w") as out:
    for number, line in enumerate(open(sys.argv[1])):
        row = json.loads(line)
        out.write(json.dumps({"id": f"g{number}", "input": {"question": row["question"]}, "expect": str(row["answer"])}) + "\n")
P
ready() { "$sighter" ready gsm --project "$work" --json "$@" 2>>"$work/errors.log"; }
value() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }
asked() { python3 -c 'import json, sys, urllib.request as u; print(json.load(u.urlopen(f"http://127.0.0.1:{sys.argv[1]}/_stats"))["requests"])' "$port"; }

ready --claim cases >"$work/early.json"
check "the early stop's exit code is 0" [ $? = 0 ]
check "it names GPT-4" [ "$(value "$work/early.json" 'd["winner"] + " " + d["verdict"]')" = "gpt4 PASS" ]
check "it takes at most 10 % of the calls" [ "$(value "$work/early.json" 'd["calls"]')" -le 263 ]

calls=0
for seed in 1 2 3 4 5 6; do
  rm -rf "$work/.sighter"
  ready --claim cases --seed "$seed" >"$work/early.json"
  check "seed $seed names GPT-4" [ "$(value "$work/early.json" 'd["winner"] + " " + d["verdict"]')" = "gpt4 PASS" ]
  calls=$((calls + $(value "$work/early.json" 'd["calls"]')))
done
check "six orders of the cases take at most 10 % of the calls on average: $calls" [ "$calls" -le $((6 * 263)) ]

rm -rf "$work/.sighter"
before=$(asked)
"$sighter" ready gsm --project "$work" --json --full --parallel 16 >"$work/killed.json" 2>>"$work/errors.log" &
run=$!
for _ in $(seq 200); do [ $(($(asked) - before)) -lt 400 ] || break; sleep 0.02; done
kill -9 "$run"
wait "$run" 2>/dev/null
check "it was killed in the middle" [ $(($(asked) - before)) -lt 2638 ]
ready --full --parallel 16 >"$work/full.json"
counts=$(value "$work/full.json" '[round(v["score"] * 1319) for v in d["variants"]]')
check "1,172 and 839 of 1,319 are right, not $counts" [ "$counts" = "[1172, 839]" ]
check "stored answers were used" [ "$(value "$work/full.json" 'd["reused"]')" -gt 0 ]
total=$(($(asked) - before))
check "each case was asked once but for those under way: $total" [ "$total" -ge 2638 -a "$total" -le $((2638 + 2 * 2 * 16)) ]
ready --full >"$work/again.json"
check "a third run asks nobody" [ $(($(asked) - before)) = "$total" ]
finish
