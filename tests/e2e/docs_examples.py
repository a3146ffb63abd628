#!/usr/bin/env python3
"""Every fenced example of README.md and docs/*.md: commands are run, settings, templates and rows are read by the program.

A fence says what it holds: sh, toml, json, jinja, or text (what the program prints: it holds no commands). Commands run
in a project of their own whose providers are a script on loopback; nothing leaves the machine. What is too large to be
run here (`./run`, `./test`) must at least be there.
"""

import base64
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import TOP, Project, program  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
KINDS = ("sh", "toml", "json", "jinja", "text")
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
LARGE = ("./run", "./test")
# Where a command needs something of the machine that a test may not have: the program whose absence excuses it.
NEEDS = {"man -l": "man"}
VERDICTS = (0, 100, 101)


def fences(path):
    """(line, kind, text) of each fence."""
    found, inside, start, kind = [], None, 0, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```"):
            if inside is None:
                inside, start, kind = [], number, line[3:].strip()
            else:
                found.append((start, kind, "\n".join(inside)))
                inside = None
        elif inside is not None:
            inside.append(line)
    checks.that(inside is None, f"{path.name}: every fence is closed")
    return found


TICKETS = [("the invoice is wrong", "billing"), ("the app crashed", "bug"), ("charged twice", "billing"), ("a button does nothing", "bug"), ("refund please", "billing"),
           ("sync is stuck", "bug"), ("which card is on file", "billing"), ("empty chart", "bug"), ("tax is missing", "billing"), ("search finds nothing", "bug")]


def project(upstream, newcomer):
    """With files of the names that the examples use. A newcomer has built the program, but has it in no PATH."""
    made = Project()
    made.run("init")
    key = made.top / "key"
    key.write_text("sk-of-the-test\n")
    settings = made.folder / "sighter.toml"
    triage = made.folder / "functions/triage/function.toml"
    triage.write_text(triage.read_text() + '\n[variants.gpt]\nkind = "prompt"\nmodel = "small"\n')
    settings.write_text(settings.read_text() + '\n[store]\nkeep = "90d"\n' + "".join(f'\n[providers.{name}]\nbase_url = "{upstream.url}/v1"\nkey = "file:{key}"\n' for name in ("openai", "anthropic")))
    made.write("functions/summary/function.toml", 'input = { text = "string" }\noutput = "text"\n[variants.prompt]\nkind = "prompt"\nmodel = "small"\n')
    made.write("functions/triage/handbook.md", "A handbook.\n")
    made.write("tickets.csv", "message,team\n" + "".join(f"{text},{team}\n" for text, team in TICKETS))
    made.write("tickets.jsonl", "".join(json.dumps({"text": text}) + "\n" for text, _ in TICKETS))
    made.write("letter.txt", "Dear reader\n")
    made.write("receipt.png", PNG)
    (made.folder / "build" / "run").mkdir(parents=True)
    (made.top / "bin").mkdir()
    for place in (made.folder / "build" / "run", made.top / "bin"):
        (place / "sighter").symlink_to(program())
    for folder in (".local/share/bash-completion/completions", ".local/share/man/man1", ".zfunc", ".config/fish/completions"):
        (made.top / "home" / folder).mkdir(parents=True)
    if not newcomer:
        made.environment["PATH"] = f"{made.top / 'bin'}:{made.environment['PATH']}"
    return made


def without_comment(line):
    return re.sub(r"\s+#.*$|^#.*$", "", line).strip()


def commands(where, text, upstream, newcomer=False):
    """A block is one shell, so that `cd` holds for what follows; each line has its own exit code."""
    lines = [line for line in map(without_comment, text.splitlines()) if line]
    runnable = []
    for line in lines:
        if shlex.split(line)[0] in LARGE:
            checks.that(os.access(TOP / line.split()[0], os.X_OK), f"{where}: {line} is there")
        elif any(words in line and not shutil.which(needed) for words, needed in NEEDS.items()):
            checks.skip(f"{where}: {line}: not installed here")
        elif re.match(r"sighter serve\b", line):  # runs until somebody says stop, and then ends in order
            runnable.append(f"timeout --preserve-status -s TERM 2 {line}")
        else:
            runnable.append(line)
    if not runnable:
        return
    with project(upstream, newcomer) as made:
        first = made.run("fire", "summary", "a first call", "--json")
        call = first.json()["call"]
        script = "set -o pipefail\n" + "".join(f"{{ {line.replace('0199b2c4', call)}\n}} </dev/null >{made.top}/out 2>&1; echo \"@@ $?\"; tail -c 600 {made.top}/out\n"
                                               for line in runnable)
        done = subprocess.run(["bash", "-c", script], cwd=made.folder, env=made.environment, capture_output=True, text=True, timeout=120, check=False)
        seen = re.split(r"^@@ ", done.stdout, flags=re.M)[1:]
        checks.equal(len(seen), len(runnable), f"{where}: all lines ran {done.stderr}")
        for line, result in zip(runnable, seen):
            code, _, words = result.partition("\n")
            good = VERDICTS if re.search(r"sighter (ready|eval)\b", line) else (0,)
            checks.that(int(code) in good, f"{where}: {line}", f"exit code {code}: {words}")


def settings(where, text):
    """A whole sighter.toml, a whole function.toml, or tables of one."""
    def quoted(pattern):
        return re.findall(pattern, text)

    with Project({"sighter.toml": ""}) as made:
        for name in quoted(r'"([\w./-]+\.(?:md|json|jsonl|txt|j2|py))"'):
            made.write(f"functions/f/{name}", '{"type": "object"}' if name.endswith(".json") else "words\n")
        if re.search(r"^\[(providers|models|store|serve)", text, re.M):
            made.write("sighter.toml", text)
            ran = made.run("log")
        else:
            head = "" if re.search(r"^input", text, re.M) else 'input = { text = "string" }\noutput = { labels = ["billing", "bug", "account"] }\n'
            tail = "" if "[variants" in text else '[variants.m]\nkind = "learned"\nlearner = "majority"\n'
            made.write("functions/f/function.toml", head + text + "\n" + tail)
            labels = quoted(r"labels = \[\s*\"(\w+)\"") or ["billing"]
            made.write("functions/f/cases.jsonl", json.dumps({"id": "c1", "input": {"text": "x"}, "expect": labels[0]}) + "\n")
            ran = made.run("ready", "f", "--dry-run")
        checks.equal(ran.code, 0, f"{where}: is read without a complaint: {ran}")


def template(where, text):
    with Project({"sighter.toml": "", "functions/f/user.md": text, "functions/f/handbook.md": "words\n",
                  "functions/f/function.toml": 'input = { text = "string" }\noutput = "text"\n[variants.p]\nkind = "prompt"\nmodel = "lab/small"\nuser = "user.md"\n'}) as made:
        upstream = Scripted({"small": [{"text": "seen"}]})
        made.write("sighter.toml", f'[providers.lab]\nbase_url = "{upstream.url}/v1"\n')
        ran = made.run("fire", "f", "a message")
        checks.that(ran.code == 0 and "a message" in str(upstream.of("small")), f"{where}: renders", ran)
        upstream.close()


def cells(line):
    """Of a row of a table: a bar in a cell is written \\|; code stands between backticks."""
    inner = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
    return [cell[1:-1] if len(cell) > 2 and cell.startswith("`") and cell.endswith("`") and "`" not in cell[1:-1] else cell for cell in inner]


def template_tables(path):
    """The rows of docs/templates.md: what each example gives, and what is refused."""
    examples, refused, heading = [], [], ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        heading = line[3:] if line.startswith("## ") else heading
        row = cells(line) if line.startswith("| ") else []
        if len(row) == 4 and "{" in row[1]:
            result = row[2][1:-1] if row[2].startswith('"') and row[2].endswith('"') else row[2]
            examples.append((number, row[1], result.replace("⏎", "\n")))
        elif heading.startswith("Refused") and row and row[0].startswith("{"):
            refused.append((number, row[0]))
    checks.that(len(examples) > 100 and len(refused) > 8, f"{path.name}: the tables are read", f"{len(examples)} examples, {len(refused)} refused")
    files = {"sighter.toml": "", "functions/f/handbook.md": "words", "functions/f/user.md": "".join(f"@@{number} {text}\n" for number, text, _ in examples) + "@@end",
             "functions/f/function.toml": 'input = { text = "string" }\noutput = "text"\n[variants.p]\nkind = "prompt"\nmodel = "lab/small"\nuser = "user.md"\n'}
    upstream = Scripted({"small": [{"text": "seen"}]})
    with Project({**files, "sighter.toml": f'[providers.lab]\nbase_url = "{upstream.url}/v1"\n'}) as made:
        ran = made.run("fire", "f", "a message")
        if checks.that(ran.code == 0, f"{path.name}: all examples render", ran):
            text = upstream.of("small")[0]["messages"][-1]["content"]
            for number, source, result in examples:
                got = re.search(rf"^@@{number} (.*?)\n@@", text, re.M | re.S)
                checks.equal(got and got.group(1), result, f"{path.name}:{number}: {source}")
        for number, source in refused:
            made.write("functions/f/user.md", source)
            ran = made.run("fire", "f", f"a message {number}")
            checks.that(ran.code != 0 and re.search(r"user\.md:1:\d+: ", str(ran)), f"{path.name}:{number}: {source} is refused", ran)
    upstream.close()


def rows(where, text):
    for line in text.splitlines():
        try:
            json.loads(line)
        except ValueError as error:
            checks.that(False, f"{where}: {line[:80]}", error)
            return
    checks.that(True, where)


def document(path, upstream):
    found = fences(path)
    if path.name == "README.md":  # read from above to below, in one shell
        blocks = [text for _, kind, text in found if kind == "sh"]
        checks.run(commands, path.name, "\n".join(blocks), upstream, True)
        found = [fence for fence in found if fence[1] != "sh"]
    for line, kind, text in found:
        where = f"{path.relative_to(TOP)}:{line}"
        if path.name == "command_line.md" and not kind:  # made by the program: how each verb is written
            checks.that(re.match(r"sighter [A-Za-z]", text) and "options]" in text, f"{where}: a usage line", text)
            continue
        if not checks.that(kind in KINDS, f"{where}: the fence says what it holds ({', '.join(KINDS)})", repr(kind)):
            continue
        if kind == "sh":
            checks.run(commands, where, text, upstream)
        elif kind == "toml":
            checks.run(settings, where, text)
        elif kind == "jinja":
            checks.run(template, where, text)
        elif kind == "json":
            checks.run(rows, where, text)
        else:
            checks.that(not re.search(r"^\s*(?:\$ )?sighter \w", text, re.M), f"{where}: a text holds no commands", text[:200])


if not os.path.exists(program()):
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
MODELS = ("gpt-5-mini", "claude-haiku-4-5", "claude-sonnet-4-5")
scripted = Scripted({name: [{"text": "billing"}] for name in MODELS})
for page in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
    checks.run(document, page, scripted)
checks.run(template_tables, TOP / "docs/templates.md")
checks.equal(scripted.misfits, [], "every chat request fits the published schema")
scripted.close()
checks.finish()
