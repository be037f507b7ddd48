"""Our agent with an independent version 1 gateway, written from the protocol page only."""

import json
import threading
import time

import pytest
from websockets.utils import accept_key

from harness import v1
from harness.ports import free_port
from harness.v1_connection import WasReset

GOLDEN = v1.golden()
UPGRADE = [
    ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


def test_the_upgrade_is_as_on_the_page(dial_v1, v1_gateway):
    fields = dial_v1().handshake
    session = v1_gateway.created[0][1]
    assert fields["Authorization"] == f"Bearer {session['sessionToken']}"
    assert fields["Sec-WebSocket-Protocol"] == "daypass.v1" and fields["Sec-WebSocket-Version"] == "13"
    assert len(fields["X-Daypass-Agent-Id"]) >= 16 and fields["X-Daypass-Connection"] == "0"
    assert "X-Daypass-Takeover" not in fields and "Origin" not in fields
    assert "Sec-WebSocket-Extensions" not in fields


def test_the_agent_greets_without_waiting_and_sends_nothing_else_before_our_hello(dial_v1):
    tunnel = dial_v1(greet=False, wait=False)
    tunnel.wait_frame(v1.HELLO)
    time.sleep(0.3)  # nothing may come in this time
    assert [f.name for f in tunnel.frames] == ["HELLO"] and not tunnel.agent.stdout
    tunnel.greet()
    assert tunnel.request("/a").response()[0] == 200
    tunnel.agent.wait_connected()


def test_golden_request_and_control_frames(dial_v1):
    tunnel = dial_v1()
    assert tunnel.greeted.wait(5)
    stream = tunnel.expect(1)
    tunnel.send(GOLDEN["WINDOW connection, 1"] + GOLDEN["REQUEST 1, END"] + GOLDEN["WINDOW 1, 131072"])
    assert stream.response()[0] == 200 and stream.body()
    tunnel.send(GOLDEN["PING 1"])
    assert tunnel.wait_frame(v1.PONG).payload == GOLDEN["PING 1"][8:]


def test_a_websocket_without_upgrade_fields_is_declined(dial_v1):
    """The page's golden REQUEST 2 carries none: that stream fails, and no other."""
    tunnel = dial_v1()
    assert tunnel.greeted.wait(5)
    stream = tunnel.expect(2, v1.WEBSOCKET)
    tunnel.send(GOLDEN["REQUEST 2, webSocket"])
    try:
        assert stream.response()[0] >= 400
    except WasReset:
        pass
    assert tunnel.request("/still").response()[0] == 200


def test_hello_limits_of_the_edge_are_fine(dial_v1):
    for fields in ({"highest": 9, "capabilities": 0xFFFFFFFF, "name": b""}, {"stream_credit": 16 << 10, "credit": 64 << 10},
                   {"head": 4 << 10, "streams": 1, "name": b"n" * 128}):
        tunnel = dial_v1(hello=v1.Hello(**fields))
        assert tunnel.request("/a").response()[0] == 200


# Requests and answers


def test_heads_keep_order_duplicates_and_bytes(dial_v1, app):
    answer = [("X-B", "2"), ("X-a", b"\x80\xff"), ("X-B", "1"), ("Connection", "X-H"), ("X-H", "1")]
    path = app.route(lambda call: call.respond(200, answer))
    stream = dial_v1().request(path, fields=[("X-Z", "1"), ("x-a", "\xc3(\xff"), ("X-Z", "1"), ("X-E", "")])
    status, fields = stream.response()
    assert [f for f in fields if f[0].startswith("X-")] == [("X-B", "2"), ("X-a", "\x80\xff"), ("X-B", "1")]
    own = [f for f in app.wait_call(path).fields if f[0].lower().startswith("x-")]
    assert own == [("X-Z", "1"), ("x-a", "\xc3(\xff"), ("X-Z", "1"), ("X-E", "")]


@pytest.mark.parametrize("how", ["length", "no length", "end alone"])
def test_uploads(dial_v1, app, how):
    body = bytes(range(256)) * 1000
    path = app.route(lambda call: call.respond(200, [], call.body()[::-1]))
    fields = [("Content-Length", str(len(body)))] if how == "length" else []
    stream = dial_v1().request(path, "POST", fields, end=False)
    stream.data(body, end=how != "end alone")
    if how == "end alone":
        stream.end()
    assert stream.response()[0] == 200 and stream.body() == body[::-1]
    call = app.wait_call(path)
    assert call.get("transfer-encoding") == (None if how == "length" else "chunked")


def test_many_streams_at_once_and_skipped_ids(dial_v1, app):
    tunnel = dial_v1()
    path = app.route(lambda call: call.respond(200, [], call.body() * 3))
    streams = []
    for number in range(200):
        streams.append(tunnel.request(path, "POST", [("Content-Length", "4")], end=False))
        tunnel.last += number % 3  # ids may be skipped
    for number, stream in enumerate(streams):
        stream.data(b"%04d" % number, end=True)
    for number, stream in enumerate(streams):
        assert stream.response()[0] == 200 and stream.body() == b"%04d" % number * 3


def test_trailers_to_the_app(dial_v1, app):
    path = app.route(lambda call: call.respond(200, [], call.body()))
    stream = dial_v1().request(path, "POST", [("Trailer", "A")], end=False)
    stream.data(b"up")
    stream.end(GOLDEN["TRAILERS 1"][8:])
    assert stream.response()[0] == 200 and stream.body() == b"up"
    assert app.wait_call(path).trailers == [("A", "b")]


def test_trailers_of_the_app(dial_v1, app):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "A")])
        call.chunk(b"x")
        call.last_chunk(b"A: b\r\n")

    tunnel = dial_v1()
    tunnel.request(app.route(route)).response()
    assert tunnel.wait_frame(v1.TRAILERS).payload == b"A: b\r\n"


def test_informational_answers_pass(dial_v1, app):
    def route(call):
        call.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        call.respond(200, [], b"x")

    stream = dial_v1().request(app.route(route))
    assert stream.response() == (103, [("Link", "</x>")])
    assert stream.response()[0] == 200 and stream.body() == b"x"


def test_full_duplex_and_half_close(dial_v1, app):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        for data in call.chunks():
            call.chunk(data.upper())
        call.chunk(b"after the request's end")
        call.last_chunk()

    stream = dial_v1().request(app.route(route), "POST", end=False)
    stream.data(b"one")
    status, fields = stream.response()
    assert "transfer-encoding" not in {n.lower() for n, _ in fields}
    assert stream.read() == b"ONE"
    stream.data(b"two", end=True)
    assert stream.body() == b"TWOafter the request's end"


def test_an_answer_before_the_upload_is_done(dial_v1, app):
    """The answer is whole; then the agent either takes the rest of the upload or says RESET noError."""
    path = app.route(lambda call: (call.respond(200, [], b"early"), call.close()))
    tunnel = dial_v1()
    stream = tunnel.request(path, "POST", [("Content-Length", "1000000")], end=False)
    stream.data(b"x" * 1000)
    assert stream.response()[0] == 200 and stream.body() == b"early"
    try:
        for _ in range(100):
            stream.data(b"x" * 999)
    except WasReset:
        pass
    assert tunnel.request("/still").response()[0] == 200
    assert stream.was_reset is None or stream.was_reset.reason == v1.NO_ERROR


@pytest.mark.parametrize("method, status", [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_body(dial_v1, app, method, status):
    path = app.route(lambda call: call.head(status, [] if status == 204 else [("Content-Length", "5")]))
    stream = dial_v1().request(path, method)
    assert stream.response()[0] == status and stream.body() == b""


# RESET


FAILURES = {
    "not HTTP": b"SSH-2.0-x\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "closes without an answer": b"",
    "breaks off with length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    "breaks off in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    "breaks off in the head": b"HTTP/1.1 200 OK\r\nContent-",
    "resets": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
}


@pytest.mark.parametrize("how, reasons", [
    ("not HTTP", {v1.UPSTREAM_PROTOCOL}), ("two lengths", {v1.UPSTREAM_PROTOCOL}),
    ("closes without an answer", {v1.UPSTREAM_ABORTED, v1.UPSTREAM_PROTOCOL}),
    ("breaks off with length", {v1.UPSTREAM_ABORTED}), ("breaks off in chunks", {v1.UPSTREAM_ABORTED}),
    ("breaks off in the head", {v1.UPSTREAM_ABORTED, v1.UPSTREAM_PROTOCOL}), ("resets", {v1.UPSTREAM_ABORTED}),
])
def test_reset_reasons_of_a_failing_app(dial_v1, app, how, reasons):
    tunnel = dial_v1()
    stream = tunnel.request(app.route(
        lambda call: (call.raw(FAILURES[how]), call.reset() if how == "resets" else call.close())))
    assert stream.wait_reset().reason in reasons
    assert not stream.they_ended, "never ended normally"
    assert tunnel.request("/still").response()[0] == 200


def test_reset_of_an_app_that_is_not_there(dial_v1):
    stream = dial_v1(port=free_port()).request("/")
    assert stream.wait_reset().reason == v1.UNREACHABLE and not stream.heads


def test_a_head_over_what_the_edge_accepts_is_not_sent(dial_v1, app):
    """The app's head is larger than our HELLO allows: that stream fails, and no other."""
    tunnel = dial_v1(hello=v1.Hello(head=4096))
    path = app.route(lambda call: call.respond(200, [("X-Long", "y" * 6000)], b"x"))
    stream = tunnel.request(path)
    assert stream.wait_reset().reason == v1.HEAD_TOO_LARGE and not stream.heads
    assert tunnel.request("/still").response()[0] == 200


def test_our_reset_aborts_the_app(dial_v1, app):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked")])
        call.chunk(b"x")
        call.left = call.wait_gone(10)

    path = app.route(route)
    tunnel = dial_v1()
    stream = tunnel.request(path)
    assert stream.response()[0] == 200 and stream.read() == b"x"
    stream.reset(v1.CANCELLED)
    call = app.wait_call(path)
    assert call.finished.wait(10) and call.left is not None
    tunnel.ping(1 << 50)
    tunnel.wait_frame(v1.PONG)
    assert stream.was_reset is None, "the receiver of a RESET answers nothing"


@pytest.mark.parametrize("reason", [*range(12), 4711])
def test_a_reset_in_an_upload_is_an_abort_at_the_app(dial_v1, app, reason):
    """Without an END before it every reason is an abort, noError too."""
    tunnel = dial_v1()
    path = app.route(lambda call: call.body())
    stream = tunnel.request(path, "POST", [("Content-Length", "10")], end=False)
    stream.data(b"half")
    call = app.wait_call(path)
    stream.reset(reason, "why ü".encode())
    assert call.finished.wait(5) and call.body_state == "aborted"
    assert tunnel.request("/still").response()[0] == 200


def test_more_streams_than_announced_are_refused(dial_v1, app):
    go = threading.Event()
    path = app.route(lambda call: (go.wait(10), call.respond(200)))
    tunnel = dial_v1()
    streams = [tunnel.request(path) for _ in range(tunnel.theirs.streams + 1)]
    assert streams[-1].wait_reset().reason == v1.REFUSED
    go.set()
    assert streams[0].response()[0] == 200


# WebSockets, liveness, pushes


def echo_socket(call):
    call.head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                    ("Sec-WebSocket-Accept", accept_key(call.get("sec-websocket-key")))], "Switching")
    while data := call.connection.read(65536):
        call.raw(data[::-1])


def test_websocket(dial_v1, app):
    stream = dial_v1().request(app.route(echo_socket), fields=UPGRADE, end=False, kind=v1.WEBSOCKET)
    status, fields = stream.response()
    assert status == 101 and ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") in [(n.lower(), v) for n, v in fields]
    stream.data(b"abc\x00")
    assert stream.read() == b"\x00cba"
    stream.end()
    assert stream.body() == b"", "the app ended its direction in turn"


def test_websocket_half_close_by_the_app(dial_v1, app):
    def route(call):
        call.head(101, [("Connection", "Upgrade"), ("Upgrade", "websocket"),
                        ("Sec-WebSocket-Accept", accept_key(call.get("sec-websocket-key")))], "Switching")
        call.raw(b"last")
        call.connection.socket.shutdown(1)
        call.rest = call.connection.read(100)
        call.clean = call.connection.socket.recv(1) == b""

    path = app.route(route)
    stream = dial_v1().request(path, fields=UPGRADE, end=False, kind=v1.WEBSOCKET)
    assert stream.response()[0] == 101 and stream.body() == b"last"
    stream.data(b"and more", end=True)
    call = app.wait_call(path)
    assert call.finished.wait(5) and call.rest == b"and more" and call.clean


def test_declined_websocket(dial_v1, app):
    tunnel = dial_v1()
    path = app.route(lambda call: call.respond(403, [], b"no", "Forbidden"))
    stream = tunnel.request(path, fields=UPGRADE, end=False, kind=v1.WEBSOCKET)
    assert stream.response()[0] == 403 and stream.body() == b"no"


def test_pings_are_answered_and_sent(dial_v1):
    tunnel = dial_v1()
    for token in (0, 1, (1 << 64) - 1):
        tunnel.ping(token)
        tunnel.wait_frame(v1.PONG, check=lambda f, token=token: int.from_bytes(f.payload) == token)
    tunnel.wait_frame(v1.PING)
    assert tunnel.websocket.ping(b"w").wait(5)


def test_pushes_are_taken(dial_v1):
    """Objects of any shape: unknown fields and odd values never end the tunnel."""
    tunnel = dial_v1()
    for value in ({}, {"viewers": 3}, {"viewers": "x"}, {"paused": None, "policy": []}, {"unknown": {"a": [1]}},
                  {"paused": True, "expiresAt": "2031-01-01T00:00:00.000Z", "viewers": 2, "policy": {"public": False}}):
        tunnel.send(v1.frame(v1.PUSH, 0, json.dumps(value).encode()))
    tunnel.send(v1.frame(v1.PUSH, 0, json.dumps({"x": "y" * 65000}).encode()))
    assert tunnel.request("/still").response()[0] == 200
