"""Our agent with an independent version 0 gateway and control API, written from the protocol and reference pages only."""

import queue
import threading
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from harness import v0
from harness.daypass import Agent
from harness.localapp import LocalApp
from harness.v0_gateway import V0Gateway, wait_control
from harness.waiting import eventually


@pytest.fixture(scope="module")
def gateway():
    gateway = V0Gateway()
    yield gateway
    gateway.close()


def start(gateway, port, state, *options, wait=True):
    """Our agent as a `wormkey`-style client starts it: addresses only in its environment."""
    env = {"WORMKEY_CONTROL_PLANE_URL": gateway.control, "WORMKEY_EDGE_URL": gateway.edge}
    return Agent(None, port, *options, state=state, env=env, wait=wait)


@pytest.fixture(scope="module")
def local():
    app = LocalApp()
    yield app
    app.close()


@pytest.fixture(scope="module")
def tunnel(gateway, local, tmp_path_factory):
    agent = start(gateway, local.port, tmp_path_factory.mktemp("v0agent"))
    tunnel = gateway.tunnel()
    tunnel.agent = agent
    yield tunnel
    assert agent.running, agent.describe()
    agent.kill()


def test_session_is_created_as_in_the_reference(gateway, tunnel, local):
    body, session = gateway.created[0]
    assert body.get("port") == local.port
    assert tunnel.agent.info["slug"] == session["slug"]
    assert tunnel.agent.info["session_id"] == session["sessionId"]
    assert tunnel.agent.info["url"] == session["publicUrl"]
    assert tunnel.agent.info["status"] == "connected"
    assert "Origin" not in gateway.handshakes[0].headers


def test_get(tunnel, local):
    stream = tunnel.request("/a%2Fb?c", fields=[("X-A", "1"), ("X-B", "2"), ("X-A", "3")])
    status, fields = stream.head()
    body = stream.body()
    assert status == 200 and ("content-type", "application/json") in [(n.lower(), v) for n, v in fields]
    call = local.wait_call("/a%2Fb")
    assert call.target == "/a%2Fb?c" and call.all("x-a") == ["1", "3"]
    assert call.all("host") == [f"localhost:{local.port}"]
    assert call.get("transfer-encoding") is None
    assert body


def test_post_with_length_in_pieces(tunnel, local):
    path = local.route(lambda call: call.respond(200, [], call.body()[::-1]))
    stream = tunnel.request(path, "POST", [("Content-Length", "6")], end=False)
    for part in (b"ab", b"cd", b"ef"):
        stream.send(v0.STREAM_DATA, part)
    stream.send(v0.STREAM_END)
    assert stream.head()[0] == 200 and stream.body() == b"fedcba"
    assert local.saw(path)[0].get("content-length") == "6"


def test_post_without_length_is_chunked_to_the_app(tunnel, local):
    path = local.route(lambda call: call.respond(200, [], call.body()))
    stream = tunnel.request(path, "POST", end=False)
    stream.send(v0.STREAM_DATA, b"one ")
    stream.send(v0.STREAM_DATA, b"two")
    stream.send(v0.STREAM_END)
    assert stream.head()[0] == 200 and stream.body() == b"one two"
    assert local.saw(path)[0].get("transfer-encoding", "").lower() == "chunked"


def test_streaming_both_ways(tunnel, local):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        for data in call.chunks():
            call.chunk(data.upper())
        call.last_chunk()

    stream = tunnel.request(local.route(route), "POST", end=False)
    stream.send(v0.STREAM_DATA, b"one")
    status, fields = stream.head()
    assert status == 200 and "transfer-encoding" not in {n.lower() for n, _ in fields}
    assert stream.next() == (v0.STREAM_DATA, b"ONE")
    stream.send(v0.STREAM_DATA, b"two")
    assert stream.next() == (v0.STREAM_DATA, b"TWO")
    stream.send(v0.STREAM_END)
    assert stream.next()[0] == v0.STREAM_END


def test_informational_answers_are_dropped(tunnel, local):
    def route(call):
        call.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        call.respond(200, [], b"x")

    stream = tunnel.request(local.route(route))
    assert stream.head()[0] == 200 and stream.body() == b"x"


def test_many_streams_at_once(tunnel, local):
    path = local.route(lambda call: call.respond(200, [], call.body() * 3))
    streams = [tunnel.request(path, "POST", [("Content-Length", "4")], end=False) for _ in range(100)]
    for number, stream in enumerate(streams):
        stream.send(v0.STREAM_DATA, b"%04d" % number)
        stream.send(v0.STREAM_END)
    for number, stream in enumerate(streams):
        assert stream.head()[0] == 200 and stream.body() == b"%04d" % number * 3


def test_cancel_aborts_the_app(tunnel, local):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"x")
        call.left = call.wait_gone(10)

    path = local.route(route)
    stream = tunnel.request(path)
    assert stream.head()[0] == 200 and stream.next() == (v0.STREAM_DATA, b"x")
    stream.send(v0.STREAM_CANCEL)
    call = local.wait_call(path)
    assert call.finished.wait(10) and call.left is not None


def test_cancelled_upload_is_an_abort_at_the_app(tunnel, local):
    for fields in ([("Content-Length", "10")], []):
        path = local.route(lambda call: call.body())
        stream = tunnel.request(path, "POST", fields, end=False)
        stream.send(v0.STREAM_DATA, b"half")
        call = local.wait_call(path)
        stream.send(v0.STREAM_CANCEL)
        assert call.finished.wait(5) and call.body_state == "aborted"


def test_end_before_the_promised_length_is_an_abort_at_the_app(tunnel, local):
    """Cancelled before the app is dialled, or aborted there; never ended normally."""
    path = local.route(lambda call: call.respond(200, [], call.body()))
    stream = tunnel.request(path, "POST", [("Content-Length", "10")], end=False)
    stream.send(v0.STREAM_DATA, b"half")
    stream.send(v0.STREAM_END)
    kind, payload = stream.next()
    assert kind == v0.STREAM_CANCEL or payload.startswith((b"HTTP/1.1 400", b"HTTP/1.1 502")), (kind, payload)
    for call in local.saw(path):
        assert call.finished.wait(5) and call.body_state == "aborted"


@pytest.mark.parametrize("data", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
])
def test_truncated_answer_is_a_cancel(tunnel, local, data):
    stream = tunnel.request(local.route(lambda call: (call.raw(data), call.close())))
    kinds = []
    while not kinds or kinds[-1] not in (v0.STREAM_END, v0.STREAM_CANCEL):
        kinds.append(stream.next()[0])
    assert kinds[-1] == v0.STREAM_CANCEL, [v0.NAMES[k] for k in kinds]


def test_ping_is_answered(tunnel):
    tunnel.send(v0.PING)
    wait_control(tunnel, v0.PONG, 5)


def test_websocket(tunnel, local):
    def route(call):
        accept = accept_key(call.get("sec-websocket-key"))
        assert call.get("connection").lower() == "upgrade" and call.get("upgrade").lower() == "websocket"
        call.head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", accept)], "Switching")
        while data := call.connection.read(65536):
            call.raw(data[::-1])

    path = local.route(route)
    stream = tunnel.request(path, fields=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ], end=False, kind=v0.WS_UPGRADE)
    status, fields = stream.head()
    assert status == 101
    assert ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in [(n.lower(), v) for n, v in fields]
    stream.send(v0.WS_DATA, b"abc\x00")
    assert stream.next() == (v0.WS_DATA, b"\x00cba")
    stream.send(v0.WS_CLOSE)
    call = local.wait_call(path)
    assert call.finished.wait(5), "the app's side is closed"


def test_refused_websocket_is_an_ordinary_answer(tunnel, local):
    path = local.route(lambda call: call.respond(403, [], b"no", "Forbidden"))
    stream = tunnel.request(path, fields=[
        ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ], end=False, kind=v0.WS_UPGRADE)
    assert stream.head()[0] == 403


BAD_HEADS = [
    ("bare LF", b"GET /bad HTTP/1.1\nHost: a\n\n"),
    ("split request", b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("NUL in a value", b"GET /bad HTTP/1.1\r\nHost: a\r\nX-A: a\x00b\r\n\r\n"),
    ("CR in a value", b"GET /bad HTTP/1.1\r\nHost: a\r\nX-A: a\rb\r\n\r\n"),
    ("space in the target", b"GET /bad x HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("bad method", b"G T /bad HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("bad name", b"GET /bad HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n"),
    ("folded", b"GET /bad HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n"),
    ("two lengths", b"POST /bad HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ("not ended", b"GET /bad HTTP/1.1\r\nHost: a\r\n"),
    ("empty", b""),
]


@pytest.mark.parametrize("rule, head", BAD_HEADS, ids=[b[0] for b in BAD_HEADS])
def test_malformed_request_heads_never_reach_the_app(gateway, local, tmp_path, rule, head):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    stream = tunnel.open(head, end=False)
    with suppress(ConnectionClosed):
        stream.send(v0.STREAM_END)
    kind, payload = stream.next()
    assert kind in (v0.STREAM_CANCEL, v0.RESPONSE_HEADERS, None), v0.NAMES.get(kind)
    if kind == v0.RESPONSE_HEADERS:
        assert b" 4" in payload[:13] or b" 5" in payload[:13], payload
    assert not local.saw("/bad") and not local.saw("/second")
    assert agent.running, agent.describe()
    if kind is None:
        gateway.tunnel(20)  # it comes back, and must not do so in the next test
    agent.kill()


BAD_FRAMES = [
    ("empty message", lambda t: t.websocket.send(b"")),
    ("short message", lambda t: t.websocket.send(b"\x01\x00\x00")),
    ("text message", lambda t: t.websocket.send("GET / HTTP/1.1")),
    ("unknown type", lambda t: t.send(0x55, 1, b"x")),
    ("response head to an agent", lambda t: t.send(v0.RESPONSE_HEADERS, 77, v0.response_head(200))),
    ("open on stream 0", lambda t: t.send(v0.OPEN_STREAM, 0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    ("a stream opened twice", lambda t: [t.send(v0.OPEN_STREAM, 5, b"POST /x HTTP/1.1\r\nHost: a\r\n\r\n") for _ in range(2)]),
]


@pytest.mark.parametrize("rule, act", BAD_FRAMES, ids=[b[0] for b in BAD_FRAMES])
def test_illegal_frames_close_the_tunnel_and_the_agent_comes_back(gateway, local, tmp_path, rule, act):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    act(tunnel)
    assert tunnel.closed.wait(10), "an illegal frame must close the tunnel"
    again = gateway.tunnel(20)
    stream = again.request("/after-illegal")
    assert stream.head()[0] == 200
    agent.kill()


def test_agent_reconnects_with_the_same_token(gateway, local, tmp_path):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    created = len(gateway.created)
    token = gateway.handshakes[-1].headers["Authorization"]
    for _ in range(3):
        tunnel.websocket.socket.shutdown(2)
        tunnel = gateway.tunnel(20)
        assert gateway.handshakes[-1].headers["Authorization"] == token
        assert tunnel.request("/again").head()[0] == 200
    assert len(gateway.created) == created, "the same session"
    agent.kill()


@pytest.mark.parametrize("status, code", [(401, 13), (410, 14)])
def test_permanent_refusals_end_the_agent(gateway, local, tmp_path, status, code):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    gateway.refuse.append(status)
    tunnel.websocket.socket.shutdown(2)
    assert agent.wait(20) == code, agent.describe()
    gateway.refuse.clear()


@pytest.mark.parametrize("status", [429, 502, 503])
def test_passing_refusals_are_tried_again(gateway, local, tmp_path, status):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    gateway.refuse.append(status)
    tunnel.websocket.socket.shutdown(2)
    again = gateway.tunnel(30)
    assert again.request("/again").head()[0] == 200
    agent.kill()


def test_slow_app_stream_does_not_delay_others(tunnel, local):
    go = threading.Event()
    slow = local.route(lambda call: (go.wait(20), call.respond(200)))
    waiting = tunnel.request(slow)
    for _ in range(20):
        assert tunnel.request("/quick").head()[0] == 200
    go.set()
    assert waiting.head()[0] == 200


def test_stalled_app_does_not_stop_the_tunnel(gateway, local, tmp_path):
    """The app does not read an upload: the agent buffers up to a limit, cancels that stream, and goes on."""
    go = threading.Event()
    path = local.route(lambda call: (go.wait(30), call.reset()))
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    stream = tunnel.request(path, "POST", end=False)
    block = b"z" * 65536
    sent = 0
    deadline = time.monotonic() + 20
    cancelled = False
    while not cancelled and sent < 128 << 20 and time.monotonic() < deadline:
        stream.send(v0.STREAM_DATA, block)
        sent += len(block)
        try:
            cancelled = stream.events.get_nowait()[0] == v0.STREAM_CANCEL
        except queue.Empty:
            pass
    if not cancelled:
        cancelled = stream.next(5)[0] == v0.STREAM_CANCEL
    go.set()
    assert cancelled
    assert tunnel.request("/after-stall").head()[0] == 200
    assert agent.peak_memory() < 150 << 20
    agent.kill()


def test_sigterm_ends_the_agent_cleanly(gateway, local, tmp_path):
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    assert agent.stop() == 0
    assert tunnel.closed.wait(5)


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_agent_pings_and_gives_up_on_a_silent_gateway(gateway, local, tmp_path):
    """Pings every 25 s (the first at most that late)."""
    agent = start(gateway, local.port, tmp_path)
    tunnel = gateway.tunnel()
    wait_control(tunnel, v0.PING, 30)
    agent.kill()
    eventually(tunnel.closed.is_set)
