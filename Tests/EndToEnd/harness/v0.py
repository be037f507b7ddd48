"""Version 0 of the tunnel protocol, from spec/tunnel-protocol.md only."""

import struct

from .heads import head_fields, request_head, response_head  # noqa: F401

OPEN_STREAM, STREAM_DATA, STREAM_END, STREAM_CANCEL, RESPONSE_HEADERS = 0x01, 0x02, 0x03, 0x04, 0x05
WS_UPGRADE, WS_DATA, WS_CLOSE, PING, PONG, PAUSE, RESUME = 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C

NAMES = {
    0x01: "OPEN_STREAM", 0x02: "STREAM_DATA", 0x03: "STREAM_END", 0x04: "STREAM_CANCEL",
    0x05: "RESPONSE_HEADERS", 0x06: "WS_UPGRADE", 0x07: "WS_DATA", 0x08: "WS_CLOSE",
    0x09: "PING", 0x0A: "PONG", 0x0B: "PAUSE", 0x0C: "RESUME",
}


def frame(kind, stream=0, payload=b""):
    """Type (1 byte), stream id (4 bytes, big-endian), payload."""
    return struct.pack(">BI", kind, stream) + payload


def parse(message):
    """(kind, stream, payload) of one binary message."""
    assert isinstance(message, bytes), f"a text message in the tunnel: {message!r}"
    assert len(message) >= 5, f"a frame of {len(message)} bytes"
    kind, stream = struct.unpack_from(">BI", message)
    return kind, stream, message[5:]
