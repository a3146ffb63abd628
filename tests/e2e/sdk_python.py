#!/usr/bin/env python3
"""The official OpenAI and Anthropic SDKs for Python, unmodified, with nothing but a base URL and a key, against
`sighter serve` over upstreams of every dialect, which answer with what real providers really said. The bytes of what is
said in OpenAI's dialects are held against OpenAI's own description, but where they are an upstream's own, passed on.

SIGHTER_SDK_ROWS=N limits the recorded exchanges of each file (default: all).
"""

import json
import os
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.gateway import TOP, Gateway, why_not  # noqa: E402

checks = Checks()
SECRET = "sk-upstream-4711-secret"
DOOR_KEY = "sk-door-0815"
if why_not():
    checks.skip(why_not())
    checks.finish()
if "SIGHTER_SDK_INSIDE" not in os.environ:
    python = packages.python_with("openai", "anthropic")
    if python is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    os.execve(python, [python, __file__], {**os.environ, "SIGHTER_SDK_INSIDE": "1"})

import anthropic  # noqa: E402
import openai  # noqa: E402

from lib import expected, overhearing, replay_upstream  # noqa: E402
from lib.description import Description  # noqa: E402

DIALECT = {"openai_chat": "openai", "compatible_chat": "openai", "anthropic": "anthropic",
           "openai_responses": "openai-responses", "gemini": "gemini", "bedrock": "bedrock"}


DOOR_OF = {"/v1/chat/completions": ("openai",), "/v1/responses": ("openai-responses",), "/v1/completions": ("openai", "openai-responses"),
           "/v1/embeddings": ("openai", "openai-responses")}


def own_words(path, asked):
    """The upstream speaks the door's dialect: its answer is passed on as it came."""
    provider = str(asked.get("model")).partition("/")[0]
    return DIALECT.get(provider) in DOOR_OF.get(path, ())


def overheard(description):
    def heard(request, response, raw):
        asked = json.loads(request.content or b"{}")
        if not own_words(request.url.path, asked):
            description.answer(request.method, request.url.path, response.status_code, response.headers.get("content-type", ""), raw, asked.get("model"))
    return heard if description else lambda *_: None


def config(port):
    text = ""
    for name, dialect in [*DIALECT.items(), *WITHOUT.items()]:
        base = f"http://127.0.0.1:{port}" + {"gemini": "/v1beta", "bedrock": ""}.get(dialect, "/v1")
        text += f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "{base}"\nkey = "env:REC_KEY"\nretries = 0\n'
        text += "completions = false\n" if name in WITHOUT else ""
    return text + '[models.small]\nroutes = ["openai_chat/openai_chat.0"]\n'


def same(said, wanted, what, usage=True):
    good = checks.equal(said.text, wanted.text, f"{what}: text")
    good &= checks.equal(said.tools, wanted.tools, f"{what}: tool calls")
    if usage and wanted.input is not None:
        good &= checks.equal((said.input, said.output), (wanted.input, wanted.output), f"{what}: usage")
    return good


def via_chat(client, model, streamed):
    said = expected.Said()
    asked = dict(model=model, messages=[{"role": "user", "content": "What was recorded?"}])
    if not streamed:
        reply = client.chat.completions.create(**asked)
        message = reply.choices[0].message
        said.text = expected._content(message.content)
        for call in message.tool_calls or []:
            # Some servers leave out the type, and what they said is relayed as it came.
            if getattr(call, "type", None) != "custom":
                said.tool(call.function.name, call.function.arguments or "")
            else:
                said.tools.append((call.custom.name, json.dumps(call.custom.input)))
        usage = reply.usage
    else:
        usage, calls = None, {}
        for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                said.text += expected._content(choice.delta.content)
                for call in choice.delta.tool_calls or []:
                    kept = calls.setdefault(call.index, ["", ""])
                    kept[0] = kept[0] or call.function.name or ""
                    kept[1] += call.function.arguments or ""
        for _, (name, arguments) in sorted(calls.items()):
            said.tool(name, arguments)
    if usage:
        said.input, said.output = usage.prompt_tokens, usage.completion_tokens
    return said


def via_messages(client, model, streamed):
    said = expected.Said()
    asked = dict(model=model, max_tokens=4096, messages=[{"role": "user", "content": "What was recorded?"}])
    if streamed:
        with client.messages.stream(**asked) as stream:
            reply = stream.get_final_message()
    else:
        reply = client.messages.create(**asked)
    for block in reply.content:
        if block.type == "text":
            said.text += block.text
        elif block.type == "tool_use":
            said.tool(block.name, block.input)
    said.input = expected._anthropic_input(reply.usage.model_dump())
    said.output = reply.usage.output_tokens
    return said


def via_responses(client, model, streamed):
    said = expected.Said()
    asked = dict(model=model, input="What was recorded?")
    if streamed:
        numbers = []
        reply = None
        for event in client.responses.create(**asked, stream=True):
            numbers.append(event.sequence_number)
            if event.type in ("response.completed", "response.incomplete", "response.failed"):
                reply = event.response
        # A server that numbers nothing is relayed as it is.
        if numbers[0] is not None:
            checks.equal(numbers, list(range(numbers[0], numbers[0] + len(numbers))), f"responses over {model}: sequence numbers")
    else:
        reply = client.responses.create(**asked)
    if reply.status == "failed":
        raise RuntimeError(reply.error.message)
    for item in reply.output:
        if item.type == "message":
            said.text += "".join(part.text for part in item.content if part.type == "output_text")
        elif item.type == "function_call":
            said.tool(item.name, item.arguments)
    if reply.usage:
        said.input, said.output = reply.usage.input_tokens, reply.usage.output_tokens
    return said


# Two more of the same, whose legacy Completions are said not to be there.
WITHOUT = {"openai_chat_only": "openai", "openai_responses_only": "openai-responses"}
DOORS = {"chat": via_chat, "messages": via_messages, "responses": via_responses}


def broken(call, client, model, what, streamed=True):
    """The recorded stream ended with an error of the provider's: the client must be told."""
    try:
        said = call(client, model, streamed)
        checks.that(False, f"{what}: the error of the stream is raised", said.text)
    except (openai.APIError, anthropic.APIError, RuntimeError):
        checks.that(True, f"{what}: the error of the stream is raised")


def every_recording(door, call, client, upstream, most):
    for dialect in DIALECT:
        for number, row in enumerate(upstream.rows[dialect][:most]):
            if row["status"] != 200 or "count_tokens" in row["path"] or not expected.events_in(row):
                continue
            wanted = expected.READERS[dialect](row)
            model = f"{dialect}/{dialect}.{number}"
            if expected.broken(row):
                broken(call, client, model, f"{door} over {model}")
                continue
            if expected.failed(row) if door == "responses" else expected.unfinished(row):
                broken(call, client, model, f"{door} over {model}", streamed=False)
                continue
            said = checks.run(call, client, model, "raw" in row)
            if said is not None:
                same(said, wanted, f"{door} over {model}", usage="raw" not in row or wanted.input is not None)


def errors(door, upstream, chat_client, messages_client, responses_client):
    """The status and the provider's own words, in the client's dialect."""
    for dialect in DIALECT:
        for number, row in enumerate(upstream.rows[dialect]):
            if row["status"] == 200 or "count_tokens" in row["path"]:
                continue
            words = json.dumps(row["response"])
            model = f"{dialect}/{dialect}.{number}"
            for name, ask, kind in (("chat", lambda m: via_chat(chat_client, m, False), openai.APIStatusError),
                                    ("messages", lambda m: via_messages(messages_client, m, False), anthropic.APIStatusError),
                                    ("responses", lambda m: via_responses(responses_client, m, False), openai.APIStatusError)):
                try:
                    ask(model)
                    checks.that(False, f"{name} over {model}: an error", "an answer")
                except kind as error:
                    checks.equal(error.status_code, row["status"], f"{name} over {model}: status")
                    body = error.body if isinstance(error.body, dict) else {}
                    message = (body.get("error") or body).get("message") or ""
                    core = message.split(": ", 1)[-1][:60]
                    if row["status"] == 429 and name != "chat":
                        continue  # the route rests by now, and says so itself
                    checks.that(core and json.dumps(core)[1:-1][:40] in words, f"{name} over {model}: the provider's words", message)
    for status in (429, 503, 529):
        for provider in ("openai_chat", "anthropic"):
            try:
                via_messages(messages_client, f"{provider}/fail-{status}", False)
                checks.that(False, f"{provider} {status} is an error")
            except anthropic.APIStatusError as error:
                checks.equal(error.status_code, status, f"messages over {provider}: {status} stays")
                if status == 429:
                    checks.that(error.response.headers.get("retry-after"), "429 carries retry-after")
    for ask, kind in ((lambda: via_chat(chat_client, "nobody/nothing", False), openai.NotFoundError),
                      (lambda: via_messages(messages_client, "nobody/nothing", False), anthropic.NotFoundError),
                      (lambda: via_responses(responses_client, "nobody/nothing", False), openai.NotFoundError),
                      (lambda: chat_client.chat.completions.create(model="openai_chat/openai_chat.0", messages="text"), openai.BadRequestError),
                      (lambda: messages_client.messages.create(model="anthropic/anthropic.0", max_tokens="x", messages=[]), anthropic.BadRequestError),
                      (lambda: responses_client.responses.create(model="openai_chat/openai_chat.0", input="x", previous_response_id="resp_nothere"), openai.APIStatusError)):
        try:
            ask()
            checks.that(False, f"{kind.__name__} is raised", "an answer")
        except kind as error:
            checks.that(isinstance(error.body, dict) or error.status_code in (400, 404), f"{kind.__name__} with a body in the dialect", error)


def completions(client, upstream):
    """Legacy Completions: each prompt is a conversation with an upstream of any dialect."""
    for provider, dialect in (("anthropic", "anthropic"), ("gemini", "gemini"), ("openai_chat_only", "openai_chat"),
                              ("openai_responses_only", "openai_responses")):
        rows = [n for n, row in enumerate(upstream.rows[dialect]) if row["status"] == 200 and "count_tokens" not in row["path"]
                and expected.events_in(row) and not expected.broken(row) and expected.READERS[dialect](row).text]
        for streamed in (False, True):
            for number in [n for n in rows if ("raw" in upstream.rows[dialect][n]) == streamed][:30]:
                wanted, model = expected.READERS[dialect](upstream.rows[dialect][number]).text, f"{provider}/{dialect}.{number}"
                if streamed:
                    chunks = client.completions.create(model=model, prompt="What was recorded?", stream=True)
                    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
                else:
                    text = client.completions.create(model=model, prompt="What was recorded?").choices[0].text
                checks.equal(text, wanted, f"completions over {model}: text")


def lists_and_vectors(client, upstream):
    row = upstream.rows["openai_embeddings"][0]
    made = client.embeddings.create(model="openai_chat/openai_embeddings.0", input=["a"], encoding_format="float")
    checks.equal(made.data[0].embedding, row["response"]["data"][0]["embedding"], "embeddings: the numbers")
    names = [model.id for model in client.models.list()]
    checks.equal(names, ["small"], "the models that are configured")
    checks.equal(client.models.retrieve("small").id, "small", "one model")
    for ask in (lambda: client.models.retrieve("smal"), lambda: client.embeddings.create(model="openai_chat/nothing", input="a"),
                lambda: client.completions.create(model="nobody/nothing", prompt="a")):
        try:
            said = ask()
            checks.that(False, "what is not there is refused", said)
        except openai.NotFoundError as error:
            checks.that(error.message, "what is not there is refused in words")


def closed_within(upstream, model, ask, limit_s, what):
    before = len(upstream.gone)
    left = ask()
    until = time.monotonic() + 3
    while len(upstream.gone) == before and time.monotonic() < until:
        time.sleep(0.005)
    if not checks.that(len(upstream.gone) > before, f"{what}: the upstream's socket closes"):
        return
    checks.that(upstream.gone[-1][2] - left < limit_s, f"{what}: within {limit_s} s", upstream.gone[-1][2] - left)


def cancellation(upstream, url):
    """A client that goes away: before the header, after the first piece, whole answers; each closes the upstream's socket."""
    import socket
    port = int(url.rsplit(":", 1)[1])

    def raw(path, body, wait_for):
        data = json.dumps(body).encode()
        head = (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {DOOR_KEY}\r\nx-api-key: {DOOR_KEY}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n").encode()
        connection = socket.create_connection(("127.0.0.1", port))
        before = len(upstream.requests)
        connection.sendall(head + data)
        until = time.monotonic() + 5
        while len(upstream.requests) == before and time.monotonic() < until:
            time.sleep(0.002)
        if wait_for:
            connection.settimeout(5)
            seen = b""
            while wait_for not in seen:
                piece = connection.recv(65536)
                if not piece:
                    break
                seen += piece
        connection.close()
        return time.monotonic()

    for provider in ("openai_chat", "anthropic"):
        for path in ("/v1/chat/completions", "/v1/messages"):
            body = {"max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
            for model, streamed, wait in (("hold", False, b""), ("hold", True, b""), ("slow", True, b"Hello")):
                asked = dict(body, model=f"{provider}/{model}", stream=streamed)
                closed_within(upstream, model, lambda: raw(path, asked, wait), 0.1,
                              f"{path} over {provider}, {model}, stream={streamed}")


def broken_streams(chat_client, messages_client):
    """A stream that broke is an error for the client, never a short answer."""
    for provider in ("openai_chat", "anthropic"):
        try:
            said = via_chat(chat_client, f"{provider}/cut", True)
            checks.that(False, f"chat over a cut stream of {provider} raises", said.text)
        except (openai.APIError, Exception) as error:  # noqa: B014  any error will do, silence will not
            checks.that(not isinstance(error, AssertionError), f"chat over a cut stream of {provider} raises")
        try:
            said = via_messages(messages_client, f"{provider}/cut", True)
            checks.that(False, f"messages over a cut stream of {provider} raises", said.text)
        except Exception:  # any error will do, silence will not
            checks.that(True, f"messages over a cut stream of {provider} raises")


def main():
    folder = replay_upstream.recorded_folder(TOP)
    if folder is None:
        checks.skip("../shared/data/recorded_replies is not here")
        checks.finish()
    most = int(os.environ.get("SIGHTER_SDK_ROWS", "1000000"))
    upstream = replay_upstream.Upstream(folder)
    gateway = Gateway(config(upstream.port), serve='key = "env:DOOR_KEY"', environment={"REC_KEY": SECRET, "DOOR_KEY": DOOR_KEY})
    try:
        description = Description.load(checks)
        ear = overhearing.client(overheard(description))
        chat = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=DOOR_KEY, max_retries=0, timeout=30, http_client=ear)
        messages = anthropic.Anthropic(base_url=gateway.url, api_key=DOOR_KEY, max_retries=0, timeout=30)
        clients = {"chat": chat, "messages": messages, "responses": chat}
        for door, call in DOORS.items():
            before, began = checks.failed, time.monotonic()
            every_recording(door, call, clients[door], upstream, most)
            print(f"{door}: {checks.failed - before} failed, {time.monotonic() - began:.1f} s", flush=True)
        checks.run(completions, chat, upstream)
        checks.run(lists_and_vectors, chat, upstream)
        checks.run(errors, "errors", upstream, chat, messages, chat)
        checks.run(cancellation, upstream, gateway.url)
        checks.run(broken_streams, chat, messages)
        wrong = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-wrong", max_retries=0, http_client=ear)
        try:
            via_chat(wrong, "openai_chat/openai_chat.0", False)
            checks.that(False, "a wrong key is refused")
        except openai.AuthenticationError:
            checks.that(True, "a wrong key is refused")
        if description and most > 1000:
            description.judged_at_least(CreateChatCompletionResponse=300, CreateChatCompletionStreamResponse=300, Response=300, ResponseStreamEvent=1000,
                                        ErrorResponse=10, CreateCompletionResponse=60, ListModelsResponse=1, Model=1)
            print(f"held against OpenAI's description: {dict(description.counts)}", flush=True)
        gateway.stop()
        everything = gateway.log().encode() + b"".join(f.read_bytes() for f in gateway.folder.rglob("*") if f.is_file() and f.name != "sighter.toml")
        checks.that(SECRET.encode() not in everything, "the upstream's key is in no file")
        checks.that(DOOR_KEY.encode() not in everything, "the door's key is in no file")
        checks.that(all(r["headers"].get("authorization", "").find(DOOR_KEY) < 0 and r["headers"].get("x-api-key") != DOOR_KEY
                        for r in upstream.requests), "the door's key never reaches an upstream")
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


threading.stack_size(1 << 20)
main()
