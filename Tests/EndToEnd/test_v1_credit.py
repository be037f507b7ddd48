"""Credit and the order of sending, on both ends: nobody sends more than was granted or grants what nobody took."""

import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed

from harness import v1
from harness.v1_connection import WasReset
from harness.waiting import eventually

KIB, MIB = 1 << 10, 1 << 20
SMALL = v1.Hello(stream_credit=16 * KIB, credit=64 * KIB)
PLENTY = v1.Hello(stream_credit=(1 << 31) - 1, credit=(1 << 31) - 1)


class Side:
    """One implementation under test, sending `size` bytes of body on as many streams as a test begins."""

    def __init__(self, connection):
        self.connection = connection
        connection.gives_credit = False

    def settled(self, count):
        """Waits until `count` body bytes came in all; there must be no more of them for a while."""
        got = lambda: sum(s.received for s in self.connection.streams.values())  # noqa: E731
        eventually(lambda: got() >= count, what=f"{count} bytes")
        time.sleep(0.15)  # nothing more may come in this time
        assert got() == count and self.connection.failure is None, (got(), self.connection.failure)


class EdgeSide(Side):
    """The edge sends what viewers upload."""

    def __init__(self, request, hello):
        self.tunnel = request.getfixturevalue("open_v1")(lambda stream: None, hello=hello)
        self.viewers = []
        super().__init__(self.tunnel.v1)

    def begin(self, size):
        viewer = self.tunnel.viewer()
        self.viewers.append(viewer)
        known = len(self.connection.streams)
        self.tunnel.start(viewer, "/up", "POST", [("Content-Length", str(size))])
        threading.Thread(target=self._send, args=(viewer, size), daemon=True).start()
        return eventually(lambda: len(self.connection.streams) > known and [*self.connection.streams.values()][-1])

    @staticmethod
    def _send(viewer, size):
        try:
            viewer.send(b"x" * size)
        except OSError:
            pass

    def close(self):
        for viewer in self.viewers:
            viewer.close()


class AgentSide(Side):
    """The agent sends what the local app answers."""

    def __init__(self, request, hello):
        self.tunnel = request.getfixturevalue("dial_v1")(hello=hello)
        self.app = request.getfixturevalue("app")
        super().__init__(self.tunnel)

    def begin(self, size):
        def route(call):
            call.head(200, [("Content-Length", str(size))])
            call.raw(b"x" * size)

        stream = self.tunnel.request(self.app.route(route))
        assert stream.response()[0] == 200
        return stream

    def close(self):
        pass


@pytest.fixture(params=[EdgeSide, AgentSide], ids=["edge", "agent"])
def sender(request):
    sides = []

    def start(hello=SMALL):
        sides.append(request.param(request, hello))
        return sides[-1]

    yield start
    for side in sides:
        side.close()


def test_a_sender_stops_at_the_credit_of_a_stream(sender):
    side = sender()
    stream = side.begin(100 * KIB)
    side.settled(16 * KIB)
    for credit, total in ((1, 16 * KIB + 1), (5000, 16 * KIB + 5001)):
        stream.granted += credit
        side.connection.send(v1.window(stream.number, credit))
        side.settled(total)


def test_a_sender_stops_at_the_credit_of_the_connection(sender):
    side = sender(v1.Hello(stream_credit=MIB, credit=64 * KIB))
    streams = [side.begin(60 * KIB) for _ in range(2)]
    side.settled(64 * KIB)
    side.connection.grant(3)
    side.settled(64 * KIB + 3)
    side.connection.grant(MIB)
    side.settled(120 * KIB)
    assert all(s.they_ended for s in streams)


def test_heads_and_ends_need_no_credit(sender):
    side = sender(v1.Hello(stream_credit=16 * KIB, credit=64 * KIB))
    for _ in range(4):
        assert side.begin(16 * KIB)
    side.settled(64 * KIB)
    eventually(lambda: all(s.they_ended for s in side.connection.streams.values()), what="END without credit")
    assert side.begin(1).received == 0, "the head of a fifth"


def test_ready_streams_take_turns(sender):
    """Three full queues and then a lot of credit: up to 16 KiB of each in one turn, and as much for each."""
    side = sender(v1.Hello(stream_credit=(1 << 31) - 1, credit=64 * KIB))
    streams = [side.begin(4 * MIB) for _ in range(3)]
    side.settled(64 * KIB)
    time.sleep(1.5)  # the queues of all three fill up
    before = len(side.connection.frames)
    side.connection.grant(300 * KIB)
    side.settled(364 * KIB)
    turns = []
    for frame in side.connection.frames[before:]:
        if frame.kind == v1.DATA:
            if turns and turns[-1][0] == frame.stream:
                turns[-1][1] += len(frame.payload)
            else:
                turns.append([frame.stream, len(frame.payload)])
    assert max(size for _, size in turns) <= 32 * KIB, turns
    share = [sum(size for stream, size in turns if stream == s.number) for s in streams]
    assert max(share) - min(share) <= 33 * KIB, (share, turns)


def test_small_answers_beside_a_bulk_download(dial_v1, app):
    """The bulk has all the credit it wants; the small answers still come promptly, one after the other."""
    tunnel = dial_v1(hello=PLENTY)
    block, stop = b"z" * MIB, threading.Event()

    def bulk(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        while not stop.is_set():
            call.chunk(block)
        call.last_chunk()

    download = tunnel.request(app.route(bulk))
    assert download.response()[0] == 200
    here = []
    small = app.route(lambda call: (here.append(download.received), call.respond(200, [], b"small")))
    times = []
    for _ in range(20):
        start = time.monotonic()
        stream = tunnel.request(small)
        assert stream.response()[0] == 200
        times.append(time.monotonic() - start)
        ahead = 0
        for frame in tunnel.frames:
            if frame.kind == v1.RESPONSE and frame.stream == stream.number:
                break
            if frame.kind == v1.DATA and frame.stream == download.number:
                ahead += len(frame.payload)
        assert ahead - here[-1] < 16 * MIB, "bulk bytes ahead of a small answer"
    eventually(lambda: download.received > 32 * MIB, what="the bulk goes on")
    stop.set()
    print(f"small answers beside a bulk download: {sorted(times)[10] * 1000:.1f} ms median, {max(times) * 1000:.1f} ms most")
    assert sorted(times)[10] < 1


def test_windows_grow_for_a_fast_reader(open_v1, dial_v1, app):
    """A stream's window was the limit: it doubles, so that one stream is not held to 256 KiB a round trip."""
    tunnel = open_v1(lambda stream: stream.respond(200, [], b"x" * (48 * MIB)))
    assert len(tunnel.ask("/").body) == 48 * MIB
    assert tunnel.v1.streams[1].credit_seen > MIB, "the edge"

    path = app.route(lambda call: call.respond(200, [], str(len(call.body())).encode()))
    stream = dial_v1().request(path, "POST", end=False)
    stream.data(b"x" * (48 * MIB), end=True, timeout=20)
    assert stream.response()[0] == 200 and stream.body() == str(48 * MIB).encode()
    assert stream.credit_seen > MIB, "the agent"


# The receiving side


def small_buffer(sock):
    """The system takes little on behalf of this end. (It also reads slowly from then on.)"""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)


def fill(stream, most=64 * MIB, patience=0.4):
    """Sends until no credit comes any more; the bytes sent."""
    sent = 0
    try:
        while sent < most:
            stream.data(b"y" * min(v1.DATA_LIMIT, max(1, stream.credit)), timeout=patience)
            sent = stream.sent
    except TimeoutError:
        pass
    return stream.sent


def stalled_download(tunnel, viewer, path="/stall", small=True):
    if small:
        small_buffer(viewer.socket)
    known = set(tunnel.v1.streams)
    tunnel.start(viewer, path)
    stream = eventually(lambda: next((s for n, s in tunnel.v1.streams.items() if n not in known), None))
    stream.head_out(200)
    return stream


def stalled_upload(tunnel, app):
    """A stream to an app that does not read; calling the second value lets it."""
    go = threading.Event()

    def route(call):
        go.wait(20)
        call.respond(200, [], str(len(call.body())).encode())

    stream = tunnel.request(app.route(route), "POST", end=False)
    return stream, go.set


def test_no_credit_back_while_the_viewer_does_not_read(open_v1):
    tunnel = open_v1(lambda stream: None)
    with tunnel.viewer() as viewer:
        stream = stalled_download(tunnel, viewer, small=False)
        sent = fill(stream)
        assert 256 * KIB <= sent < 24 * MIB, sent
        assert not any(f.kind == v1.RESET for f in tunnel.v1.frames)
        answer = viewer.head()
        threading.Thread(target=lambda: stream.data(b"z" * MIB, end=True), daemon=True).start()
        assert viewer.read_body(answer).complete and len(answer.body) == sent + MIB, "credit came back, nothing was lost"


def test_no_credit_back_while_the_app_does_not_read(dial_v1, app):
    tunnel = dial_v1()
    tunnel.greeted.wait(5)
    stream, go = stalled_upload(tunnel, app)
    sent = fill(stream)
    assert 256 * KIB <= sent < 24 * MIB, sent
    assert tunnel.request("/others").response()[0] == 200
    go()
    stream.data(b"z" * MIB, end=True)
    assert stream.response()[0] == 200 and stream.body() == str(sent + MIB).encode()


def test_stalled_viewers_do_not_hold_up_others(open_v1):
    """More of them than the connection's first window holds: it grows, or the greediest is reset with bufferLimit."""
    tunnel = open_v1(lambda stream: stream.respond(200, [], b"s" * 50_000) if stream.target == "/small" else None)
    viewers = [tunnel.viewer() for _ in range(24)]
    for viewer in viewers:
        try:
            fill(stalled_download(tunnel, viewer), MIB, patience=0.05)
        except WasReset as reset:
            assert reset.reason == v1.BUFFER_LIMIT
    times = []
    for _ in range(10):
        start = time.monotonic()
        assert len(tunnel.ask("/small").body) == 50_000
        times.append(time.monotonic() - start)
    assert sorted(times)[5] < 2, times
    for viewer in viewers:
        viewer.close()


def overrun(stream):
    """Far more than the credit, and more than all buffers on the way hold, once none comes back any more."""
    fill(stream)
    message = v1.frame(v1.DATA, stream.number, b"x" * v1.DATA_LIMIT)
    try:
        for _ in range(64 * MIB // v1.DATA_LIMIT):
            stream.connection.send(message)
    except ConnectionClosed:
        pass
    close = stream.connection.wait_close()
    assert close.reason == v1.CLOSE_PROTOCOL and close.text


def test_a_sender_that_overruns_credit_is_closed_by_the_edge(open_v1):
    tunnel = open_v1(lambda stream: None)
    with tunnel.viewer() as viewer:
        overrun(stalled_download(tunnel, viewer))
        viewer.head()
        assert viewer.closes_within(5) is not None


def test_a_sender_that_overruns_credit_is_closed_by_the_agent(dial_v1, app):
    tunnel = dial_v1()
    tunnel.greeted.wait(5)
    stream, go = stalled_upload(tunnel, app)
    overrun(stream)
    go()
    assert tunnel.agent.running


def test_a_stream_of_single_bytes_is_limited(open_v1):
    """At most 16,384 unread DATA frames of one stream: then it is reset, long before its credit is used up."""
    tunnel = open_v1(lambda stream: stream.respond() if stream.target == "/still" else None)
    with tunnel.viewer() as viewer:
        stream = stalled_download(tunnel, viewer)
        byte = v1.frame(v1.DATA, stream.number, b"x")
        with pytest.raises(WasReset):
            while True:
                tunnel.v1.send(byte * tunnel.v1.take(stream, 1000, 5))
        assert stream.wait_reset().reason == v1.BUFFER_LIMIT
        assert tunnel.ask("/still").status == 200
