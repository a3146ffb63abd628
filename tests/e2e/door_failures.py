"""What a client, its headers and the call's row are told when something goes wrong: what was tried and why it failed,
whose fault it is, what was cut, and nothing of the contents where only metadata is recorded."""

import http.server
import json
import pathlib
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402

checks = Checks()
PRIVATE = "the blue whale's secret"
ENDING = "response.completed"


def chat(text):
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, value, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # it was too much for the other side

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        model = asked["model"]
        if model.startswith("fail-"):
            return self.reply(int(model[5:]), {"error": {"message": f"cannot say {PRIVATE}"}})
        if model == "huge":
            return self.reply(200, b'{"x": "' + b"y" * (70 << 20) + b'"}')
        if model == "event":
            return self.reply(200, b"data: " + b"y" * (20 << 20) + b"\n\n", "text/event-stream")
        if model == "html":
            return self.reply(200, f"<html>{PRIVATE}</html>".encode(), "text/html")
        if model == "short" and len(asked["messages"]) > 2:
            return self.reply(400, {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}})
        if model == "edge":
            return self.edge()
        self.reply(200, chat("fine"))

    def edge(self):
        """A response whose tool call holds the words by which its last event is named."""
        call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "write", "status": "completed",
                "arguments": json.dumps({"code": f'if event == "{ENDING}": stop()'})}
        response = {"id": "resp_edge1", "object": "response", "created_at": 1, "status": "in_progress", "model": "edge", "output": [],
                    "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True,
                    "temperature": 1, "tool_choice": "auto", "tools": [], "top_p": 1}
        done = dict(response, status="completed", output=[call], usage={"input_tokens": 3, "output_tokens": 2, "total_tokens": 5,
                    "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}})
        events = [{"type": "response.created", "response": response},
                  {"type": "response.output_item.added", "output_index": 0, "item": dict(call, arguments="", status="in_progress")},
                  {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "output_index": 0, "delta": call["arguments"]},
                  {"type": "response.function_call_arguments.done", "item_id": "fc_1", "output_index": 0, "arguments": call["arguments"]},
                  {"type": "response.output_item.done", "output_index": 0, "item": call},
                  {"type": ENDING, "response": done}]
        raw = "".join(f"event: {e['type']}\ndata: {json.dumps(dict(e, sequence_number=i))}\n\n" for i, e in enumerate(events))
        self.reply(200, raw.encode(), "text/event-stream")


def ask(gateway, path, body, method="POST"):
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(gateway.url + path, data=data, method=method, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, dict(reply.headers), reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def asked(model, **more):
    return {"model": model, "messages": [{"role": "user", "content": f"tell {PRIVATE}"}], **more}


def tried(gateway):
    status, headers, _ = ask(gateway, "/v1/chat/completions", asked("second"))
    checks.equal(status, 200, "the second route answers")
    checks.equal(headers.get("x-sighter-tried"), "a/fail-503 unavailable", "what was tried and why it failed is in a header")
    checks.equal((headers.get("x-sighter-route"), headers.get("x-sighter-attempts")), ("a/good", "2"), "so are the route and the count")
    status, headers, body = ask(gateway, "/v1/chat/completions", asked("none"))
    checks.equal(status, 503, "the last provider's status")
    checks.that(PRIVATE in body, "and its words", body)
    checks.equal(headers.get("x-sighter-tried"), "a/fail-500 upstream, a/fail-503 unavailable", "on failure all of them are told")
    checks.equal(headers.get("x-sighter-route"), "a/fail-503", "on failure the route is the last one")


def whose_fault(gateway):
    status, headers, body = ask(gateway, "/v1/chat/completions", asked("unset/x"))
    checks.equal(status, 503, "a key that is missing here is no fault of the client's key")
    checks.that("WWW-Authenticate" not in headers and "NO_SUCH_KEY" in body, "and says which one", (headers, body))
    for model, streamed in (("a/huge", False), ("a/event", True)):
        status, _, body = ask(gateway, "/v1/chat/completions", asked(model, stream=streamed))
        checks.equal(status, 502, f"{model}: more than a reply may hold is the upstream's fault")
        checks.that("context_length" not in body, f"{model}: and is not called a context that is too long", body[:300])
    status, headers, _ = ask(gateway, "/v1/chat/completions", asked("huge-then-good"))
    checks.equal((status, headers.get("x-sighter-route")), (200, "a/good"), "another route is asked instead")


def truncated(gateway):
    turns = [{"role": "user" if i % 2 == 0 else "assistant", "content": f"turn {i}"} for i in range(7)]
    status, headers, body = ask(gateway, "/v1/responses", {"model": "a/short", "input": turns, "truncation": "auto"})
    checks.equal(status, 200, "truncation finds a length that fits")
    cut = int(headers.get("x-sighter-truncated") or 0)
    checks.that(3 <= cut <= 6, "a header says how many items were left out", (headers, body[:200]))
    time.sleep(0.2)
    calls = json.loads(ask(gateway, "/v1/calls?limit=10", None, "GET")[2])["calls"]
    own = [call for call in calls if call["model"] == "a/short"]
    checks.that(len(own) > 1 and len({call["trace"] for call in own}) == 1, "each asking is a call of one trace", own)


def ending(gateway):
    status, _, body = ask(gateway, "/v1/responses", {"model": "r/edge", "input": "x", "stream": True})
    checks.equal((status, body.count("event: " + ENDING)), (200, 1), "the stream comes whole")
    status, _, body = ask(gateway, "/v1/responses/resp_edge1", None, "GET")
    checks.equal(status, 200, "a response is stored though its text holds the words of its last event")
    checks.that(ENDING in body, "with its text", body[:200])


def idle(gateway):
    """With nothing to do nothing runs: clock ticks (of 10 ms) of the process over two seconds."""
    def ticks():
        fields = pathlib.Path(f"/proc/{gateway.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    time.sleep(1)  # what the calls before left to do
    before = ticks()
    time.sleep(2)
    checks.that(ticks() - before <= 10, "a door that nobody asks takes no processor time", ticks() - before)


def metadata(config):
    gateway = Gateway(config, serve='record = "metadata"', environment={"K": "sk-up"})
    try:
        for model in ("a/fail-503", "a/html", "second", "a/good"):
            ask(gateway, "/v1/chat/completions", asked(model))
        status, _, body = ask(gateway, "/v1/responses", {"model": "a/good", "input": "remember"})
        stored = json.loads(body)
        checks.equal((status, stored["store"]), (200, True), "a response that says it is stored")
        again, _, _ = ask(gateway, "/v1/responses", {"model": "a/good", "input": "x", "previous_response_id": stored["id"]})
        checks.equal(again, 200, "is stored, whatever is recorded of calls")
        status, _, body = ask(gateway, "/v1/responses", {"model": "a/good", "input": "forget", "store": False})
        checks.equal(ask(gateway, f"/v1/responses/{json.loads(body)['id']}", None, "GET")[0], 404, "store: false is not")
        gateway.stop()
        rows = [path for path in gateway.folder.rglob("*.db")]
        everything = b"".join(path.read_bytes() for path in gateway.folder.rglob("*") if path.is_file() and "store" in path.name)
        checks.that(rows and len(everything) > 1000, "there is a store", rows)
        checks.that(PRIVATE.encode() not in everything, "record = \"metadata\": no row holds what was sent or answered, errors included")
        kinds = [row[0] for row in sqlite3.connect(f"file:{rows[0]}?mode=ro", uri=True).execute("SELECT n.text FROM call c JOIN name n ON n.id = c.error_kind")]
        checks.equal(sorted(kinds), ["unavailable", "upstream"], "but the kind of each error is there")
    finally:
        gateway.close()


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f'base_url = "http://127.0.0.1:{server.server_port}/v1"\n'
    config = (f'[providers.a]\ndialect = "openai"\n{base}key = "env:K"\nretries = 0\n'
              f'[providers.r]\ndialect = "openai-responses"\n{base}key = "env:K"\nretries = 0\n'
              f'[providers.unset]\ndialect = "openai"\n{base}key = "env:NO_SUCH_KEY"\n'
              '[models.second]\nroutes = ["a/fail-503", "a/good"]\n'
              '[models.none]\nroutes = ["a/fail-500", "a/fail-503"]\n'
              '[models.huge-then-good]\nroutes = ["a/huge", "a/good"]\n')
    gateway = None
    try:
        gateway = Gateway(config, environment={"K": "sk-up"})
        for test in (tried, whose_fault, truncated, ending, idle):
            checks.run(test, gateway)
        checks.run(metadata, config)
    finally:
        if gateway is not None:
            gateway.close()
        server.shutdown()
    checks.finish()


main()
