#!/usr/bin/env python3
"""The cases of tests/cases/text/templates/nunjucks.txt beside the package nunjucks of npm (node is needed).

    nunjucks_cases.py            every case must come out of the package as its file says
    nunjucks_cases.py --write    cases without an expectation get the package's output

It is installed into the tests' cache; without node or npm nothing is tested.
"""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e" / "lib")]
import packages  # noqa: E402
from lib import case_file  # noqa: E402

VERSION = "3.2.4"
RENDER = """
const nunjucks = require('nunjucks');
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map(({template, context, files, autoescape, trim, lstrip}) => {
  const loader = nunjucks.Loader.extend({getSource: name => name in files ? {src: files[name], path: name, noCache: true} : null});
  try {
    const environment = new nunjucks.Environment(new loader(), {autoescape, trimBlocks: trim, lstripBlocks: lstrip});
    return {output: environment.renderString(template, context)};
  } catch (error) {
    return {error: String(error)};
  }
})));
"""


def main():
    folder = packages.node_with(f"nunjucks@{VERSION}")
    if folder is None:
        print("0 passed, 0 failed, 1 skipped")
        return 0
    path = case_file.FOLDER / "nunjucks.txt"
    cases = case_file.read(path)
    asked = [case for case in cases if "ours" not in case]
    wanted = [{"template": case["template"], "context": json.loads(case.get("context", "{}")),
               "files": {key[5:]: text for key, text in case.items() if key.startswith("file ")},
               "autoescape": "autoescape" in case["options"].split(), "trim": "trim_blocks" in case["options"], "lstrip": "lstrip_blocks" in case["options"]}
              for case in asked]
    done = subprocess.run(["node", "-e", RENDER], input=json.dumps(wanted), cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    wrong = 0
    for case, got in zip(asked, json.loads(done.stdout)):
        if "--write" in sys.argv and "output" not in case and "error" not in case:
            if "error" in got:
                print(f"{case['case']}: nunjucks fails: {got['error']}")
                wrong += 1
            else:
                case["output"] = got["output"]
        elif ("error" in case) != ("error" in got) or case.get("output") != got.get("output") and "error" not in case:
            wrong += 1
            print(f"{case['case']}\n  expected {case.get('output', 'an error')!r}\n  nunjucks gives {got}")
    if "--write" in sys.argv:
        case_file.write(path, cases)
    print(f"nunjucks {VERSION}\n{len(asked) - wrong} passed, {wrong} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
