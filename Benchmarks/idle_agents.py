"""Bare agents: join sessions and answer pings, nothing else. Lines on standard input tell them what to do.

    join VERSION URL FILE    one agent for each token in the file, in order, until one is refused
    check                    every agent sends a ping; how many were answered
"""

import asyncio
import struct
import sys
from urllib.parse import urlsplit

import websocket

AT_ONCE = 32
# Defaults of docs/protocol.md, section 4.
HELLO = struct.pack(">BBIIIIIB", 1, 1, 0, 256, 256 << 10, 4 << 20, 128 << 10, 4) + b"idle"
agents = []


def frame0(kind):
    return websocket.frame(struct.pack(">BI", kind, 0))


def frame1(kind, payload):
    return websocket.frame(struct.pack(">I", len(payload))[1:] + bytes([kind]) + bytes(4) + payload)


class Agent:
    """One connection to the edge."""

    def __init__(self, version):
        self.version = version
        self.pong = asyncio.Event()

    async def join(self, address, token, number):
        fields = [f"Host: {address.netloc}", f"Authorization: Bearer {token}"]
        if self.version == 1:
            fields.append("Sec-WebSocket-Protocol: daypass.v1")
        # Several addresses, because one has no more ports than there are tunnels in two runs.
        source = f"127.0.{1 + number // 250}.{1 + number % 250}"
        self.reader, self.writer = await websocket.connect(
            address.hostname, address.port, "/tunnel", fields, source
        )
        if self.version == 1:
            self.writer.write(frame1(1, HELLO))
        self.task = asyncio.create_task(self.listen())

    async def listen(self):
        try:
            while True:
                opcode, message = await websocket.receive(self.reader)
                if opcode == 8:
                    break
                if opcode == 9:
                    self.writer.write(websocket.frame(message, opcode=10))
                elif self.version == 0:
                    self.take(message[0] - 1, b"")
                else:
                    while message:
                        length = int.from_bytes(message[:3], "big")
                        self.take(message[3], message[8:8 + length])
                        message = message[8 + length:]
        except (OSError, asyncio.IncompleteReadError):
            pass
        self.writer.close()

    def take(self, kind, payload):
        """A frame; kinds as in version 1, version 0's are one higher there."""
        if kind == 8:
            self.writer.write(frame1(9, payload) if self.version else frame0(0x0A))
        elif kind == 9:
            self.pong.set()

    async def check(self):
        """Sends a ping; an edge answers only a tunnel in service."""
        self.pong.clear()
        self.writer.write(frame1(8, bytes(7) + b"\1") if self.version else frame0(9))
        try:
            await asyncio.wait_for(self.pong.wait(), 20)
            return True
        except asyncio.TimeoutError:
            return False


async def join(version, url, file):
    with open(file) as lines:
        tokens = lines.read().split()
    address, refusal, queue = urlsplit(url), None, list(enumerate(tokens))[::-1]

    async def work():
        nonlocal refusal
        while queue and refusal is None:
            number, token = queue.pop()
            agent = Agent(int(version))
            try:
                await agent.join(address, token, number)
                agents.append(agent)
            except (OSError, asyncio.IncompleteReadError) as error:
                refusal = str(error)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return {"joined": len(agents), "refusal": refusal}


async def check():
    answers = await asyncio.gather(*(agent.check() for agent in agents))
    return {"alive": sum(answers)}


if __name__ == "__main__":
    asyncio.run(websocket.commands(lambda name, *words: {"join": join, "check": check}[name](*words)))
    sys.exit(0)
