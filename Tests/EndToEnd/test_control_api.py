"""The control API in local mode: validation, records, actions, methods, sizes, content types."""

import pytest

JSON = {"Content-Type": "application/json"}

CREATE_REFUSED = [
    ("port below 1", {"port": 0}, "port"),
    ("port above 65535", {"port": 65536}, "port"),
    ("negative port", {"port": -1}, "port"),
    ("port with a fraction", {"port": 3000.5}, "port"),
    ("port as text", {"port": "3000"}, "port"),
    ("port as boolean", {"port": True}, "port"),
    ("port huge", {"port": 10**30}, "port"),
    ("unknown authMode", {"authMode": "digest"}, "authMode"),
    ("authMode is exact", {"authMode": "Basic"}, "authMode"),
    ("authMode as number", {"authMode": 1}, "authMode"),
    ("reference template text", {"port": 123, "authMode": "<string>", "expiresIn": "<string>"}, "authMode"),
    ("expiresIn without unit", {"expiresIn": "24"}, "expiresIn"),
    ("expiresIn as number", {"expiresIn": 24}, "expiresIn"),
    ("expiresIn zero", {"expiresIn": "0s"}, "expiresIn"),
    ("expiresIn negative", {"expiresIn": "-5m"}, "expiresIn"),
    ("expiresIn fraction", {"expiresIn": "1.5h"}, "expiresIn"),
    ("expiresIn empty", {"expiresIn": ""}, "expiresIn"),
    ("expiresIn only a unit", {"expiresIn": "h"}, "expiresIn"),
    ("expiresIn weeks", {"expiresIn": "1w"}, "expiresIn"),
    ("expiresIn with a space", {"expiresIn": " 1h"}, "expiresIn"),
    ("expiresIn other digits", {"expiresIn": "١h"}, "expiresIn"),
    ("expiresIn above the maximum of 7 d", {"expiresIn": "8d"}, "expiresIn"),
    ("expiresIn just above the maximum", {"expiresIn": "169h"}, "expiresIn"),
    ("expiresIn overflow", {"expiresIn": "99999999999999999999h"}, "expiresIn"),
    ("expiresIn overflow by the unit", {"expiresIn": "9223372036854775807d"}, "expiresIn"),
    ("unknown field is refused by name", {"colour": "red"}, "colour"),
    ("unknown field beside good ones", {"port": 3000, "Port": 1}, "Port"),
]

POLICY_REFUSED = [
    ("public as text", {"public": "yes"}, "public"),
    ("public as number", {"public": 1}, "public"),
    ("viewers below 0", {"maxConcurrentViewers": -1}, "maxConcurrentViewers"),
    ("viewers above 100000", {"maxConcurrentViewers": 100001}, "maxConcurrentViewers"),
    ("viewers with a fraction", {"maxConcurrentViewers": 1.5}, "maxConcurrentViewers"),
    ("viewers as text", {"maxConcurrentViewers": "5"}, "maxConcurrentViewers"),
    ("blockPaths not a list", {"blockPaths": "/admin"}, "blockPaths"),
    ("blocked path without slash", {"blockPaths": ["admin"]}, "blockPaths"),
    ("blocked path empty", {"blockPaths": ["/ok", ""]}, "blockPaths"),
    ("blocked path not text", {"blockPaths": [1]}, "blockPaths"),
    ("201 blocked paths", {"blockPaths": [f"/p{i}" for i in range(201)]}, "blockPaths"),
    ("blocked path of 2049 characters", {"blockPaths": ["/" + "a" * 2048]}, "blockPaths"),
    ("password of 257 characters", {"password": "p" * 257}, "password"),
    ("password as number", {"password": 12345678}, "password"),
    ("unknown field is refused by name", {"maxViewers": 3}, "maxViewers"),
]


def check_refused(answer, path):
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert body["code"] == "validation_error"
    assert isinstance(body["error"], str) and " " in body["error"], "a sentence"
    assert any(d["path"].startswith(path) for d in body["details"]), body
    assert all(d["message"] for d in body["details"])


@pytest.mark.parametrize("rule, body, path", CREATE_REFUSED, ids=[r[0] for r in CREATE_REFUSED])
def test_create_refuses(server, rule, body, path):
    check_refused(server.api.post("/sessions", json=body), path)


@pytest.fixture(scope="module")
def session(server):
    session = server.create()
    yield session
    server.delete(session["sessionId"])


@pytest.mark.parametrize("rule, body, path", POLICY_REFUSED, ids=[r[0] for r in POLICY_REFUSED])
def test_policy_refuses_and_changes_nothing(server, session, rule, body, path):
    slug = session["slug"]
    before = server.policy(slug)["policy"]
    good = {"public": False, "maxConcurrentViewers": 7, "blockPaths": ["/z"], "password": "zz"}
    for name in body:
        good.pop(name, None)
    check_refused(server.api.post(f"/sessions/by-slug/{slug}/policy", json={**good, **body}), path)
    assert server.policy(slug)["policy"] == before, "all or nothing"


def test_several_mistakes_are_all_named(server):
    answer = server.api.post("/sessions", json={"port": 0, "authMode": "x", "expiresIn": "y"})
    assert {d["path"] for d in answer.json()["details"]} >= {"port", "authMode", "expiresIn"}


@pytest.mark.parametrize(
    "body",
    [
        {"port": 1}, {"port": 65535}, {"expiresIn": "1s"}, {"expiresIn": "7d"}, {"expiresIn": "168h"},
        {"authMode": "none"}, {"authMode": "basic"},
    ],
    ids=str,
)
def test_create_accepts_the_limits(server, body):
    session = server.create(**body)
    server.delete(session["sessionId"])


@pytest.mark.parametrize(
    "change",
    [
        {"maxConcurrentViewers": 0}, {"maxConcurrentViewers": 100000}, {"blockPaths": [f"/p{i}" for i in range(200)]},
        {"blockPaths": ["/" + "a" * 2047]}, {"password": "p" * 256}, {"password": "ünïcödé 🔑"}, {"blockPaths": ["/"]},
    ],
    ids=lambda c: str(c)[:40],
)
def test_policy_accepts_the_limits(server, change):
    session = server.create()
    policy = server.policy(session["slug"], **change)["policy"]
    assert {k: policy[k] for k in change} == change
    server.delete(session["sessionId"])


@pytest.mark.parametrize(
    "text",
    ["{", '{"port":3000', "[]", '"x"', "1", "null", "{'port':1}", '{"port":1}x', '{"port":NaN}', "\x00", "[" * 20000],
    ids=lambda t: t[:16],
)
def test_malformed_json_is_400(server, session, text):
    for path in ("/sessions", f"/sessions/by-slug/{session['slug']}/policy"):
        answer = server.api.post(path, content=text, headers=JSON)
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]


def test_invalid_utf8_is_400(server):
    answer = server.api.post("/sessions", content=b'{"authMode":"\xff\xfe"}', headers=JSON)
    assert answer.status_code == 400


@pytest.mark.parametrize("framed", ["length", "chunked"])
def test_body_over_64_kib_is_413(server, session, framed):
    body = b'{"password":"' + b" " * (64 * 1024) + b'"}'
    content = body if framed == "length" else iter([body])
    answer = server.api.post(f"/sessions/by-slug/{session['slug']}/policy", content=content, headers=JSON)
    assert answer.status_code == 413
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("PUT", "/sessions", {"GET", "POST"}),
        ("DELETE", "/sessions", {"GET", "POST"}),
        ("PATCH", "/sessions/{id}", {"GET", "DELETE"}),
        ("POST", "/sessions/{id}", {"GET", "DELETE"}),
        ("GET", "/sessions/by-slug/{slug}/policy", {"POST"}),
        ("PUT", "/sessions/by-slug/{slug}/policy", {"POST"}),
        ("POST", "/sessions/by-slug/{slug}/viewers", {"GET"}),
        ("GET", "/sessions/by-slug/{slug}/kick", {"POST"}),
        ("GET", "/sessions/by-slug/{slug}/pause", {"POST"}),
        ("DELETE", "/sessions/by-slug/{slug}/resume", {"POST"}),
        ("GET", "/sessions/by-slug/{slug}/close", {"POST"}),
        ("POST", "/health", {"GET"}),
        ("POST", "/openapi.json", {"GET"}),
    ],
)
def test_wrong_method_is_405_with_allow(server, session, method, path, allowed):
    path = path.format(id=session["sessionId"], slug=session["slug"])
    answer = server.api.request(method, path, headers=JSON if method in ("POST", "PUT", "PATCH") else {})
    assert answer.status_code == 405, answer.text
    assert allowed <= {m.strip() for m in answer.headers["allow"].split(",")}
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx",
     "text/json", ""],
)
def test_wrong_content_type_is_415(server, session, content_type):
    for path in ("/sessions", f"/sessions/by-slug/{session['slug']}/policy"):
        answer = server.api.post(path, content=b"{}", headers={"Content-Type": content_type})
        assert answer.status_code == 415, (path, answer.text)
        assert answer.json()["error"]


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_content_type_with_parameters_is_json(server, session, content_type):
    path = f"/sessions/by-slug/{session['slug']}/policy"
    assert server.api.post(path, content=b"{}", headers={"Content-Type": content_type}).status_code == 200


def test_unknown_paths_are_404_in_json(server):
    for path in ("/", "/nothing", "/sessions/by-slug", "/sessions/by-slug/a-b-1/nothing"):
        answer = server.api.get(path)
        assert answer.status_code == 404, path
        assert answer.json()["error"]


def test_record_of_a_session(server):
    session = server.create(port=4321, authMode="basic")
    by_slug = server.api.get(f"/sessions/by-slug/{session['slug']}", headers=bearer(session)).json()
    by_id = server.api.get(f"/sessions/{session['sessionId']}", headers=bearer(session)).json()
    assert by_slug == by_id
    assert by_slug.keys() >= {
        "slug", "publicUrl", "expiresAt", "createdAt", "status", "authMode", "policy", "activeViewers",
        "kickedViewerIds", "closed", "tunnelConnections",
    }
    assert by_slug["status"] == "waiting" and by_slug["closed"] is False
    assert by_slug["authMode"] == "basic"
    assert by_slug["kickedViewerIds"] == []
    assert by_slug["tunnelConnections"] == 0 and by_slug["activeViewers"] == 0
    assert by_slug["policy"]["maxConcurrentViewers"] == 20
    server.delete(session["sessionId"])


def bearer(session):
    return {"Authorization": f"Bearer {session['sessionToken']}"}


@pytest.mark.parametrize("path", ["/sessions/sess_" + "0" * 32, "/sessions/nonsense", "/sessions/by-slug/no-one-1000"])
def test_unknown_session_is_404(server, path):
    answer = server.api.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"] == "Session not found"


def test_actions_are_idempotent(server):
    session = server.create()
    slug = session["slug"]
    for action, status in (("pause", "paused"), ("resume", "waiting"), ("close", "closed")):
        for _ in range(2):
            assert server.act(slug, action)["ok"] is True
            assert server.record(slug)["status"] == status
    assert server.record(slug)["closed"] is True


@pytest.mark.parametrize("action", ["kick", "pause", "resume", "close", "rotate-password"])
def test_actions_on_an_unknown_session_are_404(server, action):
    body = {"viewerId": "v"} if action == "kick" else {}
    answer = server.api.post(f"/sessions/by-slug/no-one-1000/{action}", json=body)
    assert answer.status_code == 404
    assert answer.json()["error"] == "Session not found"


@pytest.mark.parametrize("body", [{}, {"viewerId": 5}, {"viewerId": ""}, {"viewer": "x"}], ids=str)
def test_kick_needs_a_viewer(server, session, body):
    answer = server.api.post(f"/sessions/by-slug/{session['slug']}/kick", json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "validation_error"


def test_delete_closes_and_forgets(server):
    session = server.create()
    answer = server.delete(session["sessionId"])
    assert answer.status_code == 200 and answer.json() == {"ok": True}
    assert server.api.get(f"/sessions/{session['sessionId']}").status_code == 404
    assert server.api.get(f"/sessions/by-slug/{session['slug']}").status_code == 404


def test_list_of_sessions_is_paged(server):
    made = [server.create() for _ in range(3)]
    body = server.api.get("/sessions").json()
    rows = body if isinstance(body, list) else body["sessions"]
    assert {s["sessionId"] for s in made} <= {s["sessionId"] for s in rows}
    assert not any("sessionToken" in s or "ownerUrl" in s for s in rows), "no credentials in a list"
    for session in made:
        server.delete(session["sessionId"])


def test_service_endpoints(server):
    assert server.api.get("/health").status_code == 200
    assert server.api.get("/ready").status_code == 200
    metrics = server.api.get("/metrics")
    assert metrics.status_code == 200 and "# TYPE" in metrics.text
    document = server.api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    for path in ("/sessions", "/sessions/{sessionId}", "/sessions/by-slug/{slug}/policy", "/health"):
        assert path in document["paths"], path
