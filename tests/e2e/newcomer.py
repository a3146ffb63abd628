#!/usr/bin/env python3
"""A newcomer's first minutes, mistakes included: what `sighter init` makes, and what is said about what goes wrong."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, program  # noqa: E402

checks = Checks()


def first_minutes():
    with Project() as made:
        ran = made.run("ready", "triage")
        checks.that(ran.code in (1, 2) and "sighter init" in ran.err, "without a project it names init", ran)
        made.write("desk", "a file")
        ran = made.run("init", "desk")
        checks.that(ran.code == 1 and "desk" in ran.err, "init into a file is refused", ran)
        ran = made.run("init", "shop")
        checks.that(ran.code == 0 and "cd shop" in ran.out, "init says what comes next", ran)
        made.folder = made.folder / "shop"
        ran = made.run("ready", "triage")
        checks.that(ran.code in (100, 101) and "OPENAI_API_KEY" in ran.out + ran.err, "a verdict without a key, and what the prompt waits for", ran)
        code, screen, _ = made.on_terminal("ready", "triage", "--color", "never", "--quiet")
        checks.that(code in (100, 101) and max(map(len, screen.splitlines())) <= 80, "in 80 columns on a terminal", screen)
        ran = made.run("fire", "triage", "I was charged twice")
        checks.equal((ran.code, ran.out), (0, "billing\n"), f"one input: {ran}")
        ran = made.run("fire", "triage")
        checks.that(ran.code == 2 and "what is the input" in ran.err, "no input is asked for", ran)
        again = made.run("init")
        checks.that(again.code == 0 and "made" not in again.out and "kept" in again.out, "init again changes nothing", again)
        ran = made.run("ready", "triaje")
        checks.that(ran.code in (1, 2) and "did you mean 'triage'" in ran.err, "a typo in the function", ran)
        ran = made.run("ready", "no-such.csv")
        checks.that(ran.code in (1, 2) and "no file 'no-such.csv'" in ran.err, "a file that is not there", ran)


ROWS = "".join(f"{i},{('the app crashed' if i % 2 else 'my invoice is wrong')} today {i},{('bug' if i % 2 else 'billing')}\n" for i in range(40))


def an_own_file():
    """The README's second way, with the mistakes that people make."""
    with Project() as made:
        made.write("tickets.csv", "id,text,team\n" + ROWS)
        made.write("four.csv", "text,team\n" + "".join(f"words {i},{team}\n" for i, team in enumerate(("a", "b", "c", "d"))))
        made.write("empty.csv", "")
        made.write("head.csv", "text,team\n")
        ran = made.run("ready", "tickets.csv")
        checks.that(ran.code in (0, 100, 101), "a verdict over a file, without a project", ran)
        for words in ("input: text", "expected answer: team", "one of 2 labels", "none of a model"):
            checks.that(words in ran.err, f"it says what it took for what: {words}", ran)
        wrong = ((("tickets.csv", "--expect", "tem"), 2, ("no column 'tem'", "id, text, team")),
                 (("tickets.csv", "--input", "txt"), 2, ("no column 'txt'", "id, text, team")),
                 (("four.csv",), 2, ("--labels", "-m ")), (("tikets.csv",), 1, ("did you mean 'tickets.csv'",)),
                 (("empty.csv",), 2, ("holds no case", "names the columns")), (("head.csv",), 2, ("holds no case", "names the columns")),
                 (("tickets.csv", "--at-least", "90"), 2, ("--at-least", "from 0 to 1")),
                 (("tickets.csv", "--variant", "liner"), 1, ("did you mean 'linear'",)),
                 (("tickets.csv", "--at-last", "0.8"), 2, ("did you mean '--at-least'",)),
                 (("tickets.csv", "-m", "openai/gpt-5-mini"), 1, ("OPENAI_API_KEY is not set", "export OPENAI_API_KEY")),
                 (("tickets.csv", "-m", "opnai/gpt-5-mini"), 1, ("did you mean 'openai/gpt-5-mini'",)))
        for arguments, code, words in wrong:
            ran = made.run("ready", *arguments)
            checks.that(ran.code == code and all(w in ran.err for w in words), f"ready {' '.join(arguments)}: {words}", ran)
            checks.that("JSON object a line" not in ran.err, f"ready {' '.join(arguments)}: no hint about another format", ran)
        made.write("gaps.csv", "id,text,team\n" + ROWS.replace(",bug", ",", 1).split("\n", 1)[1])
        made.write("headless.csv", "".join(line.split(",", 1)[1] + "\n" for line in ROWS.splitlines()))
        made.write("folder/x", "")
        for arguments, words in ((("gaps.csv",), ("gaps.csv:", "no expected answer", "--expect")), (("headless.csv",), ("headless.csv:1", "looks like a row")),
                                 (("folder",), ("'folder' is a folder",)), (("tickets.csv", "--keep", "desk"), ("sighter init",))):
            ran = made.run("ready", *arguments)
            checks.that(ran.code == 2 and all(w in ran.err for w in words), f"ready {' '.join(arguments)}: {words}", ran)
        ran = made.run("ready", "four.csv", "--labels", "a,b,c,d")
        checks.that(ran.code in (100, 101) and "one of 4 labels" in ran.err, "four rows with their labels named", ran)
        made.write("sighter.toml", '[providers.away]\nbase_url = "http://127.0.0.1:9/v1"\n')
        ran = made.run("ready", "tickets.csv", "-m", "away/m", "--json")
        bodies = {v["variant"]: v for v in ran.json()["variants"]}
        checks.that("calls failed" in bodies["prompt"]["failures"] and "127.0.0.1" in bodies["prompt"]["failures"],
                    "a model that never answers is not judged, and what failed is told", bodies["prompt"])
        checks.that(ran.json()["winner"] not in ("prompt", "prompt_with_examples"), "and never wins", ran)


def kept():
    """What was made from a file becomes a function of a project."""
    with Project() as made:
        made.write("my tickets.csv", "id,text,team\n" + ROWS)
        ran = made.run("ready", "my tickets.csv")
        checks.that("--keep my_tickets" in ran.err, "how to keep it is told", ran)
        made.run("init")
        ran = made.run("ready", "my tickets.csv", "--keep", "desk", "--json")
        report = ran.json()
        checks.that(report["function"] == "desk" and (made.folder / "functions/desk/function.toml").exists(), "kept, and judged", ran)
        again = made.run("ready", "desk", "--json").json()
        checks.equal((again["winner"], again["reused"]), (report["winner"], again["calls"]), "the same function, from stored answers")
        ran = made.run("fire", "desk", "the app crashed again", "--variant", "linear")
        checks.equal((ran.code, ran.out), (0, "bug\n"), f"it can be fired: {ran}")
        ran = made.run("ready", "my tickets.csv", "--keep", "desk")
        checks.that(ran.code in (1, 2) and "is there already" in ran.err, "never over a function", ran)
        ran = made.run("ready", "my tickets.csv", "--keep", "../desk")
        checks.that(ran.code in (1, 2) and not (made.folder / "desk").exists(), "nor outside of functions", ran)
        ran = made.run("ready", "desk", "--keep", "other")
        checks.that(ran.code == 2 and "--keep is for a file" in ran.err, "a function is there already", ran)


def mistakes_in_cases():
    with Project() as made:
        made.run("init")
        cases = made.folder / "functions/triage/cases.jsonl"
        good = cases.read_text()
        for line, words in (('{"id": "25", "input": {"text": "x"}, "expect": "biling"}', ("cases.jsonl:25", "did you mean 'billing'")),
                            ('{"id": "25", "input": {"txt": "x"}, "expect": "billing"}', ("cases.jsonl:25", "did you mean 'text'")),
                            ('{"id": "25", "input": {"text": "x", "expect": "billing"}', ("cases.jsonl:25",))):
            cases.write_text(good + line + "\n")
            ran = made.run("ready", "triage")
            checks.that(ran.code in (1, 2) and all(w in ran.err for w in words), f"{words} before anything is spent", ran)
        cases.write_text(good)
        toml = made.folder / "functions/triage/function.toml"
        toml.write_text(toml.read_text().replace("examples = 4", "exmples = 4"))
        ran = made.run("ready", "triage")
        checks.that(ran.code in (1, 2) and "function.toml:" in ran.err and "did you mean 'examples'" in ran.err, "a typo in a key", ran)


if not os.path.exists(program()):
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (first_minutes, an_own_file, kept, mistakes_in_cases):
    checks.run(test)
checks.finish()
