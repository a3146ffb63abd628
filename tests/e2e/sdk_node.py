#!/usr/bin/env python3
"""The official OpenAI and Anthropic SDKs for JavaScript, unmodified, against `sighter serve` over upstreams of every
dialect that answer with recorded exchanges: every stream, and every fifth whole answer."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import expected, packages, replay_upstream  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.gateway import TOP, Gateway, why_not  # noqa: E402

checks = Checks()
KEY = "sk-door-0815"
DIALECT = {"openai_chat": "openai", "compatible_chat": "openai", "anthropic": "anthropic",
           "openai_responses": "openai-responses", "gemini": "gemini", "bedrock": "bedrock"}
PATH = {"gemini": "/v1beta", "bedrock": ""}


def cases(upstream):
    for dialect in DIALECT:
        for number, row in enumerate(upstream.rows[dialect]):
            streamed = "raw" in row
            if row["status"] == 200 and expected.events_in(row) and not expected.broken(row) and not expected.unfinished(row) and "count_tokens" not in row["path"] and (streamed or number % 5 == 0):
                for door in ("chat", "messages", "responses"):
                    yield {"door": door, "model": f"{dialect}/{dialect}.{number}", "streamed": streamed}


def main():
    folder = replay_upstream.recorded_folder(TOP)
    if why_not() or folder is None:
        checks.skip(why_not() or "../shared/data/recorded_replies is not here")
        checks.finish()
    modules = packages.node_with("openai", "@anthropic-ai/sdk")
    if modules is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    upstream = replay_upstream.Upstream(folder)
    config = "".join(
        f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "http://127.0.0.1:{upstream.port}{PATH.get(dialect, "/v1")}"\n'
        f'key = "env:REC_KEY"\nretries = 0\n' for name, dialect in DIALECT.items())
    gateway = Gateway(config, serve='key = "env:DOOR_KEY"', environment={"REC_KEY": "sk-up", "DOOR_KEY": KEY})
    try:
        asked = list(cases(upstream))
        done = subprocess.run(["node", str(pathlib.Path(__file__).parent / "lib" / "sdk_clients.mjs"), gateway.url, KEY, modules],
                              input=json.dumps(asked), capture_output=True, text=True, timeout=300)
        checks.that(done.returncode == 0, "node ends well", done.stderr)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        checks.equal(len(answers), len(asked), "an answer to every case")
        for case, answer in zip(asked, answers):
            what = f"{case['door']} over {case['model']}"
            if not checks.that("error" not in answer, what, answer.get("error")):
                continue
            dialect, _, number = case["model"].partition("/")[2].rpartition(".")
            wanted = expected.READERS[dialect](upstream.rows[dialect][int(number)])
            said = expected.Said()
            for name, arguments in answer["tools"]:
                said.tool(name, arguments)
            checks.equal(answer["text"], wanted.text, f"{what}: text")
            checks.equal([t for t in said.tools], [t for t in wanted.tools], f"{what}: tool calls")
            if wanted.input is not None:
                checks.equal((answer.get("input"), answer.get("output")), (wanted.input, wanted.output), f"{what}: usage")
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


main()
