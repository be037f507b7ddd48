"""A version 0 gateway (edge side) and the control API it needs, written from the protocol and reference pages only."""

import http
import json
import queue
import secrets
import string
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from . import v0

_LETTERS = string.ascii_lowercase + string.digits


def _random(count):
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


class GatewayStream:
    """A stream the gateway opened towards the agent."""

    def __init__(self, tunnel, number):
        self.tunnel, self.number = tunnel, number
        self.events = queue.Queue()

    def send(self, kind, payload=b""):
        self.tunnel.send(kind, self.number, payload)

    def next(self, timeout=10.0):
        return self.events.get(timeout=timeout)

    def head(self, timeout=10.0):
        """Status and fields of the response head, which must come next."""
        kind, payload = self.next(timeout)
        assert kind == v0.RESPONSE_HEADERS, v0.NAMES.get(kind, kind)
        line, fields = v0.head_fields(payload)
        version, status = line.split(" ")[:2]
        assert version == "HTTP/1.1", line
        return int(status), fields

    def body(self, timeout=10.0):
        """Body bytes up to STREAM_END; fails on a cancel."""
        parts = []
        while True:
            kind, payload = self.next(timeout)
            if kind == v0.STREAM_END:
                return b"".join(parts)
            assert kind == v0.STREAM_DATA, v0.NAMES.get(kind, kind)
            parts.append(payload)


class GatewayTunnel:
    """One connected agent."""

    def __init__(self, websocket):
        self.websocket = websocket
        self.streams = {}
        self.last = 0
        self.control = queue.Queue()
        self.closed = threading.Event()
        self.answer_pings = True

    def send(self, kind, stream=0, payload=b""):
        self.websocket.send(v0.frame(kind, stream, payload))

    def open(self, head, kind=v0.OPEN_STREAM, end=True):
        self.last += 1
        stream = GatewayStream(self, self.last)
        self.streams[self.last] = stream
        stream.send(kind, head)
        if end:
            stream.send(v0.STREAM_END)
        return stream

    def request(self, target, method="GET", fields=(), end=True, host="demo.test", kind=v0.OPEN_STREAM):
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in fields)]
        return self.open("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n", kind, end)

    def run(self):
        try:
            for message in self.websocket:
                kind, number, payload = v0.parse(message)
                if number == 0:
                    if kind == v0.PING and self.answer_pings:
                        self.send(v0.PONG)
                    self.control.put(kind)
                elif number in self.streams:
                    self.streams[number].events.put((kind, payload))
                else:
                    self.control.put(("unknown stream", kind, number))
        except (ConnectionClosed, OSError):
            pass
        finally:
            self.closed.set()
            for stream in self.streams.values():
                stream.events.put((None, b""))


class V0Gateway:
    """Control API on `control`, tunnel endpoint on `edge`; `tunnels` gets each agent that connects."""

    def __init__(self):
        self.tunnels = queue.Queue()
        self.created = []
        self.handshakes = []
        self.refuse = []
        gateway = self

        class Control(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path == "/sessions":
                    self._answer(201, gateway._create(json.loads(body or b"{}")))
                else:
                    self._answer(404, {"error": "Session not found"})

            def do_GET(self):
                self._answer(404, {"error": "Session not found"})

            do_DELETE = do_GET

        self._control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
        self._control.daemon_threads = True
        threading.Thread(target=self._control.serve_forever, daemon=True).start()
        self.control = f"http://127.0.0.1:{self._control.server_address[1]}"
        self._edge = serve(
            self._accept, "127.0.0.1", 0, process_request=self._check, compression=None, max_size=None,
            ping_interval=None,
        )
        threading.Thread(target=self._edge.serve_forever, daemon=True).start()
        self.edge_port = self._edge.socket.getsockname()[1]
        self.edge = f"ws://127.0.0.1:{self.edge_port}/tunnel"

    def _create(self, body):
        number = len(self.created) + 1
        slug, token = f"quiet-lime-{number}", _random(32)
        public = f"http://127.0.0.1:{self.edge_port}"
        expires = datetime.now(timezone.utc) + timedelta(hours=24)
        session = {
            "sessionId": "sess_" + _random(32),
            "slug": slug,
            "publicUrl": f"{public}/s/{slug}",
            "ownerUrl": f"{public}/.wormkey/owner?slug={slug}&token={token}",
            "overlayScriptUrl": f"{public}/.wormkey/overlay.js?slug={slug}",
            "edgeUrl": self.edge,
            "sessionToken": f"{slug}.{token}",
            "expiresAt": expires.strftime("%Y-%m-%dT%H:%M:%S.") + f"{expires.microsecond // 1000:03d}Z",
        }
        self.created.append((body, session))
        return session

    def _check(self, connection, request):
        self.handshakes.append(request)
        if self.refuse:
            status = self.refuse.pop(0)
            return connection.respond(http.HTTPStatus(status), "refused by the gateway\n")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path != "/tunnel" or token not in [s["sessionToken"] for _, s in self.created]:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "unknown session token\n")
        return None

    def _accept(self, websocket):
        tunnel = GatewayTunnel(websocket)
        self.tunnels.put(tunnel)
        tunnel.run()

    def tunnel(self, timeout=15.0):
        """The next agent that connects."""
        return self.tunnels.get(timeout=timeout)

    def add_session(self):
        """A session without an HTTP call (for an agent that is not ours)."""
        return self._create({})

    def close(self):
        self._control.shutdown()
        self._control.server_close()
        self._edge.shutdown()


def wait_control(tunnel, kind, timeout):
    """Waits for a frame of stream 0 of that kind."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        try:
            if tunnel.control.get(timeout=left) == kind:
                return
        except queue.Empty:
            break
    raise AssertionError(f"no {v0.NAMES[kind]} within {timeout} s")
