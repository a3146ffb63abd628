#!/usr/bin/env python3
"""The ways to an upstream, as a user has them: an Ollama on its usual port, HTTPS with a company's own root, the tunnel of a
proxy, and the four time-outs, each with an error of its own. And a model in this process that is held to a JSON Schema."""

import os
import pathlib
import select
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, program  # noqa: E402

checks = Checks()
OLLAMA = ("127.0.0.1", 11434)
REPLY = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant",' \
        b'"content":"%s"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}'


def accept(listener, serve):
    def loop():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def read_request(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, body = data.split(b"\r\n\r\n", 1)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, value = line.split(b":", 1)
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return head


def ok(text):
    body = REPLY % text
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def ollama():
    try:
        listener = socket.create_server(OLLAMA)
    except OSError:
        checks.skip("something listens on Ollama's port")
        return
    seen = []

    def serve(connection):
        with connection:
            head = read_request(connection)
            while head is not None:
                seen.append(head.decode())
                connection.sendall(ok(b"from next door"))
                head = read_request(connection)

    accept(listener, serve)
    with listener, Project() as made:
        ran = made.run("fire", "hello", "-m", "ollama/llama3.2", "--json")
        checks.equal((ran.code, ran.json()["output"] if ran.code == 0 else ran.err), (0, "from next door"), "without a project, a table or a key")
        checks.that(seen and seen[0].startswith("POST /v1/chat/completions"), "on its usual port", seen[:1])
        checks.that("authorization:" not in seen[0].lower(), "no key is sent", seen[0])
        checks.equal(ran.json()["cost_usd"], 0, "and it costs nothing")


def certificates(folder):
    """A root of our own and a certificate for localhost that it signed; False without the openssl program."""
    if not shutil.which("openssl"):
        return False

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    (folder / "san").write_text("subjectAltName=DNS:localhost,DNS:far.test\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-days", "2", "-subj", "/CN=Our own root")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "here.key", "-out", "here.csr", "-subj", "/CN=localhost")
    openssl("x509", "-req", "-in", "here.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-out", "here.pem", "-days", "2", "-extfile", "san")
    return True


def pump(one, other):
    with one, other:
        while True:
            ready, _, _ = select.select([one, other], [], [], 30)
            for from_, to in ((one, other), (other, one)):
                if from_ in ready:
                    data = from_.recv(65536)
                    if not data:
                        return
                    to.sendall(data)
            if not ready:
                return


def https():
    with Project() as made:
        if not certificates(made.top):
            checks.skip("no openssl program: no certificates of our own")
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.top / "here.pem", made.top / "here.key")
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def serve(connection):
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    while read_request(tls) is not None:
                        tls.sendall(ok(b"sealed"))
            except (ssl.SSLError, OSError):
                return

        accept(listener, serve)
        tunnels = []

        def tunnel(connection):
            head = read_request(connection)
            if head is None:
                return
            tunnels.append(head.decode())
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pump(connection, socket.create_connection(("127.0.0.1", port)))

        proxy = socket.create_server(("127.0.0.1", 0))
        accept(proxy, tunnel)
        made.write("sighter.toml", f'[providers.near]\nbase_url = "https://localhost:{port}/v1"\nretries = 0\n'
                   '[providers.far]\nbase_url = "https://far.test/v1"\nretries = 0\n[providers.wrong]\n'
                   f'base_url = "https://127.0.0.1:{port}/v1"\nretries = 0\n')
        root = {"SSL_CERT_FILE": str(made.top / "root.pem")}
        ran = made.run("fire", "hello", "-m", "near/m", environment=root)
        checks.equal((ran.code, ran.out), (0, "sealed\n"), f"HTTPS with a root of our own: {ran}")
        ran = made.run("fire", "hello", "-m", "near/m")
        checks.that(ran.code == 1 and "certificate" in ran.err and "SSL_CERT_FILE" in ran.err, "without it the certificate is not trusted, and what to do", ran)
        ran = made.run("fire", "hello", "-m", "wrong/m", environment=root)
        checks.that(ran.code == 1 and "127.0.0.1" in ran.err, "a certificate for another name is refused", ran)
        for name in ("HTTPS_PROXY", "https_proxy"):
            ran = made.run("fire", "hello", "-m", "far/m", environment={**root, name: f"http://user:pass@127.0.0.1:{proxy.getsockname()[1]}"})
            checks.equal((ran.code, ran.out), (0, "sealed\n"), f"{name}: through the proxy's tunnel: {ran}")
        checks.that(tunnels and tunnels[0].startswith("CONNECT far.test:443 "), "the proxy is asked for the host by name", tunnels[:1])
        checks.that("proxy-authorization: basic dXNlcjpwYXNz".lower() in tunnels[0].lower(), "with the user of its address", tunnels[0])
        listener.close()
        proxy.close()


def time_outs():
    """connect, first byte, gap and whole: each says itself, names the provider, and comes in time."""
    half = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"

    def stalls(after, every=None):
        def serve(connection):
            with connection:
                read_request(connection)
                try:
                    connection.sendall(after) if after else None
                    for _ in range(100):
                        time.sleep(every or 0.1)
                        if every:
                            connection.sendall(b" ")
                except OSError:
                    return
        listener = socket.create_server(("127.0.0.1", 0))
        accept(listener, serve)
        return listener

    # A queue of one that is full: further connections are neither taken nor refused.
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(full.getsockname())
        waiting.append(one)
    time.sleep(0.2)
    cases = {"connect": (full, "connect_timeout_s = 0.5"), "first": (stalls(b""), "first_byte_timeout_s = 0.5"),
             "gap": (stalls(half), "gap_timeout_s = 0.5"), "whole": (stalls(half, 0.1), "timeout_s = 1.0")}
    text = "".join(f'[providers.{name}]\nbase_url = "http://127.0.0.1:{listener.getsockname()[1]}/v1"\nretries = 0\n{setting}\n'
                   for name, (listener, setting) in cases.items())
    words = {}
    with Project({"sighter.toml": text}) as made:
        for name in cases:
            began = time.monotonic()
            ran = made.run("fire", "hello", "-m", f"{name}/m")
            took = time.monotonic() - began
            checks.that(ran.code == 1 and name in ran.err, f"{name}: an error that names the provider", ran)
            checks.that(0.4 < took < 8, f"{name}: in time", took)
            words[name] = ran.err.splitlines()[0].replace(name, "X")
        checks.equal(len(set(words.values())), 4, f"each has words of its own: {words}")
        checks.that(all(call["status"] == "error" for call in made.calls()), "each is an error in the log")
    for one in (*waiting, *(listener for listener, _ in cases.values())):
        one.close()


def local_model_file():
    cache = pathlib.Path(os.environ.get("SIGHTER_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sighter")
    files = sorted((cache / "models").glob("smollm2*.gguf"))
    return files[0] if files else None


def grammar():
    """A local model whose answer is held to the schema by a grammar, through fire and ready. What it says differs from
    processor to processor; that it fits does not."""
    file = local_model_file()
    if file is None:
        checks.skip("no local chat model: tools/local_models.sh models fetches one")
        return
    schema = '{"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}, "stars": {"enum": [1, 2, 3]}}, ' \
             '"required": ["mood", "stars"], "additionalProperties": false}'
    cases = "".join('{"input": {"text": "%s"}, "expect": {"mood": "good", "stars": 3}}\n' % text for text in ("I love it", "It broke at once"))
    with Project({"sighter.toml": f'[models.smol]\nfile = "{file}"\n', "functions/feel/out.json": schema, "functions/feel/cases.jsonl": cases,
                  "functions/feel/function.toml": 'input = { text = "string" }\noutput = { schema = "out.json" }\n[bar]\n'
                  'metric = { kind = "json_schema", schema = "out.json" }\nat_least = 0.1\n'
                  '[variants.smol]\nkind = "prompt"\nmodel = "smol"\nmax_tokens = 40\nrepair = false\n'}) as made:
        ran = made.run("fire", "feel", "I love it", "--json", timeout=240)
        if ran.code == 1 and "without" in ran.err and "llama" in ran.err:
            checks.skip("this build runs no local model")
            return
        output = ran.json()["output"] if ran.code == 0 else ran
        fits = isinstance(output, dict) and sorted(output) == ["mood", "stars"] and output["mood"] in ("good", "bad") and output["stars"] in (1, 2, 3)
        checks.that(fits, "fire: the schema holds", output)
        ran = made.run("ready", "feel", "--full", "--claim", "cases", "--json", timeout=240)
        [body] = ran.json()["variants"] if ran.code in (0, 100) else [{}]
        checks.equal((ran.code, body.get("score"), body.get("errors")), (0, 1, 0), f"ready: it holds on every case: {ran}")


if not os.path.exists(program()):
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (ollama, https, time_outs, grammar):
    checks.run(test)
checks.finish()
