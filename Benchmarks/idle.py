"""Memory of idle tunnels: opens many sessions, joins each with a bare version 0 agent, and looks at the edge."""

import base64
import json
import os
import socket
import struct
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def create_session(control):
    request = urllib.request.Request(
        f"{control}/sessions", data=b"{}", method="POST", headers={"Content-Type": "application/json"}
    )
    with OPENER.open(request, timeout=10) as answer:
        return json.load(answer)


def join(edge, token):
    """A WebSocket to /tunnel without subprotocol: version 0, which says nothing until it is asked."""
    where = urlsplit(edge)
    connection = socket.create_connection((where.hostname, where.port), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /tunnel HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(4096)
        if not part:
            break
        head += part
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        connection.close()
        raise OSError(f"the edge answered {head.split(chr(13).encode(), 1)[0]!r}")
    return connection


def ping(connection):
    """One version 0 PING in a masked binary message; the edge answers it only when the tunnel is in service."""
    mask = os.urandom(4)
    frame = struct.pack(">BI", 0x09, 0)
    connection.sendall(b"\x82" + bytes([0x80 | len(frame)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(frame)))
    if not connection.recv(64):
        raise OSError("the edge closed an idle tunnel")


def measure(control, edge, edge_process, wanted):
    """Bytes of resident memory per idle tunnel, and how many were open; None if none could be."""
    connections = []
    before = None
    try:
        # The first ones fill caches and allocator arenas; they are not counted.
        for number in range(wanted + 20):
            if number == 20:
                before = edge_process.resident_bytes()
            try:
                connections.append(join(edge, create_session(control)["sessionToken"]))
            except (OSError, urllib.error.URLError) as error:
                print(f"bench: stopped at {number} idle tunnels: {error}")
                break
            ping(connections[-1])
        count = len(connections) - 20
        if count <= 0:
            return None
        time.sleep(1)
        return (edge_process.resident_bytes() - before) / count, count
    finally:
        for connection in connections:
            connection.close()
