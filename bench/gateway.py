#!/usr/bin/env python3
"""`sighter serve` beside nginx as a plain proxy and another gateway, in one run, taking turns.

    bench/gateway.py [--build DIR] [--rounds 3] [--seconds 4] [--peer] [ROW...]

Rows: relay recorded translated latency streams paced open memory overload start; all of them when none is named; and
soak, which runs only when it is named (twice --soak seconds at half of what the machine can).
Each row prints what every server did in each round, the ratio to nginx of the same round (median, least,
most) and the processor time a request of the server took, which holds on a busy machine too. While wrk
loads, a program that checks every answer runs beside it. `--peer` adds Portkey (npm); `io` is bench/relay:
our HTTP server and client without anything between them.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TOP = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = {"nginx": "nginx-light", "wrk": "wrk"}
PEER = "@portkey-ai/gateway@1.15.2"
ANSWER = "fixed-answer"
KEY = "bench-key-0123456789"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, seconds=20.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.002)
    sys.exit(f"nothing listens on port {port}")


def children(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += children(int(child))
    return found


class Server:
    """A process that listens. `url` is where a Chat Completions client posts."""

    def __init__(self, name, words, port, path="/v1/chat/completions", headers=(), **options):
        self.name, self.port, self.path, self.headers = name, port, path, dict(headers)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        stdout=options.pop("stdout", subprocess.DEVNULL), **options)

    def url(self, path=None):
        return f"http://127.0.0.1:{self.port}{path or self.path}"

    def cpu_seconds(self):
        total = 0
        for pid in children(self.process.pid):
            for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                total += int(stat.read_text().split()[0])
        return total / 1e9

    def resident_kb(self):
        total = 0
        for pid in children(self.process.pid):
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        return total

    def stop(self):
        for pid in reversed(children(self.process.pid)):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def our_upstream(build, **settings):
    server = Server("upstream", [build / "upstream", *(f"{k}={v}" for k, v in settings.items())], 0, stdout=subprocess.PIPE)
    server.port = int(server.process.stdout.readline())
    return server


def nginx(work, name, body, workers):
    folder = work / name
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(f"""
daemon off; pid {folder}/pid; error_log /dev/null crit; worker_processes {workers}; worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  default_type application/json; client_body_buffer_size 64k;
  {body.replace("PORT", str(port))}
}}
""")
    server = Server(name, ["nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "/dev/null"], port)
    wait_for(port)
    return server


def fixed_reply():
    reply = {"id": "chatcmpl-bench", "object": "chat.completion", "created": 1700000000, "model": "bench",
             "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "logprobs": None, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 60, "completion_tokens": 20, "total_tokens": 80}, "system_fingerprint": ""}
    text = json.dumps(reply, separators=(",", ":"))
    reply["system_fingerprint"] = "f" * (757 - len(text))
    return json.dumps(reply, separators=(",", ":"))


def nginx_fixed(work):
    return nginx(work, "fixed", f"server {{ listen 127.0.0.1:PORT reuseport; location / {{ return 200 '{fixed_reply()}'; }} }}", 1)


def nginx_proxy(work, fixed, echo):
    proxy = "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Authorization 'Bearer 0123456789';"
    return nginx(work, "nginx", f"""
  upstream fixed {{ server 127.0.0.1:{fixed}; keepalive 512; keepalive_requests 1000000000; }}
  upstream echo {{ server 127.0.0.1:{echo}; keepalive 16384; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:PORT reuseport; {proxy}
    location /v1/ {{ proxy_pass http://fixed; }}
    location /echo/v1/ {{ proxy_buffering off; proxy_pass http://echo/v1/; }} }}""", 2)


def sighter(build, work, name, fixed, echo, record, key=None, in_flight=10_000):
    folder = work / name
    folder.mkdir()
    port = free_port()
    (folder / "sighter.toml").write_text(f"""
[providers.fixed]
base_url = "http://127.0.0.1:{fixed}/v1"
parallel_max = 20000
[providers.echo]
base_url = "http://127.0.0.1:{echo}/v1"
parallel_max = 20000
[models.bench]
routes = ["fixed/bench"]
price = {{ input = 1, output = 2 }}
[models.echo]
routes = ["echo/bench"]
price = {{ input = 1, output = 2 }}
[serve]
listen = "127.0.0.1:{port}"
ops_listen = "off"
record = "{record}"
in_flight_max = {in_flight}
{'key = "env:BENCH_KEY"' if key else ''}
""")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    environment = dict(os.environ, BENCH_KEY=key or "")
    server = Server(name, [build / "sighter", "serve", "--project", folder], port, headers=headers, env=environment)
    wait_for(port)
    return server


def portkey(work, upstream):
    folder = pathlib.Path(os.environ.get("SIGHTER_CACHE", pathlib.Path.home() / ".cache/sighter")) / "bench/portkey"
    start = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not start.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, PEER], check=True)
    port = free_port()
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{upstream}/v1", "Authorization": "Bearer 0123456789"}
    environment = dict(os.environ, TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost", NODE_ENV="production")
    server = Server("portkey", ["node", start, f"--port={port}", "--headless"], port, headers=headers, env=environment)
    wait_for(port)
    return server


class Bench:
    def __init__(self, arguments, work):
        self.build, self.rounds, self.seconds, self.work = arguments.build, arguments.rounds, arguments.seconds, work
        self.peer, self.ok, self.running = arguments.peer, True, []
        self.soak_seconds = arguments.soak
        self.can_serve = subprocess.run([self.build / "sighter", "serve", "--help"], capture_output=True).returncode == 0
        if not self.can_serve:
            print("this sighter has no 'serve': its rows are left out")

    def keep(self, server):
        self.running.append(server)
        return server

    def stop_all(self):
        while self.running:
            self.running.pop().stop()

    def servers(self, record="none", key=None, **upstream):
        """nginx, sighter, the bare relay and the peer, all before the same upstreams."""
        echo = self.keep(our_upstream(self.build, **upstream))
        fixed = self.keep(nginx_fixed(self.work / self.folder()))
        work = self.work / self.folder()
        found = [nginx_proxy(work, fixed.port, echo.port)]
        if self.can_serve:
            found.append(sighter(self.build, work, "sighter", fixed.port, echo.port, record, key))
        relay = Server("io", [self.build / "relay", str(fixed.port)], 0, stdout=subprocess.PIPE)
        relay.port = int(relay.process.stdout.readline())
        found.append(relay)
        if self.peer:
            found.append(portkey(work, fixed.port))
        for server in found:
            self.keep(server)
        self.fixed, self.echo = fixed, echo
        return found

    def folder(self):
        name = f"row{len(list(self.work.glob('row*')))}"
        (self.work / name).mkdir()
        return name

    def load(self, server, path=None, **plan):
        words = [self.build / "load", server.url(path), *(f"{k}={v}" for k, v in plan.items())]
        words += [f"header={k}:{v}" for k, v in server.headers.items()]
        done = subprocess.run(words, capture_output=True, text=True)
        if not done.stdout.startswith("{"):
            sys.exit(f"load failed: {done.stdout}{done.stderr}")
        result = json.loads(done.stdout)
        if result["wrong"] or result["failed"]:
            self.ok = False
            print(f"    {server.name}: {result['wrong']} wrong, {result['failed']} failed; {done.stderr.strip()}")
        return result

    def wrk(self, server, connections, path=None, messages=False):
        """Requests a second by wrk, while `load` checks answers on two more connections."""
        body = {"model": "bench", "messages": [{"role": "user", "content": ""}]}
        if messages:
            body["max_tokens"] = 256
        body["messages"][0]["content"] = "q" * (484 - len(json.dumps(body, separators=(",", ":"))))
        script = self.work / "post.lua"
        lines = ["wrk.method = 'POST'", f"wrk.body = '{json.dumps(body, separators=(',', ':'))}'"]
        for name, value in {"Content-Type": "application/json", **server.headers}.items():
            lines.append(f"wrk.headers['{name}'] = '{value}'")
        lines.append("done = function(s, l, r) io.write(string.format('%d %d %d %d %d %.1f %.1f\\n', s.requests, s.duration,"
                     " s.errors.status, s.errors.read + s.errors.connect + s.errors.write + s.errors.timeout, s.bytes,"
                     " l:percentile(50), l:percentile(99))) end")
        script.write_text("\n".join(lines) + "\n")
        done = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{self.seconds}s", "-s", script, server.url(path)],
                              capture_output=True, text=True, check=True)
        requests, micros, bad, broken, _, p50, p99 = done.stdout.splitlines()[-1].split()
        if int(bad) or int(broken):
            self.ok = False
            print(f"    {server.name}: {bad} answers of another status than 200, {broken} broken")
        return {"done": int(requests), "per_second": int(requests) / int(micros) * 1e6, "p50_us": float(p50), "p99_us": float(p99)}

    def checked(self, server, connections, messages=False):
        """wrk, and beside it a program that checks every answer it gets: each must repeat its request's number."""
        if server.name in ("sighter",):
            path, plan = ("/v1/messages" if messages else "/v1/chat/completions"), {"model": "echo"}
        elif server.name == "nginx":
            path, plan = "/echo/v1/chat/completions", {}
        else:
            path = None
        beside = None
        if path:
            words = [self.build / "load", server.url(path), "connections=2", f"seconds={self.seconds}", *(f"{k}={v}" for k, v in plan.items())]
            words += ["door=messages"] if messages and server.name == "sighter" else []
            words += [f"header={k}:{v}" for k, v in server.headers.items()]
            beside = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = server.cpu_seconds()
        result = self.wrk(server, connections, "/v1/messages" if messages and server.name == "sighter" else None,
                          messages and server.name == "sighter")
        if beside:
            out, err = beside.communicate()
            seen = json.loads(out)
            if seen["wrong"] or seen["failed"] or not seen["done"]:
                self.ok = False
                print(f"    {server.name}: of {seen['done']} answers {seen['wrong']} wrong, {seen['failed']} failed; {err.strip()}")
            result["done"] += seen["done"]
            result["per_second"] += seen["per_second"]
        result["cpu_us"] = (server.cpu_seconds() - before) / result["done"] * 1e6
        return result

    def compare(self, title, servers, measure, value, unit, less_is_better=False):
        print(f"{title}")
        for server in servers:
            measure(server)  # connections, caches
        seen = {server.name: [] for server in servers}
        for turn in range(self.rounds):
            for server in servers if turn % 2 == 0 else servers[::-1]:
                seen[server.name].append(measure(server))
        for name, results in seen.items():
            values = [r[value] for r in results]
            ratios = [r[value] / n[value] for r, n in zip(results, seen["nginx"]) if n[value]]
            line = f"  {name:8} " + " ".join(f"{v:10,.1f}" for v in values) + f" {unit}"
            line += f"   x nginx {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
            if "cpu_us" in results[0]:
                line += f"   processor time {statistics.median(r['cpu_us'] for r in results):.1f} us"
            print(line, flush=True)
        return seen

    # The rows.

    def relay(self):
        servers = self.servers()
        self.compare("relay, nothing recorded, 64 connections", servers, lambda s: self.checked(s, 64), "per_second", "req/s")

    def recorded(self):
        servers = [s for s in self.servers(record="full", key=KEY) if s.name != "io"]
        self.compare("key checked, usage metered, every call a durable row, 64 connections", servers,
                     lambda s: self.checked(s, 64), "per_second", "req/s")

    def translated(self):
        servers = [s for s in self.servers() if s.name not in ("io", "portkey")]
        self.compare("dialect translated (Messages client, Chat Completions upstream), 64 connections", servers,
                     lambda s: self.checked(s, 64, messages=True), "per_second", "req/s")

    def latency(self):
        servers = self.servers()
        direct = [self.wrk(self.fixed, 1) for _ in range(self.rounds)]
        p50, p99 = (statistics.median(r[k] for r in direct) for k in ("p50_us", "p99_us"))
        print(f"one connection; the upstream alone p50 {p50:.0f} us, p99 {p99:.0f} us")
        for key, less in (("p50_us", p50), ("p99_us", p99)):
            for server in servers:
                values = [self.wrk(server, 1)[key] - less for _ in range(self.rounds)]
                print(f"  {server.name:8} added {key[:3]} " + " ".join(f"{v:8.0f}" for v in values) + " us", flush=True)

    def streamed(self, server, **plan):
        before = server.cpu_seconds()
        if server.name == "sighter":
            result = self.load(server, model="echo", stream=1, **plan)
        else:
            result = self.load(server, "/echo/v1/chat/completions" if server.name == "nginx" else None, stream=1, **plan)
        result["cpu_us"] = (server.cpu_seconds() - before) / max(1, result["done"]) * 1e6
        return result

    def stream_servers(self, **upstream):
        servers = [s for s in self.servers(**upstream) if s.name != "io" and s.name != "portkey"]
        relay = self.keep(Server("io", [self.build / "relay", str(self.echo.port)], 0, stdout=subprocess.PIPE))
        relay.port = int(relay.process.stdout.readline())
        return servers + [relay] + ([self.keep(portkey(self.work / self.folder(), self.echo.port))] if self.peer else [])

    def streams(self):
        servers = self.stream_servers(chunks=20)
        self.compare("streams of 20 chunks sent at once, 64 in parallel", servers,
                     lambda s: self.streamed(s, connections=64, seconds=self.seconds), "per_second", "streams/s")

    def paced(self):
        servers = self.stream_servers(chunks=20, chunk_ms=50)
        print("1,000 streams at 50 ms a chunk; microseconds")
        for turn in range(self.rounds):
            for server in [self.echo, *servers]:
                r = self.streamed(server, connections=1000, requests=3000)
                print(f"  {server.name:8} first p50 {r['first_p50_us']:8.0f} p99 {r['first_p99_us']:8.0f}   chunk on its way p50 "
                      f"{r['way_p50_us']:8.0f} p99 {r['way_p99_us']:8.0f}   processor time a stream {r['cpu_us']:.0f}", flush=True)

    def open(self):
        servers = self.stream_servers(chunks=20, chunk_ms=500)
        count = 9500
        print(f"{count} streams open at the same time")
        for server in [s for s in servers if s.name != "portkey"]:
            before = server.resident_kb()
            most = before
            words = [self.build / "load", server.url("/echo/v1/chat/completions" if server.name == "nginx" else None),
                     "model=echo" if server.name == "sighter" else "model=bench", "stream=1", f"connections={count}", f"requests={count}"]
            words += [f"header={k}:{v}" for k, v in server.headers.items()]
            run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while run.poll() is None:
                most = max(most, server.resident_kb())
                time.sleep(0.1)
            result = json.loads(run.stdout.read())
            self.ok = self.ok and result["done"] == count and not result["wrong"]
            print(f"  {server.name:8} {result['done']} complete, {result['wrong']} wrong, {result['failed']} failed, "
                  f"{(most - before) / count:.1f} KB a stream {run.stderr.read().strip()}", flush=True)

    def memory(self):
        servers = [s for s in self.servers(record="full") if s.name != "io"]
        print("memory")
        for server in servers:
            idle = server.resident_kb() / 1024
            after = []
            for _ in range(3):
                self.load(server, "/echo/v1/chat/completions" if server.name == "nginx" else None,
                          model="echo" if server.name == "sighter" else "bench", connections=16, requests=40_000) if server.name != "portkey" else None
                after.append(server.resident_kb() / 1024)
            print(f"  {server.name:8} idle {idle:.1f} MB, after 40,000 requests each " + " ".join(f"{a:.1f}" for a in after), flush=True)

    def overload(self):
        """64 requests at a time are let in, each takes 50 ms; 640 clients ask, and again 50 ms after a refusal."""
        print("overload: 10 x what is let in, 64 at a time at 50 ms each")
        self.echo = self.keep(our_upstream(self.build, delay_ms=50))
        server = self.keep(sighter(self.build, self.work / self.folder(), "sighter", self.echo.port, self.echo.port, "full", None, 64))
        alone = self.load(server, model="echo", connections=64, seconds=self.seconds)
        before = server.resident_kb() / 1024
        crowd = self.load(server, model="echo", connections=640, seconds=self.seconds * 3, pause_ms=50)
        after = server.resident_kb() / 1024
        print(f"  64 clients:  {alone['per_second']:,.0f} answers/s, p50 {alone['p50_us'] / 1000:.1f} ms, p99 {alone['p99_us'] / 1000:.1f} ms")
        print(f"  640 clients: {crowd['per_second']:,.0f} answers/s, p50 {crowd['p50_us'] / 1000:.1f} ms, p99 {crowd['p99_us'] / 1000:.1f} ms; "
              f"{crowd['refused'] / crowd['seconds']:,.0f} refused/s, p50 {crowd['refused_p50_us'] / 1000:.2f} ms, "
              f"p99 {crowd['refused_p99_us'] / 1000:.1f} ms; memory {before:.1f} MB before, {after:.1f} after", flush=True)
        self.ok = self.ok and crowd["refused"] > 0 and crowd["done"] > 0

    def soak(self):
        self.echo = self.keep(our_upstream(self.build))
        server = self.keep(sighter(self.build, self.work / self.folder(), "sighter", self.echo.port, self.echo.port, "full"))
        rate = int(self.load(server, model="echo", connections=64, seconds=self.seconds)["per_second"] / 2)
        print(f"soak: {rate:,} requests/s, each a durable row, twice {self.soak_seconds} s")
        for turn in ("first", "second"):
            words = [self.build / "load", server.url(), "model=echo", "connections=64", f"rate={rate}", f"seconds={self.soak_seconds}"]
            run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            seen = []
            while run.poll() is None:
                seen.append(server.resident_kb() / 1024)
                time.sleep(1)
            result = json.loads(run.stdout.read())
            self.ok = self.ok and not result["wrong"] and not result["failed"]
            tenths = [seen[len(seen) * i // 10] for i in range(10)] + [seen[-1]]
            print(f"  {turn:6} {result['done']} right, {result['wrong']} wrong, {result['failed']} failed, p50 {result['p50_us']:.0f} us, "
                  f"p99 {result['p99_us']:.0f} us; MB at each tenth: " + " ".join(f"{m:.1f}" for m in tenths), flush=True)

    def start(self):
        print("start and size")
        stripped = self.work / "stripped"
        subprocess.run(["strip", "-o", stripped, self.build / "sighter"], check=True)
        print(f"  sighter stripped: {stripped.stat().st_size / 1e6:.1f} MB")
        if not self.can_serve:
            return
        self.servers()
        taken = []
        for _ in range(10):
            begin = time.perf_counter()
            server = sighter(self.build, self.work / self.folder(), "sighter", self.fixed.port, self.echo.port, "full")
            body = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "hi"}]}).encode()
            request = urllib.request.Request(server.url(), body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request) as reply:
                assert ANSWER in reply.read().decode()
            taken.append((time.perf_counter() - begin) * 1000)
            server.stop()
        print(f"  from exec to the first answered request: median {statistics.median(taken):.0f} ms, least {min(taken):.0f}, most {max(taken):.0f}")


ROWS = ["relay", "recorded", "translated", "latency", "streams", "paced", "open", "memory", "overload", "start"]
LONG = ["soak"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build/bench")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--soak", type=int, default=600)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS, *LONG])
    arguments = parser.parse_args()
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if missing:
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-remove", "--no-install-recommends", *missing], check=True, stdout=subprocess.DEVNULL)
    os.environ["PATH"] += ":/usr/sbin"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, pathlib.Path(folder))
        for row in arguments.rows or ROWS:
            try:
                getattr(bench, row)()
            finally:
                bench.stop_all()
    print("every checked answer was right" if bench.ok else "some answers were wrong")
    sys.exit(0 if bench.ok else 1)


if __name__ == "__main__":
    main()
