#!/usr/bin/env python3
"""`sighter fire` with code, learned and cascade bodies, and with many rows, as a user runs it: time-outs, crashes, the
sandbox, model files, standard input in its forms, resuming, --variant all."""

import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, program  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()

CODE = {
    "sighter.toml": "",
    "functions/echo/function.toml": """
input = { text = "string" }
output = "text"
[variants.good]
kind = "code"
command = ["python3", "good.py"]
workers = 1
[variants.slow]
kind = "code"
command = ["python3", "slow.py"]
timeout_s = 0.5
workers = 1
[variants.net]
kind = "code"
command = ["python3", "net.py"]
[variants.net_allowed]
kind = "code"
command = ["python3", "net.py"]
network = true
[variants.environment]
kind = "code"
command = ["python3", "environment.py"]
env = ["SHOWN"]
[variants.dies]
kind = "code"
command = ["python3", "dies.py"]
workers = 1
[variants.chatty]
kind = "code"
command = ["python3", "chatty.py"]
[variants.missing]
kind = "code"
command = ["no-such-program-anywhere"]
""",
    "functions/echo/good.py": """
import json, os, sys
print("a word for the log", file=sys.stderr, flush=True)
for line in sys.stdin:
    text = json.loads(line)["input"]["text"]
    if text == "die": os._exit(3)
    print(json.dumps({"error": "refused"} if text == "no" else {"output": f"{text} {os.getpid()}"}), flush=True)
""",
    "functions/echo/slow.py": "import sys, time\nfor line in sys.stdin: time.sleep(30)\n",
    "functions/echo/net.py": """
import json, socket, sys
for line in sys.stdin:
    words = []
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        try:
            socket.socket(family, socket.SOCK_STREAM).close()
            words.append("open")
        except OSError as error:
            words.append("refused")
    print(json.dumps({"output": " ".join(words)}), flush=True)
""",
    "functions/echo/environment.py": """
import json, os, sys
for line in sys.stdin:
    print(json.dumps({"output": json.dumps(dict(os.environ))}), flush=True)
""",
    "functions/echo/dies.py": 'import sys\nsys.stdin.readline()\nsys.exit("my last words")\n',
    "functions/echo/chatty.py": 'import sys\nfor line in sys.stdin: print("this is", flush=True); print("not JSON", flush=True)\n',
}


def code():
    secrets = {"OPENAI_API_KEY": "sk-secret-1", "LAB_KEY": "sk-secret-2", "SHOWN": "yes"}
    with Project(CODE, secrets) as made:
        ran = made.run("fire", "echo", "hello", "--variant", "good")
        checks.that(ran.code == 0 and ran.out.startswith("hello "), "a program answers", ran)
        ran = made.run("fire", "echo", "hello", "--variant", "good", "--verbose")
        checks.that("a word for the log" in ran.err, "its standard error is in the log", ran)
        ran = made.run("fire", "echo", "no", "--variant", "good")
        checks.that(ran.code == 1 and "refused" in ran.err, "its own error is told", ran)
        rows = "".join(json.dumps({"text": t}) + "\n" for t in ("a", "b", "die", "c", "d"))
        made.write("rows.jsonl", rows)
        ran = made.run("fire", "echo", "--in", "rows.jsonl", "--variant", "good", "--parallel", "1")
        answers = ran.rows()
        checks.equal([("output" in a) for a in answers], [True, True, False, True, True], f"a crash costs its own row: {ran}")
        pids = [a["output"].split()[1] for a in answers if "output" in a]
        checks.that(pids[0] == pids[1] != pids[2] == pids[3], "one process for many rows, and a new one after a crash", pids)
        began = time.monotonic()
        ran = made.run("fire", "echo", "x", "--variant", "slow")
        checks.that(ran.code == 1 and "500 ms" in ran.err and time.monotonic() - began < 8, "a time-out says how long", ran)
        ran = made.run("fire", "echo", "x", "--variant", "net")
        checks.equal((ran.code, ran.out), (0, "refused refused open\n"), f"off the network: {ran}")
        ran = made.run("fire", "echo", "x", "--variant", "net_allowed")
        checks.that(ran.code == 0 and ran.out.startswith("open "), "network = true allows it", ran)
        ran = made.run("fire", "echo", "x", "--variant", "environment")
        seen = json.loads(ran.out)
        checks.that("sk-secret" not in ran.out and seen.get("SHOWN") == "yes" and "PATH" in seen, "no keys in its environment", sorted(seen))
        checks.that(set(seen) <= {"PATH", "HOME", "LANG", "SHOWN", "LC_CTYPE"}, "nothing else in its environment", sorted(seen))
        ran = made.run("fire", "echo", "x", "--variant", "dies")
        checks.that(ran.code == 1 and "my last words" in ran.err and "exit status 1" in ran.err, "a death is told with its last words", ran)
        ran = made.run("fire", "echo", "x", "--variant", "chatty")
        checks.that(ran.code == 1 and ("JSON" in ran.err or "one line" in ran.err), "a chatty program is told what to do", ran)
        ran = made.run("fire", "echo", "x", "--variant", "missing")
        checks.that(ran.code in (1, 2) and "no-such-program-anywhere" in ran.err, "a program that is not there is named", ran)
        ran = made.run("fire", "echo", "hello", "--variant", "all")
        checks.that(ran.code == 0 and all(name in ran.out for name in ("good", "slow", "net", "dies", "missing")), "--variant all shows each", ran)
        code, screen, _ = made.on_terminal("fire", "echo", "hello", "--variant", "all", "--color", "never")
        checks.that(code == 0 and max(map(len, screen.splitlines())) <= 80, "--variant all fits a terminal of 80 columns", screen)
        ran = made.run("fire", "echo", "hello", "--variant", "all", "--json")
        checks.equal(len(ran.json()), 8, "--variant all --json has a row for each")
        ran = made.run("fire", "echo", "hello", "--variant", "goood")
        checks.that(ran.code in (1, 2) and "did you mean 'good'" in ran.err, "a wrong variant: did you mean", ran)


SORT = """
input = { text = "string" }
output = { labels = ["billing", "bug"] }
[variants.linear]
kind = "learned"
learner = "linear"
[variants.nearest]
kind = "learned"
learner = "nearest"
[variants.majority]
kind = "learned"
learner = "majority"
[variants.prompt]
kind = "prompt"
model = "lab/small"
[variants.sure]
kind = "cascade"
steps = ["linear", "prompt"]
threshold = 0.0
[variants.unsure]
kind = "cascade"
steps = ["linear", "prompt"]
threshold = 1.0
"""
CASES = "".join('{"input": {"text": "%s"}, "expect": "%s"}\n' % row for row in
                [(f"{a} {b}", label) for label, firsts, seconds in
                 (("billing", ("my invoice", "the refund", "a payment", "the charge"), ("is wrong", "is missing", "came twice", "is too high")),
                  ("bug", ("the app", "a button", "the sensor", "the chart"), ("crashes", "freezes", "stays empty", "is broken"))) for a in firsts for b in seconds])


def learned_and_cascade():
    upstream = Scripted({"small": [{"text": "bug"}]})
    files = {"sighter.toml": f'[providers.lab]\nbase_url = "{upstream.url}/v1"\n', "functions/sort/function.toml": SORT, "functions/sort/cases.jsonl": CASES}
    with Project(files) as made:
        for variant in ("linear", "nearest"):
            ran = made.run("fire", "sort", "the refund never came, the invoice is wrong", "--variant", variant, "--json")
            checks.equal((ran.code, ran.json()["output"]), (0, "billing"), f"{variant} learns from the cases")
            checks.that(0.5 < ran.json()["confidence"] <= 1, f"{variant}: how sure it is", ran.out)
        ran = made.run("fire", "sort", "my invoice", "--variant", "sure", "--json")
        checks.equal((ran.json()["output"], len(upstream.of("small"))), ("billing", 0), "a sure first step ends a cascade")
        ran = made.run("fire", "sort", "my invoice", "--variant", "unsure", "--json")
        checks.equal((ran.json()["output"], len(upstream.of("small"))), ("bug", 1), "an unsure one goes on to the next")
        tree = made.run("log", ran.json()["call"], "--json").json()
        checks.equal([c["variant"] for c in tree["children"]], ["linear", "prompt"], "its steps are child rows")
        made.write("functions/sort/linear.model", b"SIGHTERM" + bytes(range(256)))
        ran = made.run("fire", "sort", "my invoice", "--variant", "linear")
        checks.that(ran.code in (1, 2) and "linear.model" in ran.err and "#" not in ran.err, "a damaged model file is refused by name", ran)
        ran = made.run("fire", "sort", "my invoice", "--variant", "nearest")
        checks.equal(ran.code, 0, "the other bodies go on")
    checks.equal(upstream.misfits, [], "every chat request fits the published schema")
    upstream.close()


def kept_models():
    """A fitted model is a file of the project: written once, read again, refused when it was damaged, shipped without cases."""
    toml = 'input = { text = "string" }\noutput = { labels = ["a", "b"] }\n[variants.lin]\nkind = "learned"\nlearner = "linear"\n'
    cases = "".join('{"input": {"text": "%s %d"}, "expect": "%s"}\n' % (words, i, label) for i in range(30)
                    for words, label in (("apples pears plums", "a"), ("bolts nuts screws", "b")))
    with Project({"sighter.toml": "", "functions/pick/function.toml": toml, "functions/pick/cases.jsonl": cases}) as made:
        folder = made.folder / ".sighter" / "models"

        def fire(text):
            return made.run("fire", "pick", text)

        ran = fire("some plums")
        checks.equal((ran.code, ran.out), (0, "a\n"), f"it is fitted on first use: {ran}")
        [file] = list(folder.iterdir())
        checks.that(file.name.startswith("pick.lin-") and file.suffix == ".model", "and kept under a name that says whose it is", file.name)
        bytes_, written = file.read_bytes(), file.stat().st_mtime_ns
        checks.equal((fire("more screws").out, file.stat().st_mtime_ns), ("b\n", written), "the next call reads it and writes nothing")
        later = bytes_[:8] + (99).to_bytes(4, "little") + bytes_[12:]
        for what, content, words in (("damaged", bytes_[:-40] + b"x" + bytes_[-39:], "altered"), ("cut", bytes_[:100], "bytes where"),
                                     ("of a newer version", later, "version 99"), ("something else", b"hello", "not a model file")):
            file.write_bytes(content)
            ran = fire(f"pears and {what}")
            checks.that(ran.code == 0 and ran.out == "a\n" and words in ran.err and "fitted again" in ran.err and file.name in ran.err, f"{what}: a warning, and it is fitted again", ran)
            checks.that(file.read_bytes() == bytes_, f"{what}: and kept anew, the same byte for byte")
        made.write("functions/pick/cases.jsonl", cases + '{"input": {"text": "pliers"}, "expect": "b"}\n')
        fire("plums again")
        [other] = list(folder.iterdir())
        checks.that(other.name != file.name, "other cases are another file, and the old one goes")
        made.write("functions/pick/lin.model", bytes_)
        (made.folder / "functions/pick/cases.jsonl").unlink()
        ran = fire("only nuts")
        checks.equal((ran.code, ran.out), (0, "b\n"), f"copied beside the function it is used without cases: {ran}")
        for content, words in ((later, "version 99"), (bytes_[:-40] + b"x" + bytes_[-39:], "altered")):
            made.write("functions/pick/lin.model", content)
            ran = fire("only bolts")
            checks.that(ran.code in (1, 2) and words in ran.err and "lin.model" in ran.err, f"a shipped file: {words} is an error", ran)
    with Project({"sighter.toml": "", "functions/pick/function.toml": toml, "functions/pick/cases.jsonl": cases}) as made:
        made.write(".sighter/models", "a file where the folder should be")
        ran = made.run("fire", "pick", "some plums")
        checks.that(ran.code == 0 and ran.out == "a\n" and "models" in ran.err, "where it cannot be kept it answers, with a warning", ran)


def standard_input():
    with Project(CODE) as made:
        choice = ("--variant", "good")
        for what, data in (("text", "plain words\n"), ("JSON", '{"text": "plain words"}\n'), ("JSON over lines", '{\n  "text": "plain words"\n}\n')):
            ran = made.run("fire", "echo", *choice, stdin=data)
            checks.that(ran.code == 0 and ran.out.startswith("plain words "), f"standard input as {what}", ran)
        data = "".join(json.dumps({"text": f"row {i}"}) + "\n" for i in range(50))
        ran = made.run("fire", "echo", *choice, stdin=data)
        checks.equal([r["output"].rsplit(" ", 1)[0] for r in ran.rows()], [f"row {i}" for i in range(50)], "JSON Lines come out in order")
        ran = made.run("fire", "echo", *choice, stdin=data + '{"text": 5\n')
        checks.that(ran.code in (1, 2) and ":51:" in ran.err, "a broken line is told with its number", ran)
        ran = made.run("fire", "echo", *choice, stdin='{"txet": "x"}')
        checks.that(ran.code in (1, 2) and "did you mean 'text'" in ran.err, "a wrong member: did you mean", ran)
        ran = made.run("fire", "echo", *choice, stdin="")
        checks.that(ran.code == 2 and "Standard input is empty" in ran.err, "nothing on standard input is no input", ran)


def resumed():
    """Killed in the middle and started again: the file ends complete and in order, and rows are asked once but those in flight."""
    upstream = Scripted({"small": [{"text": lambda request: "re: " + request["messages"][-1]["content"], "stall": 0.02}]})
    files = {"sighter.toml": f'[providers.lab]\nbase_url = "{upstream.url}/v1"\n',
             "functions/reply/function.toml": 'input = { text = "string" }\noutput = "text"\n[variants.lab]\nkind = "prompt"\nmodel = "lab/small"\n',
             "rows.jsonl": "".join(json.dumps({"id": f"r{i}", "input": {"text": f"row {i}"}}) + "\n" for i in range(300))}
    with Project(files) as made:
        words = ("fire", "reply", "--in", "rows.jsonl", "--out", "out.jsonl", "--parallel", "4")
        process = made.start(*words)
        limit = time.monotonic() + 30
        out = made.folder / "out.jsonl"
        while time.monotonic() < limit and not (out.exists() and out.read_bytes().count(b"\n") >= 40):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        before = len(upstream.of("small"))
        checks.that(40 <= before < 300, "killed in the middle", before)
        with open(out, "ab") as file:
            file.write(b'{"id": "half a li')
        ran = made.run(*words)
        checks.equal(ran.code, 0, f"goes on: {ran}")
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        checks.equal([(r["id"], r["output"]) for r in rows], [(f"r{i}", f"re: row {i}") for i in range(300)], "complete, and in the order of the rows")
        checks.that(len(upstream.of("small")) <= 300 + 8, "asked once a row, but for those in flight", len(upstream.of("small")))
        asked = len(upstream.of("small"))
        ran = made.run(*words)
        checks.equal((ran.code, len(upstream.of("small"))), (0, asked), "a third time asks nothing")
    upstream.close()


if not os.path.exists(program()):
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (code, learned_and_cascade, kept_models, standard_input, resumed):
    checks.run(test)
checks.finish()
