"""Our edge with a version 1 agent of ours: WebSockets, viewers that leave, pushes, draining, closing, pools, takeover."""

import json
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.utils import accept_key

from harness import v1
from harness.peer import websocket_frame
from harness.raw import Truncated
from harness.v1_agent import V1Agent
from harness.waiting import eventually

GOLDEN = v1.golden()


def switch(stream, fields=()):
    accept = accept_key(stream.get("sec-websocket-key"))
    stream.head_out(101, [
        ("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", accept), *fields])


def visit(tunnel, path="/", **options):
    return connect(f"ws://{tunnel.base_host}{tunnel.path(path)}", proxy=None, **options)


UPGRADE = [
    ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


def test_websocket_is_a_raw_duplex_stream(open_v1):
    def serve(stream):
        assert stream.kind == v1.WEBSOCKET and not stream.they_ended
        assert stream.get("upgrade") == "websocket" and stream.get("connection").lower() == "upgrade"
        switch(stream)
        while part := stream.read():
            stream.data(part[::-1])
        stream.end()

    tunnel = open_v1(serve)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/ws", headers=UPGRADE)
        answer = viewer.head()
        assert answer.status == 101 and answer.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert viewer.send(b"\x82\x01\x00").read_exactly(3) == b"\x00\x01\x82"
        viewer.half_close()
        assert viewer.read_to_end() == b"", "each side ends its direction on its own"


@pytest.mark.parametrize("who", [
    "agent",
    "viewer",
])
def test_websocket_half_close(open_v1, who):
    got = []

    def serve(stream):
        switch(stream)
        if who == "agent":
            stream.data(b"last", end=True)
            got.append(stream.body())
        else:
            got.append(stream.body())
            stream.data(b"x" * 100_000)
            stream.end()

    tunnel = open_v1(serve)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/ws", headers=UPGRADE)
        assert viewer.head().status == 101
        if who == "agent":
            assert viewer.read_to_end() == b"last"
            viewer.send(b"and more")
            viewer.half_close()
        else:
            viewer.send(b"and more").half_close()
            assert len(viewer.read_to_end()) == 100_000
        eventually(tunnel.v1.streams[1].over.is_set, what="the end of the stream")
        assert not tunnel.v1.streams[1].was_reset
        eventually(lambda: got == [b"and more"])


def test_websocket_with_subprotocol_and_close_code(open_v1):
    def serve(stream):
        switch(stream, [("sec-websocket-protocol", "b")])
        stream.data(b"\x81\x05hello")
        stream.data(b"\x88\x02\x0f\xa5", end=True)

    with visit(open_v1(serve), subprotocols=["a", "b"], compression=None) as socket:
        assert socket.subprotocol == "b" and socket.recv(timeout=5) == "hello"
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
        assert socket.close_code == 4005


def test_declined_websocket(open_v1):
    """Any other final answer is a normal response, and the edge's direction is over without a frame."""
    tunnel = open_v1(lambda stream: stream.respond(403, [("x-why", "no")], b"declined"))
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/ws", headers=UPGRADE)
        answer = viewer.answer()
        assert (answer.status, answer.get("x-why"), answer.body) == (403, "no", b"declined")
    tunnel.v1.ping(1 << 60)
    tunnel.v1.wait_frame(v1.PONG)
    assert [f.name for f in tunnel.v1.frames if f.stream] == ["REQUEST"]


# Viewers that leave


def test_a_viewer_that_leaves_is_a_reset(open_v1):
    resets = []

    def serve(stream):
        stream.head_out(200)
        stream.data(b"x")
        resets.append(stream.wait_reset().reason)

    tunnel = open_v1(serve)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/")
        viewer.head()
    eventually(lambda: resets == [v1.CANCELLED])


def test_half_an_upload_is_a_reset_and_never_an_end(open_v1):
    tunnel = open_v1(lambda stream: stream.body())
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/", "POST", [("Content-Length", "10")])
        viewer.send(b"half")
        tunnel.v1.wait_frame(v1.DATA)
    assert tunnel.v1.wait_frame(v1.RESET).reason == v1.CANCELLED
    assert not any(f.end for f in tunnel.v1.frames)


def test_frames_on_their_way_after_our_reset_are_ignored(open_v1):
    """RESET crosses DATA of the edge; what comes for the reset stream counts for the connection and no more."""
    tunnel = open_v1(lambda stream: stream.reset(v1.UPSTREAM_TIMEOUT) if stream.target == "/up" else stream.respond())
    for _ in range(10):
        with tunnel.viewer() as viewer:
            tunnel.start(viewer, "/up", "POST", [("Content-Length", "1000000")])
            try:
                viewer.send(b"x" * 100_000)
                assert viewer.answer().status == 504
            except (Truncated, ConnectionError):
                pass
    assert tunnel.ask("/after").status == 200


# Liveness and pushes


def test_pings_are_answered_and_sent(open_v1):
    tunnel = open_v1()
    for token in (0, 1, (1 << 64) - 1):
        tunnel.v1.ping(token)
        tunnel.v1.wait_frame(v1.PONG, check=lambda f, token=token: int.from_bytes(f.payload) == token)
    tunnel.v1.wait_frame(v1.PING)


def test_websocket_pings_are_answered(open_v1):
    assert open_v1().v1.websocket.ping(b"w").wait(5)


def pushed(tunnel, check):
    """Waits for a PUSH whose object passes `check`."""
    return tunnel.v1.wait_frame(v1.PUSH, check=lambda f: check(json.loads(f.payload)))


def test_pushes(open_v1):
    """Policy, pause, expiry and viewer count, each when it changes."""
    tunnel = open_v1()
    expires = tunnel.record["expiresAt"]
    pushed(tunnel, lambda p: p["paused"] is False and p["expiresAt"] == expires and p["viewers"] == 0)
    tunnel.policy(blockPaths=["/a"], maxConcurrentViewers=7, password="secret")
    push = pushed(tunnel, lambda p: p["policy"]["blockPaths"] == ["/a"] and p["policy"]["maxConcurrentViewers"] == 7)
    assert json.loads(push.payload)["policy"]["hasPassword"] is True
    assert not any(b"secret" in f.payload for f in tunnel.v1.frames)
    tunnel.policy(password="")
    tunnel.act("pause")
    pushed(tunnel, lambda p: p["paused"] is True)
    tunnel.act("resume")
    tunnel.ask("/")
    pushed(tunnel, lambda p: p["viewers"] == 1)


# Draining and closing


def test_drain_by_the_agent(open_v1):
    """Nothing new, what is open goes on, then CLOSE drained by the edge with the announced delay."""
    go = threading.Event()
    tunnel = open_v1(lambda stream: (go.wait(10), stream.respond(200, [], b"finished")))
    with tunnel.viewer() as viewer, tunnel.viewer() as late:
        tunnel.start(viewer, "/")
        tunnel.v1.wait_frame(v1.REQUEST)
        tunnel.v1.send(GOLDEN["DRAIN, 1 s"])
        tunnel.v1.ping(7)
        tunnel.v1.wait_frame(v1.PONG)
        tunnel.start(late, "/late")
        assert not tunnel.v1.closed.is_set()
        go.set()
        assert viewer.answer().body == b"finished"
        close = tunnel.v1.wait_close()
        assert (close.reason, close.delay) == (v1.CLOSE_DRAINED, 1000)
        assert len(tunnel.v1.ids) == 1
        session = tunnel.record
        again = V1Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"later"))
        assert late.answer().body == b"later", "waited for the next connection"
        again.close()


def test_drain_of_an_idle_connection_closes_at_once(open_v1):
    tunnel = open_v1()
    tunnel.v1.wait_frame(v1.PING)
    tunnel.v1.send(v1.frame(v1.DRAIN, 0, (250).to_bytes(4)))
    assert (tunnel.v1.wait_close().reason, tunnel.v1.close_frame.delay) == (v1.CLOSE_DRAINED, 250)


def test_close_comes_first_at_every_moment(server):
    """Right after HELLO too. On a bare socket: the `websockets` library may lose a message that a close follows."""
    session = server.create()
    host = f"127.0.0.1:{server.edge_port}"
    for _ in range(50):
        with server.viewer() as agent:
            agent.request("GET", "/tunnel", host, [
                *UPGRADE, ("Sec-WebSocket-Protocol", "daypass.v1"), ("X-Daypass-Agent-Id", "a" * 32),
                ("Authorization", f"Bearer {session['sessionToken']}"),
            ])
            assert agent.head().status == 101
            agent.send(websocket_frame(v1.hello(), masked=True))
            agent.fill()
            agent.send(websocket_frame(v1.frame(v1.DRAIN, 0, bytes(4)), masked=True))
            while b"\x88" not in agent.buffer:
                assert agent.fill(), agent.buffer
            assert v1.frame(v1.CLOSE, 0)[3:] in agent.buffer


CLOSINGS = [
    ("close", v1.CLOSE_SESSION_CLOSED), ("delete", v1.CLOSE_SESSION_CLOSED), ("expire", v1.CLOSE_EXPIRED),
]


@pytest.mark.parametrize("how, reason", CLOSINGS)
def test_closing_reasons(open_v1, server, how, reason):
    session = server.create(**({"expiresIn": "5s"} if how == "expire" else {}))
    tunnel = open_v1(lambda stream: stream.head_out(200), session=session)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/")
        answer = viewer.head()
        if how == "close":
            tunnel.act("close")
        elif how == "delete":
            server.delete(session["sessionId"])
        assert tunnel.v1.wait_close(15).reason == reason
        assert not viewer.read_body(answer).complete
    with pytest.raises(InvalidStatus) as refused:
        V1Agent(session["edgeUrl"], session["sessionToken"])
    assert refused.value.response.status_code == (401 if how == "delete" else 410)
    assert json.loads(refused.value.response.body)["code"]


def test_a_close_by_the_agent_is_answered(open_v1):
    tunnel = open_v1(lambda stream: stream.head_out(200))
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/")
        answer = viewer.head()
        tunnel.v1.send(v1.close(v1.CLOSE_NORMAL, 0, b"bye"))
        tunnel.v1.websocket.close(1000, "bye")
        assert tunnel.v1.closed.wait(2) and tunnel.v1.close_code is not None
        assert not viewer.read_body(answer).complete, "what was open is aborted"
