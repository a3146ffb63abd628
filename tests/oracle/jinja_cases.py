#!/usr/bin/env python3
"""Checks the template cases against the jinja2 package (3.1), or fills in what they expect.

    jinja_cases.py            every case must come out of jinja2 as its file says
    jinja_cases.py --write    cases without an expectation get jinja2's output

The format of a case is described in tests/cases/text/templates/README.md.
"""
import datetime
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import case_file  # noqa: E402

try:
    import jinja2
    import jinja2.ext
    import jinja2.sandbox
except ImportError:
    print("the python package jinja2 is not installed (python3-jinja2)\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)

NOW = datetime.datetime(2024, 11, 23, 8, 25, 45)
FLAGS = ("trim_blocks", "lstrip_blocks", "keep_trailing_newline", "autoescape")


class Generation(jinja2.ext.Extension):
    """{% generation %}, as chat templates use it: the body as it is."""
    tags = {"generation"}

    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)


def environment(options, files):
    kind = {"undefined": jinja2.StrictUndefined}
    if "lenient" in options or "chat" in options:
        kind = {"undefined": jinja2.Undefined}
    kind.update({name: name in options for name in FLAGS})
    extensions = ["jinja2.ext.do", "jinja2.ext.loopcontrols"]
    if "chat" in options:
        kind.update(trim_blocks=True, lstrip_blocks=True)
        extensions.append(Generation)
    env = jinja2.sandbox.SandboxedEnvironment(
        loader=jinja2.DictLoader(files), extensions=extensions, **kind)
    if "chat" in options:
        env.filters["tojson"] = lambda x, ensure_ascii=False, indent=None, separators=None, sort_keys=False: \
            json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
        env.globals["strftime_now"] = NOW.strftime

        def raise_exception(message):
            raise jinja2.TemplateError(message)
        env.globals["raise_exception"] = raise_exception
    return env


def render(case):
    options = case.get("options", "").split()
    files = {k[5:]: v for k, v in case.items() if k.startswith("file ")}
    context = json.loads(case.get("context", "{}"))
    try:
        return environment(options, files).from_string(case["template"]).render(context), None
    except Exception as error:  # whatever a template can make the package raise
        return None, error


def version(text):
    return [int(part) for part in re.findall(r"\d+", text)[:3]]


def main():
    checked = wrong = skipped = 0
    for path in sorted(case_file.FOLDER.glob("*.txt")):
        cases = case_file.read(path)
        for case in cases:
            if "ours" in case or "nunjucks" in case.get("options", ""):
                continue
            since = re.search(r"since_([\d.]+)", case.get("options", ""))
            if since and version(jinja2.__version__) < version(since.group(1)):
                skipped += 1
                continue
            got, error = render(case)
            checked += 1
            if "--write" in sys.argv and "output" not in case and "error" not in case:
                if error is not None:
                    print(f"{path.name}: {case['case']}: jinja2 fails: {error!r}")
                    wrong += 1
                else:
                    case["output"] = got
                continue
            if ("error" in case) != (error is not None) or (error is None and got != case["output"]):
                wrong += 1
                print(f"{path.name}: {case['case']}\n  expected {case.get('output', 'an error')!r}"
                      f"\n  jinja2 gives {got if error is None else error!r}")
        if "--write" in sys.argv:
            case_file.write(path, cases)
    print(f"jinja2 {jinja2.__version__}\n{checked - wrong} passed, {wrong} failed, {skipped} skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
