"""A version 0 agent (client side), written from spec/tunnel-protocol.md only."""

import queue
import threading

from websockets.exceptions import ConnectionClosed

from . import v0
from .heads import first
from .peer import Peer, dial


class AgentStream:
    """A stream opened by the edge. `read` gives body bytes, b"" at the end, and raises when cancelled."""

    def __init__(self, agent, number, kind, head):
        self.agent, self.number, self.kind, self.head = agent, number, kind, head
        self.line, self.fields = v0.head_fields(head)
        self.method, self.target = self.line.split(" ")[:2]
        self.events = queue.Queue()
        self.cancelled = threading.Event()
        self.ended = threading.Event()

    def get(self, name):
        return first(self.fields, name)

    def read(self, timeout=10.0):
        kind, payload = self.events.get(timeout=timeout)
        if kind in (v0.STREAM_DATA, v0.WS_DATA):
            return payload
        if kind == v0.STREAM_END:
            return b""
        raise ConnectionError(v0.NAMES.get(kind, "tunnel closed"))

    def body(self):
        parts = []
        while part := self.read():
            parts.append(part)
        return b"".join(parts)

    def head_out(self, status=200, fields=()):
        self.agent.send(v0.RESPONSE_HEADERS, self.number, v0.response_head(status, fields))

    def data(self, payload):
        self.agent.send(v0.WS_DATA if self.kind == v0.WS_UPGRADE else v0.STREAM_DATA, self.number, payload)

    def end(self):
        self.agent.send(v0.WS_CLOSE if self.kind == v0.WS_UPGRADE else v0.STREAM_END, self.number)

    def cancel(self):
        self.agent.send(v0.STREAM_CANCEL, self.number)

    def respond(self, status=200, fields=(), body=b""):
        self.head_out(status, [*fields, ("content-length", str(len(body)))])
        if body:
            self.data(body)
        self.end()


class V0Agent(Peer):
    """Connects, and calls `serve(stream)` in a thread of its own for every stream."""

    def __init__(self, edge_url, token, serve, **options):
        super().__init__(dial(edge_url, token, **options))
        self.serve = serve
        self.streams = {}
        self.ids = []
        self.pongs = queue.Queue()
        self.received = []
        self.start()

    def send(self, kind, stream=0, payload=b""):
        self.websocket.send(v0.frame(kind, stream, payload))

    def message(self, message):
        kind, number, payload = v0.parse(message)
        self.received.append((kind, number, len(payload)))
        self._frame(kind, number, payload)

    def ended(self):
        for stream in list(self.streams.values()):
            stream.cancelled.set()
            stream.events.put((None, b""))

    def _frame(self, kind, number, payload):
        if kind in (v0.OPEN_STREAM, v0.WS_UPGRADE):
            assert number != 0 and (not self.ids or number > self.ids[-1]), (number, self.ids[-3:])
            self.ids.append(number)
            stream = AgentStream(self, number, kind, payload)
            self.streams[number] = stream
            threading.Thread(target=self._serve, args=(stream,), daemon=True).start()
        elif kind == v0.PING:
            self.send(v0.PONG)
        elif kind == v0.PONG:
            self.pongs.put(True)
        elif number in self.streams:
            stream = self.streams[number]
            if kind in (v0.STREAM_CANCEL, v0.WS_CLOSE):
                stream.cancelled.set()
            if kind == v0.STREAM_END:
                stream.ended.set()
            stream.events.put((kind, payload))
        else:
            raise AssertionError(f"{v0.NAMES.get(kind, kind)} for unknown stream {number}")

    def _serve(self, stream):
        try:
            self.serve(stream)
        except (ConnectionError, ConnectionClosed, queue.Empty):
            pass
