"""Random kills under load: whatever looks like a whole answer is one."""

import hashlib
import random
import threading
import time

import pytest

from harness.daypass import Agent, Server
from harness.localapp import LocalApp
from harness.raw import Truncated, request_bytes
from harness.tunnel import Tunnel
from harness.waiting import eventually

SECONDS = 15
HANG = 20  # no wait of a viewer may last longer


def body_of(number):
    """A body that depends on its number, from nothing to half a megabyte."""
    size = random.Random(number).choice([0, 1, 100, 5000, 65536, 500_000])
    return (hashlib.sha256(str(number).encode()).digest() * (size // 32 + 1))[:size]


def download(call):
    """/body?N as a body with length (even N) or chunked (odd N)."""
    number = int(call.target.partition("?")[2])
    body = body_of(number)
    if number % 2:
        call.head(200, [("Transfer-Encoding", "chunked")])
        for start in range(0, len(body), 20000):
            call.chunk(body[start:start + 20000])
        call.last_chunk()
    else:
        call.respond(200, [], body)


class Load:
    """Viewers that download and upload until told to stop, and keep count of what they saw."""

    def __init__(self, tunnel):
        self.tunnel = tunnel
        self.stop = threading.Event()
        self.whole, self.refused, self.cut, self.wrong = 0, 0, 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(8)]
        for thread in self.threads:
            thread.start()

    def _run(self, seed):
        numbers = random.Random(seed)
        while not self.stop.is_set():
            try:
                with self.tunnel.viewer(timeout=HANG) as viewer:
                    while not self.stop.is_set():
                        if not self._once(viewer, numbers):
                            break
            except TimeoutError:
                self.wrong.append("a viewer hung")
                return
            except (Truncated, OSError, ValueError):
                with self.lock:
                    self.cut += 1
                time.sleep(0.01)

    def _once(self, viewer, numbers):
        """One exchange; false when the connection is not to be used again."""
        number = numbers.randrange(10000)
        if numbers.random() < 0.3:
            body = body_of(number)
            viewer.send(request_bytes("POST", self.tunnel.path("/up"), self.tunnel.base_host, [], body))
            expected = ("length", len(body), hashlib.sha256(body).hexdigest())
        else:
            viewer.send(request_bytes("GET", self.tunnel.path(f"/body?{number}"), self.tunnel.base_host))
            expected = ("body", body_of(number), None)
        answer = viewer.answer()
        with self.lock:
            if not answer.complete:
                self.cut += 1
            elif answer.status == 200:
                self.whole += 1
                if expected[0] == "body":
                    right = answer.body == expected[1]
                else:
                    right = (answer.json()["length"], answer.json()["sha256"]) == expected[1:]
                if not right:
                    self.wrong.append(f"{number}: {len(answer.body)} bytes that look whole")
            elif answer.status in (502, 504):
                self.refused += 1
            else:
                self.wrong.append(f"{number}: {answer}")
        return answer.complete


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_random_kills_under_load(tmp_path):
    server = Server(tmp_path / "server")
    app = LocalApp()
    app.route(download, "/body")
    tunnel = Tunnel.open(server, app, "--slug", "chaos-monkey-1", "--max-viewers", "1000", state=tmp_path / "agent")
    load = Load(tunnel)
    dice = random.Random(7)
    end = time.monotonic() + SECONDS
    kills = {"app connections": 0, "agent": 0, "edge": 0}
    while time.monotonic() < end:
        time.sleep(dice.uniform(0.1, 0.8))
        what = dice.choices(list(kills), [6, 2, 1])[0]
        kills[what] += 1
        if what == "app connections":
            app.drop_connections()
            app.calls.clear()
        elif what == "agent":
            tunnel.agent.kill()
            tunnel.agent = Agent(
                server, app.port, "--slug", "chaos-monkey-1", "--takeover", state=tmp_path / "agent", wait=False
            )
        else:
            server.kill()
            tunnel.server = server = server.restarted()
    before = load.whole
    eventually(lambda: load.whole > before + 20, 30, what="traffic flows again")
    load.stop.set()
    for thread in load.threads:
        thread.join(HANG + 5)
    print(f"kills {kills}; whole {load.whole}, refused {load.refused}, cut {load.cut}")
    assert not load.wrong, load.wrong[:5]
    assert load.whole > 100
    tunnel.agent.kill()
    app.close()
    server.close_api()
    server.kill()
