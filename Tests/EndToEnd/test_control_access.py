"""Who may call the control API: attacks on local mode, and credentials in public mode."""

import re
import socket
import sqlite3

import pytest

from harness.daypass import run
from harness.raw import Viewer

REFUSED = (400, 401, 403, 421)
JSON = ("Content-Type", "application/json")


def call(server, method, path, host=None, headers=(), body=None, address=None):
    """A raw call of the control API, so that Host is what the test says."""
    with Viewer(address or ("127.0.0.1", server.control_port)) as client:
        client.request(method, path, host or f"127.0.0.1:{server.control_port}", headers, body)
        return client.answer(method)


LOCAL_ATTACKS = [
    ("rebinding name", "evil.example", []),
    ("rebinding name with the port", "evil.example:{port}", []),
    ("loopback as a label", "127.0.0.1.evil.example:{port}", []),
    ("localhost as a label", "localhost.evil.example:{port}", []),
    ("user part", "localhost@evil.example", []),
    ("public address", "8.8.8.8:{port}", []),
    ("origin of another site", None, [("Origin", "http://evil.example")]),
    ("opaque origin", None, [("Origin", "null")]),
    ("origin of another local port", None, [("Origin", "http://localhost:5173")]),
    ("origin of another scheme", None, [("Origin", "https://127.0.0.1:{port}")]),
    ("origin of the local app's page", None, [("Origin", "http://127.0.0.1:3000")]),
    ("forwarded for", None, [("X-Forwarded-For", "203.0.113.9")]),
    ("forwarded for loopback", None, [("X-Forwarded-For", "127.0.0.1")]),
    ("forwarded host", None, [("X-Forwarded-Host", "evil.example")]),
    ("forwarded proto", None, [("X-Forwarded-Proto", "https")]),
    ("Forwarded", None, [("Forwarded", "for=203.0.113.9")]),
]


@pytest.mark.parametrize("rule, host, headers", LOCAL_ATTACKS, ids=[r[0] for r in LOCAL_ATTACKS])
def test_local_mode_refuses(server, rule, host, headers):
    host = host.format(port=server.control_port) if host else None
    headers = [(n, v.format(port=server.control_port)) for n, v in headers]
    before = count(server)
    answer = call(server, "POST", "/sessions", host, [JSON, *headers], b"{}")
    assert answer.status in REFUSED, answer
    assert "sessionToken" not in answer.text
    assert count(server) == before
    answer = call(server, "GET", "/sessions", host, headers)
    assert answer.status in REFUSED, answer
    assert not answer.get("access-control-allow-origin")


def count(server):
    body = server.api.get("/sessions").json()
    return body.get("total", len(body.get("sessions", []))) if isinstance(body, dict) else len(body)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
@pytest.mark.parametrize("action", ["policy", "pause", "close", "kick", "rotate-password"])
def test_local_mode_wants_json_on_writes(server, action, content_type):
    session = server.create()
    headers = [("Content-Type", content_type)] if content_type else []
    answer = call(server, "POST", f"/sessions/by-slug/{session['slug']}/{action}", None, headers, b'{"viewerId":"x"}')
    assert answer.status in (*REFUSED, 415), answer
    assert server.record(session["slug"])["status"] == "waiting"
    server.delete(session["sessionId"])


def test_local_mode_has_no_cors_preflight(server):
    answer = call(server, "OPTIONS", "/sessions", None, [
        ("Origin", "http://evil.example"), ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ])
    assert not answer.get("access-control-allow-origin"), answer


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}", "localhost"])
def test_local_mode_accepts_loopback_names(server, host):
    answer = call(server, "GET", "/sessions", host.format(port=server.control_port))
    assert answer.status == 200, answer


def test_local_mode_accepts_its_own_origin(server):
    origin = ("Origin", f"http://127.0.0.1:{server.control_port}")
    answer = call(server, "POST", "/sessions", None, [JSON, origin], b"{}")
    assert answer.status == 201, answer


def own_address():
    """An address of this machine that is not loopback, if there is one."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            address = probe.getsockname()[0]
            return None if address.startswith("127.") else address
    except OSError:
        return None


@pytest.mark.skipif(own_address() is None, reason="no address besides loopback")
def test_local_mode_refuses_peers_that_are_not_loopback(start_server):
    server = start_server(control="0.0.0.0:0")
    address = own_address()
    with Viewer((address, server.control_port), source=address) as client:
        client.request("GET", "/sessions", f"127.0.0.1:{server.control_port}")
        assert client.answer().status in REFUSED


# Public mode


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    from harness.daypass import Server

    server = Server(tmp_path_factory.mktemp("public"), "--public-url", "https://tunnel.example.test")
    yield server
    server.close_api()
    server.kill()


@pytest.fixture(scope="module")
def admin(public):
    with public.client(public.admin_token()) as client:
        yield client


def test_public_mode_is_chosen_by_the_public_url(public, admin):
    session = public.create(admin)
    assert session["publicUrl"].startswith("https://tunnel.example.test/s/")
    assert session["edgeUrl"] == "wss://tunnel.example.test/tunnel"


def test_admin_token_file_is_private(public):
    for file in public.data.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, f"{file} {oct(file.stat().st_mode)}"
    assert public.data.stat().st_mode & 0o777 == 0o700


ANONYMOUS = [
    ("POST", "/sessions", {}),
    ("GET", "/sessions", None),
    ("GET", "/sessions/by-slug/{slug}/viewers", None),
    ("POST", "/sessions/by-slug/{slug}/policy", {}),
    ("POST", "/sessions/by-slug/{slug}/kick", {"viewerId": "x"}),
    ("POST", "/sessions/by-slug/{slug}/pause", {}),
    ("POST", "/sessions/by-slug/{slug}/resume", {}),
    ("POST", "/sessions/by-slug/{slug}/close", {}),
    ("POST", "/sessions/by-slug/{slug}/rotate-password", {}),
    ("DELETE", "/sessions/{id}", None),
]


@pytest.fixture(scope="module")
def owned(public, admin):
    return public.create(admin)


@pytest.mark.parametrize("method, path, body", ANONYMOUS, ids=[f"{m} {p}" for m, p, _ in ANONYMOUS])
@pytest.mark.parametrize("credential", ["none", "garbage", "wrong scheme", "other session"])
def test_public_mode_requires_a_credential(public, admin, owned, address, method, path, body, credential):
    headers = {}
    expected = (401,)
    if credential == "garbage":
        headers = {"Authorization": "Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}
    elif credential == "wrong scheme":
        headers = {"Authorization": f"Basic {public.admin_token()}"}
    elif credential == "other session":
        headers = {"Authorization": f"Bearer {public.create(admin)['sessionToken']}"}
        expected = (401, 403, 404)
    with public.client(source=address) as client:
        path = path.format(slug=owned["slug"], id=owned["sessionId"])
        answer = client.request(method, path, headers=headers, **({"json": body} if body is not None else {}))
    assert answer.status_code in expected, answer.text
    assert public.record(owned["slug"], admin)["status"] == "waiting"


@pytest.mark.parametrize("by", ["sessions/{id}", "sessions/by-slug/{slug}"])
def test_anyone_sees_only_four_fields(public, owned, by):
    answer = public.api.get("/" + by.format(id=owned["sessionId"], slug=owned["slug"]))
    assert answer.status_code == 200
    assert set(answer.json()) == {"slug", "publicUrl", "status", "expiresAt"}


@pytest.mark.parametrize("kind", ["owner token", "session token", "admin token"])
def test_owner_may_do_everything_with_the_own_session(public, admin, kind):
    session = public.create(admin)
    slug = session["slug"]
    token = {
        "owner token": session["sessionToken"].split(".")[1],
        "session token": session["sessionToken"],
        "admin token": public.admin_token(),
    }[kind]
    with public.client(token) as client:
        assert "policy" in public.record(slug, client)
        assert public.act(slug, "policy", {"maxConcurrentViewers": 3}, client)["policy"]["maxConcurrentViewers"] == 3
        assert client.get(f"/sessions/by-slug/{slug}/viewers").status_code == 200
        for action in ("pause", "resume", "rotate-password", "close"):
            assert public.act(slug, action, client=client)["ok"] is True
        if kind != "admin token":
            assert client.get("/sessions").status_code in (401, 403)
            assert client.post("/sessions", json={}).status_code in (401, 403)
        assert client.delete(f"/sessions/{session['sessionId']}").status_code == 200


def test_access_tokens_have_scopes_and_are_revocable(public, admin, tmp_path):
    env = {"DAYPASS_TOKEN": public.admin_token(), "DAYPASS_SERVER": public.control}
    made = run("tokens", "create", "--scope", "sessions:create", "--expires", "1h", "--json", state=tmp_path, env=env)
    assert made.returncode == 0, made.stderr
    import json

    token = json.loads(made.stdout)
    secret = token["token"]
    with public.client(secret) as client:
        session = public.create(client)
        assert client.get("/sessions").status_code == 403, "no scope for lists"
        assert session["slug"]
    listed = run("tokens", "list", "--json", state=tmp_path, env=env)
    assert listed.returncode == 0 and secret not in listed.stdout, "shown once"
    revoked = run("tokens", "revoke", token["id"], state=tmp_path, env=env)
    assert revoked.returncode == 0, revoked.stderr
    with public.client(secret) as client:
        assert client.post("/sessions", json={}).status_code == 401


def test_failed_attempts_are_rate_limited_per_address(public, admin, address):
    codes = []
    with public.client("b" * 32, source=address) as client:
        for _ in range(300):
            answer = client.get("/sessions")
            codes.append(answer.status_code)
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) >= 1
                break
    assert codes[0] == 401 and codes[-1] == 429, codes[-3:]
    assert admin.get("/sessions").status_code == 200, "other addresses go on"


@pytest.mark.parametrize("mode, status", [("required", 401), ("open", 201)])
def test_auth_option_overrides(start_server, mode, status):
    server = start_server("--auth", mode)
    assert server.api.post("/sessions", json={}).status_code == status


def test_public_mode_host_and_forwarding_headers_do_not_matter(public):
    answer = call(public, "GET", "/sessions", "tunnel.example.test", [
        ("X-Forwarded-For", "203.0.113.1"), ("Authorization", f"Bearer {public.admin_token()}"),
    ])
    assert answer.status == 200, answer


def test_secrets_are_not_in_the_store(public, admin):
    session = public.create(admin, authMode="basic")
    public.act(session["slug"], "policy", {"password": "correct-horse-battery"}, admin)
    owner = session["sessionToken"].split(".")[1].encode()
    for file in public.data.rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for secret in (owner, b"correct-horse-battery", session["password"].encode() + b'"'):
                assert secret not in data, file
    assert not re.search("correct-horse|" + owner.decode(), "\n".join(public.stderr))


def test_store_is_sqlite_with_wal(public):
    databases = [f for f in public.data.rglob("*") if f.is_file() and f.read_bytes()[:15] == b"SQLite format 3"]
    assert databases
    with sqlite3.connect(f"file:{databases[0]}?mode=ro", uri=True) as connection:
        assert connection.execute("pragma journal_mode").fetchone()[0] == "wal"
