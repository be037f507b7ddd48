"""Version 1 of the tunnel protocol: frames and their rules, from docs/protocol.md only."""

import re
import struct
from dataclasses import astuple, dataclass
from typing import NamedTuple

from .daypass import ROOT
from .heads import field_lines, request_head, response_head  # noqa: F401

SUBPROTOCOL = "daypass.v1"
HELLO, REQUEST, RESPONSE, DATA, TRAILERS, RESET, WINDOW = range(0x01, 0x08)
PING, PONG, DRAIN, PUSH, PAUSE, RESUME, CLOSE = range(0x08, 0x0F)
END = 0x80
HTTP, WEBSOCKET = 0, 1
DATA_LIMIT = 32768
MESSAGE_LIMIT = 256 << 10

(NO_ERROR, CANCELLED, REFUSED, UNREACHABLE, UPSTREAM_PROTOCOL, UPSTREAM_TIMEOUT, UPSTREAM_ABORTED, BUFFER_LIMIT,
 STREAM_PROTOCOL, POLICY, HEAD_TOO_LARGE, INTERNAL) = range(12)

(CLOSE_NORMAL, CLOSE_DRAINED, CLOSE_REPLACED, CLOSE_SESSION_CLOSED, CLOSE_EXPIRED, CLOSE_UNAUTHORIZED, CLOSE_PROTOCOL,
 CLOSE_OVERLOADED, CLOSE_BACKLOG, CLOSE_INTERNAL, CLOSE_MISSED_PONGS) = range(11)


class Rule(NamedTuple):
    name: str
    sender: str  # edge, agent, both
    place: str  # connection, stream, either
    end: str  # never, may, must
    least: int
    most: int


RULES = {
    HELLO: Rule("HELLO", "both", "connection", "never", 23, 23 + 128),
    REQUEST: Rule("REQUEST", "edge", "stream", "may", 2, 192 << 10),
    RESPONSE: Rule("RESPONSE", "agent", "stream", "may", 1, 192 << 10),
    DATA: Rule("DATA", "both", "stream", "may", 0, DATA_LIMIT),
    TRAILERS: Rule("TRAILERS", "both", "stream", "must", 1, 192 << 10),
    RESET: Rule("RESET", "both", "stream", "never", 2, 2 + 256),
    WINDOW: Rule("WINDOW", "both", "either", "never", 4, 4),
    PING: Rule("PING", "both", "connection", "never", 8, 8),
    PONG: Rule("PONG", "both", "connection", "never", 8, 8),
    DRAIN: Rule("DRAIN", "both", "connection", "never", 4, 4),
    PUSH: Rule("PUSH", "edge", "connection", "never", 2, 64 << 10),
    PAUSE: Rule("PAUSE", "agent", "connection", "never", 0, 0),
    RESUME: Rule("RESUME", "agent", "connection", "never", 0, 0),
    CLOSE: Rule("CLOSE", "both", "connection", "never", 6, 6 + 256),
}


class Illegal(AssertionError):
    """The other side broke a rule of the page."""


class Frame(NamedTuple):
    kind: int
    stream: int
    end: bool
    payload: bytes

    @property
    def name(self):
        return RULES[self.kind].name

    @property
    def reason(self):
        """The reason of a RESET or CLOSE."""
        return struct.unpack_from(">H", self.payload)[0]

    @property
    def delay(self):
        """Milliseconds of a DRAIN or CLOSE."""
        return struct.unpack_from(">I", self.payload, 2 if self.kind == CLOSE else 0)[0]

    @property
    def text(self):
        return self.payload[6 if self.kind == CLOSE else 2:].decode()

    @property
    def credit(self):
        return struct.unpack(">I", self.payload)[0]


def frame(kind, stream=0, payload=b"", end=False):
    """Length (3), type (1, bit 7 is END), stream (4), payload."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BI", kind | (END if end else 0), stream) + payload


def parse(message):
    """The frames of one binary message."""
    if not isinstance(message, bytes) or not message:
        raise Illegal(f"not a message of frames: {message!r}")
    if len(message) > MESSAGE_LIMIT:
        raise Illegal(f"a message of {len(message)} bytes")
    frames, at = [], 0
    while at < len(message):
        if len(message) - at < 8:
            raise Illegal("a frame header is cut off")
        length = int.from_bytes(message[at:at + 3])
        kind, stream = struct.unpack_from(">BI", message, at + 3)
        if at + 8 + length > len(message):
            raise Illegal("a frame spans messages")
        frames.append(Frame(kind & ~END, stream, bool(kind & END), message[at + 8:at + 8 + length]))
        at += 8 + length
    return frames


def check(frame, sender):
    """What the table says about a frame by itself."""
    rule = RULES.get(frame.kind)
    if rule is None:
        raise Illegal(f"unknown type {frame.kind:#x}")
    if rule.sender not in (sender, "both"):
        raise Illegal(f"{rule.name} from the {sender}")
    if (rule.place == "connection" and frame.stream) or (rule.place == "stream" and not frame.stream):
        raise Illegal(f"{rule.name} on stream {frame.stream}")
    if (rule.end == "never" and frame.end) or (rule.end == "must" and not frame.end):
        raise Illegal(f"{rule.name} with END {frame.end}")
    if not rule.least <= len(frame.payload) <= rule.most:
        raise Illegal(f"{rule.name} of {len(frame.payload)} bytes")
    if frame.kind == DATA and not frame.payload and not frame.end:
        raise Illegal("DATA without bytes and without END")
    if frame.kind == WINDOW and not 1 <= frame.credit < 1 << 31:
        raise Illegal(f"WINDOW of {frame.credit}")
    if frame.kind in (RESET, CLOSE):
        if frame.reason == 0xFFFF or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in frame.text):
            raise Illegal(f"{rule.name} {frame.payload!r}")
    if frame.kind == PUSH and not frame.payload.startswith(b"{"):
        raise Illegal("PUSH that is not an object")


@dataclass
class Hello:
    lowest: int = 1
    highest: int = 1
    capabilities: int = 0
    streams: int = 256
    stream_credit: int = 256 << 10
    credit: int = 4 << 20
    head: int = 128 << 10
    name: bytes = b"peer"

    def pack(self):
        *numbers, name = astuple(self)
        return struct.pack(">BBIIIIIB", *numbers, len(name)) + name

    @classmethod
    def unpack(cls, payload):
        *numbers, length = struct.unpack_from(">BBIIIIIB", payload)
        hello = cls(*numbers, payload[23:])
        ranges = [
            (hello.lowest, 0, 1), (hello.highest, 1, 255), (hello.streams, 1, 65535),
            (hello.stream_credit, 16 << 10, (1 << 31) - 1), (hello.credit, 64 << 10, (1 << 31) - 1),
            (hello.head, 4 << 10, 192 << 10), (length, 0, 128),
        ]
        if len(hello.name) != length or not all(low <= value <= high for value, low, high in ranges):
            raise Illegal(f"HELLO {hello}")
        hello.name.decode()
        return hello


def hello(**fields):
    return frame(HELLO, 0, Hello(**fields).pack())


def reset(stream, reason, text=b""):
    return frame(RESET, stream, struct.pack(">H", reason) + text)


def window(stream, credit):
    return frame(WINDOW, stream, struct.pack(">I", credit))


def close(reason, delay=0, text=b""):
    return frame(CLOSE, 0, struct.pack(">HI", reason, delay) + text)


def golden():
    """The golden frames of the page by name, as it prints them."""
    page = (ROOT / "docs" / "protocol.md").read_text()
    table = page.split("## 4. Version 1")[1].split("### Golden frames")[1].split("\nA GET")[0]
    frames = {}
    for name, cells in re.findall(r"^\| ([^|]+?) \| (`.*) \|$", table, re.M):
        names = [name]
        parts = [re.findall(r"`([^`]*)`", cells)]
        if re.search(r"`, `", cells):
            names, parts = name.split(", ")[:2], [[part.strip("` ")] for part in cells.split(", ")]
        for one, pieces in zip(names, parts):
            if "…" not in pieces[0]:
                frames[one] = b"".join(_bytes(piece) for piece in pieces)
    return frames


def _bytes(piece):
    if re.fullmatch(r"[0-9a-f]{2}( [0-9a-f]{2})*", piece):
        return bytes.fromhex(piece)
    return piece.replace("\\r\\n", "\r\n").encode()
