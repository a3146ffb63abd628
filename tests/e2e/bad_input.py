#!/usr/bin/env python3
"""Every file that a person writes, broken in every way: each time the error says what, where (file:line:column) and what
to do, the exit code is 1 or 2, nobody is asked and nothing looks like a crash. And models' servers that stall, cut,
answer HTML, limit for ever, lie about lengths or refuse the key. Loopback, bounded."""

import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from lib.chat_server import ChatServer  # noqa: E402
from lib.checks import Checks  # noqa: E402
from lib.program import SIGHTER, Program  # noqa: E402

checks = Checks()
server = ChatServer()
PROJECT = f"""[providers.lab]
base_url = "{server.url}"
[models.good]
routes = ["lab/good"]
"""
FUNCTION = """input = { text = "string" }
output = { labels = ["yes", "no"] }
[bar]
metric = "exact"
at_least = 0.8
[variants.good]
kind = "prompt"
model = "good"
user = "user.md"
"""
CASES = "".join(f'{{"id": "c{i}", "input": "case {i} good:1", "expect": "yes"}}\n' for i in range(40))
FILES = {"sighter.toml": PROJECT, "functions/f/function.toml": FUNCTION, "functions/f/user.md": "Say: {{ input.text }}",
         "functions/f/cases.jsonl": CASES}


def project(**changed):
    program = Program()
    for name, content in {**FILES, **changed}.items():
        if content is not None:
            program.write(name, content)
    return program


def refused(what, changed, *says, words=("ready", "f"), place=None, seconds=60):
    """The program refuses this project: `says` are in the error, `place` is file:line[:column] or a pattern of it."""
    before = server.count()
    program = project(**changed)
    began = time.monotonic()
    code, out, err = program.run(*words, seconds=seconds)
    program.close()
    checks.that(code in (1, 2), f"{what}: exit code 1 or 2", f"{code}: {out[:200]} {err[:300]}")
    checks.that(re.search(r"^error: ", err, re.M) and not re.search("terminate called|Sanitizer|core dumped|internal fault|#0 ", err),
                f"{what}: an error and no crash", err)
    for text in says:
        checks.that(text in err, f"{what}: it says '{text}'", err)
    if place:
        checks.that(re.search(place, err), f"{what}: it says where, {place}", err)
    checks.that(len(err) < 4000, f"{what}: it is short", len(err))
    checks.equal(server.count(), before, f"{what}: nobody is asked")
    checks.that(time.monotonic() - began < seconds, f"{what}: in time")


def accepted(what, changed, words=("ready", "f")):
    program = project(**changed)
    code, out, err = program.run(*words)
    checks.equal(code, 0, f"{what} is fine: {err[:400]}")
    program.close()


def toml():
    for name, good in (("sighter.toml", PROJECT), ("functions/f/function.toml", FUNCTION)):
        at = re.escape(name)
        lines = good.count("\n")
        refused(f"{name}, syntax", {name: good + "oops = [1,\n"}, "this is not TOML", "\n  ", place=at + r":\d+:\d+")
        refused(f"{name}, a text without quotes", {name: good + "oops = yes\n"}, "this is not TOML", "\n  ", place=at + r":\d+:\d+")
        refused(f"{name}, an open text", {name: good + 'oops = "a\n'}, "a text stands between", place=at + r":\d+:\d+")
        refused(f"{name}, a key twice", {name: good + "a.b = 1\na.b = 2\n"}, "put the two together", place=at + r":\d+:\d+")
        refused(f"{name}, NUL", {name: good.encode() + b'x = "a\0b"\n'}, "a NUL byte", "save the file as UTF-8", place=at + rf":{lines + 1}:7")
        refused(f"{name}, invalid UTF-8", {name: good.encode() + b'x = "\xff\xfe"\n'}, place=at + rf":{lines + 1}")
        refused(f"{name}, deep nesting", {name: good + "x = " + "[" * 5000 + "]" * 5000 + "\n"}, "nested deeper than", "inside each other", place=at + rf":{lines + 1}:\d+")
        refused(f"{name}, deep tables", {name: good + "x = " + "{a=" * 5000 + "1" + "}" * 5000 + "\n"}, "nested deeper than", place=at + rf":{lines + 1}:\d+")
        refused(f"{name}, 50 MB line", {name: good + 'x = "' + "a" * 50_000_000 + '"\n'}, "larger than", "files of their own", place=at + rf":{lines + 1}:\d+")
        refused(f"{name}, unknown key", {name: "inpud = 3\n" + good}, "inpud", place=at + ":1:1")
        accepted(f"{name}, BOM", {name: b"\xef\xbb\xbf" + good.encode()})
        accepted(f"{name}, CRLF", {name: good.replace("\n", "\r\n")})
    at = "functions/f/function.toml"
    refused("a wrong type", {at: FUNCTION.replace("0.8", '"high"')}, "at_least", "write at_least = 0.5", place=at + ":5:")
    refused("a table for a text", {at: FUNCTION.replace('model = "good"', "model = { a = 1 }")}, "model", place=at + ":8:")
    refused("a value out of range", {at: FUNCTION.replace("0.8", "1.8")}, "at_least", place=at + ":5:")
    refused("an unknown kind", {at: FUNCTION.replace('"prompt"', '"promt"')}, "did you mean 'prompt'?", place=at + ":7:")
    refused("an unknown key of a variant", {at: FUNCTION + "temprature = 0\n"}, "temprature", "did you mean 'temperature'?", place=at + ":10:1")
    refused("a misspelt key that must be there", {at: FUNCTION.replace('kind = "prompt"', 'knd = "prompt"')}, "did you mean 'kind' by 'knd'?", place=at + ":7:")
    refused("a misspelt input", {at: FUNCTION.replace("input =", "inputs =", 1)}, "did you mean 'input' by 'inputs'?", place=at + ":1:")
    refused("an example that is no case", {at: FUNCTION + 'examples = ["c1", "c1x"]\n'}, "has no case 'c1x'", words=("fire", "f", "x"))
    refused("an unknown metric", {at: FUNCTION.replace('"exact"', '"exakt"')}, "did you mean 'exact'?", place=at + ":4:")
    refused("an unknown parameter of a metric", {at: FUNCTION.replace('"exact"', '{ kind = "exact", valeu = 1 }')}, "did you mean 'value'?", place=at + ":4:")
    refused("an unknown model", {at: FUNCTION.replace('model = "good"', 'model = "goood"')}, "did you mean 'good'?", place=at + ":6:")
    refused("a missing template", {"functions/f/user.md": None}, "user.md", place=at + ":9:")
    refused("a missing function.toml", {at: None}, "f")
    refused("an unknown function", {}, "did you mean 'f'?", words=("ready", "g"))
    refused("an unknown variant", {}, "did you mean 'good'?", words=("ready", "f", "--variant", "god"))
    refused("no project there", {}, "sighter.toml", words=("ready", "f", "--project", "nowhere"))
    refused("a GGUF path with a NUL", {"sighter.toml": PROJECT.replace('routes = ["lab/good"]', 'file = "a\\u0000b.gguf"')}, words=("fire", "f", "x"))
    refused("a GGUF path of a wrong type", {"sighter.toml": PROJECT.replace('routes = ["lab/good"]', "file = 3")}, "file", place=r"sighter\.toml:4:", words=("fire", "f", "x"))


def model_files():
    program = project()
    found = {f["what"]: f for f in program.json("doctor")[1]["findings"]}
    program.close()
    if not found["local models"]["ok"]:
        checks.skip("model files: built without llama.cpp")
        return
    refused("a missing GGUF file", {"sighter.toml": PROJECT.replace('routes = ["lab/good"]', 'file = "none.gguf"')}, "none.gguf", words=("fire", "f", "x"))
    refused("a file that is no GGUF", {"sighter.toml": PROJECT.replace('routes = ["lab/good"]', 'file = "no.gguf"'), "no.gguf": "not a model\n" * 100},
            "no.gguf", words=("fire", "f", "x"))
    local = PROJECT.replace('routes = ["lab/good"]', 'file = "no.gguf"')
    head = b"GGUF" + (3).to_bytes(4, "little")
    for what, content in (("an empty file", b""), ("a GGUF of four bytes", b"GGUF"), ("a cut GGUF", head + (2).to_bytes(8, "little") + (5).to_bytes(8, "little")),
                          ("a GGUF of a version to come", b"GGUF" + (99).to_bytes(4, "little") + bytes(64)),
                          ("a GGUF that claims 2^60 keys", head + bytes(8) + (1 << 60).to_bytes(8, "little") + bytes(64)),
                          ("a GGUF whose key never ends", head + bytes(8) + (1).to_bytes(8, "little") + (1 << 62).to_bytes(8, "little") + b"x" * 64)):
        refused(f"a model file: {what}", {"sighter.toml": local, "no.gguf": content}, "no.gguf", words=("fire", "f", "x"))
    refused("a folder for a GGUF file", {"sighter.toml": PROJECT.replace('routes = ["lab/good"]', 'file = "functions"')}, "functions", words=("fire", "f", "x"))


def settings():
    """What sighter.toml says is checked when the project is read, by every verb."""
    at = r"sighter\.toml"
    head = f'[providers.lab]\nbase_url = "{server.url}"\n'
    end = '[models.good]\nroutes = ["lab/good"]\n'
    refused("an empty list of routes", {"sighter.toml": head + "[models.good]\nroutes = []\n"}, "empty", "provider/model", place=at + ":4:10")
    for url, says in (("http://127.0.0.1:99999/v1", "from 1 to 65535"), ("http://127.0.0.1:0", "from 1 to 65535"), ("http://a:b", "no port"), ("127.0.0.1:80/v1", "does not begin with http"),
                      ("ftp://a/v1", "does not begin with http"), ("http://", "names no host"), ("http://u:p@a/v1", "name or a password"), ("http://a b/v1", "a blank"), ("http://[::1]:70000", "from 1 to 65535")):
        refused(f"base_url {url}", {"sighter.toml": f'[providers.lab]\nbase_url = "{url}"\n' + end}, says, "for example http://", place=at + ":2:12")
    for header, says in (('"x y" = "1"', "name of a header"), ('"" = "1"', "name of a header"), ('"x-a" = "1\\r\\n2"', "control character"), ('"x-a" = "1\\u00002"', "control character"), ('x-a = "\\u007f"', "control character")):
        refused(f"headers {header}", {"sighter.toml": head + f"headers = {{ {header} }}\n" + end}, says, place=at + ":3:")
    refused("headers of a variant", {"functions/f/function.toml": FUNCTION + '[variants.good.headers]\n"x y" = "1"\n'}, "name of a header", place=r"function\.toml:11:")
    for words in (("ready", "f"), ("log",)):
        for line, says in (('listen = "nope"', "HOST:PORT"), ("listen = 7", "a string"), ('lsten = "a:1"', "did you mean 'listen'?"), ('key = "sk-1"', "by reference"), ('record = "all"', "metadata"), ("cores = -1", "from 0 to")):
            refused(f"{words[0]}: [serve] {line}", {"sighter.toml": PROJECT + f"[serve]\n{line}\n"}, says, words=words, place=at + r":\d+:\d+")


def rows(count, broken, line):
    good = [f'{{"id": "c{i}", "input": "case {i} good:1", "expect": "yes"}}\n'.encode() for i in range(count)]
    good[broken - 1] = line
    return b"".join(good)


def json_lines():
    at = "functions/f/cases.jsonl"
    place = re.escape(at)
    refused("a broken line 150,000 of 200,000", {at: rows(200_000, 150_000, b'{"input": "x", "expect": }\n')}, place=place + ":150000:26")
    refused("a line that is no object", {at: rows(40, 7, b"3\n")}, place=place + ":7:")
    refused("an id that occurs twice", {at: rows(40, 7, b'{"id": "c3", "input": "x", "expect": "yes"}\n')}, "c3", place=place + ":7:8")
    refused("a member that occurs twice", {at: rows(40, 7, b'{"input": "x", "input": "y", "expect": "yes"}\n')}, "input", place=place + ":7:")
    refused("no input", {at: rows(40, 7, b'{"expect": "yes"}\n')}, "input", place=place + ":7:1")
    refused("no expectation", {at: rows(40, 7, b'{"input": "x"}\n')}, "expect", "1 of 40", place=place + ":7")
    for wrong, meant in (("clustr", "cluster"), ("tagz", "tags"), ("expct", "expect"), ("inputs", "input")):
        refused(f"the member {wrong}", {at: rows(40, 7, b'{"input": "x", "%s": "yes", "expect": "no"}\n' % wrong.encode())}, f"did you mean '{meant}'?", place=place + ":7:16")
    refused("a member that is none", {at: rows(40, 7, b'{"input": "x", "weight": 3, "expect": "no"}\n')}, "weight", "known: input, expect, id, cluster, tags", place=place + ":7:16")
    refused("tags that are a list", {at: rows(40, 7, b'{"input": "x", "tags": [1], "expect": "no"}\n')}, "'tags' must be an object, not", place=place + ":7:24")
    refused("an id that is a list", {at: rows(40, 7, b'{"input": "x", "id": [1], "expect": "no"}\n')}, "'id' must be a string or a number", place=place + ":7:22")
    refused("a label that is none", {at: rows(40, 7, b'{"input": "x", "expect": "yess"}\n')}, "yess", "did you mean 'yes'?", place=place + ":7:26")
    refused("an unknown field of the input", {at: rows(40, 7, b'{"input": {"txet": "x"}, "expect": "yes"}\n')}, "did you mean 'text'?", place=place + ":7:20")
    refused("a field of a wrong type", {at: rows(40, 7, b'{"expect": "yes", "input": {"text": 3}}\n')}, "string", place=place + ":7:37")
    refused("a file cut in the middle", {at: CASES + '{"input": "x", "exp'}, "ends too early", "close what is open", place=place + ":41:20")
    refused("a list of cases", {"t.json": '[{"text": "x", "label": "yes"}]'}, "must be an object", "without a list around them", words=("ready", "t.json"), place=r"t\.json:1:1")
    refused("NUL", {at: rows(40, 7, b'{"input": "x\0", "expect": "yes"}\n')}, "a NUL byte", "u0000", place=place + ":7:13")
    refused("invalid UTF-8", {at: rows(40, 7, b'{"input": "x\xff", "expect": "yes"}\n')}, place=place + ":7:13")
    refused("deep nesting", {at: rows(40, 7, b'{"input": ' + b"[" * 100_000 + b"]" * 100_000 + b', "expect": "yes"}\n')}, "nested deeper than", "inside each other", place=place + ":7:")
    refused("a broken line of 50 MB", {at: rows(40, 7, b'{"input": "' + b"a" * 50_000_000 + b'", "expect": yes}\n')}, place=place + ":7:500000")
    refused("a line of 70 MB", {at: rows(40, 7, b'{"input": "' + b"a" * 70_000_000 + b'", "expect": "yes"}\n')}, "longer than", place=place + ":7")
    refused("an empty file", {at: b""}, at)
    accepted("cases with a BOM, CRLF and empty lines", {at: b"\xef\xbb\xbf" + CASES.replace("\n", "\r\n\r\n").encode()})
    accepted("cases without a last line end", {at: CASES.rstrip("\n")})


def csv():
    head = b"text,expect\n"
    good = [b"case %d good:1,yes\n" % i for i in range(200_000)]

    def refused_csv(what, content, *says, place=None):
        refused(what, {"t.csv": content}, *says, words=("ready", "t.csv"), place=place)

    refused_csv("a CSV row with too many fields, line 150,000", head + b"".join(good[:149_998]) + b"a,b,c\n" + b"".join(good[149_998:]), "quote fields", place=r"t\.csv:150000:5")
    refused_csv("a CSV row with too few fields", head + good[0] + b"a\n", "write the missing ones", place=r"t\.csv:3:2")
    refused_csv("a quote that is not closed", head + good[0] + b'"a,yes\n' + b"".join(good[:50]), "no closing quote", "double the quotes", place=r"t\.csv:3:1")
    refused_csv("text behind a quote", head + good[0] + b'"a"b,yes\n', "double the quotes", place=r"t\.csv:3:4")
    refused_csv("a quote closed by a later row's", head + good[0] + b'"a,yes\n"b",no\n' + good[0], "begins at", place=r"t\.csv:4:2")
    refused_csv("a CSV file with a NUL", head + good[0] + b"a\0,yes\n", "a NUL byte", place=r"t\.csv:3:2")
    refused_csv("a CSV file with invalid UTF-8", head + good[0] + b"a\xff,yes\n", "UTF-8", place=r"t\.csv:3:2")
    refused_csv("a CSV row of 70 MB", head + good[0] + b"a" * 70_000_000 + b",yes\n", "longer than", "a quote not closed", place=r"t\.csv:3:\d+")
    refused_csv("a quote of 70 MB that is not closed", head + good[0] + b'"' + b"a\n" * 35_000_000, "no closing quote", place=r"t\.csv:3:1")
    refused_csv("a column name that occurs twice", b"text,text,expect\n" + b"a,b,yes\n", "text", "another name", place=r"t\.csv:1:6")
    refused_csv("an Excel file", b"PK\x03\x04" + bytes(200), "Excel", "as CSV", place=r"t\.csv:1:1")
    refused_csv("a PDF file", b"%PDF-1.7\n", "PDF", "CSV or JSON Lines", place=r"t\.csv:1:1")
    refused_csv("UTF-16", "text,expect\n".encode("utf-16"), "UTF-16", "UTF-8", place=r"t\.csv:1:1")
    refused("a text file", {"t.txt": "one\ntwo\n"}, ".csv or .tsv", words=("ready", "t.txt"), place=r"t\.txt:1:")
    team = "text,team\n" + "".join(f"case {i},yes\n" for i in range(40))
    refused("a column of answers with a name of its own", {"functions/f/cases.jsonl": None, "functions/f/cases.csv": team}, "unknown field 'team'", "call it expect or label", place=r"cases\.csv:2:8")
    beside = "input,note,expect\n" + "case,x,yes\n" * 40
    refused("a column beside 'input'", {"functions/f/cases.jsonl": None, "functions/f/cases.csv": beside}, "unknown column 'note'", place=r"cases\.csv:1:7")
    inch = 'text,label\n5" screen,no\n' + "".join(f"case {i},yes\n" for i in range(40))
    accepted("a quote in the middle of a field", {"functions/f/cases.jsonl": None, "functions/f/cases.csv": inch}, words=("ready", "f", "--dry-run"))
    refused_csv("a CSV file of a header alone", head, "t.csv")
    refused_csv("an empty CSV file", b"", "t.csv")
    refused("a column that is not there", {"t.csv": head + b"".join(good[:30])}, "no column 'txt'", "text, expect", words=("ready", "t.csv", "--input", "txt"))
    refused("a file that is not there", {}, "none.csv", words=("ready", "none.csv"))
    mixed = [b'"a, %d ""quoted""",yes\r\n' % i if i % 2 else b"plain %d,no\r\n" % i for i in range(60)]
    program = project(**{"t.csv": b"\xef\xbb\xbf" + head.replace(b"\n", b"\r\n") + b"".join(mixed)})
    code, report, err = program.json("ready", "t.csv", "--at-least", "0.1")
    checks.that(code in (0, 100, 101) and report.get("function") == "t", "a CSV file with BOM, CRLF and quotes is read", f"{code} {err}")
    checks.that("input: text" in err and "expected answer: expect" in err, "and it says what it took for what", err)
    program.close()


def tsv():
    head = b"text\texpect\n"
    good = [b"case %d good:1\tyes\n" % i for i in range(200_000)]
    for what, content, place in (("a broken line 150,000 of 200,000", head + b"".join(good[:149_998]) + b"a\tb\tc\n" + b"".join(good[149_998:]), r"t\.tsv:150000"),
                                 ("a NUL", head + good[0] + b"a\0\tyes\n", r"t\.tsv:3"), ("invalid UTF-8", head + good[0] + b"a\xff\tyes\n", r"t\.tsv:3")):
        refused(f"TSV: {what}", {"t.tsv": content}, words=("ready", "t.tsv"), place=place)
    program = project(**{"t.tsv": b"\xef\xbb\xbf" + (head + b"".join(b"case %d\t%s\n" % (i, b"yes" if i % 2 else b"no") for i in range(60))).replace(b"\n", b"\r\n")})
    code, out, err = program.run("ready", "t.tsv", "--at-least", "0.1")
    checks.that(code in (0, 100, 101) and "expected answer: expect" in err, "TSV with BOM and CRLF is read", f"{code} {err}")
    program.close()


def templates():
    at = "functions/f/user.md"
    place = re.escape(at)
    refused("an open block", {at: "a\nb {% if x %}\nc"}, place=place + ":2:")
    refused("an unknown filter", {at: "a\n{{ input.text | uper }}"}, "upper", place=place + ":2:")
    refused("a statement that is refused", {at: "{% import 'x' as y %}"}, "import", place=place + ":1:")
    refused("an included file that is missing", {at: 'a\n{% include "hand.md" %}', "functions/f/handbook.md": "x"}, "there is no template 'hand.md'", "\n  ", place=place + ":2:12")
    refused("an included file spelt wrongly", {at: '{% include "handbok.md" %}', "functions/f/handbook.md": "x"}, "did you mean 'handbook.md'?", place=place + ":1:12")
    refused("a variable that is none", {at: "a {{ 1 + inptu.text }}"}, "did you mean 'input'?", place=place + ":1:10")
    refused("a field that is none", {at: "a {{ input.text ~ input.txet }}"}, "input.text", place=place + ":1:")
    refused("a template with invalid UTF-8", {at: b"a\n\xff {{ input.text }}"}, place=place + ":2")
    refused("a template with NUL", {at: b"a\n{{ input.text }} \0"}, place=place + ":2")
    refused("deep nesting in a template", {at: "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}"}, place=place + ":1")
    refused("deep blocks in a template", {at: "{% if 1 %}" * 20_000 + "{% endif %}" * 20_000}, place=place + ":1")
    refused("a template of 50 MB", {at: "a" * 50_000_000}, "larger than", place=place + ":1:4194305")
    accepted("a template with BOM and CRLF", {at: b"\xef\xbb\xbfSay:\r\n{{ input.text }}"})


def schemas():
    at = "functions/f/out.json"
    place = re.escape("out.json")

    def refused_schema(what, content, *says, place=None):
        refused(what, {"functions/f/function.toml": FUNCTION.replace('{ labels = ["yes", "no"] }', '{ schema = "out.json" }'), at: content}, *says, place=place)

    refused_schema("a schema that is not there", None, "out.json", place="function.toml:2:")
    refused_schema("a schema that is no JSON", '{"type":\n nonsense}', place=place + ":2:2")
    refused_schema("an empty schema", "", "empty", "properties", place=place + ":1:1")
    refused_schema("an unknown keyword", '{"type": "object",\n "propertis": {}}', "did you mean 'properties'?", place=place + ":2:2")
    refused_schema("an unknown keyword further in", '{"properties": {"a/b": {"type": "string",\n "maxLenght": 3}}}', "did you mean 'maxLength'?", place=place + ":2:2")
    refused_schema("a keyword of OpenAPI", '{"type": "string", "nullable": true}', "OpenAPI", place=place + ":1:20")
    refused_schema("then without if", '{"then": {}}', "without 'if'", place=place + ":1:2")
    refused_schema("a wrong type in a schema", '{"type": "strin"}', "strin", place=place + r":1:\d+")
    refused_schema("a keyword's wrong type", '{"minLength": "3"}', "minLength", place=place + r":1:\d+")
    refused_schema("a reference to nothing", '{"$ref": "#/$defs/none"}', "none", place=place)
    refused_schema("deep nesting in a schema", '{"not":' * 5000 + "{}" + "}" * 5000, place=place)
    refused_schema("a schema with invalid UTF-8", b'{"title": "\xff"}', place=place + ":1:")
    refused_schema("a schema with a NUL", b'{"title": "a\0"}', place=place + ":1:")
    refused_schema("a schema that is cut", '{"type": "object",\n "properties": {', place=place + ":2:")
    refused_schema("a schema with a member twice", '{"type": "object",\n "type": "array"}', "type", place=place + ":2:")
    refused_schema("a schema of 50 MB", '{"title": "' + "a" * 50_000_000 + '"}', "out.json")
    accepted_schema = FUNCTION.replace('{ labels = ["yes", "no"] }', '{ schema = "out.json" }')
    inline = FUNCTION.replace('{ labels = ["yes", "no"] }', '{ schema = { type = "object" } }')
    refused("a schema in function.toml", {"functions/f/function.toml": inline}, "must name a file", "output.schema.json", place=r"function\.toml:2:21")
    annotated = '{"title": "t", "description": "d", "default": 1, "examples": [], "deprecated": false, "readOnly": true, "$comment": "c", "x-mine": 1, "discriminator": {"propertyName": "k"}}'
    for what, content in (("annotations", annotated), ("a BOM", b'\xef\xbb\xbf{"type": "string"}'), ("CRLF", b'{\r\n"type":\r\n"string"}\r\n')):
        program = project(**{"functions/f/function.toml": accepted_schema, at: content})
        code, out, err = program.run("ready", "f", "--dry-run")
        checks.equal(code, 0, f"a schema with {what} is fine: {err[:300]}")
        program.close()


def finished_stays():
    """What was answered before a mistake is there afterwards."""
    program = project()
    code, first, err = program.json("ready", "f", "--full")
    checks.equal(code, 0, f"a first run: {err}")
    asked = server.count()
    program.write("functions/f/cases.jsonl", CASES + "{broken\n")
    code, out, err = program.run("ready", "f", "--full")
    checks.that(code in (1, 2) and "cases.jsonl:41:2" in err, "then a broken line", err)
    program.write("functions/f/cases.jsonl", CASES)
    code, again, err = program.json("ready", "f", "--full")
    checks.equal(again.get("reused"), 40, "mended, it reads all from the store")
    checks.equal(server.count(), asked, "and asks nobody")
    program.close()


def upstreams():
    variants = {"html": "html", "limited": "429", "locked": "Incorrect API key", "cut": "", "long": "", "short": "", "garbage": ""}
    models = "".join(f'[models.{name}]\nroutes = ["lab/{name}"]\n' for name in variants)
    program = project(**{
        "sighter.toml": PROJECT + models,
        "functions/f/function.toml": FUNCTION + "".join(f'[variants.{name}]\nkind = "prompt"\nmodel = "{name}"\n' for name in variants)})
    code, report, err = program.json("ready", "f", "--limit", "10", seconds=240)
    checks.that(code in (0, 101), "the good variant is judged beside all bad ones", f"{code} {err}")
    by_name = {variant["variant"]: variant for variant in report.get("variants", [])}
    checks.equal(report.get("winner"), "good", "it wins")
    checks.equal(by_name.get("good", {}).get("errors"), 0, "without an error")
    for name, says in variants.items():
        row = by_name.get(name, {})
        failed = not row.get("ran", True) or row.get("errors", 0) > 0 or "gave up" in row.get("note", "")
        checks.that(failed and row.get("score", 0) == 0, f"{name}: no answer counts as right", row)
        checks.that(row.get("verdict") != "READY", f"{name}: is not ready", row)
        if name in ("limited", "locked"):
            checks.that(says in row.get("note", "") or "slow down" in row.get("note", ""), f"{name}: it says why", row)
    program.close()


if not os.access(SIGHTER, os.X_OK):
    print(f"no {SIGHTER}: build it first, or set SIGHTER")
    sys.exit(1)
for test in (toml, settings, model_files, json_lines, csv, tsv, templates, schemas, finished_stays, upstreams):
    began = time.monotonic()
    checks.run(test)
    if time.monotonic() - began > 60:
        print(f"{test.__name__}: {time.monotonic() - began:.0f} s", flush=True)
checks.finish()
