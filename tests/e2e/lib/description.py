"""OpenAI's own description of its API as the judge of what the door sends: the bytes of an answer, not what a client made
of them. Whole answers, every event of a stream with its order and its number, and errors."""

import collections
import json
import pathlib

from lib import packages
from lib.expected import events
from lib.gateway import TOP

FILE = pathlib.Path(TOP).parent / "shared" / "specs" / "openai" / "openapi.json"
# How a stream of events may end; one that failed says so twice.
ENDS = (["response.completed"], ["response.incomplete"], ["response.failed"], ["error"], ["error", "response.failed"])

# (method, path as its words) to the schemas of a whole answer and of an event.
ROUTES = {
    ("POST", "chat/completions"): ("CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
    ("POST", "completions"): ("CreateCompletionResponse", "CreateCompletionResponse"),
    ("POST", "responses"): ("Response", "ResponseStreamEvent"),
    ("GET", "responses/*"): ("Response", None),
    ("DELETE", "responses/*"): (None, None),  # the description gives it no schema
    ("GET", "responses/*/input_items"): ("ResponseItemList", None),
    ("POST", "embeddings"): ("CreateEmbeddingResponse", None),
    ("GET", "models"): ("ListModelsResponse", None),
    ("GET", "models/*"): ("Model", None),
}


def route_of(method, path):
    words = path.partition("?")[0].strip("/").removeprefix("v1/").split("/")
    if words[0] in ("responses", "models") and len(words) > 1:
        words[1:] = ["*", *words[2:]] if words[0] == "responses" else ["*"]
    return ROUTES.get((method, "/".join(words)))


def as_the_provider(schema, value):
    """Two things that the description has no words for: the provider's own chunks say null where it demands a value, as the
    recorded streams show, and embeddings may be asked for as text (`encoding_format`)."""
    if schema == "CreateEmbeddingResponse":
        rows = [dict(row, embedding=[0.0] if isinstance(row.get("embedding"), str) else row.get("embedding")) for row in value["data"]]
        return dict(value, data=rows)
    if schema not in ("CreateChatCompletionStreamResponse", "CreateCompletionResponse"):
        return value
    value = dict(value)
    if value.get("usage", "") is None:
        del value["usage"]
    choices = []
    for choice in value.get("choices") or []:
        choice = dict(choice)
        if choice.get("finish_reason", "") is None:
            choice["finish_reason"] = "stop"
        if choice.get("logprobs", "") is None and schema == "CreateChatCompletionStreamResponse":
            del choice["logprobs"]
        if isinstance(choice.get("logprobs"), dict) and choice["logprobs"].get("refusal", "") is None:
            choice["logprobs"] = dict(choice["logprobs"], refusal=[])
        choices.append(choice)
    return dict(value, choices=choices) if "choices" in value else value


class Description:
    """One a test; `load` gives None, and says why, where the description or its reader is not here."""

    @classmethod
    def load(cls, checks):
        if not FILE.exists():
            checks.skip("../shared/specs/openai is not here: answers are not held against OpenAI's description")
        elif not packages.importable("jsonschema"):
            checks.skip("jsonschema is not here: answers are not held against OpenAI's description")
        else:
            made = cls(checks)
            for schema in {name for pair in ROUTES.values() for name in pair if name}:
                checks.that(made.problems(schema, {"id": "x", "type": "response.output_text.delta", "data": [{}]}), f"{schema} refuses other things")
            return made
        return None

    def __init__(self, checks):
        import jsonschema
        import referencing.jsonschema
        # Of some of its "exactly one of these" two fit the same plain message.
        spec = json.loads(FILE.read_text(encoding="utf-8").replace('"oneOf"', '"anyOf"'))
        resource = referencing.Resource.from_contents(spec, default_specification=referencing.jsonschema.DRAFT202012)
        self.schemas = spec["components"]["schemas"]
        self.registry = referencing.Registry().with_resource("urn:openai", resource)
        self.validator, self.known = jsonschema.Draft202012Validator, {}
        self.checks, self.seen, self.counts = checks, set(), collections.Counter()
        self.event_of = {}  # the word of an event to its schema
        for branch in self.schemas["ResponseStreamEvent"]["anyOf"]:
            name = branch["$ref"].rpartition("/")[2]
            for word in self.schemas[name]["properties"]["type"]["enum"]:
                self.event_of[word] = name

    def problems(self, schema, value):
        """What is wrong with a value, worst first; empty when nothing is."""
        if schema == "ResponseStreamEvent":
            word = value.get("type") if isinstance(value, dict) else None
            if word not in self.event_of:
                return [f"no event of the description: {word!r}"]
            schema = self.event_of[word]
        if schema not in self.known:
            self.known[schema] = self.validator({"$ref": f"urn:openai#/components/schemas/{schema}"}, registry=self.registry)
        return [f"{schema} {error.json_path}: {self.words(error)}" for error in self.known[schema].iter_errors(as_the_provider(schema, value))]

    @staticmethod
    def words(error):
        """The deepest reason: that none of thirty branches fits says nothing."""
        while error.context:
            least = min(error.context, key=lambda one: (one.validator in ("enum", "const") and [*one.path][-1:] == ["type"], -len(one.absolute_path)))
            error = least
        return f"{error.json_path} {error.message[:300]}"

    def fault(self, what, words):
        if words not in self.seen:
            self.seen.add(words)
            self.checks.that(False, f"{what} is as OpenAI describes it", words)

    def judge(self, what, schema, value, excused=()):
        """`excused`: beginnings of what is no fault."""
        self.counts[schema] += 1
        found = [words for words in self.problems(schema, value) if not words.startswith(tuple(excused))]
        for words in found[:3]:
            self.fault(what, words)
        if not found:
            self.checks.passed += 1

    def answer(self, method, path, status, kind, raw, what=""):
        """One answer of the door. A path that OpenAI does not describe is no matter of this judge."""
        schemas = route_of(method, path)
        if schemas is None:
            return
        what = f"{method} {path} ({status}) {what}".rstrip()
        if kind.startswith("text/event-stream"):
            self.stream(what, schemas[1], raw)
        elif status >= 400:
            self.judge(what, "ErrorResponse", json.loads(raw))
        elif schemas[0]:
            self.judge(what, schemas[0], json.loads(raw))

    def stream(self, what, schema, raw):
        if schema == "ResponseStreamEvent":
            return self.events_of_responses(what, raw)
        ends, failed = 0, 0
        for _, data in events(raw):
            if data == "[DONE]":
                ends += 1
                continue
            value = json.loads(data)
            if ends:
                self.fault(what, "something follows [DONE]")
            failed += "error" in value
            self.judge(what, "ErrorResponse" if "error" in value else schema, value)
        if ends != (0 if failed else 1):
            self.fault(what, f"{ends} end marks and {failed} errors: {raw[-200:]}")
        return None

    def events_of_responses(self, what, raw):
        words = []
        for name, data in events(raw):
            value = json.loads(data)
            if value.get("type") != name:
                self.fault(what, f"the event {name!r} calls itself {value.get('type')!r}")
            if value.get("sequence_number") != len(words):
                self.fault(what, f"event {len(words)} has the number {value.get('sequence_number')}: {name}")
            words.append(name)
            self.judge(what, "ResponseStreamEvent", value)
        if words[:2] != ["response.created", "response.in_progress"][:len(words)] or not words:
            self.fault(what, f"it begins with {words[:2]}")
        ends = [word for word in words if [word] in ENDS]
        if ends not in ENDS or words[-len(ends):] != ends:
            self.fault(what, f"its ends are {ends}, its last event is {words[-1:]}")

    def judged_at_least(self, **counts):
        """A judge that was asked nothing has found nothing."""
        for schema, count in counts.items():
            self.checks.that(self.counts[schema] >= count, f"{schema}: at least {count} were held against the description", self.counts[schema])
