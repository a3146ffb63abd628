#!/usr/bin/env python3
"""The official OpenAI and Anthropic SDKs for JavaScript, unmodified, in all that is no conversation: models, embeddings,
completions, counting of tokens, stored responses, errors of each class, and calls that are given up by an
AbortController, whose upstream sees its socket close."""

import base64
import json
import pathlib
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
KEY = "sk-door-0815"
DOORS = ("chat", "messages", "responses", "completions")
VECTOR = [0.5, -0.25, 1.0]
CLASSES = {400: "BadRequestError", 403: "PermissionDeniedError", 404: "NotFoundError", 409: "ConflictError",
           422: "UnprocessableEntityError", 429: "RateLimitError", 500: "InternalServerError",
           503: "InternalServerError", 529: "InternalServerError"}


# Anthropic's SDK has names of its own for some.
ALSO = {503: "ServiceUnavailableError", 529: "OverloadedError"}


class Upstream(Scripted):
    def __init__(self):
        script = {"hello": [{"text": "Hello to you"}], "broken": [{"text": "Hello to you and many more", "cut": True}]}
        # A model for each asking: a key that was told to wait is left alone.
        script.update({f"status-{status}-{door}-{streamed}": [{"status": status, "message": f"said {status}"}]
                       for status in CLASSES for door in DOORS for streamed in ("false", "true")})
        self.closed = {}  # model: when its client's socket closed
        super().__init__(script)

    def answer(self, handler, body):
        asked = json.loads(body)
        model = asked.get("model") or ""
        if handler.path.endswith("/embeddings"):
            packed = base64.b64encode(struct.pack("<3f", *VECTOR)).decode() if asked.get("encoding_format") == "base64" else VECTOR
            inputs = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            data = [{"object": "embedding", "index": at, "embedding": packed} for at, _ in enumerate(inputs)]
            return self.whole(handler, 200, {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        if handler.path.endswith("/count_tokens"):
            return self.whole(handler, 200, {"input_tokens": 7})
        if handler.path.endswith("/completions") and not handler.path.endswith("/chat/completions"):
            return self.legacy(handler, asked)
        if model.startswith("stall"):
            return self.stall(handler, asked)
        return super().answer(handler, body)

    def legacy(self, handler, asked):
        head = {"id": "cmpl-1", "object": "text_completion", "created": 1750000000, "model": asked["model"]}
        if not asked.get("stream"):
            return self.whole(handler, 200, {**head, "choices": [{"index": 0, "text": "Hello to you", "finish_reason": "stop", "logprobs": None}],
                                             "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}})
        chunks = [{**head, "choices": [{"index": 0, "text": text, "finish_reason": finish, "logprobs": None}]}
                  for text, finish in (("Hello ", None), ("to you", "stop"))]
        return self.stream(handler, [f"data: {json.dumps(c)}\n\n".encode() for c in chunks] + [b"data: [DONE]\n\n"], False)

    def stall(self, handler, asked):
        if asked.get("stream"):
            handler.send_response(200)
            handler.send_header("content-type", "text/event-stream")
            handler.end_headers()
            for event in self.chunks(asked, {}, "Hello to you")[:4]:
                handler.wfile.write(event)
            handler.wfile.flush()
        handler.connection.settimeout(20)
        try:
            handler.connection.recv(1)
        except ConnectionResetError:
            pass
        except TimeoutError:
            return
        with self.lock:
            self.closed[asked["model"]] = time.time()
        handler.close_connection = True


def judge(said, upstream):
    checks.equal(said["models"], ["small"], "models are listed")
    checks.equal(said["model"], "small", "a model is found")
    checks.equal(said["no model"]["thrown"], "NotFoundError", "a model that there is not")
    checks.equal(said["embeddings"], {"vectors": [VECTOR, VECTOR], "tokens": 3}, "embeddings, base64 as the SDK asks for them")
    checks.equal(said["floats"], VECTOR, "embeddings as numbers")
    for model in ("up/hello", "ant/hello", "legacy/hello"):
        checks.equal(said[f"completions {model}"], "Hello to you", f"completions of {model}")
        checks.equal(said[f"completions streamed {model}"], "Hello to you", f"completions of {model}, streamed")
    checks.equal(said["count_tokens"], 7, "tokens are counted")
    for model in ("up/hello", "ant/hello"):
        checks.equal(said[f"stored {model}"], {"same": True, "text": "Hello to you", "roles": ["user", "assistant", "user"],
                                               "after": "NotFoundError"}, f"a response of {model} is kept, gone on from and deleted")
    for door in DOORS:
        for status, name in CLASSES.items():
            for streamed in ("false", "true"):
                value = said[f"{door} {status} {streamed}"]
                checks.that(value.get("thrown") in (name, ALSO.get(status)) and value.get("status") == status,
                            f"{door}: {status}, streamed {streamed}", value)
                checks.that(f"said {status}" in value.get("words", ""), f"{door}: the provider's words with {status}", value)
        broken = said[f"{door} broken"]
        # The one SDK throws, the other hands on the event that says so.
        said_so = broken["thrown"] not in (None, "TypeError")
        if door == "responses":
            said_so = "error" in broken["types"] and "response.completed" not in broken["types"]
        checks.that(len(broken["types"]) > 1 and said_so, f"{door}: a stream that breaks is an error", broken)
    for sdk in ("openai", "anthropic"):
        checks.equal(said[f"wrong key {sdk}"]["thrown"], "AuthenticationError", f"a wrong key, {sdk}")
    limit = time.monotonic() + 5
    while len(upstream.closed) < 2 * len(DOORS) and time.monotonic() < limit:
        time.sleep(0.05)
    for door in DOORS:
        for streamed in ("false", "true"):
            given_up = said[f"{door} given up {streamed}"]
            name = given_up["model"].partition("/")[2]
            closed = upstream.closed.get(name)
            if checks.that(closed is not None, f"{door} given up, streamed {streamed}: the upstream sees it", given_up):
                checks.that(closed - given_up["at"] < 1, f"{door} given up, streamed {streamed}: at once", closed - given_up["at"])


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    modules = packages.node_with("openai", "@anthropic-ai/sdk")
    if modules is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    upstream = Upstream()
    config = "".join(
        f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "{upstream.url}/v1"\nkey = "env:REC_KEY"\nretries = 0\nbreaker = false\n'
        f'completions = {"true" if name == "legacy" else "false"}\n'
        for name, dialect in (("up", "openai"), ("ant", "anthropic"), ("legacy", "openai-responses")))
    gateway = Gateway(config + '[models.small]\nroutes = ["up/hello"]\n', serve='key = "env:DOOR_KEY"',
                      environment={"REC_KEY": "sk-up", "DOOR_KEY": KEY})
    try:
        done = subprocess.run(["node", str(pathlib.Path(__file__).parent / "lib" / "sdk_calls.mjs"), gateway.url, KEY, modules],
                              capture_output=True, text=True, timeout=120)
        checks.that(done.returncode == 0, "node ends well", done.stderr)
        said = {line["name"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
        checks.run(judge, said, upstream)
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


main()
