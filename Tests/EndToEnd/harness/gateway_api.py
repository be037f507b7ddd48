"""The API gateway as its users have it: an administrator, tenants, keys, pages and servers that call, and forgers.

Written from the reference page, `docs/browser-sessions.md` and `docs/admin-api.md`.
"""

import base64
import hashlib
import hmac
import itertools
import json
import socket
import threading
import time
import uuid

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .raw import Viewer

SHOP = "https://shop.example"
BASE = "/api/v1"
ROOMY = "roomy"
_numbers = itertools.count(1)
PERS = ("key", "visitor", "address", "tenant")


def roomy_limits():
    """Limits that no test reaches by accident."""
    return [limit(c, 60, 1_000_000, "key") for c in ("reads", "writes", "sessions")]


def limit(name, seconds, maximum, per):
    return {"class": name, "windowSeconds": seconds, "maximum": maximum, "per": per}


def route(methods, path, scope="quotes:read", **more):
    methods = methods.split() if isinstance(methods, str) else methods
    return {"methods": methods, "path": path, "scope": scope, **more}


class Admin:
    """The admin API of a server."""

    def __init__(self, server, token=None):
        self.server = server
        self.token = token or server.admin_token()
        self.client = server.client(self.token)

    def call(self, method, path, body=None, status=(200, 201, 204)):
        """One call; its JSON. `status` is what it must answer."""
        answer = self.client.request(method, f"/admin/v1{path}", json=body)
        wanted = status if isinstance(status, tuple) else (status,)
        assert answer.status_code in wanted, f"{method} {path} {body}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def plan(self, limits, name=None):
        name = name or f"plan-{next(_numbers)}"
        self.call("PUT", f"/plans/{name}", {"name": name, "limits": limits})
        return name

    def tenant(self, upstream, routes, slug=None, **fields):
        """A new tenant at `{slug}.localhost`; `upstream` is a URL or a port of this machine."""
        slug = slug or f"tenant{next(_numbers)}"
        if isinstance(upstream, int):
            upstream = f"http://127.0.0.1:{upstream}"
        body = {
            "slug": slug, "hosts": [f"{slug}.localhost"], "basePath": BASE, "upstream": upstream, "routes": routes,
            "modules": [], **fields,
        }
        return Tenant(self, self.call("POST", "/tenants", body))

    def revoke_session(self, sid):
        self.call("POST", f"/browser-sessions/{sid}/revoke")


class Key:
    """A key; `secret` is what the page or server sends."""

    def __init__(self, tenant, record):
        self.tenant, self.record = tenant, record
        self.id, self.secret = record["id"], record["secret"]

    @property
    def path(self):
        return f"/keys/{self.id}"

    def now(self):
        return self.tenant.admin.call("GET", self.path)

    def revoke(self):
        return self.tenant.admin.call("POST", f"{self.path}/revoke")

    def rotate(self, **body):
        """The key with its new secret; this object keeps the old one."""
        record = self.tenant.admin.call("POST", f"{self.path}/rotate", body)
        return Key(self.tenant, record)

    def __str__(self):
        return self.secret


class Tenant:
    """A tenant, and requests to it as bytes."""

    def __init__(self, admin, record):
        self.admin, self.record, self.server = admin, record, admin.server
        self.slug = record["slug"]
        self.base = record["basePath"]
        self.host = f"{record['hosts'][0]}:{self.server.edge_port}"
        self.url = f"http://{self.host}"

    def key(self, scopes=("quotes:read", "quotes:write"), origins=(SHOP,), plan=ROOMY, **fields):
        body = {"tenant": self.slug, "name": f"key {next(_numbers)}", "scopes": list(scopes), "plan": plan, **fields}
        if fields.get("kind") != "secret":
            body["webOrigins"] = list(origins)
        return Key(self, self.admin.call("POST", "/keys", body, 201))

    def status(self, status):
        self.admin.call("POST", f"/tenants/{self.slug}/status", {"status": status})

    def fields(self, key=None, origin=None, token=None, idempotency=None, headers=()):
        """The header fields of a request; `None` leaves one out, a list sends each."""
        fields = []
        for name, value in (("Origin", origin), ("Authorization", key), ("X-Session-Token", token),
                            ("Idempotency-Key", idempotency)):
            for one in value if isinstance(value, (list, tuple)) else [value]:
                if one is not None:
                    fields.append((name, f"Bearer {one}" if name == "Authorization" else one))
        return [*fields, *headers]

    def ask(self, method="GET", path="/quotes", key=None, origin=None, token=None, headers=(), body=None, host=None,
            source="127.0.0.1", idempotency=None, target=None, timeout=15.0):
        """One request on a connection of its own. `path` is below the base path, `target` a whole target instead."""
        with self.viewer(source, timeout) as viewer:
            began = time.time()
            self.start(viewer, method, path, key, origin, token, headers, body, host, idempotency, target)
            answer = viewer.answer(method)
            answer.began = began
            return answer

    def start(self, viewer, method="GET", path="/quotes", key=None, origin=None, token=None, headers=(), body=None,
              host=None, idempotency=None, target=None):
        """Writes a request on `viewer` and returns it."""
        fields = self.fields(key, origin, token, idempotency, headers)
        return viewer.request(method, target or self.base + path, host or self.host, fields, body)

    def viewer(self, source="127.0.0.1", timeout=15.0):
        return Viewer(("127.0.0.1", self.server.edge_port), source=source, timeout=timeout)

    def mint(self, key, origin=SHOP, previous=None, source="127.0.0.1", **kwargs):
        """POST {basePath}/sessions; the answer."""
        return self.ask("POST", "/sessions", key, origin, previous, body=b"", source=source, **kwargs)

    def token(self, key, origin=SHOP, previous=None, **kwargs):
        """A session token, which must be granted."""
        answer = self.mint(key, origin, previous, **kwargs)
        assert answer.status == 201, answer
        return answer.json()["data"]["sessionToken"]


def code(answer):
    """The stable code of the gateway's own answer, whose envelope must be the reference page's; None for others."""
    try:
        body = answer.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("error"), dict):
        return None
    error = body["error"]
    assert set(body) == {"error"} and set(error) <= {"code", "message", "details"}, body
    assert isinstance(error["message"], str) and error["message"], body
    for detail in error.get("details", []):
        assert set(detail) <= {"path", "message"} and "message" in detail, body
    assert "json" in (answer.get("content-type") or ""), answer
    return error["code"]


def marker():
    """A field that finds one request again at the upstream: `(name, value)`."""
    return "X-Probe", uuid.uuid4().hex


def reached(app, probe):
    """The call with this marker, or None."""
    return next((call for call in list(app.calls) if call.get(probe[0]) == probe[1]), None)


def together(count, act):
    """Calls `act(number)` `count` times at the same moment; the results in order."""
    barrier, results = threading.Barrier(count), [None] * count

    def run(number):
        try:
            barrier.wait(20)
            results[number] = act(number)
        except Exception as error:  # noqa: BLE001: told below
            results[number] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures = [r for r in results if isinstance(r, Exception)]
    assert not failures, (len(failures), failures[:3])
    return results


def mid_window(seconds, margin):
    """Waits until `margin` seconds remain of the window of this length (they begin at multiples since 1970)."""
    margin = min(margin, seconds / 2)
    left = seconds - time.time() % seconds
    if left < margin:
        time.sleep(left + 0.05)


def check_wait(answer):
    """A refusal's `Retry-After` ends with the window: so its fields say when it was judged, which our clock confirms."""
    at = int(answer.get("x-ratelimit-reset")) - int(answer.get("retry-after"))
    assert answer.began - 1 <= at <= time.time() + 1, (answer.began, at, time.time(), answer)


def own_address():
    """An address of this machine that is not a loopback one; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
            return probe.getsockname()[0]
        except OSError:
            return None


# Tokens


def b64(data):
    raw = data if isinstance(data, bytes) else data.encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened(token):
    """Header and claims of a token, unverified."""
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def put_together(header, claims, sign=lambda data: b""):
    """A token of any header and claims."""
    data = f"{b64(json.dumps(header))}.{b64(json.dumps(claims))}"
    return f"{data}.{b64(sign(data.encode()))}"


def hmac_signature(secret, algorithm="sha256"):
    return lambda data: hmac.new(secret, data, getattr(hashlib, algorithm)).digest()


class Forger:
    """Makes tokens like a real one with a key pair of its own."""

    def __init__(self, token):
        self.token = token
        self.header, self.claims = opened(token)
        self.key = Ed25519PrivateKey.generate()

    def jwk(self):
        return json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key()))

    def header_with(self, **changes):
        """Signature of our own, header fields added, changed, or (None) removed."""
        return put_together(changed(self.header, changes), self.claims, self.key.sign)

    def claims_with(self, **changes):
        """Claims changed, the old signature kept."""
        header, _, signature = self.token.split(".")
        return f"{header}.{b64(json.dumps(changed(self.claims, changes)))}.{signature}"

    def with_original_signature(self, **changes):
        """Header changed, the old claims and signature kept."""
        _, claims, signature = self.token.split(".")
        return f"{b64(json.dumps(changed(self.header, changes)))}.{claims}.{signature}"


def changed(values, changes):
    return {k: v for k, v in {**values, **changes}.items() if v is not None}


def serve(app, function, path=None):
    """Registers `function(call)` at an upstream under a path of its own below the tenant's base path, and returns that
    path. (Whether the upstream sees the base path too is a test's matter: both spellings are answered.)"""
    path = path or f"/made{next(_numbers)}"
    app.routes[path] = app.routes[BASE + path] = function
    return path


def calls_of(app, path):
    """What arrived at that path."""
    return [call for call in list(app.calls) if call.path in (path, BASE + path)]
