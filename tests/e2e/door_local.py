#!/usr/bin/env python3
"""A small model that runs inside the program, through every front door of `sighter serve`, with the official SDKs.

What it says is poor and differs between instruction sets, so that shapes, limits, counts and rows are looked at, not words; the shapes by OpenAI's own description too.
Skipped without llama.cpp in the program, without the models in the cache, or without the SDKs.
"""

import base64
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.description import Description  # noqa: E402
from lib.gateway import Gateway, program, why_not  # noqa: E402

checks = Checks()
CACHE = pathlib.Path(os.environ.get("SIGHTER_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sighter")
CHAT, EMBED = (CACHE / "models" / name for name in ("smollm2-135m-instruct-q4_1.gguf", "all-minilm-l6-v2-f16.gguf"))


def missing():
    if why_not():
        return why_not()
    if not CHAT.exists() or not EMBED.exists():
        return f"no models in {CACHE / 'models'}"
    findings = json.loads(subprocess.run([program(), "doctor", "--json"], cwd="/", capture_output=True, text=True, check=False).stdout)["findings"]
    if not {f["what"]: f["ok"] for f in findings}["local models"]:
        return "built without llama.cpp"
    return None


if "SIGHTER_SDK_INSIDE" not in os.environ:
    if missing():
        checks.skip(missing())
        checks.finish()
    python = packages.python_with("openai", "anthropic")
    if python is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    os.execve(python, [python, __file__], {**os.environ, "SIGHTER_SDK_INSIDE": "1"})

import anthropic  # noqa: E402
import openai  # noqa: E402

from lib import expected, overhearing  # noqa: E402

CONFIG = f"""[models.smol]
file = "{CHAT}"
threads = 2
[models.minilm]
file = "{EMBED}"
"""
FUNCTIONS = {"functions/sort/function.toml": """input = { text = "string" }
output = { labels = ["billing", "bug"] }
[variants.smol]
kind = "prompt"
model = "smol"
scoring = "direct"
[variants.say]
kind = "prompt"
model = "smol"
max_tokens = 12
""", "functions/tell/function.toml": """input = { text = "string" }
output = "text"
[variants.smol]
kind = "prompt"
model = "smol"
temperature = 0
max_tokens = 40
user = "Tell me about {{ input.text }}."
"""}
ASKED = [{"role": "user", "content": "Name one colour."}]
SCHEMA = {"type": "object", "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}, "count": {"type": "integer", "minimum": 1, "maximum": 9}},
          "required": ["colour", "count"], "additionalProperties": False}


def chat(client):
    whole = client.chat.completions.create(model="smol", messages=ASKED, max_tokens=16, temperature=0, seed=1)
    text = whole.choices[0].message.content
    checks.that(text and whole.usage.prompt_tokens > 5 and 0 < whole.usage.completion_tokens <= 16, "chat: text and counts", whole)
    checks.that(whole.choices[0].finish_reason in ("stop", "length"), "chat: a finish reason", whole)
    pieces, usage, reasons = "", None, []
    for chunk in client.chat.completions.create(model="smol", messages=ASKED, max_tokens=16, temperature=0, seed=1, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            pieces += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
    checks.that(pieces and usage and usage.completion_tokens <= 16 and len(reasons) == 1, "chat, streamed: text, counts, one finish reason", (pieces, usage, reasons))
    short = client.chat.completions.create(model="smol", messages=ASKED, max_tokens=1)
    checks.equal((short.choices[0].finish_reason, short.usage.completion_tokens), ("length", 1), "chat: max_tokens ends it")
    stopped = client.chat.completions.create(model="smol", messages=ASKED, max_tokens=40, temperature=0, stop=[text.strip()[1:3]])
    checks.that(text.strip()[1:3] not in (stopped.choices[0].message.content or ""), "chat: a stop string ends it", stopped)
    shaped = client.chat.completions.create(model="smol", messages=ASKED, max_tokens=60, response_format={"type": "json_schema", "json_schema": {"name": "c", "strict": True, "schema": SCHEMA}})
    value = json.loads(shaped.choices[0].message.content)
    checks.that(set(value) == {"colour", "count"} and value["colour"] in ("red", "blue") and 1 <= value["count"] <= 9, "chat: a schema holds by grammar", value)


def responses(client):
    whole = client.responses.create(model="smol", input="Name one colour.", max_output_tokens=16)
    checks.that(whole.output_text and whole.usage.output_tokens > 0, "responses: text and counts", whole)
    events, text = [], ""
    for event in client.responses.create(model="smol", input="Name one colour.", max_output_tokens=16, stream=True):
        events.append(event)
        text += event.delta if event.type == "response.output_text.delta" else ""
    checks.that(text and events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete"), "responses, streamed", [e.type for e in events])
    checks.equal([e.sequence_number for e in events], list(range(len(events))), "responses: sequence numbers")
    more = client.responses.create(model="smol", input="And another one.", previous_response_id=whole.id, max_output_tokens=8)
    checks.that(more.usage.input_tokens > whole.usage.input_tokens, "responses: the conversation goes on", (more.usage, whole.usage))
    checks.equal(client.responses.retrieve(whole.id).id, whole.id, "responses: looked up")


def messages(client):
    whole = client.messages.create(model="smol", max_tokens=16, messages=ASKED, system="You are brief.")
    checks.that(whole.content[0].text and whole.usage.output_tokens > 0 and whole.stop_reason in ("end_turn", "max_tokens"), "messages: text and counts", whole)
    with client.messages.stream(model="smol", max_tokens=16, messages=ASKED) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    checks.that(text and text == final.content[0].text and final.usage.output_tokens > 0, "messages, streamed", final)
    counted = client.messages.count_tokens(model="smol", messages=ASKED, system="You are brief.")
    checks.equal(counted.input_tokens, whole.usage.input_tokens + (whole.usage.cache_read_input_tokens or 0), "messages: tokens counted as they are charged")


def completions(client):
    whole = client.completions.create(model="smol", prompt="One, two, three,", max_tokens=8)
    checks.that(whole.choices[0].text and 0 < whole.usage.completion_tokens <= 8, "completions: text and counts", whole)
    text = "".join(chunk.choices[0].text for chunk in client.completions.create(model="smol", prompt="One, two, three,", max_tokens=8, stream=True) if chunk.choices)
    checks.that(text, "completions, streamed", text)


def embeddings(client):
    made = client.embeddings.create(model="minilm", input=["a cat", "a kitten", "an invoice"], encoding_format="float")
    cat, kitten, invoice = (row.embedding for row in made.data)

    def near(a, b):
        return sum(x * y for x, y in zip(a, b)) / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    checks.that(len(cat) == 384 and near(cat, kitten) > near(cat, invoice) and made.usage.prompt_tokens > 0, "embeddings: near and far", (near(cat, kitten), near(cat, invoice)))
    packed = client.embeddings.with_raw_response.create(model="minilm", input="a cat", encoding_format="base64")
    bytes_ = base64.b64decode(json.loads(packed.text)["data"][0]["embedding"])
    floats = struct.unpack(f"<{len(bytes_) // 4}f", bytes_)
    checks.that(near(floats, cat) > 0.9999, "embeddings: base64 holds the same", near(floats, cat))


def functions(door):
    status, _, said = door.ask("POST", "/v1/functions/sort", {"input": {"text": "charged twice"}, "variant": "smol"})
    checks.that(status == 200 and said["output"] in ("billing", "bug") and said["variant"] == "smol", "a function by scores", said)
    status, _, said = door.ask("POST", "/v1/functions/sort", {"inputs": [{"text": "a"}, {"text": "b"}], "variant": "say"})
    checks.that(status == 200 and len(said["outputs"] if "outputs" in said else said["results"]) == 2, "rows of a function by grammar", said)


def streamed_functions(door, client):
    """A function's answer, piece by piece while the model writes it, in its own words and as a model; and a client that goes away."""
    status, heads, text = door.ask("POST", "/v1/functions/tell", {"input": {"text": "rain"}, "stream": True, "tags": {"k": "v"}})
    found = [(name, json.loads(data)) for name, data in expected.events(text.encode())]
    pieces = [said["text"] for name, said in found if name == "delta"]
    name, last = found[-1]
    checks.equal((status, heads.get_content_type(), name), (200, "text/event-stream", "result"), "a function streams")
    checks.that(len(pieces) > 3 and "".join(pieces).strip() == last["output"].strip(), "a function streams its output in pieces", (pieces, last))
    checks.that(0 < last["usage"]["output_tokens"] <= 40 and last["variant"] == "smol", "a streamed function: counts and variant", last)
    _, _, row = door.ask("GET", f"/v1/calls/{last['call']}")
    checks.equal((row["status"], row["output"], row["tags"]), ("ok", last["output"], {"k": "v"}), "a streamed function: its row")
    _, _, text = door.ask("POST", "/v1/functions/sort", {"input": {"text": "charged twice"}, "variant": "say", "stream": True})
    name, data = list(expected.events(text.encode()))[-1]
    checks.that(name == "result" and json.loads(data)["output"] in ("billing", "bug"), "a function by grammar streams to a result that fits", text[-300:])

    asked = [{"role": "user", "content": "rain"}]
    whole = client.chat.completions.create(model="function/tell", messages=asked)
    checks.that(whole.choices[0].message.content and whole.usage.completion_tokens <= 40, "a function as a model", whole)
    said = [choice.delta.content for chunk in client.chat.completions.create(model="function/tell", messages=asked, stream=True)
            for choice in chunk.choices if choice.delta.content]
    checks.that(len(said) > 3, "a function as a model streams in pieces", said)
    events = list(client.responses.create(model="function/tell", input="rain", stream=True))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    checks.that(len(pieces) > 3 and "".join(pieces) == events[-1].response.output_text, "a function as a model of Responses streams in pieces", pieces)


def function_left_alone(door):
    """The first piece comes while the model still writes; who goes away then stops it."""
    body = json.dumps({"input": {"text": "the sea"}, "stream": True, "tags": {"gone": "yes"}}).encode()
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        connection.sendall(b"POST /v1/functions/tell HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
        seen = b""
        while b"event: delta" not in seen:
            piece = connection.recv(65536)
            if not piece:
                break
            seen += piece
    checks.that(b"event: result" not in seen, "the first piece comes before the result", seen[-200:])
    until, rows = time.monotonic() + 20, []
    while not rows and time.monotonic() < until:
        rows = door.ask("GET", "/v1/calls?tag=gone%3Dyes")[2]["calls"]
        time.sleep(0.05)
    checks.that(rows and rows[0]["status"] == "cancelled", "a function whose client goes away is cancelled", rows)


def refused(client, other, door):
    for what, ask in (("an image", lambda: client.chat.completions.create(model="smol", messages=[{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])),
            ("logit_bias", lambda: client.chat.completions.create(model="smol", messages=ASKED, logit_bias={"7": 5})),
            ("text of an embedding model", lambda: client.chat.completions.create(model="minilm", messages=ASKED)),
            ("a stream of an embedding model", lambda: list(client.chat.completions.create(model="minilm", messages=ASKED, stream=True))),
            ("embeddings of a chat model", lambda: client.embeddings.create(model="smol", input="x"))):
        try:
            said = ask()
            checks.that(False, f"{what} is refused in words", said)
        except openai.BadRequestError as error:
            checks.that(error.message, f"{what} is refused in words")
        except openai.APIStatusError as error:
            checks.that(False, f"{what} is a 400", f"{error.status_code} {error.message}")
    rows = door.store("select count(*), sum(status = 0) from call")
    checks.that(rows[0][0] >= 12, "each call is a row", rows)


door = Gateway(CONFIG, functions=FUNCTIONS)
description = Description.load(checks)


def heard(request, response, raw):
    if description:
        description.answer(request.method, request.url.path, response.status_code, response.headers.get("content-type", ""), raw)


try:
    ear = overhearing.client(heard)
    openai_client = openai.OpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0, timeout=120, http_client=ear)
    anthropic_client = anthropic.Anthropic(base_url=door.url, api_key="none", max_retries=0, timeout=120)
    names = {model.id for model in openai_client.models.list()}
    checks.that({"smol", "minilm"} <= names, "both models are listed", names)
    for test in (chat, responses, completions, embeddings):
        checks.run(test, openai_client)
    checks.run(messages, anthropic_client)
    checks.run(functions, door)
    checks.run(streamed_functions, door, openai_client)
    checks.run(function_left_alone, door)
    checks.run(refused, openai_client, anthropic_client, door)
    if description:
        description.judged_at_least(CreateChatCompletionResponse=4, CreateChatCompletionStreamResponse=3, Response=3, ResponseStreamEvent=8,
                                    CreateCompletionResponse=3, CreateEmbeddingResponse=2, ListModelsResponse=1, ErrorResponse=5)
finally:
    door.close()
checks.finish()
