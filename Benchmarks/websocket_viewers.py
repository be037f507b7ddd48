"""Viewers with open WebSockets. Lines on standard input tell them what to do.

    open HOST PORT PATH NAME COUNT   opens that many, until one is refused; NAME is the Host field
    echo                             each sends a message and waits for it, 64 at a time
"""

import asyncio
import os
import time

import websocket

AT_ONCE = 64
viewers = []


async def in_turns(work, items):
    items = list(items)[::-1]

    async def worker():
        while items:
            if not await work(items.pop()):
                items.clear()

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))


async def open_some(host, port, path, name, count):
    before, refusal = len(viewers), None

    async def one(number):
        nonlocal refusal
        try:
            source = f"127.0.{100 + number // 250}.{1 + number % 250}"
            viewers.append(await websocket.connect(host, int(port), path, [f"Host: {name}"], source))
        except OSError as error:
            refusal = str(error)
        return refusal is None

    began = time.monotonic()
    await in_turns(one, range(before, before + int(count)))
    return {"opened": len(viewers) - before, "refusal": refusal, "seconds": time.monotonic() - began}


async def echo():
    times = []

    async def one(viewer):
        reader, writer = viewer
        message, began = os.urandom(32), time.perf_counter()
        try:
            writer.write(websocket.frame(message))
            if (await asyncio.wait_for(websocket.receive(reader), 30))[1] == message:
                times.append(time.perf_counter() - began)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        return True

    began = time.monotonic()
    await in_turns(one, viewers)
    times.sort()
    pick = lambda share: times[min(int(len(times) * share), len(times) - 1)] * 1000 if times else 0
    return {"echoed": len(times), "p50": pick(0.5), "p99": pick(0.99), "seconds": time.monotonic() - began}


if __name__ == "__main__":
    asyncio.run(websocket.commands(lambda name, *words: {"open": open_some, "echo": echo}[name](*words)))
