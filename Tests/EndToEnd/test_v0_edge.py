"""Our edge with an independent version 0 agent, written from the protocol page only."""

import hashlib
import threading

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.utils import accept_key

from harness import v0
from harness.raw import Truncated, chunked, request_bytes
from harness.tunnel import Tunnel
from harness.v0_agent import V0Agent
from harness.waiting import eventually


class Handlers:
    """Routes streams of the version 0 agent by path, like a local app would."""

    def __init__(self):
        self.routes = {}
        self.streams = []
        self.number = 0

    def route(self, function):
        self.number += 1
        path = f"/v{self.number}"
        self.routes[path] = function
        return path

    def __call__(self, stream):
        self.streams.append(stream)
        self.routes.get(stream.target.split("?")[0], self.echo)(stream)

    @staticmethod
    def echo(stream):
        body = stream.body()
        stream.respond(200, [("x-line", stream.line), ("x-sha", hashlib.sha256(body).hexdigest())], body)


@pytest.fixture(scope="module")
def tunnel(server):
    session = server.create()
    handlers = Handlers()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], handlers)
    tunnel = Tunnel(server, handlers, session["slug"], record=session)
    tunnel.v0 = agent
    server.policy(session["slug"], maxConcurrentViewers=1000)
    yield tunnel
    assert agent.failure is None, agent.failure
    agent.close()
    server.delete(session["sessionId"])


def test_get(tunnel):
    answer = tunnel.ask("/hello?x=%2F")
    assert answer.status == 200 and answer.get("x-line") == "GET /hello?x=%2F HTTP/1.1"
    assert tunnel.server.record(tunnel.slug)["status"] == "connected"


def test_request_without_body_is_open_then_end(tunnel):
    before = len(tunnel.v0.received)
    tunnel.ask("/bare")
    kinds = [k for k, n, _ in tunnel.v0.received[before:] if n]
    assert kinds == [v0.OPEN_STREAM, v0.STREAM_END]


def test_heads_are_ordered_and_clean(tunnel):
    headers = [("X-A", "1"), ("X-B", "2"), ("X-A", "3"), ("Connection", "X-Drop"), ("X-Drop", "1"), ("Cookie", "a=1")]
    tunnel.ask("/heads", headers=headers)
    stream = next(s for s in tunnel.app.streams if s.target == "/heads")
    own = [(n, v) for n, v in stream.fields if n.lower().startswith("x-") and len(n) == 3]
    assert [(n.lower(), v) for n, v in own] == [("x-a", "1"), ("x-b", "2"), ("x-a", "3")]
    assert not stream.get("x-drop") and not stream.get("transfer-encoding")
    assert stream.get("cookie") == "a=1" and stream.get("x-forwarded-for") == "127.0.0.1"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_post(tunnel, framing):
    body = bytes(range(256)) * 4096
    if framing == "length":
        answer = tunnel.ask("/post", "POST", body=body)
    else:
        answer = tunnel.ask("/post", "POST", [("Transfer-Encoding", "chunked")], chunked(body[:1000], body[1000:]))
    assert answer.status == 200 and answer.body == body


def test_streaming_answer(tunnel):
    go = threading.Semaphore(0)

    def route(stream):
        stream.head_out(200, [("content-type", "text/event-stream")])
        for number in range(3):
            stream.data(b"data: %d\n\n" % number)
            assert go.acquire(timeout=10)
        stream.end()

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.app.route(route))
        assert viewer.head().status == 200
        for number in range(3):
            assert viewer.read_chunk() == b"data: %d\n\n" % number
            go.release()
        assert viewer.read_chunk() == b""


def test_streaming_upload(tunnel):
    got = threading.Semaphore(0)

    def route(stream):
        while stream.read():
            got.release()
        stream.respond(200, [], b"all")

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.app.route(route), "POST", [("Content-Length", "6")])
        for part in (b"ab", b"cd", b"ef"):
            viewer.send(part)
            assert got.acquire(timeout=10)
        assert viewer.answer().body == b"all"


def test_viewer_leaving_cancels_the_stream(tunnel):
    ready = threading.Event()

    def route(stream):
        stream.head_out(200)
        stream.data(b"x")
        stream.saved = True
        ready.set()

    path = tunnel.app.route(route)
    viewer = tunnel.viewer()
    tunnel.start(viewer, path)
    viewer.head()
    assert ready.wait(5)
    viewer.close()
    stream = next(s for s in tunnel.app.streams if s.target == path)
    assert stream.cancelled.wait(5), "STREAM_CANCEL"


def test_half_an_upload_is_a_cancel(tunnel):
    path = tunnel.app.route(lambda stream: stream.body())
    viewer = tunnel.viewer()
    tunnel.start(viewer, path, "POST", [("Content-Length", "10")])
    viewer.send(b"half")
    eventually(lambda: any(s.target == path for s in tunnel.app.streams))
    viewer.close()
    stream = next(s for s in tunnel.app.streams if s.target == path)
    assert stream.cancelled.wait(5) and not stream.ended.is_set()


@pytest.mark.parametrize("when", ["before the head", "after the head", "in the body"])
def test_cancel_by_the_agent(tunnel, when):
    def route(stream):
        if when != "before the head":
            stream.head_out(200, [("content-length", "100")])
        if when == "in the body":
            stream.data(b"half")
        stream.cancel()

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.app.route(route))
        if when == "before the head":
            assert viewer.answer().status == 502
        else:
            try:
                assert not viewer.answer().complete
            except Truncated:
                pass
            assert viewer.closes_within(10) is not None


def test_end_before_the_promised_length(tunnel):
    """STREAM_END with bytes missing is a truncation, not an end."""

    def route(stream):
        stream.head_out(200, [("content-length", "100")])
        stream.data(b"half")
        stream.end()

    try:
        assert not tunnel.ask(tunnel.app.route(route)).complete
    except Truncated:
        pass  # aborted before the head was passed on


def test_more_than_the_promised_length(tunnel):
    def route(stream):
        stream.head_out(200, [("content-length", "2")])
        stream.data(b"okHTTP/1.1 200 OK\r\n\r\npoison")
        stream.end()

    first = request_bytes("GET", tunnel.path(tunnel.app.route(route)), tunnel.base_host)
    with tunnel.viewer() as viewer:
        viewer.send(first + request_bytes("GET", tunnel.path("/after"), tunnel.base_host))
        try:
            assert viewer.answer().body in (b"ok", b"")
            assert viewer.answer().get("x-line") == "GET /after HTTP/1.1"
        except Truncated:
            pass  # aborted


def test_ping_is_answered(tunnel):
    tunnel.v0.send(v0.PING)
    assert tunnel.v0.pongs.get(timeout=5)


def test_pause_and_resume_by_the_agent(tunnel):
    tunnel.v0.send(v0.PAUSE)
    eventually(lambda: tunnel.ask("/").code() == "tunnel_paused", what="PAUSE")
    tunnel.v0.send(v0.RESUME)
    eventually(lambda: tunnel.ask("/").status == 200, what="RESUME")


def test_websocket(tunnel):
    """The agent performs the app's side of the handshake; then WS_DATA both ways and WS_CLOSE."""

    def route(stream):
        assert stream.kind == v0.WS_UPGRADE
        accept = accept_key(stream.get("sec-websocket-key"))
        stream.head_out(101, [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", accept)])
        stream.data(b"\x81\x05hello")  # a text frame of the server
        stream.first = stream.read()
        stream.data(b"\x88\x02\x03\xe8")
        stream.end()

    path = tunnel.app.route(route)
    with connect(f"ws://{tunnel.base_host}{tunnel.path(path)}", compression=None, proxy=None) as socket:
        assert socket.recv(timeout=5) == "hello"
        socket.send("x")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
        assert socket.close_code == 1000


BAD_HEADS = [
    ("no status line", b"x-a: b\r\n\r\n"),
    ("bad status", b"HTTP/1.1 abc\r\n\r\n"),
    ("split answer", b"HTTP/1.1 200\r\nx-a: b\r\n\r\nHTTP/1.1 200\r\n\r\n"),
    ("bare LF", b"HTTP/1.1 200\nx-a: b\n\n"),
    ("bare CR in a value", b"HTTP/1.1 200\r\nx-a: b\rset-cookie: x\r\n\r\n"),
    ("NUL in a value", b"HTTP/1.1 200\r\nx-a: a\x00b\r\n\r\n"),
    ("space in a name", b"HTTP/1.1 200\r\nx a: b\r\n\r\n"),
    ("folded", b"HTTP/1.1 200\r\nx-a: b\r\n c\r\n\r\n"),
    ("two lengths", b"HTTP/1.1 200\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"),
    ("not ended", b"HTTP/1.1 200\r\nx-a: b\r\n"),
    ("empty", b""),
    ("101 nobody asked for", b"HTTP/1.1 101\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
]


@pytest.mark.parametrize("rule, head", BAD_HEADS, ids=[b[0] for b in BAD_HEADS])
def test_malformed_response_heads_are_refused(server, rule, head):
    """Text in version 0 heads is not trusted: the viewer gets 502, never the injected lines."""
    session = server.create()

    def handler(stream):
        if stream.target == "/bad":
            stream.agent.send(v0.RESPONSE_HEADERS, stream.number, head)
            stream.end()
        else:
            stream.respond(200, [], b"ok")

    agent = V0Agent(session["edgeUrl"], session["sessionToken"], handler)
    tunnel = Tunnel(server, None, session["slug"])
    answer = tunnel.ask("/bad")
    assert answer.status == 502 and not answer.all("set-cookie"), answer
    agent.close()
    server.delete(session["sessionId"])


BAD_FRAMES = [
    ("empty message", lambda a: a.websocket.send(b"")),
    ("four bytes", lambda a: a.websocket.send(b"\x05\x00\x00\x00")),
    ("unknown type", lambda a: a.send(0x7F, 1, b"x")),
    ("type zero", lambda a: a.send(0x00, 0, b"")),
    ("text message", lambda a: a.websocket.send("hello")),
    ("answer to a stream never opened", lambda a: a.send(v0.RESPONSE_HEADERS, 4_000_000, v0.response_head(200))),
    ("data of a stream never opened", lambda a: a.send(v0.STREAM_DATA, 4_000_000, b"x")),
    ("open by the agent", lambda a: a.send(v0.OPEN_STREAM, 9, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    ("upgrade by the agent", lambda a: a.send(v0.WS_UPGRADE, 9, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    ("data on stream 0", lambda a: a.send(v0.STREAM_DATA, 0, b"x")),
    ("ping on a stream", lambda a: a.send(v0.PING, 7)),
]


@pytest.mark.parametrize("rule, act", BAD_FRAMES, ids=[b[0] for b in BAD_FRAMES])
def test_illegal_frames_hurt_only_the_sender(server, tunnel, rule, act):
    """Closed with a reason or ignored where the stream may have just ended; the edge itself goes on."""
    session = server.create()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"ok"))
    act(agent)
    if "never opened" in rule:
        try:
            agent.send(v0.PING)
        except ConnectionClosed:
            pass
        eventually(lambda: agent.closed.is_set() or not agent.pongs.empty(), what="an answer or a close")
    else:
        assert agent.closed.wait(5), "an illegal frame must close the tunnel"
        with pytest.raises(ConnectionClosed) as closed:
            agent.websocket.recv()
        assert closed.value.rcvd is not None and closed.value.rcvd.code != 1000, "closed with a reason"
    assert tunnel.ask("/still").status == 200
    agent.close()
    server.delete(session["sessionId"])


def test_a_stalled_viewer_is_cancelled_while_others_go_on(server):
    """No credit in version 0: one stream over the buffer limit is cancelled, the tunnel goes on."""
    session = server.create()
    cancelled = threading.Event()

    def handler(stream):
        if stream.target != "/big":
            stream.respond(200, [], b"small")
            return
        stream.head_out(200)
        block = b"z" * 65536
        for _ in range(4096):  # 256 MiB
            if stream.cancelled.is_set():
                cancelled.set()
                return
            stream.data(block)

    agent = V0Agent(session["edgeUrl"], session["sessionToken"], handler)
    tunnel = Tunnel(server, None, session["slug"])
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/big")
        answer = viewer.head()
        assert answer.status == 200
        for _ in range(20):
            assert tunnel.ask("/small").body == b"small"
        assert cancelled.wait(20), "STREAM_CANCEL for the stalled stream"
        assert not viewer.read_body(answer).complete
        assert tunnel.ask("/small").body == b"small"
    agent.close()
    server.delete(session["sessionId"])


def test_a_second_agent(server):
    """A second agent with the same token joins or is refused with 409; neither evicts the other in a loop."""
    session = server.create()
    first = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"first"))
    try:
        second = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200, [], b"second"))
    except InvalidStatus as refused:
        assert refused.response.status_code == 409
        second = None
    tunnel = Tunnel(server, None, session["slug"])
    assert {tunnel.ask("/").body for _ in range(10)} <= {b"first", b"second"}
    assert not first.closed.is_set()
    first.close()
    if second:
        second.close()
    server.delete(session["sessionId"])


HANDSHAKES = [
    ("no token", {}, 401), ("wrong token", {"Authorization": "Bearer {slug}." + "a" * 32}, 401),
    ("unknown slug", {"Authorization": "Bearer never-was-1000." + "a" * 32}, 401),
    ("only the owner token", {"Authorization": "Bearer {owner}"}, 401),
    ("another scheme", {"Authorization": "Basic {token}"}, 401),
    ("a page", {"Authorization": "Bearer {token}", "Origin": "http://evil.example"}, 403),
    ("a page of ours", {"Authorization": "Bearer {token}", "Origin": "{edge}"}, 403),
    ("token in the query only", {}, 401),
]


@pytest.mark.parametrize("rule, headers, status", HANDSHAKES, ids=[h[0] for h in HANDSHAKES])
def test_handshake_is_refused(server, rule, headers, status, address):
    session = server.create()
    values = {
        "slug": session["slug"], "token": session["sessionToken"], "owner": session["sessionToken"].split(".")[1],
        "edge": server.edge,
    }
    headers = {n: v.format(**values) for n, v in headers.items()}
    origin = headers.pop("Origin", None)
    url = session["edgeUrl"] + (f"?token={session['sessionToken']}" if "query" in rule else "")
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=headers, origin=origin, proxy=None, source_address=(address, 0))
    assert refused.value.response.status_code == status
    server.delete(session["sessionId"])


@pytest.mark.parametrize("how", ["closed", "expired"])
def test_handshake_of_a_finished_session_is_410(server, how):
    session = server.create(expiresIn="1s") if how == "expired" else server.create()
    if how == "closed":
        server.act(session["slug"], "close")
    else:
        eventually(lambda: server.record(session["slug"])["status"] == "expired")
    with pytest.raises(InvalidStatus) as refused:
        V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: None)
    assert refused.value.response.status_code == 410


@pytest.mark.parametrize("how", ["close", "delete", "expire"])
def test_closing_a_session_disconnects_its_agent(server, how):
    session = server.create(expiresIn="5s") if how == "expire" else server.create()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(200))
    if how == "close":
        server.act(session["slug"], "close")
    elif how == "delete":
        server.delete(session["sessionId"])
    assert agent.closed.wait(15)


def test_tunnel_path_without_websocket(server):
    answer = httpx.get(f"{server.edge}/tunnel", trust_env=False)
    assert answer.status_code in (400, 401, 426), answer


def test_lost_agent_aborts_what_is_open(server):
    session = server.create()
    started = threading.Event()

    def handler(stream):
        stream.head_out(200)
        stream.data(b"part")
        started.set()

    agent = V0Agent(session["edgeUrl"], session["sessionToken"], handler)
    tunnel = Tunnel(server, None, session["slug"])
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/x")
        answer = viewer.head()
        assert started.wait(5) and viewer.read_chunk() == b"part"
        agent.websocket.socket.shutdown(2)
        assert not viewer.read_body(answer).complete
    server.delete(session["sessionId"])
