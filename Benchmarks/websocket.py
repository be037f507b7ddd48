"""As much of the WebSocket protocol as the helpers here need: an upgrade, and binary frames."""

import asyncio
import base64
import json
import os
import struct
import sys


class Refused(OSError):
    """The answer to the upgrade was not 101."""


async def connect(host, port, path, fields, source=None):
    """An upgraded connection: its reader and writer, and the head of the answer."""
    reader, writer = await asyncio.open_connection(host, port, local_addr=(source, 0) if source else None)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", *fields, "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise Refused(head.split(b"\r\n", 1)[0].decode())
        return reader, writer
    except BaseException as error:
        writer.close()
        if isinstance(error, asyncio.IncompleteReadError):
            raise Refused("closed without an answer") from error
        raise


def frame(payload, opcode=2):
    """One masked frame, as clients send them."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else struct.pack(">BH", 0x80 | 126, length)
    mask = os.urandom(4)
    return bytes([0x80 | opcode]) + size + mask + unmask(payload, mask)


def unmask(payload, mask):
    return bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


async def receive(reader):
    """Opcode and payload of the next frame, of either side."""
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        length = struct.unpack(">H", await reader.readexactly(2))[0]
    elif length == 127:
        length = struct.unpack(">Q", await reader.readexactly(8))[0]
    mask = await reader.readexactly(4) if second & 0x80 else None
    payload = await reader.readexactly(length)
    return first & 0x0F, unmask(payload, mask) if mask else payload


async def commands(answer):
    """Reads lines from standard input; `answer` makes each into a line of JSON. Ends when the input does."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(await answer(*line.decode().split())), flush=True)
