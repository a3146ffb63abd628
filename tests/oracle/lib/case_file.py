"""The files of template cases, as tests/cases/text/templates/README.md describes them: for the oracles."""
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "cases" / "text" / "templates"


def read(path):
    cases, case, key = [], None, None
    for line in path.read_text(encoding="utf-8").removesuffix("\n").split("\n"):
        marker = re.match(r"@@ (case|options|context|template|output|error|ours|file [^|]+)(?:\|(.*))?$", line)
        if not marker:
            if key:
                case[key].append(line)
            elif line and not line.startswith("#"):
                sys.exit(f"{path}: text outside of a section: {line!r}")
            continue
        key, inline = marker.group(1), marker.group(2)
        if key == "case":
            case = {"case": [inline]}
            cases.append(case)
            key = None
        elif inline is not None:
            case[key] = [inline]
            key = None
        else:
            case[key] = []
    return [{k: "\n".join(v) for k, v in c.items()} for c in cases]


def write(path, cases):
    out = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("@@ case"):
            break
        out.append(line)
    for case in cases:
        for key, value in case.items():
            inline = "\n" not in value
            out.append(f"@@ {key}|{value}" if inline else f"@@ {key}\n{value}")
        if inline:  # a blank line would belong to a section of several lines
            out.append("")
    path.write_text("\n".join(out).removesuffix("\n") + "\n", encoding="utf-8")
