#!/usr/bin/env python3
"""Instructions that a request costs in user space, counted by callgrind: the same on a busy machine.

    bench/instructions.py [--build DIR] [--requests 2000] [--keep FILE] [ROW...]

Rows: relay recorded translated streams, as in bench/gateway.py; all of them when none is named. One core, eight
connections, every answer checked. `io` is bench/relay; nginx is one process without a master. `--keep` leaves
callgrind's file of sighter there, for callgrind_annotate.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import gateway

ROWS = ["relay", "recorded", "translated", "streams"]
WARM = 200


def project(folder, port, upstream, record, key):
    folder.mkdir()
    (folder / "sighter.toml").write_text(f"""
[providers.echo]
base_url = "http://127.0.0.1:{upstream}/v1"
parallel_max = 20000
[models.echo]
routes = ["echo/bench"]
price = {{ input = 1, output = 2 }}
[serve]
listen = "127.0.0.1:{port}"
ops_listen = "off"
record = "{record}"
cores = 1
{'key = "env:BENCH_KEY"' if key else ''}
""")


def nginx_conf(folder, port, upstream):
    folder.mkdir()
    places = " ".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {folder}/pid; error_log /dev/null crit;
events {{ worker_connections 1000; }}
http {{ access_log off; keepalive_requests 1000000000; {places} client_body_buffer_size 64k;
  upstream echo {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://echo; proxy_buffering off; proxy_http_version 1.1;
    proxy_set_header Connection ''; }} }} }}
""")


def count(build, row, who, requests, keep):
    """Instructions a request of one server under callgrind."""
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        upstream = gateway.our_upstream(build, chunks=20)
        port, key = gateway.free_port(), gateway.KEY if row == "recorded" else None
        if who == "sighter":
            project(work / "project", port, upstream.port, "full" if row == "recorded" else "none", key)
            words = [build / "sighter", "serve", "--project", work / "project"]
        elif who == "io":
            words = [build / "relay", str(upstream.port), "1"]
        else:
            nginx_conf(work / "nginx", port, upstream.port)
            words = ["nginx", "-p", work / "nginx", "-c", work / "nginx/nginx.conf", "-e", "/dev/null"]
        out = work / "callgrind"
        server = gateway.Server(who, ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *words], port,
                                stdout=subprocess.PIPE if who == "io" else subprocess.DEVNULL, env=dict(os.environ, BENCH_KEY=key or ""))
        if who == "io":
            server.port = int(server.process.stdout.readline())
        gateway.wait_for(server.port, 60)

        def load(wanted):
            messages = row == "translated" and who == "sighter"
            plan = [f"requests={wanted}", "connections=8", "model=echo", "door=messages" if messages else "door=chat",
                    f"stream={int(row == 'streams')}"] + ([f"header=Authorization:Bearer {key}"] if key else [])
            done = subprocess.run([build / "load", server.url("/v1/messages" if messages else None), *plan], capture_output=True, text=True)
            seen = json.loads(done.stdout)
            if seen["done"] != wanted or seen["wrong"] or seen["failed"]:
                raise SystemExit(f"{who}: of {wanted} answers {seen['done']} came, {seen['wrong']} wrong, {seen['failed']} failed")

        def tell(word):
            time.sleep(0.5)  # what follows an answer
            subprocess.run(["callgrind_control", word, str(server.process.pid)], check=True, capture_output=True)

        load(WARM)
        tell("-z")
        load(requests)
        tell("-d")
        counted = work / "callgrind.1"
        total = int(re.search(r"^(?:totals|summary): (\d+)", counted.read_text(), re.M).group(1))
        if keep and who == "sighter":
            shutil.copy(counted, keep)
        server.process.send_signal(signal.SIGTERM)
        server.process.stdin.close()
        server.process.wait(60)
        upstream.stop()
        return total / requests


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=gateway.TOP / "build/bench")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS])
    arguments = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    for row in arguments.rows or ROWS:
        others = {"relay": ["nginx", "io"], "streams": ["nginx", "io"]}.get(row, [])
        seen = [f"{who} {count(arguments.build, row, who, arguments.requests, arguments.keep):,.0f}" for who in [*others, "sighter"]]
        print(f"{row:10} instructions a request: {', '.join(seen)}", flush=True)


if __name__ == "__main__":
    main()
