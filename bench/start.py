#!/usr/bin/env python3
"""How long `sighter --version` takes, and what `sighter fire` adds to its upstream: start.py SIGHTER PROJECT PORT."""

import http.client
import json
import statistics
import subprocess
import sys
import time

ROUNDS = 40


def milliseconds(work):
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return f"median {statistics.median(taken):.1f} ms, least {min(taken):.1f}, most {max(taken):.1f}"


def main():
    sighter, project, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    number = iter(range(1 << 30))

    def run(*words):
        return subprocess.run([sighter, *words], check=True, capture_output=True, text=True).stdout

    def fire():
        word = f"hello {next(number)}"
        answer = run("fire", "echo", word, "--project", project)
        if word not in answer:
            sys.exit(f"fire answered {answer!r}")

    def direct():
        connection = http.client.HTTPConnection("127.0.0.1", port)
        body = json.dumps({"model": "echo", "messages": [{"role": "user", "content": "hello"}]})
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()

    print("/bin/true                   ", milliseconds(lambda: subprocess.run(["/bin/true"], check=True)))
    print("sighter --version           ", milliseconds(lambda: run("--version")))
    print("sighter fire, whole process ", milliseconds(fire))
    print("the upstream alone          ", milliseconds(direct))


main()
