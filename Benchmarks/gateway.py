"""The API gateway: what its check costs a proxied request, forward-auth behind Caddy, and a million keys."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from contenders import HERE, OPENER, PROXY, Contender, Daypass, free_port, start_nginx
from processes import Process
from reporting import Goal, Section, row
from settings import API_KEYS, ROUNDS, SECONDS
from speed import summarize

# The same files below other paths too: with a session, and as Caddy hands them on, base path and all.
APP = """
    server {{
        listen {address}:{port} backlog=1024;
        location / {{ root {files}; }}
        location /with-session/ {{ alias {files}/; }}
        location /api/v1/ {{ alias {files}/; }}
    }}
"""
ORIGIN = "https://shop.example"
CONNECTIONS = 64
HOT_PATH = Path(os.environ.get("HOT_PATH", HERE.parent / ".build" / "release" / "hot-path"))
LARGE = 1_000_000_000
CADDYFILE = """
{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
}}
http://127.0.0.1:{plain} {{
    reverse_proxy 127.0.0.1:{app}
}}
http://:{guarded} {{
    bind 127.0.0.1
    forward_auth 127.0.0.1:{control} {{
        uri /forward-auth
        copy_headers X-Daypass-Tenant X-Daypass-Key-Id X-Daypass-Scopes X-Daypass-Channel X-Daypass-Web-Origin
    }}
    reverse_proxy 127.0.0.1:{app}
}}
"""


class Gateway(Daypass):
    """A server with one tenant in front of the app, and a key for it."""

    def start(self):
        super().start()
        self.token = self.server.wait_line(r"admin token.*: (\S+)$").group(1)

    def admin(self, method, path, body):
        request = urllib.request.Request(
            f"{self.control}/admin/v1/{path}", json.dumps(body).encode(), method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with OPENER.open(request, timeout=30) as answer:
            return json.load(answer)

    def serve(self, app):
        """The tenant and its key: limits too large to meet, but counted."""
        limits = [{"class": name, "maximum": LARGE, "per": per}
                  for name in ("reads", "writes", "sessions") for per in ("key", "visitor")]
        self.admin("PUT", "plans/bench", {"name": "bench", "limits": limits})
        # A GET may ask for a session too, and then costs what a write costs; files are not POSTed.
        routes = [{"methods": ["GET"], "path": "/{file}", "scope": "files"},
                  {"methods": ["GET"], "path": "/with-session/{file}", "scope": "files", "session": "always"}]
        routes += [{"methods": ["GET"], "path": f"/things-{n}/{{id}}", "scope": "things"} for n in range(50)]
        self.admin("POST", "tenants", {
            "slug": "bench", "hosts": ["bench.localhost"], "basePath": "/api/v1", "upstream": app, "routes": routes,
        })
        key = self.admin("POST", "keys", {
            "tenant": "bench", "name": "bench", "scopes": ["files"], "webOrigins": [ORIGIN], "plan": "bench",
        })
        self.key = key["secret"]

    def headers(self, **more):
        return {"Authorization": f"Bearer {self.key}", "Origin": ORIGIN} | more

    def session(self):
        request = urllib.request.Request(
            f"{self.edge}/api/v1/sessions", b"", method="POST", headers=self.headers(Host="bench.localhost")
        )
        with OPENER.open(request, timeout=10) as answer:
            return json.load(answer)["data"]["sessionToken"]


def start_caddy(running, folder, app, control):
    """Caddy without and with forward-auth; None where it is not installed."""
    if not shutil.which("caddy"):
        print("bench: without Caddy, which is not installed", file=sys.stderr)
        return None
    plain, guarded = free_port(), free_port()
    (folder / "Caddyfile").write_text(CADDYFILE.format(
        plain=plain, guarded=guarded, app=urlsplit(app).port, control=urlsplit(control).port
    ))
    environment = dict(os.environ, XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder), HOME=str(folder))
    caddy = running.add(Process(
        "caddy", ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"], folder, environment
    ))
    return caddy, f"http://127.0.0.1:{plain}", f"http://127.0.0.1:{guarded}"


def decision_microseconds(case):
    """CPU time of one decision: two runs of the hot path by itself, subtracted from each other."""
    def spent(count):
        before = os.times().children_user
        subprocess.run([HOT_PATH, case, str(count)], check=True, stdout=subprocess.DEVNULL)
        return os.times().children_user - before

    few, many = 20_000, 220_000
    return min((spent(many) - spent(few)) / (many - few) for _ in range(3)) * 1e6


def run(running, folder, contents):
    app, app_url = start_nginx(running, "app", folder, APP)
    proxy, proxy_url = start_nginx(running, "proxy", folder, PROXY, app=urlsplit(app_url).port)
    gateway = Gateway(running, folder)
    gateway.serve(app_url)
    base = f"{gateway.edge}/api/v1"
    with_key = gateway.headers()
    contenders = {
        "proxy": Contender("nginx as reverse proxy", proxy_url, nginx=proxy),
        "read": Contender("daypass: key, web origin, route, scope, limits", base, "bench.localhost", with_key,
                          edge=gateway.server),
        "write": Contender("daypass: the same, and a session token", f"{base}/with-session", "bench.localhost",
                           with_key | {"X-Session-Token": gateway.session()}, edge=gateway.server),
    }
    if caddy := start_caddy(running, folder, app_url, gateway.control):
        process, plain, guarded = caddy
        forwarded = with_key | {"Host": "bench.localhost"}
        contenders["caddy"] = Contender("Caddy as reverse proxy", plain, caddy=process)
        contenders["forward-auth"] = Contender(
            "Caddy, forward-auth at daypass", f"{guarded}/api/v1", "bench.localhost", forwarded, caddy=process,
            control=gateway.server,
        )

    section = Section("API gateway")
    section.table(["contender", "requests/s", "of nginx", "p50 ms", "p99 ms", "CPU µs/request"])
    results = {name: [] for name in contenders}
    for name, contender in contenders.items():
        contender.wait_until_answers("1k.bin", contents["1k.bin"])
        contender.load("1k.bin", CONNECTIONS, 1)
    for _ in range(ROUNDS):
        for name, contender in contenders.items():
            results[name].append(contender.load("1k.bin", CONNECTIONS, SECONDS))
    figures = {name: summarize(runs) for name, runs in results.items()}
    for name, result in figures.items():
        note = f" ({result['errors']} errors)" if result["errors"] else ""
        section.add(row(
            contenders[name].name + note, f"{result['rate']:,.0f}", f"{result['rate'] / figures['proxy']['rate']:.2f}",
            f"{result['p50']:.2f}", f"{result['p99']:.2f}",
            ", ".join(f"{key} {value:.0f}" for key, value in result["cpu"].items()),
        ))
        print(section.lines[-1], file=sys.stderr, flush=True)
    section.add("", f"1 KiB, {CONNECTIONS} connections, {ROUNDS} × {SECONDS} s each, in turns; 52 routes.")
    decisions(section, figures)
    keys(section)
    return [section]


def decisions(section, figures):
    """The decision by itself, and its share of a proxied request."""
    if not HOT_PATH.exists():
        return
    section.add("")
    section.table(["decision by itself", "CPU µs", "of the rest of the request's CPU in the edge"])
    for case, name, text in (("gateway", "read", "read"), ("gateway-write", "write", "write with a session token")):
        spent = decision_microseconds(case)
        whole = figures[name]["all cpu"]
        share = spent / (whole - spent)
        section.add(row(text, f"{spent:.1f}", f"{share:.1%}"))
        section.goals.append(Goal(f"gateway, {text}: decision", "≤ 20 µs CPU", "", f"{spent:.1f} µs", spent <= 20, False))
        section.goals.append(Goal("… added to a proxied request", "≤ 15 % CPU", "", f"{share:.1%}", share <= 0.15, False))


def keys(section):
    """Many keys: memory, decisions and changes."""
    if not HOT_PATH.exists():
        return
    section.add("")
    section.table(["API keys", "memory", "bytes/key", "decision µs", "change of one key µs"], left=1)
    found = []
    for count in (1000, API_KEYS):
        output = subprocess.run([HOT_PATH, "keys", str(count)], capture_output=True, text=True, check=True).stdout
        found.append(json.loads(re.search(r"^\{.*\}$", output, re.MULTILINE).group(0)))
        last = found[-1]
        section.add(row(
            f"{count:,}", f"{last['bytes'] * count / 1e6:,.0f} MB", last["bytes"], f"{last['decision_ns'] / 1000:.1f}",
            f"{last['change_ns'] / 1000:.1f}",
        ))
        print(section.lines[-1], file=sys.stderr, flush=True)
    ratio = found[1]["decision_ns"] / found[0]["decision_ns"]
    section.goals.append(Goal(
        f"{API_KEYS:,} keys", "decision as with 1,000", "", f"× {ratio:.2f}, {found[1]['bytes'] * API_KEYS / 1e6:,.0f} MB",
        ratio <= 1.5, False,
    ))
