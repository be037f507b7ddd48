"""A version 0 gateway (edge side), written from the protocol and reference pages only."""

import queue
import time

from . import v0
from .gateway import Gateway
from .peer import Peer


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


class GatewayTunnel(Peer):
    """One connected agent."""

    def __init__(self, websocket):
        super().__init__(websocket)
        self.streams = {}
        self.last = 0
        self.control = queue.Queue()
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
        return self.open(v0.request_head(method, target, host, fields), kind, end)

    def message(self, message):
        kind, number, payload = v0.parse(message)
        if number == 0:
            if kind == v0.PING and self.answer_pings:
                self.send(v0.PONG)
            self.control.put(kind)
        elif number in self.streams:
            self.streams[number].events.put((kind, payload))
        else:
            self.control.put(("unknown stream", kind, number))

    def ended(self):
        for stream in self.streams.values():
            stream.events.put((None, b""))


class V0Gateway(Gateway):
    """A gateway that speaks version 0 only."""

    def __init__(self):
        super().__init__(GatewayTunnel)


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
