#!/usr/bin/env python3
"""What `sighter fire` makes of upstreams that refuse, stall, cut, lie or are elsewhere: retries and their pauses, fall-backs,
proxies, the provider `ollama`, the price of each call. The upstreams are scripts on loopback."""

import os
import pathlib
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.checks import Checks  # noqa: E402
from lib.project import Project, program  # noqa: E402
from lib.scripted import Scripted  # noqa: E402

checks = Checks()
OK = {"text": "fine"}


def config(upstream, more=""):
    both = "".join(f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "{upstream.url}/v1"\nretries = 2\nfirst_byte_timeout_s = 0.7\ngap_timeout_s = 0.7\n'
                   for name, dialect in (("lab", "openai"), ("claude", "anthropic")))
    return both.replace('dialect = "anthropic"', 'dialect = "anthropic"\nauthentication = "none"') + more


def retries():
    again = {"429": {"status": 429, "headers": [("retry-after", "1")]}, "500": {"status": 500}, "503": {"status": 503}, "529": {"status": 529, "type": "overloaded_error"},
             "stall": {"stall": 1.5, **OK}, "cut": {"text": "fine and well", "cut": True}}
    for provider in ("lab", "claude"):
        upstream = Scripted({name: [reply, OK] for name, reply in again.items()})
        with Project({"sighter.toml": config(upstream)}) as made:
            for name in again:
                began = time.monotonic()
                ran = made.run("fire", "hello", "-m", f"{provider}/{name}", "--json")
                took = time.monotonic() - began
                checks.equal((ran.code, len(upstream.of(name))), (0, 2), f"{provider}: {name} is tried again: {ran}")
                if name == "429":
                    checks.that(took >= 1.0, f"{provider}: Retry-After is waited for", took)
                if ran.code == 0:
                    tree = made.run("log", ran.json()["call"], "--json").json()
                    checks.that(len(tree["attempts"]) == 1, f"{provider}: {name}: the further attempt is a row", tree)
        upstream.close()
        never = {"400": ({"status": 400, "message": "words of its own"}, "words of its own"), "401": ({"status": 401, "message": "who are you"}, "who are you"),
                 "html": ({"raw": ("text/html", b"<html>hello</html>")}, "no JSON"), "empty": ({"raw": ("application/json", b"")}, "no JSON"),
                 "other": ({"raw": ("application/json", b'{"a": 1}')}, "answered 200")}
        upstream = Scripted({name: [reply] for name, (reply, _) in never.items()})
        with Project({"sighter.toml": config(upstream)}) as made:
            for name, (_, words) in never.items():
                ran = made.run("fire", "hello", "-m", f"{provider}/{name}")
                checks.that(ran.code in (1, 2) and words in ran.err, f"{provider}: {name} is told in words", ran)
                checks.equal(len(upstream.of(name)), 1, f"{provider}: {name} is not tried again")
            checks.that(all(c["status"] == "error" for c in made.calls()), "each is an error in the log")
        upstream.close()
        upstream = Scripted({"down": [{"status": 503, "message": "gone for today"}]})
        with Project({"sighter.toml": config(upstream)}) as made:
            ran = made.run("fire", "hello", "-m", f"{provider}/down")
            checks.that(ran.code == 1 and "gone for today" in ran.err, f"{provider}: gives up with the provider's words", ran)
            checks.equal(len(upstream.of("down")), 3, f"{provider}: one request and two retries")
        upstream.close()


def broken_streams():
    for provider in ("lab", "claude"):
        upstream = Scripted({"cut": [{"text": "a long answer that never comes to its end", "cut": True}]})
        with Project({"sighter.toml": config(upstream)}) as made:
            code, screen, _ = made.on_terminal("fire", "hello", "-m", f"{provider}/cut", "--color", "never")
            checks.that(code == 1 and "a long" in screen and "stream broke" in screen, f"{provider}: a stream that was cut is told as broken", screen)
            checks.equal(len(upstream.of("cut")), 1, f"{provider}: what was shown is not asked for again")
            checks.equal([c["status"] for c in made.calls()], ["broken"], f"{provider}: and stored as broken")
        upstream.close()


def fall_backs():
    bad, good = Scripted({"m": [{"status": 401}]}), Scripted({"m": [OK]})
    routes = f'[providers.bad]\nbase_url = "{bad.url}/v1"\n[providers.good]\nbase_url = "{good.url}/v1"\n[models.both]\nroutes = ["bad/m", "good:m"]\n'
    with Project({"sighter.toml": routes}) as made:
        ran = made.run("fire", "hello", "-m", "both", "--json")
        checks.equal((ran.code, ran.json()["output"]), (0, "fine"), "the second route answers")
        tree = made.run("log", ran.json()["call"], "--json").json()
        checks.equal((tree["model"], tree["route"]), ("both", "good/m"), "the row says which")
        checks.equal(tree["finish_reason"], "stop", "and why it ended")
        seen = made.run("log", ran.json()["call"]).out
        checks.that(all(words in seen for words in ("both", "route  good/m", "ended  stop", "written to the cache")), "people see it too", seen)
    bad.close()
    good.close()


def proxies():
    upstream, proxy = Scripted({"m": [OK]}), Scripted({"m": [{"text": "by proxy"}]})
    with Project({"sighter.toml": '[providers.far]\nbase_url = "http://far.invalid/v1"\nretries = 0\n[providers.tls]\nbase_url = "https://far.invalid/v1"\nretries = 0\n'
                  f'[providers.near]\nbase_url = "{upstream.url}/v1"\n'}) as made:
        ran = made.run("fire", "hello", "-m", "far/m", environment={"http_proxy": proxy.url})
        checks.equal((ran.code, ran.out), (0, "by proxy\n"), f"http_proxy is asked: {ran}")
        checks.equal(proxy.requests[-1]["path"], "http://far.invalid/v1/chat/completions", "with the whole address")
        ran = made.run("fire", "hello", "-m", "tls/m", environment={"HTTPS_PROXY": proxy.url})
        checks.that(ran.code == 1 and proxy.requests[-1]["path"] == "far.invalid:443", "HTTPS_PROXY is asked for a tunnel", (ran, proxy.requests[-1]["path"]))
        ran = made.run("fire", "hello", "-m", "near/m", environment={"http_proxy": proxy.url, "NO_PROXY": "127.0.0.1"})
        checks.equal((ran.code, ran.out), (0, "fine\n"), f"NO_PROXY is obeyed: {ran}")
    upstream.close()
    proxy.close()


def ollama():
    """The provider `ollama` needs no table; its usual port is used only when nothing listens there."""
    with Project() as made:
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", 11434)) == 0
        if taken:
            checks.skip("something listens on Ollama's port")
            return
        ran = made.run("fire", "hello", "-m", "ollama/llama3.2")
        checks.that(ran.code == 1 and "ollama serve" in ran.err, "without a server it says how to start one", ran)
    upstream = Scripted({"llama3.2": [OK]})
    with Project({"sighter.toml": f'[providers.ollama]\nbase_url = "{upstream.url}/v1"\n'}) as made:
        ran = made.run("fire", "hello", "-m", "ollama:llama3.2", "--json")
        checks.equal((ran.code, ran.json()["output"], ran.json()["cost_usd"]), (0, "fine", 0), "it needs no key and costs nothing")
        ran = made.run("fire", "hello", "-m", "ollama/none")
        checks.that(ran.code == 1 and "ollama pull none" in ran.err, "a model that is not there: how to fetch it", ran)
    upstream.close()


def prices():
    """The bundled table by name and by dated name, an override, and money kept in whole nano-dollars."""
    usage = {"usage": (1234567, 89)}
    upstream = Scripted({name: [{**OK, **usage}] for name in ("gpt-5-mini", "gpt-5-mini-2025-08-07", "unlisted", "claude-haiku-4-5-20251001")})
    text = f'[providers.openai]\nbase_url = "{upstream.url}/v1"\n[providers.anthropic]\nbase_url = "{upstream.url}/v1"\n' \
           '[models.mine]\nroutes = ["openai/gpt-5-mini"]\nprice = { input = 3.0, output = 7.0 }\n'
    keys = {"OPENAI_API_KEY": "sk-x-1", "ANTHROPIC_API_KEY": "sk-x-2"}
    with Project({"sighter.toml": text}, keys) as made:
        listed = 1234567 * 250 + 89 * 2000  # nano-dollars
        for model, wanted in (("openai/gpt-5-mini", listed), ("openai/gpt-5-mini-2025-08-07", listed), ("mine", 1234567 * 3000 + 89 * 7000),
                              ("anthropic/claude-haiku-4-5-20251001", 1234567 * 1000 + 89 * 5000), ("openai/unlisted", None)):
            ran = made.run("fire", "hello", "-m", model, "--json")
            cost = ran.json()["cost_usd"] if ran.code == 0 else ran
            checks.equal(None if cost is None else round(cost * 1e9), wanted, f"{model}: cost in nano-dollars")
        import sqlite3
        [store] = [p for p in (made.folder / ".sighter").iterdir() if p.suffix in (".db", ".sqlite")]
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
            column = next(c[1] for c in db.execute("pragma table_info(call)") if "cost" in c[1] or "nano" in c[1])
            kept = [row[0] for row in db.execute(f"select {column} from call order by rowid")]
        checks.equal(sorted(k for k in kept if k is not None), sorted([listed, listed, 1234567 * 3000 + 89 * 7000, 1234567 * 1000 + 89 * 5000]), "kept as whole nano-dollars")
        ran = made.run("fire", "hello", "-m", "openai/unlisted")
        checks.that("price not known" in ran.err, "a price that is not known is said so", ran)
        table = (pathlib.Path(__file__).resolve().parents[2] / "data" / "prices.toml").read_text()
        checks.that('date = "20' in table, "the table of prices has a date")
    upstream.close()


if not os.path.exists(program()):
    print(f"no {program()}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (retries, broken_streams, fall_backs, proxies, ollama, prices):
    checks.run(test)
checks.finish()
