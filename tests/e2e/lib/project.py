"""A project folder and the program run in it, as a person would: exit code, standard output, standard error."""

import json
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[3]


def program():
    return os.environ.get("SIGHTER") or str(TOP / "build" / "release" / "sighter")


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"code {self.code}, out {self.out[:300]!r}, err {self.err[:500]!r}"


class Project:
    """`files` maps a path to its text; without files it is a folder outside any project."""

    def __init__(self, files=None, environment=None):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="sighter-e2e-"))
        self.folder = self.top / "project"
        self.folder.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.top / "home"), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
                            "XDG_STATE_HOME": str(self.top / "state"), "XDG_CACHE_HOME": str(self.top / "cache"), **(environment or {})}
        (self.top / "home").mkdir()
        for name, text in (files or {}).items():
            self.write(name, text)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def close(self):
        shutil.rmtree(self.top, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, *words, stdin=None, environment=None, timeout=60):
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run([program(), *words], cwd=self.folder, env={**self.environment, **(environment or {})}, timeout=timeout, check=False,
                              capture_output=True, **({"input": data} if data is not None else {"stdin": subprocess.DEVNULL}))
        return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def start(self, *words, environment=None):
        return subprocess.Popen([program(), *words], cwd=self.folder, env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def on_terminal(self, *words, environment=None, timeout=60):
        """The same with a terminal on all three streams: (exit code, what the screen was sent, when each piece came)."""
        main, other = pty.openpty()
        env = {**self.environment, "TERM": "xterm", "COLUMNS": "80", **(environment or {})}
        process = subprocess.Popen([program(), *words], cwd=self.folder, env=env, stdin=other, stdout=other, stderr=other, close_fds=True)
        os.close(other)
        out, pieces, limit = b"", [], time.monotonic() + timeout
        while time.monotonic() < limit:
            ready, _, _ = select.select([main], [], [], 0.2)
            if not ready:
                if process.poll() is not None:
                    break
                continue
            try:
                data = os.read(main, 65536)
            except OSError:
                break
            if not data:
                break
            out += data
            pieces.append(data)
        if process.poll() is None and time.monotonic() >= limit:
            process.kill()
        code = process.wait()
        os.close(main)
        return code, out.decode("utf-8", "replace"), pieces

    def calls(self, *arguments):
        """The stored calls as `sighter log --json` tells them, the newest first."""
        return self.run("log", "--json", "--limit", "1000", *arguments).rows()
