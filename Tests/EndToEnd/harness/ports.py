"""Ports to listen on, now or later."""

import itertools
import random
import socket
from contextlib import suppress
from pathlib import Path


def _candidates():
    """Ports outside of those that the system gives to outgoing connections, each once, from a random one on."""
    lowest, highest = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split())
    # Chromium refuses 10080, and some below.
    ports = range(10_081, lowest) if lowest > 12_000 else range(highest + 1, 65_536)
    start = random.randrange(len(ports))
    return itertools.chain(ports[start:], ports[:start])


_ports = _candidates()


def free_port():
    """A port nobody listens on. No outgoing connection can take it before it is used, nor while what listens there is
    started again; and it is handed out only once."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no port is left")


def stop_listening(listener):
    """Closes a listening socket, and wakes the thread that accepts: it would go on waiting, on whatever gets the number
    of the closed socket."""
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
