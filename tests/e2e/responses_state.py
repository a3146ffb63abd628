#!/usr/bin/env python3
"""OpenAI Responses over an upstream that knows only Chat Completions: turns that go on from a stored response, look-ups
right after the reply, deletion, store: false, truncation, and streams that break. Every answer is held against OpenAI's
own description. Loopback, bounded."""

import http.server
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.description import Description  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402

checks = Checks()
USAGE = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
TURNS_MAX = 4  # longer conversations are too long for the model "small"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Says how many messages it was given; "broken" cuts its stream."""

    protocol_version = "HTTP/1.1"
    seen = []

    def log_message(self, *arguments):
        pass

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append(asked)
        count = len(asked["messages"])
        if asked["model"] == "small" and count > TURNS_MAX:
            error = {"error": {"message": "maximum context length", "type": "invalid_request_error", "code": "context_length_exceeded", "param": None}}
            return self.answer(400, "application/json", json.dumps(error).encode())
        if not asked.get("stream"):
            message = {"role": "assistant", "content": f"{count} messages", "refusal": None}
            reply = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "usage": USAGE,
                     "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]}
            return self.answer(200, "application/json", json.dumps(reply).encode())
        chunks = [{"delta": {"role": "assistant", "content": f"{count} "}}, {"delta": {"content": "messages"}}, {"delta": {}, "finish_reason": "stop"}]
        out = ""
        for chunk in chunks[:2] if asked["model"] == "broken" else chunks:
            chunk = {"index": 0, "finish_reason": None, **chunk}
            out += "data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [chunk]}) + "\n\n"
        if asked["model"] != "broken":
            out += "data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": USAGE}) + "\n\n"
            out += "data: [DONE]\n\n"
        return self.answer(200, "text/event-stream", out.encode())


def ask(gateway, method, path, body=None):
    """(status, text)"""
    status, _, said = gateway.ask(method, path, body, timeout=20)
    return status, said if isinstance(said, str) else json.dumps(said)


def create(gateway, **members):
    status, text = ask(gateway, "POST", "/v1/responses", {"model": "up/m", **members})
    return status, json.loads(text)


def events_of(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


def text_of(response):
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def turns(gateway):
    status, first = create(gateway, input="one", instructions="be brief", temperature=0.5)
    checks.equal(status, 200, "a response over Chat Completions")
    checks.that(first["id"].startswith("resp_"), "it has an id of the dialect", first["id"])
    checks.equal(text_of(first), "2 messages", "instructions and input reach the upstream")
    checks.equal((first["instructions"], first["temperature"]), ("be brief", 0.5), "it says again what was asked")
    status, shown = ask(gateway, "GET", f"/v1/responses/{first['id']}")
    checks.equal((status, json.loads(shown)), (200, first), "GET right after the reply gives the same")
    status, second = create(gateway, input=[{"role": "user", "content": "two"}], previous_response_id=first["id"])
    checks.equal((status, text_of(second)), (200, "3 messages"), "it goes on, without the instructions of before")
    checks.equal(second["previous_response_id"], first["id"], "it names what it went on from")
    said = [message["content"] for message in Upstream.seen[-1]["messages"]]
    checks.equal(said, ["one", "2 messages", "two"], "the upstream sees all turns in order")
    status, page = ask(gateway, "GET", f"/v1/responses/{second['id']}/input_items?limit=2&order=asc")
    page = json.loads(page)
    checks.equal((status, page["has_more"], len(page["data"])), (200, True, 2), "input items in pages")
    checks.equal(page["data"][0]["content"][0]["text"], "one", "the first item")
    status, rest = ask(gateway, "GET", f"/v1/responses/{second['id']}/input_items?order=asc&after={page['last_id']}")
    checks.equal((status, json.loads(rest)["data"][0]["content"][0]["text"]), (200, "two"), "the page behind it")
    status, gone = ask(gateway, "DELETE", f"/v1/responses/{first['id']}")
    checks.equal((status, json.loads(gone).get("deleted")), (200, True), "DELETE right after the reply")
    checks.equal(ask(gateway, "GET", f"/v1/responses/{first['id']}")[0], 404, "what was deleted is not found")
    checks.equal(create(gateway, input="x", previous_response_id=second["id"])[0], 200, "a later response stands without it")


def refusals(gateway):
    status, error = create(gateway, input="x", previous_response_id="resp_nothere")
    checks.equal((status, error["error"]["code"], error["error"]["param"]),
                 (400, "previous_response_not_found", "previous_response_id"), "an unknown previous response")
    status, error = create(gateway, input="x", background=True)
    checks.that(status == 400 and "background" in error["error"]["message"], "background: true is refused by name", error)
    checks.equal(ask(gateway, "GET", "/v1/responses/resp_nothere")[0], 404, "an unknown response")
    status, kept = create(gateway, input="x", store=False)
    checks.equal(status, 200, "store: false is answered")
    checks.equal(ask(gateway, "GET", f"/v1/responses/{kept['id']}")[0], 404, "and is not kept")
    status, error = create(gateway, input="x", conversation="conv_1")
    checks.that(status == 400 and "conversation" in error["error"]["message"], "what the upstream cannot express is named", error)


def streams(gateway):
    status, text = ask(gateway, "POST", "/v1/responses", {"model": "up/m", "input": "one", "stream": True})
    events = events_of(text)
    checks.equal(status, 200, "a stream")
    checks.equal([event["sequence_number"] for event in events], list(range(len(events))), "each event has its number")
    checks.equal([event["type"] for event in events][:3] + [events[-1]["type"]],
                 ["response.created", "response.in_progress", "response.output_item.added", "response.completed"], "in their order")
    last = events[-1]["response"]
    checks.equal(json.loads(ask(gateway, "GET", f"/v1/responses/{last['id']}")[1]), last, "the last event's response is the one that is kept")
    status, text = ask(gateway, "POST", "/v1/responses", {"model": "up/m", "input": "two", "stream": True, "previous_response_id": last["id"]})
    checks.equal(text_of(events_of(text)[-1]["response"]), "3 messages", "a stream goes on from a stream")
    status, text = ask(gateway, "POST", "/v1/responses", {"model": "up/broken", "input": "one", "stream": True})
    types = [event["type"] for event in events_of(text)]
    checks.that("error" in types and "response.completed" not in types, "a stream that broke says so and is never complete", types)
    checks.equal([event["sequence_number"] for event in events_of(text)], list(range(len(types))), "with numbers to its end")
    checks.equal(ask(gateway, "GET", f"/v1/responses/{events_of(text)[0]['response']['id']}")[0], 404, "and is not kept")


def truncation(gateway):
    turns = [{"role": "user", "content": str(i)} if i % 2 == 0 else {"role": "assistant", "content": str(i)} for i in range(9)]
    status, reply = create(gateway, model="up/small", input=turns, truncation="auto")
    checks.equal(status, 200, "truncation auto leaves out the oldest turns")
    checks.equal(Upstream.seen[-1]["messages"][-1]["content"], "8", "and keeps the newest")
    checks.equal(create(gateway, model="up/small", input=turns)[0], 400, "without it a conversation that is too long is refused")


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = f'[providers.up]\ndialect = "openai"\nbase_url = "http://127.0.0.1:{server.server_port}/v1"\nkey = "env:K"\nretries = 0\n'
    gateway = None
    try:
        gateway = Gateway(config, environment={"K": "sk-up"})
        if ask(gateway, "GET", "/v1/responses/resp_nothere")[1].find("resp_nothere") < 0:
            checks.skip("this door has no Responses")
        else:
            description = Description.load(checks)
            if description:
                gateway.heard = description.answer
            for test in (turns, refusals, streams, truncation):
                checks.run(test, gateway)
            if description:
                description.judged_at_least(Response=6, ResponseStreamEvent=20, ResponseItemList=2, ErrorResponse=6)
    finally:
        if gateway is not None:
            gateway.close()
        server.shutdown()
    checks.finish()


main()
