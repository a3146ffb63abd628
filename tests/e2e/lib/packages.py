"""Packages of other languages' registries for the whole-program tests, kept in the cache between runs.

They return None (False), with the reason printed, where the packages cannot be had: the test then skips.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys


def cache():
    given = os.environ.get("SIGHTER_CACHE")
    if given:
        return pathlib.Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "sighter"


def _folder(kind, names):
    digest = hashlib.sha256(" ".join(sorted(names)).encode()).hexdigest()[:12]
    return cache() / "tests" / f"{kind}-{digest}"


def _quietly(command, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-300:]


def python_with(*names):
    """The path of a python that can import these packages."""
    folder = _folder("python", names)
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    trouble = _quietly([sys.executable, "-m", "venv", str(folder)])
    trouble = trouble or _quietly([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *names])
    if trouble:
        print(f"pip cannot install {', '.join(names)}: {trouble}")
        return None
    (folder / "complete").touch()
    return str(python)


def node_with(*names):
    """A folder whose node_modules holds these packages."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("node and npm are not installed")
        return None
    folder = _folder("node", names)
    if (folder / "complete").exists():
        return str(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}\n')
    trouble = _quietly(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *names], cwd=folder)
    if trouble:
        print(f"npm cannot install {', '.join(names)}: {trouble}")
        return None
    (folder / "complete").touch()
    return str(folder)


def importable(*names):
    """Whether these packages can be imported here from now on; behind those that this python has already."""
    python = python_with(*names)
    if python is None:
        return False
    for path in sorted(pathlib.Path(python).parents[1].glob("lib/python*/site-packages")):
        if str(path) not in sys.path:
            sys.path.append(str(path))
    return True
