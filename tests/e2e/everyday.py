#!/usr/bin/env python3
"""What people do every day, in a narrow terminal, in a pipe and from another program: a dry run, a first touch, looking at
calls, keeping the store in order. Loopback, bounded."""

import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.chat_server import ChatServer  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.program import SIGHTER, Program  # noqa: E402

checks = Checks()
server = ChatServer()
program = Program()
program.write("sighter.toml", f"""[providers.lab]
base_url = "{server.url}"
[models.good]
routes = ["lab/good"]
price = {{ input = 1, output = 2 }}
[models.poor]
routes = ["lab/poor"]
price = {{ input = 1, output = 2 }}
""")
program.write("functions/f/function.toml", """input = { text = "string" }
output = { labels = ["yes", "no"] }
[bar]
metric = "exact"
at_least = 0.8
[variants.good]
kind = "prompt"
model = "good"
[variants.poor]
kind = "prompt"
model = "poor"
""")
program.write("functions/f/cases.jsonl", "".join(
    f'{{"id": "c{i}", "input": "case {i} good:1 poor:{i % 2}", "expect": "yes"}}\n' for i in range(120)))
NARROW = {"COLUMNS": "60"}


def narrow(*words):
    """Exit code 0, or that of a verdict, and no line beyond 60 columns."""
    code, out, err = program.run(*words, environment=NARROW)
    checks.that(code in (0, 100, 101), f"{words}: ends well", f"{code} {err}")
    longest = max((line for line in (out + err).split("\n")), key=len)
    checks.that(len(longest) <= 60, f"{words}: fits 60 columns", longest)
    checks.that("\x1b" not in out + err, f"{words}: no escape sequences without a terminal")
    return out


def dry_run():
    out = narrow("ready", "f", "--dry-run")
    for word in ("240 calls", "tokens", "$", "about"):
        checks.that(word in out, f"a dry run says {word}", out)
    code, forecast, err = program.json("ready", "f", "--dry-run")
    checks.equal(forecast.get("calls_at_most"), 240, "calls for programs")
    checks.that(all(forecast.get(name, 0) > 0 for name in ("input_tokens", "output_tokens", "cost_usd", "seconds")), "tokens, dollars and time too", forecast)
    code, out, err = program.run("fire", "Name three uses of a brick", "-m", "good", "--dry-run")
    checks.that(code == 0 and "tokens" in out and "$" in out, "a dry run of a prompt", out + err)
    code, rows, err = program.json("fire", "f", "--in", program.project / "functions/f/cases.jsonl", "--variant", "good", "--dry-run")
    checks.equal((code, rows.get("model_calls_at_most")), (0, 120), f"a dry run of rows {err}")
    checks.equal(server.count(), 0, "nobody was asked")


def ready():
    out = narrow("ready", "f")
    checks.that("READY" in out and "good" in out, "a verdict", out)
    asked = server.count()
    checks.that(asked < 240, "it stopped early", asked)
    code, report, err = program.json("ready", "f")
    checks.equal((report.get("winner"), report.get("verdict")), ("good", "READY"), "the same for programs")
    checks.that(report.get("reused", 0) > 0, "from the store", report.get("reused"))
    narrow("ready", "f", "--wrong", "3", "--variant", "poor")
    code, report, err = program.json("ready", "f", "-m", "poor", "--limit", "20")
    checks.that("prompt" in [variant["variant"] for variant in report.get("variants", [])], "-m judges a further body", report)


def first_touch():
    program.write("tickets.csv", "message,team\n" + "".join(f"invoice {i} please,billing\nit crashed {i} times,bug\n" for i in range(30)))
    code, out, err = program.run("ready", "tickets.csv", environment=NARROW)
    checks.that(code in (0, 100, 101), "a verdict from a file alone", f"{code} {err}")
    for word in ("input: message", "expected answer: team", "billing, bug", "--text", "60 cases"):
        checks.that(word in err, f"it says '{word}'", err)
    code, report, err = program.json("ready", "tickets.csv", "--labels", "billing,bug,sales", "--limit", "5")
    checks.that("3 labels" in err, "labels as they are given", err)


def log():
    checks.that("f/" in narrow("log", "--function", "f"), "calls are listed")
    narrow("log", "--function", "f", "--variant", "poor", "-n", "3")
    code, out, err = program.run("log", "-n", "3", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    checks.equal(len(rows), 3, "three rows for programs")
    call = rows[0]["call"]
    code, out, err = program.run("log", call)
    checks.that(code == 0 and call in out and "output" in out, "one call as a tree", out + err)
    code, tree, err = program.json("log", call)
    checks.that(tree.get("call") == call and "children" in tree, "the same for programs", tree)
    code, out, err = program.run("log", "zzz")
    checks.that(code == 2 and "ids look like" in err, "an id that is none", err)
    code, out, err = program.run("log", "--since", "yesterday")
    checks.that(code == 2 and "2h" in err, "a time that is none", err)
    pipe = subprocess.run(f"'{SIGHTER}' log -n 100000 | head -1", shell=True, cwd=program.project, env=program.environment, capture_output=True, text=True, check=False)
    checks.equal((len(pipe.stdout.splitlines()), pipe.stderr), (1, ""), "a reader that leaves is no error")


def store():
    program.run("fire", "f", "of customer 7", "--variant", "good", "--tag", "customer=7")
    program.run("fire", "f", "of customer 8", "--variant", "good", "--tag", "customer=8")
    narrow("store", "check")
    code, size, err = program.json("store", "size")
    checks.that(size.get("file_bytes", 0) > 0, "the store's size", err)
    code, out, err = program.run("store", "erase", "--tag", "customer=7", "--tag", "customer=8")
    checks.equal(code, 2, "erasing takes one tag: two could mean both or either")
    code, out, err = program.run("store", "erase", "--tag", "customer=7", "--dry-run")
    checks.that("1 calls" in out, "a dry run of erasing", out)
    code, out, err = program.run("store", "erase", "--tag", "customer=7")
    checks.that(code == 0 and out.startswith("1 calls"), "erased", out + err)
    left = b"".join(path.read_bytes() for path in (program.project / ".sighter").iterdir() if path.is_file())
    checks.that(b"of customer 7" not in left and b"of customer 8" in left, "nothing of it is left in any file, and the other is")
    code, out, err = program.run("store", "backup", "copy.db")
    checks.that(code == 0 and (program.project / "copy.db").exists(), "a backup", err)
    code, out, err = program.run("store", "backup", "copy.db")
    checks.that(code == 1 and "exists already" in err, "never over a file", err)
    code, out, err = program.run("store", "prune")
    checks.that(code == 2 and "--keep" in err, "pruning wants to know what to keep", err)
    code, out, err = program.run("store", "prune", "--keep", "90d")
    checks.that(code == 0 and out.startswith("0 calls"), "nothing is that old", out + err)


def others():
    code, report, err = program.json("doctor")
    what = {finding["what"]: finding["ok"] for finding in report.get("findings", [])}
    checks.that(what.get("store") and what.get("provider lab"), "doctor reaches the store and the server", what)
    narrow("doctor")
    for verb in ("init", "fire", "ready", "log", "store", "doctor"):
        code, out, err = program.run(verb, "--help", environment=NARROW)
        prose = [line for line in out.splitlines() if not line.startswith("  sighter ")]
        checks.that(all(len(line) <= 60 for line in prose), f"{verb} --help fits 60 columns", max(prose, key=len))
    code, out, err = program.run("ready", "f", "--color", "always")
    checks.that("\x1b[" in out, "colour when asked for")
    code, out, err = program.run("ready", "f", environment={"NO_COLOR": "1", "CLICOLOR_FORCE": "1"})
    checks.that(not re.search("\x1b", out), "none with NO_COLOR", out[:200])
    code, out, err = program.run("ready", "f", environment={"LC_ALL": "C"})
    checks.that(out.isascii(), "ASCII alone where the locale knows no more", out[:300])


def rows_and_answers():
    """Answers that are there already belong to the same rows and body; what is no text is not sent."""
    here, there = program.write("here.jsonl", '{"text": "a good:1"}\n{"text": "b good:1"}\n'), program.write("there.jsonl", '{"text": "c good:1"}\n')
    answers = program.project / "answers.jsonl"
    words = ("fire", "f", "--variant", "good", "--out", answers, "--in")
    code, out, err = program.run(*words, here)
    checks.equal((code, answers.read_text().count("\n")), (0, 2), f"two rows, two answers {err}")
    before, asked = answers.read_text(), server.count()
    code, out, err = program.run(*words, here)
    checks.equal((code, server.count()), (0, asked), f"again: nobody is asked {err}")
    code, out, err = program.run(*words, there)
    checks.that(code == 1 and "answers.jsonl:1 is not the answer to row 1" in err and "--out" in err, "answers to other rows are not taken for these", f"{code} {err}")
    checks.equal(answers.read_text(), before, "and stay as they are")
    code, out, err = program.run("fire", "f", "--variant", "poor", "--out", answers, "--in", here)
    checks.that(code == 1 and "by 'poor'" in err, "nor are those of another body", err)
    asked = server.count()
    for name, text, words in (("half a character", b"caf\xe9", "standard input:1:4: this is not UTF-8"), ("a NUL", b"a\nb\0", "standard input:2:2: a NUL byte"),
                              ("nothing", b"", "the text is empty")):
        done = subprocess.run([SIGHTER, "fire", "-", "-m", "good", "--project", program.project], input=text, capture_output=True)
        checks.that(done.returncode == 2 and words in done.stderr.decode(), f"{name} is not sent", done.stderr)
    for words in (("f", "hello", "-m", "good"), ("hello", "-m", "good", "--in", here), ("hello", "-m", "good", "--variant", "poor")):
        code, out, err = program.run("fire", *words)
        checks.that(code == 2 and "-m asks a model about one text" in err or "is for functions" in err, f"{words}: nothing is dropped silently", f"{code} {err}")
    for words in (("f", "x", "--in", here), ("f", "--in", here, "--variant", "all"), ("f", "--in", here, "--image", here), ("f", "x", "--out", answers), ("f", "x", "--system", "y"),
                  ("f", "x", "--temperature", "1"), ("hello", "more", "-m", "good")):
        code, out, err = program.run("fire", *words)
        checks.that(code == 2 and out == "" and re.search("--|-m", err), f"{words}: refused in words", f"{code} {err}")
    for text in ('{"text": "a"\n{"text": "b"}\n', '{"text": "a"}\n{"text": }\n'):
        done = subprocess.run([SIGHTER, "fire", "f", "--variant", "good", "--project", program.project], input=text.encode(), capture_output=True)
        checks.that(done.returncode in (1, 2) and b"standard input:" in done.stderr and b"/tmp/" not in done.stderr, "a broken row on standard input is named", done.stderr)
    checks.equal(server.count(), asked, "before anybody is asked")
    code, out, err = program.run("log", "--status", "broken")
    checks.equal((code, out), (0, "no calls\n"), f"each status can be asked for {err}")


def piped():
    """What stands on standard input is sent where it is asked for, and told about where not."""
    for words, body, remark in ((("fire", "first good:1", "-m", "good"), "first good:1", b"standard input was not sent"),
                                (("fire", "first good:1", "-", "-m", "good"), "first good:1\n\nletter", b""), (("fire", "-m", "good"), "letter", b"")):
        done = subprocess.run([SIGHTER, *words, "--project", program.project], input=b"letter\n", capture_output=True)
        checks.that(done.returncode == 0 and remark in done.stderr and (remark or b"not sent" not in done.stderr), f"{words}", done.stderr)
        checks.equal(server.asked[-1], body, f"{words}: what was sent")


def steps_and_draws():
    """A cascade tells the tokens of its steps; what a template draws is the same for the same input."""
    program.write("functions/g/function.toml", 'input = { text = "string" }\noutput = "text"\n[variants.one]\nkind = "prompt"\nmodel = "good"\nuser = "u.md"\n'
                  '[variants.both]\nkind = "cascade"\nsteps = ["one", "one"]\nthreshold = 0.5\n')
    program.write("functions/g/u.md", "{{ range(1000)|random }} good:1 {{ input.text }}")
    code, said, err = program.json("fire", "g", "x", "--variant", "both")
    checks.equal((code, said.get("usage", {}).get("input_tokens")), (0, 20), f"tokens of both steps {err}")
    drawn = server.asked[-2:]
    program.run("fire", "g", "y", "--variant", "one")
    checks.equal((drawn[0], drawn[0].split()[0] == server.asked[-1].split()[0]), (drawn[1], False), f"drawn by the input {drawn} {server.asked[-1]}")


def the_choice():
    """A later verdict on some bodies does not take the place of the best one, unless one of them reaches the bar."""
    other = Program()
    other.write("sighter.toml", "")
    for name, answer in (("a", "yes"), ("b", "no")):
        other.write(f"functions/f/{name}.py", f"import json, sys\nfor line in sys.stdin:\n    print(json.dumps({{'output': '{answer}'}}), flush=True)\n")
    other.write("functions/f/function.toml", 'input = { text = "string" }\noutput = { labels = ["yes", "no"] }\n[bar]\nmetric = "exact"\nat_least = 0.9\n'
                + "".join(f'[variants.{n}]\nkind = "code"\ncommand = ["python3", "{n}.py"]\n' for n in "ba"))
    other.write("functions/f/cases.jsonl", "".join(f'{{"id": "c{i}", "input": "{i}", "expect": "yes"}}\n' for i in range(60)))
    for words, code, answer in ((("--variant", "a"), 0, "yes"), (("--variant", "b"), 100, "yes"), ((), 0, "yes"), (("--variant", "b"), 100, "yes"), (("--variant", "b", "--metric", "contains"), 100, "yes")):
        ran, out, err = other.run("ready", "f", *words)
        checks.equal(ran, code, f"ready {words} {err}")
        fired, out, err = other.run("fire", "f", "x")
        checks.equal((fired, out), (0, answer + "\n"), f"after ready {words} {err}")
    code, out, err = other.run("ready", "f", "--metric", "exct")
    checks.that(code == 2 and err.startswith("error: --metric") and "did you mean 'exact'" in err, "a typo on the command line is blamed on it", err)
    code, out, err = other.run("init", "made", "--json")
    checks.that(code == 0 and any(f["file"].endswith("function.toml") and f["made"] for f in json.loads(out)["files"]), "init for programs", out)
    other.close()


def in_doubt():
    """Thirty cases cannot decide a bar of 0.9: what is free is run to the end and says how many would."""
    other = Program()
    other.write("sighter.toml", "")
    other.write("functions/f/body.py", "import json, sys\nfor line in sys.stdin:\n"
                "    text = json.loads(line)['input']['text']\n    print(json.dumps({'output': 'no' if text in ('28', '29') else 'yes'}), flush=True)\n")
    text = 'input = { text = "%s" }\noutput = { labels = ["yes", "no"] }\n[bar]\nmetric = "exact"\nat_least = 0.9\n[variants.code]\nkind = "code"\ncommand = ["python3", "body.py"]\n'
    other.write("functions/f/function.toml", text % "string")
    other.write("functions/f/cases.jsonl", "".join(f'{{"id": "c{i}", "input": "{i}", "expect": "yes"}}\n' for i in range(30)))
    for _ in range(2):
        code, report, err = other.json("ready", "f")
        one = report.get("variants", [{}])[0]
        checks.equal((code, one.get("cases"), one.get("cases_needed")), (101, 30, 304), f"all thirty, and 304 would decide {err}")
    for wrong, hint in (("strng", "did you mean 'string'?"), ("", "known: string"), ("int", "integer"), ("string??", "string")):
        other.write("functions/f/function.toml", text % wrong)
        code, out, err = other.run("ready", "f")
        checks.that(code == 2 and "function.toml:1:" in err and hint in err, f"the type '{wrong}' is refused", f"{code} {err}")
    other.write("functions/g/function.toml", text % "string")
    other.write("functions/g/body.py", (other.project / "functions/f/body.py").read_text())
    code, out, err = other.run("fire", "g", "hello")
    checks.that(code == 0 and "yes" in out and "functions/f/function.toml:1:" in err, "a function with a mistake does not stop the others, and is named", f"{code} {out} {err}")
    code, out, err = other.run("serve", "--listen", "127.0.0.1:0")
    checks.that(code == 2 and "functions/f/function.toml:1:" in err, "a door is not opened with it", f"{code} {err}")
    code, findings, err = other.json("doctor")
    checks.that(any(f["what"] == "function f" and not f["ok"] for f in findings.get("findings", [])), "doctor names it", findings)
    other.close()


if not os.access(SIGHTER, os.X_OK):
    print(f"no {SIGHTER}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (dry_run, ready, first_touch, log, store, others, rows_and_answers, piped, steps_and_draws, the_choice, in_doubt):
    checks.run(test)
program.close()
checks.finish()
