"""Amazon's own SDK (botocore, what boto3 rests on) as a reader of what is said in Bedrock's Converse: whole answers and streams
in their binary frames are parsed by it, and requests are held against its model of the service."""

import binascii
import json
import struct

from lib.expected import events

_known = {}


def _service():
    if not _known:
        import botocore.eventstream
        import botocore.parsers
        import botocore.session
        import botocore.validate
        model = botocore.session.get_session().get_service_model("bedrock-runtime")
        _known.update(whole=model.operation_model("Converse"), streamed=model.operation_model("ConverseStream"),
                      botocore=botocore)
    return _known


def fits_bedrock(body):
    """What does not fit; a member that the service does not know is no fit."""
    known = _service()
    report = known["botocore"].validate.ParamValidator().validate(dict(body, modelId="m"), known["whole"].input_shape)
    return report.generate_report().splitlines()


def whole(body):
    known = _service()
    answer = {"status_code": 200, "headers": {"content-type": "application/json"}, "body": body}
    return known["botocore"].parsers.create_parser("rest-json").parse(answer, known["whole"].output_shape)


def frame(name, payload):
    """One event as Amazon sends it: lengths, headers, payload, and a checksum over each."""
    failed = name.endswith("Exception")
    words = {":message-type": "exception" if failed else "event", ":exception-type" if failed else ":event-type": name,
             ":content-type": "application/json"}
    headers = b"".join(bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode() for k, v in words.items())
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", binascii.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", binascii.crc32(message))


class _Raw:
    def __init__(self, data):
        self.data = data

    def stream(self):
        yield from (self.data[at:at + 997] for at in range(0, len(self.data), 997))

    def close(self):
        pass


def streamed(raw):
    """The events of a stream (here as server-sent ones, which the program's tests write), each as the SDK gives it."""
    known = _service()
    data = b"".join(frame(name, text.encode()) for name, text in events(raw))
    shape = known["streamed"].get_event_stream_output()
    return list(known["botocore"].eventstream.EventStream(_Raw(data), shape, known["botocore"].parsers.EventStreamJSONParser(), "ConverseStream"))


def joined(pieces):
    """A stream's events as one answer of Converse."""
    out, blocks = {"usage": {}, "stopReason": ""}, {}
    for piece in pieces:
        (name, said), = piece.items()
        if name == "contentBlockStart":
            blocks[said["contentBlockIndex"]] = {"toolUse": dict(said["start"]["toolUse"], input="")} if "toolUse" in said["start"] else {}
        elif name == "contentBlockDelta":
            block, delta = blocks.setdefault(said["contentBlockIndex"], {}), said["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta:
                block["toolUse"]["input"] += delta["toolUse"]["input"]
            elif "text" in delta.get("reasoningContent", {}):
                inner = block.setdefault("reasoningContent", {}).setdefault("reasoningText", {"text": ""})
                inner["text"] += delta["reasoningContent"]["text"]
        elif name == "messageStop":
            out["stopReason"] = said["stopReason"]
        elif name == "metadata":
            out["usage"] = said.get("usage") or {}
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return dict(out, output={"message": {"content": [block for _, block in sorted(blocks.items())]}})
