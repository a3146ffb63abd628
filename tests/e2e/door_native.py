#!/usr/bin/env python3
"""The door's own routes: functions, feedback, calls, models, embeddings, counting of tokens, health and metrics. What
stands in OpenAI's own description too is held against it."""

import pathlib
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib import replay_upstream  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.description import Description  # noqa: E402
from lib.gateway import TOP, Gateway, why_not  # noqa: E402

checks = Checks()
FUNCTION = """input = { text = "string" }
output = { labels = ["good", "bad"] }
[variants.code]
kind = "code"
command = ["python3", "judge.py"]
"""
TORN = """input = { text = "string" }
output = "text"
[variants.p]
kind = "prompt"
model = "emb/hello"
user = "{{ input.text.nothing.inside }}"
"""
JUDGE = """import json, sys
for line in sys.stdin:
    text = json.loads(line)["input"]["text"]
    print(json.dumps({"error": "no idea"} if text == "error" else {"output": "good" if "nice" in text else "bad"}), flush=True)
"""


def functions(gateway):
    status, _, answer = gateway.ask("POST", "/v1/functions/judge", {"input": "a nice day", "tags": {"user": "42"}})
    checks.equal(status, 200, "a function answers")
    checks.equal((answer.get("output"), answer.get("variant")), ("good", "code"), "its output and the variant")
    call = answer.get("call")
    status, _, row = gateway.ask("GET", f"/v1/calls/{call}")
    checks.equal((status, row.get("function"), row.get("output"), row.get("tags")), (200, "judge", "good", {"user": "42"}),
                 "its call is found right after the reply")
    status, _, answer = gateway.ask("POST", "/v1/functions/judge", {"inputs": ["nice"] * 20 + ["error", "awful"]})
    results = answer.get("results", [])
    checks.equal([r.get("output") for r in results[:20]], ["good"] * 20, "rows in order")
    checks.that("no idea" in str(results[20].get("error")), "a row that failed says why", results[20:21])
    checks.equal(results[21].get("output"), "bad", "rows behind it are answered")
    for body, wanted, what in (({"input": 7}, 400, "a wrong input"), ({}, 400, "no input"), ({"input": "x", "inputs": []}, 400, "both"),
                               ({"input": "x", "tags": {"a": 1}}, 400, "tags that are no strings"), ({"input": "x", "variant": "cod"}, 404, "an unknown variant"),
                               ({"input": "x", "dry_run": 1}, 400, "dry_run that is no truth value"), ({"input": "x", "varient": "code"}, 400, "a typo"),
                               ({"input": "error"}, 502, "a body that failed")):
        status, _, answer = gateway.ask("POST", "/v1/functions/judge", body)
        checks.that(status == wanted and answer["error"]["message"], f"{what} is {wanted}", (status, answer))
    for ask, path in (({"input": "x"}, "/v1/functions/torn"), ({"input": "x", "dry_run": True}, "/v1/functions/torn"),
                      ({"model": "function/torn", "messages": [{"role": "user", "content": "x"}]}, "/v1/chat/completions")):
        status, _, answer = gateway.ask("POST", path, ask)
        checks.that(status == 500 and str(gateway.folder) not in str(answer), "a template that fails is no fault of the request", (status, answer))
    status, _, answer = gateway.ask("POST", "/v1/functions/juge", {"input": "x"})
    checks.that(status == 404 and "judge" in str(answer), "an unknown function is 404, with what was meant", (status, answer))
    return call


def feedback(gateway, call):
    said = {"call": call, "metric": "helpful", "value": True, "source": "user", "key": "k1"}
    status, _, answer = gateway.ask("POST", "/v1/feedback", said)
    checks.that(status == 200 and answer["known_already"] is False, "feedback is taken", (status, answer))
    first = answer.get("feedback")
    status, _, answer = gateway.ask("POST", "/v1/feedback", said)
    checks.that(status == 200 and answer["known_already"] is True and answer["feedback"] == first, "the same key again is the same feedback", (status, answer))
    _, _, row = gateway.ask("GET", f"/v1/calls/{call}")
    checks.equal([(f["feedback"], f["metric"], f["value"]) for f in row["feedback"]], [(first, "helpful", True)], "its call shows it")
    for body, wanted, what in ((dict(said, call="019b0000-0000-7000-8000-000000000000", key="k2"), 404, "an unknown call"),
                               (dict(said, value=False), 409, "the key for something else"), (dict(said, call="x"), 400, "no id"),
                               ({"call": call, "value": 1}, 400, "no metric"), ({"metric": "m", "value": 1}, 400, "neither call nor trace")):
        status, _, answer = gateway.ask("POST", "/v1/feedback", body)
        checks.that(status == wanted, f"{what} is {wanted}", (status, answer))
    rows = gateway.store("SELECT count(*) FROM feedback")
    checks.equal(rows[0][0], 1, "one row of feedback")


def calls(gateway):
    status, _, page = gateway.ask("GET", "/v1/calls?function=judge&limit=5")
    checks.that(status == 200 and len(page["calls"]) == 5 and page["next"], "a page of calls", (status, str(page)[:200]))
    seen = {c["call"] for c in page["calls"]}
    while page["next"]:
        status, _, page = gateway.ask("GET", f"/v1/calls?function=judge&limit=5&before={page['next']}")
        checks.that(not seen & {c["call"] for c in page["calls"]}, "pages do not overlap")
        seen |= {c["call"] for c in page["calls"]}
    stored = gateway.store("SELECT count(*) FROM call JOIN name ON name.id = call.function WHERE name.text = 'judge'")[0][0]
    checks.equal(len(seen), stored, "all of them, page by page")
    status, _, page = gateway.ask("GET", "/v1/calls?tag=user%3D42")
    checks.equal((status, len(page["calls"])), (200, 1), "by tag")
    for query in ("limit=0", "limit=x", "status=odd", "before=x", "tag=x", "since=yesterday", "modle=x", "contains=%ff", "limit=1%"):
        status, _, answer = gateway.ask("GET", f"/v1/calls?{query}")
        checks.that(status == 400, f"?{query} is 400", (status, answer))
    for wrong in ("x", "019b0000-0000-7000-8000-000000000000"):
        checks.equal(gateway.ask("GET", f"/v1/calls/{wrong}")[0], 404, f"call {wrong} is 404")


def lists(gateway):
    status, _, answer = gateway.ask("GET", "/v1/models")
    checks.that(status == 200 and "small" in [m["id"] for m in answer["data"]], "models", answer)
    checks.equal(gateway.ask("GET", "/models/small")[2].get("id"), "small", "one model, without /v1")
    checks.equal(gateway.ask("GET", "/v1/models/smal")[0], 404, "an unknown model is 404")
    checks.equal(gateway.ask("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})[2].get("has_more"), False, "in Anthropic's words")
    checks.equal(gateway.ask("GET", "/v1/chat/completions")[0], 405, "a wrong method is 405")
    for port in (gateway.port, gateway.ops_port):
        for path, inside in (("/healthz", "ok"), ("/readyz", "ready"), ("/metrics", "sighter_requests_total")):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as reply:
                checks.that(inside in reply.read().decode(), f"{path} on {'ops' if port == gateway.ops_port else 'main'}")
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{gateway.ops_port}/v1/models")
        status = 200
    except urllib.error.HTTPError as error:
        status = error.code
    checks.equal(status, 404, "nothing else is on the operators' port")


def as_described(gateway):
    """OpenAI's routes over a function, and what goes wrong there."""
    said = [{"role": "user", "content": "a nice day"}]
    status, _, answer = gateway.ask("POST", "/v1/chat/completions", {"model": "function/judge", "messages": said})
    checks.equal((status, answer["choices"][0]["message"]["content"]), (200, "good"), "a function as a model")
    gateway.ask("POST", "/v1/chat/completions", {"model": "function/judge", "messages": said, "stream": True, "stream_options": {"include_usage": True}})
    status, _, answer = gateway.ask("POST", "/v1/responses", {"model": "function/judge", "input": "a nice day"})
    checks.equal((status, answer["output"][0]["content"][0]["text"]), (200, "good"), "a function as a model of Responses")
    gateway.ask("POST", "/v1/responses", {"model": "function/judge", "input": "a nice day", "stream": True})
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions"):
        for body, wanted in ((b"{", 400), ({"model": 7}, 400), ({"model": "nobody/x", "messages": said, "input": "a", "prompt": "a"}, 404)):
            status, _, answer = gateway.ask("POST", path, body)
            checks.equal(status, wanted, f"{path} {str(body)[:30]}")


def relayed(gateway, upstream):
    for dialect, number, path, body in (("openai_embeddings", 0, "/v1/embeddings", {"input": ["a"], "dimensions": 8}),):
        row = upstream.rows[dialect][number]
        status, _, answer = gateway.ask("POST", path, dict(body, model=f"emb/{dialect}.{number}"))
        checks.equal((status, answer), (200, row["response"]), f"{path} is relayed as it came")
        checks.equal(upstream.last()["body"], dict(body, model=f"{dialect}.{number}"), f"{path}: only the model's name changed")
    counted = [n for n, r in enumerate(upstream.rows["anthropic"]) if "count_tokens" in r["path"] and r["status"] == 200]
    for number in counted:
        status, _, answer = gateway.ask("POST", "/v1/messages/count_tokens",
                                        {"model": f"ant/anthropic.{number}", "messages": [{"role": "user", "content": "x"}]})
        checks.equal((status, answer), (200, upstream.rows["anthropic"][number]["response"]), "tokens are counted")


def main():
    if why_not():
        checks.skip(why_not())
        checks.finish()
    upstream = replay_upstream.Upstream(replay_upstream.recorded_folder(TOP))
    base = f"http://127.0.0.1:{upstream.port}/v1"
    gateway = Gateway(f'[providers.emb]\nbase_url = "{base}"\n[providers.ant]\ndialect = "anthropic"\nbase_url = "{base}"\nkey = "env:K"\n'
                      '[models.small]\nroutes = ["emb/x"]\n', environment={"K": "sk-up"},
                      functions={"functions/judge/function.toml": FUNCTION, "functions/judge/judge.py": JUDGE, "functions/torn/function.toml": TORN})
    description = Description.load(checks)
    try:
        call = checks.run(functions, gateway)
        checks.run(feedback, gateway, call)
        checks.run(calls, gateway)
        if description:
            gateway.heard = description.answer
        checks.run(as_described, gateway)
        checks.run(lists, gateway)
        if upstream.rows:
            checks.run(relayed, gateway, upstream)
        else:
            checks.skip("../shared/data/recorded_replies is not here")
        if description:
            description.judged_at_least(ListModelsResponse=1, Model=1, ErrorResponse=8, CreateChatCompletionResponse=1, CreateChatCompletionStreamResponse=1,
                                        Response=1, ResponseStreamEvent=5)
        checks.equal(gateway.stop(), 0, "it ends in order")
    finally:
        gateway.close()
        upstream.close()
    checks.finish()


main()
