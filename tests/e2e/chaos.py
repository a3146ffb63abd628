#!/usr/bin/env python3
"""`sighter serve` under everything at once: an upstream that fails 30 % of the requests, cuts 10 % of the streams and
stalls on 5 %, clients that drop 10 %, and five times SIGKILL. Afterwards every answer that was completed is right, every
call that an upstream saw is on a row with the right status, the ledger says what the upstream counted, and every stored
response that a client has the end of is found.

About 45 s. SIGHTER_CHAOS_SEED replays the choices (not the timing)."""

import collections
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402

SEED = int(os.environ.get("SIGHTER_CHAOS_SEED") or random.SystemRandom().randrange(1 << 30))
SECONDS = 34
CLIENTS = 12
KILLS = 5
OK, ERROR, CANCELLED, INTERRUPTED, BROKEN = range(5)


def pieces_of(number):
    """The answer to request `number`, as the pieces that a stream has."""
    return [f"answer {number}:"] + [f" {number * 31 + i}" for i in range(3 + number % 5)]


def usage_of(number):
    count = len(pieces_of(number))
    return {"prompt_tokens": number + 1, "completion_tokens": count, "total_tokens": number + 1 + count}


def number_in(request):
    said = request["messages"][-1]["content"] if "messages" in request else request["input"]
    return int((said if isinstance(said, str) else said[0]["text"]).split()[-1])


class Upstream:
    def __init__(self):
        self.lock = threading.Lock()
        self.random = random.Random(SEED)
        self.seen = collections.Counter()       # by number
        self.completed = collections.Counter()  # wholly sent, by number
        self.faults = collections.Counter()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        reader = connection.makefile("rb")
        try:
            while self.answer(connection, reader):
                pass
        except (OSError, ValueError):
            pass
        finally:
            reader.close()
            connection.close()

    def fault_of(self, stream):
        """At most one for each request, so that the shares are those that are asked for."""
        with self.lock:
            dice = self.random.random()
            fault = "fail" if dice < 0.30 else "stall" if dice < 0.35 else "cut" if stream and dice < 0.45 else ""
            self.faults[fault] += 1
            return fault, self.random.randrange(1, 3), self.random.random()

    def answer(self, connection, reader):
        length = 0
        first = reader.readline()
        if not first:
            return False
        while (line := reader.readline().strip()):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        request = json.loads(reader.read(length))
        number, stream = number_in(request), bool(request.get("stream"))
        with self.lock:
            self.seen[number] += 1
        fault, after, dice = self.fault_of(stream)
        if fault == "fail":
            self.refuse(connection, dice)
            return True
        if fault == "stall":
            connection.settimeout(3)
            connection.recv(1)  # until the gateway has had enough
            return False
        if stream:
            return self.send_stream(connection, request, number, after if fault == "cut" else None)
        message = {"role": "assistant", "content": "".join(pieces_of(number)), "refusal": None}
        body = json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": usage_of(number),
                           "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]})
        connection.sendall(f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
                           .encode())
        self.complete(number)
        return True

    def complete(self, number):
        with self.lock:
            self.completed[number] += 1

    @staticmethod
    def refuse(connection, dice):
        status, more = (500, "") if dice < 0.6 else (503, "") if dice < 0.9 else (429, "retry-after: 0.05\r\n")
        body = json.dumps({"error": {"message": "chaos says no", "type": "server_error", "code": None, "param": None}})
        connection.sendall(f"HTTP/1.1 {status} No\r\ncontent-type: application/json\r\n{more}content-length: {len(body)}"
                           f"\r\n\r\n{body}".encode())

    def send_stream(self, connection, request, number, cut_after):
        def event(data):
            text = f"data: {data}\n\n".encode()
            connection.sendall(b"%x\r\n%s\r\n" % (len(text), text))

        def chunk(choices, **more):
            event(json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices,
                              **more}))

        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for place, piece in enumerate(pieces_of(number)):
            if cut_after == place:
                return False
            chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
            time.sleep(0.002)
        chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        if (request.get("stream_options") or {}).get("include_usage"):
            chunk([], usage=usage_of(number))
        event("[DONE]")
        connection.sendall(b"0\r\n\r\n")
        self.complete(number)
        return True


class Outcome:
    def __init__(self, number):
        self.number = number
        self.what = "lost"  # ok, error, broken, dropped, lost (the gateway was killed)
        self.status = None
        self.call = None
        self.response = None  # the id of a response that is complete
        self.text = ""


class Clients:
    def __init__(self, gateway):
        self.gateway = gateway
        self.lock = threading.Lock()
        self.random = random.Random(SEED + 1)
        self.next = 0
        self.outcomes = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.work) for _ in range(CLIENTS)]

    def work(self):
        while not self.stop.is_set():
            with self.lock:
                number, self.next = self.next, self.next + 1
                stream, drops, when = self.random.random() < 0.5, self.random.random() < 0.1, self.random.random()
                ask = self.ask_response if self.random.random() < 0.2 else self.ask
            outcome = Outcome(number)
            try:
                ask(outcome, stream, when if drops else None)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)  # it is being killed or starts again
            with self.lock:
                self.outcomes.append(outcome)

    def ask(self, outcome, stream, drop):
        body = {"model": "m", "messages": [{"role": "user", "content": f"request {outcome.number}"}]}
        if stream:
            body.update(stream=True, stream_options={"include_usage": True})
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
            if drop is not None and (not stream or drop < 0.3):
                time.sleep(drop * 0.02)
                outcome.what = "dropped"
                return
            reply = connection.getresponse()
            outcome.status, outcome.call = reply.status, reply.getheader("x-sighter-call")
            if reply.status != 200:
                reply.read()
                outcome.what = "error"
            elif stream:
                self.read_stream(outcome, reply, drop)
            else:
                outcome.text = json.loads(reply.read())["choices"][0]["message"]["content"]
                outcome.what = "ok"
        finally:
            connection.close()

    def ask_response(self, outcome, stream, drop):
        """The other door, whose answers are kept; nobody gives up here."""
        body = {"model": "m", "input": f"request {outcome.number}", "stream": stream}
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        try:
            connection.request("POST", "/v1/responses", json.dumps(body), {"content-type": "application/json"})
            reply = connection.getresponse()
            outcome.status, outcome.call = reply.status, reply.getheader("x-sighter-call")
            if reply.status != 200:
                reply.read()
                outcome.what = "error"
                return
            done, what = (json.loads(reply.read()), "ok") if not stream else self.read_response(reply)
            outcome.what = what
            if done:
                outcome.response = done["id"]
                outcome.text = "".join(part["text"] for item in done["output"] for part in item["content"])
        finally:
            connection.close()

    @staticmethod
    def read_response(reply):
        """The completed response, or None, and what became of the stream."""
        done, what = None, "lost"
        while (line := reply.readline()):
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line[6:])
            if event["type"] == "error":
                what = "broken"
            elif event["type"] == "response.completed":
                done, what = event["response"], "ok" if what == "lost" else "broken with an end mark"
                reply.read()
                break
        return done, what

    @staticmethod
    def read_stream(outcome, reply, drop):
        said_error = False
        while (line := reply.readline()):
            data = line.strip().removeprefix(b"data: ")
            if data == b"[DONE]":
                outcome.what = "broken with an end mark" if said_error else "ok"
                reply.read()
                return
            if not line.startswith(b"data: "):
                continue
            event = json.loads(data)
            if "error" in event:
                said_error = True
                continue
            for choice in event["choices"]:
                outcome.text += choice["delta"].get("content") or ""
            if drop is not None:
                outcome.what = "dropped"
                return
        outcome.what = "broken" if said_error else "lost"


def run(checks, upstream, gateway, seconds, kills):
    clients = Clients(gateway)
    for thread in clients.threads:
        thread.start()
    for _ in range(kills):
        time.sleep(seconds / (kills + 1))
        gateway.stop(signal.SIGKILL)
        gateway.start()
    time.sleep(seconds / (kills + 1))
    clients.stop.set()
    for thread in clients.threads:
        thread.join(60)
    checks.that(not any(thread.is_alive() for thread in clients.threads), "every client got an end of its request")
    status, _, _ = gateway.ask("GET", "/healthz")
    checks.equal(status, 200, "the door still answers")
    # Stopped by request, all rows are written; the next start collects what the killed ones left.
    checks.equal(gateway.stop(patience_s=40), 0, "it ends by itself when it is asked to")
    gateway.start()
    kept = [o for o in clients.outcomes if o.response]
    checks.that(kept, "some responses are complete", len(clients.outcomes))
    gone = [o.number for o in kept if gateway.ask("GET", f"/v1/responses/{o.response}")[0] != 200]
    checks.equal(gone, [], "every response whose end a client has is found")
    gateway.stop()
    return clients.outcomes


# What a client may have seen, by what is on the row. A client that saw nothing may have any row; one that saw an end
# finds its call ended so, whenever the gateway was killed.
RIGHT = {"ok": {OK}, "error": {ERROR}, "broken": {BROKEN}, "dropped": {OK, ERROR, CANCELLED, BROKEN, INTERRUPTED}}


def judge(checks, upstream, outcomes, rows):
    by_id = {row["id"]: row for row in rows}
    by_number = collections.defaultdict(list)
    for row in rows:
        if row["input"]:
            by_number[number_in(json.loads(row["input"]))].append(row)
    interrupted = [row for row in rows if row["status"] == INTERRUPTED]

    wrong = [o.number for o in outcomes if o.what == "ok" and o.text != "".join(pieces_of(o.number))]
    checks.equal(wrong, [], "every completed answer is right")
    checks.equal([o.number for o in outcomes if "end mark" in o.what], [], "no broken stream ends like a complete one")
    checks.equal([n for n, found in by_number.items() if len(found) > 1], [], "no call is on two rows")

    # What was under way, and what had ended and was not yet on the disk: rows without an input.
    unnamed = [n for n in upstream.seen if n not in by_number]
    nameless = [row for row in rows if not row["input"]]
    checks.that(len(unnamed) <= len(nameless), "every call that the upstream saw is on a row",
                f"{len(unnamed)} are on none, {len(nameless)} rows name no input")
    checks.that(len(interrupted) <= len(nameless), "what is stored whole was not interrupted", f"{len(interrupted)}, {len(nameless)}")
    lost = [o.number for o in outcomes if o.call and o.call.replace("-", "") not in by_id]
    checks.equal(lost, [], "every call whose id a client was told is on a row")

    statuses = []
    for outcome in outcomes:
        row = by_id.get((outcome.call or "").replace("-", "")) or next(iter(by_number.get(outcome.number, [])), None)
        if row is None or outcome.what not in RIGHT:
            continue
        if row["status"] not in RIGHT[outcome.what]:
            statuses.append((outcome.number, outcome.what, row["status"], row["error"]))
    checks.equal(statuses, [], "every row has the status that its client saw")

    ledger = []
    for number, found in by_number.items():
        row, usage = found[0], usage_of(number)
        if row["status"] != OK:
            continue
        if upstream.completed[number] < 1 or (row["in"], row["out"]) != (usage["prompt_tokens"],
                                                                         usage["completion_tokens"]):
            ledger.append((number, upstream.completed[number], row["in"], row["out"], usage))
    for outcome in outcomes:
        row, usage = by_id.get((outcome.call or "").replace("-", "")), usage_of(outcome.number)
        if outcome.what == "ok" and row and (row["in"], row["out"]) != (usage["prompt_tokens"], usage["completion_tokens"]):
            ledger.append((outcome.number, row["in"], row["out"], usage))
    checks.equal(ledger, [], "the ledger of completed calls is what the upstream counted")


def storm(checks, breaker, seconds, kills):
    """One run to its end, and what it left."""
    upstream = Upstream()
    config = (f'[providers.up]\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\nretries = 3\n'
              f'{breaker}first_byte_timeout_s = 1\ngap_timeout_s = 1\n'
              '[models.m]\nroutes = ["up/m"]\nprice = { input = 1, output = 10 }\n')
    gateway = Gateway(config)
    try:
        outcomes = run(checks, upstream, gateway, seconds, kills)
        rows = [dict(zip(("id", "status", "input", "in", "out", "error"), row)) for row in gateway.store(
            "SELECT lower(hex(id)), status, input, tokens_input, tokens_output, error FROM call")]
    finally:
        gateway.close()
    counts = collections.Counter(o.what for o in outcomes)
    print(f"{len(outcomes)} requests: {dict(counts)}; upstream: {dict(upstream.faults)}; {len(rows)} rows, "
          f"{sum(row['status'] == INTERRUPTED for row in rows)} interrupted", flush=True)
    if "false" in breaker:
        checks.that(counts["ok"] > len(outcomes) / 3, "most requests are answered all the same", dict(counts))
    else:  # an open breaker refuses most at once; what the upstream did answer is given on
        checks.that(counts["ok"] > upstream.faults[""] / 2, "what the upstream answered is given on", dict(counts))
        checks.that(sum(upstream.faults.values()) < len(outcomes) / 2, "the upstream is left alone while it is in trouble", dict(upstream.faults))
    judge(checks, upstream, outcomes, rows)


def main():
    checks = Checks()
    if why := why_not():
        checks.skip(why)
        checks.finish()
    print(f"seed {SEED}", flush=True)
    storm(checks, "breaker = false\n", SECONDS, KILLS)
    # Where the breaker opens, requests are refused at once and without the upstream; the rest holds as before.
    storm(checks, "breaker = { failures = 3, open_s = 0.2, open_max_s = 0.5 }\n", SECONDS / 5, 1)
    checks.finish()


if __name__ == "__main__":
    main()
