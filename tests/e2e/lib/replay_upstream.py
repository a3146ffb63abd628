"""An upstream that answers with the recorded exchanges of real providers, on loopback.

The upstream name of the model says which: "openai_chat.0" is row 0 of openai_chat.jsonl. What the row holds is
answered with its status: the body as JSON, or the stream byte for byte. A row that holds no stream, asked for
one, is 409, and the other way round. Every request is kept for the test to look at.

Other names of models: "hold" answers nothing until the client has gone, "slow" sends one chunk and holds,
"cut" sends the first half of a stream and resets, "fail-503", "fail-429", "fail-529": that status.
"""

import base64
import http.server
import json
import pathlib
import re
import socket
import struct
import threading
import time

DIALECTS = ("openai_chat", "compatible_chat", "openai_responses", "anthropic", "gemini", "bedrock", "openai_embeddings")


def recorded_folder(top):
    folder = pathlib.Path(top).parent / "shared" / "data" / "recorded_replies"
    return folder if folder.is_dir() else None


def load(folder, dialect):
    with open(folder / f"{dialect}.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:  # a whole answer that was kept as its text
        if dialect == "bedrock" and row.get("raw", "").startswith("{"):
            row["response"] = json.loads(row.pop("raw"))
    return rows


class Upstream:
    def __init__(self, folder=None, chunk_pause_s=0.0):
        self.rows = {d: load(folder, d) for d in DIALECTS} if folder else {}
        self.requests = []  # {"path", "query", "headers", "body", "at"}
        self.gone = []  # (model, seconds from the request to the client's leaving)
        self.chunk_pause_s = chunk_pause_s
        self.lock = threading.Lock()
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def do_GET(self):
                self.reply(200, {"object": "list", "data": []})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                upstream.answer(self, body)

            def reply(self, status, value, headers=()):
                body = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                for name, text in headers:
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def last(self):
        with self.lock:
            return self.requests[-1]

    def answer(self, handler, body):
        path, _, query = handler.path.partition("?")
        try:
            parsed = json.loads(body or b"{}")
        except ValueError:
            parsed = None
        with self.lock:
            self.requests.append({"path": path, "query": query, "headers": {k.lower(): v for k, v in handler.headers.items()},
                                  "body": parsed, "raw": body, "at": time.monotonic()})
        found = re.search(r"/models?/([^:/]+)[:/]", path)
        model = found.group(1) if found else str((parsed or {}).get("model"))
        streamed = "stream" in path.lower() or bool((parsed or {}).get("stream"))
        if model in ("hold", "slow"):
            return self.hold(handler, model, path)
        if model == "cut":
            return self.cut(handler, path)
        if model.startswith("fail-"):
            return self.fail(handler, int(model[5:]), path)
        dialect, _, number = model.rpartition(".")
        if dialect not in self.rows or not number.isdigit() or int(number) >= len(self.rows[dialect]):
            return handler.reply(404, {"error": {"message": f"no such recording: {model}", "type": "invalid_request_error"}})
        row = self.rows[dialect][int(number)]
        if row["status"] == 200 and streamed != ("raw" in row):
            return handler.reply(409, {"error": {"message": f"{model} was recorded otherwise", "type": "conflict"}})
        if "raw" not in row:
            return handler.reply(row["status"], row["response"])
        return self.stream(handler, raw_bytes(row), "application/vnd.amazon.eventstream" if dialect == "bedrock" else "text/event-stream")

    def begin(self, handler, kind="text/event-stream"):
        handler.send_response(200)
        handler.send_header("content-type", kind)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()

    def chunk(self, handler, data):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        handler.wfile.flush()

    def stream(self, handler, raw, kind):
        self.begin(handler, kind)
        for at in range(0, len(raw), 701):  # pieces that end anywhere
            self.chunk(handler, raw[at:at + 701])
            if self.chunk_pause_s:
                time.sleep(self.chunk_pause_s)
        handler.wfile.write(b"0\r\n\r\n")

    def hold(self, handler, model, path):
        began = time.monotonic()
        if model == "slow":
            self.begin(handler)
            self.chunk(handler, self.first_events(path))
        handler.connection.settimeout(20)
        try:
            handler.connection.recv(1)  # returns when the other side has closed
        except OSError:
            pass
        with self.lock:
            self.gone.append((model, time.monotonic() - began, time.monotonic()))
        handler.close_connection = True

    def first_events(self, path):
        if path.endswith("/messages"):
            start = {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "slow", "content": [],
                                                          "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}}
            block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
            return b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in (start, block, delta))
        chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "slow",
                 "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello"}, "finish_reason": None}]}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def cut(self, handler, path):
        self.begin(handler)
        self.chunk(handler, self.first_events(path))
        time.sleep(0.05)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    def fail(self, handler, status, path):
        words = f"on purpose {status}"
        if path.endswith("/messages"):
            value = {"type": "error", "error": {"type": "overloaded_error" if status == 529 else "api_error", "message": words}}
        else:
            value = {"error": {"message": words, "type": "server_error", "code": None, "param": None}}
        handler.reply(status, value, [("retry-after", "1")] if status == 429 else [])


def raw_bytes(row):
    raw = row["raw"]
    return base64.b64decode(raw[7:]) if raw.startswith("base64:") else raw.encode()
