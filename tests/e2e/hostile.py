#!/usr/bin/env python3
"""What clients and upstreams may do to `sighter serve` out of malice or by mistake: framing, floods, nesting, tricks
with paths and headers, web pages in the user's browser, upstreams that answer garbage. After each of it the door
still answers. Loopback, bounded."""

import json
import pathlib
import re
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402

checks = Checks()
CHAT = {"model": "good/echo", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"id": "c1", "object": "chat.completion", "created": 1, "model": "echo",
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok", "refusal": None}, "logprobs": None, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}}


STRANGE = ("garbage", "html", "redirect", "long", "short-json", "two-lengths", "bad-header", "deep", "headers-for-ever")


class RawUpstream:
    """Answers with bytes chosen by the model's name, and keeps the requests' bytes."""

    def __init__(self):
        self.seen = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def read(self, connection, data=b""):
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            rest += connection.recv(65536)
        return head, rest[:length]

    def serve(self, connection):
        with connection:
            try:
                while True:
                    head, body = self.read(connection)
                    if head is None:
                        return
                    self.seen.append((head, body))
                    if not self.answer(connection, json.loads(body)["model"]):
                        return
            except (OSError, ValueError):
                return

    def answer(self, connection, model):
        whole = json.dumps(ANSWER).encode()
        if model not in STRANGE:  # a name that a client tried to slip in is a name like others
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole)
            return True
        replies = {
            "garbage": b"\x00\x01\x02 what\r\n\r\n",
            "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>",
            "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\n\r\n",
            "long": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n" + whole,
            "short-json": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{\"a\":",
            "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
            "bad-header": b"HTTP/1.1 200 OK\r\nX Bad: 1\r\nContent-Length: 2\r\n\r\n{}",
            "deep": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200000,
        }
        if model == "headers-for-ever":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for n in range(200000):
                connection.sendall(b"X-%d: y\r\n" % n)
            return False
        connection.sendall(replies[model])
        return False


def exchange(gateway, data, patience_s=3.0, half_close=False):
    """Sends bytes and returns all that comes back until the other side closes or is silent."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=patience_s) as connection:
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        seen = b""
        try:
            while True:
                piece = connection.recv(65536)
                if not piece:
                    break
                seen += piece
                if seen.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in seen and b"ontent-" in seen:
                    head, _, rest = seen.partition(b"\r\n\r\n")
                    for line in head.split(b"\r\n"):
                        if line.lower().startswith(b"content-length:") and len(rest) >= int(line.split(b":")[1]):
                            return seen
        except OSError:
            pass
        return seen


def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def post(path, body, more=b"", host=None, port=0):
    return (b"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n"
            % (path.encode(), (host or f"127.0.0.1:{port}").encode(), more, len(body)) + body)


def alive(gateway, after):
    status, _, answer = gateway.ask("POST", "/v1/chat/completions", CHAT)
    checks.that(status == 200 and answer["choices"][0]["message"]["content"] == "ok", f"the door answers after {after}", (status, answer))


def framing(gateway, upstream):
    body = json.dumps(CHAT).encode()
    before = len(upstream.seen)
    cases = {
        "Content-Length and Transfer-Encoding": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two different Content-Lengths": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n12345",
        "Transfer-Encoding that is not chunked last": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "a folded header": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        "bare LF": b"POST /v1/chat/completions HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
        "a space before the colon": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\n1234",
        "a negative length": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -4\r\n\r\n",
        "NUL in a header": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-A: \x00\r\n\r\n",
        "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64 + b"\r\n\r\n",
        "a chunk size that overflows": b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    }
    for what, data in cases.items():
        answer = exchange(gateway, data)
        checks.that(status_of(answer) in (0, 400, 403, 501), f"{what} is refused", answer[:120])
        checks.that(b"200 OK" not in answer, f"{what} is never answered with 200")
    # The second request of a smuggling attempt is never seen by an upstream.
    smuggled = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" % gateway.port
    exchange(gateway, smuggled + post("/v1/chat/completions", body, port=gateway.port))
    checks.equal(len(upstream.seen), before, "no upstream saw any of these")
    alive(gateway, "broken framing")


def floods(gateway):
    answer = exchange(gateway, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(500)))
    checks.that(status_of(answer) == 431, "a flood of headers is 431", answer[:80])
    answer = exchange(gateway, b"GET /" + b"a" * 200000)
    checks.that(status_of(answer) in (414, 431), "an endless target is refused", answer[:80])
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 104857600\r\n\r\n" % gateway.port
    answer = exchange(gateway, head + b"x" * 100000)
    checks.that(status_of(answer) == 413, "a body of 100 MB is 413 before it has come", answer[:120])
    endless = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nTransfer-Encoding: chunked\r\n\r\n" % gateway.port
    piece = b"100000\r\n" + b" " * 1048576 + b"\r\n"
    answer = exchange(gateway, endless + piece * 70, patience_s=20)
    checks.that(status_of(answer) in (0, 413), "a chunked body without end is 413", answer[:120])
    alive(gateway, "floods")


def bodies(gateway, upstream):
    before = len(upstream.seen)
    cases = {
        "nesting of 100,000": b'{"model":"good/echo","messages":' + b"[" * 100000 + b"]" * 100000 + b"}",
        "invalid UTF-8": b'{"model":"good/echo","messages":[{"role":"user","content":"\xff\xfe"}]}',
        "a lone surrogate half": b'{"model":"good/echo","messages":[{"role":"user","content":"x"}],"user":"\xed\xa0\x80"}',
        "the model twice": b'{"model":"good/echo","messages":[{"role":"user","content":"x"}],"model":"good/other"}',
        "a duplicate key below": b'{"model":"good/echo","messages":[{"role":"user","role":"system","content":"x"}]}',
        "two values": b'{"model":"good/echo","messages":[]}{}',
        "an array": b"[]",
        "nothing": b"",
        "NUL": b'{"model":"good/echo\x00","messages":[]}',
        "a cut text": b'{"model":"good/echo","messages":[{"role":"user","content":"x',
        "a number as model": b'{"model":7,"messages":[{"role":"user","content":"x"}]}',
        "infinite number": b'{"model":"good/echo","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
    }
    for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
        for what, body in cases.items():
            answer = exchange(gateway, post(path, body, port=gateway.port))
            checks.that(status_of(answer) == 400, f"{path}: {what} is 400", answer[:200])
            tail = answer.partition(b"\r\n\r\n")[2]
            try:
                error = json.loads(tail)["error"]
                checks.that(isinstance(error["message"], str) and error["message"], f"{path}: {what} is an error in the dialect")
            except (ValueError, KeyError, TypeError):
                checks.that(False, f"{path}: {what} is an error in the dialect", tail[:200])
    checks.equal(len(upstream.seen), before, "no upstream saw any of these bodies")
    alive(gateway, "bad bodies")


def paths_and_headers(gateway, upstream):
    for path in ("/v1/../v1/chat/completions", "/v1/%2e%2e/calls", "//v1/chat/completions", "/v1/chat/completions/", "/v1/calls/../../etc/passwd",
                 "/v1/calls/%00", "/v1/functions/..%2f..%2fetc", "/v1/models/%ff", "/etc/passwd", "/v1/responses/../calls"):
        answer = exchange(gateway, post(path, json.dumps(CHAT).encode(), port=gateway.port))
        checks.that(status_of(answer) in (400, 404, 405), f"{path} leads nowhere", answer[:120])
    before = len(upstream.seen)
    for model in ("good/echo\r\nX-Evil: 1", "good/echo HTTP/1.1", "http://127.0.0.1:1/x", "good/../../x", "@127.0.0.1:1/x"):
        body = json.dumps(dict(CHAT, model=model)).encode()
        answer = exchange(gateway, post("/v1/chat/completions", body, port=gateway.port))
        checks.that(status_of(answer) != 0, f"model {model!r} gets an answer", answer[:100])
    for head, _ in upstream.seen[before:]:
        checks.that(b"X-Evil" not in head, "a model name becomes no header")
        checks.that(head.startswith(b"POST /v1/chat/completions HTTP/1.1"), "a model name changes no path", head[:80])
    before = len(upstream.seen)
    more = (b"Cookie: secret=1\r\nProxy-Authorization: x\r\nX-Forwarded-For: 1.2.3.4\r\nUpgrade: h2c\r\nX-Sighter-Base-Url: http://127.0.0.1:1\r\n"
            b"anthropic-beta: a\r\n")
    exchange(gateway, post("/v1/chat/completions", json.dumps(CHAT).encode(), more, port=gateway.port))
    checks.that(len(upstream.seen) == before + 1, "the request with odd headers reaches its own upstream")
    if len(upstream.seen) > before:
        head = upstream.seen[-1][0].lower()
        for name in (b"cookie:", b"proxy-authorization:", b"upgrade:", b"x-sighter-base-url:"):
            checks.that(name not in head, f"{name.decode()} is not passed on")
    alive(gateway, "tricks")


def upstreams(gateway):
    for model in ("garbage", "html", "redirect", "long", "short-json", "two-lengths", "bad-header", "deep", "headers-for-ever"):
        for path in ("/v1/chat/completions", "/v1/messages"):
            body = dict(CHAT, model=f"good/{model}", max_tokens=10)
            began = time.monotonic()
            status, _, answer = gateway.ask("POST", path, body)
            checks.that(status in (500, 502, 503, 504), f"{path} over an upstream that answers {model} is 502", (status, str(answer)[:200]))
            checks.that(isinstance(answer, dict) and answer.get("error", {}).get("message"), f"{path} over {model}: words in the dialect", str(answer)[:200])
            checks.that(time.monotonic() - began < 15, f"{path} over {model} does not hang")
    alive(gateway, "bad upstreams")


def browser(gateway):
    """A web page in the user's browser: while the port is open to all, a foreign Host or Origin is refused."""
    body = json.dumps(CHAT).encode()
    port = gateway.port
    cases = [
        (b"", f"127.0.0.1:{port}", 200, "its own address"),
        (b"", f"localhost:{port}", 200, "localhost"),
        (b"", "evil.example", 403, "a foreign Host (DNS rebinding)"),
        (b"", f"evil.example:{port}", 403, "a foreign Host with the right port"),
        (b"Origin: https://evil.example\r\n", f"127.0.0.1:{port}", 403, "a foreign Origin"),
        (b"Origin: null\r\n", f"127.0.0.1:{port}", 403, "an Origin of null"),
        (b"Origin: https://good.example\r\n", f"127.0.0.1:{port}", 200, "an Origin of [serve] origins"),
    ]
    for more, host, wanted, what in cases:
        answer = exchange(gateway, post("/v1/chat/completions", body, more, host=host))
        checks.equal(status_of(answer), wanted, f"{what} is {wanted}")
        if wanted == 200 and b"good.example" in more:
            checks.that(b"access-control-allow-origin: https://good.example" in answer.lower(), "CORS for that origin", answer[:400])
    preflight = (b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: https://good.example\r\n"
                 b"Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, content-type\r\n\r\n" % port)
    answer = exchange(gateway, preflight)
    checks.that(status_of(answer) in (200, 204) and b"access-control-allow-methods" in answer.lower(), "a preflight of that origin is answered", answer[:300])
    answer = exchange(gateway, preflight.replace(b"good.example", b"evil.example"))
    checks.that(b"access-control-allow-origin" not in answer.lower(), "a preflight of another is not allowed", answer[:300])


def slow_loris(gateway):
    connections = []
    for _ in range(200):
        connection = socket.create_connection(("127.0.0.1", gateway.port))
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        connections.append(connection)
    alive(gateway, "200 connections that send a header slowly have begun")
    until = time.monotonic() + 15
    closed = 0
    while connections and time.monotonic() < until:
        for connection in list(connections):
            try:
                connection.sendall(b"a")
                connection.settimeout(0.001)
                if connection.recv(1) == b"":
                    raise OSError("closed")
            except TimeoutError:
                continue
            except OSError:
                closed += 1
                connections.remove(connection)
        time.sleep(0.5)
    checks.that(not connections, "slow headers are cut after 10 s", f"{len(connections)} of 200 still open")
    for connection in connections:
        connection.close()


def behind(gateway, upstream):
    """What is no request behind one, on the same connection: it ended the whole process once."""
    others = [socket.create_connection(("127.0.0.1", gateway.port)) for _ in range(3)]
    for port in (gateway.port, gateway.ops_port):
        for first in (f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode(),
                      f"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()):
            for bad in (b"{x\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 70_000):
                for pause in (0, 0.05):
                    with socket.create_connection(("127.0.0.1", port)) as connection:
                        connection.settimeout(5)
                        connection.sendall(first)
                        time.sleep(pause)
                        connection.sendall(bad)
                        connection.shutdown(socket.SHUT_WR)
                        heard = b""
                        try:
                            while piece := connection.recv(65536):
                                heard += piece
                        except ConnectionResetError:
                            pass
                        statuses = re.findall(rb"HTTP/1\.1 (\d+)", heard)
                        checks.that(len(statuses) == 2 and statuses[1] in (b"400", b"431"), f"behind {first[:14]}: {bad[:10]}", statuses)
    for other in others:
        other.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\nConnection: close\r\n\r\n".encode())
        checks.that(other.recv(100).startswith(b"HTTP/1.1 200"), "others' connections live on")
        other.close()


def descriptors(config):
    """Silent connections up to the limit of open files: operators are answered, and so are new clients."""
    gateway = Gateway(config, environment={"K": "sk-up"}, files=120)
    silent = []
    try:
        for _ in range(200):
            silent.append(socket.create_connection(("127.0.0.1", gateway.port)))
        time.sleep(0.3)
        for path in ("/healthz", "/readyz"):
            with socket.create_connection(("127.0.0.1", gateway.ops_port)) as ops:
                ops.settimeout(3)
                ops.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.ops_port}\r\n\r\n".encode())
                checks.that(ops.recv(100).startswith(b"HTTP/1.1 200"), f"{path} answers")
        answer = gateway.ask("POST", "/v1/chat/completions", CHAT)
        checks.equal(answer[0], 200, "a new client is answered in a silent one's place")
    finally:
        for connection in silent:
            connection.close()
        gateway.close()


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    upstream = RawUpstream()
    config = (f'[providers.good]\ndialect = "openai"\nbase_url = "http://127.0.0.1:{upstream.port}/v1"\nkey = "env:K"\nretries = 0\n'
              f'first_byte_timeout_s = 3\n')
    gateway = None
    try:
        gateway = Gateway(config, serve='origins = ["https://good.example"]', environment={"K": "sk-up"})
        for test in (framing, behind, bodies, paths_and_headers):
            checks.run(test, gateway, upstream)
        for test in (floods, upstreams, browser, slow_loris):
            checks.run(test, gateway)
        checks.run(descriptors, config)
        checks.equal(gateway.stop(), 0, "it ends in order after all of that")
        refused = None
        try:
            Gateway(config, folder=gateway.folder, arguments=["--listen", "0.0.0.0:0"]).close()
        except RuntimeError as error:
            refused = str(error)
        checks.that(refused and "key" in refused, "beyond loopback without a key it does not start", refused)
    finally:
        if gateway is not None:
            gateway.close()
        upstream.socket.close()
    checks.finish()


main()
