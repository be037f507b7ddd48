"""The two reference pages: their curl examples verbatim except host, port and slug, and the shapes they promise."""

import json
import re
import subprocess
from datetime import datetime, timedelta, timezone

import pytest

CREATE = """curl -X POST https://control.wormkey.io/sessions \\
  -H "Content-Type: application/json" \\
  -d '{
    "port": 3000,
    "authMode": "none",
    "expiresIn": "24h"
  }'"""

POLICY = """curl -X POST https://control.wormkey.io/sessions/by-slug/quiet-lime-42/policy \\
  -H "Content-Type: application/json" \\
  -d '{
    "public": false,
    "maxConcurrentViewers": 5,
    "blockPaths": ["/admin", "/api/internal"],
    "password": "secure123"
  }'"""

PARTIAL = """curl -X POST https://control.wormkey.io/sessions/by-slug/quiet-lime-42/policy \\
  -H "Content-Type: application/json" \\
  -d '{
    "maxConcurrentViewers": 10
  }'"""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TOKEN = r"[a-z0-9]{32}"


def curl(command, server, slug=None):
    """Runs the example with the server's address (and slug); status, content type, JSON."""
    command = command.replace("https://control.wormkey.io", server.control)
    if slug:
        command = command.replace("quiet-lime-42", slug)
    command = command.replace("curl ", "curl -sS -w '\\n%{http_code} %{content_type}' ", 1)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=15)
    assert done.returncode == 0, done.stderr
    body, _, last = done.stdout.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return int(status), content_type, json.loads(body)


def check_session(session, server, hours):
    slug = session["slug"]
    assert re.fullmatch(r"sess_[a-z0-9]{32}", session["sessionId"])
    assert re.fullmatch(r"[a-z]+-[a-z]+-[0-9]+", slug)
    assert session["publicUrl"] == f"{server.public}/s/{slug}"
    token = re.fullmatch(re.escape(f"{slug}.") + f"({TOKEN})", session["sessionToken"]).group(1)
    assert session["ownerUrl"] == f"{server.public}/.wormkey/owner?slug={slug}&token={token}"
    assert session["overlayScriptUrl"] == f"{server.public}/.wormkey/overlay.js?slug={slug}"
    assert session["edgeUrl"] == re.sub("^http", "ws", server.public) + "/tunnel"
    assert re.fullmatch(TIME, session["expiresAt"])
    expires = datetime.fromisoformat(session["expiresAt"].replace("Z", "+00:00"))
    assert abs(expires - datetime.now(timezone.utc) - timedelta(hours=hours)) < timedelta(seconds=30)


REQUIRED = {
    "sessionId", "slug", "publicUrl", "ownerUrl", "overlayScriptUrl", "edgeUrl", "sessionToken", "expiresAt",
}


def test_create_session_example(server):
    status, content_type, session = curl(CREATE, server)
    assert status == 201
    assert content_type.startswith("application/json")
    assert set(session) == REQUIRED, "username and password only with authMode basic"
    check_session(session, server, 24)


def test_create_session_with_basic_auth(server):
    status, _, session = curl(CREATE.replace('"none"', '"basic"'), server)
    assert status == 201
    assert set(session) == REQUIRED | {"username", "password"}
    assert session["username"] == "worm"
    assert re.fullmatch(r"[a-z0-9]{8}", session["password"])
    check_session(session, server, 24)


@pytest.mark.parametrize(
    "rule, body, hours",
    [
        ("every field optional, an empty object", "{}", 24),
        ("the body is optional", "", 24),
        ("30m means thirty minutes", '{"expiresIn":"30m"}', 0.5),
        ("2h means two hours", '{"expiresIn":"2h"}', 2),
        ("90s means ninety seconds", '{"expiresIn":"90s"}', 90 / 3600),
        ("3d means three days", '{"expiresIn":"3d"}', 72),
        ("defaults for what is not given", '{"port":8080}', 24),
    ],
)
def test_create_session_defaults(server, rule, body, hours):
    answer = server.api.post("/sessions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201, (rule, answer.text)
    check_session(answer.json(), server, hours)


def test_policy_examples(server):
    slug = server.create()["slug"]
    status, content_type, body = curl(PARTIAL, server, slug)
    assert (status, content_type.startswith("application/json")) == (200, True)
    assert body == {
        "ok": True,
        "policy": {"public": True, "maxConcurrentViewers": 10, "blockPaths": [], "password": ""},
    }
    status, _, body = curl(POLICY, server, slug)
    assert status == 200
    full = {
        "public": False, "maxConcurrentViewers": 5, "blockPaths": ["/admin", "/api/internal"], "password": "secure123",
    }
    assert body == {"ok": True, "policy": full}
    status, _, body = curl(PARTIAL, server, slug)
    assert status == 200
    assert body == {"ok": True, "policy": {**full, "maxConcurrentViewers": 10}}, "only what was given changes"


def test_default_policy(server):
    slug = server.create()["slug"]
    assert server.policy(slug)["policy"] == {
        "public": True, "maxConcurrentViewers": 20, "blockPaths": [], "password": "",
    }


@pytest.mark.parametrize("field, value", [
    ("public", False), ("maxConcurrentViewers", 3), ("blockPaths", ["/x"]), ("password", "p"),
])
def test_policy_changes_one_field_and_removes_it_again(server, field, value):
    slug = server.create()["slug"]
    before = server.policy(slug)["policy"]
    assert server.policy(slug, **{field: value})["policy"] == {**before, field: value}
    assert server.policy(slug)["policy"] == {**before, field: value}
    assert server.policy(slug, **{field: before[field]})["policy"] == before


def test_policy_of_unknown_session(server):
    status, content_type, body = curl(POLICY, server, "never-was-1000")
    assert status == 404
    assert content_type.startswith("application/json")
    assert body == {"error": "Session not found"}


def test_slugs_and_tokens_differ(server):
    sessions = [server.create() for _ in range(20)]
    for key in ("sessionId", "slug", "sessionToken"):
        assert len({s[key] for s in sessions}) == len(sessions)
    for session in sessions:
        adjective, noun, number = session["slug"].split("-")
        assert len(session["slug"]) <= 63 and adjective.isalpha() and noun.isalpha() and number.isdigit()
        server.delete(session["sessionId"])
