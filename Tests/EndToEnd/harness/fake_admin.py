"""A stand-in for the admin API: everything under `/admin/v1` answered from memory in the shapes of
`docs/admin-api.md`, everything else passed on to the real server, which also says who is signed in."""

import http.client
import json
import re
import secrets
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9.-]+(:\d+)?$")


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def now():
    return datetime.now(timezone.utc)


class Refused(Exception):
    def __init__(self, status, code, message, details=()):
        super().__init__(message)
        self.status = status
        self.body = {"error": message, "code": code}
        if details:
            self.body["details"] = [{"path": path, "message": words} for path, words in details]


class FakeAdmin:
    """`base` is where the console is reached; `upstream` the port of the real control listener."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.tenants, self.keys, self.plans = {}, {}, {"standard": {"name": "standard", "limits": []}}
        self.usage, self.refusals, self.events = [], [], []
        self.calls = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                fake.respond(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = any

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.base = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    # Requests

    def respond(self, request, body):
        target = urlsplit(request.path)
        if not target.path.startswith("/admin/v1/"):
            return self.forward(request, request.command, request.path, body)
        # Whoever may list access tokens is the admin.
        status, fields, answer = self.ask(request, "GET", "/tokens", b"")
        if status != 200:
            return self.send(request, status, fields, answer)
        self.calls.append((request.command, request.path, body))
        try:
            status, value = self.call(
                request.command, [unquote(p) for p in target.path.split("/")[3:]], dict(parse_qsl(target.query)),
                json.loads(body) if body else {},
            )
        except Refused as refusal:
            status, value = refusal.status, refusal.body
        data = b"" if value is None else json.dumps(value).encode()
        return self.send(request, status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")], data)

    def ask(self, request, method, path, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=20)
        skipped = ("connection", "content-length", "transfer-encoding")
        fields = {k: v for k, v in request.headers.items() if k.lower() not in skipped}
        connection.request(method, path, body or None, fields)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in (*skipped, "date", "server")]
        return answer.status, kept, data

    def forward(self, request, method, path, body):
        self.send(request, *self.ask(request, method, path, body))

    def send(self, request, status, fields, body):
        request.send_response(status)
        for name, value in fields:
            request.send_header(name, value)
        if status not in (204, 304):
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD" and status not in (204, 304):
            request.wfile.write(body)

    # The calls

    def call(self, method, path, query, body):
        match (method, path):
            case ("GET", ["tenants"]):
                return 200, {"tenants": [self.tenants[slug] for slug in sorted(self.tenants)]}
            case ("POST", ["tenants"]):
                tenant = {
                    "hosts": [], "basePath": "/api/v1", "status": "active", "modules": [], "sessionMinutes": 60,
                    "default": False, "routes": [], **body,
                }
                self.tenants[tenant["slug"]] = tenant
                self.note("tenant_created", tenant["slug"], f"added tenant {tenant['slug']}")
                return 201, tenant
            case ("GET", ["tenants", slug]):
                return 200, self.find(self.tenants, slug)
            case ("POST", ["tenants", slug, "status"]):
                tenant = self.find(self.tenants, slug)
                tenant["status"] = body["status"]
                self.note("tenant_status_changed", slug, f"{slug} is {body['status']}")
                return 200, tenant
            case ("GET", ["plans"]):
                return 200, {"plans": list(self.plans.values())}
            case ("GET", ["keys"]):
                keys = [k for k in reversed(self.keys.values()) if query.get("tenant") in (None, k["tenant"])]
                start = next((i + 1 for i, k in enumerate(keys) if k["id"] == query.get("after")), 0)
                limit = int(query.get("limit", 20))
                page = keys[start:start + limit]
                return 200, {"keys": page, "next": page[-1]["id"] if len(keys) > start + limit else None}
            case ("POST", ["keys"]):
                return self.create_key(body)
            case ("GET", ["keys", key]):
                return 200, self.find(self.keys, key)
            case ("POST", ["keys", key]):
                record = self.find(self.keys, key)
                self.check({**record, **body})
                record.update(body)
                self.note("key_updated", record["tenant"], f"changed key {key}")
                return 200, record
            case ("POST", ["keys", key, "rotate"]):
                record = self.find(self.keys, key)
                secret = self.secret(record)
                hours = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}.get(body.get("grace"), 0)
                record["previous"] = {"key": record["key"], "worksUntil": text(now() + timedelta(hours=hours))}
                record["key"] = f"{secret[:8]}…{secret[-4:]}"
                self.note("key_rotated", record["tenant"], f"rotated key {key}")
                return 200, {**record, "secret": secret}
            case ("POST", ["keys", key, "revoke"]):
                record = self.find(self.keys, key)
                record["revokedAt"] = text(now())
                self.note("key_revoked", record["tenant"], f"revoked key {key}")
                return 200, record
            case ("POST", ["keys", key, "revoke-sessions"]):
                return 200, self.find(self.keys, key)
            case ("GET", ["usage"]):
                start, until = query["from"], query["until"]
                found = [
                    u for u in self.usage
                    if start <= u["start"] < until and query.get("tenant") in (None, u["tenant"])
                    and query.get("key") in (None, u["key"])
                ]
                return 200, {"usage": found}
            case ("GET", ["refusals"]):
                found = [
                    r for r in self.refusals
                    if query.get("tenant") in (None, r["tenant"]) and query.get("code") in (None, r["code"])
                ]
                return 200, {"refusals": found[:int(query.get("limit", 20))]}
            case ("GET", ["audit"]):
                found = [e for e in reversed(self.events) if query.get("tenant") in (None, e["tenant"])]
                return 200, {"events": found[:int(query.get("limit", 20))]}
        raise Refused(404, "not_found", "There is nothing here.")

    def find(self, things, name):
        if name not in things:
            raise Refused(404, "not_found", "There is nothing of that name.")
        return things[name]

    def note(self, action, tenant, summary):
        self.events.append({
            "at": text(now()), "actor": "admin", "address": "127.0.0.1", "action": action, "tenant": tenant,
            "summary": summary,
        })

    def check(self, body):
        problems = []
        if not body.get("name"):
            problems.append(("name", "must have 1 to 128 characters"))
        if not body.get("scopes"):
            problems.append(("scopes", "must have 1 to 100 entries"))
        for index, scope in enumerate(body.get("scopes") or []):
            if not re.fullmatch(r"[a-z0-9][a-z0-9:._-]{0,63}", scope):
                problems.append((f"scopes[{index}]", "must be 1 to 64 of a-z, 0-9, colon, dot, hyphen and underscore"))
        for index, origin in enumerate(body.get("webOrigins") or []):
            if not ORIGIN.match(origin):
                problems.append((f"webOrigins[{index}]", "must be a scheme, a host and a port if it is not the usual"))
        if body.get("kind", "publishable") == "publishable" and not body.get("webOrigins"):
            problems.append(("webOrigins", "must name the web origins whose pages may use the key"))
        if problems:
            raise Refused(422, "validation_error", "The request is not valid.", problems)

    def secret(self, record):
        kind = "pk" if record["kind"] == "publishable" else "sk"
        return f"{kind}_{record['mode']}_" + "".join(secrets.choice("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(36))

    def create_key(self, body):
        self.find(self.tenants, body.get("tenant"))
        self.check(body)
        record = {
            "id": "key_" + secrets.token_hex(6), "kind": "publishable", "mode": "live", "webOrigins": [],
            "plan": "standard", "createdAt": text(now()), "expiresAt": None, "revokedAt": None, "lastUsedAt": None,
            **{k: v for k, v in body.items() if k != "expiresIn"},
        }
        record.setdefault("channels", "server" if record["kind"] == "secret" else "browser")
        if "expiresIn" in body:
            record["expiresAt"] = text(now() + timedelta(days=int(body["expiresIn"][:-1])))
        secret = self.secret(record)
        record["key"] = f"{secret[:8]}…{secret[-4:]}"
        self.keys[record["id"]] = record
        self.note("key_created", record["tenant"], f"made key {record['name']}")
        return 201, {**record, "secret": secret}

    # What traffic would have left behind

    def traffic(self, tenant, key):
        """Counts of the last 30 days and some refusals."""
        this_hour = now().replace(minute=0, second=0, microsecond=0)
        for hours in range(0, 24 * 30):
            start = text(this_hour - timedelta(hours=hours))
            shape = 40 + (hours * 37) % 83 + (60 if 8 <= (24 - hours) % 24 <= 18 else 0)
            self.usage.append({"start": start, "tenant": tenant, "key": key, "code": None, "count": shape})
            for code, part in (("RATE_LIMITED", 9), ("ORIGIN_NOT_ALLOWED", 17), ("SESSION_EXPIRED", 31)):
                if hours % 3 != part % 3:
                    self.usage.append({
                        "start": start, "tenant": tenant, "key": key, "code": code, "count": max(1, shape // part),
                    })
        messages = {
            "RATE_LIMITED": "Too many requests. Wait as long as Retry-After says.",
            "ORIGIN_NOT_ALLOWED": "This API key may not be used from here.",
            "API_KEY_INVALID": "This API key does not exist. Check that it was copied whole.",
            "SESSION_REQUIRED": "Create a session token with POST sessions and send it in X-Session-Token.",
        }
        for index, (code, message) in enumerate(messages.items()):
            self.refusals.append({
                "at": text(now() - timedelta(minutes=index * 7)), "tenant": tenant,
                "key": None if code == "API_KEY_INVALID" else key, "code": code, "message": message, "method": "POST",
                "path": "/api/v1/quotes", "webOrigin": "https://shop.example.com", "address": "203.0.113.9",
                "requestId": f"req_{index}aaaaaaaaaaaaaaa",
            })
