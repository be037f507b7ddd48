"""The tunnel across a slow network: edge and viewers at one end of a link, agent and local app at the other."""

import re
import socket
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import network
from contenders import APP, Contender, Daypass, start_nginx, start_ssh
from processes import Running
from reporting import Goal, Section, row
from settings import LINK_MEGABYTES, LOSS_SECONDS, ROUNDS, STREAM_SECONDS

BIG = "huge.bin"
RAISED = {"tcp_rmem": "4096 131072 67108864", "tcp_wmem": "4096 65536 67108864"}
SMALL_CONNECTIONS = 8


class Stream:
    """One download, read as fast as it comes, on a thread, until it is told to stop."""

    def __init__(self, link, contender):
        address = urlsplit(contender.base)
        with network.inside(link.near):
            self.connection = socket.create_connection((address.hostname, address.port), timeout=10)
        request = f"GET {address.path}/{BIG} HTTP/1.1\r\nHost: {contender.host}\r\n\r\n"
        self.connection.sendall(request.encode())
        self.received, self.samples, self.ended = 0, [], False
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        buffer, due = bytearray(1 << 20), 0
        try:
            while not self.ended:
                count = self.connection.recv_into(buffer)
                if count == 0:
                    break
                self.received += count
                elapsed = time.monotonic() - self.began
                if elapsed >= due:
                    self.samples.append((elapsed, self.received))
                    due = elapsed + 0.1
        except OSError:
            pass

    def stop(self):
        self.ended = True
        self.thread.join(15)
        self.connection.close()

    def rates(self):
        """Bytes per second of the second half, and when nine tenths of that were first reached (over half a second)."""
        half = [sample for sample in self.samples if sample[0] >= self.samples[-1][0] / 2] if self.samples else []
        if len(half) < 2:
            return 0, None
        steady = (half[-1][1] - half[0][1]) / (half[-1][0] - half[0][0])
        for (start, before), (end, after) in zip(self.samples, self.samples[5:]):
            if after - before >= 0.9 * steady * (end - start):
                return steady, end
        return steady, None


def what_limited(link):
    """What the kernel says the connection that sent most had to wait for (ss: share of the time it had data to send)."""
    with network.inside(link.far):
        text = subprocess.run(["ss", "-tinH", "state", "established", "dst", network.ADDRESSES[0]], capture_output=True, text=True).stdout
    most = max(text.split("\n\t"), key=lambda part: int((re.search(r"bytes_sent:(\d+)", part) or [0, 0])[1]))
    found = {
        name: re.search(name + r":\d+ms\(([\d.]+)%\)", most) for name in ("rwnd_limited", "sndbuf_limited")
    }
    parts = [f"{name.split('_')[0]} {float(match[1]):.0f} %" for name, match in found.items() if match and float(match[1]) >= 1]
    if lost := re.search(r"retrans:\d+/(\d+)", most):
        parts.append(f"{lost[1]} resent")
    return ", ".join(parts) or "neither"


def contenders(running, link, folder, contents):
    """nginx straight across the link, ssh -R, daypass."""
    with network.inside(link.far):
        _, across = start_nginx(running, "app", folder, APP, address=network.ADDRESSES[1])
        _, local = start_nginx(running, "local", folder, APP)
    found = [Contender("TCP (nginx across the link)", across)]
    with network.inside(link.near):
        daypass = Daypass(running, folder, address=network.ADDRESSES[0])
    if ssh := start_ssh(running, folder, local, network.ADDRESSES[0], server_side=lambda: network.inside(link.near),
                        client_side=lambda: network.inside(link.far)):
        found.append(ssh)
    with network.inside(link.far):
        found.append(daypass.share(local)[1])
    with network.inside(link.near):
        for contender in found:
            contender.wait_until_answers("1k.bin", contents["1k.bin"])
    return found


def place(folder, name):
    """A folder beside the part's own: the local app's files are found from there."""
    path = folder.parent / f"{folder.name}-{name}"
    path.mkdir()
    return path


def one_stream(section, folder, contents, title, settings):
    """One download at 100 ms; bytes per second of each contender."""
    rates = {}
    with Running() as running:
        link = network.Link(running, place(folder, title.split()[0]), round_trip=0.1, rate=LINK_MEGABYTES * 1e6,
                            queue=LINK_MEGABYTES * 1e5, offload=True)
        link.set(**settings)
        everyone = contenders(running, link, link.folder, contents)
        for contender in everyone:
            before = {name: process.cpu_seconds() for name, process in contender.processes.items()}
            stream = Stream(link, contender)
            time.sleep(STREAM_SECONDS)
            reason = what_limited(link)
            stream.stop()
            rate, reached = stream.rates()
            rates[contender.name] = rate / 1e6
            cpu = ", ".join(
                f"{name} {(process.cpu_seconds() - before[name]) / STREAM_SECONDS * 100:.0f} %"
                for name, process in contender.processes.items()
            )
            section.add(row(
                title, contender.name, f"{rate / 1e6:.0f}", f"{rate / 1e6 / LINK_MEGABYTES:.2f}",
                f"{reached:.1f}" if reached else "–", reason, cpu or "–",
            ))
            print(section.lines[-1], file=sys.stderr, flush=True)
            time.sleep(0.5)
        values = link.settings()
    return rates, link, values


def bandwidth(folder, contents):
    section = Section("One stream at 100 ms round trip")
    section.table(["TCP buffers", "contender", "MB/s", "of the link", "nine tenths after s", "sender waited for (ss)", "CPU"],
                  left=2)
    rates, link, default = one_stream(section, folder, contents, "default", {})
    raised, _, other = one_stream(section, folder, contents, "raised to 64 MiB", RAISED)
    section.add("", f"Link: {link.text}; {link.kind}. The rate is that of the second half of {STREAM_SECONDS} s. "
                f"tcp_rmem {default['tcp_rmem']} and tcp_wmem {default['tcp_wmem']} by default, {other['tcp_rmem']} and "
                f"{other['tcp_wmem']} raised; congestion control {default['tcp_congestion_control']}.")
    for title, found in (("default TCP buffers", rates), ("raised TCP buffers", raised)):
        name, limit = list(found)[-1], list(found.values())[0]
        section.goals.append(Goal(
            f"one stream at 100 ms, {title}", "≥ 50 MB/s", "≥ 0.9 of the link",
            f"{found[name]:.0f} MB/s, {found[name] / LINK_MEGABYTES:.2f} (TCP alone: {limit:.0f} MB/s)",
            found[name] >= 50, found[name] >= 0.9 * LINK_MEGABYTES,
        ))
    return section


def loss(folder, contents):
    section = Section("Small requests beside a download, 1 % loss")
    section.table(["contender", "idle p50 ms", "idle p99 ms", "beside p50 ms", "beside p99 ms", "p99 ratio", "download MB/s"])
    rate = 12.5e6
    with Running() as running:
        link = network.Link(running, place(folder, "loss"), round_trip=0.02, loss=0.01, rate=rate, queue=rate * 0.02)
        ratios = {}
        for contender in contenders(running, link, link.folder, contents):
            runs, speeds = {False: [], True: []}, []
            for _ in range(ROUNDS):
                for busy in (False, True):
                    stream = Stream(link, contender) if busy else None
                    time.sleep(1)
                    with network.inside(link.near):
                        runs[busy].append(contender.load("1k.bin", SMALL_CONNECTIONS, LOSS_SECONDS))
                    if stream:
                        speeds.append(stream.received / (time.monotonic() - stream.began) / 1e6)
                        stream.stop()
            p50, p99 = (
                {busy: statistics.mean(run[key] for run in found) / 1000 for busy, found in runs.items()}
                for key in ("p50", "p99")
            )
            ratios[contender.name] = p99[True] / p99[False]
            section.add(row(
                contender.name, f"{p50[False]:.1f}", f"{p99[False]:.1f}", f"{p50[True]:.1f}", f"{p99[True]:.1f}",
                f"{ratios[contender.name]:.2f}", f"{statistics.mean(speeds):.1f}",
            ))
            print(section.lines[-1], file=sys.stderr, flush=True)
        congestion = link.settings()["tcp_congestion_control"]
    section.add("", f"Link: {link.text}; {link.kind}; congestion control {congestion}. {SMALL_CONNECTIONS} connections with "
                f"requests of 1 KiB, {ROUNDS} × {LOSS_SECONDS} s each, in turns.")
    name, ratio = list(ratios.items())[-1]
    section.goals.append(Goal(
        "1 % loss, 20 ms: p99 beside a download", "≤ 3 × idle", "≤ 1.5 ×",
        f"{ratio:.1f} × (TCP alone: {list(ratios.values())[0]:.1f} ×)", ratio <= 3, ratio <= 1.5,
    ))
    return section


def run(running, folder, contents):
    try:
        return [bandwidth(folder, contents), loss(folder, contents)]
    except (network.Unavailable, OSError) as error:
        print(f"bench: without the slow network: {error}", file=sys.stderr)
        section = Section("Slow network")
        section.add(f"Not measured: {error}")
        return [section]
