"""Our agent when a version 1 gateway of ours refuses, drains and closes: whether it comes back, and when."""

import threading
import time

import pytest

from harness import v1
from harness.waiting import eventually

GOLDEN = v1.golden()


def back_after(gateway, start):
    """Seconds until the agent's next connection."""
    tunnel = gateway.tunnel(20)
    return time.monotonic() - start, tunnel


def closes(tunnel, data):
    """Our CLOSE and the WebSocket close that follows it."""
    start = time.monotonic()
    (frame,) = v1.parse(data)
    tunnel.send(data)
    tunnel.websocket.close(1000 if frame.reason == 0 else 4000 + min(frame.reason, v1.CLOSE_INTERNAL), frame.text)
    return start


RETRIES = [
    (v1.CLOSE_NORMAL, 0), (v1.CLOSE_DRAINED, 0), (v1.CLOSE_DRAINED, 500), (v1.CLOSE_PROTOCOL, 0), (v1.CLOSE_OVERLOADED, 500),
    (v1.CLOSE_BACKLOG, 0), (v1.CLOSE_INTERNAL, 0), (v1.CLOSE_MISSED_PONGS, 0), (4711, 0),
]


@pytest.mark.parametrize("reason, delay", RETRIES, ids=[f"{r[0]} after {r[1]} ms" for r in RETRIES])
def test_reasons_after_which_the_agent_comes_back(dial_v1, v1_gateway, reason, delay):
    tunnel = dial_v1()
    tunnel.wait_frame(v1.PING)
    took, again = back_after(v1_gateway, closes(tunnel, v1.close(reason, delay, b"because")))
    print(f"reason {reason}, delay {delay} ms: back after {took * 1000:.0f} ms")
    assert took >= delay / 1000 * 0.95 and took < delay / 1000 + 8
    assert again.request("/again").response()[0] == 200
    assert len(v1_gateway.created) == 1, "the same session"


FINAL = [
    (v1.CLOSE_REPLACED, 15), (v1.CLOSE_SESSION_CLOSED, None), (v1.CLOSE_EXPIRED, 14), (v1.CLOSE_UNAUTHORIZED, 13),
]


@pytest.mark.parametrize("reason, code", FINAL, ids=[str(r[0]) for r in FINAL])
def test_reasons_after_which_the_agent_gives_up(dial_v1, v1_gateway, reason, code):
    """All its connections, with a sentence and an exit code, and without another attempt."""
    first = dial_v1("--connections", "2")
    second = v1_gateway.tunnel()
    assert first.greeted.wait(5) and second.greeted.wait(5)
    closes(first, v1.close(reason, 0, b"because"))
    ended = first.agent.wait(5)
    assert ended == code if code else ended != 0 or reason == v1.CLOSE_SESSION_CLOSED, first.agent.describe()
    assert [line for line in first.agent.stderr if line], "says why"
    assert second.closed.wait(5) and v1_gateway.tunnels.empty()


def test_protocol_errors_make_delays_grow(dial_v1, v1_gateway):
    tunnel, times = dial_v1(), []
    while len(times) < 4 or len(times) < 10 and max(times) < 0.6:
        assert tunnel.greeted.wait(5)
        took, tunnel = back_after(v1_gateway, closes(tunnel, v1.close(v1.CLOSE_PROTOCOL, 0, b"again")))
        times.append(took)
    print("delays:", [f"{t * 1000:.0f} ms" for t in times])
    assert min(times[:3]) < 0.6 <= max(times), "jittered, so that only the trend is certain"


@pytest.mark.parametrize("status, gives_up", [(401, 13), (403, True), (409, True), (410, 14), (400, True), (426, True)])
def test_refusals_of_the_upgrade_that_are_final(dial_v1, v1_gateway, status, gives_up):
    tunnel = dial_v1()
    v1_gateway.refuse.append(status)
    tunnel.cut()
    code = tunnel.agent.wait(10)
    assert code == gives_up if gives_up is not True else code != 0, tunnel.agent.describe()
    assert v1_gateway.tunnels.empty()


@pytest.mark.parametrize("refusal, least", [((429, [("Retry-After", "1")]), 0.95), (503, 0), (500, 0)])
def test_refusals_of_the_upgrade_that_pass(dial_v1, v1_gateway, refusal, least):
    tunnel = dial_v1()
    v1_gateway.refuse.append(refusal)
    start = time.monotonic()
    tunnel.cut()
    took, again = back_after(v1_gateway, start)
    assert took >= least and again.request("/again").response()[0] == 200


def test_an_edge_that_speaks_version_0_only(app, tmp_path):
    """Without the subprotocol in the 101 both sides speak version 0."""
    from harness import v0
    from harness.daypass import Agent
    from harness.v0_gateway import V0Gateway

    gateway = V0Gateway()
    env = {"WORMKEY_CONTROL_PLANE_URL": gateway.control, "WORMKEY_EDGE_URL": gateway.edge}
    agent = Agent(None, app.port, state=tmp_path, env=env)
    assert gateway.handshakes[0].headers["Sec-WebSocket-Protocol"] == "daypass.v1"
    stream = gateway.tunnel().request("/zero")
    assert stream.next()[0] == v0.RESPONSE_HEADERS
    agent.kill()
    gateway.close()


# Draining


def test_drain_by_the_edge(dial_v1, v1_gateway, app):
    """What is open goes on; CLOSE drained ends it, and the agent comes back after the delay."""
    go = threading.Event()
    path = app.route(lambda call: (call.head(200, [("Content-Length", "8")]), call.raw(b"half"), go.wait(10), call.raw(b"full")))
    tunnel = dial_v1()
    stream = tunnel.request(path)
    assert stream.response()[0] == 200 and stream.read() == b"half"
    tunnel.send(v1.frame(v1.DRAIN, 0, (300).to_bytes(4)))
    tunnel.ping(9)
    tunnel.wait_frame(v1.PONG)
    go.set()
    assert stream.body() == b"full"
    took, again = back_after(v1_gateway, closes(tunnel, v1.close(v1.CLOSE_DRAINED, 300)))
    assert again.request("/again").response()[0] == 200
    assert took < 5


def test_the_drain_of_one_connection_leaves_the_others(dial_v1, v1_gateway):
    first = dial_v1("--connections", "2")
    second = v1_gateway.tunnel()
    assert first.greeted.wait(5) and second.greeted.wait(5)
    first.send(GOLDEN["DRAIN, 1 s"])
    closes(first, v1.close(v1.CLOSE_DRAINED, 1000))
    assert second.request("/meanwhile").response()[0] == 200
    again = v1_gateway.tunnel(10)
    assert again.handshake["X-Daypass-Connection"] == first.handshake["X-Daypass-Connection"]
    assert not second.closed.is_set()


# Pools


def test_a_pool_has_one_id_and_a_place_for_each_connection(dial_v1, v1_gateway):
    tunnels = [dial_v1("--connections", "3"), v1_gateway.tunnel(), v1_gateway.tunnel()]
    assert len({t.handshake["X-Daypass-Agent-Id"] for t in tunnels}) == 1
    assert sorted(t.handshake["X-Daypass-Connection"] for t in tunnels) == ["0", "1", "2"]
    for tunnel in tunnels:
        assert tunnel.request("/each").response()[0] == 200


def test_the_default_is_two_connections(v1_gateway, dial_v1, app, tmp_path):
    from harness.daypass import Agent

    env = {"WORMKEY_CONTROL_PLANE_URL": v1_gateway.control, "WORMKEY_EDGE_URL": v1_gateway.edge}
    agent = Agent(None, app.port, state=tmp_path, env=env)
    tunnels = [v1_gateway.tunnel(), v1_gateway.tunnel()]
    for tunnel in tunnels:
        tunnel.wait_frame(v1.PING)
    assert v1_gateway.tunnels.empty() and agent.running
    agent.kill()


def test_losing_one_connection_aborts_only_its_streams(dial_v1, v1_gateway, app):
    go = threading.Event()

    def lost(call):
        call.head(200, [("Content-Length", "8")])
        call.raw(b"half")
        call.left = call.wait_gone(10)

    def kept(call):
        call.head(200, [("Content-Length", "8")])
        call.raw(b"half")
        go.wait(20)
        call.raw(b"full")

    paths = [app.route(lost), app.route(kept)]
    first = dial_v1("--connections", "2")
    second = v1_gateway.tunnel()
    streams = [t.request(path) for t, path in zip((first, second), paths)]
    for stream in streams:
        assert stream.response()[0] == 200 and stream.read() == b"half"
    first.cut()
    call = app.wait_call(paths[0])
    assert call.finished.wait(15) and call.left is not None, "the app's side of the lost stream is aborted"
    go.set()
    assert streams[1].body() == b"full"
    again = v1_gateway.tunnel(10)
    assert again.handshake["X-Daypass-Connection"] == first.handshake["X-Daypass-Connection"]
    assert again.handshake["X-Daypass-Agent-Id"] == first.handshake["X-Daypass-Agent-Id"]
    assert again.request("/again").response()[0] == 200


def test_takeover_is_said_by_the_flag(server, app, start_agent, tmp_path):
    """The first agent is replaced and gives up; the second stays. Without the flag the second is told what to do."""
    first = start_agent(server, app.port)
    refused = start_agent(server, app.port, "--slug", first.slug, wait=False)
    assert refused.wait(10) != 0 and any("takeover" in line for line in refused.stderr), refused.describe()
    assert first.running
    second = start_agent(server, app.port, "--slug", first.slug, "--takeover")
    assert first.wait(10) == 15 and any("took over" in line for line in first.stderr), first.describe()
    assert second.running and second.session_id == first.session_id
    eventually(lambda: server.record(first.slug)["tunnelConnections"] == 2)


def test_many_takeovers_at_once_leave_exactly_one_agent(server, app, start_agent):
    """Never an eviction loop."""
    first = start_agent(server, app.port)
    rivals = [start_agent(server, app.port, "--slug", first.slug, "--takeover", wait=False) for _ in range(4)]
    everyone = [first, *rivals]
    eventually(lambda: sum(a.running for a in everyone) == 1, timeout=15, what="one agent is left")
    (left,) = [a for a in everyone if a.running]
    eventually(lambda: server.record(first.slug)["tunnelConnections"] == 2)
    time.sleep(0.5)  # nothing may change any more
    assert left.running and server.record(first.slug)["tunnelConnections"] == 2
    assert {a.wait(1) for a in everyone if a is not left} == {15}
