"""Ports to listen on, now or later."""

import itertools
import random
import socket
from pathlib import Path


def _candidates():
    """Ports below those that the system gives to outgoing connections, each once, from a random one on."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    ports = range(min(10_000, lowest // 2), lowest)
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
