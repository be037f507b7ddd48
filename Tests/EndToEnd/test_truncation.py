"""Truncation always looks like truncation, in both directions."""

import threading
import time

import pytest

from harness.raw import Truncated


CUTS = [
    ("with Content-Length, in the middle", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    ("with Content-Length, after the head", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    ("with Content-Length, one byte short", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour"),
    ("in the middle of a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf"),
    ("between chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n"),
    ("after a chunk without its line end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour"),
    ("after the head of a chunked answer", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ("in the last chunk's line", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n"),
    ("in the trailers", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\nX-A: b\r\n"),
    ("a bad chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\nzz\r\n"),
    ("a chunk longer than its size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfourteen\r\n0\r\n\r\n"),
]


@pytest.mark.parametrize("rule, data", CUTS, ids=[c[0] for c in CUTS])
@pytest.mark.parametrize("by_host", [False, True], ids=["path", "subdomain"])
def test_app_ends_too_early(shared, rule, data, by_host):
    path = shared.app.route(lambda call: (call.raw(data), call.close()))
    with shared.viewer() as viewer:
        shared.start(viewer, path, by_host=by_host)
        try:
            answer = viewer.answer()
        except Truncated:
            return  # no head at all, connection ended: a truncation too
        if answer.status == 502:
            return  # nothing had been sent yet
        assert not answer.complete, f"a complete-looking answer: {answer}"
        assert viewer.closes_within(10) is not None


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_slow_viewer_whose_connection_closes_gets_everything(shared, version):
    """More than every socket buffer holds, taken late: closing must wait for it."""
    size = 24 << 20

    def route(call):
        call.raw(b"HTTP/1.1 200 OK\r\n\r\n" if version == "1.0" else b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            call.raw(bytes(1 << 20))
        call.close()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        viewer.send(f"GET {shared.path(path)} HTTP/{version}\r\nHost: {shared.base_host}\r\nConnection: close\r\n\r\n"
                    .encode())
        answer = viewer.answer(body=False)
        got = len(viewer.buffer)
        # Slower than the edge sends, to the end.
        while data := viewer.socket.recv(65536):
            got += len(data)
            time.sleep(0.002)
        assert answer.status == 200 and got == size


def test_head_request_is_not_a_truncation(shared):
    path = shared.app.route(lambda call: (call.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), call.close()))
    assert shared.ask(path, "HEAD").complete


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_app_resets_in_the_middle(shared, framing):
    got_some = threading.Event()

    def route(call):
        if framing == "length":
            call.head(200, [("Content-Length", "1000")])
            call.raw(b"half")
        elif framing == "chunked":
            call.head(200, [("Transfer-Encoding", "chunked")])
            call.chunk(b"half")
        else:
            call.raw(b"HTTP/1.0 200 OK\r\n\r\nhalf")
        assert got_some.wait(10)
        call.reset()

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        shared.start(viewer, path)
        answer = viewer.head()
        if answer.get("transfer-encoding"):
            assert viewer.read_chunk() == b"half"
        else:
            assert viewer.read_exactly(4) == b"half"
        got_some.set()
        if framing == "length":
            with pytest.raises(Truncated):
                viewer.read_exactly(996)
        else:
            viewer.read_body(answer)
            assert not answer.complete, "a reset is not an end"


@pytest.mark.parametrize("when", ["at once", "after reading", "half a head", "reset"])
def test_app_closes_without_an_answer(shared, when):
    def route(call):
        if when == "half a head":
            call.raw(b"HTTP/1.1 200 OK\r\nContent-")
        if when == "after reading":
            call.body()
        call.reset() if when == "reset" else call.close()

    answer = shared.ask(shared.app.route(route), "POST", body=b"x" * 10)
    assert answer.status == 502, answer
    assert answer.code() in ("upstream_protocol_error", "upstream_unreachable"), answer


UPLOADS = [
    ("Content-Length", [("Content-Length", "100")], b"half"),
    ("Content-Length, no byte", [("Content-Length", "100")], b""),
    ("chunked, in a chunk", [("Transfer-Encoding", "chunked")], b"64\r\nhalf"),
    ("chunked, between chunks", [("Transfer-Encoding", "chunked")], b"4\r\nfour\r\n"),
    ("chunked, in the last line", [("Transfer-Encoding", "chunked")], b"4\r\nfour\r\n0\r\n"),
    ("chunked, bad size", [("Transfer-Encoding", "chunked")], b"4\r\nfour\r\nzz\r\n\r\n"),
]


@pytest.mark.parametrize("rule, headers, body", UPLOADS, ids=[u[0] for u in UPLOADS])
@pytest.mark.parametrize("how", ["close", "reset", "half close"])
def test_half_an_upload_is_an_abort_at_the_app(shared, rule, headers, body, how):
    path = shared.app.route(lambda call: call.body())
    with shared.viewer() as viewer:
        shared.start(viewer, path, "POST", headers, body)
        if body or how == "half close":
            if "bad size" not in rule:
                # The agent opens the app's connection when the request comes; wait for it so that there is something to abort.
                call = shared.app.wait_call(path)
        {"close": viewer.close, "reset": viewer.reset, "half close": viewer.half_close}[how]()
        calls = shared.app.saw(path)
        for call in calls:
            assert call.finished.wait(10), "the app hangs on half an upload"
            assert call.body_state == "aborted", f"the app took half an upload for a whole one ({call.body_state})"


def test_viewer_leaving_ends_the_apps_work(shared):
    """When the viewer goes away in a download, the app's connection ends too."""

    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"first")
        call.left = call.wait_gone(10)

    path = shared.app.route(route)
    viewer = shared.viewer()
    shared.start(viewer, path)
    viewer.head()
    viewer.read_chunk()
    viewer.close()
    call = shared.app.wait_call(path)
    assert call.finished.wait(12)
    assert call.left is not None


def test_viewer_leaving_before_the_answer_ends_the_apps_work(shared):
    def route(call):
        call.left = call.wait_gone(10)

    path = shared.app.route(route)
    viewer = shared.viewer()
    shared.start(viewer, path)
    call = shared.app.wait_call(path)
    viewer.close()
    assert call.finished.wait(12)
    assert call.left is not None
