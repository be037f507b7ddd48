#!/usr/bin/env python3
"""Instructions and allocations of the data plane, counted by valgrind, so the same on a busy machine as on a quiet one.

Pieces: `hot-path` (Benchmarks/HotPath) runs each with two counts, and the difference is divided. The whole request: the
allocations of server and agent themselves are counted (valgrind cannot run them) while a client asks for 1 KiB over a
connection that is kept.
Writes a table between the markers of docs/performance.md with `--write`.
"""

import http.client
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import reporting
from processes import Process

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("BUILD", ROOT / ".build" / "release"))
PIECES = [
    ("parse", "parse a browser's request head of 12 fields"),
    ("request", "write it for the agent (forwarding fields, cookies)"),
    ("response", "validate an answer's head of 8 fields and write it for the viewer"),
    ("codec", "an answer of 1 KiB: frames, WebSocket, mask, and back"),
    ("policy", "judge a request (viewer limit, two blocked paths) and let its viewer go"),
    ("gateway", "judge a page's read at the API gateway (1000 keys, 100 routes) and write its header fields"),
    ("gateway-write", "the same for a write with a session token seen before"),
    ("relay", "both ends of a tunnel for a GET of 1 KiB: streams, credit, frames (embedded channels)"),
]
CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
MEMCHECK = ["valgrind", "--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"]
INSTRUCTIONS = re.compile(r"Collected : (\d+)")
ALLOCATIONS = re.compile(r"total heap usage: ([\d,]+) allocs")


def count(tool, pattern, command):
    output = subprocess.run([*tool, *map(str, command)], capture_output=True, text=True).stderr
    return int(pattern.search(output).group(1).replace(",", ""))


def piece(build, name, few=200, many=2200):
    def difference(tool, pattern):
        first, second = (count(tool, pattern, [build / "hot-path", name, n]) for n in (few, many))
        return (second - first) / (many - few)

    return difference(CALLGRIND, INSTRUCTIONS), difference(MEMCHECK, ALLOCATIONS)


class App(BaseHTTPRequestHandler):
    """1 KiB for every request."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    body = b"x" * 1024

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


def relay(build, folder, port, few=200, many=2200):
    """Allocations of edge and agent for one GET, counted in the processes themselves."""
    library = folder / "count_allocations.so"
    source = Path(__file__).resolve().parent / "count_allocations.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DAYPASS_")}
    environment |= {"XDG_STATE_HOME": f"{folder}/state", "LD_PRELOAD": str(library)}
    server = agent = None

    def start(name, *command):
        return Process(name, [build / "daypass", *command], folder, environment | {"ALLOCATIONS_FILE": f"{folder}/{name}"})

    def counted():
        return [struct.unpack("Q", (folder / name).read_bytes())[0] for name in ("edge", "agent")]

    try:
        server = start("edge", "serve", "--control", "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data", folder / "data")
        ready = dict(f.split("=", 1) for f in server.wait_line(r"^daypass: ready (.*)$").group(1).split())
        agent = start("agent", "http", port, "--server", ready["control"], "--json", "--no-interactive")
        url = urlsplit(json.loads(agent.wait_line(r'^(\{.*"connected".*\})$').group(1))["url"])
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(ready["edge"]).port, timeout=60)

        def ask(times):
            for _ in range(times):
                connection.request("GET", f"{url.path}/", headers={"Host": url.netloc})
                assert len(connection.getresponse().read()) == 1024

        ask(few)
        before = counted()
        ask(many)
        return [(after - start) / many for after, start in zip(counted(), before)]
    finally:
        for process in (agent, server):
            if process:
                process.stop()


def stripped(folder):
    """The programs without debug information, which valgrind cannot read when it is newer than itself."""
    for name in ("hot-path", "daypass"):
        subprocess.run(["strip", "-g", "-o", Path(folder) / name, BUILT / name], check=True)
    return Path(folder)


def measure(build, folder):
    lines = ["| piece | instructions | allocations |", "| --- | ---: | ---: |"]

    def add(text, instructions, allocations):
        lines.append(f"| {text} | {instructions} | {allocations:.1f} |")
        print(lines[-1], file=sys.stderr, flush=True)

    for name, text in PIECES:
        instructions, allocations = piece(build, name)
        add(text, f"{instructions:,.0f}", allocations)
    app = ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=app.serve_forever, daemon=True).start()
    for part, allocations in zip(("edge", "agent"), relay(build, folder, app.server_port)):
        add(f"a GET of 1 KiB on a kept connection: everything in the {part}'s process", "", allocations)
    app.shutdown()
    return "\n".join(lines)


def main():
    with tempfile.TemporaryDirectory(prefix="daypass-hot-path.") as name:
        folder = Path(name)
        table = measure(stripped(folder), folder)
    print(table)
    if "--write" in sys.argv:
        reporting.write(ROOT / "docs" / "performance.md", table, "hot-path")


if __name__ == "__main__":
    main()
