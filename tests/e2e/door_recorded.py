#!/usr/bin/env python3
"""What two real models wrote, served by the recorded upstream over Chat Completions and Messages, through each front door by
the official SDKs, whole and streamed: the same words and counts arrive, a tenth of the upstream's failures is not seen where
it can be mended, a stream that was cut is an error, and the ledger is the upstream's own count."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.gateway import TOP, Gateway, why_not  # noqa: E402

checks = Checks()
SHARED = TOP.parent / "shared"
TOOL = SHARED / "tools" / "recorded_upstream.mjs"
REPLIES = SHARED / "data" / "gsm8k_replies" / "replies.jsonl"
MODELS = ("gpt-4-1106-preview", "mixtral-8x7b-instruct")
QUESTIONS = 12
if why_not():
    checks.skip(why_not())
    checks.finish()
if not TOOL.is_file() or not REPLIES.is_file() or subprocess.run(["node", "--version"], capture_output=True, check=False).returncode != 0:
    checks.skip("the recorded upstream or node are not here")
    checks.finish()
if "SIGHTER_SDK_INSIDE" not in os.environ:
    python = packages.python_with("openai", "anthropic")
    if python is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    os.execve(python, [python, __file__], {**os.environ, "SIGHTER_SDK_INSIDE": "1"})

import anthropic  # noqa: E402
import openai  # noqa: E402


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Recorded:
    """The upstream as a process of its own."""

    def __init__(self, *options):
        self.port = free_port()
        self.process = subprocess.Popen(["node", str(TOOL), "--port", str(self.port), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                self.stats()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("the recorded upstream does not answer")

    def stats(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stats", timeout=5) as reply:
            return json.load(reply)

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def config(upstream, retries):
    base = f'base_url = "http://127.0.0.1:{upstream.port}/v1"\nkey = "env:K"\nretries = {retries}\n[providers.NAME.breaker]\nfailures = 1000\nshare = 1.0\n'
    return "".join(f'[providers.{name}]\ndialect = "{dialect}"\n' + base.replace("NAME", name) for name, dialect in (("oc", "openai"), ("an", "anthropic")))


def via_chat(client, model, question, streamed):
    asked = dict(model=model, messages=[{"role": "user", "content": question}])
    if not streamed:
        reply = client.chat.completions.create(**asked)
        return reply.choices[0].message.content, reply.choices[0].finish_reason, reply.usage.completion_tokens
    text, finish, usage = "", None, None
    for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return text, finish, usage.completion_tokens


def via_messages(client, model, question, streamed):
    asked = dict(model=model, max_tokens=4096, messages=[{"role": "user", "content": question}])
    if streamed:
        with client.messages.stream(**asked) as stream:
            reply = stream.get_final_message()
    else:
        reply = client.messages.create(**asked)
    return reply.content[0].text, reply.stop_reason, reply.usage.output_tokens


def via_responses(client, model, question, streamed):
    if streamed:
        with client.responses.stream(model=model, input=question) as stream:
            for _ in stream:
                pass
            reply = stream.get_final_response()
    else:
        reply = client.responses.create(model=model, input=question)
    return reply.output_text, reply.status, reply.usage.output_tokens


FINISHED = {via_chat: "stop", via_messages: "end_turn", via_responses: "completed"}


def every_door(gateway, rows, through):
    """Calls through(what, ask, wanted text) for each door, upstream, model, question and way."""
    chat = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="x", max_retries=0, timeout=60)
    messages = anthropic.Anthropic(base_url=gateway.url, api_key="x", max_retries=0, timeout=60)
    for number, row in enumerate(rows):
        for door, client in ((via_chat, chat), (via_messages, messages), (via_responses, chat)):
            for provider in ("oc", "an"):
                model = MODELS[number % len(MODELS)]
                for streamed in (False, True):
                    what = f"{door.__name__} over {provider}/{model}, question {number}, stream={streamed}"
                    through(what, lambda: door(client, f"{provider}/{model}", row["question"], streamed), row["replies"][model]["text"], door)


def ledger(gateway, status):
    """How many calls of that status the door has on rows."""
    count, before = 0, None
    for _ in range(100):
        page = gateway.ask("GET", f"/v1/calls?limit=200&status={status}" + (f"&before={before}" if before else ""))
        answer = json.loads(page[2]) if isinstance(page[2], (str, bytes)) else page[2]
        count += len(answer["calls"])
        before = answer["next"]
        if not before:
            return count
    return count


def all_is_well(rows):
    upstream = Recorded()
    gateway = Gateway(config(upstream, 0), environment={"K": "sk-up"})
    try:
        def through(what, ask, wanted, door):
            said = checks.run(ask)
            if said is None:
                return
            checks.equal(said[0], wanted, f"{what}: the words")
            checks.equal(said[1], FINISHED[door], f"{what}: how it ended")
            checks.equal(said[2], max(1, -(-len(wanted.encode("utf-16-le")) // 2 // 4)), f"{what}: tokens of output")
        every_door(gateway, rows, through)
        time.sleep(0.3)
        checks.equal(ledger(gateway, "ok"), upstream.stats()["completed"], "the ledger is the upstream's own count")
    finally:
        gateway.close()
        upstream.close()


def with_failures(rows):
    upstream = Recorded("--fail-rate", "0.1", "--seed", "7")
    gateway = Gateway(config(upstream, 4), environment={"K": "sk-up"})
    right, broken = [0], [0]
    try:
        def through(what, ask, wanted, _):
            try:
                said = ask()
            except (openai.OpenAIError, anthropic.AnthropicError, RuntimeError) as error:
                broken[0] += 1
                checks.that("stream=True" in what, f"{what}: a whole answer is asked for again", error)
                return
            right[0] += 1
            checks.equal(said[0], wanted, f"{what}: the words")
        every_door(gateway, rows, through)
        time.sleep(0.3)
        stats = upstream.stats()
        checks.that(stats["failed_on_purpose"] > 5, "the upstream failed now and then", stats)
        checks.equal(ledger(gateway, "ok"), right[0], "each answer that a client has is a row that says so")
        checks.equal(ledger(gateway, "broken"), broken[0], "each stream that was cut is a row that says so")
        checks.equal(stats["completed"], right[0], "and the upstream counts as many")
    finally:
        gateway.close()
        upstream.close()


def main():
    rows = [json.loads(line) for line in REPLIES.read_text(encoding="utf-8").splitlines()[:QUESTIONS]]
    all_is_well(rows)
    with_failures(rows)
    checks.finish()


main()
