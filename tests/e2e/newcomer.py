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
for test in (first_minutes, mistakes_in_cases):
    checks.run(test)
checks.finish()
