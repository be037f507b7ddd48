"""HTTP/2 viewers: prior knowledge and ALPN, everything that passes over HTTP/1.1, WebSockets, and the known attacks."""

import base64
import hashlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import h2.errors
import h2.settings
import httpx
import pytest
from websockets.sync.server import serve

from harness.http2 import (
    CONTINUATION, DATA, END_HEADERS, END_STREAM, H2Viewer, HEADERS, PING, RST_STREAM, SETTINGS,
)
from harness.tls import make_certificate, unverifying_context
from harness.tunnel import Tunnel
from harness.v0_agent import V0Agent

ENHANCE_YOUR_CALM = h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
MIB = 1 << 20


def dial(tunnel, **options):
    return H2Viewer(("127.0.0.1", tunnel.server.edge_port), **options)


@pytest.fixture
def viewer(shared):
    with dial(shared) as viewer:
        yield viewer


def ask(viewer, tunnel, path="/", method="GET", headers=(), body=None, by_host=True):
    """One request, by default on the session's own host."""
    if by_host:
        return viewer.ask(method, path, tunnel.host, headers, body)
    return viewer.ask(method, tunnel.path(path), tunnel.base_host, headers, body)


# What passes


def test_settings_announce_limits_and_extended_connect(viewer, shared):
    ask(viewer, shared)
    codes = h2.settings.SettingCodes
    assert viewer.settings[codes.ENABLE_CONNECT_PROTOCOL] == 1
    assert viewer.settings[codes.MAX_CONCURRENT_STREAMS] == 100
    assert viewer.settings[codes.MAX_HEADER_LIST_SIZE] == 65536


@pytest.mark.parametrize("by_host", [False, True], ids=["path", "subdomain"])
def test_the_request_arrives_as_it_was_sent(viewer, shared, by_host):
    answer = ask(
        viewer, shared, "/a%2Fb/c?x=1&y=%20", "PATCH",
        [("x-one", "1"), ("x-two", "a"), ("x-one", "2"), ("te", "trailers"), ("cookie", "a=1"), ("cookie", "b=2")],
        b"body", by_host,
    )
    assert answer.status == 200 and answer.ended
    seen = answer.json()
    assert (seen["method"], seen["target"]) == ("PATCH", "/a%2Fb/c?x=1&y=%20")
    fields = [(n.lower(), v) for n, v in seen["fields"]]
    assert [f for f in fields if f[0].startswith("x-one") or f[0] == "x-two"] == [
        ("x-one", "1"), ("x-two", "a"), ("x-one", "2"),
    ]
    assert [v for n, v in fields if n == "cookie"] == ["a=1; b=2"]
    names = [n for n, _ in fields]
    assert names.count("host") == 1 and "te" not in names and not any(n.startswith(":") for n in names)
    assert dict(fields)["x-forwarded-proto"] == "http"
    assert dict(fields)["x-forwarded-host"] == (shared.host if by_host else shared.base_host)
    assert seen["length"] == 4 and seen["sha256"] == hashlib.sha256(b"body").hexdigest()


def test_fields_of_the_answer(viewer, shared):
    def route(call):
        call.head(200, [
            ("X-Multi", "1"), ("Set-Cookie", "a=1; Path=/"), ("x-multi", "2"), ("Set-Cookie", "b=2"),
            ("Connection", "X-Hop"), ("X-Hop", "no"), ("Keep-Alive", "timeout=5"), ("Content-Length", "2"),
        ])
        call.raw(b"ok")

    path = shared.app.route(route)
    answer = ask(viewer, shared, path, by_host=False)
    assert answer.all("x-multi") == ["1", "2"]
    cookies = [c for c in answer.all("set-cookie") if c[:2] in ("a=", "b=")]
    assert cookies == [f"a=1; Path={shared.path('/')}", "b=2"]
    assert not {"connection", "x-hop", "keep-alive", "transfer-encoding"} & {n for n, _ in answer.fields}
    assert bytes(answer.body) == b"ok"


@pytest.mark.parametrize(
    "method, head, body",
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", b"hi"),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\nuntil close", b"until close"),
    ],
    ids=["HEAD", "204", "304", "empty", "chunked", "until close"],
)
def test_how_bodies_end(viewer, shared, method, head, body):
    path = shared.app.route(lambda call: (call.raw(head), call.close()))
    answer = ask(viewer, shared, path, method)
    assert answer.ended and bytes(answer.body) == body, answer


def test_informational_answers_and_continue(viewer, shared):
    def route(call):
        call.raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        call.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        call.respond(200, body=call.body())

    number = viewer.start("POST", shared.app.route(route), shared.host, [("expect", "100-continue")], end=False)
    stream = viewer.streams[number]
    viewer.pump(lambda: len(stream.informational) >= 2)
    viewer.send(number, b"x", end=True)
    assert bytes(viewer.answer(number).body) == b"x"
    assert {i[":status"] for i in stream.informational} == {"100", "103"}


def test_trailers_both_ways(viewer, shared):
    def route(call):
        call.head(200, [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")])
        call.body()
        call.chunk(repr(call.trailers).encode())
        call.last_chunk(b"X-Sum: 7\r\nX-Other: 8\r\n")

    number = viewer.start("POST", shared.app.route(route), shared.host, [("te", "trailers")], end=False)
    viewer.send(number, b"data")
    viewer.h2.send_headers(number, [("x-sent", "yes")], end_stream=True)
    viewer.flush()
    answer = viewer.answer(number)
    assert answer.trailers == [("x-sum", "7"), ("x-other", "8")]
    assert [(n.lower(), v) for n, v in eval(answer.body)] == [("x-sent", "yes")]


def test_large_bodies_both_ways(viewer, shared):
    data = os.urandom(8 * MIB)

    def route(call):
        call.head(200, [("Content-Length", str(len(data)))])
        digest = hashlib.sha256()
        for piece in call.chunks():
            digest.update(piece)
            call.raw(piece)
        assert digest.hexdigest() == hashlib.sha256(data).hexdigest()

    number = viewer.start("POST", shared.app.route(route), shared.host, [("content-length", str(len(data)))], end=False)
    viewer.send(number, data, end=True)
    answer = viewer.answer(number, 30)
    assert answer.ended and bytes(answer.body) == data


def test_many_streams_at_once(viewer, shared):
    def route(call):
        call.respond(200, body=call.target.encode() * 5000)

    path = shared.app.route(route)
    numbers = [viewer.start("GET", f"{path}?{i}", shared.host) for i in range(90)]
    for i, number in enumerate(numbers):
        answer = viewer.answer(number, 30)
        assert answer.ended and bytes(answer.body) == f"{path}?{i}".encode() * 5000


def test_a_stalled_stream_holds_up_nobody(shared):
    big = shared.app.route(lambda call: call.respond(200, body=b"x" * (20 * MIB)))
    with dial(shared, window=MIB) as viewer:
        stalled = viewer.start("GET", big, shared.host)
        viewer.hold(stalled)
        viewer.pump(lambda: len(viewer.streams[stalled].body) == MIB)
        for _ in range(50):
            assert ask(viewer, shared, "/small").status == 200
        assert len(viewer.streams[stalled].body) == MIB
        viewer.release(stalled)
        assert len(viewer.answer(stalled, 30).body) == 20 * MIB


def test_an_upload_nobody_reads_is_held_back(shared):
    go_on = threading.Event()

    def route(call):
        assert go_on.wait(20)
        call.respond(200, body=str(sum(len(c) for c in call.chunks())).encode())

    with dial(shared) as viewer:
        number = viewer.start("POST", shared.app.route(route), shared.host, end=False)
        sent = 0
        # The window of the stream closes once the buffers on the way are full.
        while sent < 64 * MIB:
            room = min(viewer.h2.local_flow_control_window(number), 16384)
            if room <= 0:
                try:
                    viewer.pump(lambda: viewer.h2.local_flow_control_window(number) > 0, 1.5)
                    continue
                except AssertionError:
                    break
            viewer.h2.send_data(number, bytes(room))
            viewer.flush()
            sent += room
        assert sent < 32 * MIB, "the edge took everything though the app read nothing"
        assert ask(viewer, shared, "/small").status == 200
        go_on.set()
        viewer.end(number)
        assert int(viewer.answer(number, 30).body) == sent


def test_an_early_answer_is_complete_and_stops_the_upload(viewer, shared):
    path = shared.app.route(lambda call: (call.respond(413, body=b"too much"), call.close()))
    number = viewer.start("POST", path, shared.host, end=False)
    viewer.send(number, b"x" * 1000)
    answer = viewer.streams[number]
    viewer.pump(lambda: answer.reset is not None)
    assert answer.status == 413 and bytes(answer.body) == b"too much" and answer.ended
    assert answer.reset == h2.errors.ErrorCodes.NO_ERROR
    assert ask(viewer, shared).status == 200


def test_a_broken_answer_is_reset(viewer, shared):
    got_some = threading.Event()
    path = shared.app.route(lambda call: (call.head(200, [("Content-Length", "100")]), call.raw(b"half"),
                                          got_some.wait(10), call.reset()))
    number = viewer.start("GET", path, shared.host)
    viewer.pump(lambda: viewer.streams[number].body)
    got_some.set()
    answer = viewer.answer(number)
    assert answer.status == 200 and not answer.ended and answer.reset is not None
    assert ask(viewer, shared).status == 200


def test_a_cancelled_request_is_cancelled_at_the_app(viewer, shared):
    def route(call):
        call.head(200, [("Content-Length", "100")])
        call.raw(b"half")
        assert call.wait_gone() is not None
        call.saw_end = True

    path = shared.app.route(route)
    number = viewer.start("GET", path, shared.host)
    viewer.pump(lambda: viewer.streams[number].body)
    viewer.reset(number)
    call = shared.app.wait_call(path)
    assert call.finished.wait(10) and call.saw_end
    assert ask(viewer, shared).status == 200


def test_many_requests_with_httpx(shared):
    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        for _ in range(200):
            answer = client.get(f"http://{shared.base_host}{shared.path('/x')}")
            assert answer.status_code == 200 and answer.http_version == "HTTP/2"


def test_curl_and_nghttp(shared):
    url = f"http://{shared.base_host}{shared.path('/curl')}"
    curl = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-d", "x=1", url], capture_output=True, timeout=20)
    assert b'"/curl"' in curl.stdout
    nghttp = subprocess.run(["nghttp", "-v", url], capture_output=True, timeout=20)
    assert b":status: 200" in nghttp.stdout and b'"/curl"' in nghttp.stdout


# Answers by the edge, and the policy


@pytest.mark.parametrize(
    "path, by_host, status, code",
    [("/s/no-such-1000/", False, 404, "session_not_found"), ("/tunnel", False, 426, "upgrade_required")],
)
def test_refusals_by_the_edge(viewer, shared, path, by_host, status, code):
    answer = viewer.ask("GET", path, shared.base_host)
    assert answer.status == status and answer.json()["code"] == code and answer.get("cache-control") == "no-store"


def test_pages_for_browsers(viewer, shared):
    answer = viewer.ask("GET", "/s/no-such-1000/", shared.base_host, [("accept", "text/html")])
    assert answer.status == 404 and b"<!doctype html" in bytes(answer.body[:20]).lower()
    assert viewer.ask("HEAD", "/s/no-such-1000/", shared.base_host).body == b""


def test_policy_reaches_open_streams(open_tunnel):
    tunnel = open_tunnel()
    tunnel.app.route(lambda call: (call.head(200, [("Transfer-Encoding", "chunked")]), call.chunk(b"a"),
                                   call.wait_gone()), "/forever")
    with dial(tunnel) as viewer:
        number = viewer.start("GET", "/forever", tunnel.host)
        viewer.pump(lambda: viewer.streams[number].body)
        tunnel.policy(blockPaths=["/forever"])
        answer = viewer.answer(number)
        assert answer.reset is not None and not answer.ended
        assert ask(viewer, tunnel, "/forever").json()["code"] == "path_blocked"
        tunnel.act("pause")
        assert ask(viewer, tunnel).json()["code"] == "tunnel_paused"
        tunnel.act("resume")
        tunnel.policy(public=False, password="secret")
        assert ask(viewer, tunnel).json()["code"] == "password_required"
        assert ask(viewer, tunnel, headers=[("x-daypass-password", "secret")]).status == 200


# WebSockets over extended CONNECT (RFC 8441)


def ws_frame(data, opcode=2, final=True):
    mask = os.urandom(4)
    length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + struct.pack(">H", len(data))
    return bytes([(0x80 if final else 0) | opcode]) + length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


@pytest.fixture(scope="module")
def websocket_tunnel(server):
    requests = []

    def session(websocket):
        for message in websocket:
            websocket.send(message)

    def check(connection, request):
        requests.append(request)
        return connection.respond(403, "no\n") if request.path == "/refused" else None

    app = serve(session, "127.0.0.1", 0, process_request=check, subprotocols=["chat"], compression=None)
    app.port = app.socket.getsockname()[1]
    app.requests = requests
    threading.Thread(target=app.serve_forever, daemon=True).start()
    tunnel = Tunnel.open(server, app)
    yield tunnel
    tunnel.close()
    app.shutdown()


def open_websocket(viewer, tunnel, path="/", headers=()):
    # Only a server that said so takes the extended CONNECT (RFC 8441, 3).
    viewer.pump(lambda: viewer.settings)
    return viewer.start(
        "CONNECT", path, tunnel.host, [("sec-websocket-version", "13"), ("origin", "http://a.test"), *headers],
        end=False, extra_pseudo=[(":protocol", "websocket")],
    )


def test_websocket_over_extended_connect(websocket_tunnel):
    with dial(websocket_tunnel) as viewer:
        number = open_websocket(viewer, websocket_tunnel, "/chat?x=1", [("sec-websocket-protocol", "chat")])
        stream = viewer.streams[number]
        viewer.pump(lambda: stream.status is not None)
        assert stream.status == 200 and stream.get("sec-websocket-protocol") == "chat"
        assert not {"sec-websocket-accept", "upgrade", "connection"} & {n for n, _ in stream.fields}
        assert websocket_tunnel.app.requests[-1].path == "/chat?x=1"
        for size in (1, 100, 20000):
            data = os.urandom(size)
            before = len(stream.body)
            viewer.send(number, ws_frame(data))
            head = 2 if size < 126 else 4
            viewer.pump(lambda: len(stream.body) >= before + head + size)
            assert bytes(stream.body[before + head:]) == data
        viewer.send(number, ws_frame(struct.pack(">H", 1000), opcode=8))
        viewer.pump(lambda: stream.ended)
        assert b"\x88\x02\x03\xe8" in stream.body
        viewer.end(number)
        assert viewer.ask("GET", "/refused", websocket_tunnel.host).status == 403


def test_websocket_data_before_the_answer_is_delivered_after_it(websocket_tunnel):
    with dial(websocket_tunnel) as viewer:
        number = open_websocket(viewer, websocket_tunnel, headers=[("sec-websocket-protocol", "chat")])
        viewer.send(number, ws_frame(b"early"))
        stream = viewer.streams[number]
        viewer.pump(lambda: b"early" in stream.body)
        viewer.reset(number)


def test_refused_websocket(websocket_tunnel):
    with dial(websocket_tunnel) as viewer:
        number = open_websocket(viewer, websocket_tunnel, "/refused")
        stream = viewer.streams[number]
        viewer.pump(lambda: stream.ended)
        assert stream.status == 403 and bytes(stream.body) == b"no\n"


def test_connect_without_or_with_another_protocol_is_refused(viewer, shared):
    viewer.pump(lambda: viewer.settings)
    number = viewer.start("CONNECT", "/", shared.host, end=False, extra_pseudo=[(":protocol", "connect-udp")])
    assert viewer.answer(number).status == 400
    assert ask(viewer, shared).status == 200


# TLS


@pytest.fixture
def secure(start_server, tmp_path):
    cert, key = make_certificate(tmp_path, "first")
    server = start_server("--tls-cert", cert, "--tls-key", key)
    session = server.create()
    agent = V0Agent(session["edgeUrl"], session["sessionToken"], lambda s: s.respond(
        200, [("x-proto", s.get("x-forwarded-proto"))], b"secret"), ssl=unverifying_context())
    yield Tunnel(server, None, session["slug"], record=session)
    agent.close()


def test_alpn(secure):
    with dial(secure, tls=True) as viewer:
        answer = ask(viewer, secure, by_host=False)
        assert (answer.get("x-proto"), bytes(answer.body)) == ("https", b"secret")
    url = f"https://{secure.base_host}{secure.path('/')}"
    for option, version in (("--http2", b"2"), ("--http1.1", b"1.1")):
        curl = subprocess.run(
            ["curl", "-sk", option, "-o", "/dev/null", "-w", "%{http_version}", url], capture_output=True, timeout=20
        )
        assert curl.stdout == version


# Not HTTP/2 as it must be


def test_preface_one_byte_at_a_time(shared):
    with socket.create_connection(("127.0.0.1", shared.server.edge_port), timeout=10) as raw:
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":
            raw.sendall(bytes([byte]))
        raw.sendall(b"\0\0\0\4\0\0\0\0\0")
        assert raw.recv(9)[3] == SETTINGS


@pytest.mark.parametrize("first", [b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", b"PRX"])
def test_almost_a_preface_is_refused(shared, first):
    with shared.viewer() as viewer:
        viewer.send(first + b" \r\n\r\n")
        answer = viewer.head()
        assert answer.status == 400


MALFORMED = [
    ("an upper-case field name", [("X-Upper", "1")], {}),
    ("a connection-specific field", [("connection", "close")], {}),
    ("transfer-encoding", [("transfer-encoding", "chunked")], {}),
    ("te other than trailers", [("te", "gzip")], {}),
    ("a pseudo-field after a field", [("a", "b"), (":scheme", "http")], {}),
    ("an unknown pseudo-field", [(":what", "b")], {}),
    ("a line break in a value", [("x", "a\r\nHost: evil")], {}),
    ("a bare LF in a value", [("x", "a\nb: c")], {}),
    ("a NUL in a value", [("x", "a\0b")], {}),
    ("a space in a name", [("x y", "1")], {}),
    ("a colon in a name", [("x:y", "1")], {}),
    ("an empty name", [("", "1")], {}),
    ("a Host that contradicts the authority", [("host", "evil.test")], {}),
    ("a space in the path", [], {"path": "/a b"}),
    ("a request line in the path", [], {"path": "/ HTTP/1.1\r\nHost: evil\r\n\r\n"}),
    ("a path without a slash", [], {"path": "a"}),
    ("an empty path", [], {"path": ""}),
    ("a path that names another authority", [], {"path": "http://evil.test/"}),
    ("a path that begins with two slashes", [], {"path": "//evil.test/"}),
    ("a method that is no token", [], {"method": "GE T"}),
    ("a request line in the method", [], {"method": "GET / HTTP/1.1\r\n\r\n"}),
    ("two content-lengths", [("content-length", "1"), ("content-length", "2")], {}),
    ("a content-length that is no number", [("content-length", "x")], {}),
    ("a content-length without a body", [("content-length", "5")], {}),
    ("an authority with a user", [], {"authority": "user@{host}"}),
    ("an authority with a space", [], {"authority": "a b"}),
]


@pytest.mark.parametrize("rule, fields, change", MALFORMED, ids=[m[0] for m in MALFORMED])
def test_malformed_requests_never_reach_the_app(shared, rule, fields, change):
    marker = base64.urlsafe_b64encode(os.urandom(9)).decode()
    before = len(shared.app.calls)
    with dial(shared) as viewer:
        authority = change.get("authority", shared.host).replace("{host}", shared.host)
        number = viewer.start(
            change.get("method", "GET"), change.get("path", f"/{marker}"), authority, fields,
        )
        stream = viewer.answer(number)
        assert stream.reset is not None or viewer.closed or (stream.status or 0) in (400, 421), stream
    shared.ask("/after")
    reached = [c for c in shared.app.calls[before:] if c.path != "/after"]
    assert not reached, reached[0].raw_head


# The known attacks: the connection ends with a reason, and the server goes on


def header_block(shared, path="/attack"):
    """A request's header block without compression state."""

    def text(value):
        return bytes([len(value)]) + value.encode()

    fields = [(":method", "GET"), (":scheme", "http"), (":path", path), (":authority", shared.host)]
    return b"".join(b"\x00" + text(n) + text(v) for n, v in fields)


def rapid_reset(viewer, shared):
    block = header_block(shared)
    for i in range(2000):
        viewer.send_frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * i, block)
        viewer.send_frame(RST_STREAM, 0, 1 + 2 * i, struct.pack(">I", 8))


def made_you_reset(viewer, shared):
    block = header_block(shared)
    for i in range(2000):
        viewer.send_frame(HEADERS, END_HEADERS, 1 + 2 * i, block)
        viewer.send_frame(0x8, 0, 1 + 2 * i, struct.pack(">I", 0))


def continuation_flood(viewer, shared):
    viewer.send_frame(HEADERS, 0, 1, header_block(shared))
    for _ in range(2000):
        viewer.send_frame(CONTINUATION, 0, 1, b"\x00\x01a\x01b")


def empty_continuation_flood(viewer, shared):
    viewer.send_frame(HEADERS, 0, 1, b"")
    for _ in range(2000):
        viewer.send_frame(CONTINUATION, 0, 1, b"")


def ping_flood(viewer, shared):
    for _ in range(3000):
        viewer.send_frame(PING, 0, 0, b"12345678")


def settings_flood(viewer, shared):
    for _ in range(3000):
        viewer.send_frame(SETTINGS, 0, 0, b"\x00\x03\x00\x00\x00\x64")


def empty_data_flood(viewer, shared):
    viewer.send_frame(HEADERS, END_HEADERS, 1, header_block(shared).replace(b"GET", b"PUT"))
    for _ in range(2000):
        viewer.send_frame(DATA, 0, 1, b"")


def header_bomb(viewer, shared):
    # One long value in the dynamic table, then many references to it.
    value = b"a" * 4000
    block = header_block(shared) + b"\x40\x01x\x7f" + bytes([0x80 | (len(value) - 127) & 0x7F, (len(value) - 127) >> 7])
    block += value + b"\xbe" * 10_000
    viewer.send_frame(HEADERS, END_STREAM | END_HEADERS, 1, block)


def too_large_frame(viewer, shared):
    viewer.send_frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\x00" * 20_000)


def window_overflow(viewer, shared):
    viewer.send_frame(0x8, 0, 0, struct.pack(">I", 0x7FFFFFFF))
    viewer.send_frame(0x8, 0, 0, struct.pack(">I", 0x7FFFFFFF))


def garbage(viewer, shared):
    viewer.flush()
    viewer.socket.sendall(os.urandom(5000))


ATTACKS = [
    rapid_reset, made_you_reset, continuation_flood, empty_continuation_flood, ping_flood, settings_flood,
    empty_data_flood, header_bomb, too_large_frame, window_overflow, garbage,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[a.__name__ for a in ATTACKS])
def test_attacks_end_the_connection_and_nothing_else(shared, attack):
    with dial(shared) as bystander:
        assert ask(bystander, shared).status == 200
        with dial(shared) as viewer:
            try:
                attack(viewer, shared)
            except OSError:
                pass  # The edge has closed already.
            try:
                viewer.pump(lambda: viewer.closed, 10)
            except Exception as error:  # h2 does not know what answers nonsense
                assert not isinstance(error, AssertionError), error
        assert ask(bystander, shared).status == 200
    assert shared.server.running


def test_more_streams_than_announced_are_refused(shared):
    release = threading.Event()
    path = shared.app.route(lambda call: (release.wait(20), call.respond(200)))
    with dial(shared) as viewer:
        block = header_block(shared, path)
        for i in range(101):
            viewer.send_frame(HEADERS, END_STREAM | END_HEADERS, 1 + 2 * i, block)
        try:
            viewer.pump(lambda: viewer.closed or viewer.goaway is not None, 10)
        except AssertionError:
            raise
        except Exception:
            pass  # h2 did not open these streams
        finally:
            release.set()
    assert shared.ask("/").status == 200


def test_a_head_over_the_limit_is_refused(shared):
    with dial(shared) as viewer:
        number = viewer.start("GET", "/large", shared.host, [(f"x-{i}", "v" * 1000) for i in range(70)])
        stream = viewer.answer(number)
        assert stream.status == 431 or stream.reset is not None or viewer.closed
    assert not shared.app.saw("/large")


def test_a_connection_without_streams_is_closed(start_server, start_agent, app):
    server = start_server(env={"DAYPASS_EDGE_HEAD_TIMEOUT_SECONDS": "3", "DAYPASS_EDGE_IDLE_TIMEOUT_SECONDS": "3"})
    tunnel = Tunnel(server, app, start_agent(server, app.port).slug)
    with dial(tunnel) as silent, dial(tunnel) as used:
        assert ask(used, tunnel).status == 200
        for viewer in (silent, used):
            viewer.wait_closed(12)
            assert viewer.goaway == h2.errors.ErrorCodes.NO_ERROR


def test_open_streams_finish_when_the_server_stops(start_server, start_agent, app):
    server = start_server()
    tunnel = Tunnel(server, app, start_agent(server, app.port).slug)
    go_on = threading.Event()
    path = app.route(lambda call: (call.head(200, [("Content-Length", "4")]), call.raw(b"ab"), go_on.wait(20),
                                   call.raw(b"cd")))
    # The `h2` library takes nothing more after a GOAWAY; curl does as the RFC says.
    url = f"http://{tunnel.base_host}{tunnel.path(path)}"
    curl = subprocess.Popen(["curl", "-sS", "--http2-prior-knowledge", url], stdout=subprocess.PIPE)
    app.wait_call(path)
    server.send(signal.SIGTERM)
    with pytest.raises(OSError):
        while True:
            dial(tunnel).close()
            time.sleep(0.01)
    go_on.set()
    assert curl.communicate(timeout=20)[0] == b"abcd" and curl.returncode == 0
    assert server.wait() == 0
