"""The gateway both versions share: the control API an agent needs, and an endpoint that agents connect to."""

import http
import json
import queue
import secrets
import string
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from websockets.sync.server import serve

_LETTERS = string.ascii_lowercase + string.digits


def _random(count):
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


class Gateway:
    """Control API on `control`, tunnel endpoint on `edge`; `tunnels` gets each connection of an agent.

    `make(websocket)` makes the tunnel peer of a connection. `refuse` holds answers for the next upgrades: a status, or
    a status with fields.
    """

    def __init__(self, make, subprotocols=None):
        self.make = make
        self._order = threading.Lock()
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
        threading.Thread(target=self._control.serve_forever, args=(0.02,), daemon=True).start()
        self.control = f"http://127.0.0.1:{self._control.server_address[1]}"
        self._edge = serve(
            self._accept, "127.0.0.1", 0, process_request=self._check, compression=None, max_size=None,
            ping_interval=None, subprotocols=subprotocols,
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
            refusal = self.refuse.pop(0)
            status, fields = refusal if isinstance(refusal, tuple) else (refusal, ())
            answer = connection.respond(http.HTTPStatus(status), "refused by the gateway\n")
            for name, value in fields:
                answer.headers[name] = value
            return answer
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.path != "/tunnel" or token not in [s["sessionToken"] for _, s in self.created]:
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "unknown session token\n")
        return None

    def _accept(self, websocket):
        with self._order:
            tunnel = self.make(websocket)
            tunnel.handshake = websocket.request.headers
            self.tunnels.put(tunnel)
        tunnel.run()

    def tunnel(self, timeout=15.0):
        """The next connection of an agent."""
        return self.tunnels.get(timeout=timeout)

    def add_session(self):
        """A session without an HTTP call (for an agent that is not ours)."""
        return self._create({})

    def close(self):
        self._control.shutdown()
        self._control.server_close()
        self._edge.shutdown()
