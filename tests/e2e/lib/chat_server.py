"""A model's server for whole-program tests: Chat Completions on loopback, whole or badly behaved, which counts what it
was asked. The model's name says how it behaves; `good` and `poor` answer what the case's text says they will."""

import json
import re
import socket
import threading
import time

REPLY = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
         "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}


def reply_of(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps(dict(REPLY, choices=[choice])).encode()


class ChatServer:
    def __init__(self, seconds=0.0):
        self.seconds = seconds  # that an answer takes
        self.asked = []         # the last user message of each request
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self.accept, daemon=True).start()

    def count(self):
        with self.lock:
            return len(self.asked)

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def read(self, connection, data):
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None, b""
            data += piece
        head, rest = data.split(b"\r\n\r\n", 1)
        said = re.search(rb"(?i)content-length: *(\d+)", head)
        length = int(said.group(1)) if said else 0
        body = bytearray(rest)
        while len(body) < length:
            piece = connection.recv(1 << 20)
            if not piece:
                return None, b""
            body += piece
        return bytes(body[:length]), bytes(body[length:])

    def serve(self, connection):
        data = b""
        with connection:
            try:
                while True:
                    body, data = self.read(connection, data)
                    if body is None:
                        return
                    if not body:  # the list of models
                        self.whole(connection, b'{"object": "list", "data": []}')
                        continue
                    request = json.loads(body)
                    text = request["messages"][-1]["content"]
                    with self.lock:
                        self.asked.append(text)
                    if self.seconds:
                        time.sleep(self.seconds)
                    if not self.answer(connection, request["model"], text):
                        return
            except (OSError, ValueError, KeyError):
                return

    @staticmethod
    def whole(connection, body, status=b"200 OK", kind=b"application/json", more=b""):
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\n" + more +
                           b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return True

    def answer(self, connection, model, text):
        """True: the connection stays open."""
        good = reply_of("yes")
        if model == "html":
            return self.whole(connection, b"<html>Bad gateway</html>", kind=b"text/html")
        if model == "limited":
            return self.whole(connection, b'{"error": {"message": "slow down"}}', b"429 Too Many Requests", more=b"Retry-After: 0\r\n")
        if model == "locked":
            return self.whole(connection, b'{"error": {"message": "Incorrect API key provided"}}', b"401 Unauthorized")
        if model == "cut":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(good) + good[:40])
            return False
        if model == "long":  # promises more than it sends
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n" + good)
            return False
        if model == "short":  # promises less than it sends
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n" + good)
            return False
        if model == "garbage":
            connection.sendall(b"\x00\x01\x02 what\r\n\r\n")
            return False
        return self.whole(connection, reply_of("yes" if f"{model}:1" in text else "no"))
