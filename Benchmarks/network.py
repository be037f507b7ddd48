"""Two network namespaces with a slow link between them: the kernel's netem where there is one, else link.c.

The namespaces have no names: each lives as long as the process that holds it, and those end with this program.
"""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from processes import Process

HERE = Path(__file__).resolve().parent
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
ADDRESSES = ("10.199.0.1", "10.199.0.2")
SEED = 20_011


class Unavailable(Exception):
    """This machine does not permit it, and why."""


def enter(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def inside(path):
    """This thread is in that namespace: so are the sockets it opens and the processes it starts, for good."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    enter(path)
    try:
        yield
    finally:
        if LIBC.setns(home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(home)


def command(*words):
    result = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if result.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, words))}: {result.stderr.strip()}")


def compile_link(folder):
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Unavailable("there is no C compiler for Benchmarks/link.c")
    program = folder / "link"
    if not program.exists():
        command(compiler, "-O2", "-o", program, HERE / "link.c")
    return program


class Link:
    """The link and its two ends, `near` (viewers and edge) and `far` (agent and local app)."""

    def __init__(self, running, folder, round_trip, loss=0.0, rate=0, queue=0, offload=False):
        """Round trip in seconds, loss as a share of the packets of each direction, rate in bytes per second."""
        self.running, self.folder = running, folder
        self.text = f"{round_trip * 1000:.0f} ms round trip, MTU 1500"
        self.text += f", {rate / 1e6:.0f} MB/s with a queue of {queue / 1e6:.2g} MB" if rate else ""
        self.text += f", {loss * 100:.0f} % of the packets of each direction lost" if loss else ""
        holders = [
            running.add(Process(f"namespace{side}", ["unshare", "-n", "sh", "-c", "echo ready; cat"], folder,
                                stdin=subprocess.PIPE))
            for side in ("A", "B")
        ]
        try:
            for holder in holders:
                holder.wait_line("^ready$", 5)
        except SystemExit as error:
            raise Unavailable(f"network namespaces are not permitted ({error})") from error
        self.near, self.far = (f"/proc/{holder.child.pid}/ns/net" for holder in holders)
        try:
            self.netem(holders, round_trip, loss, rate, queue)
            self.kind = "kernel netem"
        except Unavailable:
            self.emulate(round_trip, loss, rate, queue, offload)
            self.kind = "Benchmarks/link.c between two TUN devices"
        self.kind += f", fastest handshake {self.round_trip():.1f} ms"

    def configure(self, side, device):
        with inside((self.near, self.far)[side]):
            command("ip", "link", "set", "lo", "up")
            command("ip", "addr", "add", ADDRESSES[side], "peer", ADDRESSES[1 - side], "dev", device)
            command("ip", "link", "set", device, "mtu", 1500, "txqueuelen", 10_000, "up")

    def netem(self, holders, round_trip, loss, rate, queue):
        with inside(self.near):
            command("ip", "link", "add", "slow0", "type", "veth", "peer", "name", "slow0", "netns",
                    holders[1].child.pid)
        try:
            for side, path in enumerate((self.near, self.far)):
                with inside(path):
                    words = ["tc", "qdisc", "add", "dev", "slow0", "root", "netem",
                             "limit", int(queue + rate * round_trip / 2) // 1500 or 100_000, "delay", f"{round_trip * 500}ms"]
                    words += ["loss", f"{loss * 100}%"] if loss else []
                    command(*words, *(["rate", f"{rate * 8}bit"] if rate else []))
                self.configure(side, "slow0")
        except Unavailable:
            with inside(self.near):
                command("ip", "link", "del", "slow0")
            raise

    def emulate(self, round_trip, loss, rate, queue, offload):
        words = [compile_link(self.folder), self.near, self.far, int(round_trip * 500_000), int(loss * 1e6), int(rate),
                 int(queue), int(offload), SEED]
        self.process = self.running.add(Process("link", words, self.folder, stdin=subprocess.PIPE))
        try:
            self.process.wait_line("^ready$", 5)
        except SystemExit as error:
            raise Unavailable(str(error)) from error
        for side in (0, 1):
            self.configure(side, "slow0")

    def set(self, **settings):
        """Kernel settings of both ends, such as tcp_wmem="4096 16384 67108864"."""
        for path in (self.near, self.far):
            with inside(path):
                for name, value in settings.items():
                    Path(f"/proc/sys/net/ipv4/{name}").write_text(value)

    def settings(self):
        """What decides about TCP's speed here."""
        with inside(self.near):
            return {
                name: " ".join(Path(f"/proc/sys/net/ipv4/{name}").read_text().split())
                for name in ("tcp_rmem", "tcp_wmem", "tcp_congestion_control")
            }

    def round_trip(self):
        """The fastest of three handshakes with a port nobody listens on, in milliseconds."""
        best = None
        with inside(self.near):
            for _ in range(3):
                with socket.socket() as probe:
                    began = time.perf_counter()
                    probe.settimeout(3)
                    probe.connect_ex((ADDRESSES[1], 9))
                    took = (time.perf_counter() - began) * 1000
                best = took if best is None else min(best, took)
        return best
