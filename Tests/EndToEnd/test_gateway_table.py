"""The API gateway's rules, a row for each: who asks for what, which rule decides, what must come back."""

import itertools
import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.gateway_api import (
    SHOP, Forger, b64, changed, code, hmac_signature, limit, marker, mid_window, opened, put_together, reached, route,
    unb64,
)
from harness.localapp import LocalApp
from harness.waiting import eventually

EVIL, OTHER, PAGE = "https://evil.example", "https://other.example", "http://localhost:5173"
IDN = "https://xn--bcher-kva.example"

STATUS = {
    "VALIDATION_ERROR": 400, "IDEMPOTENCY_KEY_REQUIRED": 400, "API_KEY_REQUIRED": 401, "API_KEY_INVALID": 401,
    "API_KEY_REVOKED": 401, "API_KEY_EXPIRED": 401, "SESSION_REQUIRED": 401, "SESSION_INVALID": 401,
    "SESSION_EXPIRED": 401, "ORIGIN_NOT_ALLOWED": 403, "SCOPE_NOT_GRANTED": 403, "TENANT_SUSPENDED": 403,
    "SUBSCRIPTION_CANCELLED": 403, "SUBSCRIPTION_PAST_DUE": 403, "MODULE_NOT_ENABLED": 403, "ROUTE_NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405, "REQUEST_IN_PROGRESS": 409, "IDEMPOTENCY_KEY_REUSED": 422, "RATE_LIMITED": 429,
    "UPSTREAM_UNREACHABLE": 502, "UPSTREAM_TIMEOUT": 504,
}
BEFORE_KEY = {"VALIDATION_ERROR", "API_KEY_REQUIRED", "API_KEY_INVALID", "API_KEY_REVOKED", "API_KEY_EXPIRED"}
EXPOSED = {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "x-request-id"}

# Every combination of faults that a route can carry: a module that is off, a scope nobody has, a required key.
FAULTY = {
    (m, s, i): f"/faults/m{m}s{s}i{i}" for m, s, i in itertools.product((0, 1), repeat=3)
}
ROUTES = [
    route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("GET", "/quotes/{id}"),
    route("DELETE PATCH", "/quotes/{id}", "quotes:write"), route("GET", "/quotes/latest", "quotes:latest"),
    route("GET", "/files/**"), route("GET", "/files/{name}/meta", "files:meta"), route("GET", "/files/top", "files:top"),
    route("POST", "/search", session="never"), route("GET", "/mine", session="browser"),
    route("GET", "/secret", session="always"), route("POST", "/secret", session="always"),
    route("GET", "/module-on", module="quotes"), route("GET", "/module-off", module="pro"),
    route("GET", "/other-scope", "admin:all"), route("GET", "/Case"),
    route("POST", "/orders", session="never", idempotency="required"),
    route("POST", "/maybe", session="never", idempotency="optional"), route("POST", "/plain", session="never"),
    *(
        route("POST", path, "admin:all" if s else "quotes:write", idempotency="required" if i else "off",
              **({"module": "pro"} if m else {}))
        for (m, s, i), path in FAULTY.items()
    ),
]


class World:
    """Tenants, keys and tokens that the rows name."""

    def __init__(self, admin, api, default=True):
        self.admin, self.api, self.trap = admin, api, LocalApp()
        self.acme = admin.tenant(api.port, ROUTES, modules=["quotes"])
        self.globex = admin.tenant(api.port, ROUTES, modules=["quotes"], default=default)
        self.stopped = {s: admin.tenant(api.port, ROUTES, modules=["quotes"]) for s in ("suspended", "past_due", "cancelled")}
        mid_window(86400, 30)
        doomed = admin.tenant(api.port, ROUTES)
        both, secret = {"channels": "both"}, {"kind": "secret"}
        self.keys = {
            "pub": self.acme.key(origins=[SHOP, PAGE, "https://*.wild.example", IDN]),
            "other": self.acme.key(origins=[OTHER]),
            "both": self.acme.key(**both), "secret": self.acme.key(**secret), "test": self.acme.key(mode="test"),
            "reader": self.acme.key(scopes=["quotes:read"]), "meta": self.acme.key(scopes=["files:meta", "files:top"]),
            "revoked": self.acme.key(), "rotated": self.acme.key(), "graced": self.acme.key(),
            "expired": self.acme.key(expiresIn="1s"),
            "globex": self.globex.key(), "unknown": doomed.key(),
            "spent": self.acme.key(plan=admin.plan([limit("writes", 86400, 1, "key"), limit("sessions", 60, 1000, "key")])),
            **{name: tenant.key() for name, tenant in self.stopped.items()},
        }
        self.keys["fresh"] = self.keys["rotated"].rotate()
        self.keys["graced2"] = self.keys["graced"].rotate(grace="1h")
        self.keys["revoked"].revoke()
        admin.call("DELETE", f"/tenants/{doomed.slug}")
        self.tokens = {}
        for name in ("pub", "both", "other", "globex", "spent"):
            key = self.keys[name]
            self.tokens[name] = key.tenant.token(key, OTHER if name == "other" else SHOP)
        self.tokens["page"] = self.acme.token(self.keys["pub"], PAGE)
        for name, tenant in self.stopped.items():
            self.tokens[name] = tenant.token(self.keys[name])
            tenant.status(name)
        assert self.acme.ask("POST", FAULTY[0, 0, 0], self.keys["spent"], SHOP, self.tokens["spent"], body=b"").status == 200
        self.forger = Forger(self.tokens["pub"])
        jwks = self.acme.ask(target="/.well-known/jwks.json").json()
        self.jwk = next(k for k in jwks["keys"] if k["kid"] == self.forger.header["kid"])

    def close(self):
        self.trap.close()


@pytest.fixture(scope="module")
def world(admin, api):
    world = World(admin, api)
    yield world
    world.close()


class Row:
    """`rule` is the sentence it proves. `want` is a code, a status, or several that are as good. `ask` are the arguments of
    `Tenant.ask`; a string for `key` or `token` is a name in the world, a function gets the world."""

    def __init__(self, name, rule, want, tenant="acme", key="pub", token=None, method="GET", path="/quotes", origin=SHOP,
                 upstream=None, fields=None, absent=(), cors=None, check=None, **ask):
        self.name, self.rule, self.want = name, rule, want if isinstance(want, tuple) else (want,)
        self.tenant, self.key, self.token, self.origin, self.cors = tenant, key, token, origin, cors
        self.method, self.path, self.ask = method, path, ask
        self.upstream, self.fields, self.absent, self.check = upstream or {}, fields or {}, absent, check

    def resolve(self, world, value, names):
        if callable(value):
            value = value(world)
        if isinstance(value, list):
            return [self.resolve(world, v, names) for v in value]
        return str(names.get(value, value)) if value is not None else None


def listed(origin):
    """Whether some key of acme (and of the others) names this web origin."""
    return origin in (SHOP, OTHER, PAGE, IDN, "https://a.wild.example")


def run(row, world, address):
    tenant = world.stopped.get(row.tenant) or getattr(world, row.tenant)
    probe, ask = marker(), dict(row.ask)
    headers = [(n, row.resolve(world, v, {})) for n, v in ask.pop("headers", ())]
    if callable(ask.get("host")):
        ask["host"] = ask["host"](world)
    answer = tenant.ask(
        row.method, row.path, row.resolve(world, row.key, world.keys), row.origin,
        row.resolve(world, row.token, world.tokens), headers=[probe, *headers], source=address, **ask,
    )
    call, told = reached(world.api, probe), f"{row.rule}\n{answer}"
    expected = {STATUS.get(w, w) for w in row.want}
    assert answer.status in expected, told
    mine = code(answer)
    if row.method != "HEAD" and any(isinstance(w, str) for w in row.want):
        assert mine in row.want, told
    # What holds for every answer.
    origins = answer.all("access-control-allow-origin")
    single = row.origin if isinstance(row.origin, str) else None
    named = row.cors if row.cors is not None else listed(single)
    assert origins == ([single] if named else []), told
    assert "origin" in ",".join(answer.all("vary")).lower(), told
    assert answer.get("access-control-allow-credentials") is None, told
    if named and answer.status != 204:
        exposed = {n.strip().lower() for n in ",".join(answer.all("access-control-expose-headers")).split(",")}
        assert EXPOSED <= exposed, told
    if answer.status == 401:
        assert answer.get("www-authenticate"), told
    if answer.status == 429:
        assert int(answer.get("retry-after")) > 0, told
    if mine is not None or answer.status == 200:
        if mine not in BEFORE_KEY:
            for name in ("limit", "remaining", "reset"):
                assert len(answer.all(f"x-ratelimit-{name}")) == 1, told
                assert int(answer.get(f"x-ratelimit-{name}")) >= 0, told
    assert answer.get("x-request-id"), told
    # Only what passed every check comes to the upstream, and then without what was for us.
    assert (call is not None) == (answer.status == 200), told
    if call is not None:
        check_forwarded(row, world, call, tenant, told)
    for name, value in row.fields.items():
        values = ",".join(answer.all(name))
        assert value(values) if callable(value) else values == value, f"{told}\n{name}: {values}"
    for name in row.absent:
        assert answer.get(name) is None, f"{told}\n{name}"
    if row.check:
        row.check(world, answer, call)


def check_forwarded(row, world, call, tenant, told):
    raw = call.raw_head.lower()
    secret = row.resolve(world, row.key, world.keys)
    token = row.resolve(world, row.token, world.tokens)
    for hidden in (secret, token):
        assert not isinstance(hidden, str) or hidden.lower().encode() not in raw, told
    assert call.all("x-daypass-tenant") == [tenant.slug], told
    if row.key in world.keys:
        assert call.all("x-daypass-key-id") == [world.keys[row.key].id], told
    channel = "server" if row.origin is None else "browser"
    assert call.all("x-daypass-channel") == [channel], told
    assert call.all("x-daypass-web-origin") in ([row.origin], [] if row.origin is None else None, [""]), told
    assert len(call.all("x-daypass-request-id")) == 1, told
    for name, value in row.upstream.items():
        values = call.all(name)
        assert value(values) if callable(value) else values == value, f"{told}\n{name}: {values}"


def sid(name):
    return lambda world, answer, call: call.get("x-daypass-session-id") == opened(world.tokens[name])[1]["sid"] or pytest.fail(
        f"{call.fields}")


def forged(rule, name, make, want="SESSION_INVALID"):
    return Row(f"token {name}", f"§5 {rule}", want, token=make, method="POST", body=b"{}")


def origin_row(name, origin, want="ORIGIN_NOT_ALLOWED", rule="§5 Origins … refused as the table of tests says"):
    return Row(f"origin {name}", rule, want, origin=origin, cors=False)


def syntax(name, path, want="VALIDATION_ERROR"):
    return Row(f"path {name}", "docs: paths that servers might read differently are refused with 400", want, path=path)


def smuggled(field, value="forged"):
    return Row(f"smuggled {field}", "§3 inbound headers of those names are removed in every spelling", 200,
               headers=[(field, value)],
               check=lambda w, a, call: b"forged" not in call.raw_head or pytest.fail(f"{call.raw_head}"))


W = {"method": "POST", "body": b"{}"}
CODES = [
    Row("read", "§1 reads need no session", 200, upstream={"x-daypass-scopes": lambda v: set(v[0].split()) == {"quotes:read", "quotes:write"}}),
    Row("x-api-key", "§2 or in X-Api-Key", 200, key=None, headers=[("X-Api-Key", lambda w: w.keys["pub"].secret)]),
    Row("bearer scheme in any case", "RFC 9110: schemes are case-insensitive", 200, key=None,
        headers=[("Authorization", lambda w: f"bearer {w.keys['pub']}")]),
    Row("bearer goes first", "docs: Authorization: Bearer, which goes first", 200, headers=[("X-Api-Key", "pk_live_nonsense")],
        upstream={"x-api-key": []}),
    Row("user token beside the key", "docs: a bearer token beside X-Api-Key that is no key is the upstream's", 200, key=None,
        headers=[("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."), ("X-Api-Key", lambda w: w.keys["pub"].secret)],
        upstream={"authorization": ["Bearer eyJhbGciOiJub25lIn0.e30."], "x-api-key": []}),
    Row("mistyped bearer key beside X-Api-Key", "docs: what looks like a key in Authorization goes first", "API_KEY_INVALID", key=None,
        headers=[("Authorization", "Bearer pk_live_nonsense"), ("X-Api-Key", lambda w: w.keys["pub"].secret)]),
    Row("foreign authorization", "docs: an Authorization that did not carry the key is passed on", 200, key=None,
        headers=[("Authorization", "Basic dXNlcjpwdw=="), ("X-Api-Key", lambda w: w.keys["pub"].secret)],
        upstream={"authorization": ["Basic dXNlcjpwdw=="]}),
    Row("test key", "§1 pk_test_… keys", 200, key="test"),
    Row("no key", "§3 API_KEY_REQUIRED", "API_KEY_REQUIRED", key=None),
    Row("no key from unlisted origin", "§3 key before origin", "API_KEY_REQUIRED", key=None, origin=EVIL),
    Row("basic only", "§2 key in Authorization: Bearer", "API_KEY_REQUIRED", key=None, headers=[("Authorization", "Basic eDp5")]),
    Row("key in query", "product 6: secrets never in an address", "API_KEY_REQUIRED", key=None, path="/quotes?api_key=pk_live_x&key=y"),
    Row("key in cookie", "§2 where the key stands", "API_KEY_REQUIRED", key=None,
        headers=[("Cookie", lambda w: f"key={w.keys['pub']}; Authorization={w.keys['pub']}")]),
    Row("empty bearer", "§3 key", ("API_KEY_REQUIRED", "API_KEY_INVALID"), key=""),
    Row("garbage", "§3 API_KEY_INVALID", "API_KEY_INVALID", key="garbage"),
    Row("mistyped", "§1 a mistyped key is refused", "API_KEY_INVALID",
        key=lambda w: w.keys["pub"].secret[:-1] + ("a" if w.keys["pub"].secret[-1] != "a" else "b")),
    Row("mistyped in the middle", "§1 a mistyped key is refused", "API_KEY_INVALID",
        key=lambda w: w.keys["pub"].secret[:15] + ("a" if w.keys["pub"].secret[15] != "a" else "b") + w.keys["pub"].secret[16:]),
    Row("other case", "§1 keys are exact", "API_KEY_INVALID", key=lambda w: w.keys["pub"].secret.swapcase()),
    Row("other prefix", "§1 the prefix is part of the key", "API_KEY_INVALID",
        key=lambda w: w.keys["pub"].secret.replace("pk_live_", "sk_live_"), origin=None),
    Row("test for live", "§1 the prefix is part of the key", "API_KEY_INVALID",
        key=lambda w: w.keys["pub"].secret.replace("pk_live_", "pk_test_")),
    Row("longer", "§1 keys are exact", "API_KEY_INVALID", key=lambda w: w.keys["pub"].secret + "0"),
    Row("key twice in one field", "§1 keys are exact", "API_KEY_INVALID", key=lambda w: f"{w.keys['pub']}, {w.keys['pub']}"),
    Row("long", "§5 oversized", ("API_KEY_INVALID", "VALIDATION_ERROR"), key="pk_live_" + "a" * 8000),
    Row("well-formed but unknown", "§3 API_KEY_INVALID", "API_KEY_INVALID", key="unknown"),
    Row("of another tenant", "§1 keys belong to a tenant", "API_KEY_INVALID", key="globex"),
    Row("by id", "§1 stored as SHA-256", "API_KEY_INVALID", key=lambda w: w.keys["pub"].id),
    Row("revoked", "§3 API_KEY_REVOKED", "API_KEY_REVOKED", key="revoked"),
    Row("expired", "§3 API_KEY_EXPIRED", "API_KEY_EXPIRED", key="expired"),
    Row("rotated away", "§4 rotate without a grace", ("API_KEY_REVOKED", "API_KEY_EXPIRED", "API_KEY_INVALID"), key="rotated"),
    Row("rotated new", "§4 rotate gives a new secret", 200, key="fresh"),
    Row("rotated in grace, old", "§4 rotate --grace keeps the old key alive meanwhile", 200, key="graced"),
    Row("rotated in grace, new", "§4 rotate --grace", 200, key="graced2"),
    Row("suspended", "§3 TENANT_SUSPENDED", "TENANT_SUSPENDED", tenant="suspended", key="suspended"),
    Row("past due", "§3 SUBSCRIPTION_PAST_DUE", "SUBSCRIPTION_PAST_DUE", tenant="past_due", key="past_due"),
    Row("cancelled", "§3 SUBSCRIPTION_CANCELLED", "SUBSCRIPTION_CANCELLED", tenant="cancelled", key="cancelled"),
    Row("suspended mint", "reference: account issues at POST /sessions", "TENANT_SUSPENDED", tenant="suspended", key="suspended",
        path="/sessions", **W),
    Row("past due mint", "reference: account issues", "SUBSCRIPTION_PAST_DUE", tenant="past_due", key="past_due", path="/sessions", **W),
    Row("cancelled mint", "reference: account issues", "SUBSCRIPTION_CANCELLED", tenant="cancelled", key="cancelled", path="/sessions", **W),
    Row("no key mint", "reference: API_KEY_REQUIRED", "API_KEY_REQUIRED", key=None, path="/sessions", **W),
    Row("revoked mint", "reference: API_KEY_REVOKED", "API_KEY_REVOKED", key="revoked", path="/sessions", **W),
    Row("expired mint", "reference: API_KEY_EXPIRED", "API_KEY_EXPIRED", key="expired", path="/sessions", **W),
    Row("evil mint", "reference: ORIGIN_NOT_ALLOWED", "ORIGIN_NOT_ALLOWED", origin=EVIL, path="/sessions", **W),
    Row("mint on the server channel", "§2 minting one there is 403", "ORIGIN_NOT_ALLOWED", key="both", origin=None, path="/sessions", **W),
    Row("mint with a secret key", "§2 minting one there is 403", "ORIGIN_NOT_ALLOWED", key="secret", origin=None, path="/sessions", **W),
    Row("sessions by GET", "docs: POST {basePath}/sessions belongs to the gateway", ("ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"), path="/sessions"),
]
CHANNELS = [
    Row("publishable without origin", "§1 publishable keys on the browser channel only", "ORIGIN_NOT_ALLOWED", origin=None),
    Row("secret with origin", "§1 a secret key that arrives with an Origin is refused", "ORIGIN_NOT_ALLOWED", key="secret"),
    Row("secret with unlisted origin", "§1 a secret key that arrives with an Origin is refused", "ORIGIN_NOT_ALLOWED", key="secret", origin=EVIL),
    Row("secret reads", "§1 secret keys on the server channel", 200, key="secret", origin=None),
    Row("secret writes without session", "§2 on the server channel sessions are not needed", 200, key="secret", origin=None, **W),
    Row("both reads as server", "§1 channels: both", 200, key="both", origin=None),
    Row("both writes as server", "§2 on the server channel sessions are not needed", 200, key="both", origin=None, **W),
    Row("both reads as browser", "§1 channels: both", 200, key="both"),
    Row("both writes as browser", "§1 default session browser for writes", "SESSION_REQUIRED", key="both", **W),
    Row("both from unlisted origin", "§3 ORIGIN_NOT_ALLOWED", "ORIGIN_NOT_ALLOWED", key="both", origin=EVIL),
    Row("origin of another key", "§1 origins are the key's", "ORIGIN_NOT_ALLOWED", origin=OTHER),
    Row("key of another origin", "§1 origins are the key's", "ORIGIN_NOT_ALLOWED", key="other"),
    Row("origin in Referer only", "§1 the Origin header makes the channel", "ORIGIN_NOT_ALLOWED", origin=None, headers=[("Referer", SHOP + "/")]),
]
ROUTING = [
    Row("unknown path", "§1 default deny", "ROUTE_NOT_FOUND", path="/nowhere"),
    Row("below a route", "§1 patterns match whole paths", "ROUTE_NOT_FOUND", path="/quotes/1/2"),
    Row("base path itself", "§1 default deny", "ROUTE_NOT_FOUND", path=""),
    Row("parameter", "§1 {id}", 200, path="/quotes/17"),
    Row("literal before parameter", "§1 most specific wins", "SCOPE_NOT_GRANTED", path="/quotes/latest"),
    Row("literal in other case", "docs: no parameter takes the place of a literal that differs in case only", ("ROUTE_NOT_FOUND", "SCOPE_NOT_GRANTED"),
        path="/quotes/Latest"),
    Row("literal, encoded", "§1 the same path in another spelling is the same route", ("SCOPE_NOT_GRANTED", "VALIDATION_ERROR"), path="/quotes/%6catest"),
    Row("case counts", "docs: letter case counts", "ROUTE_NOT_FOUND", path="/QUOTES"),
    Row("case counts the other way", "docs: letter case counts", "ROUTE_NOT_FOUND", path="/case"),
    Row("deep", "§1 trailing **", 200, path="/files/a/b/c"),
    Row("deep, none", "docs: ** matches no segment too", 200, path="/files"),
    Row("parameter before **", "§1 most specific wins", "SCOPE_NOT_GRANTED", path="/files/x/meta"),
    Row("parameter before **, granted", "§1 most specific wins", 200, path="/files/x/meta", key="meta"),
    Row("literal before **", "§1 most specific wins", "SCOPE_NOT_GRANTED", path="/files/top"),
    Row("below literal goes to **", "§1 most specific wins", 200, path="/files/top/more"),
    Row("head", "docs: GET includes HEAD", 200, method="HEAD"),
    Row("head of a POST route", "docs: GET includes HEAD", 405, method="HEAD", path="/search"),
    Row("405 with Allow", "docs: 405 with Allow", "METHOD_NOT_ALLOWED", method="PUT", body=b"",
        fields={"allow": lambda v: {"GET", "POST"} <= {m.strip() for m in v.split(",")} <= {"GET", "HEAD", "POST", "OPTIONS"}}),
    Row("405 on a parameter", "docs: 405 with Allow", "METHOD_NOT_ALLOWED", method="POST", path="/quotes/17", body=b"",
        fields={"allow": lambda v: {"GET", "DELETE", "PATCH"} <= {m.strip() for m in v.split(",")}}),
    Row("unknown method", "§1 routes name methods", "METHOD_NOT_ALLOWED", method="BREW"),
    Row("method in lower case", "RFC 9110: methods are case-sensitive", ("METHOD_NOT_ALLOWED", 400), method="get"),
    Row("override field", "§1 the method is the request's", 200, headers=[("X-HTTP-Method-Override", "DELETE")],
        check=lambda w, a, call: call.method == "GET" or pytest.fail(call.method)),
    Row("query does not route", "§1 path pattern", 200, path="/quotes?x=/../admin&y=%2f%00"),
    Row("module on", "§1 modules", 200, path="/module-on"),
    Row("module off", "§3 MODULE_NOT_ENABLED", "MODULE_NOT_ENABLED", path="/module-off"),
    Row("scope missing", "§3 SCOPE_NOT_GRANTED", "SCOPE_NOT_GRANTED", path="/other-scope"),
    Row("reader reads", "§3 scope", 200, key="reader"),
    Row("reader writes", "§3 scope before session", "SCOPE_NOT_GRANTED", key="reader", **W),
    Row("host in upper case", "RFC 9110: hosts are case-insensitive", 200, host=lambda w: w.acme.host.upper()),
    Row("default on the base host", "§1 its basePath is then also served on the edge's base host", 200, tenant="globex", key="globex",
        host=lambda w: f"127.0.0.1:{w.acme.server.edge_port}"),
    Row("default does not know other keys", "§1 keys belong to a tenant", "API_KEY_INVALID", tenant="globex",
        host=lambda w: f"127.0.0.1:{w.acme.server.edge_port}"),
]
SESSIONS = [
    Row("write without token", "§1 default browser for writes", "SESSION_REQUIRED", **W),
    Row("write with token", "§2", 200, token="pub", check=sid("pub"), **W),
    Row("patch without token", "§1 default browser for writes", "SESSION_REQUIRED", method="PATCH", path="/quotes/1", body=b"{}"),
    Row("delete without token", "§1 default browser for writes", "SESSION_REQUIRED", method="DELETE", path="/quotes/1"),
    Row("never", "§1 session never", 200, path="/search", **W),
    Row("browser on a read", "§1 session browser", "SESSION_REQUIRED", path="/mine"),
    Row("browser on a read, token", "§1 session browser", 200, path="/mine", token="pub", check=sid("pub")),
    Row("browser on a read, server", "§1 session browser", 200, path="/mine", key="secret", origin=None),
    Row("always, no token", "§1 session always", "SESSION_REQUIRED", path="/secret"),
    Row("always, token", "§1 session always", 200, path="/secret", token="pub"),
    Row("always, server", "§1 session always", "SESSION_REQUIRED", path="/secret", key="secret", origin=None),
    Row("empty token", "§3 session", ("SESSION_REQUIRED", "SESSION_INVALID"), token="", **W),
    Row("token as bearer", "§2 X-Session-Token", "API_KEY_INVALID", key=lambda w: w.tokens["pub"], **W),
    Row("token of the other page", "§3 another origin's token", "SESSION_INVALID", token="page", **W),
    Row("the other page itself", "§3", 200, token="page", origin=PAGE, **W),
    Row("no session in the read", "§3 X-Daypass-Session-Id", 200, upstream={"x-daypass-session-id": lambda v: v in ([], [""])}),
    Row("renewal with another origin's token", "§2 same key and origin", "SESSION_INVALID", path="/sessions", token="page", **W),
    Row("renewal with another key's token", "§2 same key and origin", "SESSION_INVALID", path="/sessions", token="both", **W),
    Row("renewal with garbage", "docs: with any other token it is refused with 401", "SESSION_INVALID", path="/sessions", token="a.b.c", **W),
]
CORS_ROWS = [
    Row("unlisted", "§3 CORS: others get none", "ORIGIN_NOT_ALLOWED", origin=EVIL),
    Row("listed with another key, readable", "§3 every answer to an allowed web origin, refusals included", "ORIGIN_NOT_ALLOWED", origin=OTHER),
    Row("wildcard", "§1 one-label wildcard", 200, origin="https://a.wild.example"),
    Row("idn as stored", "docs: Unicode names are written as xn--", 200, origin=IDN),
    Row("with a port", "§1 exact scheme+host+port", 200, origin=PAGE),
    *(
        Row(f"preflight {name}", "§3 preflights carry no key: answered 204 from the union of the tenant's origins", 204, method="OPTIONS",
            key=None, headers=[("Access-Control-Request-Method", "POST"),
                               ("Access-Control-Request-Headers", "authorization,content-type,x-session-token")], **more)
        for name, more in {
            "of a listed origin": {"fields": {"access-control-allow-headers": lambda v: {n.strip().lower() for n in v.split(",")} >= {
                "authorization", "x-api-key", "x-session-token", "idempotency-key", "content-type"},
                "access-control-allow-methods": lambda v: "POST" in v}},
            "of another key's origin": {"origin": OTHER},
            "of a wildcard origin": {"origin": "https://a.wild.example"},
            "of an unlisted origin": {"origin": EVIL, "absent": ["access-control-allow-headers", "access-control-allow-methods",
                                                                 "access-control-max-age"]},
            "of null": {"origin": "null", "absent": ["access-control-allow-headers"]},
            "of a look-alike": {"origin": SHOP + ".evil.example"},
            "for an unknown path": {"path": "/nowhere"},
            "for the mint": {"path": "/sessions"},
            "of a suspended tenant": {"tenant": "suspended"},
        }.items()
    ),
    Row("preflight with a bad key", "§3 preflight before key", 204, method="OPTIONS", key="garbage", headers=[("Access-Control-Request-Method", "PUT")]),
    Row("options that is no preflight", "§3 default deny", "API_KEY_REQUIRED", method="OPTIONS", key=None),
    Row("options with a key", "§1 routes name methods", "METHOD_NOT_ALLOWED", method="OPTIONS"),
]
SYNTAX = [
    Row("two keys", "docs: a doubled credential", "VALIDATION_ERROR", key=["pub", "pub"]),
    Row("two different keys", "docs: a doubled credential", "VALIDATION_ERROR", key=["pub", "other"]),
    Row("two api key fields", "docs: a doubled credential", "VALIDATION_ERROR", key=None,
        headers=[("X-Api-Key", lambda w: w.keys["pub"].secret), ("x-api-key", lambda w: w.keys["pub"].secret)]),
    Row("two tokens", "docs: a doubled credential", "VALIDATION_ERROR", token=["pub", "pub"], **W),
    Row("two idempotency keys", "docs: a doubled Idempotency-Key", "VALIDATION_ERROR", path="/orders", idempotency=["a", "b"], **W),
    *(syntax(n, p) for n, p in {
        "empty segment": "//quotes", "inner empty segment": "/quotes//1", "dot": "/./quotes", "dot dot": "/files/../quotes",
        "dot dot out": "/../../etc/passwd", "encoded dots": "/files/%2e%2e/quotes", "half encoded dots": "/files/.%2E/quotes",
        "dot at the end of a segment": "/quotes/1.", "space at the end of a segment": "/quotes/1%20", "backslash": "/files/a\\b",
        "encoded backslash": "/files/a%5cb", "semicolon": "/quotes;a=b/1", "encoded slash": "/quotes%2f1", "encoded percent": "/quotes/%252e",
        "encoded question mark": "/quotes/1%3fa", "nul": "/quotes/%00", "newline": "/quotes/1%0aX:%20y", "not utf-8": "/quotes/%ff",
        "overlong slash": "/quotes/%c0%af",
    }.items()),
    syntax("not hexadecimal", "/quotes/%zz", ("VALIDATION_ERROR", 400)),
    syntax("trailing slash", "/quotes/", ("VALIDATION_ERROR", "ROUTE_NOT_FOUND")),
    syntax("allowed encoding", "/quotes/caf%C3%A9", 200),
]
ORIGINS = [
    origin_row("null", "null"), origin_row("empty", ""), origin_row("upper case", "HTTPS://SHOP.EXAMPLE"),
    origin_row("upper case host", "https://Shop.example"), origin_row("trailing dot", SHOP + "."),
    origin_row("default port", SHOP + ":443"), origin_row("other port", SHOP + ":8443"), origin_row("empty port", SHOP + ":"),
    origin_row("port with zeros", SHOP + ":0443"), origin_row("userinfo", "https://user@shop.example"),
    origin_row("userinfo look-alike", "https://shop.example@evil.example"), origin_row("trailing slash", SHOP + "/"),
    origin_row("path", SHOP + "/x"), origin_row("query", SHOP + "?x"), origin_row("fragment", SHOP + "#x"),
    origin_row("other scheme", "http://shop.example"), origin_row("no scheme", "shop.example"), origin_row("scheme-relative", "//shop.example"),
    origin_row("longer suffix", "https://shop.example.evil.example"), origin_row("longer suffix without dot", "https://shop.examplex"),
    origin_row("prefix", "https://evilshop.example"), origin_row("subdomain", "https://a.shop.example"),
    origin_row("parent", "https://example"), origin_row("Unicode host", "https://bücher.example".encode()),
    origin_row("Unicode full stop", "https://shop。example".encode()), origin_row("Cyrillic look-alike", "https://shоp.example".encode()),
    origin_row("percent in host", "https://shop%2eexample"), origin_row("space list", f"{SHOP} {EVIL}"),
    origin_row("comma list", f"{SHOP}, {EVIL}"), origin_row("comma list of itself", f"{SHOP}, {SHOP}"), origin_row("star", "*"),
    origin_row("wildcard itself", "https://*.wild.example"), origin_row("wildcard parent", "https://wild.example"),
    origin_row("wildcard two labels", "https://a.b.wild.example"), origin_row("wildcard other scheme", "http://a.wild.example"),
    origin_row("wildcard empty label", "https://.wild.example"), origin_row("wildcard with port", "https://a.wild.example:8443"),
    origin_row("wildcard look-alike", "https://awild.example"), origin_row("wildcard suffix", "https://a.wild.example.evil.example"),
    origin_row("file", "file://"), origin_row("extension", "chrome-extension://abcdefghijklmnop"), origin_row("loopback other port", "http://localhost:5174"),
    origin_row("loopback by address", "http://127.0.0.1:5173"), origin_row("long", "https://" + "a" * 4000 + ".example"),
    origin_row("tab inside", "https://shop\t.example", ("ORIGIN_NOT_ALLOWED", "VALIDATION_ERROR", 400)),
    origin_row("doubled", [SHOP, SHOP], "VALIDATION_ERROR", "docs: a doubled Origin"),
    origin_row("doubled with another", [SHOP, EVIL], "VALIDATION_ERROR", "docs: a doubled Origin"),
    origin_row("doubled with another first", [EVIL, SHOP], "VALIDATION_ERROR", "docs: a doubled Origin"),
]


def public_raw(world):
    return unb64(world.jwk["x"])


def public_pem(world):
    key = jwt.algorithms.OKPAlgorithm.from_jwk(json.dumps(world.jwk))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hs(secret, algorithm="HS256"):
    def make(world):
        header = {**world.forger.header, "alg": algorithm}
        return put_together(header, world.forger.claims, hmac_signature(secret(world), f"sha{algorithm[2:]}"))
    return make


def url(world, field):
    world.trap.routes.setdefault("/keys", lambda call: call.respond(200, (), json.dumps({"keys": [world.forger.jwk()]}).encode()))
    return {field: f"http://127.0.0.1:{world.trap.port}/keys"}


HEADERS = {
    "jwk": lambda w: {"jwk": w.forger.jwk()}, "jku": lambda w: url(w, "jku"), "x5u": lambda w: url(w, "x5u"),
    "x5c": lambda w: {"x5c": ["MIIB"]}, "crit": lambda w: {"crit": ["exp"]}, "crit and b64": lambda w: {"crit": ["b64"], "b64": False},
    "zip": lambda w: {"zip": "DEF"}, "cty": lambda w: {"cty": "JWT"}, "unknown kid": lambda w: {"kid": "nobody"}, "empty kid": lambda w: {"kid": ""},
    "path-like kid": lambda w: {"kid": "../../../../dev/null"}, "absolute path kid": lambda w: {"kid": "/etc/passwd"},
    "sql kid": lambda w: {"kid": "x' UNION SELECT 'k' --"}, "url kid": lambda w: {"kid": url(w, "k")["k"]}, "kid with its own end": lambda w: {
        "kid": w.forger.header["kid"] + "\u0000"}, "number kid": lambda w: {"kid": 1}, "list kid": lambda w: {"kid": [w.forger.header["kid"]]},
    "long kid": lambda w: {"kid": "k" * 3000}, "typ JWT": lambda w: {"typ": "JWT"}, "typ access token": lambda w: {"typ": "at+jwt"},
    "alg ES256": lambda w: {"alg": "ES256"}, "alg RS256": lambda w: {"alg": "RS256"}, "alg eddsa": lambda w: {"alg": "eddsa"}, "alg Ed448": lambda w: {"alg": "Ed448"},
    "alg number": lambda w: {"alg": 1}, "alg list": lambda w: {"alg": ["EdDSA"]},
}
TOKENS = [
    *(
        forged("tokens with alg:none", f"alg {alg!r}", lambda w, alg=alg: put_together({**w.forger.header, "alg": alg}, w.forger.claims))
        for alg in ("none", "None", "NONE", "nOnE", "")
    ),
    forged("alg:none", "alg none with the old signature", lambda w: w.forger.with_original_signature(alg="none")),
    forged("alg:none", "without a third part", lambda w: w.tokens["pub"].rsplit(".", 1)[0]),
    forged("alg:none", "without a signature", lambda w: w.tokens["pub"].rsplit(".", 1)[0] + "."),
    forged("HMAC with the public key", "HS256 of the raw public key", hs(public_raw)),
    forged("HMAC with the public key", "HS512 of the raw public key", hs(public_raw, "HS512")),
    forged("HMAC with the public key", "HS256 of the PEM", hs(public_pem)),
    forged("HMAC with the public key", "HS256 of the x member", hs(lambda w: w.jwk["x"].encode())),
    forged("HMAC with the public key", "HS256 of the JWK", hs(lambda w: json.dumps(w.jwk, separators=(",", ":")).encode())),
    forged("HMAC", "HS256 of nothing", hs(lambda w: b"")),
    forged("another key pair", "EdDSA by a stranger", lambda w: w.forger.header_with()),
    *(forged(f"header {n}", f"header {n}, signed by a stranger", lambda w, f=f: w.forger.header_with(**f(w))) for n, f in HEADERS.items()),
    *(forged(f"header {n}", f"header {n}, old signature", lambda w, f=f: w.forger.with_original_signature(**f(w))) for n, f in HEADERS.items()),
    *(forged(f"absent {n}", f"header without {n}", lambda w, n=n: w.forger.header_with(**{n: None})) for n in ("kid", "typ", "alg")),
    forged("absent kid", "absent kid, old signature", lambda w: w.forger.with_original_signature(kid=None)),
    *(forged("claims are signed", f"claim {n} changed", lambda w, n=n, v=v: w.forger.claims_with(**{n: v}))
      for n, v in {"exp": 4102444800, "azp": EVIL, "sub": "key_other", "tid": "other", "sid": "other", "aud": "other", "iss": "https://evil.example"}.items()),
    forged("missing exp", "exp removed", lambda w: w.forger.claims_with(exp=None)),
    forged("missing exp", "exp removed, signed by a stranger", lambda w: put_together(w.forger.header, changed(w.forger.claims, {"exp": None}), w.forger.key.sign)),
    forged("another key's token", "of another key, same origin", "both"),
    forged("another key's token", "of another key, other origin", "other"),
    forged("another tenant's token", "of another tenant", "globex"),
    forged("malformed", "garbage", "garbage"), forged("malformed", "dots", "..."), forged("malformed", "two dots", ".."), forged("malformed", "JSON", '{"alg":"none"}'),
    forged("malformed", "five parts", lambda w: w.tokens["pub"] + ".a.b"),
    forged("malformed", "padded", lambda w: w.tokens["pub"] + "=="),
    forged("malformed", "standard base64 signature", lambda w: w.tokens["pub"].rsplit(".", 1)[0] + "." + "+/" * 43),
    forged("malformed", "changed last bits", lambda w: w.tokens["pub"][:-1] + chr(ord(w.tokens["pub"][-1]) + 1)),
    forged("malformed", "short signature", lambda w: w.tokens["pub"][:-20]),
    forged("malformed", "long signature", lambda w: w.tokens["pub"] + "A" * 86),
    forged("malformed", "spaces", lambda w: w.tokens["pub"].replace(".", " . ")),
    forged("malformed", "comma", lambda w: w.tokens["pub"] + "," + w.tokens["pub"]),
    forged("malformed", "Bearer before it", lambda w: "Bearer " + w.tokens["pub"]),
    forged("malformed", "header is a list", lambda w: f"{b64('[]')}.{b64('{}')}.{b64(b'x' * 64)}"),
    forged("malformed", "header twice alg", lambda w: f"{b64(json.dumps(w.forger.header)[:-1] + ', ' + json.dumps({'alg': 'none'})[1:])}."
           + w.tokens["pub"].split(".", 1)[1]),
    forged("malformed", "deep JSON header", lambda w: f"{b64('[' * 1500 + ']' * 1500)}.{b64('{}')}.{b64(b'x' * 64)}"),
    forged("malformed", "deep JSON claims", lambda w: f"{b64(json.dumps(w.forger.header))}.{b64('[' * 3000)}.{b64(b'x' * 64)}"),
    forged("oversized", "9 kB signature", lambda w: w.tokens["pub"] + "A" * 9000),
    forged("oversized", "20 kB", lambda w: f"{b64(json.dumps(w.forger.header))}.{b64('x' * 15000)}.{b64(b'x' * 64)}", ("SESSION_INVALID", "VALIDATION_ERROR", 431)),
]
SMUGGLING = [
    *(smuggled(n) for n in (
        "X-Daypass-Tenant", "x-daypass-tenant", "X-DAYPASS-KEY-ID", "X-Daypass-Scopes", "X-Daypass-Channel", "X-Daypass-Web-Origin",
        "X-Daypass-Session-Id", "X-Daypass-Request-Id", "X_Daypass_Tenant", "X-Daypass_Scopes", "x_daypass-session_id", "X.Daypass.Tenant",
        "X-Daypass-Anything", "x-DAYPASS-x", "X~Daypass~Key~Id",
    )),
    Row("named in Connection", "§3 upstream gets X-Daypass-…: a viewer cannot have ours removed", 200,
        headers=[("Connection", "X-Daypass-Tenant, X-Daypass-Scopes, X-Daypass-Key-Id, X-Forwarded-For")],
        upstream={"x-daypass-scopes": lambda v: len(v) == 1 and v[0], "x-forwarded-for": lambda v: len(v) == 1}),
    Row("forwarded for", "§5 X-Forwarded-For is believed only from trusted proxies", 200,
        headers=[("X-Forwarded-For", "203.0.113.66"), ("X-Real-IP", "203.0.113.67"), ("Forwarded", "for=203.0.113.68"), ("X-Forwarded-Host", "evil.example"),
                 ("X-Forwarded-Proto", "https")],
        check=lambda w, a, call: not any(b in call.raw_head for b in (b"203.0.113.6", b"evil.example")) or pytest.fail(f"{call.raw_head}")),
]
IDEMPOTENCY = [
    Row("key missing", "§3 IDEMPOTENCY_KEY_REQUIRED", "IDEMPOTENCY_KEY_REQUIRED", path="/orders", **W),
    Row("key present", "§3 idempotency", 200, path="/orders", idempotency="one", **W),
    Row("optional, none", "§1 idempotency optional", 200, path="/maybe", **W),
    Row("off, ignored", "§1 idempotency off", 200, path="/plain", idempotency="one", **W),
    Row("empty key", "docs: 400 at the idempotency check", ("IDEMPOTENCY_KEY_REQUIRED", "VALIDATION_ERROR"), path="/orders", idempotency="", **W),
    Row("long key", "docs: VALIDATION_ERROR", "VALIDATION_ERROR", path="/orders", idempotency="k" * 5000, **W),
]
LIMITS = [
    Row("limit used up", "§3 RATE_LIMITED", "RATE_LIMITED", key="spent", token="spent", path=FAULTY[0, 0, 0],
        fields={"x-ratelimit-limit": "1", "x-ratelimit-remaining": "0"}, **W),
]

# Two faults in one request: the check that comes first answers.
ORDER = ["syntax", "key", "origin", "tenant", "route", "method", "module", "scope", "session", "limits", "idempotency"]
FIRST = {
    "syntax": "VALIDATION_ERROR", "key": "API_KEY_REQUIRED", "origin": "ORIGIN_NOT_ALLOWED", "tenant": "TENANT_SUSPENDED",
    "route": "ROUTE_NOT_FOUND", "method": "METHOD_NOT_ALLOWED", "module": "MODULE_NOT_ENABLED", "scope": "SCOPE_NOT_GRANTED",
    "session": "SESSION_REQUIRED", "limits": "RATE_LIMITED", "idempotency": "IDEMPOTENCY_KEY_REQUIRED",
}
# Faults that one request cannot have both of (the key whose limit is used up belongs to the active tenant).
APART = {("route", f) for f in ("method", "module", "scope", "session", "idempotency")} | {("key", "limits"), ("tenant", "limits")}


def two_faults(first, second):
    faults = {first, second}
    path = FAULTY[tuple(int(f in faults) for f in ("module", "scope", "idempotency"))]
    if "route" in faults:
        path = "/nowhere"
    key = "spent" if "limits" in faults else "suspended" if "tenant" in faults else "pub"
    headers = [("X-Api-Key", "a"), ("X-Api-Key", "b")] if "syntax" in faults else []
    return Row(
        f"{first} before {second}", "§3 order of checks, the first failure answers", FIRST[first], path=path,
        tenant="suspended" if "tenant" in faults else "acme", key=None if "key" in faults else key,
        token=None if "session" in faults else "suspended" if "tenant" in faults else key,
        origin=EVIL if "origin" in faults else SHOP, method="PUT" if "method" in faults else "POST", body=b"{}", headers=headers,
    )


PAIRS = [two_faults(a, b) for a, b in itertools.combinations(ORDER, 2) if (a, b) not in APART]
ROWS = CODES + CHANNELS + ROUTING + SESSIONS + CORS_ROWS + SYNTAX + ORIGINS + TOKENS + SMUGGLING + IDEMPOTENCY + LIMITS + PAIRS
assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row, world, address):
    if row.name == "expired":
        wait_expired(world)
    run(row, world, address)


def wait_expired(world):
    eventually(lambda: code(world.acme.ask(key=world.keys["expired"], origin=SHOP)) == "API_KEY_EXPIRED", what="the key's end")


def test_nothing_was_fetched_for_a_token(world):
    """§5 no outbound fetch: the addresses in `jku`, `x5u` and `kid` were never asked (after the rows above)."""
    assert world.trap.calls == []


def fail_often(world, address, count=20):
    for _ in range(count):
        answer = world.acme.ask(key="garbage", origin=SHOP, source=address)
    return answer


FAILED = [
    Row("failed, then right", "§3 failed-attempt limit of the address, before key", "RATE_LIMITED"),
    Row("failed, then none", "§3 failed-attempt limit of the address, before key", "RATE_LIMITED", key=None),
    Row("failed, then another origin", "§3 failed-attempt limit, before origin", "RATE_LIMITED", origin=EVIL),
    Row("failed, then preflight", "§3 preflight before failed-attempt limit", 204, method="OPTIONS", key=None,
        headers=[("Access-Control-Request-Method", "POST")]),
    Row("failed, then syntax", "§3 syntax before failed-attempt limit", "VALIDATION_ERROR", key=["pub", "pub"]),
    Row("failed, then mint", "§3 failed-attempt limit", "RATE_LIMITED", path="/sessions", **W),
    Row("failed, but at another tenant", "docs: 20 a minute for each tenant", 200, tenant="globex", key="globex"),
    Row("failed, forwarded for another", "§5 X-Forwarded-For is believed only from trusted proxies", "RATE_LIMITED",
        headers=[("X-Forwarded-For", "198.51.100.7")]),
]


@pytest.mark.parametrize("row", FAILED, ids=lambda row: row.name)
def test_row_after_failed_attempts(row, world, address):
    assert code(fail_often(world, address)) == "API_KEY_INVALID"
    run(row, world, address)
