"""The program in a folder of its own, for whole-program tests."""

import json
import os
import pathlib
import subprocess
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[3]
SIGHTER = os.environ.get("SIGHTER", str(TOP / "build/release/sighter"))


class Program:
    """A project folder; words in, (exit code, output, errors) out."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="sighter-e2e-")
        self.folder = pathlib.Path(self.temporary.name)
        self.project = self.folder / "p"
        self.project.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C.UTF-8",
                            "XDG_STATE_HOME": str(self.folder / "state"), "XDG_CACHE_HOME": str(self.folder / "cache")}

    def write(self, name, content):
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def start(self, *words, **options):
        environment = dict(self.environment, **options.pop("environment", {}))
        return subprocess.Popen([SIGHTER, *map(str, words)], cwd=self.project, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", **options)

    def run(self, *words, seconds=60, **options):
        process = self.start(*words, **options)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            return "timeout", out, err
        return process.returncode, out, err

    def json(self, *words, **options):
        code, out, err = self.run(*words, "--json", **options)
        try:
            return code, json.loads(out), err
        except ValueError:
            return code, {}, out + err

    def close(self):
        self.temporary.cleanup()
