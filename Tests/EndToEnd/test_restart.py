"""Restarts of the edge under load: the listening socket outlives the process, and no request is lost."""

import signal
import socket
import threading
import time

import pytest

from harness.daypass import Agent, Server
from harness.raw import Truncated
from harness.tunnel import Tunnel
from harness.waiting import eventually


@pytest.fixture
def activated(tmp_path):
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    running = [Server(tmp_path / "server", listener=listener)]
    yield running
    for server in running:
        server.close_api()
        server.kill()
    listener.close()


class Load:
    """Viewers that ask without pause and note what was not answered as it should be."""

    def __init__(self, tunnel, path, viewers=8, keep_alive=True):
        self.tunnel, self.path, self.keep_alive = tunnel, path, keep_alive
        self.answered, self.failures = 0, []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(viewers)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        viewer, free = None, 0
        while not self.stopping.is_set():
            idle = 0
            try:
                if viewer is None:
                    viewer, free = self.tunnel.viewer(timeout=20), time.monotonic()
                self.tunnel.start(viewer, self.path, headers=() if self.keep_alive else [("Connection", "close")])
                idle = time.monotonic() - free
                answer = viewer.answer()
                assert answer.status == 200 and answer.complete and answer.body == b"x" * 2000, answer
                self.answered += 1
                free = time.monotonic()
                if (answer.get("connection") or "").lower() == "close":
                    viewer.close()
                    viewer = None
            except (AssertionError, OSError, Truncated) as error:
                # A server that ends closes connections that were idle for 0.4 s, and viewers ask again (RFC 9112, 9.3.1):
                # these were only if this process did not run for so long.
                idle = idle or time.monotonic() - free
                if isinstance(error, AssertionError) or viewer is None or viewer.buffer or idle < 0.3:
                    self.failures.append(error)
                viewer = None

    def wait_for(self, more):
        target = self.answered + more
        eventually(lambda: self.answered >= target or self.failures, 30, what=f"{more} more answers")

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(25)


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "a connection each"])
def test_rolling_restarts_of_the_edge_lose_no_request(activated, app, tmp_path, keep_alive):
    server = activated[0]
    agent = Agent(server, app.port, state=tmp_path / "agent")
    tunnel = Tunnel(server, app, agent.slug, agent)
    path = app.route(lambda call: (time.sleep(0.005), call.respond(200, body=b"x" * 2000)))
    load = Load(tunnel, path, keep_alive=keep_alive)
    try:
        for _ in range(3):
            load.wait_for(200)
            server = activated[-1]
            server.send(signal.SIGTERM)
            assert server.wait(20) == 0
            activated.append(server.restarted())
        load.wait_for(200)
    finally:
        load.stop()
        agent.kill()
    print(f"{load.answered} answered over 3 restarts")
    assert not load.failures, (len(load.failures), load.failures[:3])


def test_a_long_answer_outlives_the_order_to_stop(activated, app, tmp_path):
    server = activated[0]
    agent = Agent(server, app.port, state=tmp_path / "agent")
    tunnel = Tunnel(server, app, agent.slug, agent)
    go_on = threading.Event()
    path = app.route(lambda call: (call.head(200, [("Content-Length", "4")]), call.raw(b"ab"), go_on.wait(20),
                                   call.raw(b"cd")))
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, path)
        answer = viewer.answer(body=False)
        server.send(signal.SIGTERM)
        # A second viewer's connection waits in the socket for the next process.
        with tunnel.viewer(timeout=30) as late:
            tunnel.start(late, "/late")
            go_on.set()
            viewer.read_body(answer)
            assert answer.complete and answer.body == b"abcd"
            assert server.wait(20) == 0
            activated.append(server.restarted())
            assert late.answer().status == 200
    agent.kill()


def test_a_slow_viewer_gets_everything_before_the_server_ends(activated, app, tmp_path):
    """More than every socket buffer holds, still being taken when the app has long answered and the order came."""
    server = activated[0]
    agent = Agent(server, app.port, state=tmp_path / "agent")
    tunnel = Tunnel(server, app, agent.slug, agent)
    size = 24 << 20
    path = app.route(lambda call: call.respond(200, body=bytes(size)))
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, path)
        answer = viewer.answer(body=False)
        got = len(viewer.buffer)
        server.send(signal.SIGTERM)
        while got < size and (data := viewer.socket.recv(65536)):
            got += len(data)
            time.sleep(0.002)
        assert answer.status == 200 and got == size
    assert server.wait(20) == 0
    agent.kill()
