"""A version 1 agent: dials an edge and serves streams by a function of the test."""

import queue
import secrets
import threading

from websockets.exceptions import ConnectionClosed

from . import v1
from .peer import dial
from .v1_connection import AnsweringStream, V1Connection


class V1Agent(V1Connection):
    """One connection. `serve(stream)` is called in a thread of its own for every stream."""

    role = "agent"

    def __init__(self, edge_url, token, serve=None, agent_id=None, number=0, takeover=False, hello=None, greet=True,
                 wait=True, **options):
        self.agent_id = agent_id or secrets.token_hex(16)
        headers = [("X-Daypass-Agent-Id", self.agent_id), ("X-Daypass-Connection", str(number))]
        if takeover:
            headers.append(("X-Daypass-Takeover", "1"))
        websocket = dial(edge_url, token, headers, subprotocols=[v1.SUBPROTOCOL], **options)
        assert websocket.subprotocol == v1.SUBPROTOCOL, websocket.subprotocol
        self.serve = serve or (lambda stream: stream.respond(200, [], b"ok"))
        self.ids = []
        super().__init__(websocket, hello, greet)
        self.start()
        if wait:
            self.wait_frame(v1.HELLO)

    def opened(self, frame):
        if self.ids and frame.stream <= self.ids[-1]:
            raise v1.Illegal(f"stream {frame.stream} after {self.ids[-1]}")
        kind = frame.payload[0]
        if kind not in (v1.HTTP, v1.WEBSOCKET) or (kind == v1.WEBSOCKET and frame.end):
            raise v1.Illegal(f"REQUEST of kind {kind}")
        self.ids.append(frame.stream)
        stream = AnsweringStream(self, frame.stream, kind, frame.payload[1:], frame.end)
        self.streams[frame.stream] = stream
        threading.Thread(target=self._serve, args=(stream,), daemon=True).start()

    def _serve(self, stream):
        try:
            self.serve(stream)
        except (ConnectionError, ConnectionClosed, TimeoutError, queue.Empty):
            pass
        except Exception as error:  # the test's function failed: kept for the test to see
            self.failure = self.failure or error
            self.cut()
