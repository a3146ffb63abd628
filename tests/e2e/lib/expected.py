"""What a recorded reply says, read straight from its own dialect: the oracle for what a client must see."""

import json
import struct

from lib.replay_upstream import raw_bytes


def events(raw):
    """(name, data) of each server-sent event."""
    text = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    for block in text.split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event:"):
                name = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
        if data:
            yield name, "\n".join(data)


def values(raw):
    for _, data in events(raw):
        if data != "[DONE]":
            yield json.loads(data)


def events_in(row):
    """False for a recording that calls itself a stream and holds no event (one is an echo of the request)."""
    return "raw" not in row or "data:" in row["raw"] or row["raw"].startswith("base64:")


def broken(row):
    """A recorded stream that ended with an error event."""
    return "raw" in row and not row["raw"].startswith("base64:") and any(isinstance(value, dict) and value.get("error") for value in values(raw_bytes(row)))


def failed(row):
    """A whole answer whose provider says that the model failed. Calls that it did not expect are calls all the same."""
    reply = row.get("response")
    candidates = (reply.get("candidates") or []) if isinstance(reply, dict) else []
    return any(c.get("finishReason") in ("MALFORMED_FUNCTION_CALL", "OTHER") for c in candidates)


def unfinished(row):
    """A response of background mode as it is before it is done: no answer, but for whoever asks in its own dialect."""
    reply = row.get("response")
    return isinstance(reply, dict) and reply.get("object") == "response" and reply.get("status") in ("queued", "in_progress")


def plain(value):
    """7.0 as 7: not every language tells them apart."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Said:
    """text, tools [(name, arguments as JSON)], input and output tokens (None: not said)."""

    def __init__(self):
        self.text, self.tools, self.input, self.output = "", [], None, None

    def tool(self, name, arguments):
        if isinstance(arguments, str):
            try:
                arguments = json.loads(arguments or "{}")
            except ValueError:
                pass
        self.tools.append((name, json.dumps(plain(arguments), sort_keys=True)))


def _content(value):
    if isinstance(value, list):
        return "".join(part.get("text", "") if part.get("type") == "text" else "" for part in value)
    return value or ""


def chat(row):
    said = Said()
    if "raw" not in row:
        message = row["response"]["choices"][0]["message"]
        said.text = _content(message.get("content"))
        for call in message.get("tool_calls") or []:
            if "function" in call:
                said.tool(call["function"]["name"], call["function"].get("arguments") or "")
            else:
                said.tools.append((call["custom"]["name"], json.dumps(call["custom"]["input"])))
        usage = row["response"].get("usage")
    else:
        calls, usage = {}, None
        for value in values(raw_bytes(row)):
            usage = value.get("usage") or (value.get("x_groq") or {}).get("usage") or usage
            for choice in value.get("choices") or []:
                delta = choice.get("delta") or {}
                said.text += _content(delta.get("content"))
                for call in delta.get("tool_calls") or []:
                    kept = calls.setdefault(call.get("index", len(calls)), ["", ""])
                    function = call.get("function") or {}
                    kept[0] = kept[0] or function.get("name") or ""
                    kept[1] += function.get("arguments") or ""
        for _, (name, arguments) in sorted(calls.items()):
            said.tool(name, arguments)
    if usage:
        said.input, said.output = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return said


def _anthropic_input(usage):
    return usage["input_tokens"] + (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)


def anthropic(row):
    said = Said()
    if "raw" not in row:
        blocks, usage = row["response"]["content"], row["response"]["usage"]
    else:
        blocks, usage = [], {}
        for value in values(raw_bytes(row)):
            if value["type"] == "message_start":
                usage.update(value["message"]["usage"])
            elif value["type"] == "content_block_start":
                blocks.append(dict(value["content_block"], arguments=""))
            elif value["type"] == "content_block_delta":
                delta, block = value["delta"], blocks[value["index"]]
                if delta["type"] == "text_delta":
                    block["text"] += delta["text"]
                elif delta["type"] == "input_json_delta":
                    block["arguments"] += delta["partial_json"]
            elif value["type"] == "message_delta":
                usage.update({k: v for k, v in value["usage"].items() if v is not None})
    for block in blocks:
        if block["type"] == "text":
            said.text += block["text"]
        elif block["type"] == "tool_use":
            said.tool(block["name"], block.get("arguments") or block["input"])
    said.input, said.output = _anthropic_input(usage), usage["output_tokens"]
    return said


def responses(row):
    said = Said()
    reply = row.get("response")
    if "raw" in row:
        for value in values(raw_bytes(row)):
            if value.get("type") in ("response.completed", "response.incomplete", "response.failed"):
                reply = value["response"]
    for item in (reply or {}).get("output") or []:
        if item["type"] == "message":
            said.text += "".join(part.get("text", "") for part in item["content"] if part["type"] == "output_text")
        elif item["type"] == "function_call":
            said.tool(item["name"], item["arguments"])
    usage = (reply or {}).get("usage")
    if usage:
        said.input, said.output = usage["input_tokens"], usage["output_tokens"]
    return said


def gemini(row):
    said = Said()
    usage = None
    for value in [row["response"]] if "raw" not in row else values(raw_bytes(row)):
        usage = value.get("usageMetadata") or usage
        for candidate in (value.get("candidates") or [])[:1]:
            for part in (candidate.get("content") or {}).get("parts") or []:
                if "text" in part and not part.get("thought"):
                    said.text += part["text"]
                elif "functionCall" in part:
                    said.tool(part["functionCall"]["name"], part["functionCall"].get("args") or {})
    if usage and "promptTokenCount" in usage:
        said.input = usage["promptTokenCount"] + usage.get("toolUsePromptTokenCount", 0)
        said.output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return said


def frames(raw):
    """(event type, payload) of each message of Amazon's binary stream."""
    while raw:
        size, head = struct.unpack(">II", raw[:8])
        headers, at = raw[12:12 + head], 0
        names = {}
        while at < len(headers):
            name = headers[at + 1:at + 1 + headers[at]]
            at += 2 + len(name)  # its length, itself, the type
            length = struct.unpack(">H", headers[at:at + 2])[0]
            names[name.decode()] = headers[at + 2:at + 2 + length].decode()
            at += 2 + length
        yield names[":event-type"], json.loads(raw[12 + head:size - 4])
        raw = raw[size:]


def bedrock(row):
    said = Said()
    if "raw" not in row:
        content, usage = row["response"]["output"]["message"]["content"], row["response"]["usage"]
    else:
        content, usage = [], {}
        for name, value in frames(raw_bytes(row)):
            if name == "contentBlockDelta" and "text" in value["delta"]:
                content.append(value["delta"])
            usage = value.get("usage") or usage
    for block in content:
        if "text" in block:
            said.text += block["text"]
        elif "toolUse" in block and block["toolUse"].get("type") in (None, "tool_use"):
            said.tool(block["toolUse"]["name"], block["toolUse"]["input"])
    said.input = usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0)
    said.output = usage["outputTokens"]
    return said


READERS = {"openai_chat": chat, "compatible_chat": chat, "anthropic": anthropic, "openai_responses": responses, "gemini": gemini,
           "bedrock": bedrock}
