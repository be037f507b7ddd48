"""WebSockets through the tunnel, with the `websockets` library as viewer and as local app."""

import http
import threading
import time
from socket import create_connection

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from harness.tunnel import Tunnel


class WebSocketApp:
    """Echoes; some paths close, push or refuse."""

    def __init__(self):
        self.server = serve(
            self._session, "127.0.0.1", 0, process_request=self._check, select_subprotocol=self._choose, max_size=None,
            ping_interval=None,
        )
        self.port = self.server.socket.getsockname()[1]
        self.closed = {}
        self.ended = threading.Condition()
        self.requests = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _choose(self, _, offered):
        return next((p for p in ("chat.v2", "chat.v1") if p in offered), None)

    def _check(self, connection, request):
        self.requests.append(request)
        if request.path.startswith("/status/"):
            return connection.respond(http.HTTPStatus(int(request.path.split("/")[2])), "refused by the app\n")
        return None

    def _session(self, websocket):
        path = websocket.request.path
        try:
            if path.startswith("/close/"):
                websocket.close(int(path.split("/")[2]), "bye from the app")
                return
            if path == "/drop":
                websocket.recv()
                websocket.socket.shutdown(2)
                return
            if path == "/ping":
                websocket.send("pong received" if websocket.ping(b"from the app").wait(5) else "no pong")
            for message in websocket:
                websocket.send(message)
        except ConnectionClosed:
            pass
        finally:
            with self.ended:
                self.closed[path] = (websocket.close_code, websocket.close_reason)
                self.ended.notify_all()

    def wait_closed(self, path, timeout=5):
        with self.ended:
            assert self.ended.wait_for(lambda: path in self.closed, timeout), f"{path} is still open at the app"
            return self.closed[path]


@pytest.fixture(scope="module")
def tunnel(server):
    app = WebSocketApp()
    tunnel = Tunnel.open(server, app)
    yield tunnel
    tunnel.close()
    app.server.shutdown()


def dial(tunnel, path="/", by_host=False, **options):
    options.setdefault("compression", None)
    options.setdefault("ping_interval", None)
    options.setdefault("max_size", None)
    url = f"ws://{tunnel.base_host}{tunnel.path(path)}"
    if by_host:
        url = f"ws://{tunnel.host}{path}"
        options["sock"] = create_connection(("127.0.0.1", tunnel.server.edge_port))
    return connect(url, proxy=None, **options)


MESSAGES = [
    ("text", "hello"), ("unicode", "grüße 👋"), ("binary", bytes(range(256))), ("empty text", ""), ("empty binary", b""),
    ("125 bytes", b"a" * 125), ("126 bytes", b"a" * 126), ("64 KiB", b"b" * 65536), ("1 MiB", b"c" * (1 << 20)),
    ("16 MiB", bytes(range(256)) * 65536),
]


@pytest.mark.parametrize("by_host", [False, True], ids=["path", "subdomain"])
@pytest.mark.parametrize("what, message", MESSAGES, ids=[m[0] for m in MESSAGES])
def test_messages(tunnel, what, message, by_host):
    with dial(tunnel, by_host=by_host) as socket:
        socket.send(message)
        assert socket.recv(timeout=20) == message


def test_many_messages_keep_their_order(tunnel):
    with dial(tunnel) as socket:
        for number in range(500):
            socket.send(f"message {number}")
        assert [socket.recv(timeout=10) for _ in range(500)] == [f"message {n}" for n in range(500)]


def test_fragments(tunnel):
    with dial(tunnel) as socket:
        socket.send(["one ", "two ", "three"])
        assert socket.recv(timeout=5) == "one two three"
        socket.send(iter([b"a" * 70000, b"b" * 70000]))
        assert socket.recv(timeout=5) == b"a" * 70000 + b"b" * 70000


def test_pings_in_both_directions(tunnel):
    with dial(tunnel) as socket:
        assert socket.ping(b"from the viewer").wait(5)
    with dial(tunnel, "/ping") as socket:
        assert socket.recv(timeout=10) == "pong received"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
def test_app_closes_with_a_code(tunnel, code):
    with dial(tunnel, f"/close/{code}") as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
        assert (socket.close_code, socket.close_reason) == (code, "bye from the app")


@pytest.mark.parametrize("code", [1000, 1001, 3001, 4000])
def test_viewer_closes_with_a_code(tunnel, code):
    path = f"/viewer-closes-{code}"
    with dial(tunnel, path) as socket:
        socket.close(code, "bye from the viewer")
    assert tunnel.app.wait_closed(path) == (code, "bye from the viewer")


def test_app_vanishes(tunnel):
    with dial(tunnel, "/drop") as socket:
        socket.send("go")
        with pytest.raises(ConnectionClosedError):
            socket.recv(timeout=5)
        assert socket.close_code == 1006


def test_viewer_vanishes(tunnel):
    socket = dial(tunnel, "/viewer-vanishes")
    socket.socket.shutdown(2)
    assert tunnel.app.wait_closed("/viewer-vanishes")[0] == 1006


@pytest.mark.parametrize("offered, chosen", [(["chat.v1"], "chat.v1"), (["x", "chat.v1", "chat.v2"], "chat.v2"), (None, None)])
def test_subprotocols(tunnel, offered, chosen):
    with dial(tunnel, subprotocols=offered) as socket:
        assert socket.subprotocol == chosen
        socket.send("x")
        assert socket.recv(timeout=5) == "x"


def test_permessage_deflate(tunnel):
    with dial(tunnel, compression="deflate") as socket:
        assert [e.name for e in socket.protocol.extensions] == ["permessage-deflate"]
        socket.send("compress me " * 10000)
        assert socket.recv(timeout=5) == "compress me " * 10000


@pytest.mark.parametrize("status", [401, 403, 404, 426, 500, 503])
def test_refusal_by_the_app_is_passed_on(tunnel, status):
    with pytest.raises(InvalidStatus) as refused:
        dial(tunnel, f"/status/{status}")
    assert refused.value.response.status_code == status
    assert b"refused by the app" in refused.value.response.body


def test_headers_of_the_handshake(tunnel):
    origin = f"http://{tunnel.base_host}"
    with dial(tunnel, "/headers?a=%2F", origin=origin, additional_headers={"X-Mine": "1", "Cookie": "a=b"}):
        pass
    request = next(r for r in tunnel.app.requests if r.path == "/headers?a=%2F")
    assert request.headers["Host"] == f"localhost:{tunnel.app.port}"
    assert request.headers["Origin"] == origin and request.headers["X-Mine"] == "1"
    assert request.headers["Cookie"] == "a=b"
    assert request.headers["X-Forwarded-Proto"] in ("http", "ws")


def test_fifty_at_once(tunnel):
    sockets = [dial(tunnel) for _ in range(50)]
    try:
        for number, socket in enumerate(sockets):
            socket.send(str(number))
        assert [s.recv(timeout=10) for s in sockets] == [str(n) for n in range(50)]
    finally:
        for socket in sockets:
            socket.close()


HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
UPGRADED = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"


def raw_dial(shared, path):
    viewer = shared.viewer()
    viewer.send(HANDSHAKE.format(path=shared.path(path), host=shared.base_host).encode())
    return viewer


@pytest.mark.parametrize("rule, data", [
    ("wrong accept value", SWITCH + UPGRADED + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
    ("no accept value", SWITCH + UPGRADED + b"\r\n"),
    ("another protocol", SWITCH + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + ACCEPT + b"\r\n"),
    ("no Upgrade", SWITCH + b"Connection: Upgrade\r\n" + ACCEPT + b"\r\n"),
])
def test_invalid_101_is_502(shared, rule, data):
    path = shared.app.route(lambda call: (call.raw(data), call.wait_gone(5)))
    with raw_dial(shared, path) as viewer:
        answer = viewer.answer()
        assert (answer.status, answer.code()) == (502, "upstream_protocol_error"), answer


def test_raw_duplex_and_bytes_right_after_the_101(shared):
    """After a validated 101 the connection is a plain pipe; bytes sent together with the head are not lost."""

    def route(call):
        call.raw(SWITCH + UPGRADED + ACCEPT + b"\r\n" + b"first bytes")
        while data := call.connection.read(65536):
            call.raw(data[::-1])

    path = shared.app.route(route)
    with raw_dial(shared, path) as viewer:
        assert viewer.head().status == 101
        assert viewer.read_exactly(11) == b"first bytes"
        viewer.send(b"\x00\xff anything")
        assert viewer.read_exactly(11) == b"gnihtyna \xff\x00"


def test_bytes_sent_with_the_handshake_are_not_lost(shared):
    def route(call):
        call.raw(SWITCH + UPGRADED + ACCEPT + b"\r\n")
        got = b""
        while len(got) < 5:
            got += call.connection.read(65536)
        call.raw(got.upper())
        call.wait_gone(5)

    path = shared.app.route(route)
    with shared.viewer() as viewer:
        viewer.send(HANDSHAKE.format(path=shared.path(path), host=shared.base_host).encode() + b"early")
        assert viewer.head().status == 101
        assert viewer.read_exactly(5) == b"EARLY"


@pytest.mark.parametrize("action", ["kick", "pause", "close"])
def test_open_websocket_is_cut(server, action, address):
    app = WebSocketApp()
    tunnel = Tunnel.open(server, app)
    try:
        socket = dial(tunnel, "/cut", source_address=(address, 0))
        socket.send("in")
        assert socket.recv(timeout=5) == "in"
        body = {}
        if action == "kick":
            body = {"viewerId": next(v["id"] for v in server.viewers(tunnel.slug) if v["ip"] == address)}
        tunnel.act(action, body)
        start = time.monotonic()
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=10)
        took = time.monotonic() - start
        print(f"{action}: WebSocket cut after {took * 1000:.0f} ms")
        assert took <= 3, "the goal is 100 ms, the rest is slack for a machine that pauses"
        app.wait_closed("/cut")
    finally:
        tunnel.close()
        app.server.shutdown()
