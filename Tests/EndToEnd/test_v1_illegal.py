"""Every illegal frame of version 1 is answered by a close with a reason, by the edge and by the agent, and never a crash."""

import time

import pytest
from websockets.exceptions import ConnectionClosed

from harness import v1
from harness.daypass import Agent
from harness.v1_agent import V1Agent
from harness.v1_gateway import V1Gateway
from harness.v1_targets import AgentTarget, EdgeTarget
from harness.waiting import eventually

frame, RESPONSE = v1.frame, v1.response_head(200)
BIG = (1 << 31) - 1
GET = b"\x00GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def edge(request):
    return EdgeTarget(request)


@pytest.fixture
def agent(request):
    return AgentTarget(request)


def refuses(target, act, **options):
    """Sends what `act(stream)` gives and expects a protocol error with a text, and a target that lives on."""
    connection, stream = target.connect(**options)
    data = act(stream)
    try:
        for message in data if isinstance(data, list) else [data]:
            connection.websocket.send(message)
    except ConnectionClosed:
        pass
    close = connection.wait_close(5)
    assert close.reason == v1.CLOSE_PROTOCOL and close.text, close
    target.lives()


EITHER = [
    ("an empty message", lambda s: b""),
    ("a header cut off", lambda s: b"\x00\x00\x00\x0c\x00\x00\x00"),
    ("a payload cut off", lambda s: frame(v1.PING, 0, bytes(8))[:-1]),
    ("a frame that spans messages", lambda s: [frame(v1.PING, 0, bytes(8))[:9], frame(v1.PING, 0, bytes(8))[9:]]),
    ("bytes after a whole frame", lambda s: frame(v1.PING, 0, bytes(8)) + b"\x00"),
    ("a length of 16 MiB", lambda s: b"\xff\xff\xff" + frame(v1.DATA, s)[3:]),
    ("a text message", lambda s: "hello"),
    ("unknown type 0", lambda s: frame(0, 0)), ("unknown type 0x0f", lambda s: frame(0x0F, 0)),
    ("unknown type 0x7f on a stream", lambda s: frame(0x7F, s, b"x")),
    ("a second HELLO", lambda s: v1.hello()),
    *[(f"END on {v1.RULES[k].name}",
       lambda s, k=k, p=p: frame(k, s if k in (v1.RESET, v1.WINDOW) else 0, p, True)) for k, p in (
        (v1.RESET, b"\x00\x01"), (v1.WINDOW, b"\x00\x00\x00\x01"), (v1.PING, bytes(8)), (v1.DRAIN, bytes(4)), (v1.CLOSE, bytes(6)))],
    *[(f"{v1.RULES[k].name} on a stream", lambda s, k=k, p=p: frame(k, s, p)) for k, p in (
        (v1.PING, bytes(8)), (v1.PONG, bytes(8)), (v1.DRAIN, bytes(4)), (v1.CLOSE, bytes(6)))],
    *[(f"{v1.RULES[k].name} on stream 0", lambda s, k=k, p=p: frame(k, 0, p, k == v1.TRAILERS)) for k, p in (
        (v1.DATA, b"x"), (v1.TRAILERS, b"a: b\r\n"), (v1.RESET, b"\x00\x01"))],
    *[(f"{v1.RULES[k].name} of {n} bytes", lambda s, k=k, n=n: frame(k, 0, bytes(n))) for k, n in (
        (v1.PING, 7), (v1.PING, 9), (v1.PONG, 0), (v1.DRAIN, 3), (v1.DRAIN, 5), (v1.WINDOW, 3), (v1.WINDOW, 5), (v1.CLOSE, 5))],
    ("RESET of one byte", lambda s: frame(v1.RESET, s, b"\x00")),
    ("RESET reason 0xffff", lambda s: v1.reset(s, 0xFFFF)),
    ("RESET text of 257 bytes", lambda s: v1.reset(s, 1, b"x" * 257)),
    ("RESET text not UTF-8", lambda s: v1.reset(s, 1, b"\xff")),
    ("RESET text with a control character", lambda s: v1.reset(s, 1, b"a\nb")),
    ("CLOSE text of 257 bytes", lambda s: v1.close(0, 0, b"x" * 257)),
    ("CLOSE text not UTF-8", lambda s: v1.close(0, 0, b"\xc3")),
    ("CLOSE text with a control character", lambda s: v1.close(0, 0, b"\x7f")),
    ("WINDOW of 0", lambda s: v1.window(0, 0)), ("WINDOW of 0 on a stream", lambda s: v1.window(s, 0)),
    ("WINDOW of 2^31", lambda s: v1.window(0, 1 << 31)),
    ("a connection window over 2^31-1", lambda s: [v1.window(0, BIG), v1.window(0, BIG)]),
    ("a stream window over 2^31-1", lambda s: [v1.window(s, BIG), v1.window(s, BIG)]),
    ("a pong nobody asked for", lambda s: frame(v1.PONG, 0, b"\xee" * 8)),
    ("DATA of 32,769 bytes", lambda s: [frame(v1.RESPONSE, s, RESPONSE), frame(v1.DATA, s, bytes(32769))]),
    *[(f"{v1.RULES[k].name} on a stream never opened", lambda s, k=k, p=p: frame(k, 900, p, k == v1.TRAILERS)) for k, p in (
        (v1.DATA, b"x"), (v1.TRAILERS, b"a: b\r\n"), (v1.RESET, b"\x00\x01"), (v1.WINDOW, b"\x00\x00\x00\x01"))],
]


@pytest.mark.parametrize("act", [row[1] for row in EITHER], ids=[row[0] for row in EITHER])
def test_illegal_for_both(target, act):
    refuses(target, act)


def then(*frames):
    return lambda s: [f(s) for f in frames]


head = lambda s: frame(v1.RESPONSE, s, RESPONSE)  # noqa: E731
head_end = lambda s: frame(v1.RESPONSE, s, RESPONSE, True)  # noqa: E731
data = lambda s: frame(v1.DATA, s, b"x")  # noqa: E731
data_end = lambda s: frame(v1.DATA, s, b"x", True)  # noqa: E731
trailers = lambda s: frame(v1.TRAILERS, s, b"a: b\r\n", True)  # noqa: E731

TO_THE_EDGE = [
    ("REQUEST from the agent", lambda s: frame(v1.REQUEST, 9, GET)), ("PUSH from the agent", lambda s: frame(v1.PUSH, 0, b"{}")),
    ("PAUSE with a payload", lambda s: frame(v1.PAUSE, 0, b"x")), ("RESUME on a stream", lambda s: frame(v1.RESUME, s)),
    ("END on PAUSE", lambda s: frame(v1.PAUSE, 0, b"", True)),
    ("RESPONSE on a stream never opened", lambda s: frame(v1.RESPONSE, 900, RESPONSE)),
    ("RESPONSE on stream 0", lambda s: frame(v1.RESPONSE, 0, RESPONSE)),
    ("DATA before RESPONSE", data), ("TRAILERS before RESPONSE", trailers),
    ("DATA after an informational RESPONSE", then(lambda s: frame(v1.RESPONSE, s, v1.response_head(103)), data)),
    ("a second final RESPONSE", then(head, head)), ("DATA after END", then(head_end, data)),
    ("RESPONSE after END", then(head_end, head)), ("TRAILERS after END", then(head, data_end, trailers)),
    ("a second END", then(head, data_end, data_end)),
    ("END on a 1xx", lambda s: frame(v1.RESPONSE, s, v1.response_head(103), True)),
    ("101 on an http stream", lambda s: frame(v1.RESPONSE, s, v1.response_head(101))),
    ("DATA without bytes and END", then(head, lambda s: frame(v1.DATA, s))),
    ("TRAILERS without END", then(head, lambda s: frame(v1.TRAILERS, s, b"a: b\r\n"))),
    ("empty TRAILERS", then(head, lambda s: frame(v1.TRAILERS, s, b"", True))),
]


@pytest.mark.parametrize("act", [row[1] for row in TO_THE_EDGE], ids=[row[0] for row in TO_THE_EDGE])
def test_illegal_for_the_edge(edge, act):
    refuses(edge, act)


upload = lambda s: frame(v1.REQUEST, 50, b"\x00POST /u HTTP/1.1\r\nHost: a\r\n\r\n")  # noqa: E731
up = lambda payload, end=False: lambda s: frame(v1.DATA, 50, payload, end)  # noqa: E731

TO_THE_AGENT = [
    ("RESPONSE from the edge", head), ("PAUSE from the edge", lambda s: frame(v1.PAUSE)),
    ("RESUME from the edge", lambda s: frame(v1.RESUME)),
    ("REQUEST on stream 0", lambda s: frame(v1.REQUEST, 0, GET)), ("a stream opened twice", lambda s: frame(v1.REQUEST, s, GET)),
    ("a stream id that does not grow", lambda s: frame(v1.REQUEST, 9, GET, True) + frame(v1.REQUEST, 8, GET, True)),
    ("an unknown kind of stream", lambda s: frame(v1.REQUEST, 9, b"\x02" + GET[1:])),
    ("REQUEST without kind", lambda s: frame(v1.REQUEST, 9, b"")),
    ("END on a webSocket REQUEST", lambda s: frame(v1.REQUEST, 9, b"\x01" + GET[1:], True)),
    ("PUSH of one byte", lambda s: frame(v1.PUSH, 0, b"{")), ("PUSH of an array", lambda s: frame(v1.PUSH, 0, b"[]")),
    ("PUSH not UTF-8", lambda s: frame(v1.PUSH, 0, b'{"a":"\xff"}')),
    ("PUSH over 64 KiB", lambda s: frame(v1.PUSH, 0, b'{"a":"' + b"x" * 65536 + b'"}')),
    ("PUSH on a stream", lambda s: frame(v1.PUSH, s, b"{}")),
    ("DATA after END", then(upload, up(b"x", True), up(b"y"))), ("DATA after REQUEST with END", data),
    ("TRAILERS after END", then(upload, up(b"x", True), lambda s: frame(v1.TRAILERS, 50, b"a: b\r\n", True))),
    ("DATA without bytes and END", then(upload, up(b""))),
    ("TRAILERS without END", then(upload, lambda s: frame(v1.TRAILERS, 50, b"a: b\r\n"))),
    ("empty TRAILERS", then(upload, lambda s: frame(v1.TRAILERS, 50, b"", True))),
]


@pytest.mark.parametrize("act", [row[1] for row in TO_THE_AGENT], ids=[row[0] for row in TO_THE_AGENT])
def test_illegal_for_the_agent(agent, act):
    refuses(agent, act)


# HELLO


def raw_hello(**fields):
    return frame(v1.HELLO, 0, v1.Hello(**fields).pack())


HELLOS = [
    ("lowest version 2", raw_hello(lowest=2, highest=2)), ("highest version 0", raw_hello(lowest=0, highest=0)),
    ("no streams", raw_hello(streams=0)), ("65,536 streams", raw_hello(streams=65536)),
    ("stream credit under 16 KiB", raw_hello(stream_credit=16383)), ("stream credit of 2^31", raw_hello(stream_credit=1 << 31)),
    ("connection credit under 64 KiB", raw_hello(credit=65535)), ("connection credit of 2^31", raw_hello(credit=1 << 31)),
    ("heads under 4 KiB", raw_hello(head=4095)), ("heads over 192 KiB", raw_hello(head=(192 << 10) + 1)),
    ("a name of 129 bytes", raw_hello(name=b"x" * 129)), ("a name not UTF-8", raw_hello(name=b"\xff")),
    ("a name with a control character", raw_hello(name=b"a\r")),
    ("bytes after the name", frame(v1.HELLO, 0, v1.Hello().pack() + b"x")),
    ("a name cut off", frame(v1.HELLO, 0, v1.Hello().pack()[:-1])), ("an empty HELLO", frame(v1.HELLO)),
    ("HELLO on a stream", frame(v1.HELLO, 1, v1.Hello().pack())), ("END on HELLO", frame(v1.HELLO, 0, v1.Hello().pack(), True)),
    ("PING before HELLO", frame(v1.PING, 0, bytes(8))), ("WINDOW before HELLO", v1.window(0, 1)),
    ("DRAIN before HELLO", frame(v1.DRAIN, 0, bytes(4))), ("HELLO twice in one message", v1.hello() + v1.hello()),
]


@pytest.mark.parametrize("data", [row[1] for row in HELLOS], ids=[row[0] for row in HELLOS])
def test_illegal_hellos(target, data):
    refuses(target, lambda s: data, stream=False, greet=False)


@pytest.fixture(scope="module", autouse=True)
def silent(server, app, tmp_path_factory):
    """An agent and an edge that never say HELLO: they wait while the other tests of this file run."""
    session, gateway, start = server.create(), V1Gateway(), time.monotonic()
    gateway.prepare = [{"greet": False}]
    env = {"WORMKEY_CONTROL_PLANE_URL": gateway.control, "WORMKEY_EDGE_URL": gateway.edge}
    agent = Agent(None, app.port, "--connections", "1", state=tmp_path_factory.mktemp("silent"), env=env, wait=False)
    yield start, V1Agent(session["edgeUrl"], session["sessionToken"], greet=False), gateway.tunnel()
    agent.kill()
    gateway.close()
    server.delete(session["sessionId"])


# Legal at the edges of the rules


def test_frames_for_streams_that_are_over_are_ignored(edge, agent, app):
    connection, stream = edge.connect()
    connection.send(head_end(stream))
    for message in (v1.window(stream, 1), v1.reset(stream, v1.NO_ERROR), v1.reset(stream, v1.CANCELLED)):
        connection.send(message)
    connection.ping(5)
    connection.wait_frame(v1.PONG)
    tunnel, _ = agent.connect(stream=False)
    over = tunnel.request("/over")
    assert over.response()[0] == 200 and over.body()
    for message in (v1.window(1, 1), v1.reset(1, v1.NO_ERROR), v1.reset(1, v1.CANCELLED)):
        tunnel.send(message)
    assert tunnel.request("/still").response()[0] == 200


def test_data_on_a_stream_that_is_over(target):
    """Both directions ended and nobody reset it: illegal."""
    if isinstance(target, EdgeTarget):
        refuses(target, then(head_end, data))
    else:
        connection, _ = target.connect(stream=False)
        over = connection.request("/over")
        assert over.response()[0] == 200 and over.body()
        connection.send(frame(v1.DATA, 1, b"x"))
        assert connection.wait_close(5).reason == v1.CLOSE_PROTOCOL
        target.lives()


@pytest.mark.parametrize("what", ["RESPONSE", "TRAILERS"])
def test_a_block_over_the_announced_size_fails(edge, what):
    """A head over 128 KiB fails its stream (headTooLarge) or the connection, and is never passed on."""
    connection, stream = edge.connect()
    fields = v1.field_lines([("x-long", "y" * 8000)] * 17)
    if what == "TRAILERS":
        connection.send(head(stream))
    connection.send(frame(v1.RESPONSE, stream, b"HTTP/1.1 200\r\n" + fields + b"\r\n") if what == "RESPONSE" else
                    frame(v1.TRAILERS, stream, fields, True))
    eventually(lambda: connection.closed.is_set() or connection.streams[stream].was_reset, what="RESET or CLOSE")
    if connection.streams[stream].was_reset:
        assert connection.streams[stream].was_reset.reason == v1.HEAD_TOO_LARGE
    edge.lives()


def test_a_hello_that_does_not_come(silent):
    """10 s, on both ends. (Last in this file, so that it rarely waits.)"""
    start, *ends = silent
    for end in ends:
        assert not end.closed.is_set() or time.monotonic() - start > 9
        assert end.wait_close(15).reason == v1.CLOSE_PROTOCOL
