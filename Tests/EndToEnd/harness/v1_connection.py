"""One end of a version 1 connection. It keeps the rules itself, and fails when the other side breaks one."""

import queue
import struct
import threading
import time

from . import v1
from .heads import first, head_fields, response_head, trailer_fields
from .peer import Peer


class WasReset(ConnectionError):
    """The other side sent RESET."""

    def __init__(self, frame):
        super().__init__(f"RESET {frame.reason} {frame.text!r}")
        self.reason, self.text = frame.reason, frame.text


class V1Stream:
    """A stream. `read` gives the other side's bytes and returns their credit, unless the connection holds credit back."""

    def __init__(self, connection, number, kind):
        self.connection, self.number, self.kind = connection, number, kind
        self.events = queue.Queue()
        self.credit = connection.theirs.stream_credit  # what we may still send
        self.granted = connection.ours.stream_credit  # what the other side may still send
        self.credit_seen = self.credit  # the most we were ever free to send at once
        self.received = self.sent = 0
        self.heads = []
        self.ended = False  # our direction
        self.they_ended = False
        self.over = threading.Event()
        self.was_reset = None
        self.sent_reset = False
        self.read_all = False
        self.trailers = None

    # Receiving

    def next(self, timeout=10.0):
        """The next frame; its credit goes back."""
        frame = self.events.get(timeout=timeout)
        if frame is None:
            raise ConnectionError("the tunnel is closed")
        if frame.kind == v1.RESET:
            self.events.put(frame)
            raise WasReset(frame)
        if frame.kind == v1.DATA and frame.payload and self.connection.gives_credit:
            self.grant(len(frame.payload))
        return frame

    def read(self, timeout=10.0):
        """Bytes of the other side; b"" at its end (`trailers` are then known)."""
        if self.read_all:
            return b""
        frame = self.next(timeout)
        assert frame.kind in (v1.DATA, v1.TRAILERS), frame
        self.read_all = frame.end
        if frame.kind == v1.TRAILERS:
            self.trailers = trailer_fields(frame.payload)
            return b""
        return frame.payload

    def body(self, timeout=10.0):
        parts = []
        while part := self.read(timeout):
            parts.append(part)
        return b"".join(parts)

    def grant(self, credit):
        """Credit for this stream (while the other side may use it) and for the connection."""
        if not self.they_ended:
            self.granted += credit
            self.connection.send(v1.window(self.number, credit))
        self.connection.grant(credit)

    def wait_reset(self, timeout=10.0):
        """The RESET that ends this stream; what comes before it is dropped."""
        while True:
            try:
                self.next(timeout)
            except WasReset as reset:
                return reset

    # Sending

    def data(self, payload=b"", end=False, timeout=10.0):
        """DATA as credit allows, in frames of at most 32 KiB."""
        if not payload:
            self.connection.send(v1.frame(v1.DATA, self.number, b"", end))
        at = 0
        while at < len(payload):
            count = self.connection.take(self, min(len(payload) - at, v1.DATA_LIMIT), timeout)
            last = at + count == len(payload)
            self.connection.send(v1.frame(v1.DATA, self.number, payload[at:at + count], end and last))
            at += count
        self._end(end)

    def end(self, trailers=b""):
        if trailers:
            self.connection.send(v1.frame(v1.TRAILERS, self.number, trailers, True))
            self._end(True)
        else:
            self.data(end=True)

    def _end(self, end):
        if end:
            self.ended = True
            self._settle()

    def reset(self, reason, text=b""):
        self.sent_reset = True
        self.over.set()
        self.connection.send(v1.reset(self.number, reason, text))

    def _settle(self):
        if self.ended and self.they_ended:
            self.over.set()

    # What came

    def arrived(self, frame):
        if self.sent_reset:  # was on its way: counts for the connection only
            if frame.kind == v1.DATA and frame.payload:
                self.connection.grant(len(frame.payload))
            return
        if frame.kind == v1.RESET:
            self.was_reset = frame
            self.over.set()
        elif self.they_ended or self.was_reset:
            raise v1.Illegal(f"{frame.name} after the end of stream {self.number}")
        if frame.kind == v1.DATA:
            self.received += len(frame.payload)
            self.granted -= len(frame.payload)
            if self.granted < 0:
                raise v1.Illegal(f"{-self.granted} bytes more than the credit of stream {self.number}")
        if frame.end:
            self.they_ended = True
            self._settle()
        self.events.put(frame)


class AnsweringStream(V1Stream):
    """A stream at the agent: the request is known, the answer is ours."""

    def __init__(self, connection, number, kind, head, end):
        super().__init__(connection, number, kind)
        self.line, self.fields = head_fields(head)
        self.head = head
        self.method, self.target = self.line.split(" ")[:2]
        self.they_ended = self.read_all = end

    def get(self, name):
        return first(self.fields, name)

    def head_out(self, status=200, fields=(), end=False):
        self.connection.send(v1.frame(v1.RESPONSE, self.number, response_head(status, fields), end))
        if status >= 200 and self.kind == v1.WEBSOCKET:
            self.they_ended = True
        self._end(end)

    def respond(self, status=200, fields=(), body=b""):
        self.head_out(status, [*fields, ("content-length", str(len(body)))], end=not body)
        if body:
            self.data(body, end=True)


class AskingStream(V1Stream):
    """A stream at the edge: the answer is the other side's."""

    answered = False

    def response(self, timeout=10.0):
        """Status and fields of the next response head, informational ones included."""
        frame = self.next(timeout)
        assert frame.kind == v1.RESPONSE, frame
        line, fields = head_fields(frame.payload)
        version, status = line.split(" ")[:2]
        assert version == "HTTP/1.1", line
        self.read_all = frame.end
        return int(status), fields

    def arrived(self, frame):
        if not self.sent_reset:
            if frame.kind == v1.RESPONSE:
                status = int(frame.payload[9:12])
                if self.answered or (status < 200 and frame.end) or (status == 101 and self.kind != v1.WEBSOCKET):
                    raise v1.Illegal(f"{frame} on a stream with {self.heads}")
                self.heads.append(status)
                self.answered = status >= 200 or status == 101
                if status >= 200 and self.kind == v1.WEBSOCKET:
                    self.ended = True
            elif frame.kind in (v1.DATA, v1.TRAILERS) and not self.answered:
                raise v1.Illegal(f"{frame.name} before the final RESPONSE")
        super().arrived(frame)


class V1Connection(Peer):
    """Subclasses say who we are (`role`) and open streams. `gives_credit` may be turned off to hold credit back."""

    role = None
    gives_credit = True

    def __init__(self, websocket, hello=None, greet=True):
        super().__init__(websocket)
        self.ours = hello or v1.Hello()
        self.theirs = None
        self.greeted = threading.Event()
        self.streams = {}
        self.frames = []
        self.changed = threading.Condition()
        self.granted = self.ours.credit
        self.credit = 0
        self.answers_pings = True
        self.close_frame = None
        if greet:
            self.greet()

    def greet(self):
        self.send(v1.frame(v1.HELLO, 0, self.ours.pack()))

    def send(self, data):
        """Whole frames as one message."""
        self.websocket.send(data)

    def message(self, message):
        for frame in v1.parse(message):
            v1.check(frame, "edge" if self.role == "agent" else "agent")
            if self.close_frame:
                raise v1.Illegal(f"{frame} after CLOSE")
            if (self.theirs is None) != (frame.kind == v1.HELLO) and frame.kind != v1.CLOSE:
                raise v1.Illegal(f"{frame} and HELLO in the wrong order")
            self._frame(frame)
            with self.changed:
                self.frames.append(frame)
                self.changed.notify_all()

    def _frame(self, frame):
        if frame.kind == v1.HELLO:
            self.theirs = v1.Hello.unpack(frame.payload)
            self.credit = self.theirs.credit
            self.greeted.set()
        elif frame.kind == v1.PING and self.answers_pings:
            self.send(v1.frame(v1.PONG, 0, frame.payload))
        elif frame.kind == v1.CLOSE:
            self.close_frame = frame
        elif frame.kind == v1.WINDOW:
            self._window(frame)
        elif frame.kind == v1.REQUEST:
            self.opened(frame)
        elif frame.stream:
            if frame.kind == v1.DATA:
                self.granted -= len(frame.payload)
                if self.granted < 0:
                    raise v1.Illegal(f"{-self.granted} bytes more than the credit of the connection")
            if frame.stream not in self.streams:
                raise v1.Illegal(f"{frame.name} on unknown stream {frame.stream}")
            self.streams[frame.stream].arrived(frame)

    def _window(self, frame):
        with self.changed:
            if frame.stream == 0:
                self.credit += frame.credit
                credit = self.credit
            elif frame.stream in self.streams:
                stream = self.streams[frame.stream]
                stream.credit += frame.credit
                stream.credit_seen = max(stream.credit_seen, stream.credit)
                credit = stream.credit
            else:
                raise v1.Illegal(f"WINDOW on unknown stream {frame.stream}")
            if credit >= 1 << 31:
                raise v1.Illegal("a window above 2^31-1")

    def opened(self, frame):
        raise v1.Illegal("REQUEST to an edge")

    def take(self, stream, most, timeout):
        """Waits for credit, and uses up to `most` of it."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                if stream.was_reset:
                    raise WasReset(stream.was_reset)
                if self.closed.is_set():
                    raise ConnectionError("the tunnel is closed")
                count = min(most, stream.credit, self.credit)
                if count > 0:
                    stream.credit -= count
                    stream.sent += count
                    self.credit -= count
                    return count
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no credit: stream {stream.credit}, connection {self.credit}")
                self.changed.wait(min(left, 0.5))

    def grant(self, credit):
        self.granted += credit
        self.send(v1.window(0, credit))

    def ping(self, token):
        self.send(v1.frame(v1.PING, 0, struct.pack(">Q", token)))

    def wait_frame(self, kind, timeout=10.0, check=lambda frame: True):
        """The first frame of that kind that came, or comes, and passes `check`."""
        deadline = time.monotonic() + timeout
        with self.changed:
            while True:
                for frame in self.frames:
                    if frame.kind == kind and check(frame):
                        return frame
                left = deadline - time.monotonic()
                if left <= 0 or (self.closed.is_set() and not self.failure):
                    raise AssertionError(f"no {v1.RULES[kind].name}; got {[f.name for f in self.frames][-20:]}")
                assert self.failure is None, self.failure
                self.changed.wait(min(left, 0.2))

    def wait_close(self, timeout=10.0):
        """The CLOSE that ended the connection; the WebSocket close must say the same."""
        assert self.closed.wait(timeout), "the connection is still open"
        assert self.failure is None, self.failure
        assert self.close_frame is not None, f"ended without CLOSE: {self.close_code} {self.close_text}"
        reason = self.close_frame.reason
        assert self.close_code == (4000 + reason if reason else 1000), (self.close_code, reason)
        assert self.close_text == self.close_frame.text.encode()[:123].decode("utf-8", "ignore")
        return self.close_frame

    def ended(self):
        with self.changed:
            self.changed.notify_all()
        for stream in list(self.streams.values()):
            stream.events.put(None)
