"""Streaming: nothing is held back, in either direction, and slow readers slow the sender."""

import threading
import time

from harness.raw import chunked


def test_server_sent_events_arrive_one_by_one(shared):
    """The app sends the next event only after the viewer got the one before."""
    go = threading.Semaphore(0)

    def route(call):
        call.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked")])
        for number in range(5):
            call.chunk(b"data: %d\n\n" % number)
            assert go.acquire(timeout=10)
        call.last_chunk()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path)
        answer = viewer.head()
        assert answer.status == 200 and answer.get("content-type") == "text/event-stream"
        for number in range(5):
            assert viewer.read_chunk() == b"data: %d\n\n" % number
            go.release()
        assert viewer.read_chunk() == b""


def test_head_arrives_before_the_body(shared):
    go = threading.Event()

    def route(call):
        call.head(200, [("Content-Length", "4")])
        assert go.wait(10)
        call.raw(b"done")

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path)
        answer = viewer.head()
        go.set()
        assert viewer.read_body(answer).body == b"done"


def test_stream_without_length_arrives_at_once(shared):
    go = threading.Event()

    def route(call):
        call.raw(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        assert go.wait(10)
        call.raw(b"second")
        call.close()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path)
        answer = viewer.head()
        assert answer.get("content-length") is None
        part = viewer.read_chunk() if answer.get("transfer-encoding") else viewer.read_exactly(5)
        assert part == b"first"
        go.set()
        assert viewer.read_body(answer).body == b"second"


def test_full_duplex(shared):
    """Every chunk is echoed before the next is sent, while the upload is open."""

    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        for data in call.chunks():
            call.chunk(data.upper())
        call.last_chunk()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", [("Transfer-Encoding", "chunked")])
        answer = viewer.head()
        for word in (b"alpha", b"beta", b"gamma"):
            viewer.send(chunked(word, end=False))
            assert viewer.read_chunk() == word.upper()
        viewer.send(chunked())
        assert viewer.read_body(answer).complete


def test_upload_reaches_the_app_while_it_is_sent(shared):
    first = threading.Event()

    def route(call):
        body = b""
        for data in call.chunks():
            body += data
            if body.startswith(b"begin"):
                first.set()
        call.respond(200, [], body)

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", [("Content-Length", "8")])
        viewer.send(b"begin")
        assert first.wait(10)
        viewer.send(b"end")
        assert viewer.answer().body == b"beginend"


def test_expect_100_continue(shared):
    """The 100 comes (from the app, or from the edge for it) before a byte of the body was sent."""

    def route(call):
        if call.get("expect"):
            call.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.respond(200, [], call.body())

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", [("Content-Length", "4"), ("Expect", "100-continue")])
        assert viewer.head().status == 100
        viewer.send(b"body")
        answer = viewer.answer()
        assert answer.status == 200 and answer.body == b"body"


def test_expect_refused_by_the_app(shared):
    """A final answer instead of 100: the viewer gets it without having sent the body."""

    def route(call):
        call.respond(417, [], b"no", "Expectation Failed")
        call.close()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", [("Content-Length", "4"), ("Expect", "100-continue")])
        answer = viewer.answer()
        assert answer.status == 417 and answer.body == b"no"


def test_early_hints_pass(shared):
    def route(call):
        call.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        call.respond(200, [], b"x")

    answer = shared.ask(shared.app.route(route))
    assert answer.status == 200 and answer.body == b"x"
    assert all(i.status == 103 for i in answer.informational)


def test_early_answer_to_an_upload(shared):
    """The app answers before it has the body: the viewer gets the answer, not an error."""

    def route(call):
        call.respond(413, [("Connection", "close")], b"too big", "Too Large")
        call.close()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", [("Content-Length", "1000000")])
        viewer.send(b"x" * 1000)
        answer = viewer.answer()
        assert answer.status == 413 and answer.body == b"too big"


def test_backpressure_reaches_the_app(shared):
    """A viewer that does not read stops the app after a bounded amount, and others go on."""
    sent = [0]
    stopped = threading.Event()

    def route(call):
        call.head(200, [("Content-Length", str(1 << 30))])
        block = b"z" * 65536
        call.connection.socket.settimeout(6)
        try:
            while sent[0] < 1 << 30:
                call.raw(block)
                sent[0] += len(block)
        except TimeoutError:
            pass
        stopped.set()
        call.reset()

    path = shared.app.route(route)
    with shared.viewer(timeout=20) as viewer:
        shared.start(viewer, path)
        assert viewer.head().status == 200
        assert shared.ask("/others").status == 200
        assert stopped.wait(20)
        assert sent[0] < 64 << 20, f"{sent[0]} bytes were buffered somewhere"


def test_backpressure_reaches_the_viewer(shared):
    """An app that does not read stops the viewer after a bounded amount."""
    go = threading.Event()
    path = shared.app.route(lambda call: (go.wait(20), call.reset()))
    with shared.viewer(timeout=2) as viewer:
        shared.start(viewer, path, "POST", [("Content-Length", str(1 << 30))])
        sent = 0
        try:
            while sent < 1 << 30:
                sent += viewer.socket.send(b"z" * 65536)
        except (TimeoutError, ConnectionError):
            pass
        go.set()
        assert sent < 64 << 20, f"{sent} bytes were buffered somewhere"


def test_a_stalled_viewer_does_not_delay_others(shared):
    """Beside a viewer that stopped reading a big answer, small requests stay quick."""
    stop = threading.Event()

    def big(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        try:
            while not stop.is_set():
                call.chunk(b"z" * 65536)
        except OSError:
            pass

    path = shared.app.route(big)
    with shared.viewer() as viewer:
        shared.start(viewer, path)
        viewer.head()
        times = []
        with shared.viewer() as other:
            for number in range(100):
                start = time.monotonic()
                shared.start(other, f"/quick{number}")
                assert other.answer().status == 200
                times.append(time.monotonic() - start)
        stop.set()
    times.sort()
    print(f"beside a stalled viewer: p50 {times[50] * 1000:.1f} ms, max {times[-1] * 1000:.1f} ms")
    assert times[50] < 1
