#!/usr/bin/env python3
"""Speed of the tunnel, beside nginx as a plain reverse proxy of the same local app, in one run.

Prints a table; never fails because a machine is slow. See README.md beside this file for what the columns mean.
"""

import datetime
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import idle
from processes import Process

HERE = Path(__file__).resolve().parent
BINARY = os.environ.get("DAYPASS_BIN", HERE.parent / ".build" / "release" / "daypass")
SECONDS = int(os.environ.get("SECONDS_PER_RUN", "6"))
ROUNDS = 2
IDLE_TUNNELS = int(os.environ.get("IDLE_TUNNELS", "500"))
os.environ["PATH"] += ":/usr/sbin:/sbin"

# name, file, connections
CASES = [
    ("1 KiB, 64 connections", "1k.bin", 64),
    ("1 KiB, 1 connection", "1k.bin", 1),
    ("1 MiB, 8 connections", "1m.bin", 8),
]

NGINX = """
daemon off; worker_processes auto; pid {folder}/{name}.pid; error_log {folder}/{name}.error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/{name}.body; proxy_temp_path {folder}/{name}.proxy;
    fastcgi_temp_path {folder}/{name}.fastcgi; uwsgi_temp_path {folder}/{name}.uwsgi; scgi_temp_path {folder}/{name}.scgi;
    {body}
}}
"""
APP = "server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ root {folder}/files; }} }}"
PROXY = """
    upstream app {{ server 127.0.0.1:{app}; keepalive 128; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_max_temp_file_size 0;
        }}
    }}
"""


# What one owner and one address may do is limited; a benchmark is one owner and one address.
LIFTED_LIMITS = {
    "DAYPASS_SESSIONS_OPEN_SESSIONS_PER_CREATOR": "100000",
    "DAYPASS_EDGE_REQUESTS_PER_SECOND": "10000000",
    "DAYPASS_EDGE_REQUESTS_PER_SECOND_PER_ADDRESS": "10000000",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_nginx(name, folder, template, **values):
    port = free_port()
    configuration = folder / f"{name}.conf"
    body = template.format(port=port, folder=folder, **values)
    configuration.write_text(NGINX.format(folder=folder, name=name, body=body))
    process = Process(name, ["nginx", "-p", folder, "-c", configuration, "-e", folder / f"{name}.error.log"], folder)
    return process, f"http://127.0.0.1:{port}"


class Contender:
    """Something in front of the local app: where to load it, and whose work to count."""

    def __init__(self, name, base, host, **processes):
        self.name, self.base, self.host, self.processes = name, base, host, processes

    def fetch(self, file):
        request = urllib.request.Request(f"{self.base}/{file}", headers={"Host": self.host})
        return idle.OPENER.open(request, timeout=10).read()

    def load(self, file, connections, seconds):
        """One run of wrk; its numbers and the CPU seconds each process used meanwhile."""
        before = {name: process.cpu_seconds() for name, process in self.processes.items()}
        output = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-H", f"Host: {self.host}",
             "-s", HERE / "report.lua", f"{self.base}/{file}"],
            capture_output=True, text=True, timeout=seconds + 60,
        )
        found = re.search(r"^JSON (.*)$", output.stdout, re.MULTILINE)
        if not found:
            raise SystemExit(f"bench: wrk failed: {output.stdout}{output.stderr}")
        result = json.loads(found.group(1))
        result["cpu"] = {name: process.cpu_seconds() - before[name] for name, process in self.processes.items()}
        return result


def wait_until_answers(contender, file, expected):
    """The same bytes through every contender, or there is nothing to compare."""
    deadline = time.monotonic() + 20
    while True:
        try:
            body = contender.fetch(file)
            if body != expected:
                raise SystemExit(f"bench: {contender.name} does not deliver {file} unchanged")
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"bench: {contender.name} does not answer: {error}") from error
            time.sleep(0.05)


def start_daypass(folder, app):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DAYPASS_", "WORMKEY_"))}
    environment["XDG_STATE_HOME"] = str(folder / "state")
    environment |= LIFTED_LIMITS
    server = Process(
        "edge", [BINARY, "serve", "--control", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data", folder / "data"],
        folder, environment,
    )
    ready = dict(part.split("=", 1) for part in server.wait_line(r"^daypass: ready (.*)$").group(1).split())
    agent = Process(
        "agent",
        [BINARY, "http", str(urlsplit(app).port), "--server", ready["control"], "--json", "--no-interactive",
         "--max-viewers", "100", "--block", "/admin", "--block", "/api/internal"],
        folder, environment,
    )
    session = json.loads(agent.wait_line(r'^(\{.*"connected".*\})$').group(1))
    public = urlsplit(session["url"])
    edge = f"http://127.0.0.1:{urlsplit(ready['edge']).port}"
    return server, agent, ready["control"], edge, f"{edge}{public.path}", public.netloc


def summarize(runs):
    """All rounds of one case as one row of numbers."""
    requests = sum(run["requests"] for run in runs)
    seconds = sum(run["duration"] for run in runs) / 1e6
    cpu = {name: sum(run["cpu"][name] for run in runs) for name in runs[0]["cpu"]}
    return {
        "rate": requests / seconds,
        "p50": sum(run["p50"] for run in runs) / len(runs) / 1000,
        "p99": sum(run["p99"] for run in runs) / len(runs) / 1000,
        "cpu": {name: value / max(requests, 1) * 1e6 for name, value in cpu.items()},
        "errors": sum(run["errors"] for run in runs),
        "throughput": sum(run["bytes"] for run in runs) / seconds / 1e6,
    }


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def version(*command):
    output = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", output.stdout + output.stderr)
    return found.group(0) if found else "?"


def machine():
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True
    ).stdout.strip()
    today = datetime.datetime.now(datetime.timezone.utc).date()
    return (
        f"{today}, commit {commit or '?'}, {os.cpu_count()} cores ({model.group(1) if model else platform.machine()}), "
        f"nginx {version('nginx', '-v')}, wrk {version('wrk', '-v')}, {ROUNDS} × {SECONDS} s per case and contender"
    )


def run(folder, started):
    (folder / "files").mkdir()
    contents = {"1k.bin": os.urandom(1024), "1m.bin": os.urandom(1 << 20)}
    for name, content in contents.items():
        (folder / "files" / name).write_bytes(content)

    app, app_url = start_nginx("app", folder, APP)
    started.append(app)
    proxy, proxy_url = start_nginx("proxy", folder, PROXY, app=urlsplit(app_url).port)
    started.append(proxy)
    server, agent, control, edge, tunnel_url, host = start_daypass(folder, app_url)
    started.extend([server, agent])
    contenders = [
        Contender("nginx as reverse proxy", proxy_url, urlsplit(proxy_url).netloc, nginx=proxy),
        Contender("daypass (edge + agent)", tunnel_url, host, edge=server, agent=agent),
    ]
    lines = [
        f"Local app: nginx with static files. {machine()}.", "",
        row("case", "contender", "requests/s", "of nginx", "p50 ms", "p99 ms", "MB/s", "CPU µs/request", "resident MB"),
        row(*["---"] * 2, *["---:"] * 7),
    ]
    for name, file, connections in CASES:
        runs = {contender.name: [] for contender in contenders}
        for contender in contenders:
            wait_until_answers(contender, file, contents[file])
            contender.load(file, connections, 1)
        # In turns, so that whatever else the machine does meets all of them.
        for _ in range(ROUNDS):
            for contender in contenders:
                runs[contender.name].append(contender.load(file, connections, SECONDS))
        limit = summarize(runs[contenders[0].name])["rate"]
        for contender in contenders:
            result = summarize(runs[contender.name])
            cpu = ", ".join(f"{key} {value:.0f}" for key, value in result["cpu"].items())
            memory = ", ".join(
                f"{key} {process.resident_bytes() / 1e6:.0f}" for key, process in contender.processes.items()
            )
            note = f" ({result['errors']} errors)" if result["errors"] else ""
            lines.append(row(
                name, contender.name + note, f"{result['rate']:,.0f}", f"{result['rate'] / limit:.2f}",
                f"{result['p50']:.2f}", f"{result['p99']:.2f}", f"{result['throughput']:,.0f}", cpu, memory,
            ))
            print(lines[-1], file=sys.stderr, flush=True)
    measured = idle.measure(control, edge, server, IDLE_TUNNELS)
    if measured:
        size, count = measured
        lines += ["", f"Idle tunnels: {size / 1000:.0f} KB of resident memory at the edge for each of {count} (version 0)."]
    return "\n".join(lines)


def main():
    folder = Path(tempfile.mkdtemp(prefix="daypass-bench."))
    # nginx's workers run as another user when the benchmark runs as root; they must read the files.
    folder.chmod(0o755)
    started = []
    try:
        table = run(folder, started)
    finally:
        for process in reversed(started):
            process.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(table)
    if out := os.environ.get("OUT"):
        Path(out).write_text(table + "\n")


if __name__ == "__main__":
    main()
