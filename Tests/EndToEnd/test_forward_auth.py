"""Forward-auth: Caddy and nginx with the recipes of the documentation, and the sub-request by itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.daypass import ROOT, Server
from harness.gateway_api import (
    BASE, ROOMY, SHOP, Admin, code, limit, marker, mid_window, opened, own_address, reached, roomy_limits, route, serve,
)
from harness.ports import free_port
from harness.process import Process
from harness.raw import Viewer
from harness.waiting import eventually

EVIL, OTHER = "https://evil.example", "https://other.example"
ROUTES = [
    route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("DELETE", "/quotes/{id}", "quotes:write"),
    route("GET", "/files/**"), route("GET", "/pro", module="pro"), route("GET", "/admin", "admin:all"),
    route("POST", "/plain", session="never"), route("GET", "/made/**"), route("POST", "/made/**", session="never"),
]
RECIPES = ROOT / "docs" / "recipes"


class Proxied:
    """A proxy with a recipe; what the tests say to the tenant goes through it."""

    def __init__(self, tenant, port, process):
        self.tenant, self.port, self.process = tenant, port, process
        self.host = f"{tenant.slug}.localhost:{port}"

    def ask(self, method="GET", path="/quotes", key=None, origin=SHOP, token=None, headers=(), body=None, source="127.0.0.1", target=None):
        with Viewer(("127.0.0.1", self.port), source=source) as viewer:
            viewer.request(method, target or BASE + path, self.host, self.tenant.fields(key, origin, token, None, headers), body)
            return viewer.answer(method)


def listening(port):
    try:
        Viewer(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def caddy(folder, server, tenant, port, api):
    return Process(
        ["caddy", "run", "--adapter", "caddyfile", "--config", RECIPES / "caddy" / "Caddyfile"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "SITE": f"http://{tenant.slug}.localhost:{port}",
             "UPSTREAM": f"127.0.0.1:{api.port}", "DAYPASS_CONTROL": f"127.0.0.1:{server.control_port}",
             "DAYPASS_EDGE": f"127.0.0.1:{server.edge_port}", "CADDY_ADMIN": f"127.0.0.1:{free_port()}"},
    )


def nginx(folder, server, tenant, port, api):
    recipe = (RECIPES / "nginx" / "nginx.conf").read_text()
    for old, new in {
        "127.0.0.1:3001": f"127.0.0.1:{server.control_port}", "127.0.0.1:3002": f"127.0.0.1:{server.edge_port}",
        "127.0.0.1:8088": f"127.0.0.1:{api.port}", "listen 80;": f"listen 127.0.0.1:{port};", "api.example.com": f"{tenant.slug}.localhost",
    }.items():
        assert old in recipe
        recipe = recipe.replace(old, new)
    (folder / "recipe.conf").write_text(recipe)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log stderr; worker_processes 1; events {{ worker_connections 256; }}\n"
        f"http {{ access_log off; client_max_body_size 0; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;"
        f" uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; include {folder}/recipe.conf; }}\n"
    )
    return Process(["nginx", "-p", folder, "-c", folder / "nginx.conf"])


PROXIES = {"caddy": caddy, "nginx": nginx}


@pytest.fixture(scope="module")
def trusting(tmp_path_factory):
    """A server that believes what a proxy on this machine forwards."""
    server = Server(tmp_path_factory.mktemp("trusting"), "--trusted-proxy", "127.0.0.1/32")
    admin = Admin(server)
    admin.plan(roomy_limits(), ROOMY)
    yield admin
    server.close_api()
    server.kill()


def start(name, folder, admin, api, tenant=None):
    if shutil.which(name) is None:
        pytest.fail(f"{name} is missing: Scripts/install-packages.sh test")
    tenant = tenant or admin.tenant(api.port, ROUTES)
    port = free_port()
    process = PROXIES[name](Path(folder), admin.server, tenant, port, api)
    eventually(lambda: listening(port), 15, what=f"{name} listening: {process.describe()}")
    return Proxied(tenant, port, process)


@pytest.fixture(scope="module", params=list(PROXIES))
def proxied(request, trusting, api, tmp_path_factory):
    proxy = start(request.param, tmp_path_factory.mktemp(request.param), trusting, api)
    yield proxy
    proxy.process.stop()


@pytest.fixture(scope="module")
def key(proxied):
    return proxied.tenant.key()


@pytest.fixture(scope="module")
def other(proxied):
    return proxied.tenant.key(origins=[OTHER])


def is_for_page(answer, origin=SHOP):
    assert answer.all("access-control-allow-origin") == [origin], answer
    assert answer.get("access-control-allow-credentials") is None
    assert "origin" in ",".join(answer.all("vary")).lower(), answer
    assert "x-ratelimit-limit" in ",".join(answer.all("access-control-expose-headers")).lower(), answer


def test_a_read_passes(proxied, key, api):
    probe = marker()
    answer = proxied.ask(key=key, headers=[probe], path="/quotes?x=1&y=%2F")
    assert answer.status == 200, (answer, proxied.process.describe())
    is_for_page(answer)
    for name in ("limit", "remaining", "reset"):
        assert len(answer.all(f"x-ratelimit-{name}")) == 1 and answer.get(f"x-ratelimit-{name}").isdigit(), answer
    call = reached(api, probe)
    assert (call.method, call.target) == ("GET", f"{BASE}/quotes?x=1&y=%2F")
    assert key.secret.encode() not in call.raw_head and call.get("authorization") is None
    assert call.all("x-daypass-tenant") == [proxied.tenant.slug] and call.all("x-daypass-key-id") == [key.id]
    assert call.all("x-daypass-channel") == ["browser"] and call.all("x-daypass-web-origin") == [SHOP]
    assert call.get("x-daypass-request-id") and call.get("x-daypass-request-id") == answer.get("x-request-id")
    assert not [n for n, _ in call.fields if n.lower().startswith("x-gateway")]


def test_a_token_is_minted_and_used_through_the_proxy(proxied, key, api):
    minted = proxied.ask("POST", "/sessions", key, body=b"")
    assert minted.status == 201, minted
    assert minted.all("access-control-allow-origin") == [SHOP]
    token, probe = minted.json()["data"]["sessionToken"], marker()
    assert code(proxied.ask("POST", key=key, body=b"{}")) == "SESSION_REQUIRED"
    body = b"x" * 300_000
    answer = proxied.ask("POST", key=key, token=token, headers=[probe], body=body)
    assert answer.status == 200 and answer.json()["length"] == len(body), answer
    call = reached(api, probe)
    assert call.get("x-daypass-session-id") == opened(token)[1]["sid"] and call.get("x-session-token") is None


REFUSALS = {
    "no key": (dict(key=None), "API_KEY_REQUIRED"), "wrong key": (dict(key="pk_live_wrong"), "API_KEY_INVALID"),
    "evil origin": (dict(origin=EVIL), "ORIGIN_NOT_ALLOWED"), "another key's origin": (dict(origin=OTHER), "ORIGIN_NOT_ALLOWED"),
    "no origin": (dict(origin=None), "ORIGIN_NOT_ALLOWED"), "route": (dict(path="/nowhere"), "ROUTE_NOT_FOUND"),
    "method": (dict(method="PUT", body=b""), "METHOD_NOT_ALLOWED"), "module": (dict(path="/pro"), "MODULE_NOT_ENABLED"),
    "scope": (dict(path="/admin"), "SCOPE_NOT_GRANTED"), "session": (dict(method="POST", body=b"{}"), "SESSION_REQUIRED"),
    "bad token": (dict(method="POST", body=b"{}", token="a.b.c"), "SESSION_INVALID"),
    "two keys": (dict(headers=[("X-Api-Key", "a"), ("X-Api-Key", "b")]), "VALIDATION_ERROR"),
    "encoded dots": (dict(path="/files/%2e%2e/quotes"), "VALIDATION_ERROR"), "encoded slash": (dict(path="/quotes%2f1"), "VALIDATION_ERROR"),
    "semicolon": (dict(path="/quotes;x/1"), "VALIDATION_ERROR"),
}
STATUS = {"VALIDATION_ERROR": 400, "ROUTE_NOT_FOUND": 404, "METHOD_NOT_ALLOWED": 405}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_reach_the_page_whole(proxied, key, other, api, name, address):
    ask, wanted = REFUSALS[name]
    probe = marker()
    ask = {"key": key, **ask, "headers": [*ask.get("headers", ()), probe]}
    answer = proxied.ask(source=address, **ask)
    assert code(answer) == wanted, (answer, proxied.process.describe())
    assert answer.status == STATUS.get(wanted, 401 if wanted.startswith(("API_KEY", "SESSION")) else 403)
    if ask.get("origin", SHOP) in (SHOP, OTHER):
        is_for_page(answer, ask.get("origin", SHOP))
    else:
        assert answer.all("access-control-allow-origin") == []
    assert (answer.get("www-authenticate") is not None) == (answer.status == 401)
    if answer.status == 405:
        assert "POST" in answer.get("allow")
    assert reached(api, probe) is None


@pytest.mark.parametrize("target", [f"{BASE}/files/../quotes", f"{BASE}//quotes", "/./api/v1/quotes", f"{BASE}/files/..%2fquotes", f"{BASE}/quotes/."])
def test_paths_that_proxies_read_differently(proxied, key, api, target):
    """Whatever the proxy makes of such a path, the API sees none that was not judged."""
    probe = marker()
    answer = proxied.ask(key=key, target=target, headers=[probe])
    assert answer.status >= 300 and reached(api, probe) is None, answer


def test_limits_hold_through_the_proxy(proxied, trusting, api, addresses):
    mid_window(86400, 30)
    key = proxied.tenant.key(plan=trusting.plan([limit("reads", 86400, 3, "address")]))
    answers = [proxied.ask(key=key, source=addresses[0], headers=[("X-Forwarded-For", f"203.0.113.{n}")]) for n in range(5)]
    assert [a.status for a in answers] == [200, 200, 200, 429, 429]
    assert code(answers[-1]) == "RATE_LIMITED" and int(answers[-1].get("retry-after")) > 0 and answers[-1].get("x-ratelimit-remaining") == "0"
    is_for_page(answers[-1])
    assert [int(a.get("x-ratelimit-remaining")) for a in answers[:3]] == [2, 1, 0]
    assert proxied.ask(key=key, source=addresses[1]).status == 200, "another viewer has a count of its own"


@pytest.mark.parametrize("origin", [SHOP, EVIL])
def test_preflights(proxied, key, origin):
    answer = proxied.ask("OPTIONS", "/quotes", None, origin, headers=[
        ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")])
    assert answer.status == 204, answer
    assert answer.all("access-control-allow-origin") == ([SHOP] if origin == SHOP else [])


@pytest.mark.parametrize("name", [
    "X-Daypass-Tenant", "x-daypass-key-id", "X-DAYPASS-SCOPES", "X-Daypass-Session-Id", "X_Daypass_Tenant", "X-Daypass_Scopes",
    "X-Gateway-Allow-Origin", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "X-Forwarded-Method", "Forwarded",
])
def test_nothing_is_smuggled_in(proxied, key, api, name):
    probe = marker()
    answer = proxied.ask(key=key, headers=[probe, (name, "forged")])
    assert answer.status == 200, answer
    call = reached(api, probe)
    kept = [(n, v) for n, v in call.fields if "forged" in v and n.lower().replace("_", "-").startswith("x-daypass")]
    assert not kept and call.all("x-daypass-tenant") == [proxied.tenant.slug], call.fields
    is_for_page(answer)


@pytest.mark.parametrize("field,value", [
    ("X-Forwarded-Uri", f"{BASE}/quotes"), ("X-Forwarded-Method", "GET"), ("X-Original-URI", f"{BASE}/quotes"), ("X-Original-Method", "GET"),
])
def test_the_decision_is_about_the_request_itself(proxied, key, api, field, value):
    """A client says that it asks for something harmless."""
    probe = marker()
    for ask in (dict(path="/admin"), dict(method="POST", body=b"{}")):
        answer = proxied.ask(key=key, headers=[probe, (field, value)], **ask)
        assert answer.status in (401, 403), answer
    assert reached(api, probe) is None


def test_the_apis_own_cors_and_rate_fields_are_replaced(proxied, key, api):
    path = serve(api, lambda call: call.respond(200, [
        ("Access-Control-Allow-Origin", "*"), ("Access-Control-Allow-Credentials", "true"), ("X-RateLimit-Limit", "1"), ("X-Upstream", "kept")],
        b"{}"), "/made/cors")
    answer = proxied.ask(path=path, key=key)
    assert answer.status == 200 and answer.get("x-upstream") == "kept"
    is_for_page(answer)
    assert len(answer.all("x-ratelimit-limit")) == 1 and answer.get("x-ratelimit-limit") != "1"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_the_apis_own_errors_pass(proxied, key, api, status):
    """Its 401, 403 and 500 are not taken for refusals of Daypass."""
    path = serve(api, lambda call: call.respond(status, [("Content-Type", "text/plain")], b"its own"), f"/made/own-{status}")
    answer = proxied.ask(path=path, key=key)
    assert (answer.status, answer.body) == (status, b"its own"), answer
    is_for_page(answer)


def test_revocation_is_seen_at_once(proxied, trusting):
    key = proxied.tenant.key()
    assert proxied.ask(key=key).status == 200
    key.revoke()
    eventually(lambda: code(proxied.ask(key=key)) == "API_KEY_REVOKED", 2, 0.005)


@pytest.mark.parametrize("name", list(PROXIES))
def test_nothing_passes_without_daypass(start_server, api, tmp_path, name):
    server = start_server("--trusted-proxy", "127.0.0.1/32")
    admin = Admin(server)
    admin.plan(roomy_limits(), ROOMY)
    tenant = admin.tenant(api.port, ROUTES)
    proxy = start(name, tmp_path, admin, api, tenant)
    try:
        key, probe = tenant.key(), marker()
        assert proxy.ask(key=key).status == 200
        server.kill()
        answer = proxy.ask(key=key, headers=[probe])
        assert answer.status >= 500 and reached(api, probe) is None, answer
    finally:
        proxy.process.stop()


# The sub-request by itself, as other proxies send it


@pytest.fixture(scope="module")
def direct(trusting, api):
    return trusting.tenant(api.port, ROUTES)


def sub_request(tenant, key=None, origin=SHOP, token=None, method="GET", path="/quotes", how="GET", leave=(), add=(), headers=(), address="192.0.2.7"):
    fields = {
        "X-Forwarded-Method": method, "X-Forwarded-Proto": "http", "X-Forwarded-Host": tenant.host, "X-Forwarded-Uri": BASE + path,
        "X-Forwarded-For": address,
    }
    sent = [(n, v) for n, v in fields.items() if n not in leave] + list(add)
    control = tenant.server.control_port
    with Viewer(("127.0.0.1", control)) as viewer:
        viewer.request(how, "/forward-auth", f"127.0.0.1:{control}", [*tenant.fields(key, origin, token), *sent, *headers],
                       b"" if how == "POST" else None)
        return viewer.answer(how)


@pytest.mark.parametrize("how", ["GET", "POST"])
def test_a_yes(direct, how):
    key = direct.key()
    answer = sub_request(direct, key, how=how)
    assert 200 <= answer.status < 300, answer
    assert answer.get("x-daypass-tenant") == direct.slug and answer.get("x-daypass-key-id") == key.id
    assert set(answer.get("x-daypass-scopes").split()) == {"quotes:read", "quotes:write"}
    assert answer.get("x-ratelimit-limit") and answer.get("access-control-allow-origin") == SHOP


@pytest.mark.parametrize("missing", ["X-Forwarded-Method", "X-Forwarded-Host", "X-Forwarded-Uri", "X-Forwarded-For"])
def test_missing_forwarding_information_is_refused(direct, missing):
    answer = sub_request(direct, direct.key(), leave=[missing])
    assert answer.status >= 400, f"without {missing}: {answer}"


@pytest.mark.parametrize("name,value", [
    ("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", f"{BASE}/quotes"), ("X-Forwarded-Host", "other.example"), ("Authorization", "Bearer x"), ("Origin", SHOP),
])
def test_doubled_information_is_refused(direct, name, value):
    answer = sub_request(direct, direct.key(), add=[(name, value)])
    assert answer.status >= 400, answer


@pytest.mark.parametrize("values", [
    {"path": ""}, {"path": " /quotes"}, {"method": "G T"}, {"method": ""}, {"path": "/quotes#x"},
])
def test_nonsense_is_refused(direct, values):
    assert sub_request(direct, direct.key(), **values).status >= 400


def test_an_unknown_host_is_refused(direct):
    answer = sub_request(direct, direct.key(), leave=["X-Forwarded-Host"], add=[("X-Forwarded-Host", "nobody.example")])
    assert answer.status >= 400


def test_it_counts_like_the_gateway(direct, trusting):
    """One ledger: what passes through the gateway counts in a sub-request, and the other way round."""
    mid_window(86400, 30)
    key = direct.key(plan=trusting.plan([limit("reads", 86400, 4, "key")]))
    seen = []
    for _ in range(3):
        seen.append(sub_request(direct, key).status < 300)
        seen.append(direct.ask(key=key, origin=SHOP).status == 200)
    assert seen == [True] * 4 + [False] * 2


def test_only_trusted_proxies_may_ask(start_server, api):
    """§5 forwarded addresses are believed only from trusted proxies: nobody else may speak for others."""
    address = own_address()
    if address is None or address.startswith("127."):
        pytest.skip("this machine has a loopback address only")
    server = start_server(control="0.0.0.0:0")
    admin = Admin(server)
    admin.plan(roomy_limits(), ROOMY)
    tenant = admin.tenant(api.port, ROUTES)
    key = tenant.key()
    fields = [*tenant.fields(key, SHOP), ("X-Forwarded-Method", "GET"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", tenant.host),
              ("X-Forwarded-Uri", BASE + "/quotes"), ("X-Forwarded-For", "203.0.113.1")]
    with Viewer((address, server.control_port), source=address) as viewer:
        viewer.request("GET", "/forward-auth", f"{address}:{server.control_port}", fields)
        answer = viewer.answer()
    assert answer.status in (401, 403) and answer.get("x-daypass-key-id") is None, answer


def test_traefiks_sub_request(direct):
    """Traefik sends these fields, X-Forwarded-Port and X-Forwarded-Server besides, and returns any answer but 2xx as it is."""
    key = direct.key()
    more = [("X-Forwarded-Port", "80"), ("X-Forwarded-Server", "traefik"), ("X-Real-Ip", "192.0.2.7")]
    assert sub_request(direct, key, add=more).status < 300
    refused = sub_request(direct, key, path="/nowhere", add=more)
    assert refused.status == 404 and code(refused) == "ROUTE_NOT_FOUND" and refused.get("access-control-allow-origin") == SHOP


def envoy(tenant, key, method="GET", path="/quotes", add=(), leave=(), host=None):
    """What Envoy's ext_authz sends: prefix and original path, with the original method and Host, without the body."""
    fields = [f for f in [("X-Forwarded-Proto", "http"), ("X-Forwarded-For", "192.0.2.8"), ("Content-Length", "0")] if f[0] not in leave]
    with Viewer(("127.0.0.1", tenant.server.control_port)) as viewer:
        viewer.request(method, f"/forward-auth{BASE}{path}", host or tenant.host, [*tenant.fields(key), *fields, *add])
        return viewer.answer(method)


@pytest.mark.parametrize("method,path", [("GET", "/quotes?x=%2F"), ("POST", "/quotes"), ("DELETE", "/quotes/1"), ("HEAD", "/quotes")])
def test_envoys_sub_request(direct, method, path):
    key = direct.key(kind="secret")
    answer = envoy(direct, key, method, path)
    assert answer.status == 200 and answer.get("x-daypass-key-id") == key.id, answer
    assert envoy(direct, key, method, "/nowhere").status == 404
    assert envoy(direct, key, "PUT").status == 405


def test_envoys_sub_request_is_not_told_twice(direct):
    key = direct.key(kind="secret")
    for name, value in (("X-Forwarded-Uri", f"{BASE}/quotes"), ("X-Forwarded-Method", "GET"), ("X-Original-URI", "/"), ("X-Forwarded-Host", direct.host)):
        assert envoy(direct, key, add=[(name, value)]).status == 400, name
    assert envoy(direct, key, leave=["X-Forwarded-For"]).status == 400
    assert envoy(direct, key, host="nobody.example").status == 404


def test_the_recipes_are_what_was_tested():
    """Every proxy that the specification names has a recipe; the two that can be installed here ran above."""
    assert {p.name for p in RECIPES.iterdir() if p.is_dir()} == {"caddy", "nginx", "traefik", "envoy"}
    subprocess.run(["caddy", "validate", "--adapter", "caddyfile", "--config", RECIPES / "caddy" / "Caddyfile"], check=True,
                   capture_output=True)
