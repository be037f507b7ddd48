"""Limits: configurable, bounded by default, and each with its answer (docs/operations.md names the keys)."""

import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from harness.daypass import BINARY, clean_environment
from harness.process import Process
from harness.raw import Truncated, Viewer
from harness.tunnel import Tunnel
from harness.v0_agent import V0Agent
from harness.waiting import eventually


def limited(start_server, **settings):
    return start_server(env={f"DAYPASS_{name.upper()}": str(value) for name, value in settings.items()})


@pytest.fixture
def tunnel_with(start_server, start_agent, new_app):
    """A server with these settings, and a tunnel of it."""

    def start(*options, **settings):
        server, app = limited(start_server, **settings), new_app()
        agent = start_agent(server, app.port, *options)
        return Tunnel(server, app, agent.slug, agent)

    return start


def test_504_upstream_timeout(tunnel_with):
    tunnel = tunnel_with(edge_response_timeout_seconds=3)
    path = tunnel.app.route(lambda call: setattr(call, "left", call.wait_gone(10)))
    for accept, kind in (("text/html", "text/html"), ("application/json", "application/json")):
        answer = tunnel.ask(path, headers=[("Accept", accept)])
        assert answer.status == 504 and answer.get("content-type").startswith(kind), answer
        assert "no-store" in answer.get("cache-control")
    assert answer.code() == "upstream_timeout"
    for call in tunnel.app.saw(path):
        assert call.finished.wait(5) and call.left is not None, "the app's connection is ended too"
    assert tunnel.ask("/after").status == 200


def test_a_slow_upload_is_not_an_upstream_timeout(tunnel_with):
    """The clock of the answer runs while the app has the whole request, not while the viewer sends."""
    tunnel = tunnel_with(edge_response_timeout_seconds=3)
    pause = threading.Event()
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/slow", "POST", [("Content-Length", "6")])
        for part in (b"a", b"b", b"c", b"d", b"e", b"f"):
            pause.wait(0.8)
            viewer.send(part)
        answer = viewer.answer()
    assert answer.status == 200 and answer.json()["length"] == 6


def test_a_long_stream_is_not_a_timeout(tunnel_with):
    """Once the head is there a stream may be silent for long."""
    tunnel = tunnel_with(edge_response_timeout_seconds=3, edge_idle_timeout_seconds=3)
    pause = threading.Event()

    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"one")
        pause.wait(5)
        call.chunk(b"two")
        call.last_chunk()

    assert tunnel.ask(tunnel.app.route(route)).body == b"onetwo"


def test_408_after_the_configured_time(tunnel_with):
    tunnel = tunnel_with(edge_head_timeout_seconds=3)
    with tunnel.viewer() as viewer:
        viewer.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        answer = viewer.answer()
        assert answer.status == 408 and viewer.closes_within(10) is not None
    with tunnel.viewer() as viewer:
        assert viewer.closes_within(10) is not None, "a connection on which nothing comes is closed"


def test_idle_keep_alive_is_closed(tunnel_with):
    tunnel = tunnel_with(edge_idle_timeout_seconds=1)
    with tunnel.viewer() as viewer:
        start = time.monotonic()
        tunnel.start(viewer, "/")
        assert viewer.answer().status == 200
        assert viewer.closes_within(10) is not None and time.monotonic() - start > 0.5


def test_requests_per_second_per_address(tunnel_with, addresses):
    tunnel = tunnel_with(edge_requests_per_second_per_address=5)
    codes = []
    with tunnel.viewer(addresses[0]) as viewer:
        for number in range(100):
            tunnel.start(viewer, f"/{number}", headers=[("Accept", "application/json")])
            answer = viewer.answer()
            codes.append(answer.status)
            if answer.status == 429:
                break
    assert codes[-1] == 429 and answer.code() == "rate_limited" and int(answer.get("retry-after")) >= 1
    assert codes.count(200) >= 5
    assert tunnel.ask("/", source=addresses[1]).status == 200, "others go on"
    eventually(lambda: tunnel.ask("/", source=addresses[0]).status == 200, 10, 0.3, "the limit passes")


def test_requests_per_second_per_session(tunnel_with, addresses):
    tunnel = tunnel_with(edge_requests_per_second=5)
    codes = [tunnel.ask(f"/{n}", source=addresses[n % 4]).status for n in range(60)]
    assert 200 in codes and 429 in codes


def test_streams_per_session(tunnel_with):
    """One more than the limit is refused; after one ended there is room again."""
    tunnel = tunnel_with(edge_max_streams_per_session=4)
    go = threading.Event()
    path = tunnel.app.route(lambda call: (go.wait(15), call.respond(200, [], b"ok")))
    viewers = [tunnel.viewer() for _ in range(4)]
    for viewer in viewers:
        tunnel.start(viewer, path)
    eventually(lambda: len(tunnel.app.saw(path)) == 4)
    refused = tunnel.ask("/one-more")
    assert refused.status in (429, 503), refused
    assert refused.get("retry-after") is not None
    go.set()
    for viewer in viewers:
        assert viewer.answer().body == b"ok"
        viewer.close()
    eventually(lambda: tunnel.ask("/again").status == 200)


def test_connections(start_server):
    server = limited(start_server, edge_max_connections=10)
    viewers = [server.viewer() for _ in range(30)]
    try:
        served = 0
        for viewer in viewers:
            try:
                viewer.request("GET", "/", f"127.0.0.1:{server.edge_port}")
                viewer.socket.settimeout(1)
                served += viewer.answer().status == 404
            except (Truncated, OSError):
                pass
        assert 0 < served <= 10
    finally:
        for viewer in viewers:
            viewer.close()

    def again():
        try:
            with server.viewer() as viewer:
                return viewer.request("GET", "/", f"127.0.0.1:{server.edge_port}").answer().status == 404
        except (Truncated, OSError):
            return False

    eventually(again, what="room again after they left")


def test_open_sessions_per_creator(start_server):
    server = limited(start_server, sessions_open_sessions_per_creator=3)
    made = [server.create() for _ in range(3)]
    refused = server.api.post("/sessions", json={})
    assert refused.status_code in (403, 409, 429), refused.text
    assert refused.json()["error"] and refused.json()["code"]
    server.act(made[0]["slug"], "close")
    assert server.api.post("/sessions", json={}).status_code == 201, "a closed session does not count"


def test_open_sessions_in_total(start_server):
    server = limited(start_server, sessions_open_sessions=2)
    server.create(), server.create()
    assert server.api.post("/sessions", json={}).status_code in (403, 409, 429, 503)


def test_expired_sessions_do_not_count(start_server):
    server = limited(start_server, sessions_open_sessions_per_creator=1)
    slug = server.create(expiresIn="1s")["slug"]
    eventually(lambda: server.record(slug)["status"] == "expired")
    server.create()


def test_maximum_lifetime(start_server):
    server = limited(start_server, control_maximum_lifetime_seconds=3600)
    assert server.api.post("/sessions", json={"expiresIn": "60m"}).status_code == 201
    answer = server.api.post("/sessions", json={"expiresIn": "61m"})
    assert answer.status_code == 400 and answer.json()["details"][0]["path"] == "expiresIn"
    default = server.api.post("/sessions", json={})
    assert default.status_code == 201, "the default lifetime keeps to the maximum"


def test_closed_sessions_are_forgotten(start_server):
    """After --keep-closed, at the latest when the server starts again."""
    server = start_server("--keep-closed", "1s")
    session, kept = server.create(), server.create()
    server.act(session["slug"], "close")
    assert server.record(session["slug"])["status"] == "closed"
    time.sleep(1.1)  # the second that --keep-closed gives it
    server.stop()
    again = server.restarted()
    try:
        eventually(
            lambda: again.api.get(f"/sessions/{session['sessionId']}").status_code == 404, 10, what="the session is forgotten"
        )
        assert again.record(kept["slug"])["status"] == "waiting"
    finally:
        again.close_api()
        again.kill()


def test_unfinished_tunnel_handshakes_do_not_hang(start_server):
    server = limited(start_server, edge_head_timeout_seconds=3)
    with Viewer(("127.0.0.1", server.edge_port)) as viewer:
        viewer.send(b"GET /tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
        assert viewer.closes_within(10) is not None


def test_many_agents_of_one_session_are_bounded(start_server):
    """However many connections a token opens, the edge keeps a bounded pool and goes on."""
    server = start_server()
    session = server.create()
    agents, refused = [], 0
    for _ in range(100):
        try:
            agents.append(V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"x")))
        except Exception:  # refused: what this counts
            refused += 1
    assert server.record(session["slug"])["tunnelConnections"] <= 64
    assert Tunnel(server, None, session["slug"]).ask("/").body == b"x"
    for agent in agents:
        agent.close()


def test_http2_preface_on_the_plain_port_does_not_hang(server):
    with server.viewer() as viewer:
        viewer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert viewer.fill() or viewer.ended


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_user_than_root_can_serve():
    """Whoever may set what on a socket: nothing the server asks for needs root."""
    folder = Path(tempfile.mkdtemp(prefix="daypass-nobody."))
    try:
        shutil.copy(BINARY, folder / "daypass")
        os.chown(folder, 65534, 65534)
        server = Process(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", folder / "daypass", "serve", "--control",
             "127.0.0.1:0", "--edge", "127.0.0.1:0", "--data", folder / "data"], env=clean_environment(folder),
        )
        ready = server.wait_line(server.stderr, r"daypass: ready .*edge=http://127.0.0.1:(\d+)", timeout=20)
        with Viewer(("127.0.0.1", int(ready.group(1)))) as viewer:
            viewer.request("GET", "/nothing", "127.0.0.1")
            assert viewer.answer().status == 404
        server.kill()
    finally:
        shutil.rmtree(folder)
