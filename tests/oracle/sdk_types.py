#!/usr/bin/env python3
"""What the dialects' own SDKs read in what `wire` writes: every recorded exchange, said in every other dialect.

The matrix test of wire writes its translations into a file, each beside what the middle form says and what the table of
differences excuses. Replies and streams go through the official SDKs of OpenAI, Anthropic, Google and Amazon, whose network
is a function here; they must say the same text, thoughts, tool calls, tokens and reason to end. Requests must fit the types
of those SDKs, without a member that these do not know (Google's, Anthropic's, Amazon's), or OpenAI's own description.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "e2e"))
from lib import packages  # noqa: E402
from lib.checks import Checks  # noqa: E402

checks = Checks()
if "SIGHTER_SDK_INSIDE" not in os.environ:
    python = packages.python_with("openai", "anthropic", "google-genai", "botocore")
    if python is None:
        checks.skip("the official SDKs are not here")
        checks.finish()
    os.execve(python, [python, __file__], {**os.environ, "SIGHTER_SDK_INSIDE": "1"})

import anthropic  # noqa: E402
import google.genai  # noqa: E402
import openai  # noqa: E402
from lib import bedrock_sdk  # noqa: E402
from lib.bedrock_sdk import fits_bedrock  # noqa: E402
from lib.description import Description  # noqa: E402
from lib.overhearing import httpx  # noqa: E402
from lib.sdk_requests import fits_anthropic, fits_gemini  # noqa: E402

FACTS = {"text": "messages.text", "thinking": "messages.content.thinking", "refusal": "messages.refusal", "calls": "messages.tool_calls",
         "finish": "choices.finish_reason", "input": "usage.input", "output": "usage.output", "cache_read": "usage.cache_read",
         "reasoning": "usage.reasoning"}
FAILED = "failed"


class Said:
    """What an SDK made of an answer, of all choices together."""

    def __init__(self):
        self.text = self.thinking = self.refusal = self.finish = ""
        self.calls = []
        self.input = self.output = self.cache_read = self.reasoning = None

    def tokens(self, read, written, cached, thought):
        self.input, self.output, self.cache_read, self.reasoning = read or 0, written or 0, cached or 0, thought or 0


def arguments(text):
    if not isinstance(text, str):
        return json.dumps(text, sort_keys=True)
    try:
        return json.dumps(json.loads(text or "{}"), sort_keys=True)
    except ValueError:
        return json.dumps(text)


# ---- Chat Completions ---------------------------------------------------------------------------

CHAT_ENDS = {"stop": "stop", "length": "length", "tool_calls": "tool_calls", "content_filter": "content_filter"}


def chat_usage(said, usage):
    if usage:
        said.tokens(usage.prompt_tokens, usage.completion_tokens, getattr(usage.prompt_tokens_details, "cached_tokens", 0),
                    getattr(usage.completion_tokens_details, "reasoning_tokens", 0))


def chat(clients, streamed):
    said, asked = Said(), dict(model="m", messages=[{"role": "user", "content": "?"}])
    if not streamed:
        reply = clients.openai.chat.completions.create(**asked)
        for choice in reply.choices:
            said.text += choice.message.content or ""
            said.thinking += getattr(choice.message, "reasoning_content", None) or ""
            said.refusal += choice.message.refusal or ""
            said.calls += [(c.function.name, arguments(c.function.arguments)) if c.type == "function" else (c.custom.name, arguments(c.custom.input))
                           for c in choice.message.tool_calls or []]
            said.finish = said.finish or CHAT_ENDS[choice.finish_reason]
        chat_usage(said, reply.usage)
        return said
    calls = {}
    for chunk in clients.openai.chat.completions.create(**asked, stream=True):
        chat_usage(said, chunk.usage)
        for choice in chunk.choices:
            said.text += choice.delta.content or ""
            said.thinking += getattr(choice.delta, "reasoning_content", None) or ""
            said.refusal += choice.delta.refusal or ""
            for call in choice.delta.tool_calls or []:
                kept = calls.setdefault((choice.index, call.index), ["", ""])
                what = call.function or getattr(call, "custom", None) or {}
                name, piece = (what.get("name"), what.get("input")) if isinstance(what, dict) else (what.name, what.arguments)
                kept[0], kept[1] = kept[0] or name or "", kept[1] + (piece or "")
            if choice.finish_reason and not said.finish:
                said.finish = CHAT_ENDS[choice.finish_reason]
    said.calls = [(name, arguments(text)) for _, (name, text) in sorted(calls.items())]
    return said


# ---- Responses ----------------------------------------------------------------------------------

def responses(clients, streamed):
    said, text = Said(), ""
    if streamed:
        reply, at = None, 0
        for event in clients.openai.responses.create(model="m", input="?", stream=True):
            if event.sequence_number != at:
                raise ValueError(f"event {at} has the number {event.sequence_number}")
            at += 1
            text += event.delta if event.type == "response.output_text.delta" else ""
            if event.type in ("response.completed", "response.incomplete", "response.failed"):
                reply = event.response
    else:
        reply = clients.openai.responses.create(model="m", input="?")
    if reply.status == "failed":
        said.finish = FAILED
        return said
    for item in reply.output:
        if item.type == "message":
            said.text += "".join(part.text for part in item.content if part.type == "output_text")
            said.refusal += "".join(part.refusal for part in item.content if part.type == "refusal")
        elif item.type == "reasoning":
            said.thinking += "".join(part.text for part in [*(item.summary or []), *(item.content or [])])
        elif item.type == "function_call":
            said.calls.append((item.name, arguments(item.arguments)))
        elif item.type == "custom_tool_call":
            said.calls.append((item.name, arguments(item.input)))
    if streamed and text != said.text:
        raise ValueError(f"the deltas say {text[:200]!r}, the response {said.text[:200]!r}")
    why = reply.incomplete_details.reason if reply.incomplete_details else None
    said.finish = {"max_output_tokens": "length", "content_filter": "content_filter"}.get(why) or \
        ("tool_calls" if said.calls else "refusal" if said.refusal and not said.text else "stop")
    if reply.usage:
        said.tokens(reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.input_tokens_details.cached_tokens,
                    reply.usage.output_tokens_details.reasoning_tokens)
    return said


# ---- Messages -----------------------------------------------------------------------------------

MESSAGE_ENDS = {"end_turn": "stop", "stop_sequence": "stop_sequence", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "refusal",
                "pause_turn": "pause", "model_context_window_exceeded": "context"}


def messages(clients, streamed):
    said, asked = Said(), dict(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}])
    if streamed:
        with clients.anthropic.messages.stream(**asked) as stream:
            reply = stream.get_final_message()
    else:
        reply = clients.anthropic.messages.create(**asked)
    for block in reply.content:
        if block.type == "text":
            said.text += block.text
        elif block.type == "thinking":
            said.thinking += block.thinking
        elif block.type == "tool_use":
            said.calls.append((block.name, arguments(block.input)))
    said.finish = MESSAGE_ENDS[reply.stop_reason]
    usage = reply.usage
    cached = usage.cache_read_input_tokens or 0
    thought = getattr(getattr(usage, "output_tokens_details", None), "thinking_tokens", None)
    said.tokens(usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0), usage.output_tokens, cached, thought)
    return said


# ---- Gemini -------------------------------------------------------------------------------------

GEMINI_ENDS = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "OTHER": "other", "MALFORMED_FUNCTION_CALL": "error",
               "UNEXPECTED_TOOL_CALL": "error"}


def gemini(clients, streamed):
    said = Said()
    asked = dict(model="m", contents="?")
    for reply in clients.google.models.generate_content_stream(**asked) if streamed else [clients.google.models.generate_content(**asked)]:
        for candidate in reply.candidates or []:
            for part in (candidate.content.parts if candidate.content else None) or []:
                if part.thought:
                    said.thinking += part.text or ""
                elif part.function_call:
                    said.calls.append((part.function_call.name, arguments(part.function_call.args or {})))
                else:
                    said.text += part.text or ""
            if candidate.finish_reason and not said.finish:
                said.finish = GEMINI_ENDS.get(candidate.finish_reason.value, candidate.finish_reason.value)
        usage = reply.usage_metadata
        if usage:
            said.tokens((usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
                        (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0), usage.cached_content_token_count, usage.thoughts_token_count)
    if said.calls and said.finish == "stop":
        said.finish = "tool_calls"
    return said


# ---- Converse -----------------------------------------------------------------------------------

CONVERSE_ENDS = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "stop_sequence": "stop_sequence",
                 "content_filtered": "content_filter", "guardrail_intervened": "content_filter", "malformed_model_output": "error",
                 "malformed_tool_use": "error", "model_context_window_exceeded": "context"}


def converse(clients, streamed):
    said = Said()
    reply = bedrock_sdk.joined(bedrock_sdk.streamed(clients.body)) if streamed else bedrock_sdk.whole(clients.body)
    for block in reply["output"]["message"]["content"]:
        said.text += block.get("text", "") + "".join(part.get("text", "") for part in block.get("citationsContent", {}).get("content", []))
        said.thinking += block.get("reasoningContent", {}).get("reasoningText", {}).get("text", "")
        if "toolUse" in block:
            said.calls.append((block["toolUse"]["name"], arguments(block["toolUse"]["input"])))
    said.finish = CONVERSE_ENDS[reply["stopReason"]]
    usage = reply["usage"]
    if usage:
        cached = usage.get("cacheReadInputTokens", 0)
        said.tokens(usage["inputTokens"] + cached + usage.get("cacheWriteInputTokens", 0), usage["outputTokens"], cached, 0)
    return said


READERS = {"openai": chat, "openai-responses": responses, "anthropic": messages, "gemini": gemini, "bedrock": converse}


class Clients:
    """The SDKs; `body` is what the next request is answered with."""

    def __init__(self):
        self.body, self.streamed = b"", False
        kind = {True: "text/event-stream", False: "application/json"}
        network = httpx.Client(transport=httpx.MockTransport(
            lambda request: httpx.Response(200, headers={"content-type": kind[self.streamed]}, content=self.body, request=request)))
        self.openai = openai.OpenAI(api_key="none", max_retries=0, http_client=network)
        self.anthropic = anthropic.Anthropic(api_key="none", max_retries=0, http_client=network)
        self.google = google.genai.Client(api_key="none", http_options=google.genai.types.HttpOptions(httpx_client=network))


def reply(clients, row, what):
    clients.body, clients.streamed = row["body"].encode(), row["kind"] == "stream"
    differs, failed = row["differs"], {"broken", "reply"} & set(row["differs"])
    try:
        said = READERS[row["to"]](clients, clients.streamed)
    except Exception as error:  # whatever an SDK raises
        return checks.that(failed, f"{what}: is read", repr(error))
    if failed:
        # Google's SDK does not look for errors in a stream; it gives the piece without candidates.
        return checks.that(said.finish in (FAILED, "") or row["to"] == "gemini", f"{what}: the failure is seen", vars(said))
    wanted = dict(row["said"], calls=[(c["name"], arguments(c["arguments"])) for c in row["said"]["calls"]])
    wanted.update(wanted.pop("usage") or {})
    for name, fact in FACTS.items():
        if fact not in differs and name in wanted:
            checks.equal(getattr(said, name), wanted[name], f"{what}: {name}")
    return True


# What a client said itself goes on as it is, and the provider judges it; sampling parameters are left to older models by
# Anthropic's SDK, which has no member for them any more, and are taken by the API, as recorded exchanges show.
CLIENTS_OWN = ("CreateResponse $.max_output_tokens:", "CreateResponse $.service_tier:")
OLDER = [f"{name}: Extra inputs are not permitted" for name in ("temperature", "top_p", "top_k")]


def without_videos(body):
    """A part that servers beside OpenAI take, and no document of OpenAI has."""
    for message in body["messages"]:
        if isinstance(message.get("content"), list):
            message["content"] = [dict(part, type="text", text="") if part.get("type") == "video_url" else part for part in message["content"]]
    return body


def with_ids(body):
    """The description gives earlier messages of the assistant an id, a status and logprobs; the API takes those without."""
    for item in body["input"] if isinstance(body["input"], list) else []:
        if item.get("role") == "assistant" and isinstance(item.get("content"), list):
            item.setdefault("id", "msg_1")
            item.setdefault("status", "completed")
            item["content"] = [dict({"logprobs": []}, **part) for part in item["content"]]
    return body


def request(description, row, what):
    body = json.loads(row["body"])
    if row["to"] == "gemini":
        checks.equal(fits_gemini(body), [], f"{what}: fits Google's types")
    elif row["to"] == "anthropic":
        checks.equal([words for words in fits_anthropic(body) if words not in OLDER], [], f"{what}: fits Anthropic's types")
    elif row["to"] == "bedrock":
        checks.equal(fits_bedrock(body), [], f"{what}: fits Amazon's model of the service")
    elif description:
        if row["to"] == "openai":
            description.judge(what, "CreateChatCompletionRequest", without_videos(body))
        else:
            description.judge(what, "CreateResponse", with_ids(body), CLIENTS_OWN)


def translations(folder):
    """The matrix's file, by the newest test program that is built; None: there is none."""
    built = [p for p in (TOP / "build").glob("*/wire_test") if os.access(p, os.X_OK)]
    if not built:
        return None
    path = folder / "matrix.jsonl"
    newest = max(built, key=lambda p: p.stat().st_mtime)
    done = subprocess.run([newest, "--gtest_filter=Matrix.WhatDiffers*", "--gtest_brief=1"], capture_output=True, text=True, cwd=folder,
                          env={**os.environ, "SIGHTER_MATRIX_OUT": str(path)}, check=False)
    checks.equal(done.returncode, 0, "the matrix test holds")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def main():
    if not (TOP.parent / "shared" / "data" / "recorded_replies").is_dir():
        checks.skip("../shared/data/recorded_replies is not here")
        checks.finish()
    with tempfile.TemporaryDirectory() as folder:
        rows = translations(pathlib.Path(folder))
    if rows is None:
        checks.skip("no wire_test is built")
        checks.finish()
    clients, description = Clients(), Description.load(checks)
    counts = collections.Counter()
    for row in rows:
        what = f"{row['kind']} {row['from']} -> {row['to']}, {row['source'][:80]}"
        counts[row["kind"], row["to"]] += 1
        checks.run(*((request, description, row, what) if row["kind"] == "request" else (reply, clients, row, what)))
    for kind in ("request", "reply", "stream"):
        for to in READERS:
            checks.that(counts[kind, to] > 200, f"there are {kind} in {to}", counts[kind, to])
    print(", ".join(f"{count} {kind} in {to}" for (kind, to), count in sorted(counts.items())), flush=True)
    checks.finish()


if __name__ == "__main__":
    main()
