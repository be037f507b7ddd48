"""Our edge with an independent version 1 agent, written from the protocol page only."""

import threading
import time

import pytest

from harness import v1
from harness.raw import Truncated, chunked
from harness.waiting import eventually

GOLDEN = v1.golden()


class Routes:
    """Streams by path, like a local app; unknown paths answer with their request line and body."""

    def __init__(self):
        self.routes, self.streams = {}, []

    def route(self, function):
        path = f"/v{len(self.routes)}"
        self.routes[path] = function
        return path

    def stream(self, path):
        return eventually(lambda: next((s for s in self.streams if s.target == path), None), what=f"a stream for {path}")

    def __call__(self, stream):
        self.streams.append(stream)
        self.routes.get(stream.target.split("?")[0], self.echo)(stream)

    @staticmethod
    def echo(stream):
        stream.respond(200, [("x-line", stream.line)], stream.body())


@pytest.fixture
def tunnel(open_v1):
    routes = Routes()
    tunnel = open_v1(routes)
    tunnel.routes = routes
    return tunnel


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_frames_are_legal(name):
    """The page's frames in our independent codec: the same bytes, and nothing against the table of frames."""
    (frame,) = v1.parse(GOLDEN[name])
    v1.check(frame, "edge" if frame.kind in (v1.REQUEST, v1.PUSH) else "agent")
    assert v1.frame(*frame[:2], frame.payload, frame.end) == GOLDEN[name]
    if frame.kind == v1.HELLO:
        assert v1.Hello.unpack(frame.payload) == v1.Hello(name=b"daypass")


@pytest.mark.parametrize("frames, body, trailers", [
    (["RESPONSE 1", "DATA 1, END"], b"hi", []),
    (["RESPONSE 1", "DATA 1", "end without bytes"], b"hi", []),
    (["RESPONSE 1", "DATA 1", "TRAILERS 1"], b"hi", [("A", "b")]),
    (["WINDOW 1, 131072", "WINDOW connection, 1", "RESPONSE 1", "end without bytes"], b"", []),
])
@pytest.mark.parametrize("packing", ["one message", "a message each"])
def test_golden_answers(open_v1, frames, body, trailers, packing):
    def serve(stream):
        for message in [b"".join(GOLDEN[f] for f in frames)] if packing == "one message" else map(GOLDEN.get, frames):
            stream.connection.send(message)

    tunnel = open_v1(serve)
    answer = tunnel.ask("/golden")
    assert (answer.status, answer.body, answer.trailers, answer.complete) == (200, body, trailers, True)
    request = tunnel.v1.wait_frame(v1.REQUEST)
    head = f"GET /golden HTTP/1.1\r\nHost: {tunnel.base_host}\r\n".encode()
    assert (request.stream, request.end) == (1, True) and request.payload.startswith(b"\x00" + head)


def test_golden_control_frames(open_v1):
    tunnel = open_v1()
    assert v1.frame(*tunnel.v1.frames[0][:2], tunnel.v1.frames[0].payload) == GOLDEN["HELLO, defaults"]
    tunnel.v1.send(GOLDEN["PING 1"])
    assert tunnel.v1.wait_frame(v1.PONG).payload == GOLDEN["PING 1"][8:]
    tunnel.v1.send(GOLDEN["PAUSE"])
    eventually(lambda: tunnel.ask("/").code() == "tunnel_paused", what="PAUSE")
    tunnel.v1.send(GOLDEN["RESUME"])
    eventually(lambda: tunnel.ask("/").status == 200, what="RESUME")


# HELLO


def test_the_edge_greets_without_waiting_and_sends_nothing_else_before_our_hello(open_v1):
    tunnel = open_v1(greet=False)
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/early")
        time.sleep(0.3)  # nothing may come in this time
        assert [f.name for f in tunnel.v1.frames] == ["HELLO"]
        tunnel.v1.greet()
        assert viewer.answer().body == b"ok"


GOOD_HELLOS = [
    {"lowest": 0}, {"highest": 7}, {"highest": 255}, {"capabilities": 0xFFFFFFFF}, {"name": b""}, {"name": b"n" * 128},
    {"name": "grün".encode()}, {"streams": 65535}, {"streams": 1}, {"stream_credit": (1 << 31) - 1},
    {"credit": (1 << 31) - 1}, {"head": 192 << 10}, {"stream_credit": 16 << 10, "credit": 64 << 10, "head": 4 << 10},
]


@pytest.mark.parametrize("fields", GOOD_HELLOS, ids=[str(h)[:50] for h in GOOD_HELLOS])
def test_hellos_at_the_limits_are_fine(open_v1, fields):
    assert open_v1(hello=v1.Hello(**fields)).ask("/").body == b"ok"


def test_one_stream_at_once_is_kept(open_v1):
    """The agent's limit on open streams: the edge does not open more."""
    go = threading.Event()
    most = []

    def serve(stream):
        most.append(sum(not s.over.is_set() for s in list(stream.connection.streams.values())))
        go.wait(10)
        stream.respond(200)

    tunnel = open_v1(serve, hello=v1.Hello(streams=2))
    viewers = [tunnel.viewer() for _ in range(4)]
    for viewer in viewers:
        tunnel.start(viewer, "/")
    eventually(lambda: len(most) == 2)
    go.set()
    assert {viewer.answer().status for viewer in viewers} <= {200, 502, 503, 429}
    assert max(most) <= 2, most


def test_a_head_over_what_the_agent_accepts_is_not_sent(open_v1):
    """The viewer's head is larger than our HELLO allows: refused, and nothing of it reaches the agent."""
    tunnel = open_v1(hello=v1.Hello(head=4096))
    assert tunnel.ask("/", headers=[("X-Long", "y" * 6000)]).status in (431, 502, 503)
    assert not tunnel.v1.ids and tunnel.ask("/").status == 200


# Requests and answers


def test_heads_keep_order_duplicates_and_bytes(tunnel):
    def route(stream):
        stream.respond(200, [("X-B", "2"), ("X-a", "\x80\xff"), ("X-B", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    path = tunnel.routes.route(route)
    sent = [("X-Z", "1"), ("X-a", b"\xc3\x28\xff"), ("X-Z", "1"), ("x-A", "")]
    answer = tunnel.ask(path, headers=[*sent, ("Connection", "X-Hop"), ("X-Hop", "1")])
    fields = tunnel.routes.stream(path).fields
    assert [f for f in fields if f[0].lower() in ("x-z", "x-a", "x-hop")] == [
        ("X-Z", "1"), ("X-a", "\xc3(\xff"), ("X-Z", "1"), ("x-A", "")]
    assert [f for f in answer.fields if f[0] in ("X-B", "X-a")] == [("X-B", "2"), ("X-a", "\x80\xff"), ("X-B", "1")]
    assert len(answer.all("set-cookie")) == 2


@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
def test_request_framing(tunnel, framing):
    body = bytes(range(256)) * 500 if framing != "none" else b""
    if framing == "chunked":
        answer = tunnel.ask("/up", "POST", [("Transfer-Encoding", "chunked")], chunked(body[:70000], body[70000:]))
    else:
        answer = tunnel.ask("/up", "POST" if body else "GET", body=body or None)
    stream = tunnel.routes.stream("/up")
    assert answer.body == body and stream.received == len(body)
    assert stream.get("transfer-encoding") is None
    assert stream.get("content-length") == (str(len(body)) if framing == "length" else None)


def test_trailers_of_the_agent(tunnel):
    def route(stream):
        stream.head_out(200, [("trailer", "x-sum")])
        stream.end(b"x-sum: 1\r\nX-sum: 2\r\n")

    answer = tunnel.ask(tunnel.routes.route(route))
    assert answer.complete and answer.trailers == [("x-sum", "1"), ("X-sum", "2")]


def test_trailers_of_the_viewer(open_v1):
    tunnel = open_v1(lambda stream: stream.connection.wait_frame(v1.TRAILERS) and stream.respond())
    upload = chunked(b"abc", trailers=b"X-T: 9\r\nx-t: 8\r\n")
    assert tunnel.ask("/", "POST", [("Transfer-Encoding", "chunked"), ("Trailer", "X-T")], upload).status == 200
    assert tunnel.v1.wait_frame(v1.TRAILERS).payload == b"X-T: 9\r\nx-t: 8\r\n"


def test_informational_answers_pass(tunnel):
    def route(stream):
        stream.head_out(103, [("link", "</a>")])
        stream.head_out(103, [("link", "</b>")])
        stream.respond(200, [], b"x")

    answer = tunnel.ask(tunnel.routes.route(route))
    assert [i.get("link") for i in answer.informational] == ["</a>", "</b>"] and answer.body == b"x"


def test_expect_continue(tunnel):
    def route(stream):
        stream.head_out(100)
        stream.respond(200, [], stream.body())

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.routes.route(route), "POST", [("Content-Length", "2"), ("Expect", "100-continue")])
        assert viewer.head().status == 100
        viewer.send(b"up")
        assert viewer.answer().body == b"up"


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_body(tunnel, method, status):
    path = tunnel.routes.route(lambda stream: stream.head_out(status, [("x-y", "1")], end=True))
    with tunnel.viewer() as viewer:
        for _ in range(2):
            tunnel.start(viewer, path, method)
            answer = viewer.answer(method)
            assert (answer.status, answer.get("x-y"), answer.body) == (status, "1", b"")


def test_full_duplex(tunnel):
    def route(stream):
        stream.head_out(200)
        while part := stream.read():
            stream.data(part.upper())
        stream.end()

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.routes.route(route), "POST", [("Transfer-Encoding", "chunked")])
        assert viewer.send(chunked(b"one", end=False)).head().status == 200
        assert viewer.read_chunk() == b"ONE"
        assert viewer.send(chunked(b"two", end=False)).read_chunk() == b"TWO"
        viewer.send(b"0\r\n\r\n")
        assert viewer.read_chunk() == b""


def test_half_close_the_request_ends_first(tunnel):
    def route(stream):
        assert stream.body() == b"abcd" and stream.they_ended
        stream.head_out(200)
        stream.data(b"late")
        stream.end()

    assert tunnel.ask(tunnel.routes.route(route), "POST", body=b"abcd").body == b"late"


def test_half_close_the_answer_ends_first(tunnel):
    """Nobody waits for the rest of the upload: the edge says so with RESET noError; the answer stays whole."""
    resets = []

    def route(stream):
        stream.respond(200, [], b"early")
        resets.append(stream.wait_reset().reason)

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.routes.route(route), "POST", [("Content-Length", "4")])
        answer = viewer.send(b"ab").answer()
        assert answer.complete and answer.body == b"early"
        eventually(lambda: resets == [v1.NO_ERROR])


def test_no_error_after_the_answer_stops_the_upload(tunnel):
    def route(stream):
        stream.respond(200, [], b"enough")
        stream.reset(v1.NO_ERROR)

    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.routes.route(route), "POST", [("Content-Length", str(64 << 20))])
        viewer.send(b"x" * 1000)
        answer = viewer.answer()
        assert answer.complete and answer.body == b"enough"


# RESET

RESETS = [
    (v1.REFUSED, 502, {"tunnel_offline"}), (v1.UNREACHABLE, 502, {"upstream_unreachable"}),
    (v1.UPSTREAM_PROTOCOL, 502, {"upstream_protocol_error"}), (v1.UPSTREAM_TIMEOUT, 504, {"upstream_timeout"}),
    (v1.UPSTREAM_ABORTED, 502, {"upstream_protocol_error"}),
    *[(reason, 502, {"tunnel_offline", "upstream_unreachable", "upstream_protocol_error"}) for reason in (
        v1.NO_ERROR, v1.CANCELLED, v1.BUFFER_LIMIT, v1.STREAM_PROTOCOL, v1.POLICY, v1.HEAD_TOO_LARGE, v1.INTERNAL,
        12, 0x7FFF, 0xFFFE)],
]


@pytest.mark.parametrize("reason, status, codes", RESETS, ids=[str(r[0]) for r in RESETS])
@pytest.mark.parametrize("when", ["before the head", "after 103", "after the head", "in the body"])
def test_what_a_viewer_sees_of_a_reset(tunnel, reason, status, codes, when):
    """An answer of the edge before the head went out; an aborted connection after it, never a complete answer."""
    def route(stream):
        if when == "after 103":
            stream.head_out(103)
        elif when != "before the head":
            stream.head_out(200)
        if when == "in the body":
            stream.data(b"half")
            seen.wait(5)
        stream.reset(reason, b"for the log")

    seen = threading.Event()
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, tunnel.routes.route(route))
        if when in ("before the head", "after 103"):
            answer = viewer.answer()
            assert (answer.status, answer.code()) == (status, answer.code()) and answer.code() in codes
            assert answer.get("cache-control") == "no-store" and "for the log" not in answer.text
        else:
            try:
                answer = viewer.head()
                if when == "in the body":
                    assert viewer.read_chunk() == b"half"
                seen.set()
                assert answer.status == (200 if when == "in the body" else answer.status)
                assert answer.status != 200 or not viewer.read_body(answer).complete
            except Truncated:
                pass
            assert viewer.closes_within(10) is not None or answer.status == status
    assert tunnel.ask("/still").status == 200, "only that stream"


def test_golden_reset(open_v1):
    tunnel = open_v1(lambda stream: stream.connection.send(GOLDEN["RESET 1, upstreamUnreachable"]))
    assert tunnel.ask("/").code() == "upstream_unreachable"
