"""A `sighter serve` of its own for a whole-program test: folder, port, process, and its end."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TOP = pathlib.Path(__file__).resolve().parents[3]


def program():
    return os.environ.get("SIGHTER") or str(TOP / "build" / "release" / "sighter")


def why_not():
    """Why no door can be opened here; None when one can."""
    if not os.path.exists(program()):
        return f"no {program()}: build it first"
    if subprocess.run([program(), "serve", "--help"], capture_output=True, check=False).returncode != 0:
        return "this program has no 'serve'"
    return None


class Gateway:
    """`config` is the text of sighter.toml without [serve]; `functions` maps a path in the project to its text."""

    def __init__(self, config, serve="", functions=None, environment=None, folder=None, arguments=(), files=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="sighter-e2e-"))
        self.own = folder is None
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8",
                            "XDG_STATE_HOME": str(self.folder / "state"), **(environment or {})}
        if "SIGHTER_CACHE" in os.environ:
            self.environment.setdefault("SIGHTER_CACHE", os.environ["SIGHTER_CACHE"])
        elif "HOME" in os.environ:
            self.environment.setdefault("SIGHTER_CACHE", os.path.join(os.environ["HOME"], ".cache", "sighter"))
        self.arguments = list(arguments)
        self.limit = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"] if files else []  # how many it may open
        (self.folder / "sighter.toml").write_text(
            f'[serve]\nlisten = "127.0.0.1:0"\nops_listen = "127.0.0.1:0"\n{serve}\n{config}\n', encoding="utf-8")
        for name, text in (functions or {}).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.process = None
        self.heard = lambda *_: None  # is told (method, path, status, type, bytes) of each answer to ask(), but for those in Anthropic's words
        self.start()

    def start(self):
        self.log_path = self.folder / "serve.log"
        log = open(self.log_path, "ab")
        seen = self.log_path.stat().st_size
        self.process = subprocess.Popen([*self.limit, program(), "serve", "--project", str(self.folder), *self.arguments],
                                        stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env=self.environment, cwd=self.folder)
        log.close()
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            text = self.log_path.read_bytes()[seen:].decode("utf-8", "replace")
            found = re.findall(r"http://127\.0\.0\.1:(\d+)", text)
            if found:
                self.port = int(found[0])
                self.ops_port = int(found[1]) if len(found) > 1 else None
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"sighter serve ended with {self.process.returncode}: {text[-500:]}")
            time.sleep(0.01)
        raise RuntimeError("sighter serve did not say where it listens: " + self.log())

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM, patience_s=10):
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else None
        self.process.send_signal(how)
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def close(self):
        if self.process is not None and self.process.poll() not in (None, 0, -9):
            print(f"sighter serve ended with {self.process.returncode}: {self.log()[-800:]}", flush=True)
        self.stop()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, path, body=None, headers=None, timeout=30):
        """(status, headers, parsed JSON or text)."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=dict(headers or {}))
        if data is not None:
            request.add_header("content-type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                status, heads, raw = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, heads, raw = error.code, error.headers, error.read()
        if not any(name.lower() == "anthropic-version" for name in request.headers):
            self.heard(method, path, status, heads.get("content-type") or "", raw)
        try:
            return status, heads, json.loads(raw)
        except ValueError:
            return status, heads, raw.decode("utf-8", "replace")

    def store(self, sql):
        """Rows of the project's store, read while it runs."""
        import sqlite3
        found = list(self.folder.glob(".sighter/*.db")) + list(self.folder.glob(".sighter/*.sqlite*"))
        found = [f for f in found if not f.name.endswith(("-wal", "-shm"))]
        with sqlite3.connect(f"file:{found[0]}?mode=ro", uri=True, timeout=10) as db:
            return db.execute(sql).fetchall()
