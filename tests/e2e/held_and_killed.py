#!/usr/bin/env python3
"""What a client of `sighter serve` may count on when the store is held by another program, when the gateway is killed
right after an answer, and when it is stopped while streams run."""

import http.client
import json
import pathlib
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
PATIENCE_S = 4  # one second is waited for the disk
OK, INTERRUPTED = 0, 3


class Upstream(Scripted):
    """The model "stall" says one piece of a stream and nothing more."""

    def answer(self, handler, body):
        asked = json.loads(body)
        if asked.get("model") != "stall":
            return super().answer(handler, body)
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for event in self.chunks(asked, {}, "Hello to you")[:3]:
            handler.wfile.write(event)
        handler.wfile.flush()
        handler.connection.settimeout(30)
        handler.connection.recv(1)
        handler.close_connection = True


def events_of(gateway, path, body):
    """All of a streamed answer, as text."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def response_of(gateway, streamed, **more):
    body = {"model": "up/hello", "input": "Hello", "stream": streamed, **more}
    if not streamed:
        return gateway.ask("POST", "/v1/responses", body)[2]
    last = events_of(gateway, "/v1/responses", body).strip().rpartition("data: ")[2]
    return json.loads(last)["response"]


def timed(what, function, *arguments):
    began = time.monotonic()
    value = function(*arguments)
    took = time.monotonic() - began
    checks.that(took < PATIENCE_S, f"{what}: answered at once", f"{took:.1f} s")
    return value


def held(gateway):
    """Another program writes, and takes its time."""
    _, headers, _ = gateway.ask("POST", "/v1/chat/completions", {"model": "up/hello", "messages": [{"role": "user", "content": "x"}]})
    call = headers["x-sighter-call"]
    before = response_of(gateway, False)
    store = next(gateway.folder.glob(".sighter/*.db"))
    other = sqlite3.connect(store, timeout=10, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    responses = [timed(f"a response, streamed {streamed}", response_of, gateway, streamed) for streamed in (False, True)]
    for response in responses:
        checks.equal(gateway.ask("GET", f"/v1/responses/{response['id']}")[0], 200, "a response is found while the store is held")
    next_one = timed("the next turn", lambda: response_of(gateway, False, previous_response_id=responses[0]["id"]))
    checks.equal(next_one.get("previous_response_id"), responses[0]["id"], "a conversation goes on while the store is held")
    status, _, said = timed("feedback", gateway.ask, "POST", "/v1/feedback", {"call": call, "metric": "good", "value": 1, "key": "k"})
    checks.equal((status, said.get("queued"), said.get("known_already")), (200, True, None), "feedback is queued")
    first = said.get("feedback")
    _, _, said = timed("the same feedback", gateway.ask, "POST", "/v1/feedback", {"call": call, "metric": "good", "value": 1, "key": "k"})
    checks.equal(said.get("feedback"), first, "the same key is the same feedback, also before it is on the disk")
    checks.equal([f["feedback"] for f in gateway.ask("GET", f"/v1/calls/{call}")[2]["feedback"]], [first], "its call shows it once")
    for gone in (before["id"], responses[1]["id"]):
        status, _, said = timed("a removal", gateway.ask, "DELETE", f"/v1/responses/{gone}")
        checks.equal((status, isinstance(said, dict) and said.get("deleted")), (200, True), "a response is deleted")
        checks.equal(gateway.ask("GET", f"/v1/responses/{gone}")[0], 404, "a deleted response is not found")
    other.execute("ROLLBACK")
    other.close()
    limit = time.monotonic() + 30
    wanted = {responses[0]["id"], next_one["id"]}
    stored = feedback = None
    while time.monotonic() < limit and (stored != wanted or feedback != 1):
        time.sleep(0.1)
        stored = {row[0] for row in gateway.store("SELECT id FROM response")}
        feedback = gateway.store("SELECT count(*) FROM feedback")[0][0]
    checks.equal((stored, feedback), (wanted, 1), "all of it is on the disk when the store is free again")
    status, _, said = gateway.ask("POST", "/v1/feedback", {"call": call, "metric": "good", "value": 1, "key": "k"})
    checks.equal((status, said.get("known_already"), said.get("feedback")), (200, True, first), "the key of queued feedback is known")


def killed(gateway):
    """The gateway is killed as soon as its client has the end of an answer."""
    for streamed in (False, True) * 3:
        response = response_of(gateway, streamed)
        gateway.stop(signal.SIGKILL)
        gateway.start()
        checks.equal(gateway.ask("GET", f"/v1/responses/{response['id']}")[0], 200, f"a response outlives SIGKILL, streamed {streamed}")
        again = response_of(gateway, streamed, previous_response_id=response["id"])
        checks.equal(again.get("previous_response_id"), response["id"], "and can be gone on from")
    for streamed in (False, True) * 3:
        body = {"model": "up/hello", "messages": [{"role": "user", "content": "x"}], "stream": streamed}
        text = events_of(gateway, "/v1/chat/completions", body)
        gateway.stop(signal.SIGKILL)
        gateway.start()
        checks.that(not streamed or "[DONE]" in text, "the stream had its end", text)
    left = gateway.store(f"SELECT status, error FROM call WHERE status != {OK}")
    checks.equal(left, [], "calls whose end a client has seen are found as they ended")


def stopped(gateway):
    """SIGTERM while streams run: they end with an error, and nobody's client is blamed."""
    asked = {
        "/v1/chat/completions": {"model": "up/stall", "messages": [{"role": "user", "content": "x"}], "stream": True},
        "/v1/messages": {"model": "up/stall", "messages": [{"role": "user", "content": "x"}], "stream": True, "max_tokens": 9},
        "/v1/responses": {"model": "up/stall", "input": "x", "stream": True},
        "/v1/completions": {"model": "up/stall", "prompt": "x", "stream": True, "max_tokens": 9},
        "/v1/functions/talk": {"input": "x", "stream": True},
    }
    said = {}

    def client(path):
        try:
            said[path] = events_of(gateway, path, asked[path])
        except (OSError, http.client.HTTPException) as error:
            said[path] = repr(error)

    before = gateway.store("SELECT ifnull(max(row), 0) FROM call")[0][0]
    threads = [threading.Thread(target=client, args=(path,)) for path in asked]
    for thread in threads:
        thread.start()
    time.sleep(1)
    checks.equal(gateway.stop(patience_s=20), 0, "it ends by itself")
    for thread in threads:
        thread.join(10)
    for path in asked:
        text = said.get(path, "")
        checks.that("the server is stopping" in text and "error" in text, f"{path}: the end is said", text[-300:])
        checks.that("[DONE]" not in text and "message_stop" not in text and "response.completed" not in text, f"{path}: no end mark", text[-300:])
    rows = gateway.store(f"SELECT status, error FROM call WHERE row > {before}")
    checks.that(len(rows) >= len(asked), "each is a row", rows)
    checks.equal({row[0] for row in rows}, {INTERRUPTED}, "and says that it was interrupted")


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    upstream = Upstream({"hello": [{"text": "Hello to you"}]})
    config = (f'[providers.up]\nbase_url = "{upstream.url}/v1"\nkey = "env:REC_KEY"\nretries = 0\nbreaker = false\ncompletions = false\n'
              '[models.m]\nroutes = ["up/stall"]\n')
    function = 'input = { text = "string" }\noutput = "text"\n[variants.p]\nkind = "prompt"\nmodel = "m"\nuser = "{{ input.text }}"\n'
    for test in (held, killed, stopped):
        gateway = Gateway(config, serve="grace_s = 1", environment={"REC_KEY": "sk-up"}, functions={"functions/talk/function.toml": function})
        try:
            checks.run(test, gateway)
        finally:
            gateway.close()
    upstream.close()
    checks.finish()


main()
