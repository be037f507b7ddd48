"""Version 1 beneath the frames: WebSocket rules, single bytes, cut connections and garbage, on both ends."""

import random

import pytest

from harness import v1
from harness.peer import websocket_frame
from harness.v1_agent import V1Agent
from harness.v1_targets import AgentTarget, EdgeTarget
from harness.waiting import eventually

PING = v1.frame(v1.PING, 0, bytes(8))


def wire(payload, **options):
    """A WebSocket frame as the other side of `target` sends it."""
    return lambda target: websocket_frame(payload, **{"masked": target.masked, **options})


RULES = [
    ("the wrong masking", lambda target: websocket_frame(PING, not target.masked)),
    ("a reserved bit", wire(PING, reserved=4)), ("another reserved bit", wire(PING, reserved=1)),
    ("a reserved opcode", wire(PING, opcode=3)), ("a reserved control opcode", wire(b"", opcode=11)),
    ("a text frame", wire(b"hello", opcode=1)), ("a continuation of nothing", wire(PING, opcode=0)),
    ("a control frame in fragments", wire(b"x", opcode=9, fin=False)),
    ("a control frame of 126 bytes", wire(bytes(126), opcode=9)),
    ("a length not in its shortest form", wire(PING, form=16)), ("the same in 64 bits", wire(PING, form=64)),
    ("a message in a message", lambda target: wire(PING[:9], fin=False)(target) + wire(PING)(target)),
    ("256 KiB and one byte announced", wire(b"", length=(256 << 10) + 1, form=64)),
    ("2^62 bytes announced", wire(b"", length=1 << 62, form=64)), ("2^63 bytes announced", wire(b"", length=1 << 63, form=64)),
    ("fragments of more than 256 KiB together",
     lambda target: wire(bytes(200_000), fin=False)(target) + wire(b"", opcode=0, length=70_000, form=64)(target)),
    ("a close frame of one byte", wire(b"\x03", opcode=8)),
]


@pytest.mark.parametrize("rule, make", RULES, ids=[row[0] for row in RULES])
def test_websocket_rules(target, rule, make):
    connection, _ = target.connect(stream=False)
    connection.wait_frame(v1.PING)
    connection.raw(make(target))
    assert connection.closed.wait(5), "an illegal frame must close the connection"
    if rule != "a close frame of one byte":
        assert connection.close_frame and connection.close_frame.reason == v1.CLOSE_PROTOCOL, (
            connection.close_code, connection.close_text, connection.frames)
    target.lives()


def test_a_violation_in_the_same_bytes_as_hello(target):
    """CLOSE comes first here too: it may be sent before the other side's HELLO was seen."""
    connection, _ = target.connect(stream=False, greet=False)
    connection.wait_frame(v1.HELLO)
    connection.raw(websocket_frame(v1.hello(), target.masked) + websocket_frame(b"hello", target.masked, opcode=1))
    assert connection.closed.wait(5) and connection.close_code == 4000 + v1.CLOSE_PROTOCOL
    target.lives()
    assert connection.close_frame


def test_fragments_with_control_frames_between_are_accepted(target):
    connection, _ = target.connect(stream=False)
    pieces = [wire(PING[:3], fin=False), wire(b"p", opcode=9), wire(PING[3:9], opcode=0, fin=False),
              wire(b"", opcode=0, fin=False), wire(b"", opcode=10), wire(PING[9:], opcode=0)]
    connection.raw(b"".join(piece(target) for piece in pieces))
    assert connection.wait_frame(v1.PONG).payload == bytes(8)


def test_one_byte_at_a_time(target):
    """HELLO, pings and a whole exchange."""
    connection, _ = target.connect(stream=False, greet=False)
    connection.wait_frame(v1.HELLO)
    connection.answers_pings = False  # a PONG of ours between the bytes would be illegal
    hello = websocket_frame(v1.hello(), target.masked)
    stream = None
    if isinstance(target, AgentTarget):
        stream = connection.expect(1)
        rest = v1.frame(v1.REQUEST, 1, b"\x00" + v1.request_head("GET", "/bytes"), True)
    else:
        rest = PING
    for byte in hello + websocket_frame(rest, target.masked) + websocket_frame(PING, target.masked, form=7):
        connection.raw(bytes([byte]))
    connection.wait_frame(v1.PONG)
    if stream:
        assert stream.response()[0] == 200 and stream.body()


def boundaries(target):
    """A connection's bytes from our side, and the places where a frame or its WebSocket frame begins or ends."""
    frames = [v1.hello(), PING]
    if not target.masked:
        frames += [
            v1.frame(v1.REQUEST, 1, b"\x00" + v1.request_head("POST", "/cut", fields=[("Content-Length", "9")])),
            v1.frame(v1.DATA, 1, b"abc"), v1.frame(v1.DATA, 1, b"defghi", True),
        ]
    else:
        frames += [v1.frame(v1.PAUSE), v1.frame(v1.RESUME), v1.window(0, 1), v1.frame(v1.DRAIN, 0, bytes(4))]
    data, places = b"", []
    for frame in frames:
        message = websocket_frame(frame, target.masked)
        start = len(data) + len(message) - len(frame)
        places += [len(data), len(data) + 1, start, start + 3, start + 8, start + len(frame) - 1]
        data += message
    return data, sorted({*places, len(data)})


def test_connections_cut_at_each_boundary_of_the_edge(request):
    target = EdgeTarget(request)
    data, places = boundaries(target)
    session = target.server.create()
    for place in places:
        connection = V1Agent(session["edgeUrl"], session["sessionToken"], greet=False, wait=False, takeover=True)
        connection.raw(data[:place])
        connection.cut()
        assert connection.closed.wait(5) and connection.failure is None, connection.failure
    eventually(lambda: target.server.record(session["slug"])["tunnelConnections"] == 0, what="every connection forgotten")
    target.lives()


@pytest.mark.parametrize("part", range(3))
def test_connections_cut_at_each_boundary_of_the_agent(dial_v1, v1_gateway, app, part):
    """It comes back each time; an upload cut in the middle is an abort at the app."""
    data, places = boundaries(AgentTarget)
    places = places[part::3]
    seen = len(app.saw("/cut"))
    v1_gateway.prepare = [{"greet": False}] * len(places) + [{}]
    connections = [dial_v1("--connections", str(len(places)), wait=False)]
    agent = connections[0].agent
    for place in places:
        connection = connections.pop() if connections else v1_gateway.tunnel()
        connection.wait_frame(v1.HELLO)
        connection.expect(1)
        connection.raw(data[:place])
        connection.cut()
    assert v1_gateway.tunnel().request("/after").response()[0] == 200 and agent.running
    for call in app.saw("/cut")[seen:]:
        assert call.finished.wait(5) and call.body_state in ("aborted", "complete")


@pytest.mark.parametrize("seed", range(6))
def test_garbage(target, seed):
    """Seeded: bytes, frames of random fields, and whole frames with one byte changed. Closed or ignored; never a crash."""
    print("seed", seed)
    noise = random.Random(seed)
    connection, _ = target.connect(stream=False)
    connection.message = lambda message: None  # what comes back cannot be judged
    frames = [v1.hello(), PING, v1.window(0, 5), v1.reset(1, 1, b"text"), v1.frame(v1.RESPONSE, 1, v1.response_head(200)),
              v1.frame(v1.REQUEST, 1, b"\x00" + v1.request_head("GET", "/garbage"), True), v1.close(6, 5, b"text"),
              v1.frame(v1.PUSH, 0, b'{"viewers":1}'), v1.frame(v1.TRAILERS, 1, b"a: b\r\n", True)]
    try:
        for _ in range(200):
            how = noise.randrange(4)
            if how == 0:
                payload = noise.randbytes(noise.randrange(1, 60))
            elif how == 1:
                data = noise.randbytes(noise.randrange(40))
                payload = v1.frame(noise.randrange(128), noise.randrange(4), data, noise.random() < 0.5)
            else:
                changed = bytearray(noise.choice(frames))
                changed[noise.randrange(len(changed))] = noise.randrange(256)
                payload = bytes(changed)
            connection.raw(noise.randbytes(9) if how == 0 and seed % 2 else websocket_frame(payload, target.masked))
            if connection.closed.is_set():
                break
    except OSError:
        pass
    if not connection.closed.wait(3):  # garbage that looks like a long frame: cut it
        connection.cut()
    target.lives()
