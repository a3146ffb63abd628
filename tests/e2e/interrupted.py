#!/usr/bin/env python3
"""`sighter ready` that is stopped: by Ctrl-C once and twice, by SIGKILL at random moments, by a full or read-only disk. What
was answered stays, and the server's own count says that nothing is asked twice. Loopback, bounded."""

import json
import os
import pathlib
import random
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.chat_server import ChatServer  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.program import SIGHTER, Program  # noqa: E402

checks = Checks()
CASES = 300
PARALLEL = 8  # calls at a time; as many again may wait for their rows to be stored


def make(server, cases=CASES):
    program = Program()
    program.write("sighter.toml", f"""[providers.lab]
base_url = "{server.url}"
[models.good]
routes = ["lab/good"]
price = {{ input = 1, output = 1 }}
""")
    program.write("functions/f/function.toml", """input = { text = "string" }
output = { labels = ["yes", "no"] }
[bar]
metric = "exact"
at_least = 0.8
[variants.good]
kind = "prompt"
model = "good"
""")
    rows = [f'{{"id": "c{i}", "input": "case {i} good:{0 if i % 10 == 3 else 1} {"x" * 200}", "expect": "yes"}}\n' for i in range(cases)]
    program.write("functions/f/cases.jsonl", "".join(rows))
    return program


def full(program, **options):
    return program.json("ready", "f", "--full", "--parallel", PARALLEL, **options)


def wait_for(server, count, process, seconds=30):
    end = time.monotonic() + seconds
    while server.count() < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    return process.poll() is None


def each_once(server, most, what):
    """Every case was asked; in all, at most `most` times more than once each."""
    checks.equal(len(set(server.asked)), CASES, f"{what}: every case was asked")
    checks.that(server.count() - CASES <= most, f"{what}: nothing is asked twice but what was under way", server.count() - CASES)


def ctrl_c_once():
    server = ChatServer(seconds=0.02)
    program = make(server)
    process = program.start("ready", "f", "--full", "--parallel", PARALLEL, "--json")
    checks.that(wait_for(server, 60, process), "it runs when Ctrl-C comes")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    checks.equal(process.returncode, 130, "Ctrl-C is exit code 130")
    checks.that('"verdict":"UNDECIDED"' in out and '"stopped"' in out, "the verdict so far is printed", out[:300])
    checks.that("goes on from here" in err, "it says how to go on", err)
    code, report, err = full(program)
    checks.equal(code, 0, f"the run is finished afterwards: {err}")
    each_once(server, 0, "after Ctrl-C")
    program.close()


def ctrl_c_twice():
    server = ChatServer(seconds=0.02)
    program = make(server)
    process = program.start("ready", "f", "--full", "--parallel", PARALLEL)
    checks.that(wait_for(server, 60, process), "it runs when Ctrl-C comes")
    server.seconds = 60
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    checks.equal(process.poll(), None, "once: it waits for what is under way")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
    checks.that(time.monotonic() - began < 5, "twice: it stops at once", time.monotonic() - began)
    checks.equal(process.returncode, 130, "Ctrl-C twice is exit code 130")
    checks.that("UNDECIDED" in out, "the verdict so far is printed all the same", out)
    server.seconds = 0
    code, _, err = full(program)
    checks.equal(code, 0, f"the run is finished afterwards: {err}")
    each_once(server, 2 * PARALLEL, "after Ctrl-C twice")
    program.close()


def rows_of_fire():
    """Many rows through `fire`: Ctrl-C, then the same command again."""
    server = ChatServer(seconds=0.02)
    program = make(server)
    words = ("fire", "f", "--in", "functions/f/cases.jsonl", "--out", "answers.jsonl", "--parallel", PARALLEL)
    process = program.start(*words)
    checks.that(wait_for(server, 60, process), "rows are under way when Ctrl-C comes")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    checks.equal(process.returncode, 130, "Ctrl-C in rows is exit code 130")
    checks.that("goes on from here" in err, "it says how to go on", err)
    code, out, err = program.run(*words)
    checks.equal(code, 0, f"the rows are finished afterwards: {err}")
    lines = (program.project / "answers.jsonl").read_text().splitlines()
    checks.equal([json.loads(line)["id"] for line in lines], [f"c{i}" for i in range(CASES)], "each row once, in order")
    each_once(server, 0, "rows after Ctrl-C")
    program.close()


def killed():
    server = ChatServer(seconds=0.01)
    program = make(server)
    seed = int(os.environ.get("SEED", time.time_ns() % 100000))
    chance = random.Random(seed)
    kills = 0
    while kills < 5 and server.count() < CASES - 20:
        process = program.start("ready", "f", "--full", "--parallel", PARALLEL)
        if wait_for(server, server.count() + chance.randint(1, 60), process):
            time.sleep(chance.random() * 0.01)
            process.kill()
            kills += 1
        process.communicate()
    checks.that(kills >= 3, f"it was killed several times (SEED={seed})", kills)
    code, report, err = full(program)
    checks.equal(code, 0, f"the run is finished afterwards (SEED={seed}): {err}")
    checks.equal(report.get("variants", [{}])[0].get("cases"), CASES, "all cases are judged")
    checks.equal(report.get("variants", [{}])[0].get("score"), 0.9, "with the score of an undisturbed run")
    each_once(server, kills * 2 * PARALLEL, f"after {kills} kills (SEED={seed})")
    code, out, err = program.run("store", "check")
    checks.equal(code, 0, f"the store is sound: {out}{err}")
    program.close()


def full_disk():
    """A limit on the size of files stands for a full disk: writes fail half-way, for root too."""
    server = ChatServer()
    program = make(server)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    code, report, err = full(program, preexec_fn=limit)
    asked = server.count()
    checks.equal(code, 1, "a full disk is exit code 1")
    checks.that(0 < asked < CASES, "it stops instead of paying for what it cannot keep", asked)
    checks.that("error:" in err and "store" in err, "the error says what could not be written", err)
    checks.that("terminate" not in err and "#0" not in err, "and nothing looks like a crash", err)
    code, report, err = full(program)
    checks.equal(code, 0, f"with room again it is finished: {err}")
    each_once(server, 2 * PARALLEL, "after a full disk")
    program.close()


def really_full_disk():
    """The store on a small file system of its own, where there is the right to make one."""
    server = ChatServer()
    program = make(server)
    store = program.project / ".sighter"
    store.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(store)], capture_output=True, check=False)
    if made.returncode != 0:
        checks.skip("no right to mount a small file system: a full disk is stood for by a limit on files alone")
        program.close()
        return
    try:
        code, report, err = full(program)
        asked = server.count()
        checks.equal(code, 1, f"a disk that is full is exit code 1: {err}")
        checks.that(0 < asked < CASES, "it stops instead of paying for what it cannot keep", asked)
        checks.that("error:" in err and re.search("full|No space left|space", err), "and says that there is no space", err)
        checks.that("terminate" not in err and "#0" not in err, "and nothing looks like a crash", err)
        subprocess.run(["mount", "-o", "remount,size=64m", str(store)], capture_output=True, check=True)
        code, report, err = full(program)
        checks.equal(code, 0, f"with room again it is finished: {err}")
        checks.that(report.get("reused", 0) > 0, "what was finished before the disk was full is still there", report.get("reused"))
        each_once(server, 2 * PARALLEL, "after a disk that was full")
        code, out, err = program.run("store", "check")
        checks.equal(code, 0, f"the store is sound: {out}{err}")
    finally:
        subprocess.run(["umount", str(store)], capture_output=True, check=False)
        program.close()


def read_only_store():
    server = ChatServer()
    program = make(server)
    store = program.project / ".sighter"
    store.write_text("a file where the folder should be")
    code, out, err = program.run("ready", "f")
    checks.equal(code, 1, "a store that cannot be made is exit code 1")
    checks.that(".sighter" in err, "the error names it", err)
    checks.equal(server.count(), 0, "nobody is asked when nothing can be kept")
    store.unlink()
    full(program)
    nobody = {}
    if os.geteuid() == 0:  # root may write anywhere: somebody else runs it
        nobody = {"user": 65534, "group": 65534}
        for path in [program.folder, *program.folder.rglob("*")]:
            os.chown(path, 65534, 65534)
    for path in [*store.iterdir(), store]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        code, out, err = program.run("ready", "f", "--fresh", **nobody)
    except PermissionError:
        checks.skip("the program cannot be run as somebody else here")
    else:
        checks.equal(code, 1, f"a read-only store is exit code 1: {err}")
        checks.that("store" in err and "error:" in err, "the error names the store", err)
        code, out, err = program.run("log", "-n", "1", **nobody)
        checks.equal(code, 0, f"what is there can still be read: {err}")
    for path in [store, *store.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    file = store / "store.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 9999")
    code, out, err = program.run("ready", "f")
    checks.equal(code, 1, "a newer store is refused")
    checks.that("version 9999" in err and "update sighter" in err, "in words", err)
    program.close()


if not os.access(SIGHTER, os.X_OK):
    print(f"no {SIGHTER}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (ctrl_c_once, ctrl_c_twice, rows_of_fire, killed, full_disk, really_full_disk, read_only_store):
    checks.run(test)
checks.finish()
