#!/usr/bin/env python3
"""Random clients on kept connections of `sighter serve`: requests, what is none, halves of both, pauses, half-closes and
resets in any order. The process lives on, every request that was sent whole and read is answered with a status, and
nothing is left under way. Seeded; SIGHTER_FUZZ_MS lengthens it."""

import os
import pathlib
import random
import re
import socket
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
SEED = 20261127
BODY = b'{"model":"good/m","messages":[{"role":"user","content":"hi"}]}'
STREAM = BODY[:-1] + b',"stream":true}'


def request(port, method=b"GET", path=b"/healthz", body=b"", more=b""):
    head = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s" % (method, path, port, more)
    return head + (b"Content-Length: %d\r\n\r\n%s" % (len(body), body) if method == b"POST" else b"\r\n")


def messages(port, chance):
    """What a client may say, whole requests more often than not."""
    whole = [request(port), request(port, path=b"/nowhere"), request(port, b"POST", b"/v1/chat/completions", BODY),
             request(port, b"POST", b"/v1/chat/completions", STREAM), request(port, b"POST", b"/v1/messages", b"{"),
             request(port, b"POST", b"/v1/chat/completions", BODY, b"Expect: 100-continue\r\n"),
             request(port, b"HEAD"), request(port, b"OPTIONS", b"/v1/models"), request(port, b"DELETE", b"/v1/responses/x")]
    text = chance.choice(whole)
    kind = chance.random()
    if kind < 0.55:
        return text
    if kind < 0.70:
        return text[:chance.randrange(len(text))]
    if kind < 0.80:
        at = chance.randrange(len(text))
        return text[:at] + bytes([chance.randrange(256)]) + text[at + 1:]
    if kind < 0.88:
        return chance.randbytes(chance.randrange(1, 200)) + b"\r\n\r\n"
    if kind < 0.94:
        return b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * chance.choice([10, 70_000])
    return text * chance.randrange(2, 6)


def one_client(port, chance):
    connection = socket.create_connection(("127.0.0.1", port))
    try:
        connection.settimeout(0.2)
        for _ in range(chance.randrange(1, 6)):
            connection.sendall(messages(port, chance))
            if chance.random() < 0.5:
                time.sleep(chance.random() * 0.005)
            if chance.random() < 0.3:
                connection.recv(65536)
        end = chance.random()
        if end < 0.3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        elif end < 0.6:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
    except OSError:
        pass  # the other side may close on what is no request, and take its time for what is a half
    finally:
        connection.close()


def under_way(gateway):
    text = gateway.ask("GET", "/metrics")[2]
    text = text if isinstance(text, str) else text.decode()
    return int(float(re.search(r"^sighter_requests_in_flight (\S+)", text, re.M).group(1)))


def clients(gateway):
    chance = random.Random(SEED)
    until = time.monotonic() + max(3.0, int(os.environ.get("SIGHTER_FUZZ_MS", "0")) / 1000)
    count = 0
    while time.monotonic() < until:
        one_client(chance.choice([gateway.port, gateway.port, gateway.ops_port]), chance)
        count += 1
        if gateway.process.poll() is not None:
            break
    checks.that(gateway.process.poll() is None, f"seed {SEED}: the process lives after {count} clients", gateway.log()[-300:])
    status, _, answer = gateway.ask("POST", "/v1/chat/completions", {"model": "good/m", "messages": [{"role": "user", "content": "hi"}]})
    checks.equal(status, 200, "and answers")
    left = None
    for _ in range(100):  # halves of bodies are waited for
        left = under_way(gateway)
        if left <= 1:
            break
        time.sleep(0.05)
    checks.that(left is not None and left <= 1, "nothing is left under way but who asks", left)


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    upstream = Scripted({"m": [{"text": "yes", "usage": (2, 1)}]})
    gateway = None
    try:
        gateway = Gateway(f'[providers.good]\ndialect = "openai"\nbase_url = "{upstream.url}"\nkey = "env:K"\n', environment={"K": "sk-up"})
        checks.run(clients, gateway)
        checks.equal(gateway.stop(), 0, "it ends in order after all of that")
    finally:
        if gateway is not None:
            gateway.close()
        upstream.close()
    checks.finish()


main()
