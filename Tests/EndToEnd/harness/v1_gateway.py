"""A version 1 gateway (edge side): `daypass http` dials it, and tests open streams towards the agent."""

from . import v1
from .gateway import Gateway
from .heads import request_head
from .v1_connection import AskingStream, V1Connection


class V1Tunnel(V1Connection):
    """One connection of an agent."""

    role = "edge"
    last = 0

    def expect(self, number, kind=v1.HTTP, end=True):
        """A stream whose REQUEST the test sends itself."""
        self.last = number
        stream = self.streams[number] = AskingStream(self, number, kind)
        stream.ended = end
        return stream

    def open(self, head, kind=v1.HTTP, end=True):
        """REQUEST with the next stream id."""
        stream = self.expect(self.last + 1, kind, end)
        self.send(v1.frame(v1.REQUEST, self.last, bytes([kind]) + head, end))
        return stream

    def request(self, target, method="GET", fields=(), end=True, host="demo.test", kind=v1.HTTP):
        assert self.greeted.wait(10), "no HELLO"
        return self.open(request_head(method, target, host, fields), kind, end)


class V1Gateway(Gateway):
    """`prepare` holds how the next connections begin (arguments of `V1Tunnel`); the last entry stays."""

    def __init__(self):
        self.prepare = [{}]
        self.made = []
        super().__init__(self._tunnel, [v1.SUBPROTOCOL])

    def _tunnel(self, websocket):
        assert websocket.subprotocol == v1.SUBPROTOCOL, websocket.subprotocol
        options = self.prepare.pop(0) if len(self.prepare) > 1 else self.prepare[0]
        tunnel = V1Tunnel(websocket, **options)
        self.made.append(tunnel)
        return tunnel
