#!/usr/bin/env python3
"""`sighter fire` with prompts, as a user runs it: both dialects, whole and streamed; tools, conversations, images,
structured output and its one repair, examples. The upstream is a script on loopback."""

import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, program  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
DIALECTS = ("lab", "claude")


def settings(upstream):
    return f"""
[providers.lab]
dialect = "openai"
base_url = "{upstream.url}/v1"
key = "env:LAB_KEY"
[providers.claude]
dialect = "anthropic"
base_url = "{upstream.url}/v1"
key = "file:{{key}}"
[models.small]
routes = ["lab/small"]
price = {{{{ input = 1.00, output = 10.00 }}}}
"""


def project(upstream, files, environment=None):
    made = Project(files, {"LAB_KEY": "sk-of-the-test-lab", **(environment or {})})
    key = made.top / "anthropic.key"
    key.write_text("sk-of-the-test-ant\n")
    made.write("sighter.toml", settings(upstream).format(key=key))
    return made


def text_and_usage():
    """A plain prompt with -m PROVIDER/MODEL and PROVIDER:MODEL, whole and streamed."""
    upstream = Scripted({"small": [{"text": "Grüße, world", "usage": (1000, 20)}]})
    with project(upstream, {}) as made:
        for model in ("lab/small", "lab:small", "claude/small", "claude:small"):
            ran = made.run("fire", "hello", "-m", model, "--system", "Be brief.", "--temperature", "0.25", "--max-tokens", "77")
            checks.equal((ran.code, ran.out), (0, "Grüße, world\n"), f"fire -m {model}")
            checks.that("1000 + 20 tokens" in ran.err, f"{model}: tokens in the small print", ran.err)
        chat, messages = upstream.requests[0], upstream.requests[2]
        checks.equal(chat["path"], "/v1/chat/completions", "path of Chat Completions")
        checks.equal(chat["headers"].get("authorization"), "Bearer sk-of-the-test-lab", "key of a variable")
        checks.equal(chat["body"]["messages"][0], {"role": "system", "content": "Be brief."}, "system message")
        checks.equal(chat["body"]["temperature"], 0.25, "temperature as given")
        checks.equal(messages["path"], "/v1/messages", "path of Messages")
        checks.equal(messages["headers"].get("x-api-key"), "sk-of-the-test-ant", "key of a file, without its line end")
        checks.equal(messages["body"]["max_tokens"], 77, "max_tokens of Messages")
        for provider in DIALECTS:
            code, screen, _ = made.on_terminal("fire", "hello", "-m", f"{provider}/small")
            checks.that(code == 0 and "Grüße, world" in screen, f"{provider}: streamed to a terminal", screen)
            checks.that("\x1b[2m" in screen and "1000 + 20 tokens" in screen, f"{provider}: one dim line with the tokens", repr(screen))
            checks.that(upstream.requests[-1]["body"].get("stream") is True, f"{provider}: the request was streamed")
        ran = made.run("fire", "hello", "-m", "small", "--json")
        checks.equal(sorted(ran.json()), ["call", "cost_usd", "model", "ms", "output", "usage", "variant"], "members of fire --json")
        checks.that(abs(ran.json()["cost_usd"] - 0.0012) < 1e-12, "1000 x 1 $ + 20 x 10 $ a million", ran.out)
        calls = made.calls()
        checks.equal(len(calls), 7, "each of them is a call in the log")
        checks.that(all("sk-of-the-test" not in str(c) for c in calls), "no key in a row")
        store = b"".join(p.read_bytes() for p in (made.folder / ".sighter").rglob("*") if p.is_file())
        checks.that(b"sk-of-the-test" not in store, "no key in any file of the store")
        piped = made.run("fire", "-m", "lab/small", stdin="from a pipe\n")
        checks.equal((piped.code, upstream.requests[-1]["body"]["messages"][-1]["content"]), (0, "from a pipe"), "the prompt from a pipe")
        outside = Project(environment={"OPENAI_API_KEY": "sk-outside", "HTTP_PROXY": ""})
        ran = outside.run("fire", "hello", "-m", "openai/gpt-5-mini", environment={"OPENAI_API_KEY": ""})
        checks.that(ran.code == 1 and "OPENAI_API_KEY" in ran.err, "outside a project a missing key names its variable", ran)
        outside.close()
        ran = made.run("fire", "hello", "-m", "lab/small", environment={"LAB_KEY": ""})
        checks.that(ran.code == 1 and "LAB_KEY" in ran.err, "a missing key names its variable", ran)
        ran = made.run("fire", "hello", "-m", "lba/small")
        checks.that(ran.code == 1 and "lab/small" in ran.err, "a wrong provider: did you mean", ran)
        ran = made.run("fire", "hello", "-m", "gpt-5-mini")
        checks.that(ran.code == 1 and "did you mean 'openai/gpt-5-mini'" in ran.err, "a model without its provider", ran)
        ran = made.run("fire", "hello", "-m", "lab/none")
        checks.that(ran.code == 1 and "does not exist" in ran.err, "the provider's own words are kept", ran)
    finish(upstream)


WEATHER = {
    "functions/weather/function.toml": """
description = "The weather of a city."
input = { city = "string" }
output = { schema = "out.schema.json" }
[variants.table]
kind = "code"
command = ["python3", "weather.py"]
""",
    "functions/weather/out.schema.json": '{"type": "object", "properties": {"c": {"type": "number"}}, "required": ["c"]}',
    "functions/weather/weather.py": """
import json, sys
for line in sys.stdin:
    city = json.loads(line)["input"]["city"]
    print(json.dumps({"output": {"c": 21}} if city == "Rome" else {"error": "no such city"}), flush=True)
""",
    "functions/ask/function.toml": """
input = { text = "string" }
output = "text"
[variants.lab]
kind = "prompt"
model = "lab/tools"
tools = ["weather"]
tool_turns = 3
[variants.claude]
kind = "prompt"
model = "claude/tools"
tools = ["weather"]
tool_turns = 3
[variants.endless]
kind = "prompt"
model = "lab/endless"
tools = ["weather"]
tool_turns = 2
""",
}


def last_tool_text(body):
    last = body["messages"][-1]
    if last["role"] == "tool":
        return last["content"] if isinstance(last["content"], str) else last["content"][0]["text"]
    block = last["content"][-1]
    return block["content"] if isinstance(block["content"], str) else block["content"][0]["text"]


def tool_loop():
    call = {"text": "Let me look.", "tools": [("call_1", "weather", {"city": "Rome"})]}
    wrong = {"tools": [("call_2", "weather", {"city": "Atlantis"}), ("call_3", "wether", {}), ("call_4", "weather", {"town": 1})]}
    answer = {"text": lambda request: "done after " + str(len(request["messages"]))}
    for dialect in DIALECTS:
        upstream = Scripted({"tools": [call, wrong, answer], "endless": [call]})
        with project(upstream, WEATHER) as made:
            ran = made.run("fire", "ask", "How warm is it?", "--variant", dialect, "--json")
            checks.equal(ran.code, 0, f"{dialect}: the loop of tools ends in an answer: {ran}")
            asked = upstream.of("tools")
            checks.equal(len(asked), 3, f"{dialect}: three requests")
            tool = asked[0]["tools"][0]
            checks.equal(tool["function"]["name"] if dialect == "lab" else tool["name"], "weather", f"{dialect}: the function is offered")
            checks.that('"c":21' in last_tool_text(asked[1]).replace(" ", ""), f"{dialect}: its output goes back", asked[1]["messages"][-1])
            texts = str(asked[2]["messages"])
            for words in ("no such city", "there is no tool", "town"):
                checks.that(words in texts, f"{dialect}: '{words}' goes back to the model", texts[-900:])
            tree = made.run("log", ran.json()["call"], "--json").json()
            children = tree["children"]
            checks.that(len(children) >= 2 and all(c["function"] == "weather" for c in children), f"{dialect}: each call is a child row", children)
            checks.that(all(c["parent"] == ran.json()["call"] for c in children), f"{dialect}: children name their parent")
            if dialect == "lab":
                ran = made.run("fire", "ask", "How warm is it?", "--variant", "endless")
                checks.that(ran.code == 1 and "more than 2 times" in ran.err and "tool_turns" in ran.err, "the loop is bounded", ran)
                checks.equal(len(upstream.of("endless")), 3, "and not one request longer")
            code, screen, _ = made.on_terminal("fire", "ask", "How warm is it in Rome?", "--variant", dialect)
            checks.that(code == 0 and "done after" in screen, f"{dialect}: the same on a terminal, streamed", screen)
        finish(upstream)


def conversations_and_images():
    files = {
        "functions/chat/function.toml": """
input = "messages"
output = "text"
[variants.lab]
kind = "prompt"
model = "lab/small"
system = "Answer in rhymes."
[variants.claude]
kind = "prompt"
model = "claude/small"
system = "Answer in rhymes."
""",
        "functions/look/function.toml": """
input = { question = "string", photo = "image" }
output = "text"
[variants.lab]
kind = "prompt"
model = "lab/small"
user = "{{ input.question }}"
[variants.claude]
kind = "prompt"
model = "claude/small"
""",
    }
    upstream = Scripted({"small": [{"text": "seen"}]})
    encoded = base64.b64encode(PNG).decode()
    with project(upstream, files) as made:
        talk = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, {"role": "user", "content": "and?"}]}'
        for dialect in DIALECTS:
            ran = made.run("fire", "chat", talk, "--variant", dialect)
            checks.equal((ran.code, ran.out), (0, "seen\n"), f"{dialect}: a conversation as input: {ran}")
            roles = [m["role"] for m in upstream.requests[-1]["body"]["messages"]]
            checks.equal(roles[-3:], ["user", "assistant", "user"], f"{dialect}: its roles go out")
            ran = made.run("fire", "chat", "just text", "--variant", dialect)
            checks.equal((ran.code, ran.out), (0, "seen\n"), f"{dialect}: a bare text is a conversation of one message: {ran}")
            made.write("a.png", PNG)
            for words in (("What is it?", "-m", f"{dialect}/small"), ("look", "What is it?", "--variant", dialect)):
                ran = made.run("fire", *words, "--image", "a.png")
                checks.equal((ran.code, ran.out), (0, "seen\n"), f"{dialect}: --image: {ran}")
                content = upstream.requests[-1]["body"]["messages"][-1]["content"]
                checks.that(encoded in str(content) and "image/png" in str(content) and "What is it?" in str(content), f"{dialect}: image and text go out",
                            str(content)[:300])
                checks.equal(str(upstream.requests[-1]["body"]).count(encoded), 1, f"{dialect}: the image goes out once")
        made.write("no.png", b"not an image")
        for words, wanted in ((("x", "-m", "lab/small", "--image", "no.png"), "not a PNG"), (("x", "-m", "lab/small", "--image", "gone.png"), "gone.png"),
                              (("chat", "x", "--image", "a.png"), "takes no image")):
            ran = made.run("fire", *words)
            checks.that(ran.code in (1, 2) and wanted in ran.err, f"--image: {wanted}", ran)
    finish(upstream)


SCHEMA = '{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"], "additionalProperties": false}'


def structured():
    good, bad = '{"name": "Ann", "age": 7}', '{"name": "Ann", "age": "seven"}'
    variants = ""
    for form in ("strict", "tool", "json", "none"):
        for dialect in DIALECTS:
            variants += f'[variants.{form}_{dialect}]\nkind = "prompt"\nmodel = "{dialect}/{form}"\nstructured = "{form}"\n'
    files = {"functions/who/function.toml": f'input = {{ text = "string" }}\noutput = {{ schema = "who.json" }}\n{variants}', "functions/who/who.json": SCHEMA}

    def reply(form, value):
        import json
        return {"tools": [("t1", "answer", json.loads(value))]} if form == "tool" else {"text": value}

    upstream = Scripted({"json": [{"text": good}]})
    with project(upstream, files) as made:
        ran = made.run("fire", "who", "Ann is seven", "--variant", "json_claude")
        checks.that(ran.code == 2 and "anthropic" in ran.err and "response_format" in ran.err, "JSON mode, which Messages has not, is refused by name", ran)
        checks.that("allow_drop" not in ran.err and '"strict"' in ran.err, "and the hint names what a variant can do", ran)
        checks.equal(upstream.of("json"), [], "and nothing is sent")
    finish(upstream)
    for dialect in DIALECTS:
        for form in ("strict", "tool", "none") if dialect == "claude" else ("strict", "tool", "json", "none"):
            variant = f"{form}_{dialect}"
            upstream = Scripted({form: [reply(form, bad), reply(form, good)]})
            with project(upstream, files) as made:
                ran = made.run("fire", "who", "Ann is seven", "--variant", variant, "--json")
                checks.equal((ran.code, ran.json()["output"] if ran.code == 0 else ran.err), (0, {"name": "Ann", "age": 7}), f"{variant}: repaired once")
                asked = upstream.of(form)
                checks.equal(len(asked), 2, f"{variant}: one repair")
                checks.that("does not fit" in str(asked[-1]["messages"]), f"{variant}: the model is told what was wrong")
                tree = made.run("log", ran.json()["call"], "--json").json() if ran.code == 0 else {}
                checks.that("age" in str(tree.get("tried")), f"{variant}: the repair shows in the log", tree.get("tried"))
                if form == "strict" and dialect == "lab":
                    checks.equal(asked[0]["response_format"]["json_schema"]["strict"], True, "strict schema")
                if form == "json" and dialect == "lab":
                    checks.equal(asked[0]["response_format"], {"type": "json_object"}, "JSON mode")
                if form == "tool":
                    checks.that("tools" in asked[0] and "tool_choice" in asked[0], f"{variant}: the answer is a tool")
            finish(upstream)
            upstream = Scripted({form: [reply(form, bad)]})
            with project(upstream, files) as made:
                ran = made.run("fire", "who", "Ann is seven", "--variant", variant)
                checks.that(ran.code == 1 and "does not fit" in ran.err and "age" in ran.err, f"{variant}: wrong twice is an error in words", ran)
                checks.equal(len(upstream.of(form)), 2, f"{variant}: never a second repair")
            finish(upstream)


def examples_in_prompts():
    cases = "".join('{"id": "c%d", "input": {"text": "%s"}, "expect": "%s"}\n' % (i, text, label) for i, (text, label) in enumerate(
        [("the invoice is wrong", "billing"), ("the app crashed today", "bug"), ("refund my invoice please", "billing"), ("the app freezes at start", "bug"),
         ("where is the login", "account"), ("password reset fails", "account")]))
    toml = 'input = { text = "string" }\noutput = { labels = ["billing", "bug", "account"] }\n'
    for name, more in (("similar", "examples = 2"), ("random", 'examples = 2\nexample_choice = "random"'), ("fixed", 'examples = ["c1", "c4"]')):
        toml += f'[variants.{name}]\nkind = "prompt"\nmodel = "lab/small"\n{more}\n'
    upstream = Scripted({"small": [{"text": "Billing."}]})
    with project(upstream, {"functions/sort/function.toml": toml, "functions/sort/cases.jsonl": cases}) as made:
        shown = {}
        for name in ("similar", "random", "fixed"):
            for _ in range(2):
                ran = made.run("fire", "sort", "a question about my invoice", "--variant", name)
                checks.equal((ran.code, ran.out), (0, "billing\n"), f"{name}: the label is read out of the text: {ran}")
                messages = upstream.requests[-1]["body"]["messages"]
                shown.setdefault(name, []).append([m["content"] for m in messages if m["role"] in ("user", "assistant")])
        checks.equal(sorted(shown["similar"][0][:-1:2]), ["refund my invoice please", "the invoice is wrong"], "the most similar cases")
        checks.equal(shown["fixed"][0], ["the app crashed today", "bug", "where is the login", "account", "a question about my invoice"], "fixed ones, in their order")
        checks.equal(len(shown["random"][0]), 5, "two random ones")
        checks.equal(shown["random"][0], shown["random"][1], "the same random ones for the same input")
        ran = made.run("fire", "sort", "the invoice is wrong", "--variant", "similar")
        contents = [m["content"] for m in upstream.requests[-1]["body"]["messages"] if m["role"] == "user"]
        checks.equal(contents.count("the invoice is wrong"), 1, "a case is no example of itself")
    finish(upstream)


def finish(upstream):
    checks.equal(upstream.misfits, [], "every chat request fits the published schema")
    if upstream.unchecked:
        unchecked.add(upstream.unchecked)
    upstream.close()


unchecked = set()
if not pathlib.Path(program()).exists():
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (text_and_usage, tool_loop, conversations_and_images, structured, examples_in_prompts):
    checks.run(test)
for why in unchecked:
    checks.skip(why)
checks.finish()
