"""Version 0 of the tunnel protocol, from spec/tunnel-protocol.md only."""

import struct

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


def head_fields(head):
    """First line and ordered (name, value) pairs of a head payload, which must be whole."""
    assert head.endswith(b"\r\n\r\n"), head
    lines = head[:-4].split(b"\r\n")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        assert colon, line
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return lines[0].decode("latin-1"), fields


def response_head(status, fields=()):
    """The payload of RESPONSE_HEADERS."""
    lines = [f"HTTP/1.1 {status}\r\n"] + [f"{n}: {v}\r\n" for n, v in fields]
    return "".join(lines).encode("latin-1") + b"\r\n"
