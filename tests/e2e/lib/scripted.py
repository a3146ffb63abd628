"""An upstream on loopback that follows a script: Chat Completions and Messages, whole and streamed.

Per model there is a list of replies; each request takes the next one, and the last one stays. A reply is a dict:

    text        what is answered (a callable gets the request and returns it)
    tools       [(id, name, arguments as an object)], the model calls these
    status      another status, with `message` as the provider's words and `headers`
    raw         (content type, bytes) instead of an answer
    stall       seconds without a byte before anything is answered
    cut         True: the connection is reset in the middle of the answer
    usage       (input tokens, output tokens)

Every request is kept in `requests`, and each chat request is checked against the schema in ../shared/specs
where that folder is there: what does not fit is in `misfits`.
"""

import http.server
import json
import pathlib
import socket
import struct
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[3]
SPEC = TOP.parent / "shared" / "specs" / "openai" / "openapi.json"


def chat_validator():
    """A function from a request to what is wrong with it (or None), and why there is none."""
    if not SPEC.is_file():
        return None, "no ../shared/specs/openai: requests are not compared with the published schema"
    try:
        import jsonschema
    except ImportError:
        return None, "no jsonschema for this python: requests are not compared with the published schema"
    document = json.loads(SPEC.read_text(encoding="utf-8"))
    schema = {"$ref": "#/components/schemas/CreateChatCompletionRequest", "components": document["components"]}
    validator = jsonschema.Draft202012Validator(schema)

    def misfit(request):
        error = jsonschema.exceptions.best_match(validator.iter_errors(request))
        return None if error is None else f"{error.json_path}: {error.message[:300]}"

    return misfit, ""


class Scripted:
    def __init__(self, script=None):
        self.script = {name: list(replies) for name, replies in (script or {}).items()}
        self.requests = []  # {"path", "headers", "body", "at"}
        self.misfits = []
        self.connections = 0
        self.misfit, self.unchecked = chat_validator()
        self.lock = threading.Lock()
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_):
                pass

            def setup(self):
                with upstream.lock:
                    upstream.connections += 1
                super().setup()

            def do_GET(self):  # the list of models
                upstream.note(self, b"")
                upstream.whole(self, 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in upstream.script]})

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                try:
                    upstream.answer(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            def do_CONNECT(self):  # as a proxy: noted and refused
                upstream.note(self, b"")
                self.send_error(502)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def of(self, model):
        """The requests for one model, in order."""
        with self.lock:
            return [r["body"] for r in self.requests if (r["body"] or {}).get("model") == model]

    def note(self, handler, body):
        try:
            parsed = json.loads(body or b"{}")
        except ValueError:
            parsed = None
        headers = {k.lower(): v for k, v in handler.headers.items()}
        with self.lock:
            self.requests.append({"path": handler.path, "headers": headers, "body": parsed, "at": time.monotonic()})
        return parsed

    def answer(self, handler, body):
        request = self.note(handler, body)
        anthropic = handler.path.endswith("/messages")
        if self.misfit and not anthropic and handler.path.endswith("/chat/completions"):
            wrong = self.misfit(request)
            if wrong:
                with self.lock:
                    self.misfits.append(wrong)
        with self.lock:
            replies = self.script.get((request or {}).get("model"), [])
            reply = replies.pop(0) if len(replies) > 1 else (replies[0] if replies else None)
        if reply is None:
            return self.whole(handler, 404, {"error": {"message": f"The model `{request.get('model')}` does not exist", "type": "invalid_request_error",
                                                       "code": "model_not_found", "param": None}})
        if reply.get("stall"):
            time.sleep(reply["stall"])
        if "raw" in reply:
            return self.bytes(handler, 200, *reply["raw"])
        if "status" in reply:
            return self.refuse(handler, anthropic, reply)
        text = reply.get("text", "")
        text = text(request) if callable(text) else text
        if request.get("stream"):
            return self.stream(handler, self.events(request, reply, text, anthropic), bool(reply.get("cut")))
        value = self.message(request, reply, text) if anthropic else self.completion(request, reply, text)
        if reply.get("cut"):
            return self.cut(handler, json.dumps(value).encode())
        return self.whole(handler, 200, value)

    # --- bytes

    def bytes(self, handler, status, kind, data, headers=()):
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(data)))
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def whole(self, handler, status, value, headers=()):
        self.bytes(handler, status, "application/json", json.dumps(value).encode(), headers)

    def refuse(self, handler, anthropic, reply):
        words = reply.get("message", "on purpose")
        usual = {400: "invalid_request_error", 401: "authentication_error" if anthropic else "invalid_request_error", 429: "rate_limit_error"}
        error = {"message": words, "type": reply.get("type") or usual.get(reply["status"], "api_error" if anthropic else "server_error")}
        value = {"type": "error", "error": error} if anthropic else {"error": {**error, "code": None, "param": None}}
        self.whole(handler, reply["status"], value, reply.get("headers", ()))

    def reset(self, handler):
        handler.wfile.flush()
        time.sleep(0.03)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        handler.connection.close()

    def cut(self, handler, data):
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:len(data) // 2])
        self.reset(handler)

    def stream(self, handler, events, cut):
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        if cut:
            events = events[:max(2, len(events) // 2)]
        for event in events:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            handler.wfile.flush()
        if cut:
            return self.reset(handler)
        handler.wfile.write(b"0\r\n\r\n")

    # --- answers in both dialects

    @staticmethod
    def finish(reply, anthropic):
        if reply.get("tools"):
            return "tool_use" if anthropic else "tool_calls"
        return reply.get("finish") or ("end_turn" if anthropic else "stop")

    def completion(self, request, reply, text):
        message = {"role": "assistant", "content": text or None, "refusal": reply.get("refusal")}
        if reply.get("tools"):
            message["tool_calls"] = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for i, n, a in reply["tools"]]
        into, out = reply.get("usage", (20, 5))
        return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1750000000, "model": request["model"],
                "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish(reply, False)}],
                "usage": {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}}

    def message(self, request, reply, text):
        content = [{"type": "text", "text": text}] if text else []
        content += [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a in reply.get("tools", [])]
        into, out = reply.get("usage", (20, 5))
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": request["model"], "content": content,
                "stop_reason": self.finish(reply, True), "stop_sequence": None, "usage": {"input_tokens": into, "output_tokens": out}}

    @staticmethod
    def pieces(text):
        return [text[at:at + 5] for at in range(0, len(text), 5)]

    def events(self, request, reply, text, anthropic):
        return self.message_events(request, reply, text) if anthropic else self.chunks(request, reply, text)

    def chunks(self, request, reply, text):
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1750000000, "model": request["model"]}
        deltas = [{"role": "assistant", "content": ""}] + [{"content": p} for p in self.pieces(text)]
        for at, (i, name, arguments) in enumerate(reply.get("tools", [])):
            deltas.append({"tool_calls": [{"index": at, "id": i, "type": "function", "function": {"name": name, "arguments": ""}}]})
            deltas += [{"tool_calls": [{"index": at, "function": {"arguments": p}}]} for p in self.pieces(json.dumps(arguments))]
        out = [{**head, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
        out.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": self.finish(reply, False)}]})
        if (request.get("stream_options") or {}).get("include_usage"):
            into, made = reply.get("usage", (20, 5))
            out.append({**head, "choices": [], "usage": {"prompt_tokens": into, "completion_tokens": made, "total_tokens": into + made}})
        return [f"data: {json.dumps(c)}\n\n".encode() for c in out] + [b"data: [DONE]\n\n"]

    def message_events(self, request, reply, text):
        start = self.message(request, reply, "")
        start["content"], start["stop_reason"] = [], None
        start["usage"] = {"input_tokens": reply.get("usage", (20, 5))[0], "output_tokens": 1}
        out, at = [{"type": "message_start", "message": start}], 0
        if text:
            out.append({"type": "content_block_start", "index": at, "content_block": {"type": "text", "text": ""}})
            out += [{"type": "content_block_delta", "index": at, "delta": {"type": "text_delta", "text": p}} for p in self.pieces(text)]
            out.append({"type": "content_block_stop", "index": at})
            at += 1
        for i, name, arguments in reply.get("tools", []):
            out.append({"type": "content_block_start", "index": at, "content_block": {"type": "tool_use", "id": i, "name": name, "input": {}}})
            out += [{"type": "content_block_delta", "index": at, "delta": {"type": "input_json_delta", "partial_json": p}}
                    for p in self.pieces(json.dumps(arguments))]
            out.append({"type": "content_block_stop", "index": at})
            at += 1
        out.append({"type": "message_delta", "delta": {"stop_reason": self.finish(reply, True), "stop_sequence": None},
                    "usage": {"output_tokens": reply.get("usage", (20, 5))[1]}})
        out.append({"type": "message_stop"})
        return [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in out]
