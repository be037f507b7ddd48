"""A tunnel as the tests use it: one session, its agent, its local app, and viewers of it."""

from .daypass import Agent
from .raw import Viewer


class Tunnel:
    """A session reached in path mode (`get`, `ask`) or by host (`ask(by_host=True)`)."""

    def __init__(self, server, app, slug, agent=None, record=None):
        self.server, self.app, self.slug, self.agent, self.record = server, app, slug, agent, record

    @classmethod
    def open(cls, server, app, *options, target=None, **kwargs):
        agent = Agent(server, target or app.port, *options, **kwargs)
        return cls(server, app, agent.slug, agent)

    @property
    def host(self):
        return f"{self.slug}.localhost:{self.server.edge_port}"

    @property
    def base_host(self):
        return f"127.0.0.1:{self.server.edge_port}"

    def path(self, path="/"):
        return f"/s/{self.slug}{path}"

    def viewer(self, source="127.0.0.1", timeout=15.0) -> Viewer:
        return self.server.viewer(source, timeout)

    def ask(self, path="/", method="GET", headers=(), body=None, source="127.0.0.1", by_host=False, timeout=15.0):
        """One request on a connection of its own; the whole answer."""
        with self.viewer(source, timeout) as viewer:
            self.start(viewer, path, method, headers, body, by_host)
            return viewer.answer(method)

    get = ask

    def start(self, viewer, path="/", method="GET", headers=(), body=None, by_host=False):
        """Writes a request on `viewer` and returns it."""
        host, target = (self.host, path) if by_host else (self.base_host, self.path(path))
        return viewer.request(method, target, host, headers, body)

    def policy(self, **changes):
        return self.server.policy(self.slug, **changes)

    def act(self, action, body=None):
        return self.server.act(self.slug, action, body)

    def close(self):
        if self.agent:
            self.agent.kill()
        self.server.api.delete(f"/sessions/{self.agent.session_id if self.agent else self.record['sessionId']}")
