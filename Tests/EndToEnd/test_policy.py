"""The policy at the edge, on the next request and on what is already open."""

import base64
import re
import time
from datetime import datetime

import pytest

from harness.browserlike import browser, enter_password, form_of
from harness.v0_agent import V0Agent
from harness.waiting import eventually

CUT = 3  # seconds after the answer; the goal is 100 ms, the rest is slack for a machine that pauses

BLOCKED = [
    "/admin", "/admin/", "/admin/x", "/admin?x=1", "/ADMIN", "/Admin/Users", "/%61dmin", "/%41dmin", "/adm%69n/x",
    "//admin", "///admin//x", "/./admin", "/x/../admin", "/x/%2e%2e/admin", "/x/.%2E/admin", "/admin%2fx", "/admin%2Fx",
    "/%2fadmin", "/admin;v=1", "/admin;v=1/x", "/x;y/../admin", "/admin.", "/admin./x", "\\admin", "/\\admin",
    "/x\\..\\admin", "/x%5c..%5cadmin", "/%5cadmin", "/admin/../admin", "/a/b/../../admin/", "/admin%20/../admin",
    "/%2e/admin", "/admin/.", "/admin/./", "/../admin", "/x/..;/admin", "/admin%3bx",
]
ALLOWED = [
    "/", "/administrator", "/admins/x", "/admi", "/x/admin", "/x?path=/admin", "/admin-x", "/x/admin/y",
]
# One local app would take these for /admin and another would not; the edge may fail closed.
EITHER = ["/admin/../x", "/%2561dmin"]


@pytest.fixture(scope="module")
def blocked(server, app):
    from harness.tunnel import Tunnel

    tunnel = Tunnel.open(server, app)
    tunnel.policy(blockPaths=["/admin", "/private*", "/Mixed/Case", "/slash/"])
    yield tunnel
    tunnel.close()


@pytest.mark.parametrize("by_host", [False, True], ids=["path", "subdomain"])
@pytest.mark.parametrize("path", BLOCKED)
def test_blocked_path_in_every_spelling(blocked, path, by_host):
    answer = blocked.ask(path, by_host=by_host)
    if not path.startswith("/"):
        assert answer.status in (400, 403, 404), answer
        return
    assert answer.status in (403, 400), f"{path} passed: {answer}"
    if answer.status == 403:
        assert answer.code() == "path_blocked"


@pytest.mark.parametrize("path", ALLOWED)
def test_other_paths_pass(blocked, path):
    answer = blocked.ask(path)
    assert answer.status == 200 and answer.json()["target"] == path, "the app gets the path as it was sent"


@pytest.mark.parametrize("path", EITHER)
def test_paths_that_apps_read_differently(blocked, path):
    answer = blocked.ask(path)
    if answer.status == 200:
        assert answer.json()["target"] == path
    else:
        assert answer.code() == "path_blocked"


@pytest.mark.parametrize("path, passes", [
    ("/private", False), ("/private/x", False), ("/privateer", False), ("/PRIVATE-1", False), ("/priv", True),
    ("/mixed/case/x", False), ("/mixed", True), ("/slash/x", False),
])
def test_patterns(blocked, path, passes):
    assert blocked.ask(path).status == (200 if passes else 403)


def test_blocking_slash_blocks_everything(open_tunnel):
    tunnel = open_tunnel()
    tunnel.policy(blockPaths=["/"])
    assert tunnel.ask("/").status == 403 and tunnel.ask("/x").status == 403
    tunnel.policy(blockPaths=[])
    assert tunnel.ask("/x").status == 200


def events_route(app):
    """A route that streams until its connection ends."""

    def route(call):
        call.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        call.chunk(b"data: hello\n\n")
        call.left = call.wait_gone(30)

    return app.route(route)


def open_stream(tunnel, source="127.0.0.1", headers=()):
    """A viewer in the middle of an endless answer."""
    viewer = tunnel.viewer(source)
    tunnel.start(viewer, events_route(tunnel.app), headers=headers)
    answer = viewer.head()
    assert answer.status == 200, answer
    assert viewer.read_chunk() == b"data: hello\n\n"
    return viewer


def check_cut(viewer, since, what):
    """The viewer's connection ends within the bound, without a proper end of the answer."""
    tail = b""
    viewer.socket.settimeout(10)
    while viewer.fill():
        pass
    took = time.monotonic() - since
    tail = viewer.buffer
    print(f"{what}: cut after {took * 1000:.0f} ms")
    assert not tail.endswith(b"0\r\n\r\n"), "a complete-looking end"
    assert took <= CUT, f"{what}: {took * 1000:.0f} ms"


LIVE = [
    ("pause", lambda t: t.act("pause"), 503, "tunnel_paused"),
    ("close", lambda t: t.act("close"), 410, "session_closed"),
    ("private", lambda t: t.policy(public=False), 401, "session_private"),
    ("password", lambda t: t.policy(password="new"), 401, "password_required"),
    ("viewer limit 0", lambda t: t.policy(maxConcurrentViewers=0), 429, "too_many_viewers"),
    ("blocked path", lambda t: t.policy(blockPaths=["/route*"]), 403, "path_blocked"),
]


@pytest.mark.parametrize("what, change, status, code", LIVE, ids=[row[0] for row in LIVE])
def test_change_reaches_open_streams_and_the_next_request(open_tunnel, address, what, change, status, code):
    tunnel = open_tunnel()
    viewer = open_stream(tunnel, address)
    change(tunnel)
    start = time.monotonic()
    if what != "viewer limit 0":  # the limit never turns away a viewer who is already in
        check_cut(viewer, start, what)
    answer = tunnel.ask("/route-next", source="127.0.0.1" if what.startswith("viewer") else address)
    assert (answer.status, answer.code()) == (status, code)
    viewer.close()


def test_change_cuts_an_upload_too(open_tunnel, address):
    tunnel = open_tunnel()
    path = tunnel.app.route(lambda call: call.body())
    with tunnel.viewer(address) as viewer:
        tunnel.start(viewer, path, "POST", [("Content-Length", "100")])
        viewer.send(b"half")
        call = tunnel.app.wait_call(path)
        tunnel.act("close")
        start = time.monotonic()
        assert call.finished.wait(5) and call.body_state == "aborted"
        assert time.monotonic() - start <= CUT
        viewer.closes_within(10)


def test_pause_and_resume(open_tunnel):
    tunnel = open_tunnel()
    assert tunnel.ask("/").status == 200
    for _ in range(3):
        tunnel.act("pause")
        assert tunnel.ask("/").code() == "tunnel_paused"
        assert tunnel.server.record(tunnel.slug)["status"] == "paused"
        tunnel.act("resume")
        assert tunnel.ask("/").status == 200
        assert tunnel.server.record(tunnel.slug)["status"] == "connected"


def test_expiry_cuts_what_is_open(server, open_tunnel, address):
    tunnel = open_tunnel("--expires", "8s")
    viewer = open_stream(tunnel, address)
    expires = tunnel.agent.info["expires_at"]
    at = datetime.fromisoformat(expires.replace("Z", "+00:00")).timestamp()
    viewer.socket.settimeout(20)
    while viewer.fill():
        pass
    late = time.time() - at
    print(f"expiry: cut {late * 1000:.0f} ms after expiresAt")
    assert -0.05 <= late <= CUT
    assert tunnel.ask("/").code() == "session_expired"
    assert server.record(tunnel.slug)["status"] == "expired"
    assert tunnel.agent.wait(10) == 14


def viewer_at(tunnel, address):
    return next(v for v in tunnel.server.viewers(tunnel.slug) if v["ip"] == address)


def test_kick_cuts_and_keeps_out(open_tunnel, addresses):
    tunnel = open_tunnel()
    kicked, stays = open_stream(tunnel, addresses[0]), open_stream(tunnel, addresses[1])
    viewer = viewer_at(tunnel, addresses[0])
    tunnel.act("kick", {"viewerId": viewer["id"]})
    start = time.monotonic()
    check_cut(kicked, start, "kick")
    answer = tunnel.ask("/", source=addresses[0])
    assert (answer.status, answer.code()) == (403, "viewer_removed")
    assert tunnel.ask("/", source=addresses[1]).status == 200
    stays.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        stays.fill()
    assert viewer["id"] in tunnel.server.record(tunnel.slug)["kickedViewerIds"]
    tunnel.act("kick", {"viewerId": viewer["id"]})
    kicked.close()
    stays.close()


def test_kicked_browser_stays_out_with_and_without_its_cookie(open_tunnel, addresses):
    tunnel = open_tunnel()
    with browser(tunnel, addresses[0]) as client, browser(tunnel, addresses[1]) as other:
        for _ in range(2):
            assert client.get("/").status_code == 200
            assert other.get("/").status_code == 200
        assert client.cookies, "a browser is known by a cookie"
        viewer = viewer_at(tunnel, addresses[0])
        tunnel.act("kick", {"viewerId": viewer["id"]})
        assert client.get("/").status_code == 403
        client.cookies.clear()
        assert client.get("/").status_code == 403, "the address, for viewers without credentials"
        assert other.get("/").status_code == 200


def test_viewer_list(open_tunnel, addresses):
    tunnel = open_tunnel()
    stream = open_stream(tunnel, addresses[0], [("User-Agent", "Testing/1.0")])
    tunnel.ask("/a", "POST", source=addresses[1], body=b"12345")
    viewers = {v["ip"]: v for v in tunnel.server.viewers(tunnel.slug)}
    assert set(viewers) == set(addresses[:2])
    streaming = viewers[addresses[0]]
    assert streaming["userAgent"] == "Testing/1.0"
    assert streaming["openStreams"] == 1 and viewers[addresses[1]]["openStreams"] == 0
    assert streaming["requests"] == 1
    assert streaming["bytes"] > 0, "bytes of what is open count too"
    time_format = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(time_format, streaming["firstSeen"]) and re.fullmatch(time_format, streaming["lastSeen"])
    assert "label" in streaming
    assert tunnel.server.record(tunnel.slug)["activeViewers"] == 2
    stream.close()


def test_viewer_limit(open_tunnel, addresses):
    tunnel = open_tunnel()
    tunnel.policy(maxConcurrentViewers=2)
    streams = [open_stream(tunnel, a) for a in addresses[:2]]
    refused = tunnel.ask("/", source=addresses[2])
    assert (refused.status, refused.code()) == (429, "too_many_viewers") and refused.get("retry-after")
    for address in addresses[:2]:
        assert tunnel.ask("/", source=address).status == 200, "a viewer who is in may go on"
    tunnel.policy(maxConcurrentViewers=1)
    for address in addresses[:2]:
        assert tunnel.ask("/", source=address).status == 200, "lowering the limit turns nobody out"
    tunnel.policy(maxConcurrentViewers=3)
    assert tunnel.ask("/", source=addresses[2]).status == 200
    for stream in streams:
        stream.close()


def test_one_address_cannot_hold_every_stream(start_server, open_tunnel, addresses, tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text('{"edge": {"maxStreamsPerAddress": 2}}')
    server = start_server("--config", settings)
    tunnel = open_tunnel(server=server)
    streams = [open_stream(tunnel, addresses[0]) for _ in range(2)]
    refused = tunnel.ask("/", source=addresses[0])
    assert (refused.status, refused.code()) == (429, "rate_limited") and refused.get("retry-after")
    assert tunnel.ask("/", source=addresses[1]).status == 200, "others are not affected"
    streams[0].close()
    eventually(lambda: tunnel.ask("/", source=addresses[0]).status == 200)
    streams[1].close()


def test_x_daypass_password(open_tunnel):
    tunnel = open_tunnel("--password", "open sesame")
    assert tunnel.ask("/").status == 401
    right, wrong = [("X-Daypass-Password", "open sesame")], [("X-Daypass-Password", "Open sesame")]
    assert tunnel.ask("/", headers=right).status == 200
    assert tunnel.ask("/", headers=wrong).status == 401
    assert tunnel.ask("/?password=open%20sesame").status == 401, "never in a URL"
    tunnel.policy(password="")
    assert tunnel.ask("/").status == 200


def test_credentials_for_daypass_never_reach_the_app(open_tunnel):
    tunnel = open_tunnel("--password", "for the edge")
    headers = [("X-Daypass-Password", "for the edge"), ("Authorization", "Bearer for-the-app")]
    seen = dict(tunnel.ask("/", headers=headers).json()["fields"])
    assert seen["Authorization"] == "Bearer for-the-app", "the app's own credentials pass"
    assert "for the edge" not in seen.values()


def test_password_form(open_tunnel, addresses):
    tunnel = open_tunnel("--password", "pässword 1")
    origin = f"http://127.0.0.1:{tunnel.server.edge_port}"
    with browser(tunnel, addresses[0]) as client:
        page = client.get("/deep/page?x=1")
        assert page.status_code == 401
        action, fields, secret = form_of(page.text)
        target = str(page.url.join(action.replace("&amp;", "&")))
        wrong = client.post(target, data={**fields, secret: "nope"}, headers={"Origin": origin})
        assert wrong.status_code == 401 and re.search("<form", wrong.text), "the form again, with what is wrong"
        entered = client.post(target, data={**fields, secret: "pässword 1"}, headers={"Origin": origin})
        assert entered.status_code in (302, 303), entered
        assert "password" not in entered.headers["location"].replace("/deep", "")
        cookies = entered.headers.get_list("set-cookie")
        assert any("httponly" in c.lower() for c in cookies), cookies
        back = client.get(str(page.url.join(entered.headers["location"])))
        assert back.status_code == 200 and back.json()["target"] == "/deep/page?x=1"
        assert not [v for n, v in back.json()["fields"] if n.lower() == "cookie"]
        assert client.get("/again").status_code == 200
        tunnel.policy(password="another")
        assert client.get("/again").status_code == 401, "the old password no longer opens"


def test_new_password_cuts_streams_opened_with_the_old_one(open_tunnel, address):
    tunnel = open_tunnel("--password", "first")
    viewer = open_stream(tunnel, address, [("X-Daypass-Password", "first")])
    tunnel.policy(password="second")
    start = time.monotonic()
    check_cut(viewer, start, "new password")


def test_rotate_password(open_tunnel):
    tunnel = open_tunnel("--password", "first")
    assert tunnel.act("rotate-password")["ok"] is True
    assert tunnel.ask("/", headers=[("X-Daypass-Password", "first")]).status == 401


def test_wrong_passwords_are_rate_limited(open_tunnel, addresses):
    tunnel = open_tunnel("--password", "first")
    codes = []
    for number in range(200):
        answer = tunnel.ask("/", headers=[("X-Daypass-Password", f"guess{number}")], source=addresses[0])
        codes.append(answer.status)
        if answer.status == 429:
            assert int(answer.get("retry-after")) >= 1
            break
    assert codes[0] == 401 and codes[-1] == 429, codes[-3:]
    assert tunnel.ask("/", headers=[("X-Daypass-Password", "first")], source=addresses[1]).status == 200


def test_basic_auth_refuses_wrong_credentials(open_tunnel):
    tunnel = open_tunnel("--auth")
    assert tunnel.ask("/").status == 401

    def ask(user, password):
        value = base64.b64encode(f"{user}:{password}".encode()).decode()
        return tunnel.ask("/", headers=[("Authorization", f"Basic {value}")])

    assert ask("worm", "aaaaaaaa").status == 401
    assert ask("", "").status == 401
    assert tunnel.ask("/", headers=[("Authorization", "Basic !!!")]).status == 401
    assert tunnel.ask("/", headers=[("Authorization", "Bearer x")]).status == 401


def test_basic_auth_with_the_right_password(server, app, address):
    """The credentials of POST /sessions open the session (with a version 0 agent behind it)."""
    session = server.create(authMode="basic")
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], (s.get("authorization") or "in").encode()))
    value = base64.b64encode(f"worm:{session['password']}".encode()).decode()

    def ask(scheme="Basic"):
        with server.viewer(address) as viewer:
            headers = [("Authorization", f"{scheme} {value}")]
            return viewer.request("GET", f"/s/{session['slug']}/", f"127.0.0.1:{server.edge_port}", headers).answer()

    assert ask().body == b"in"
    assert ask("bAsIc").body == b"in", "the scheme's name ignores case"
    agent.close()
    server.delete(session["sessionId"])


def test_private_with_a_password_lets_holders_in(open_tunnel):
    tunnel = open_tunnel()
    tunnel.policy(public=False, password="key")
    assert tunnel.ask("/").status == 401
    assert tunnel.ask("/", headers=[("X-Daypass-Password", "key")]).status == 200
    tunnel.policy(password="")
    answer = tunnel.ask("/", headers=[("X-Daypass-Password", "key")])
    assert (answer.status, answer.code()) == (401, "session_private")
    tunnel.policy(public=True)
    assert tunnel.ask("/").status == 200


def test_order_of_checks(open_tunnel, address):
    """Credentials come before kicks, kicks before paths, paths before the limit, the limit before the pause."""
    tunnel = open_tunnel()
    assert tunnel.ask("/", source=address).status == 200
    viewer = viewer_at(tunnel, address)
    tunnel.act("pause")
    assert tunnel.ask("/x", source=address).code() == "tunnel_paused"
    tunnel.policy(blockPaths=["/x"])
    assert tunnel.ask("/x", source=address).code() == "path_blocked"
    tunnel.act("kick", {"viewerId": viewer["id"]})
    assert tunnel.ask("/x", source=address).code() == "viewer_removed"
    tunnel.policy(password="p")
    assert tunnel.ask("/x", source=address).code() == "password_required"
    tunnel.act("close")
    assert tunnel.ask("/x", source=address).code() == "session_closed"


def test_viewer_cookie_is_signed(open_tunnel, addresses):
    """A changed cookie is worth nothing: it opens no password-protected session."""
    tunnel = open_tunnel("--password", "first")
    with browser(tunnel, addresses[0]) as client:
        enter_password(client, "first")
        assert client.get("/").status_code == 200
        pairs = [(c.name, c.value) for c in client.cookies.jar]

    def status(sent):
        cookie = "; ".join(f"{n}={v}" for n, v in sent)
        return tunnel.ask("/", headers=[("Cookie", cookie)], source=addresses[1]).status

    assert status(pairs) == 200
    opening = [i for i in range(len(pairs)) if status(pairs[:i] + pairs[i + 1:]) == 401]
    assert len(opening) == 1, "one cookie lets the viewer in"
    name, value = pairs[opening[0]]
    others = [p for p in pairs if p[0] != name]
    for at in (0, len(value) // 2, len(value) - 1):
        changed = value[:at] + ("a" if value[at] != "a" else "b") + value[at + 1:]
        assert status([*others, (name, changed)]) == 401, at
    for changed in (value[: len(value) // 2], "A" * len(value), "", value + "a"):
        assert status([*others, (name, changed)]) == 401, changed


def test_cookie_of_one_session_opens_no_other(open_tunnel, addresses):
    first, second = open_tunnel("--password", "same"), open_tunnel("--password", "same")
    with browser(first, addresses[0]) as client:
        enter_password(client, "same")
        assert client.get("/").status_code == 200
        cookie = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
    answer = second.ask("/", headers=[("Cookie", cookie)], source=addresses[0])
    assert answer.status == 401, answer


def test_activity_is_counted_until_thirty_seconds(open_tunnel, address):
    tunnel = open_tunnel()
    tunnel.ask("/", source=address)
    eventually(lambda: tunnel.server.record(tunnel.slug)["activeViewers"] == 1)
