"""The two implementations as targets of the same attack: the edge, whose agent we are, and the agent, whose edge we are."""

import threading

from .waiting import eventually


class EdgeTarget:
    """The edge. The open stream is a request that ended; we are its agent."""

    masked = True

    def __init__(self, request):
        self.server = request.getfixturevalue("server")
        self.open_v1 = request.getfixturevalue("open_v1")
        self.viewers = []

    def connect(self, stream=True, **options):
        """A connection with stream 1 open. (The option `greet=False` leaves our HELLO to the test.)"""
        tunnel = self.open_v1(lambda s: s.respond() if s.target == "/fine" else None, **options)
        if stream:
            self.viewers.append(tunnel.viewer())
            # Not one that the edge would ask again on another connection.
            tunnel.start(self.viewers[-1], "/", "POST")
            eventually(lambda: tunnel.v1.streams)
        return tunnel.v1, 1

    def lives(self):
        assert self.server.running and self.open_v1().ask("/").status == 200
        for viewer in self.viewers:
            assert not viewer.fill() or b" 502 " in viewer.buffer or b" 200 " in viewer.buffer
            viewer.close()


class AgentTarget:
    """The agent, on one of its two connections. The open stream is a request that the local app does not answer yet."""

    masked = False

    def __init__(self, request):
        self.dial, self.gateway = request.getfixturevalue("dial_v1"), request.getfixturevalue("v1_gateway")
        self.app, self.go = request.getfixturevalue("app"), threading.Event()
        self.agent = None

    def connect(self, stream=True, **options):
        tunnel = self.dial("--connections", "2", wait=options.get("greet", True), **options)
        self.agent = tunnel.agent
        if stream:
            path = self.app.route(lambda call: (self.go.wait(10), call.respond()))
            tunnel.request(path)
            self.app.wait_call(path)
            # Streams that a test may open by hand; the app may answer on them before the connection is closed.
            for number in (8, 9, 50):
                tunnel.expect(number)
        return tunnel, 1

    def lives(self):
        """The other connection goes on, or a new one comes."""
        assert self.gateway.tunnel(20).request("/after").response()[0] == 200
        assert self.agent.running, self.agent.describe()
        self.go.set()
