"""Stopping and restarting each part while requests are in flight."""

import signal
import threading
import time

import pytest

from harness import v1
from harness.raw import Truncated, Viewer
from harness.tunnel import Tunnel
from harness.v1_agent import V1Agent
from harness.waiting import eventually


class Halves:
    """A route that sends one half of its answer, and the other half when told."""

    def __init__(self, app):
        self.go = threading.Event()
        self.path = app.route(self)

    def __call__(self, call):
        call.head(200, [("Content-Length", "8")])
        call.raw(b"half")
        if self.go.wait(20):
            call.raw(b"full")


def begin(tunnel, path):
    """A viewer who has the head and the first half of the body before it, not yet read."""
    viewer = tunnel.viewer()
    tunnel.start(viewer, path)
    answer = viewer.head()
    while len(viewer.buffer) < 4:
        assert viewer.fill()
    assert answer.status == 200 and viewer.buffer == b"half"
    return viewer, answer


def listens(server):
    try:
        Viewer(("127.0.0.1", server.edge_port)).close()
        return True
    except OSError:
        return False


class Load:
    """Viewers who ask one after the other until told to stop; everything that is not a whole 200 is kept."""

    def __init__(self, tunnel, paths):
        self.tunnel, self.stop = tunnel, threading.Event()
        self.failed, self.count = [], 0
        self.threads = [threading.Thread(target=self._run, args=(path,), daemon=True) for path in paths]
        for thread in self.threads:
            thread.start()

    def _run(self, path):
        while not self.stop.is_set():
            try:
                answer = self.tunnel.ask(path)
                if answer.status != 200 or not answer.complete:
                    self.failed.append(answer)
            except (OSError, Truncated) as error:
                self.failed.append(error)
            self.count += 1
            time.sleep(0.002)

    def more(self, count):
        """Waits for that many more answers."""
        target = self.count + count
        eventually(lambda: self.count >= target, timeout=15, what=f"{count} more answers")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(20)


# The agent


def test_sigterm_on_the_agent_lets_requests_finish(open_tunnel, app):
    tunnel, halves = open_tunnel(), Halves(app)
    slow = app.route(lambda call: (halves.go.wait(10), call.respond(200, [], b"late")))
    viewer, answer = begin(tunnel, halves.path)
    waiting = tunnel.viewer()
    tunnel.start(waiting, slow)
    app.wait_call(slow)
    tunnel.agent.send(signal.SIGTERM)
    time.sleep(0.2)  # the requests must outlive this
    halves.go.set()
    assert viewer.read_body(answer).complete
    assert waiting.answer().body == b"late"
    assert tunnel.agent.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_idle_agent_ends_at_once(open_tunnel, number):
    tunnel = open_tunnel()
    assert tunnel.ask("/").status == 200
    tunnel.agent.send(number)
    assert tunnel.agent.wait(8) == 0, tunnel.agent.describe()
    assert tunnel.ask("/").code() == "session_closed"


@pytest.mark.slow
def test_a_stopped_agent_waits_for_ten_seconds_at_most(open_tunnel, app):
    """Then whatever is open is aborted, never complete-looking, and the link is gone."""
    tunnel, halves = open_tunnel(), Halves(app)
    viewer, answer = begin(tunnel, halves.path)
    start = time.monotonic()
    tunnel.agent.send(signal.SIGTERM)
    assert tunnel.agent.wait(15) == 0, tunnel.agent.describe()
    assert 8 < time.monotonic() - start < 14
    assert not viewer.read_body(answer).complete
    assert tunnel.ask("/").code() == "session_closed"
    halves.go.set()


# The edge


def test_sigterm_on_the_edge_lets_requests_finish(start_server, start_agent, app):
    """Downloads, uploads and requests that wait for the app finish; new connections are refused; exit 0."""
    server, halves = start_server(), Halves(app)
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)
    slow = app.route(lambda call: (halves.go.wait(10), call.respond(200, [], b"late")))
    upload = app.route(lambda call: call.respond(200, [], call.body()))
    downloads = [begin(tunnel, halves.path) for _ in range(3)]
    waiting, sending = tunnel.viewer(), tunnel.viewer()
    tunnel.start(waiting, slow)
    tunnel.start(sending, upload, "POST", [("Content-Length", "8")])
    sending.send(b"half")
    app.wait_call(slow)
    app.wait_call(upload)
    server.send(signal.SIGTERM)
    eventually(lambda: not listens(server), what="new connections are refused")
    assert server.running
    sending.send(b"full")
    halves.go.set()
    for viewer, answer in downloads:
        assert viewer.read_body(answer).complete and answer.body == b"halffull"
    assert waiting.answer().body == b"late" and sending.answer().body == b"halffull"
    start = time.monotonic()
    assert server.wait(5) == 0, server.describe()
    print(f"ended {time.monotonic() - start:.2f} s after the last answer")
    again = server.restarted()
    tunnel = Tunnel(again, app, agent.slug, agent)
    try:
        eventually(lambda: tunnel.ask("/").status == 200, 20, what="the agent came back by itself")
    finally:
        again.kill()


def test_what_a_draining_edge_tells_its_agents(start_server):
    """DRAIN, what is open goes on, then CLOSE drained with the delay that DRAIN announced."""
    server, go = start_server(), threading.Event()
    session = server.create()
    agent = V1Agent(session["edgeUrl"], session["sessionToken"], lambda s: (go.wait(10), s.respond(200, [], b"finished")))
    idle = server.create()
    other = V1Agent(idle["edgeUrl"], idle["sessionToken"])
    tunnel = Tunnel(server, None, session["slug"])
    with tunnel.viewer() as viewer:
        tunnel.start(viewer, "/")
        agent.wait_frame(v1.REQUEST)
        server.send(signal.SIGTERM)
        drains = [peer.wait_frame(v1.DRAIN) for peer in (agent, other)]
        assert other.wait_close().reason == v1.CLOSE_DRAINED
        assert not agent.closed.is_set()
        go.set()
        assert viewer.answer().body == b"finished"
        close = agent.wait_close()
        assert close.reason == v1.CLOSE_DRAINED and close.delay == drains[0].delay
    assert server.wait(5) == 0 and (agent.failure, other.failure) == (None, None)


@pytest.mark.slow
def test_draining_the_edge_is_bounded(start_server, start_agent, app):
    """A request that never ends is aborted after ten seconds, not ended normally."""
    server, halves = start_server(), Halves(app)
    agent = start_agent(server, app.port)
    viewer, answer = begin(Tunnel(server, app, agent.slug, agent), halves.path)
    start = time.monotonic()
    server.send(signal.SIGTERM)
    code = server.wait(20)
    took = time.monotonic() - start
    halves.go.set()
    print(f"ended after {took:.1f} s")
    assert code == 0 and 8 < took < 14
    assert not viewer.read_body(answer).complete


# Restarts of agents under load


def test_rolling_restart_of_a_pool_loses_nothing(open_v1, server):
    """Connections of one agent, replaced one after the other with DRAIN under steady load: zero failed requests."""
    session, served = server.create(), []

    def serve(name):
        def answer(stream):
            time.sleep(0.01 if stream.target == "/slow" else 0)
            served.append(name)
            stream.respond(200, [], stream.body() or b"ok")

        return answer

    def join(name, number):
        return open_v1(serve(name), session=session, agent_id="r" * 32, number=number)

    pool = [join("first", 0), join("second", 1)]
    load = Load(pool[0], ["/", "/slow", "/slow", "/slow"])
    load.more(40)
    for generation in range(4):
        number = generation % 2
        old, pool[number] = pool[number], None
        old.v1.send(v1.frame(v1.DRAIN, 0, bytes(4)))
        assert old.v1.wait_close().reason == v1.CLOSE_DRAINED
        load.more(20)
        pool[number] = join(f"generation {generation}", number)
        load.more(40)
    load.end()
    assert load.failed == [] and load.count > 200
    assert len(set(served)) == 6, "every connection took part"


def test_a_draining_only_agent_makes_viewers_wait_for_the_next(open_v1, server):
    """One connection, replaced with a gap: requests wait for the next one (--reconnect-grace)."""
    session = server.create()
    tunnel = open_v1(session=session)
    load = Load(tunnel, ["/"] * 3)
    for _ in range(3):
        load.more(20)
        tunnel.v1.send(v1.frame(v1.DRAIN, 0, bytes(4)))
        tunnel.v1.wait_close()
        time.sleep(0.1)  # nobody is there
        tunnel = open_v1(session=session)
    load.more(20)
    load.end()
    assert load.failed == []


def test_takeovers_under_load(start_server, start_agent, app):
    """Each new agent replaces the one before, which finishes what is open: no request fails."""
    server = start_server()
    agent = start_agent(server, app.port)
    tunnel = Tunnel(server, app, agent.slug, agent)
    fast = app.route(lambda call: call.respond(200, [], b"ok"))
    slow = app.route(lambda call: (time.sleep(0.02), call.respond(200, [], b"slow")))
    load = Load(tunnel, [fast, fast, slow, slow])
    rounds = 3
    for _ in range(rounds):
        load.more(40)
        newer = start_agent(server, app.port, "--slug", agent.slug, "--takeover")
        assert agent.wait(5) == 15, agent.describe()
        agent = newer
    load.more(40)
    load.end()
    assert load.failed == []
