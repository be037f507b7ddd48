"""Restarts and kills of each part at each moment."""

import json
import os
import resource
import signal
import sqlite3
import threading
import time

import httpx
import pytest
from websockets.utils import accept_key

from harness.browserlike import browser, enter_password
from harness.daypass import Server
from harness.localapp import LocalApp
from harness.raw import Truncated, Viewer
from harness.tunnel import Tunnel
from harness.v0_agent import V0Agent
from harness.waiting import eventually

NO_HANG = 12  # seconds until a viewer must know: the reconnect grace of 5 s and some slack


def begin_download(tunnel):
    def route(call):
        call.head(200, [("Content-Length", "1000000")])
        call.raw(b"x" * 1000)
        call.wait_gone(30)

    viewer = tunnel.viewer(timeout=NO_HANG)
    tunnel.start(viewer, tunnel.app.route(route))
    answer = viewer.head()
    viewer.read_exactly(1000)
    return viewer, answer


def begin_chunked(tunnel):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"x" * 1000)
        call.wait_gone(30)

    viewer = tunnel.viewer(timeout=NO_HANG)
    tunnel.start(viewer, tunnel.app.route(route))
    answer = viewer.head()
    assert len(viewer.read_chunk()) > 0
    return viewer, answer


def begin_upload(tunnel):
    path = tunnel.app.route(lambda call: call.respond(200, [], call.body()))
    viewer = tunnel.viewer(timeout=NO_HANG)
    tunnel.start(viewer, path, "POST", [("Content-Length", "1000")])
    viewer.send(b"half")
    tunnel.app.wait_call(path)
    return viewer, None


def begin_waiting(tunnel):
    path = tunnel.app.route(lambda call: call.wait_gone(30))
    viewer = tunnel.viewer(timeout=NO_HANG)
    tunnel.start(viewer, path)
    tunnel.app.wait_call(path)
    return viewer, None


def begin_websocket(tunnel):
    def route(call):
        accept = accept_key(call.get("sec-websocket-key"))
        call.head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)], "S")
        call.wait_gone(30)

    viewer = tunnel.viewer(timeout=NO_HANG)
    tunnel.start(viewer, tunnel.app.route(route), headers=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ])
    answer = viewer.head()
    assert answer.status == 101
    return viewer, answer


MOMENTS = {
    "before the answer": begin_waiting, "mid-upload": begin_upload, "mid-download": begin_download,
    "mid-chunked-download": begin_chunked, "in a WebSocket": begin_websocket,
}


def check_viewer(viewer, answer):
    """A refusal or an aborted connection; never a whole-looking answer, never a hang."""
    if answer is None:
        try:
            refusal = viewer.answer()
            assert refusal.status in (502, 504), refusal
        except Truncated:
            pass
    elif answer.status == 101:
        assert viewer.closes_within(NO_HANG) is not None, "the WebSocket hangs"
    else:
        assert not viewer.read_body(answer).complete
    viewer.close()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("part", ["agent", "app", "edge"])
def test_kill(tmp_path, part, moment):
    server = Server(tmp_path / "server")
    app = LocalApp()
    tunnel = Tunnel.open(server, app, state=tmp_path / "agent")
    viewer, answer = MOMENTS[moment](tunnel)
    if part == "agent":
        tunnel.agent.kill()
    elif part == "edge":
        server.kill()
    else:
        app.close()
    check_viewer(viewer, answer)
    if part == "edge":
        server = server.restarted()
        tunnel.server = server
    elif part == "app":
        tunnel.app = app = LocalApp(port=app.port)
    if part != "agent":
        eventually(lambda: tunnel.ask("/after").status == 200, timeout=20, what="the same URL again")
        assert tunnel.agent.running
    tunnel.agent.kill()
    app.close()
    server.close_api()
    server.kill()


def test_requests_wait_for_an_agent_that_comes_back(start_server):
    """A request while the agent is away waits (up to the reconnect grace) instead of failing at once."""
    server = start_server("--reconnect-grace", "8s")
    session = server.create()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"1"))
    tunnel = Tunnel(server, None, session["slug"])
    assert tunnel.ask("/").body == b"1"
    agent.websocket.socket.shutdown(2)
    eventually(lambda: server.record(session["slug"])["status"] == "waiting")
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/waits")
        viewer.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            viewer.fill()
        viewer.socket.settimeout(10)
        again = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"2"))
        assert viewer.answer().body == b"2"
    again.close()


def test_no_agent_after_the_grace_is_502(start_server, new_app, start_agent):
    """Requests arriving while no agent is there wait up to the grace, then 502 with Retry-After."""
    server = start_server("--reconnect-grace", "1s")
    app = new_app()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)
    assert tunnel.ask("/").status == 200
    agent.kill()
    start = time.monotonic()
    answer = tunnel.ask("/gone")
    assert (answer.status, answer.code()) == (502, "tunnel_offline") and answer.get("retry-after")
    assert time.monotonic() - start < 6
    assert server.record(agent.slug)["status"] == "waiting"


def audit_rows(data):
    """Rows of the audit table."""
    file = next(f for f in data.rglob("*") if f.is_file() and f.read_bytes()[:15] == b"SQLite format 3")
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute("select count(*) from audit_event").fetchone()[0]


@pytest.mark.parametrize("how", ["SIGTERM", "SIGKILL"])
def test_a_restarted_server_keeps_everything(tmp_path, addresses, how):
    server = Server(tmp_path / "server")
    app = LocalApp()
    tunnel = Tunnel.open(server, app, state=tmp_path / "agent")
    slug = tunnel.slug
    assert tunnel.ask("/", source=addresses[0]).status == 200
    kicked = next(v for v in server.viewers(slug) if v["ip"] == addresses[0])
    tunnel.act("kick", {"viewerId": kicked["id"]})
    policy = tunnel.policy(maxConcurrentViewers=9, blockPaths=["/admin"], password="kept")["policy"]
    paused, closed = server.create()["slug"], server.create()["slug"]
    server.act(paused, "pause")
    server.act(closed, "close")
    audits = audit_rows(server.data)
    assert audits >= 6, "creation, kick, policy, pause, close are audit events"
    before = {s: server.record(s) for s in (slug, paused, closed)}
    server.stop() if how == "SIGTERM" else server.kill()
    server = server.restarted()
    tunnel.server = server
    entered = [("X-Daypass-Password", "kept")]
    eventually(lambda: tunnel.ask("/", headers=entered).status == 200, timeout=20, what="the agent is back")
    assert tunnel.agent.running and len(tunnel.agent.stdout) == 1, "the same agent, the same session"
    assert tunnel.ask("/").code() == "password_required"
    assert tunnel.ask("/admin", headers=entered).code() == "path_blocked"
    assert tunnel.ask("/", headers=entered, source=addresses[0]).code() == "viewer_removed"
    assert server.policy(slug)["policy"] == policy
    assert Tunnel(server, app, paused).ask("/").code() == "tunnel_paused"
    assert Tunnel(server, app, closed).ask("/").code() == "session_closed"
    for name, old in before.items():
        new = server.record(name)
        for key in ("createdAt", "expiresAt", "publicUrl", "policy", "authMode", "closed", "kickedViewerIds"):
            assert new[key] == old[key], key
    assert audit_rows(server.data) >= audits
    tunnel.agent.kill()
    app.close()
    server.close_api()
    server.stop()


def test_cookies_survive_a_restart(start_server, new_app, start_agent, addresses):
    """The signing key is kept: a viewer who entered stays in."""
    server = start_server()
    app = new_app()
    agent = start_agent(server, app.port, "--password", "kept")
    tunnel = Tunnel(server, app, agent.slug, agent)
    with browser(tunnel, addresses[0]) as client:
        enter_password(client, "kept")
        cookies = "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)
    assert tunnel.ask("/", headers=[("Cookie", cookies)], source=addresses[1]).status == 200
    server.stop()
    again = server.restarted()
    tunnel.server = again
    try:
        eventually(lambda: tunnel.ask("/", headers=[("Cookie", cookies)], source=addresses[1]).status == 200, 20)
    finally:
        again.close_api()
        again.kill()


@pytest.mark.timeout(120)
def test_kill_9_in_a_loop_while_writing_loses_nothing_acknowledged(tmp_path):
    server = Server(tmp_path / "server")
    created, policies = {}, {}
    total = 0
    for cycle in range(6):
        stop = threading.Event()

        def write(base=server.control, number=cycle, stop=stop):
            with httpx.Client(base_url=base, timeout=5, trust_env=False) as client:
                count = 0
                while not stop.is_set():
                    try:
                        answer = client.post("/sessions", json={"port": 3000})
                        if answer.status_code == 429:
                            return
                        session = answer.json()
                        created[session["sessionId"]] = session["slug"]
                        limit = 1 + (count + number * 1000) % 9999
                        answer = client.post(
                            f"/sessions/by-slug/{session['slug']}/policy", json={"maxConcurrentViewers": limit}
                        )
                        if answer.status_code == 200:
                            policies[session["slug"]] = limit
                        answer = client.delete(f"/sessions/{session['sessionId']}") if count % 2 else None
                        if answer is not None and answer.status_code == 200:
                            created[session["sessionId"]] = None
                        count += 1
                    except (httpx.HTTPError, json.JSONDecodeError, KeyError):
                        if count % 2 and "session" in locals():
                            created.pop(session["sessionId"], None)  # the delete was not acknowledged: either is right
                        return

        threads = [threading.Thread(target=write) for _ in range(2)]
        for thread in threads:
            thread.start()
        wanted = len(policies) + 12
        eventually(lambda: len(policies) >= wanted or not any(t.is_alive() for t in threads), timeout=15)
        server.kill()
        stop.set()
        for thread in threads:
            thread.join(10)
        server = server.restarted()
        for session_id, slug in list(created.items()):
            answer = server.api.get(f"/sessions/{session_id}")
            if slug is None:
                assert answer.status_code == 404, "an acknowledged deletion came back"
            else:
                assert answer.status_code == 200, "an acknowledged session is lost"
                if slug in policies:
                    assert answer.json()["policy"]["maxConcurrentViewers"] == policies[slug], "a policy is lost"
                    total += 1
                server.delete(session_id)
            del created[session_id]
    assert total >= 20, f"only {total} policies were checked"
    server.close_api()
    server.kill()


def test_sigterm_drains(start_server, new_app, start_agent):
    """SIGTERM: an answer under way is finished, then the server ends with 0."""
    server = start_server()
    app = new_app()
    agent = start_agent(server, app.port)
    go = threading.Event()

    def route(call):
        call.head(200, [("Content-Length", "8")])
        call.raw(b"half")
        assert go.wait(10)
        call.raw(b"full")

    tunnel = Tunnel(server, app, agent.slug, agent)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, app.route(route))
        answer = viewer.head()
        viewer.read_exactly(4)
        server.send(signal.SIGTERM)

        def refuses():
            try:
                Viewer(("127.0.0.1", server.edge_port)).close()
                return False
            except OSError:
                return True

        eventually(refuses, timeout=10, what="the edge stops listening")
        go.set()
        assert viewer.read_exactly(4) == b"full"
        assert answer.status == 200
    assert server.wait(15) == 0, server.describe()


def test_stopped_agent_is_noticed(start_server, start_agent, new_app):
    """A frozen agent (SIGSTOP) does not make a viewer who leaves hang, and it goes on after SIGCONT."""
    server = start_server()
    app = new_app()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)
    agent.send(signal.SIGSTOP)
    viewer = tunnel.viewer()
    tunnel.start(viewer, "/frozen")
    agent.send(signal.SIGCONT)
    assert viewer.answer().status == 200
    viewer.close()


def test_app_that_comes_back(server, open_tunnel, new_app):
    app = new_app()
    tunnel = open_tunnel(app=app)
    assert tunnel.ask("/").status == 200
    app.close()
    assert tunnel.ask("/").code() == "upstream_unreachable"
    tunnel.app = new_app(port=app.port)
    assert tunnel.ask("/").status == 200


def test_stale_pooled_connection_is_not_an_error(shared):
    """The app closes a kept-alive connection between requests: the next request gets a fresh one."""
    for _ in range(5):
        assert shared.ask("/one").status == 200
        shared.app.drop_connections()
        assert shared.ask("/two").status == 200


def test_server_restart_with_a_v0_agent(tmp_path):
    """The same token works after a restart; version 0 clients reconnect by themselves."""
    server = Server(tmp_path / "server")
    session = server.create()
    V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"1"))
    server.kill()
    server = server.restarted()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"2"))
    assert Tunnel(server, None, session["slug"]).ask("/").body == b"2"
    agent.close()
    server.close_api()
    server.kill()


def test_a_server_takes_the_descriptors_the_system_allows(start_server):
    """A shell's soft limit is often 1024; every viewer needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(len(os.listdir("/proc/self/fd")) + 256, hard - 1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        server = start_server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (line,) = [x for x in open(f"/proc/{server.pid}/limits") if x.startswith("Max open files")]
    assert line.split()[3:5] == [str(hard), str(hard)]
