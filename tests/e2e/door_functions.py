#!/usr/bin/env python3
"""Functions at the door: dry runs, streams, traces, and functions in the place of models in three dialects."""

import json
import pathlib
import signal
import sys
import threading
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.gateway import Gateway, why_not  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
PROMPT = '[variants.p]\nkind = "prompt"\nmodel = "m"\n'
FUNCTIONS = {
    "functions/poem/function.toml": 'input = { text = "string" }\noutput = "text"\n' + PROMPT + 'user = "A poem on {{ input.text }}"\n',
    "functions/mood/function.toml": 'input = { text = "string" }\noutput = { labels = ["good", "bad"] }\n' + PROMPT
                                    + '[variants.code]\nkind = "code"\ncommand = ["python3", "mood.py"]\n',
    "functions/mood/mood.py": 'import sys\nfor line in sys.stdin:\n    print(\'{"output": "good"}\', flush=True)\n',
    "functions/talk/function.toml": 'input = "messages"\noutput = "text"\n' + PROMPT,
    "functions/mix/function.toml": 'input = { a = "string", b = "integer" }\noutput = "text"\n' + PROMPT,
    "functions/cut/function.toml": 'input = { text = "string" }\noutput = "text"\n[variants.p]\nkind = "prompt"\nmodel = "cut"\n',
}
CONFIG = ('[providers.up]\nbase_url = "{url}/v1"\nretries = 0\n[models.m]\nroutes = ["up/m"]\nprice = {{ input = 1.0, output = 2.0 }}\n'
          '[models.cut]\nroutes = ["up/cut"]\n')


def events(gateway, path, body):
    """(status, [(event, data)]) of a stream; of any other answer its JSON in place of the list."""
    request = urllib.request.Request(gateway.url + path, data=json.dumps(body).encode(), method="POST",
                                     headers={"content-type": "application/json", "anthropic-version": "2023-06-01"})
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            text = reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    found = []
    for block in text.split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            named = dict(line.split(": ", 1) for line in lines)
            found.append((named.get("event", ""), named["data"] if named["data"] == "[DONE]" else json.loads(named["data"])))
    return 200, found


def dry_runs(gateway, upstream):
    asked = len(upstream.requests)
    rows = gateway.store("SELECT count(*) FROM call")[0][0]
    status, _, seen = gateway.ask("POST", "/v1/functions/poem", {"input": "rain", "dry_run": True})
    checks.equal((status, seen["dry_run"], seen["variant"], seen["kind"], seen["route"], seen["dialect"]), (200, True, "p", "prompt", "up/m", "openai"),
                 "what a dry run would ask")
    checks.equal(seen["request"]["messages"][-1], {"role": "user", "content": "A poem on rain"}, "the rendered request")
    checks.that(seen["input_tokens_max"] > 0 and seen["cost_usd_max"] > 0, "tokens and dollars are estimated", seen)
    status, _, seen = gateway.ask("POST", "/v1/functions/mood", {"inputs": ["a", "b"], "dry_run": True, "variant": "code"})
    checks.equal([r["request"]["command"] for r in seen["results"]], [["python3", "mood.py"]] * 2, "a program's command, for each row")
    checks.equal([r["cost_usd_max"] for r in seen["results"]], [0, 0], "which costs nothing")
    checks.equal(gateway.ask("POST", "/v1/functions/poem", {"input": 7, "dry_run": True})[0], 400, "a wrong input is 400 here too")
    checks.equal(len(upstream.requests), asked, "nothing was asked")
    checks.equal(gateway.store("SELECT count(*) FROM call")[0][0], rows, "no row is left")


def streams(gateway):
    status, found = events(gateway, "/v1/functions/poem", {"input": "rain", "stream": True, "tags": {"k": "v"}})
    checks.equal(status, 200, "a streamed function")
    checks.equal("".join(d["text"] for e, d in found if e == "delta"), "drops on the roof", "its output, piece by piece")
    name, last = found[-1]
    checks.equal((name, last["output"], last["variant"], last["usage"]["output_tokens"]), ("result", "drops on the roof", "p", 5), "the last event has it all")
    checks.equal(last["cost_usd"], 0.00003, "with its cost")
    checks.equal(gateway.ask("GET", f"/v1/calls/{last['call']}")[2]["tags"], {"k": "v"}, "its call is found")
    status, found = events(gateway, "/v1/functions/mood", {"input": "x", "stream": True, "variant": "code"})
    checks.equal([e for e, _ in found], ["result"], "a program answers in one event")
    status, found = events(gateway, "/v1/functions/mood", {"input": "again", "stream": True, "variant": "p"})
    names = [e for e, _ in found]
    checks.that("again" in names and names[-1] == "result" and found[-1][1]["output"] == "bad", "what did not fit is taken back", found)
    status, found = events(gateway, "/v1/functions/cut", {"input": "x", "stream": True})
    checks.equal((status, found[0][0], found[-1][0]), (200, "delta", "error"), "a stream that broke ends with an error and no result")
    checks.equal(gateway.ask("GET", f"/v1/calls/{found[-1][1]['call']}")[2]["status"], "broken", "and its row says so")
    status, said = events(gateway, "/v1/functions/poem", {"input": 7, "stream": True})
    checks.that(status == 400 and said["error"]["kind"] == "invalid", "before the first event an error is an HTTP error", (status, said))
    checks.equal(events(gateway, "/v1/functions/poem", {"inputs": ["x"], "stream": True})[0], 400, "rows are not streamed")


def traces(gateway):
    mine = "019b0000-0000-7000-8000-00000000abcd"
    _, _, first = gateway.ask("POST", "/v1/functions/mood", {"input": "x", "variant": "code", "trace": mine})
    checks.equal((first["trace"], first["parent"]), (mine, None), "the trace is given back")
    _, _, second = gateway.ask("POST", "/v1/functions/mood", {"input": "x", "variant": "code", "parent": first["call"]})
    checks.equal((second["trace"], second["parent"]), (mine, first["call"]), "a child is in its parent's trace")
    row = gateway.ask("GET", f"/v1/calls/{second['call']}")[2]
    checks.equal((row["trace"], row["parent"]), (mine, first["call"]), "and so says its row")
    status, _, said = gateway.ask("POST", "/v1/feedback", {"trace": mine, "metric": "m", "value": 1})
    checks.equal(status, 200, f"feedback on a trace that a client named: {said}")
    status, _, said = gateway.ask("POST", "/v1/feedback", {"trace": mine[:-1] + "e", "metric": "m", "value": 1})
    checks.that(status == 404 and said["error"]["kind"] == "not_found" and "trace" in said["error"]["message"], "on an unknown trace it is 404", (status, said))


def errors(gateway):
    for method, path, body, wanted in (("POST", "/v1/functions/poen", {"input": "x"}, "not_found"), ("POST", "/v1/functions/poem", {}, "invalid"),
                                       ("POST", "/v1/feedback", {}, "invalid"), ("GET", "/v1/calls/x", None, "not_found"),
                                       ("GET", "/v1/calls?limit=0", None, "invalid"), ("DELETE", "/v1/calls", None, "invalid"),
                                       ("POST", "/v1/functions/poem", b"{", "invalid")):
        _, _, said = gateway.ask(method, path, body)
        checks.that(set(said) == {"error"} and said["error"].get("kind") == wanted and said["error"]["message"] and set(said["error"]) <= {"kind", "message", "hint"},
                    f"{method} {path}: one form of errors", said)
    checks.that("type" in gateway.ask("GET", "/v1/nothing")[2]["error"], "an unknown path is told in OpenAI's words")
    checks.equal(gateway.ask("GET", "/v1/nothing", headers={"anthropic-version": "2023-06-01"})[2]["type"], "error", "or in Anthropic's")


def ask_as_model(gateway, door, model, text, **more):
    if door == "chat":
        return gateway.ask("POST", "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more})
    if door == "messages":
        return gateway.ask("POST", "/v1/messages", {"model": model, "max_tokens": 99, "messages": [{"role": "user", "content": text}], **more},
                           headers={"anthropic-version": "2023-06-01"})
    return gateway.ask("POST", "/v1/responses", {"model": model, "input": text, **more})


def text_of(door, answer):
    if door == "chat":
        return answer["choices"][0]["message"]["content"]
    if door == "messages":
        return answer["content"][0]["text"]
    return [i for i in answer["output"] if i["type"] == "message"][0]["content"][0]["text"]


def as_models(gateway, upstream):
    for door in ("chat", "messages", "responses"):
        status, heads, answer = ask_as_model(gateway, door, "function/poem", "rain")
        checks.equal((status, answer.get("model")), (200, "function/poem"), f"{door}: a function answers as a model")
        checks.equal(text_of(door, answer), "drops on the roof", f"{door}: its output")
        checks.equal(upstream.of("m")[-1]["messages"][-1]["content"], "A poem on rain", f"{door}: the last user message is its input")
        row = gateway.ask("GET", f"/v1/calls/{heads['x-sighter-call']}")[2]
        checks.equal((row["function"], row["input"], row["output"]), ("poem", {"text": "rain"}, "drops on the roof"), f"{door}: one row, of the function")
        checks.equal(text_of(door, ask_as_model(gateway, door, "function/mood/code", "x")[2]), "good", f"{door}: a variant by name")
        checks.equal(ask_as_model(gateway, door, "function/mood/cod", "x")[0], 404, f"{door}: an unknown variant is 404")
        checks.equal(ask_as_model(gateway, door, "function/pome", "x")[0], 404, f"{door}: an unknown function is 404")
        status, _, said = ask_as_model(gateway, door, "function/mix", "hello")
        checks.that(status == 400 and '"a" (string)' in json.dumps(said).replace('\\"', '"'), f"{door}: 400 says what the function wants", said)
        checks.equal(ask_as_model(gateway, door, "function/mix", '{"a": "x", "b": 1}')[0], 200, f"{door}: several fields as a JSON object")
        status, _, said = ask_as_model(gateway, door, "function/poem", "x", temperature=1)
        checks.that(status == 400 and "temperature" in str(said), f"{door}: a parameter of models is refused by name", said)
        path = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}[door]
        said = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}, {"role": "user", "content": "rain"}]
        body = {"model": "function/talk", "stream": True, ("input" if door == "responses" else "messages"): said}
        status, found = events(gateway, path, {**body, **({"max_tokens": 9} if door == "messages" else {})})
        checks.equal(status, 200, f"{door}: streamed")
        if status == 200:
            streamed = {"chat": lambda d: (d["choices"] or [{"delta": {}}])[0]["delta"].get("content") or "" if d != "[DONE]" else "",
                        "messages": lambda d: d.get("delta", {}).get("text", "") if d["type"] == "content_block_delta" else "",
                        "responses": lambda d: d["delta"] if d["type"] == "response.output_text.delta" else ""}[door]
            pieces = [p for p in (streamed(d) for _, d in found) if p]
            checks.that(len(pieces) > 1 and "".join(pieces) == "drops on the roof", f"{door}: piece by piece", pieces)
            checks.that(found[-1][1] == "[DONE]" or found[-1][1]["type"] in ("message_stop", "response.completed"), f"{door}: with its end mark", found[-1])
        checks.equal([m["content"] for m in upstream.of("m")[-1]["messages"]], ["one", "two", "rain"], f"{door}: the conversation is the input of messages")
    status, found = events(gateway, "/v1/chat/completions", {"model": "function/cut", "stream": True, "messages": [{"role": "user", "content": "x"}]})
    checks.that(status == 200 and "error" in found[-1][1], "a function's broken stream ends with an error and no [DONE]", found[-1:])
    names = [m["id"] for m in gateway.ask("GET", "/v1/models")[2]["data"]]
    checks.that({"m", "function/poem", "function/mood"} <= set(names), "functions are listed beside models", names)
    for name, wanted in (("function/poem", 200), ("function/mood/code", 200), ("function/pome", 404), ("function/mood/cod", 404)):
        checks.equal(gateway.ask("GET", f"/v1/models/{name}")[0], wanted, f"/v1/models/{name}")


def killed(gateway, held, go_on):
    """SIGKILL while a function's upstream is under way: the next start makes its rows, each once."""

    def ask():
        try:
            gateway.ask("POST", "/v1/functions/poem", {"input": "hold on", "tags": {"k": "killed"}})
        except OSError:
            pass  # it was killed

    asking = threading.Thread(target=ask)
    asking.start()
    checks.that(held.wait(10), "the upstream was asked")
    gateway.stop(signal.SIGKILL)
    go_on.set()
    asking.join(20)
    gateway.start()
    for when in ("after the start", "after another start"):
        status, _, seen = gateway.ask("GET", "/v1/calls?status=interrupted&function=poem")
        checks.equal((status, [(c["function"], c["variant"]) for c in seen["calls"]]), (200, [("poem", "p")]), f"the call is a row, once, {when}")
        gateway.stop()
        gateway.start()


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    held, go_on = threading.Event(), threading.Event()
    mood = [{"text": "no idea"}, {"text": "bad"}]

    def answer(request):
        last = request["messages"][-1]["content"]
        if "hold" in str(last):
            held.set()
            go_on.wait(10)
        if "again" in str(request["messages"]):
            return mood.pop(0)["text"]
        return "drops on the roof" if "rain" in last else "x" + last

    upstream = Scripted({"m": [{"text": answer}], "cut": [{"text": "long enough to be cut", "cut": True}]})
    gateway = Gateway(CONFIG.format(url=upstream.url), functions=FUNCTIONS)
    try:
        checks.run(dry_runs, gateway, upstream)
        checks.run(streams, gateway)
        checks.run(traces, gateway)
        checks.run(errors, gateway)
        checks.run(as_models, gateway, upstream)
        checks.run(killed, gateway, held, go_on)
        checks.equal(gateway.stop(), 0, "it ends in order")
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


main()
