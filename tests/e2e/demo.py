#!/usr/bin/env python3
"""`sighter demo`, which ./run ends with, without a language model: its table, its sentences, a second run from stored results,
a narrow terminal, and a folder where it cannot keep its plan."""

import pathlib
import re
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, TOP, program  # noqa: E402

checks = Checks()
BODIES = ("rules", "majority", "nearest", "linear")


def example():
    made = Project(environment={"SIGHTER_CACHE": "/nonexistent"})
    shutil.rmtree(made.folder)
    shutil.copytree(TOP / "examples" / "support", made.folder, ignore=shutil.ignore_patterns(".sighter", "__pycache__"))
    return made


def first_and_second_run():
    with example() as made:
        ran = made.run("demo")
        checks.equal(ran.code, 0, f"it runs without a model, a key and a question: {ran}")
        for body in BODIES:
            checks.equal(len(re.findall(rf"^{body} ", ran.out, re.M)), 2, f"{body} is in both tables")
        checks.that("Score by number of labels used" in ran.out and "Good enough to ship?" in ran.out, "both tables have titles", ran.out)
        checks.that(re.search(r"^majority +- ", ran.out, re.M), "a learner without labels has nothing", ran.out)
        checks.that("OPENAI_API_KEY is not set" in ran.out and "smol_zero" in ran.out, "what waits says for what", ran.out)
        checks.that("passes it" not in ran.out, "nothing passes a model that was not asked", ran.out)
        checks.equal(len(re.findall(r"^  build/run/sighter ", ran.out, re.M)), 3, "three next commands")
        begin = time.monotonic()
        again = made.run("demo", "--json")
        seconds = time.monotonic() - begin
        checks.that(again.code == 0 and seconds < 10, f"the second run reads stored results: {seconds:.1f} s", again.err)
        report = again.json()
        checks.equal(report["ready"]["calls"], report["ready"]["reused"], "and asks nobody again")
        rules = next(c for c in report["curves"] if c["variant"] == "rules")
        checks.equal((rules["uses_labels"], len(rules["points"])), (False, 1), "code has one score, whatever the labels")


def screens():
    with example() as made:
        made.run("demo")
        for columns in ("60", "100"):
            ran = made.run("demo", environment={"COLUMNS": columns})
            widest = max(len(line) for line in ran.out.splitlines() if "build/run/sighter" not in line)
            checks.that(widest <= int(columns), f"{columns} columns are enough: {widest}", ran.out)
        code, screen, _ = made.on_terminal("demo")
        checks.that(code == 0 and "\x1b[" in screen, "styles on a terminal", screen[:200])
        checks.that("\x1b[" not in made.run("demo").out, "none elsewhere")


if not pathlib.Path(program()).exists():
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (first_and_second_run, screens):
    checks.run(test)
checks.finish()
