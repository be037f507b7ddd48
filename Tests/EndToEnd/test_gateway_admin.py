"""Administration of the API gateway: who may, what is shown once, what applies as a whole, what explains without counting."""

import re

import pytest

from harness.gateway_api import BASE, SHOP, Admin, code, limit, mid_window, opened, route, together
from harness.waiting import eventually

ROUTES = [route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("GET", "/pro", module="pro"), route("GET", "/admin", "admin:all")]
CALLS = [
    ("GET", "/tenants"), ("POST", "/tenants"), ("GET", "/tenants/x"), ("PUT", "/tenants/x"), ("DELETE", "/tenants/x"),
    ("POST", "/tenants/x/status"), ("GET", "/routes/x"), ("PUT", "/routes/x"), ("GET", "/plans"), ("PUT", "/plans/x"), ("DELETE", "/plans/x"),
    ("GET", "/keys"), ("POST", "/keys"), ("GET", "/keys/x"), ("POST", "/keys/x"), ("POST", "/keys/x/rotate"), ("POST", "/keys/x/revoke"),
    ("POST", "/keys/x/revoke-sessions"), ("POST", "/browser-sessions/x/revoke"), ("GET", "/signing-keys"), ("POST", "/signing-keys/rotate"),
    ("POST", "/apply"), ("GET", "/usage"), ("GET", "/refusals"), ("GET", "/audit"), ("POST", "/explain"),
]


@pytest.fixture
def tenant(admin, api):
    return admin.tenant(api.port, ROUTES)


# Who may


@pytest.mark.parametrize("method,path", CALLS, ids=lambda v: v)
def test_only_the_admin_token_may(server, admin, method, path, address):
    body = {} if method in ("POST", "PUT") else None
    for token in (None, "dp_admin_wrong", "pk_live_wrong"):
        # Wrong credentials count against the address they come from.
        with server.client(token, source=address) as client:
            answer = client.request(method, f"/admin/v1{path}", json=body)
        assert answer.status_code in (401, 403), f"{token}: {answer.status_code} {answer.text}"
        assert {"error", "code"} <= set(answer.json())


def test_narrower_tokens_may_not(server, admin):
    made = admin.client.post("/tokens", json={"label": "ci", "scopes": ["sessions:manage"]})
    if made.status_code == 404:
        pytest.fail(f"no access tokens at /tokens: {made.text}")
    assert made.status_code == 201, made.text
    secret = next(v for v in made.json().values() if isinstance(v, str) and v.startswith("dp_"))
    with server.client(secret) as client:
        assert client.get("/admin/v1/tenants").status_code in (401, 403)


def test_a_page_may_not(server, admin):
    """Another web origin cannot use the admin API even with the token: a browser would have to be allowed first."""
    answer = admin.client.get("/admin/v1/tenants", headers={"Origin": SHOP})
    assert answer.headers.get("access-control-allow-origin") is None


def test_the_edge_does_not_administer(tenant, admin):
    for host in (tenant.host, f"127.0.0.1:{tenant.server.edge_port}"):
        answer = tenant.ask(target="/admin/v1/tenants", host=host, headers=[("Authorization", f"Bearer {admin.token}")])
        assert answer.status in (401, 404), answer


# Keys


def test_a_secret_is_shown_once(tenant, admin):
    key = tenant.key()
    assert re.fullmatch(r"pk_live_[0-9A-Za-z]{36}", key.secret)
    assert key.record["key"] == f"pk_live_…{key.secret[-4:]}"
    shown = [key.now(), admin.call("GET", f"/keys?tenant={tenant.slug}"), admin.call("GET", f"/audit?tenant={tenant.slug}"),
             admin.call("POST", f"{key.path}", {"name": "renamed"}), key.revoke()]
    assert all("secret" not in str(s).replace("'secret': None", "") or key.secret not in str(s) for s in shown)
    assert not any(key.secret in str(s) for s in shown)
    assert key.now()["name"] == "renamed" and key.now()["revokedAt"]


@pytest.mark.parametrize("fields,prefix", [
    ({}, "pk_live_"), ({"mode": "test"}, "pk_test_"), ({"kind": "secret"}, "sk_live_"), ({"kind": "secret", "mode": "test"}, "sk_test_"),
])
def test_prefixes(tenant, fields, prefix):
    assert tenant.key(**fields).secret.startswith(prefix)


def test_secrets_are_not_in_the_data_folder_nor_in_the_logs(tenant, server):
    key = tenant.key()
    token = tenant.token(key)
    assert tenant.ask("POST", "/quotes", key, SHOP, token, body=b"{}").status == 200
    tenant.ask(key=key.secret[:-1], origin=SHOP)
    for file in server.data.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for name, value in (("key", key.secret), ("token", token), ("signature", token.rsplit(".", 1)[1])):
                assert value.encode() not in data, f"the {name} stands in {file.name}"
    output = "\n".join(server.stdout + server.stderr)
    assert key.secret not in output and token not in output


@pytest.mark.parametrize("origin", [
    "null", "*", "https://*", "https://*.com", "https://*.co.uk", "https://*.github.io", "http://*.shop.example", "https://a.*.example",
    "https://*.*.shop.example", "https://shop.example/path", "https://user@shop.example", "ftp://shop.example", "shop.example", "", "https://shop.example:99999",
    "https://bücher.example", "https://*.a.run.app", "https://*.up.railway.app", "https://*.ondigitalocean.app",
    "https://*.eu-west-1.elasticbeanstalk.com", "https://*.z6.web.core.windows.net", "https://*.cloudapp.azure.com",
    "https://*.hopto.org", "https://*.adv.br", "https://*.waw.pl", "https://*.ca.us",
])
def test_web_origins_that_cannot_be_stored(tenant, admin, origin):
    body = {"tenant": tenant.slug, "name": "k", "scopes": ["quotes:read"], "webOrigins": [origin]}
    answer = admin.call("POST", "/keys", body, 400)
    assert answer["code"], answer


@pytest.mark.parametrize("written,stored", [
    ("HTTPS://Shop.Example", SHOP), ("https://shop.example:443", SHOP), ("http://shop.example:80", "http://shop.example"),
    ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"), ("https://*.Shop.example", "https://*.shop.example"),
    ("http://localhost:5173", "http://localhost:5173"),
])
def test_web_origins_are_normalised_when_stored(tenant, written, stored):
    assert tenant.key(origins=[written]).record["webOrigins"] == [stored]


def test_last_use_is_told(tenant):
    key = tenant.key()
    assert key.now()["lastUsedAt"] is None
    tenant.ask(key=key, origin=SHOP)
    eventually(lambda: key.now()["lastUsedAt"], 10)


def test_changes_hold_at_once(tenant, admin):
    key = tenant.key(scopes=["quotes:read"])
    assert code(tenant.ask(path="/admin", key=key, origin=SHOP)) == "SCOPE_NOT_GRANTED"
    admin.call("POST", key.path, {"scopes": ["quotes:read", "admin:all"]})
    eventually(lambda: tenant.ask(path="/admin", key=key, origin=SHOP).status == 200, 2, 0.005)
    admin.call("POST", key.path, {"webOrigins": ["https://moved.example"]})
    eventually(lambda: code(tenant.ask(key=key, origin=SHOP)) == "ORIGIN_NOT_ALLOWED", 2, 0.005)
    admin.call("PUT", f"/routes/{tenant.slug}", {"routes": [route("GET", "/other")]})
    eventually(lambda: code(tenant.ask(key=key, origin="https://moved.example")) == "ROUTE_NOT_FOUND", 2, 0.005)


def test_keys_come_in_pages(tenant, admin):
    made = {tenant.key().id for _ in range(5)}
    seen, after = [], None
    for _ in range(5):
        page = admin.call("GET", f"/keys?tenant={tenant.slug}&limit=2" + (f"&after={after}" if after else ""))
        assert len(page["keys"]) <= 2
        seen += [k["id"] for k in page["keys"]]
        if not (after := page["next"]):
            break
    assert sorted(seen) == sorted(made)


# Tenants and apply


def test_conflicts(tenant, admin, api):
    twin = {**tenant.record, "slug": tenant.slug}
    admin.call("POST", "/tenants", twin, 409)
    admin.call("POST", "/tenants", {**tenant.record, "slug": tenant.slug + "x"}, 409)
    plan = admin.plan([limit("reads", 60, 1, "key")])
    tenant.key(plan=plan)
    admin.call("DELETE", f"/plans/{plan}", status=409)


def test_apply_is_all_or_nothing(admin, api):
    good = {"slug": "applied", "hosts": ["applied.localhost"], "basePath": BASE, "upstream": f"http://127.0.0.1:{api.port}", "modules": [], "routes": ROUTES}
    bad = {**good, "slug": "bad slug!", "hosts": ["bad.localhost"]}
    admin.call("POST", "/apply", {"tenants": [good, bad]}, 400)
    admin.call("GET", "/tenants/applied", status=404)
    planned = admin.call("POST", "/apply", {"tenants": [good], "dryRun": True})["changes"]
    assert planned
    admin.call("GET", "/tenants/applied", status=404)
    done = admin.call("POST", "/apply", {"tenants": [good]})["changes"]
    assert done == planned
    again = admin.call("POST", "/apply", {"tenants": [good]})["changes"]
    assert all(c["kind"] == "unchanged" and not c["fields"] for c in again), again
    changed = admin.call("POST", "/apply", {"tenants": [{**good, "modules": ["pro"]}]})["changes"]
    assert [c["fields"] for c in changed if c["kind"] != "unchanged"] == [["modules"]] and changed[0]["subject"].endswith("applied"), changed


def test_a_tenants_tunnel_keeps_its_name(start_server):
    """Nobody else can take the name that a tenant's requests go to."""
    server = start_server("--auth", "required")
    admin = Admin(server)
    made = admin.client.post("/tokens", json={"label": "ci", "scopes": ["sessions:create"]})
    admin.tenant("tunnel:warm-hat-12", ROUTES)
    with server.client(made.json()["token"]) as stranger:
        refused = stranger.post("/sessions", json={"port": 3000, "slug": "warm-hat-12"})
        assert refused.status_code == 409 and refused.json()["code"] == "conflict", refused.text
        assert stranger.post("/sessions", json={"port": 3000, "slug": "warm-hat-13"}).status_code == 201
    assert admin.client.post("/sessions", json={"port": 3000, "slug": "warm-hat-12"}).status_code == 201


def test_of_many_administrators_one_makes_the_tenant(server, admin):
    body = {"slug": "raced", "hosts": ["raced.localhost"], "basePath": BASE, "upstream": "http://127.0.0.1:9", "modules": [], "routes": ROUTES}

    def create(number):
        with server.client(admin.token) as client:
            return client.post("/admin/v1/tenants", json=body).status_code

    assert sorted(together(16, create)) == [201] + [409] * 15


def test_of_many_rotations_the_last_secret_works(server, admin, tenant):
    key = tenant.key()

    def rotate(number):
        with server.client(admin.token) as client:
            answer = client.post(f"/admin/v1{key.path}/rotate", json={})
            return answer.status_code, answer.json().get("secret")

    answers = together(10, rotate)
    made = [secret for status, secret in answers if status == 200]
    good = [s for s in [key.secret, *made] if tenant.ask(key=s, origin=SHOP).status == 200]
    assert made and len(good) == 1 and good[0] in made and key.now()["key"].endswith(good[0][-4:])


# Explaining


def explain(tenant, key, method="GET", path="/quotes", **more):
    return tenant.admin.call("POST", "/explain", {
        "method": method, "path": path, "tenant": tenant.slug, **({"key": key.secret} if key else {}), **more})


@pytest.mark.parametrize("ask,wanted", [
    (dict(origin=SHOP), None), (dict(), "ORIGIN_NOT_ALLOWED"), (dict(origin="https://evil.example"), "ORIGIN_NOT_ALLOWED"),
    (dict(origin=SHOP, path="/nowhere"), "ROUTE_NOT_FOUND"), (dict(origin=SHOP, method="PUT"), "METHOD_NOT_ALLOWED"),
    (dict(origin=SHOP, path="/pro"), "MODULE_NOT_ENABLED"), (dict(origin=SHOP, path="/admin"), "SCOPE_NOT_GRANTED"),
    (dict(origin=SHOP, method="POST"), "SESSION_REQUIRED"), (dict(origin=SHOP, key=False), "API_KEY_REQUIRED"),
])
def test_explain_says_what_happens(tenant, ask, wanted):
    key = tenant.key()
    ask = dict(ask)
    used = None if ask.pop("key", True) is False else key
    said = explain(tenant, used, **ask)
    method = ask.pop("method", "GET")
    answer = tenant.ask(method, key=used, origin=ask.get("origin"), path=ask.get("path", "/quotes"), body=b"" if method != "GET" else None)
    assert (said["decision"], said.get("code")) == (("allowed", None) if wanted is None else ("refused", wanted)), said
    assert code(answer) == wanted
    assert bool(said["decidedBy"]) == (wanted is not None) and said["steps"] and all({"check", "outcome", "reason"} <= set(s) for s in said["steps"])


def test_explain_consumes_nothing(tenant, admin):
    mid_window(86400, 30)
    key = tenant.key(plan=admin.plan([limit("reads", 86400, 2, "key")]))
    for _ in range(10):
        said = explain(tenant, key, origin=SHOP)
        assert said["decision"] == "allowed" and [x["remaining"] for x in said["limits"] if x["class"] == "reads"] == [2], said
    assert [tenant.ask(key=key, origin=SHOP).status for _ in range(3)] == [200, 200, 429]
    said = explain(tenant, key, origin=SHOP)
    assert (said["decision"], said["code"]) == ("refused", "RATE_LIMITED") and said["limits"][0]["remaining"] == 0
    for _ in range(30):
        tenant.admin.call("POST", "/explain", {"method": "GET", "path": "/quotes", "tenant": tenant.slug, "origin": SHOP, "key": "pk_live_wrong"})
    assert code(tenant.ask(key=tenant.key(), origin=SHOP)) is None, "explaining a wrong key is no failed attempt"


# What is recorded


def test_refusals_usage_and_audit(tenant, admin):
    key = tenant.key()
    tenant.ask(key=key, origin=SHOP)
    refused = tenant.ask(path="/admin?secret=1", key=key, origin=SHOP)
    rows = eventually(lambda: admin.call("GET", f"/refusals?tenant={tenant.slug}")["refusals"])
    row = rows[0]
    assert (row["code"], row["key"], row["method"], row["webOrigin"]) == ("SCOPE_NOT_GRANTED", key.id, "GET", SHOP)
    assert row["path"].endswith("/admin") and row["requestId"] == refused.get("x-request-id") and row["address"] == "127.0.0.1"

    def counted():
        usage = admin.call("GET", f"/usage?tenant={tenant.slug}")["usage"]
        return {u["code"]: u["count"] for u in usage if u["key"] == key.id} == {None: 1, "SCOPE_NOT_GRANTED": 1}

    eventually(counted, 15, what="the requests in the usage")
    admin.revoke_session(opened(tenant.token(key))[1]["sid"])
    key.revoke()
    events = admin.call("GET", f"/audit?tenant={tenant.slug}")["events"]
    assert {"at", "actor", "address", "action", "tenant", "summary"} <= set(events[0])
    assert len(events) >= 3 and key.secret not in str(events)


def test_a_leaked_secret_key_is_reported(tenant, admin):
    """§1: a secret key that arrives with an Origin is refused and reported as leaked."""
    key = tenant.key(kind="secret")
    assert code(tenant.ask(key=key, origin=SHOP)) == "ORIGIN_NOT_ALLOWED"

    def reported():
        told = str(admin.call("GET", f"/audit?tenant={tenant.slug}")) + str(admin.call("GET", f"/refusals?tenant={tenant.slug}"))
        return "leak" in told.lower()

    eventually(reported, what="a report of the leaked key")
