"""The store is out of reach: the last snapshot goes on deciding, and nothing fails open."""

import sqlite3
import time

import pytest

from harness.gateway_api import ROOMY, SHOP, Admin, code, limit, mid_window, opened, roomy_limits, route, together
from harness.waiting import eventually

ROUTES = [route("GET", "/quotes"), route("POST", "/quotes", "quotes:write"), route("GET", "/day", limitClass="day")]


class Locked:
    """Holds the database's write lock, as a full disk or a stuck backup would."""

    def __init__(self, server):
        self.path = next(server.data.glob("*.db"))

    def __enter__(self):
        self.connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.connection.execute("ROLLBACK")
        self.connection.close()


@pytest.fixture
def admin(start_server):
    admin = Admin(start_server())
    admin.plan(roomy_limits(), ROOMY)
    return admin


@pytest.fixture
def tenant(admin, api):
    return admin.tenant(api.port, ROUTES)


def write(tenant, key, token):
    return tenant.ask("POST", "/quotes", key, SHOP, token, body=b"{}")


def test_reads_of_policy_go_on(tenant):
    key, revoked = tenant.key(), tenant.key()
    token = tenant.token(key)
    revoked.revoke()
    with Locked(tenant.server):
        for _ in range(20):
            assert tenant.ask(key=key, origin=SHOP).status == 200 and write(tenant, key, token).status == 200
        assert write(tenant, key, tenant.token(key)).status == 200, "tokens are minted and verified without the store"
        assert code(tenant.ask(key=revoked, origin=SHOP)) == "API_KEY_REVOKED"
        assert code(tenant.ask(key="pk_live_wrong", origin=SHOP)) == "API_KEY_INVALID"
        assert code(tenant.ask(key=key, origin="https://evil.example")) == "ORIGIN_NOT_ALLOWED"


def test_quotas_do_not_open(tenant, admin):
    """While nothing can be written, requests under limits of an hour or more are refused with 429, but for what was reserved."""
    mid_window(86400, 30)
    quota = 200
    key = tenant.key(plan=admin.plan([*roomy_limits(), limit("day", 86400, quota, "key")]))
    assert sum(tenant.ask(path="/day", key=key, origin=SHOP).status == 200 for _ in range(30)) == 30
    with Locked(tenant.server):
        answers = together(60, lambda n: tenant.ask(path="/day", key=key, origin=SHOP, timeout=40))
        passed = sum(a.status == 200 for a in answers)
        print(f"{passed} of what was reserved passed while nothing could be written")
        assert passed <= quota // 20 + 1
        for answer in answers:
            if answer.status != 200:
                assert code(answer) == "RATE_LIMITED" and int(answer.get("retry-after")) > 0, answer
                assert answer.get("access-control-allow-origin") == SHOP
        assert tenant.ask(key=key, origin=SHOP).status == 200, "limits of a minute need no store"
        tenant.server.kill()
    tenant.server = tenant.server.restarted()
    try:
        left = sum(tenant.ask(path="/day", key=key, origin=SHOP).status == 200 for _ in range(quota + 20))
        assert 30 + passed + left <= quota, "more than the quota passed"
        assert left >= quota - 30 - passed - quota // 20, "a crash costs a twentieth at most"
    finally:
        tenant.server.close_api()
        tenant.server.kill()


def test_quotas_open_again_with_the_store(tenant, admin):
    mid_window(86400, 30)
    key = tenant.key(plan=admin.plan([*roomy_limits(), limit("day", 86400, 10, "key")]))
    assert tenant.ask(path="/day", key=key, origin=SHOP).status == 200
    with Locked(tenant.server):
        assert tenant.ask(path="/day", key=key, origin=SHOP, timeout=40).status == 429, "a small quota is reserved one by one"
    eventually(lambda: tenant.ask(path="/day", key=key, origin=SHOP).status == 200, 10, what="the store is back")


@pytest.mark.parametrize("what", ["key", "session", "tenant", "new key"])
def test_a_change_is_acknowledged_only_when_it_is_kept(tenant, admin, what):
    """Whatever the answer was: after a kill and a restart it is true."""
    key = tenant.key()
    token = tenant.token(key)
    calls = {
        "key": ("POST", f"{key.path}/revoke", None), "session": ("POST", f"/browser-sessions/{opened(token)[1]['sid']}/revoke", None),
        "tenant": ("POST", f"/tenants/{tenant.slug}/status", {"status": "suspended"}),
        "new key": ("POST", "/keys", {"tenant": tenant.slug, "name": "late", "scopes": ["quotes:read"], "webOrigins": [SHOP]}),
    }
    method, path, body = calls[what]
    with Locked(tenant.server):
        start = time.monotonic()
        answer = admin.client.request(method, f"/admin/v1{path}", json=body)
        print(f"{what}: {answer.status_code} after {time.monotonic() - start:.1f} s: {answer.text[:100]}")
        assert answer.status_code >= 500 and answer.json()["code"], answer.text
        during = write(tenant, key, token).status
        tenant.server.kill()
    tenant.server = tenant.server.restarted()
    admin.client = tenant.server.client(admin.token)
    try:
        assert write(tenant, key, token).status == 200, "what was not acknowledged did not happen"
        assert during == 200, "it was in force although it was refused"
        names = [k["name"] for k in admin.call("GET", f"/keys?tenant={tenant.slug}")["keys"]]
        assert "late" not in names
    finally:
        tenant.server.close_api()
        tenant.server.kill()
