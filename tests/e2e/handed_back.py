#!/usr/bin/env python3
"""What the official OpenAI SDKs add up of a stream of Chat Completions is handed back as it is: an Anthropic upstream gets
its own thoughts with their signatures again, and citations reach the client, all of them. Thoughts that nobody signed go
to no provider that asks for signatures. An answer that its provider says failed is an error, not an end. Loopback, bounded."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()

PYTHON = """
import json, openai, sys
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="x", max_retries=0)
with client.chat.completions.stream(model=sys.argv[2], messages=[{"role": "user", "content": "q"}]) as stream:
    for _ in stream:
        pass
    message = stream.get_final_completion().choices[0].message.model_dump(exclude_none=True)
message.pop("parsed", None)
for call in message.get("tool_calls", []):
    call["function"].pop("parsed_arguments", None)
print(json.dumps(message))
"""

NODE = """
const require = (await import("node:module")).createRequire(process.argv[3] + "/package.json");
const OpenAI = require("openai").default ?? require("openai");
const client = new OpenAI({ baseURL: process.argv[1] + "/v1", apiKey: "x", maxRetries: 0 });
const stream = client.chat.completions.stream({ model: process.argv[2], messages: [{ role: "user", content: "q" }] });
const message = (await stream.finalChatCompletion()).choices[0].message;
delete message.parsed;
for (const call of message.tool_calls ?? []) delete call.function.parsed_arguments;
console.log(JSON.stringify(message));
"""


def block(index, start, *deltas):
    yield {"type": "content_block_start", "index": index, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def cited(url):
    return {"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": url, "title": "T", "cited_text": "c", "encrypted_index": "e"}}


def anthropic_stream():
    events = [{"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
                                                    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}}]
    events += block(0, {"type": "thinking", "thinking": "", "signature": ""}, {"type": "thinking_delta", "thinking": "a"},
                    {"type": "thinking_delta", "thinking": "b"}, {"type": "signature_delta", "signature": "SIG="})
    events += block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "hi"}, cited("https://a"))
    events += block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": " you"}, cited("https://b"))
    events += block(3, {"type": "tool_use", "id": "tu1", "name": "f", "input": {}})
    events += [{"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": {"output_tokens": 2}}, {"type": "message_stop"}]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events).encode()


WHOLE = {"id": "m2", "type": "message", "role": "assistant", "model": "c", "content": [{"type": "text", "text": "done"}], "stop_reason": "end_turn",
         "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 2}}
UNSIGNED = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "usage": {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3},
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "t", "reasoning_content": "THOUGHT", "refusal": None}, "finish_reason": "stop"}]}
FAILED = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}], "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}


def helpers():
    python = packages.python_with("openai", "anthropic")
    if python is None:
        checks.skip("the official SDKs for Python are not here")
    else:
        yield "python", [python, "-c", PYTHON], []
    modules = packages.node_with("openai", "@anthropic-ai/sdk")
    if modules is None:
        checks.skip("the official SDKs for JavaScript are not here")
    else:
        yield "node", ["node", "--input-type=module", "-e", NODE], [modules]


def added_up(gateway, upstream):
    for name, command, more in helpers():
        upstream.script["claude"] = [{"raw": ("text/event-stream", anthropic_stream())}, {"raw": ("application/json", json.dumps(WHOLE).encode())}]
        done = subprocess.run([*command, gateway.url, "anthropic/claude", *more], capture_output=True, text=True, timeout=60)
        if not checks.that(done.returncode == 0, f"{name}: the stream is read", done.stderr[-400:]):
            continue
        message = json.loads(done.stdout)
        checks.equal([one["url_citation"]["url"] for one in message.get("annotations", [])], ["https://a", "https://b"], f"{name}: every citation")
        result = {"role": "tool", "tool_call_id": "tu1", "content": "r"}
        status, _, said = gateway.ask("POST", "/v1/chat/completions", {"model": "anthropic/claude", "messages": [{"role": "user", "content": "q"}, message, result]})
        checks.equal(status, 200, f"{name}: the next turn is answered: {said}")
        turn = upstream.of("claude")[-1]["messages"][1]["content"]
        checks.equal(turn[0], {"type": "thinking", "thinking": "ab", "signature": "SIG="}, f"{name}: the thought comes back to its provider")
        checks.equal([one["type"] for one in turn], ["thinking", "text", "tool_use"], f"{name}: and the rest behind it")


def unsigned(gateway, upstream):
    upstream.script["plain"] = [{"raw": ("application/json", json.dumps(UNSIGNED).encode())}]
    upstream.script["claude"] = [{"raw": ("application/json", json.dumps(WHOLE).encode())}]
    question = {"role": "user", "content": "q"}
    _, _, said = gateway.ask("POST", "/v1/messages", {"model": "compatible/plain", "max_tokens": 9, "messages": [question]})
    checks.equal(said["content"][0]["thinking"], "THOUGHT", "a client of Messages sees the thought")
    turn = [question, {"role": "assistant", "content": said["content"]}, question]
    status, headers, _ = gateway.ask("POST", "/v1/messages", {"model": "anthropic/claude", "max_tokens": 9, "messages": turn})
    checks.equal(status, 200, "its next turn goes to another provider")
    checks.equal(headers.get("x-sighter-approximated"), "messages.content.thinking", "what is left out is told")
    checks.that("THOUGHT" not in json.dumps(upstream.of("claude")[-1]), "the thought is left out there")
    gateway.ask("POST", "/v1/messages", {"model": "compatible/plain", "max_tokens": 9, "messages": turn})
    checks.that("THOUGHT" in json.dumps(upstream.of("plain")[-1]), "and goes back to its own")


def failed(gateway, upstream):
    asks = {"/v1/chat/completions": {"messages": [{"role": "user", "content": "q"}]}, "/v1/responses": {"input": "q"},
            "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}}
    for path, body in asks.items():
        status, _, said = gateway.ask("POST", path, {"model": "gemini/gone", **body})
        checks.equal(status, 502, f"{path}: a failed answer is an error")
        checks.that("MALFORMED_FUNCTION_CALL" in json.dumps(said), f"{path}: in its provider's words", said)


def unnamed(gateway, upstream):
    """A provider that says neither id nor model: what it left out is made, and never twice the same."""
    reply = {"candidates": [{"content": {"role": "model", "parts": [{"text": "x"}]}, "finishReason": "STOP", "index": 0}]}
    upstream.script[None] = [{"raw": ("application/json", json.dumps(reply).encode())}]
    said = [gateway.ask("POST", "/v1/completions", {"model": "gemini/gone", "prompt": "p"})[2] for _ in range(2)]
    checks.that(said[0]["id"] != said[1]["id"] and said[0]["id"].startswith("cmpl-"), "completions have ids of their own", said)
    checks.equal(said[0]["model"], "gone", "and the model that was asked for")
    asked = {"model": "gemini/gone", "prompt": "p", "suffix": "s", "best_of": 2}
    status, _, words = gateway.ask("POST", "/v1/completions", asked)
    checks.that(status == 400 and "suffix, best_of" in words["error"]["message"], "all that cannot be said is named at once", words)
    status, headers, _ = gateway.ask("POST", "/v1/completions", asked, {"x-sighter-allow-drop": "suffix, best_of"})
    checks.equal((status, headers.get("x-sighter-dropped")), (200, "suffix, best_of"), "and dropped where it may be")


def halves(gateway, upstream):
    """Half of a surrogate pair is legal JSON: it passes where bytes are relayed, and is U+FFFD elsewhere."""
    reply = json.dumps({**UNSIGNED, "choices": [{"index": 0, "message": {"role": "assistant", "content": "a\ud83d"}, "finish_reason": "stop"}]}).encode()
    upstream.script["plain"] = [{"raw": ("application/json", reply)}]
    asked = {"model": "compatible/plain", "messages": [{"role": "user", "content": "b\ude00"}]}
    status, _, said = gateway.ask("POST", "/v1/chat/completions", asked)
    checks.equal((status, said["choices"][0]["message"]["content"]), (200, "a\ud83d"), "half a pair is relayed")
    checks.equal(upstream.of("plain")[-1]["messages"][0]["content"], "b\ude00", "in requests too")
    status, _, said = gateway.ask("POST", "/v1/messages", {**asked, "max_tokens": 9})
    checks.equal((status, said["content"][0]["text"]), (200, "a\ufffd"), "half a pair is translated")


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    upstream = Scripted({None: [{"raw": ("application/json", json.dumps(FAILED).encode())}]})
    gateway = Gateway("".join(f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "{upstream.url}/v1"\nkey = "env:K"\nretries = 0\n'
                              for name, dialect in (("anthropic", "anthropic"), ("compatible", "openai"), ("gemini", "gemini"))),
                      environment={"K": "sk-up"})
    try:
        added_up(gateway, upstream)
        unsigned(gateway, upstream)
        failed(gateway, upstream)
        unnamed(gateway, upstream)
        halves(gateway, upstream)
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


main()
