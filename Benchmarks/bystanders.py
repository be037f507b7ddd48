"""What other viewers feel of those who stall: a quiet round, then one with stalled viewers, again and again."""

import socket
import statistics
import time
from urllib.parse import urlsplit

from contenders import APP, Daypass, start_nginx
from processes import Memory
from reporting import Goal, Section, row
from settings import BYSTANDER_ROUNDS, STALLED_VIEWERS

SECONDS = 2
CONNECTIONS = 8
BIG = "huge.bin"
KINDS = ("download", "head", "download", "body")


def stall(contender, count):
    """Viewers, each of an address of its own: half stop reading a download, a quarter each sends its head or body at
    one byte a minute. Returns their connections."""
    address = urlsplit(contender.base)
    host, path = contender.host, address.path
    requests = {
        "download": f"GET {path}/{BIG} HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "head": f"GET {path}/1k.bin HTTP/1.1\r\nHost: {host}\r\nX-Slow: a",
        "body": f"POST {path}/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\na",
    }
    connections = []
    for number in range(count):
        kind = KINDS[number % 4]
        viewer = socket.create_connection(
            (address.hostname, address.port), timeout=5, source_address=(f"127.0.{1 + number // 250}.{1 + number % 250}", 0)
        )
        viewer.sendall(requests[kind].encode())
        if kind == "download":
            viewer.recv(1)
        connections.append(viewer)
    return connections


def still_open(connections):
    """How many of them the edge has not turned away: to those that were not downloading it has sent nothing."""
    count = 0
    for number, viewer in enumerate(connections):
        viewer.setblocking(False)
        try:
            count += bool(viewer.recv(1, socket.MSG_PEEK)) and KINDS[number % 4] == "download"
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


def percent(value, base):
    return (value - base) / base * 100 if base else 0


def run(running, folder, contents):
    _, app = start_nginx(running, "app", folder, APP)
    _, contender = Daypass(running, folder).share(app)
    contender.wait_until_answers("1k.bin", contents["1k.bin"])
    contender.load("1k.bin", CONNECTIONS, 1)
    quiet, beside, survived = [], [], []
    for number in range(BYSTANDER_ROUNDS):
        # Which comes first changes, so that a drift of the machine meets both.
        for stalled in (False, True) if number % 2 == 0 else (True, False):
            connections = stall(contender, STALLED_VIEWERS) if stalled else []
            time.sleep(0.3)
            result = contender.load("1k.bin", CONNECTIONS, SECONDS)
            result["memory"] = sum((process.memory() for process in contender.processes.values()), Memory())
            (beside if stalled else quiet).append(result)
            if stalled:
                survived.append(still_open(connections))
            for viewer in connections:
                viewer.close()
            time.sleep(0.2)
    section = Section("Other viewers beside stalled ones")
    section.table(["1 KiB, 8 connections", "p50 ms", "p99 ms (median)", "p99 lowest … highest round", "requests/s",
                   "edge + agent MB (anonymous)"])
    medians = {}
    for name, rounds in (("alone", quiet), (f"beside {STALLED_VIEWERS} stalled viewers", beside)):
        p99 = sorted(one["p99"] / 1000 for one in rounds)
        rate = statistics.median(one["requests"] / one["duration"] * 1e6 for one in rounds)
        medians[name] = statistics.median(p99)
        section.add(row(
            name, f"{statistics.median(one['p50'] for one in rounds) / 1000:.3f}", f"{medians[name]:.3f}",
            f"{p99[0]:.3f} … {p99[-1]:.3f}", f"{rate:,.0f}", max((one["memory"] for one in rounds), key=lambda m: m.total),
        ))
    alone, stalled = medians.values()
    change = percent(stalled, alone)
    # How far the quiet rounds lie apart says what the machine does by itself.
    quarters = statistics.quantiles((one["p99"] / 1000 for one in quiet), n=4)
    noise = percent(quarters[2], alone) - percent(quarters[0], alone)
    # wrk counts answers; requests that got none within the round are not in its p99.
    usual = statistics.median(one["requests"] for one in quiet)
    standstills = sum(one["requests"] < usual / 4 for one in beside)
    refused = STALLED_VIEWERS - statistics.median(survived)
    section.add(
        "", f"Change of the p99: {change:+.1f} %. The middle half of the quiet rounds lies within {noise:.1f} %, so much "
        f"is noise. Rounds beside stalled viewers with less than a quarter of the usual requests: {standstills}. "
        f"{BYSTANDER_ROUNDS} × {SECONDS} s each, in turns. Half of the stalled viewers stopped reading a download, the "
        f"others sent one byte of a head or a body and no more; {refused:.0f} of them were turned away before a round's end."
    )
    section.goals.append(Goal(
        "p99 of others beside stalled viewers", "+5 % at most", "",
        f"{change:+.1f} % (noise {noise:.1f} %), {standstills} rounds at a standstill", change < 5 and not standstills, False,
    ))
    return [section]
